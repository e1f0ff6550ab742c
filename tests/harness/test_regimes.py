"""The canonical regime makes every class alike; the native one leaves files alone."""

import numpy as np
import pytest

from bench.errors import CodedError
from bench.harness.regimes import CANONICAL_SIDE, in_regime
from bench.labels import BUNDLES, read_all, write_bundle
from bench.labels.base import Claim
from bench.media import Media


def test_native_is_the_file_itself(tools) -> None:
    media = Media.from_bytes(tools.encode(tools.texture(1)))
    assert in_regime(media, "native") is media


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("size", [(600, 400), (300, 1000), (256, 256), (90, 70), (1, 1)])
def test_canonical_files_have_one_format_and_one_size(tools, extension: str, size: tuple[int, int]) -> None:
    media = Media.from_bytes(tools.encode(tools.texture(2, *size), extension))
    made = in_regime(write_bundle(media, BUNDLES["metadata"], Claim()), "canonical")
    header = made.header
    assert (header.mime, header.width, header.height) == ("image/jpeg", CANONICAL_SIDE, CANONICAL_SIDE)
    assert (header.jpeg_quality, header.jpeg_subsampling) == (pytest.approx(95, abs=1), "4:4:4")
    assert {reading.state for reading in read_all(made, BUNDLES["metadata"])} == {"absent"}


def test_same_picture_in_two_formats_becomes_the_same_canonical_file(tools) -> None:
    pixels = tools.texture(3, 300, 420)
    png, bmp = (Media.from_bytes(tools.encode(pixels, extension)) for extension in (".png", ".bmp"))
    assert in_regime(png, "canonical") == in_regime(bmp, "canonical")


def test_canonical_shows_the_centre(tools) -> None:
    pixels = np.zeros((256, 1000, 3), np.uint8)
    pixels[:, 372:628] = 200
    made = in_regime(Media.from_pixels(pixels), "canonical").pixels()
    assert made.min() > 150


def test_strip_that_scaling_would_blow_up_is_coded() -> None:
    strip = Media.from_pixels(np.zeros((1, 5000, 3), np.uint8))
    with pytest.raises(CodedError, match="E_TOO_LARGE"):
        in_regime(strip, "canonical")
