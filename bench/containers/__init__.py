"""Image files as bytes: what they are, what they say about themselves, and their metadata in and out.

Pure functions, the bottom of the project: nothing here decodes pixels, and on hostile bytes nothing but
``CodedError`` comes out, in time and memory bounded by the size of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from bench.containers import gif, jpeg, other, png, riff, tiff
from bench.containers.magic import EXTENSIONS, sniff
from bench.containers.model import Header, Packet
from bench.errors import CodedError

__all__ = [
    "EXTENSIONS",
    "Header",
    "Packet",
    "exif",
    "fresh_png_header",
    "header",
    "read_xmp",
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
}
_EXIF: dict[str, Callable[[bytes], bytes | None]] = {
    "image/jpeg": jpeg.exif,
    "image/png": png.exif,
    "image/webp": riff.exif,
}
_READ_XMP: dict[str, Callable[[bytes], tuple[list[Packet], CodedError | None]]] = {
    "image/jpeg": jpeg.read_xmp,
    "image/png": png.read_xmp,
    "image/webp": riff.read_xmp,
    "image/gif": gif.read_xmp,
    "image/tiff": other.read_tiff_xmp,
    "image/bmp": lambda _: ([], None),
}
_WRITE_XMP: dict[str, Callable[[bytes, bytes], bytes]] = {
    "image/jpeg": jpeg.set_xmp,
    "image/png": png.set_xmp,
    "image/webp": riff.set_xmp,
}


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
    mime = sniff(data)
    if mime == "image/tiff":
        return data if tiff.byte_order(data) else None
    read = _EXIF.get(mime)
    return read(data) if read else None


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """Every XMP packet that can be read, the main one first, and the first thing that kept others from being read.

    Raises:
        CodedError: ``E_EMPTY`` or ``E_UNIDENTIFIED``.
    """
    return _READ_XMP.get(sniff(data), other.scan_xmp)(data)


def xmp_packets(data: bytes) -> list[Packet]:
    """Every XMP packet of the file, the main one first.

    Raises:
        CodedError: when none could be read and it is not certain that there is none.
    """
    packets, failure = read_xmp(data)
    if failure is not None and not packets:
        raise failure
    return packets


def set_xmp(data: bytes, payload: bytes) -> bytes:
    """The file with this XMP packet as its only main one; the coded image stays byte for byte.

    Raises:
        CodedError: ``E_NOT_APPLICABLE`` for a format that is not written here, ``E_TOO_LARGE`` for a packet that the
            format cannot hold, ``E_TRUNCATED`` or ``E_CORRUPT`` for a broken file.
    """
    mime = sniff(data)
    write = _WRITE_XMP.get(mime)
    if write is None:
        raise CodedError("E_NOT_APPLICABLE", f"XMP is not written into {mime}")
    return write(data, payload)


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
