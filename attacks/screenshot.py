"""Screenshots: the picture is drawn on a page and the screen is saved; none of the source's metadata get that far.

Simulated here, so that they need nothing installed; ``attacks.browser`` takes the same page's shot in a real Chromium,
and a test compares the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks import page
from attacks.base import check_size
from attacks.raster import draw, draw_file, save_jpeg
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Screenshot", "draw"]


@settings
class Screenshot:
    """A page on a screen, saved.

    The new file holds pixels only: PNG without any further chunk, or JPEG with JFIF and an sRGB profile. The source's
    EXIF orientation is applied and its colours are converted to sRGB before they are drawn; transparency shows white.

    How close it is (PSNR to Chromium 156, software raster, on photographs): 51 dB at the least, most often above 65,
    and bit for bit at 1:1, at exact halves and often elsewhere; the same at fractional ratios, at odd sizes, below half
    size, turned by EXIF (72) and with a colour profile (66). Open: transparency (51 enlarged, 43 below half size: the
    white is laid under it before and not after the drawing), GPU raster and ``image-rendering: pixelated`` (other
    kernels, not measured), the text in the bars (another font: 27-36 over the whole screen, the picture as above).

    Attributes:
        width: of the picture on the page in CSS pixels, 0..8192 (412 fits a phone's width); 0 shows it at its natural
            size, one CSS pixel for one of its own.
        dpr: device-pixel ratio, 1..4: screen pixels per CSS pixel; fractions allowed (many Android phones have 2.625).
        whole: the whole screen with bars above and below, instead of the picture cropped out of it.
        dark: colour scheme of the bars and the page.
        format: png or jpeg.
        device: a screen by name instead of width and dpr: phone (393x852 CSS pixels at 3), phone-2x (360x800 at 2),
            phone-2.625x (412x915), desktop (1920x1080 at 1) or laptop (1440x900 at 2). The picture is fitted between
            its bars.
        quality: of JPEG, 1..100 (what capture commands default to lies between 80 and 92).
    """

    width: int = 412
    dpr: int | float = 2
    whole: bool = False
    dark: bool = False
    format: str = "png"
    device: str = ""
    quality: int = 90

    family = "screenshot"
    severity = 0.0
    axis = "none (screen geometries have no common scale)"
    channel = "simulated:Chromium 156 software raster (>= 51 dB PSNR to the real one on photographs)"

    def __post_init__(self) -> None:
        page.check_settings(self)

    def __repr__(self) -> str:
        return page.name(self)

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The saved screen."""
        laid_out = page.lay_out(media.size, self)
        check_size(laid_out.screen.width, laid_out.screen.height)
        shot = draw_file(media, laid_out.picture.width, laid_out.picture.height)
        if self.whole:
            shot = _on_screen(shot, laid_out)
        return save_jpeg(shot, self.quality) if self.format == "jpeg" else Media.from_pixels(shot)


def _on_screen(picture: np.ndarray, laid_out: page.Page) -> np.ndarray:
    """The picture on the whole screen, between the bars that apps lay out above and below it."""
    import cv2
    import numpy as np

    box, bars, ink, at = laid_out.screen, laid_out.bars, laid_out.ink, laid_out.pixels
    screen = np.full((box.height, box.width, 3), laid_out.paper, np.uint8)
    laid_out.picture.part(screen)[:] = picture
    font, scale, line = cv2.FONT_HERSHEY_SIMPLEX, 0.5 * laid_out.dpr, at(1)
    if bars.status:
        cv2.putText(screen, "12:00", (at(12), at(17)), font, 0.8 * scale, ink, max(1, line // 2), cv2.LINE_AA)
    baseline = bars.status + bars.title // 2 + 8
    cv2.putText(screen, "Photo", (at(16), at(baseline)), font, 1.2 * scale, ink, line, cv2.LINE_AA)
    middle = box.height - at(bars.toolbar) // 2
    for step in range(1, 5):
        cv2.circle(screen, (box.width * step // 5, middle), at(9), ink, line, cv2.LINE_AA)
    return screen
