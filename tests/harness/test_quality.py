"""PSNR and SSIM against scikit-image, which is slower and is the reference."""

import math

import cv2
import numpy as np
import pytest
import skimage.data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.harness.quality import WINDOW, psnr, ssim


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


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:201, 100:333])


@pytest.mark.parametrize("how", ["noise", "blur", "jpeg", "dark", "negative", "black"])
def test_quality_is_that_of_scikit_image(photo: np.ndarray, how: str) -> None:
    other = np.ascontiguousarray(damaged(photo)[how])
    assert psnr(photo, other) == pytest.approx(peak_signal_noise_ratio(photo, other), abs=1e-9)
    grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (photo, other)]
    expected = structural_similarity(
        *grey, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    got = ssim(photo, other)
    assert got is not None
    assert abs(got - expected) <= 2e-3


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
