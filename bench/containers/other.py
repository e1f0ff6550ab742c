"""The formats that are read and not written here: BMP, and TIFF, AVIF, HEIC by way of Pillow."""

from __future__ import annotations

import io
import struct
import warnings

from bench.containers import tiff
from bench.containers.model import MAX_METADATA_BYTES, Header, Packet, check_size
from bench.errors import CodedError, Unavailable

_PILLOW = {"image/tiff": "TIFF", "image/avif": "AVIF", "image/heic": "HEIF"}
_CHANNELS = {"1": 1, "L": 1, "P": 3, "I": 1, "F": 1, "LA": 2, "PA": 4, "RGBA": 4, "RGBa": 4, "RGBX": 4, "CMYK": 4}
_PACKET_ENDS = ((b"<?xpacket begin", b"<?xpacket end"), (b"<x:xmpmeta", b"</x:xmpmeta>"))


def bmp_header(data: bytes) -> Header:
    """Size and depth of a Windows or OS/2 bitmap; complete when uncompressed rows fit.

    Raises:
        CodedError: ``E_TRUNCATED`` for a header that is cut off.
    """
    offset, size = int.from_bytes(data[10:14], "little"), int.from_bytes(data[14:18], "little")
    need = 26 if size == 12 else 34
    if len(data) < need:
        raise CodedError("E_TRUNCATED", f"BMP header of {need} bytes in {len(data)}")
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    check_size("image/bmp", width, abs(height))
    rows = (width * bits + 31) // 32 * 4 * abs(height)
    return Header(
        mime="image/bmp",
        width=width,
        height=abs(height),
        bits=8 if bits >= 8 else bits,
        channels=4 if bits == 32 else 3,
        palette=bits <= 8,
        complete=compression not in (0, 3) or offset + rows <= len(data),
    )


def pillow_header(data: bytes, mime: str) -> Header:
    """What Pillow says about a TIFF, AVIF or HEIC file without decoding it.

    Raises:
        CodedError: ``E_TOO_LARGE`` for a decompression bomb, ``E_CORRUPT`` for whatever else Pillow refuses;
            ``Unavailable`` (``E_NO_DECODER``) when this Pillow cannot read the format.
    """
    from PIL import Image

    Image.init()
    if _PILLOW[mime] not in Image.OPEN:
        raise Unavailable("E_NO_DECODER", f"this Pillow does not read {mime}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=(_PILLOW[mime],)) as image:
                width, height = image.size
                if mime == "image/tiff":  # Pillow gives the size of a TIFF as turned by its orientation
                    width, height = image.tag_v2.get(256, width), image.tag_v2.get(257, height)  # type: ignore[attr-defined]
                mode, frames = image.mode, getattr(image, "n_frames", 1)
                icc = image.info.get("icc_profile")
                orientation = image.getexif().get(tiff.ORIENTATION, 1)
    except Image.DecompressionBombError as error:
        raise CodedError("E_TOO_LARGE", str(error)) from error
    except Exception as error:  # Pillow's plug-ins raise whatever their parsing trips over
        raise CodedError("E_CORRUPT", f"{mime}: {error}") from error
    check_size(mime, width, height)
    return Header(
        mime=mime,
        width=width,
        height=height,
        bits=1 if mode == "1" else 16 if mode.startswith("I;16") else 32 if mode in ("I", "F") else 8,
        channels=_CHANNELS.get(mode, 1 if mode.startswith("I;16") else 3),
        alpha=mode in ("LA", "PA", "RGBA", "RGBa"),
        palette=mode in ("P", "PA"),
        animated=frames > 1,
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        icc=icc if isinstance(icc, bytes) and icc else None,
    )


def read_tiff_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """The packet of tag 700 in the first directory; a failure for BigTIFF, whose directories are not read here."""
    if tiff.byte_order(data) is None:
        return [], CodedError("E_UNSUPPORTED", "XMP in BigTIFF is not read")
    payload = tiff.fields(data, (tiff.XMP,)).get(tiff.XMP)
    if payload and len(payload) > MAX_METADATA_BYTES:
        return [], CodedError("E_METADATA", f"XMP tag of {len(payload)} bytes; the limit is {MAX_METADATA_BYTES}")
    return [Packet("tiff-700", payload)] if payload else [], None


def scan_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """The packets that a plain scan finds, for containers that are not taken apart here (AVIF, HEIC).

    Scanning is what the XMP specification part 3, section 2 gives for unknown formats. It misses a compressed item:
    a failure when the file names an XMP item and the scan finds none.
    """
    packets: list[Packet] = []
    for begin, end in _PACKET_ENDS:
        position = data.find(begin)
        while position >= 0 and len(packets) < 16:
            stop = data.find(end, position, position + MAX_METADATA_BYTES)
            if stop < 0:
                break
            close = data.find(b">", stop) + 1 or len(data)
            packets.append(Packet("scan", data[position:close]))
            position = data.find(begin, close)
        if packets:
            return packets, None
    if b"application/rdf+xml" in data:
        return packets, CodedError("E_UNSUPPORTED", "the file names an XMP item that a scan does not find")
    return packets, None
