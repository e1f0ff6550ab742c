"""Screenshots by a real browser, of the same page that ``attacks.screenshot`` computes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from attacks import chromium, page
from attacks.base import check_size
from bench.errors import CodedError
from bench.media import Media
from bench.settings import settings
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np


@settings
class BrowserScreenshot:
    """The picture's file shown by Chromium (headless, software raster) and saved by its own screenshot command.

    The browser gets the file as it is: it decodes it, applies EXIF orientation and colour profile, and what it cannot
    decode (HEIC, TIFF) is ``E_DECODE``; a truncated file is shown as far as it goes. The new file has no metadata of
    the source's: PNG without further chunks, or JPEG with JFIF and an sRGB profile. An animation shows its first
    frame; transparency shows white.

    Every shot has a page and a cache of its own, nothing is fetched from the network, and the picture is drawn the same
    way every time. A browser that crashes or gives no shot within 60 s is replaced and asked once more.

    Attributes:
        width: of the picture on the page in CSS pixels, 0..8192; 0 shows it at its natural size.
        dpr: device-pixel ratio, 1..4, fractions allowed.
        whole: the whole screen with bars above and below, instead of the picture cropped out of it.
        dark: colour scheme of the bars and the page.
        format: png or jpeg.
        device: a screen by name instead of width and dpr: phone, phone-2x, phone-2.625x, desktop or laptop.
        quality: of JPEG, 1..100.
    """

    width: int = 412
    dpr: int | float = 2
    whole: bool = False
    dark: bool = False
    format: str = "png"
    device: str = ""
    quality: int = 90

    family = "screenshot browser"
    severity = 0.0
    axis = "none (screen geometries have no common scale)"
    slow = True
    reads = "shown"

    def __post_init__(self) -> None:
        page.check_settings(self)

    def __repr__(self) -> str:
        return page.name(self)

    @property
    def kind(self) -> str:
        """The channel without the browser's version, for lists: to ask for that would start the browser."""
        return f"real:Chromium through playwright {_driver()}"

    @property
    def channel(self) -> str:
        """The browser and what drives it."""
        return f"real:Chromium {chromium.version()} through playwright {_driver()}"

    def missing(self) -> str:
        """The command that installs what is missing here; "" when nothing is."""
        return chromium.missing()

    def versions(self) -> dict[str, str]:
        """Of the browser."""
        return {"chromium": chromium.version()}

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The saved screen."""
        laid_out = page.lay_out(media.size, self)
        screen = laid_out.screen
        check_size(screen.width, screen.height)
        if max(screen.width, screen.height) > chromium.MAX_SIDE:
            raise CodedError(
                "E_TOO_LARGE", f"{screen.width}x{screen.height} screen pixels; Chromium draws 16384 a side"
            )
        address = f"data:{media.mime};base64,{base64.b64encode(media.data).decode()}"
        size = screen.width, screen.height
        data = chromium.take(chromium.Shot(laid_out.html(address), size, self.format, self.quality))
        shot = Media.from_bytes(data)
        if shot.size != size:
            raise CodedError("E_TOOL", f"Chromium saved {shot.size} pixels instead of {size}")
        return shot


def _driver() -> str:
    return package_version("playwright") or "(not installed)"
