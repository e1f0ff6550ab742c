"""Changes of the fine signal: blur, sharpening and noise. ``attacks.colour`` changes brightness and colours.

Only pixels go in and come out: no metadata of the source are left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attacks.base import check_range, curve
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version, package_version

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
class PillowBlur:
    """Pillow's ``ImageFilter.GaussianBlur``, the blur of published watermark benchmarks.

    Attributes:
        radius: as Pillow names it, 0..100. It is the standard deviation in pixels of the Gaussian that three box
            blurs come near to, and no radius.
    """

    radius: float = 2.0

    family = "pillow-blur"
    axis = "Pillow's blur radius, pixels"

    def __post_init__(self) -> None:
        check_range("radius", self.radius, 0, 100)

    @property
    def severity(self) -> float:
        """The radius."""
        return self.radius

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:Pillow {package_version('pillow')} ImageFilter.GaussianBlur"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The blurred picture."""
        import numpy as np
        from PIL import Image, ImageFilter

        blurred = Image.fromarray(media.pixels()).filter(ImageFilter.GaussianBlur(self.radius))
        return Media.from_pixels(np.asarray(blurred))


@settings
class BoxBlur:
    """The mean of a square around each pixel; beyond the border the picture's edge goes on.

    Attributes:
        radius: pixels on each side of the middle one, 0..100: the square's side is 2 x radius + 1.
    """

    radius: int = 2

    family = "box-blur"
    axis = "radius, pixels"

    def __post_init__(self) -> None:
        check_range("radius", self.radius, 0, 100)

    @property
    def severity(self) -> float:
        """The radius."""
        return float(self.radius)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} blur"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The blurred picture."""
        import cv2

        side = 2 * self.radius + 1
        return Media.from_pixels(cv2.blur(media.pixels(), (side, side), borderType=cv2.BORDER_REPLICATE))


@settings
class Median:
    """The median of a square around each pixel, channel by channel; beyond the border the picture's edge goes on.

    Attributes:
        size: side of the square in pixels, odd, 1..51.
    """

    size: int = 3

    family = "median"
    axis = "side of the square, pixels"

    def __post_init__(self) -> None:
        check_range("size", self.size, 1, 51)
        if self.size % 2 == 0:
            raise ValueError(f"size must be odd, got {self.size}")

    @property
    def severity(self) -> float:
        """Pixels of the side beside the middle one."""
        return self.size - 1.0

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} medianBlur"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The smoothed picture."""
        import cv2

        return Media.from_pixels(cv2.medianBlur(media.pixels(), self.size))


@settings
class Sharpen:
    """Unsharp mask: what a Gaussian blur takes away is added once more.

    Attributes:
        amount: how much of it, 0..10; 1 doubles the detail.
        sigma: of the blur, standard deviation in pixels, 0.1..50.
    """

    amount: float = 1.0
    sigma: float = 1.0

    axis = "amount of the unsharp mask"

    def __post_init__(self) -> None:
        check_range("amount", self.amount, 0, 10)
        check_range("sigma", self.sigma, 0.1, 50)

    @property
    def family(self) -> str:
        """One curve per sigma."""
        return curve("sharpen", self, "amount")

    @property
    def severity(self) -> float:
        """The amount."""
        return self.amount

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} GaussianBlur and addWeighted"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The sharpened picture."""
        import cv2

        pixels = media.pixels()
        blurred = cv2.GaussianBlur(pixels, (0, 0), self.sigma)
        return Media.from_pixels(cv2.addWeighted(pixels, 1 + self.amount, blurred, -self.amount, 0))


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


@settings
class SpeckleNoise:
    """Each value times 1 + Gaussian noise, independent in each pixel and channel: bright areas suffer most.

    Attributes:
        sigma: standard deviation of the factor, 0.001..2.
    """

    sigma: float = 0.1

    family = "speckle"
    axis = "Gaussian sigma of the factor"
    channel = "simulated:multiplicative noise (white, Gaussian)"

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0.001, 2)

    @property
    def severity(self) -> float:
        """Sigma."""
        return self.sigma

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The noisy picture."""
        import cv2
        import numpy as np

        pixels = media.pixels()
        factor = np.empty(pixels.shape, np.float32)
        cv2.setRNGSeed(int(rng.integers(2**31 - 1)))
        cv2.randn(factor, (1, 1, 1), (self.sigma,) * 3)
        return Media.from_pixels(cv2.multiply(pixels, factor, dtype=cv2.CV_8U))


@settings
class PoissonNoise:
    """Shot noise: each value is a count of photons, independent in each pixel and channel.

    Values are taken as they are in the file, as scikit-image's ``random_noise`` does; ``attacks.recapture`` counts
    in linear light.

    Attributes:
        photons: mean count at white, 1..1000000; fewer are worse.
    """

    photons: float = 255.0

    family = "poisson"
    axis = "relative noise at white, 1/√photons"
    channel = "simulated:photon shot noise (Poisson, in the file's own values)"

    def __post_init__(self) -> None:
        check_range("photons", self.photons, 1, 1e6)

    @property
    def severity(self) -> float:
        """Standard deviation over mean at white."""
        return 1 / math.sqrt(self.photons)

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The noisy picture."""
        import cv2
        import numpy as np

        mean = np.arange(256) * (self.photons / 255)
        counts = rng.poisson(mean[media.pixels()])
        return Media.from_pixels(cv2.multiply(counts, 255 / self.photons, dtype=cv2.CV_8U))
