"""Small files from real encoders, in memory, at the settings that change their structure."""

import io
import struct
import zlib
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

#: Two by two grey pixels as a program of a big-endian machine writes them.
BIG_ENDIAN_TIFF = (
    b"MM\0*\0\0\0\x0c\x10\x80\xc0\xff"
    + struct.pack(">H", 7)
    + b"".join(
        struct.pack(">HHIHxx" if kind == 3 else ">HHII", tag, kind, 1, value)
        for tag, kind, value in (
            (256, 3, 2), (257, 3, 2), (258, 3, 8), (262, 3, 1), (273, 4, 8), (278, 3, 2), (279, 4, 4),
        )
    )
    + bytes(4)
)  # fmt: skip
ICC = b"\0" * 36 + b"acsp" + b"\0" * 90


def picture(mode: str = "RGB", size: tuple[int, int] = (48, 33)) -> Image.Image:
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    values = np.random.default_rng(7).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    values = cv2.GaussianBlur(values, (5, 5), 2).reshape(size[1], size[0], channels)
    return Image.fromarray(values[:, :, 0] if channels == 1 else values, mode=None)


def pillow(image: Image.Image, kind: str, **settings: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **settings)
    return out.getvalue()


def opencv(suffix: str, parameters: list[int]) -> bytes:
    pixels = np.asarray(picture())[:, :, ::-1].copy()
    return cv2.imencode(suffix, pixels, parameters)[1].tobytes()


def exif(orientation: int = 6) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def png_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "plain")
    info.add_text("Comment", "squeezed " * 50, zip=True)
    info.add_itxt("Author", "水洗标", "zh", "作者", zip=True)
    return info


def _frames(mode: str = "RGB") -> list[Image.Image]:
    return [picture(mode).rotate(90 * i) for i in range(1, 3)]


def _files() -> dict[str, bytes]:
    rgb, rgba = picture(), picture("RGBA")
    cmyk = Image.fromarray(np.asarray(rgba), mode="RGBA").convert("RGB").convert("CMYK")
    return {
        "jpeg 4:2:0": pillow(rgb, "JPEG", quality=75),
        "jpeg 4:4:4": pillow(rgb, "JPEG", quality=95, subsampling=0),
        "jpeg progressive": pillow(rgb, "JPEG", quality=60, progressive=True),
        "jpeg grey": pillow(picture("L"), "JPEG", quality=30),
        "jpeg cmyk": pillow(cmyk, "JPEG", quality=80),
        "jpeg with blocks": pillow(rgb, "JPEG", quality=90, exif=exif(), icc_profile=ICC * 700, comment=b"a comment"),
        "jpeg restarts": pillow(rgb, "JPEG", quality=85, restart_marker_blocks=2, optimize=True),
        "jpeg opencv": opencv(".jpg", [cv2.IMWRITE_JPEG_QUALITY, 50]),
        "jpeg opencv progressive": opencv(".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 3]),
        "png rgb": pillow(rgb, "PNG"),
        "png rgba": pillow(rgba, "PNG", exif=exif(), icc_profile=ICC),
        "png palette": pillow(rgba.quantize(16), "PNG"),
        "png grey": pillow(picture("L"), "PNG"),
        "png 16 bit": pillow(Image.fromarray(np.arange(48 * 33, dtype=np.uint16).reshape(33, 48) * 40), "PNG"),
        "png 1 bit": pillow(picture("L").convert("1"), "PNG"),
        "png text": pillow(rgb, "PNG", pnginfo=png_text()),
        "png animated": pillow(rgb, "PNG", save_all=True, append_images=_frames()),
        "png opencv": opencv(".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
        "webp lossy": pillow(rgb, "WEBP", quality=80),
        "webp lossless": pillow(rgb, "WEBP", lossless=True),
        "webp lossy alpha": pillow(rgba, "WEBP", quality=80),
        "webp lossless alpha": pillow(rgba, "WEBP", lossless=True),
        "webp animated": pillow(rgba, "WEBP", save_all=True, append_images=_frames("RGBA"), lossless=True),
        "webp extended": pillow(rgb, "WEBP", exif=exif(), icc_profile=ICC, xmp=b"<old/>"),
        "webp opencv": opencv(".webp", [cv2.IMWRITE_WEBP_QUALITY, 70]),
        "gif": pillow(rgb.quantize(32), "GIF"),
        "gif animated": pillow(rgb.quantize(32), "GIF", save_all=True, append_images=_frames(), transparency=0),
        "bmp": pillow(rgb, "BMP"),
        "tiff": pillow(rgb, "TIFF", tiffinfo={700: b"<packet/>"}),
        "tiff pages": pillow(rgb, "TIFF", save_all=True, append_images=_frames(), compression="tiff_lzw"),
        "tiff big": pillow(rgb, "TIFF", big_tiff=True, exif=exif(1)),
        "tiff big endian": BIG_ENDIAN_TIFF,
        "avif": pillow(rgb, "AVIF", quality=60, xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'),
        "avif plain": pillow(rgb, "AVIF", quality=60, exif=exif()),
        "avif animated": pillow(rgb, "AVIF", save_all=True, append_images=_frames(), quality=60),
        **_heic(rgb),
    }


def _heic(image: Image.Image) -> dict[str, bytes]:
    """Empty where the package that writes them is missing."""
    if find_spec("pillow_heif") is None:
        return {}
    import pillow_heif

    pillow_heif.register_heif_opener()
    return {
        "heic": pillow(image, "HEIF", quality=60),
        "heic with blocks": pillow(image, "HEIF", quality=60, xmp=b"<old/>", exif=exif(1)),
    }


FILES = _files()
WRITABLE = [name for name in FILES if name != "bmp"]


@pytest.fixture(params=FILES, scope="session")
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def file(name: str) -> bytes:
    return FILES[name]


@pytest.fixture(params=WRITABLE, scope="session")
def writable(request: pytest.FixtureRequest) -> bytes:
    return FILES[request.param]


@pytest.fixture(params=[name for name in WRITABLE if not name.startswith("tiff")], scope="session")
def in_parts(request: pytest.FixtureRequest) -> bytes:
    """A file of a format that is a sequence of parts; a TIFF is none."""
    return FILES[request.param]


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    return FILES


@pytest.fixture(scope="session")
def bomb() -> bytes:
    """64 MiB of zeros in 64 kB of zlib stream."""
    stream = zlib.compressobj(9)
    return b"".join([*(stream.compress(bytes(1 << 20)) for _ in range(64)), stream.flush()])
