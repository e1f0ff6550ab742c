"""Header facts of BMP, and of TIFF, AVIF and HEIC by way of Pillow."""

from __future__ import annotations

import importlib
import io
import struct
import warnings

from bench.containers import isobmff_read, tiff
from bench.containers.model import Header, check_size
from bench.errors import CodedError, Unavailable

_PILLOW = {"image/tiff": "TIFF", "image/avif": "AVIF", "image/heic": "HEIF"}
_CHANNELS = {"1": 1, "L": 1, "P": 3, "I": 1, "F": 1, "LA": 2, "PA": 4, "RGBA": 4, "RGBa": 4, "RGBX": 4, "CMYK": 4}
#: What brings Pillow a decoder that it lacks.
HEIC_INSTALL = "pip install 'washtest[heic]'"


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


def need_decoder(mime: str) -> None:
    """Make sure that Pillow reads the format; HEIC comes from an optional package.

    ``pi-heif`` reads only and bundles libheif and libde265 (LGPL); ``pillow-heif``, which also writes, is taken too.

    Raises:
        Unavailable: ``E_NO_DECODER``, with the command that installs it.
    """
    from PIL import Image

    Image.init()
    if mime == "image/heic" and "HEIF" not in Image.OPEN:
        for package in ("pi_heif", "pillow_heif"):
            try:
                importlib.import_module(package).register_heif_opener()
                break
            except ImportError:
                continue
        else:
            raise Unavailable("E_NO_DECODER", f"HEIC needs the package pi-heif: {HEIC_INSTALL}")
    if _PILLOW.get(mime, mime) not in Image.OPEN and mime in _PILLOW:
        raise Unavailable("E_NO_DECODER", f"this Pillow does not read {mime}: pip install --upgrade pillow")


def pillow_header(data: bytes, mime: str) -> Header:
    """What Pillow says about a TIFF, AVIF or HEIC file without decoding it.

    Raises:
        CodedError: ``E_TOO_LARGE`` for a decompression bomb, ``E_CORRUPT`` for whatever else Pillow refuses;
            ``Unavailable`` (``E_NO_DECODER``) when this Pillow cannot read the format.
    """
    import logging

    from PIL import Image

    need_decoder(mime)
    if mime == "image/tiff":
        tiff.check_bounds(data)  # Pillow loads every field of every page that the file counts
    # It logs what it refuses; without any handler Python prints that to standard error.
    logger = logging.getLogger("PIL")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
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
        complete=_complete(data, mime),
    )


def _complete(data: bytes, mime: str) -> bool:
    """Whether the boxes, or the pages and their strips, lie inside the file."""
    try:
        if mime == "image/tiff":
            how = tiff.layout(data)
            return how is not None and all(tiff.inside(data, how, page) for page in tiff.chain(data, how))
        isobmff_read.check(data)
    except CodedError:
        return False
    return True
