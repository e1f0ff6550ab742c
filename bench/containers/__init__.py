"""Image files as bytes: what they are, what they say about themselves, and their metadata in and out.

Pure functions, the bottom of the project: nothing here decodes pixels, and on hostile bytes nothing but
``CodedError`` comes out, in time and memory bounded by the size of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from bench.containers import (
    gif,
    isobmff_edit,
    isobmff_read,
    isobmff_strip,
    jpeg,
    jpeg_edit,
    jxl,
    other,
    png,
    png_edit,
    riff,
    tiff,
    tiff_edit,
)
from bench.containers.magic import EXTENSIONS, sniff
from bench.containers.model import METADATA_KINDS, Header, Packet
from bench.containers.other import need_decoder
from bench.containers.tiff_edit import ASCII, SHORT, Value
from bench.errors import CodedError

__all__ = [
    "ASCII",
    "EXIF_FORMATS",
    "EXTENSIONS",
    "METADATA_KINDS",
    "SHORT",
    "STORE_FORMATS",
    "XMP_FORMATS",
    "Header",
    "Packet",
    "Value",
    "c2pa_store",
    "exif",
    "exif_fields",
    "fresh_png_header",
    "header",
    "iim",
    "need_decoder",
    "put_c2pa_store",
    "read_xmp",
    "remove",
    "set_exif",
    "set_exif_fields",
    "set_iim",
    "set_text",
    "set_xmp",
    "sniff",
    "text_chunks",
    "xmp_packets",
]

_HEADERS: dict[str, Callable[[bytes], Header]] = {
    "image/jpeg": jpeg.header,
    "image/png": png.header,
    "image/webp": riff.header,
    "image/gif": gif.header,
    "image/bmp": other.bmp_header,
    "image/jxl": jxl.header,
}
_EXIF: dict[str, Callable[[bytes], bytes | None]] = {
    "image/jpeg": jpeg.exif,
    "image/png": png.exif,
    "image/webp": riff.exif,
    "image/avif": isobmff_read.exif,
    "image/heic": isobmff_read.exif,
    "image/jxl": jxl.exif,
    "image/tiff": lambda data: data if tiff.layout(data) else None,
}
_READ_XMP: dict[str, Callable[[bytes], tuple[list[Packet], CodedError | None]]] = {
    "image/jpeg": jpeg.read_xmp,
    "image/png": png.read_xmp,
    "image/webp": riff.read_xmp,
    "image/gif": gif.read_xmp,
    "image/tiff": tiff.read_xmp,
    "image/avif": isobmff_read.read_xmp,
    "image/heic": isobmff_read.read_xmp,
    "image/jxl": jxl.read_xmp,
    "image/bmp": lambda _: ([], None),
}
_WRITE_XMP: dict[str, Callable[[bytes, bytes], bytes]] = {
    "image/jpeg": jpeg_edit.set_xmp,
    "image/png": png_edit.set_xmp,
    "image/webp": riff.set_xmp,
    "image/gif": gif.set_xmp,
    "image/tiff": tiff_edit.set_xmp,
    "image/avif": isobmff_edit.set_xmp,
    "image/heic": isobmff_edit.set_xmp,
    "image/jxl": jxl.set_xmp,
}
_WRITE_EXIF: dict[str, Callable[[bytes, bytes], bytes]] = {
    "image/jpeg": jpeg_edit.set_exif,
    "image/png": png_edit.set_exif,
    "image/webp": riff.set_exif,
    "image/jxl": jxl.set_exif,
    "image/tiff": lambda _, block: block,  # the file is the block
}
_REMOVE: dict[str, Callable[[bytes, Collection[str]], bytes]] = {
    "image/jpeg": jpeg_edit.remove,
    "image/png": png_edit.remove,
    "image/webp": riff.remove,
    "image/gif": gif.remove,
    "image/tiff": tiff_edit.remove,
    "image/avif": isobmff_strip.remove,
    "image/heic": isobmff_strip.remove,
    "image/jxl": jxl.remove,
}
_GET_STORE: dict[str, Callable[[bytes], bytes | None]] = {
    "image/jpeg": jpeg_edit.get_c2pa,
    "image/png": png_edit.get_c2pa,
    "image/webp": riff.get_c2pa,
}
_PUT_STORE: dict[str, Callable[[bytes, bytes], bytes]] = {
    "image/jpeg": jpeg_edit.put_c2pa,
    "image/png": png_edit.put_c2pa,
    "image/webp": riff.put_c2pa,
}
#: Formats that a C2PA manifest store is taken out of and put into as it is.
STORE_FORMATS = tuple(_PUT_STORE)
#: Formats that XMP, and that EXIF, is written into.
XMP_FORMATS, EXIF_FORMATS = tuple(_WRITE_XMP), tuple(_WRITE_EXIF)


def header(data: bytes) -> Header:
    """What the file says about itself, cheaply: some tens of microseconds, a checksum over a PNG's image data.

    Raises:
        CodedError: ``E_EMPTY``, ``E_UNIDENTIFIED``, ``E_TRUNCATED``, ``E_CORRUPT`` or ``E_TOO_LARGE`` when not even the
            size can be read. A file that is cut off behind it has ``complete`` false instead.
    """
    mime = sniff(data)
    read = _HEADERS.get(mime)
    return read(data) if read else other.pillow_header(data, mime)


def fresh_png_header(width: int, height: int) -> Header:
    """The header of pixels that are still to be encoded: a sound 8-bit RGB PNG without metadata."""
    return Header(mime=png.MIME, width=width, height=height)


def exif(data: bytes) -> bytes | None:
    """The file's EXIF block (a TIFF structure, without the ``Exif`` signature); None where there is none.

    Raises:
        CodedError: when none was met before the file's structure broke.
    """
    read = _EXIF.get(sniff(data))
    return read(data) if read else None


def exif_fields(data: bytes, tags: Collection[int]) -> dict[int, bytes]:
    """Raw values of these tags of the EXIF block's first directory; missing ones are left out. Raises as ``exif``."""
    block = exif(data) if tags else None
    return tiff.fields(block, tags) if block else {}


