"""Areas put beside the picture or over it: padding and erasing. Only pixels come out: no metadata are left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attacks.base import check_range, check_size, curve
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np


@settings
class Pad:
    """A plain border around the picture, which itself stays as it is.

    Attributes:
        edge: width of the border left and right as a share of the picture's width, above and below as a share of its
            height, 0..2 (0.1 makes 1.2 x 1.2 = 144 % of the area).
        fill: grey level of the border, 0..255.
    """

    edge: float = 0.1
    fill: int = 0

    axis = "share of the side added at each edge"

    def __post_init__(self) -> None:
        check_range("edge", self.edge, 0, 2)
        check_range("fill", self.fill, 0, 255)

    @property
    def family(self) -> str:
        """One curve per fill."""
        return curve("pad", self, "edge")

    @property
    def severity(self) -> float:
        """The share."""
        return self.edge

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} copyMakeBorder"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture within its border."""
        import cv2

        pixels = media.pixels()
        height, width = pixels.shape[:2]
        down, right = round(height * self.edge), round(width * self.edge)
        check_size(width + 2 * right, height + 2 * down)
        fill = (self.fill,) * 3
        return Media.from_pixels(cv2.copyMakeBorder(pixels, down, down, right, right, cv2.BORDER_CONSTANT, value=fill))


@settings
class Erase:
    """One rectangle of the picture's own shape, anywhere in it, painted over.

    On square pictures this is the square erased by WAVES (arXiv:2401.08573) and by "Random Erasing" with ratio 1
    (Zhong et al., AAAI 2020).

    Attributes:
        area: share of the picture's area painted over, 0..1.
        fill: grey level of the paint, 0..255.
    """

    area: float = 0.1
    fill: int = 0

    axis = "share of the area painted over"
    channel = "real:array fill"

    def __post_init__(self) -> None:
        check_range("area", self.area, 0, 1)
        check_range("fill", self.fill, 0, 255)

    @property
    def family(self) -> str:
        """One curve per fill."""
        return curve("erase", self, "area")

    @property
    def severity(self) -> float:
        """The share."""
        return self.area

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture with its blot."""
        pixels = media.pixels().copy()
        height, width = pixels.shape[:2]
        tall, wide = round(height * math.sqrt(self.area)), round(width * math.sqrt(self.area))
        top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        pixels[top : top + tall, left : left + wide] = self.fill
        return Media.from_pixels(pixels)
