"""PSNR and SSIM against scikit-image, which is slower and is the reference."""

import math

import cv2
import numpy as np
import pytest
import skimage.data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.harness import quality
from bench.harness.quality import STRIP, WINDOW, psnr, ssim


def damaged(pixels: np.ndarray) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(0).normal(0, 20, pixels.shape)
    _, jpeg = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 20])
    return {
        "noise": np.clip(pixels + noise, 0, 255).astype(np.uint8),
        "blur": cv2.GaussianBlur(pixels, (0, 0), 3),
        "jpeg": cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1],
        "dark": (pixels * 0.6).astype(np.uint8),
        "negative": 255 - pixels,
        "black": np.zeros_like(pixels),
    }


def reference_ssim(one: np.ndarray, other: np.ndarray) -> float:
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (one, other)]
    found: float = structural_similarity(
        *grey, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    return found


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:201, 100:333])


@pytest.mark.parametrize("how", ["noise", "blur", "jpeg", "dark", "negative", "black"])
def test_quality_is_that_of_scikit_image(photo: np.ndarray, how: str) -> None:
    other = np.ascontiguousarray(damaged(photo)[how])
    assert psnr(photo, other) == pytest.approx(peak_signal_noise_ratio(photo, other), abs=1e-9)
    assert ssim(photo, other) == pytest.approx(reference_ssim(photo, other), abs=1e-5)


def made_up(shape: tuple[int, int]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs that are hard on single precision: flat, faint, of one extreme or both."""
    rng = np.random.default_rng(0)
    black, bright, white = (np.full((*shape, 3), value, np.uint8) for value in (0, 250, 255))
    noise, other = rng.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    faint, fainter = (250 + rng.integers(-2, 3, (2, *shape, 3))).astype(np.uint8)
    halved = black.copy()
    halved[:, shape[1] // 2 :] = 255
    return {
        "black, white": (black, white), "bright, white": (bright, white), "noise, noise": (noise, other),
        "noise, white": (noise, white), "faint, faint": (faint, fainter), "faint, flat": (faint, bright),
        "halves": (halved, 255 - halved), "halves, noise": (halved, noise),
    }  # fmt: skip


#: Single rows and columns of results, whole strips, and one row more or less.
SHAPES = [(11, 11), (11, 90), (90, 11), (12, 13), (STRIP + 10, 64), (STRIP + 11, 65), (STRIP + 9, 33), (139, 101)]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_ssim_of_any_size_and_content_is_that_of_scikit_image(shape: tuple[int, int]) -> None:
    for name, (one, other) in made_up(shape).items():
        # The variance of flat, bright pictures is a small difference of large numbers.
        tolerance = 3e-4 if "faint" in name or "bright" in name else 1e-5
        assert ssim(one, other) == pytest.approx(reference_ssim(one, other), abs=tolerance), name
        assert ssim(one, one) == pytest.approx(1, abs=1e-6)


def test_ssim_depends_on_no_strip(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    other = damaged(photo)["noise"]
    expected = ssim(photo, other)
    assert ssim(photo, other) == expected
    for rows in (1, 7, 64, 1000):
        monkeypatch.setattr(quality, "STRIP", rows)
        assert ssim(photo, other) == pytest.approx(expected, abs=1e-9)


def test_equal_pictures_are_infinitely_good(photo: np.ndarray) -> None:
    assert psnr(photo, photo.copy()) == math.inf
    assert ssim(photo, photo.copy()) == pytest.approx(1, abs=1e-6)


def test_side_shorter_than_the_window_has_no_ssim() -> None:
    for shape in ((1, 1), (WINDOW - 1, 300), (300, WINDOW - 1)):
        flat = np.zeros((*shape, 3), np.uint8)
        assert ssim(flat, flat) is None
        assert psnr(flat, flat + 1) == pytest.approx(20 * math.log10(255))
    assert ssim(np.zeros((WINDOW, WINDOW, 3), np.uint8), np.zeros((WINDOW, WINDOW, 3), np.uint8)) == pytest.approx(1)


def test_error_of_a_large_picture_does_not_overflow() -> None:
    black, white = np.zeros((3000, 4000, 3), np.uint8), np.full((3000, 4000, 3), 255, np.uint8)
    assert psnr(black, white) == pytest.approx(0, abs=1e-9)