def iim(data: bytes, numbers: Collection[int]) -> bytes:
    """The data sets of IPTC-IIM record 2 with these numbers, and the coding that record 1 names, from a JPEG.

    Raises:
        CodedError: as ``jpeg.walk``; ``E_METADATA`` for image resources that cannot be parsed.
    """
    return jpeg_edit.get_iim(data, numbers) if numbers and sniff(data) == jpeg.MIME else b""


def set_iim(data: bytes, block: bytes) -> bytes:
    """The JPEG with these IPTC-IIM data sets as its only ones; as it is where there are none to set.

    Raises:
        CodedError: as ``jpeg.walk``, ``E_TOO_LARGE`` for more than one segment holds.
    """
    return jpeg_edit.set_iim(data, block) if block else data


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """Every XMP packet that can be read, the main one first, and the first thing that kept others from being read.

    Raises:
        CodedError: ``E_EMPTY`` or ``E_UNIDENTIFIED``.
    """
    packets, failure = _READ_XMP[sniff(data)](data)
    # ExifTool removes XMP from HEIC and AVIF by emptying the item; an empty packet is no packet.
    return [packet for packet in packets if packet.payload], failure


def xmp_packets(data: bytes) -> list[Packet]:
    """Every XMP packet of the file, the main one first.

    Raises:
        CodedError: when none could be read and it is not certain that there is none.
    """
    packets, failure = read_xmp(data)
    if failure is not None and not packets:
        raise failure
    return packets


def set_xmp(data: bytes, payload: bytes, place: str = "") -> bytes:
    """The file with this XMP packet as its only main one; the coded image stays byte for byte.

    Args:
        data: the file.
        payload: the packet.
        place: ``png-text`` for a tEXt in a PNG, where some writers put it; else the format's own.

    Raises:
        CodedError: ``E_NOT_APPLICABLE`` for a format that is not written here, ``E_TOO_LARGE`` for a packet that the
            format cannot hold, ``E_TRUNCATED`` or ``E_CORRUPT`` for a broken file.
    """
    mime = sniff(data)
    write = _WRITE_XMP.get(mime)
    if write is None:
        raise CodedError("E_NOT_APPLICABLE", f"XMP is not written into {mime}")
    if mime == png.MIME and place == "png-text":
        return png_edit.set_xmp(data, payload, "png-text")
    return write(data, payload)


