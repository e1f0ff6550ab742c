"""Changes of the signal: blur and noise. The result is pixels only, so no metadata are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import check_range
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np


@settings
class Blur:
    """Gaussian blur.

    Attributes:
        sigma: standard deviation in pixels, 0.1..50 (not a radius: some libraries call sigma by that name).
    """

    sigma: float = 1.0

    family = "blur"
    axis = "Gaussian sigma, pixels"

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0.1, 50)

    @property
    def severity(self) -> float:
        """Sigma."""
        return self.sigma

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} GaussianBlur"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The blurred picture."""
        import cv2

        return Media.from_pixels(cv2.GaussianBlur(media.pixels(), (0, 0), self.sigma))


@settings
class Noise:
    """White Gaussian noise, independent in each pixel and channel, clipped to the range of the picture.

    Attributes:
        sigma: standard deviation on a scale where black is 0 and white is 1, 0.001..1.
    """

    sigma: float = 0.05

    family = "noise"
    axis = "Gaussian sigma, black 0 to white 1"
    channel = "simulated:sensor noise (white, signal-independent)"

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0.001, 1)

    @property
    def severity(self) -> float:
        """Sigma."""
        return self.sigma

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The noisy picture."""
        import cv2
        import numpy as np

        pixels = media.pixels()
        # OpenCV fills int16 with Gaussian noise about four times faster than numpy fills float32, and adds it with
        # saturation; its generator is seeded from ours, so the chance is still the caller's.
        noise = np.empty(pixels.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31 - 1)))
        cv2.randn(noise, (0, 0, 0), (self.sigma * 255,) * 3)
        return Media.from_pixels(cv2.add(pixels, noise, dtype=cv2.CV_8U))
