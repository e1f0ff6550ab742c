"""Our SSIM against scikit-image's with the same Gaussian window: CPU time and values on the same pictures."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
import skimage.data
from skimage.metrics import structural_similarity

from attacks.recompress import Jpeg
from attacks.tone import Blur, Noise
from bench.harness.quality import ssim
from bench.media import Media
from tests.benchmarks.figures import in_turns, ratio

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("size", [(512, 512), (1024, 1024), (1920, 1080)], ids="{0[0]}x{0[1]}".format)
def test_ssim_against_scikit_image(size: tuple[int, int], figure) -> None:
    cv2.setNumThreads(1)
    clean = cv2.resize(skimage.data.astronaut(), size, interpolation=cv2.INTER_CUBIC)
    attacks = (Jpeg(quality=30), Blur(sigma=2), Noise(sigma=0.1))
    damaged = [attack(Media.from_pixels(clean), np.random.default_rng(0)).pixels() for attack in attacks]

    def theirs(other: np.ndarray) -> float:
        # Wang's window of 11 taps: scikit-image cuts its Gaussian off at 3.5 sigma, which is 11 taps at sigma 1.5.
        grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (clean, other)]
        value: float = structural_similarity(
            *grey, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        return value

    difference = max(abs(theirs(other) - (ssim(clean, other) or 0)) for other in damaged)
    spent = in_turns(
        {"ours": lambda: [ssim(clean, o) for o in damaged], "theirs": lambda: [theirs(o) for o in damaged]},
        5,
        time.thread_time,
    )
    # The figure of a megapixel keeps its name in the history.
    at = "" if size == (1024, 1024) else f" at {size[0]}x{size[1]}"
    figure(f"SSIM of scikit-image / ours{at}", ratio(spent, "theirs", "ours"), ">= 10")
    figure(f"SSIM, largest absolute difference to scikit-image{at}", difference, "<= 2e-3")
    assert difference <= 2e-3