def set_exif_fields(
    data: bytes, fields: Mapping[int, tiff_edit.Value], exif_fields: Mapping[int, tiff_edit.Value] | None = None
) -> bytes:
    """The file with these EXIF fields; every other tag, maker notes included, keeps its place in the block.

    Args:
        data: the file.
        fields: by tag, for the first directory.
        exif_fields: by tag, for the Exif directory.

    Raises:
        CodedError: ``E_NOT_APPLICABLE`` for a format that is not written here, ``E_TOO_LARGE`` for a block that it
            cannot hold, ``E_TRUNCATED`` or ``E_CORRUPT`` for a broken file or block.
    """
    mime = sniff(data)
    write = _WRITE_EXIF.get(mime)
    if write is None:
        raise CodedError("E_NOT_APPLICABLE", f"EXIF is not written into {mime}")
    return write(data, tiff_edit.set_fields(exif(data) or None, fields, exif_fields))


def set_exif(data: bytes, block: bytes) -> bytes:
    """The file with this EXIF block as its only one.

    Raises:
        CodedError: ``E_NOT_APPLICABLE`` for a format that holds no such block or is not written here, or as
            ``set_exif_fields``.
    """
    mime = sniff(data)
    if mime == "image/tiff" or mime not in _WRITE_EXIF:
        raise CodedError("E_NOT_APPLICABLE", f"an EXIF block is not written into {mime}")
    return _WRITE_EXIF[mime](data, block)


def remove(data: bytes, kinds: Collection[str]) -> bytes:
    """The file without its metadata of these kinds; the coded picture stays byte for byte.

    Args:
        data: the file.
        kinds: of ``METADATA_KINDS``; also ``all`` for what is of no kind and no part of the picture.

    Raises:
        CodedError: ``E_NOT_APPLICABLE`` for a format that is not written here, ``E_TRUNCATED``, ``E_CORRUPT`` or
            ``E_METADATA`` for a file whose parts cannot be told apart.
    """
    mime = sniff(data)
    if mime not in _REMOVE:
        raise CodedError("E_NOT_APPLICABLE", f"metadata are not removed from {mime}")
    return _REMOVE[mime](data, kinds)


def c2pa_store(data: bytes) -> bytes | None:
    """The C2PA manifest store of a file, as it is; None where there is none or the format is not read here.

    Raises:
        CodedError: ``E_TRUNCATED`` or ``E_CORRUPT`` for a broken file.
    """
    read = _GET_STORE.get(sniff(data))
    return read(data) if read else None


def put_c2pa_store(data: bytes, store: bytes) -> bytes:
    """The file with this C2PA manifest store in its place, as it is: whatever it vouches for, nothing is signed.

    Raises:
        CodedError: ``E_NOT_APPLICABLE`` for a format that is not written here, or as ``remove``.
    """
    mime = sniff(data)
    if mime not in _PUT_STORE:
        raise CodedError("E_NOT_APPLICABLE", f"a C2PA store is not put into {mime}")
    return _PUT_STORE[mime](data, store)


def set_text(data: bytes, keyword: str, text: str) -> bytes:
    """The PNG with this text as the only one of its keyword.

    Raises:
        CodedError: ``E_NOT_APPLICABLE`` for another format, or as ``png_edit.set_text``.
    """
    mime = sniff(data)
    if mime != png.MIME:
        raise CodedError("E_NOT_APPLICABLE", f"text chunks are not written into {mime}")
    return png_edit.set_text(data, keyword, text)


def text_chunks(data: bytes, keywords: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Keyword and text of a PNG's text chunks (all, or those with these keywords); empty for other formats.

    Raises:
        CodedError: when none could be read and it is not certain that there is none.
    """
    if sniff(data) != png.MIME:
        return []
    texts, failure = png.read_text(data, keywords)
    if failure is not None and not texts:
        raise failure
    return texts
