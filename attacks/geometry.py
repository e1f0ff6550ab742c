"""Changes of geometry on the pixel grid: resize, crop, stretch, flip, pad, erase. ``attacks.warp`` turns and tilts.

Only pixels go in and come out: no metadata of the source are left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attacks.base import check_choice, check_range, check_size, curve
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np

FILTERS = ("nearest", "linear", "cubic", "area", "lanczos4")
PLACES = ("centre", "random")


def resized(pixels: np.ndarray, width: int, height: int, filter: str) -> np.ndarray:
    """The picture at this size by OpenCV; the very same array where it has it already.

    Raises:
        CodedError: ``E_TOO_LARGE``.
    """
    import cv2

    check_size(width, height)
    if pixels.shape[:2] == (height, width):
        return pixels
    result: np.ndarray = cv2.resize(pixels, (width, height), interpolation=getattr(cv2, f"INTER_{filter.upper()}"))
    return result


def window(pixels: np.ndarray, width: int, height: int, placed: str, rng: np.random.Generator) -> np.ndarray:
    """A view of ``width`` x ``height`` pixels: in the middle, or anywhere with equal chance."""
    down, right = pixels.shape[0] - height, pixels.shape[1] - width
    if placed == "random":
        top, left = int(rng.integers(down + 1)), int(rng.integers(right + 1))
    else:
        top, left = down // 2, right // 2
    return pixels[top : top + height, left : left + width]


def window_of_area(pixels: np.ndarray, cut: float, placed: str, rng: np.random.Generator) -> np.ndarray:
    """A view of the picture's own shape without the share ``cut`` of its area; at least one pixel."""
    side = math.sqrt(1 - cut)
    height, width = pixels.shape[:2]
    return window(pixels, max(1, round(width * side)), max(1, round(height * side)), placed, rng)


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
        check_choice("filter", self.filter, FILTERS)

    @property
    def family(self) -> str:
        """Shrinking and enlarging are two curves."""
        return "enlarge" if self.scale > 1 else "shrink"

    @property
    def severity(self) -> float:
        """Octaves away from the original size."""
        return abs(math.log2(self.scale))

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} resize"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture at its new size."""
        pixels = media.pixels()
        height, width = pixels.shape[:2]
        size = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
        return Media.from_pixels(resized(pixels, *size, self.filter))


@settings
class Aspect:
    """Stretch or squeeze: the ratio of width to height changes, the area stays.

    Attributes:
        factor: new width/height over old width/height, 0.25..4. The width grows by its square root and the height
            shrinks by it. At least one pixel is left.
        filter: OpenCV's resampling, as for ``Resize``.
    """

    factor: float = 1.25
    filter: str = "linear"

    axis = "|log2 of the factor of width/height|"

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0.25, 4)
        check_choice("filter", self.filter, FILTERS)

    @property
    def family(self) -> str:
        """Wider and narrower are two curves."""
        return curve("narrow" if self.factor < 1 else "widen", self, "factor")

    @property
    def severity(self) -> float:
        """Octaves away from the original ratio."""
        return abs(math.log2(self.factor))

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} resize"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture in its new shape."""
        pixels = media.pixels()
        height, width = pixels.shape[:2]
        size = (max(1, round(width * math.sqrt(self.factor))), max(1, round(height / math.sqrt(self.factor))))
        return Media.from_pixels(resized(pixels, *size, self.filter))


@settings
class Crop:
    """Cut the same share off each of the four edges.

    Attributes:
        edge: share of the width cut off left and right, and of the height cut off above and below, 0..0.49
            (0.1 leaves 0.8 x 0.8 = 64 % of the area). At least one pixel is left.
        placed: centre, or random: a window of the same size anywhere in the picture.
    """

    edge: float = 0.1
    placed: str = "centre"

    axis = "share of each edge cut off"
    channel = "real:array slice"

    def __post_init__(self) -> None:
        check_range("edge", self.edge, 0, 0.49)
        check_choice("placed", self.placed, PLACES)

    @property
    def family(self) -> str:
        """One curve per placement."""
        return curve("crop", self, "edge")

    @property
    def severity(self) -> float:
        """The share."""
        return self.edge

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The window that is left."""
        pixels = media.pixels()
        height, width = pixels.shape[:2]
        down, right = min(round(height * self.edge), (height - 1) // 2), min(round(width * self.edge), (width - 1) // 2)
        return Media.from_pixels(window(pixels, width - 2 * right, height - 2 * down, self.placed, rng))


@settings
class CropArea:
    """Cut down to a window of the picture's own shape; what is left keeps its size.

    Attributes:
        area: share of the picture's area cut off, 0..0.99 (0.5 leaves sides of 0.71). At least one pixel is left.
        placed: where the window lies: random (anywhere with equal chance) or centre.
    """

    area: float = 0.25
    placed: str = "random"

    axis = "share of the area cut off"
    channel = "real:array slice"

    def __post_init__(self) -> None:
        check_range("area", self.area, 0, 0.99)
        check_choice("placed", self.placed, PLACES)

    @property
    def family(self) -> str:
        """One curve per placement."""
        return curve("crop-area", self, "area")

    @property
    def severity(self) -> float:
        """The share."""
        return self.area

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The window that is left."""
        return Media.from_pixels(window_of_area(media.pixels(), self.area, self.placed, rng))


@settings
class ResizedCrop:
    """``CropArea``, enlarged to the size of the whole: WAVES' "resized crop" (arXiv:2401.08573) on square pictures.

    Attributes:
        area: share of the picture's area cut off, 0..0.99 (WAVES names the share kept, 0.9..0.5).
        placed: where the window lies: random (anywhere with equal chance) or centre.
        filter: OpenCV's resampling, as for ``Resize``.
    """

    area: float = 0.25
    placed: str = "random"
    filter: str = "linear"

    axis = "share of the area cut off"

    def __post_init__(self) -> None:
        check_range("area", self.area, 0, 0.99)
        check_choice("placed", self.placed, PLACES)
        check_choice("filter", self.filter, FILTERS)

    @property
    def family(self) -> str:
        """One curve per placement and filter."""
        return curve("resized-crop", self, "area")

    @property
    def severity(self) -> float:
        """The share."""
        return self.area

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} resize of an array slice"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The window at the size of the whole."""
        pixels = media.pixels()
        height, width = pixels.shape[:2]
        return Media.from_pixels(
            resized(window_of_area(pixels, self.area, self.placed, rng), width, height, self.filter)
        )


@settings
class Flip:
    """Mirror the picture.

    Attributes:
        direction: horizontal (left and right change places), vertical (above and below), or both (half a turn).
    """

    direction: str = "horizontal"

    severity = 0.0
    axis = "none (a mirror has no degrees)"

    def __post_init__(self) -> None:
        check_choice("direction", self.direction, ("horizontal", "vertical", "both"))

    @property
    def family(self) -> str:
        """One point per direction."""
        return curve("flip", self)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} flip"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The mirrored picture."""
        import cv2

        return Media.from_pixels(cv2.flip(media.pixels(), {"horizontal": 1, "vertical": 0, "both": -1}[self.direction]))
