"""Changes of geometry: resize and crop. The result is pixels only, so no metadata are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import check_range, check_size
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np

FILTERS = ("nearest", "linear", "cubic", "area", "lanczos4")


@settings
class Resize:
    """Both sides by one factor; the picture stays at its new size.

    Attributes:
        scale: new side / old side, 0.01..4. At least one pixel is left.
        filter: OpenCV's resampling: nearest, linear, cubic, area or lanczos4. Only ``area`` averages when shrinking;
            the others sample without antialiasing.
    """

    scale: float = 0.5
    filter: str = "area"

    axis = "|log2 of the scale|"

    def __post_init__(self) -> None:
        check_range("scale", self.scale, 0.01, 4)
        if self.filter not in FILTERS:
            raise ValueError(f"filter must be one of {', '.join(FILTERS)}, got {self.filter!r}")

    @property
    def family(self) -> str:
        """Shrinking and enlarging are two curves."""
        return "enlarge" if self.scale > 1 else "shrink"

    @property
    def severity(self) -> float:
        """Octaves away from the original size."""
        import math

        return abs(math.log2(self.scale))

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} resize"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture at its new size."""
        import cv2

        pixels = media.pixels()
        height, width = pixels.shape[:2]
        size = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
        check_size(*size)
        return Media.from_pixels(cv2.resize(pixels, size, interpolation=getattr(cv2, f"INTER_{self.filter.upper()}")))


@settings
class Crop:
    """Cut the same share off each of the four edges.

    Attributes:
        edge: share of the width cut off left and right, and of the height cut off above and below, 0..0.49
            (0.1 leaves 0.8 x 0.8 = 64 % of the area). At least one pixel is left.
    """

    edge: float = 0.1

    family = "crop"
    axis = "share of each edge cut off"

    def __post_init__(self) -> None:
        check_range("edge", self.edge, 0, 0.49)

    @property
    def severity(self) -> float:
        """The share."""
        return self.edge

    @property
    def channel(self) -> str:
        """What does it."""
        return "real:array slice"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The middle of the picture."""
        pixels = media.pixels()
        height, width = pixels.shape[:2]
        top, left = min(round(height * self.edge), (height - 1) // 2), min(round(width * self.edge), (width - 1) // 2)
        return Media.from_pixels(pixels[top : height - top, left : width - left])
