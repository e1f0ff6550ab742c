"""Changes of geometry off the pixel grid: rotation and perspective. Only pixels come out: no metadata are left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attacks.base import check_choice, check_range, check_size, curve
from bench.errors import CodedError
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np

#: What OpenCV can resample with when it warps.
WARP_FILTERS = ("nearest", "linear", "cubic", "lanczos4")
CANVASES = ("same", "expand", "inside")


def warped(pixels: np.ndarray, matrix: np.ndarray, width: int, height: int, filter: str, fill: int) -> np.ndarray:
    """The picture through a 2x3 (affine) or 3x3 (perspective) matrix from old to new pixel centres.

    Raises:
        CodedError: ``E_TOO_LARGE``, also where OpenCV refuses a side (some versions warp none beyond 32766 pixels).
    """
    import cv2

    check_size(width, height)
    warp = cv2.warpAffine if matrix.shape[0] == 2 else cv2.warpPerspective
    flags, value = getattr(cv2, f"INTER_{filter.upper()}"), (fill,) * 3
    try:
        result: np.ndarray = warp(
            pixels, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=value
        )
    except cv2.error as error:
        raise CodedError("E_TOO_LARGE", f"OpenCV does not warp to {width}x{height}: {error}") from None
    return result


@settings
class Rotate:
    """Turn the picture about its middle.

    Attributes:
        degrees: -180..180, counter-clockwise as in Pillow and torchvision. Quarter turns move pixels without
            resampling, except on canvas ``same`` where the picture is not square.
        canvas: same keeps the size and loses the corners; expand grows until everything fits; inside is cut to the
            largest upright rectangle without any fill, as photo editors straighten.
        filter: OpenCV's resampling: nearest, linear, cubic or lanczos4.
        fill: grey level where there is no picture, 0..255.
    """

    degrees: float = 10.0
    canvas: str = "same"
    filter: str = "linear"
    fill: int = 0

    axis = "|degrees|"

    def __post_init__(self) -> None:
        check_range("degrees", self.degrees, -180, 180)
        check_choice("canvas", self.canvas, CANVASES)
        check_choice("filter", self.filter, WARP_FILTERS)
        check_range("fill", self.fill, 0, 255)

    @property
    def family(self) -> str:
        """One curve per direction, canvas, filter and fill."""
        return curve("rotate clockwise" if self.degrees < 0 else "rotate", self, "degrees")

    @property
    def severity(self) -> float:
        """The angle."""
        return abs(self.degrees)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} warpAffine"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The turned picture."""
        import cv2

        pixels = media.pixels()
        height, width = pixels.shape[:2]
        turn = self.degrees % 360
        if turn == 0:
            return Media.from_pixels(pixels)
        if turn == 180 or (turn in (90, 270) and (self.canvas != "same" or width == height)):
            names = {90: "90_COUNTERCLOCKWISE", 180: "180", 270: "90_CLOCKWISE"}
            return Media.from_pixels(cv2.rotate(pixels, getattr(cv2, f"ROTATE_{names[int(turn)]}")))
        wide, tall = self._size(width, height)
        # About the middle in terms of pixel centres, whose first lies at 0 and last at width - 1.
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), self.degrees, 1.0)
        matrix[:, 2] += ((wide - width) / 2, (tall - height) / 2)
        return Media.from_pixels(warped(pixels, matrix, wide, tall, self.filter, self.fill))

    def _size(self, width: int, height: int) -> tuple[int, int]:
        """Of the canvas."""
        angle = math.radians(self.degrees)
        sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
        if self.canvas == "expand":
            # As Pillow counts: every pixel that the turned corners touch.
            wide, tall = (width * cosine + height * sine) / 2, (width * sine + height * cosine) / 2
            return (
                math.ceil(round(width / 2 + wide, 9)) - math.floor(round(width / 2 - wide, 9)),
                math.ceil(round(height / 2 + tall, 9)) - math.floor(round(height / 2 - tall, 9)),
            )
        if self.canvas == "inside":
            # Pixel centres span one pixel less than the picture; a rectangle of centres within them needs no fill.
            wide, tall = _largest_inside(width - 1, height - 1, sine, cosine)
            # The middle of the canvas is that of the picture, so nothing hinges on which pixel it falls on.
            return math.floor(wide + 1e-9) + 1, math.floor(tall + 1e-9) + 1
        return width, height


def _largest_inside(width: float, height: float, sine: float, cosine: float) -> tuple[float, float]:
    """Sides of the largest upright rectangle within a ``width`` x ``height`` one that was turned."""
    long, short = max(width, height), min(width, height)
    if short <= 2 * sine * cosine * long or abs(sine - cosine) < 1e-9:
        # Two opposite corners touch the long sides' middle line: half the short side is what there is.
        half = short / 2
        return (half / sine, half / cosine) if width >= height else (half / cosine, half / sine)
    double = cosine * cosine - sine * sine
    return (width * cosine - height * sine) / double, (height * cosine - width * sine) / double


@settings
class Perspective:
    """Each corner of the picture moves inwards on its own, as in a photograph taken from aside.

    Attributes:
        shift: the furthest that a corner moves, as a share of the side along each axis, 0..0.4; how far each one
            does is drawn evenly between 0 and this.
        filter: OpenCV's resampling: nearest, linear, cubic or lanczos4.
        fill: grey level where there is no picture, 0..255.
    """

    shift: float = 0.1
    filter: str = "linear"
    fill: int = 0

    axis = "largest shift of a corner, share of the side"

    def __post_init__(self) -> None:
        check_range("shift", self.shift, 0, 0.4)
        check_choice("filter", self.filter, WARP_FILTERS)
        check_range("fill", self.fill, 0, 255)

    @property
    def family(self) -> str:
        """One curve per filter and fill."""
        return curve("perspective", self, "shift")

    @property
    def severity(self) -> float:
        """The shift."""
        return self.shift

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} warpPerspective"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture seen from aside, at its own size."""
        import cv2
        import numpy as np

        pixels = media.pixels()
        height, width = pixels.shape[:2]
        moved = rng.uniform(0, 1, (4, 2)) * self.shift
        if self.shift == 0:
            return Media.from_pixels(pixels)
        # Outer corners of the pixels, so that a picture of one row is still an area.
        at = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
        size = (width, height)
        before = (at * size - 0.5).astype(np.float32)
        after = ((at + moved * (1 - 2 * at)) * size - 0.5).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(before, after)
        return Media.from_pixels(warped(pixels, matrix, width, height, self.filter, self.fill))
