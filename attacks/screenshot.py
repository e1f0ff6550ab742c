"""Screenshots: the picture is drawn on a page and the screen is saved; none of the source's metadata get that far.

The simulation follows what was measured of Chromium's software raster at integer device-pixel ratios: bilinear
sampling with two taps an axis and no antialiasing, weights of 4-bit fractions, the sum truncated; below half size
first a box-filtered mip level. GPU raster, fractional ratios and other browsers resample differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import check_range, check_size
from attacks.recompress import encode
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Height of the phone's status bar and of the app's title bar above the picture, CSS pixels.
STATUS_BAR, TITLE_BAR, TOOLBAR = 24, 56, 80


@settings
class Screenshot:
    """A page on a screen, saved.

    Attributes:
        width: of the picture on the page in CSS pixels (412 fits a phone's width); 0 shows it at its natural size,
            one CSS pixel for one of its own.
        dpr: device-pixel ratio, 1..4: screen pixels per CSS pixel.
        whole: the whole screen with bars above and below, instead of the picture cropped out of it.
        dark: colour scheme of the bars.
        format: png or jpeg (quality 90, what browsers' own capture commands default to lies between 80 and 92).
    """

    width: int = 412
    dpr: int = 2
    whole: bool = False
    dark: bool = False
    format: str = "png"

    family = "screenshot"
    severity = 0.0
    axis = "none (screen geometries have no common scale)"
    channel = "simulated:Chromium software raster at an integer device-pixel ratio (>= 60 dB PSNR against the real one)"

    def __post_init__(self) -> None:
        check_range("width", self.width, 0, 8192)
        check_range("dpr", self.dpr, 1, 4)
        if self.format not in ("png", "jpeg"):
            raise ValueError(f"format must be png or jpeg, got {self.format!r}")

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The saved screen."""
        import cv2

        source = media.pixels()
        height, width = source.shape[:2]
        shown = self.width or width
        size = (shown * self.dpr, max(1, round(shown * self.dpr * height / width)))
        check_size(*size)
        shot = draw(source, *size)
        if self.whole:
            shot = self._with_bars(shot)
        if self.format == "jpeg":
            return encode(shot, ".jpg", "image/jpeg", [cv2.IMWRITE_JPEG_QUALITY, 90])
        return Media.from_pixels(shot)

    def _with_bars(self, shot: np.ndarray) -> np.ndarray:
        """The picture between a status bar and title above and a toolbar below, as phone apps lay it out."""
        import cv2
        import numpy as np

        paper, ink = ((18, 18, 18), (225, 225, 225)) if self.dark else ((250, 250, 250), (40, 40, 40))
        dpr, (height, width) = self.dpr, shot.shape[:2]
        above = (STATUS_BAR + TITLE_BAR) * dpr
        screen = np.full((above + height + TOOLBAR * dpr, width, 3), paper, np.uint8)
        screen[above : above + height] = shot
        font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.5 * dpr
        cv2.putText(screen, "12:00", (12 * dpr, 17 * dpr), font, 0.8 * scale, ink, max(1, dpr // 2), cv2.LINE_AA)
        cv2.putText(screen, "Photo", (16 * dpr, 60 * dpr), font, 1.2 * scale, ink, dpr, cv2.LINE_AA)
        middle = above + height + TOOLBAR * dpr // 2
        for step in range(1, 5):
            cv2.circle(screen, (width * step // 5, middle), 9 * dpr, ink, max(1, dpr), cv2.LINE_AA)
        return screen


def draw(source: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture drawn at this size as Chromium's software raster draws it.

    Args:
        source: ``(h, w, 3)`` uint8.
        width: in screen pixels.
        height: in screen pixels.

    Returns:
        ``(height, width, 3)`` uint8; the very same array at 1:1.
    """
    import cv2
    import numpy as np

    while source.shape[1] > 2 * width and source.shape[0] > 2 * height and min(source.shape[:2]) >= 2:
        half = (source.shape[1] // 2, source.shape[0] // 2)
        source = cv2.resize(source[: half[1] * 2, : half[0] * 2], half, interpolation=cv2.INTER_AREA)
    if source.shape[:2] == (height, width):
        return source
    left, right, across = _taps(source.shape[1], width)
    top, bottom, down = _taps(source.shape[0], height)
    # 255 * 16 * 16 fits 16 bits, so both passes stay exact in uint16 and only the end truncates.
    wide = source.astype(np.uint16)
    wide = wide[:, left] * (16 - across)[None, :, None] + wide[:, right] * across[None, :, None]
    tall = wide[top] * (16 - down)[:, None, None] + wide[bottom] * down[:, None, None]
    drawn: np.ndarray = (tall >> 8).astype(np.uint8)
    return drawn


def _taps(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new sample along one axis: the two old ones it lies between, and the second's weight in sixteenths."""
    import numpy as np

    centre = (np.arange(new) + 0.5) * (old / new) - 0.5
    sixteenths = np.floor(centre * 16).astype(np.int64)
    first = sixteenths >> 4
    weight = (sixteenths & 15).astype(np.uint16)
    return np.clip(first, 0, old - 1), np.clip(first + 1, 0, old - 1), weight
