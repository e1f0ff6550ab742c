"""A small unlabelled file of each format that carries the labels."""

import contextlib
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.labels.base import Claim
from bench.media import Media

CLAIM = Claim(label="1", producer="001191110102MACQD9K64010000", produce_id="e3578014edd949debed102781a8c26f7")


def media(kind: str, **settings: object) -> Media:
    """A picture of 64 x 48 pixels as Pillow writes it."""
    values = np.random.default_rng(11).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(cv2.GaussianBlur(values, (7, 7), 3)).save(out, kind, **settings)
    return Media.from_bytes(out.getvalue())


PLAIN = {
    "jpeg": media("JPEG"),
    "png": media("PNG"),
    "webp": media("WEBP"),
    "webp lossless": media("WEBP", lossless=True),
    "gif": media("GIF"),
    "tiff": media("TIFF"),
    "avif": media("AVIF"),
}
with contextlib.suppress(ImportError):  # an optional package
    import pillow_heif

    _out = io.BytesIO()
    pillow_heif.from_pillow(Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 30).convert("RGB")).save(_out)
    PLAIN["heic"] = Media.from_bytes(_out.getvalue())
with contextlib.suppress(ImportError):
    import imagecodecs

    _picture = np.asarray(Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 30).convert("RGB"))
    PLAIN["jxl"] = Media.from_bytes(bytes(imagecodecs.jpegxl_encode(_picture, distance=1.0, usecontainer=True)))


@pytest.fixture
def claim() -> Claim:
    return CLAIM


@pytest.fixture(params=PLAIN, scope="session")
def plain(request: pytest.FixtureRequest) -> Media:
    return PLAIN[request.param]


@pytest.fixture(scope="session")
def jpeg_media() -> Media:
    return PLAIN["jpeg"]


@pytest.fixture(scope="session")
def png_media() -> Media:
    return PLAIN["png"]
