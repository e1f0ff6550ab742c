"""The page that screenshots are taken of, for the simulated and the real browser alike.

A picture on a plain page, alone or between the bars of an app, at a device-pixel ratio (screen pixels per CSS pixel).
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from attacks.base import check_choice, check_range

FORMATS = ("png", "jpeg")


class Bars(NamedTuple):
    """Heights in CSS pixels: status bar and title above the picture, toolbar below."""

    status: int
    title: int
    toolbar: int


class Device(NamedTuple):
    """A screen: size in CSS pixels, device-pixel ratio, its bars, and whether small pictures are enlarged to fit."""

    width: int
    height: int
    dpr: float
    bars: Bars
    enlarges: bool


#: Android's status bar (24 dp) and app bar (56 dp) as in Material Design 2, and a toolbar of a gallery app.
APP = Bars(24, 56, 80)
#: A browser's tab strip and address bar, and the system's task bar (48, as in Windows 11).
BROWSER = Bars(0, 88, 48)

#: Panels by name: iPhone 15 (1179x2556 at 3), a 720x1600 Android at 2, Pixel 7 (1080x2400 at 2.625), Full HD at 1,
#: a 2880x1800 laptop at 2. The makers' data sheets and Playwright's list of devices give the CSS sizes.
DEVICES = {
    "phone": Device(393, 852, 3, APP, enlarges=True),
    "phone-2x": Device(360, 800, 2, APP, enlarges=True),
    "phone-2.625x": Device(412, 915, 2.625, APP, enlarges=True),
    "desktop": Device(1920, 1080, 1, BROWSER, enlarges=False),
    "laptop": Device(1440, 900, 2, BROWSER, enlarges=False),
}


@dataclass(frozen=True)
class Box:
    """A rectangle in screen pixels."""

    left: int
    top: int
    width: int
    height: int

    def part(self, screen: Any) -> Any:
        """What lies in it, of a ``(height, width, 3)`` array."""
        return screen[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Page:
    """A page laid out.

    Attributes:
        dpr: screen pixels per CSS pixel.
        screen: ``Box`` of everything, at 0, 0.
        picture: where on it the picture is drawn.
        bars: heights in CSS pixels; all 0 without bars.
        dark: colour scheme.
    """

    dpr: float
    screen: Box
    picture: Box
    bars: Bars
    dark: bool

    def pixels(self, css: float) -> int:
        """A length in CSS pixels as a browser snaps it to screen pixels."""
        return math.floor(css * self.dpr + 0.5)

    @property
    def paper(self) -> tuple[int, int, int]:
        """The background, RGB."""
        return (18, 18, 18) if self.dark else (250, 250, 250)

    @property
    def ink(self) -> tuple[int, int, int]:
        """What is written on it, RGB."""
        return (225, 225, 225) if self.dark else (40, 40, 40)

    def html(self, source: str) -> str:
        """The page as HTML with styles of its own and nothing to be fetched; ``source`` is the picture's address.

        Lengths are in screen pixels, to be shown at a ratio of 1: on a screen of any ratio Chromium lays pages out in
        screen pixels too, and draws the very same. (A ratio that is emulated, as browser drivers do, snaps boxes to CSS
        pixels instead, which moves a picture's edge by up to one of them and costs 35-46 dB PSNR.)
        """
        paper, ink = (f"rgb({','.join(map(str, colour))})" for colour in (self.paper, self.ink))
        box, at, bars = self.picture, self.pixels, self.bars
        place = f"left:{box.left}px;top:{box.top}px;width:{box.width}px;height:{box.height}px"
        parts = [f'<img decoding=sync src="{source}" style="{place};background:#fff">']
        if bars.status:
            parts.append(f'<p style="left:{at(12)}px;top:{at(5)}px;font-size:{at(13)}px">12:00</p>')
        if bars.title:
            top = at(bars.status + bars.title / 2 - 12)
            parts.append(f'<p style="left:{at(16)}px;top:{top}px;font-size:{at(20)}px">Photo</p>')
        if bars.toolbar:
            middle, radius = self.screen.height - at(bars.toolbar) // 2, at(9.5)
            ring = f"box-sizing:border-box;width:{2 * radius}px;height:{2 * radius}px;border:{at(1)}px solid {ink}"
            for step in range(1, 5):
                left = self.screen.width * step // 5 - radius
                place = f"left:{left}px;top:{middle - radius}px"
                parts.append(f'<i style="{place};{ring};border-radius:{radius}px"></i>')
        style = (
            f"html,body{{margin:0;overflow:hidden;background:{paper};color:{ink}}}"
            "img,p,i{position:absolute;display:block;margin:0;font-family:sans-serif}"
        )
        return f"<!doctype html><meta charset=utf-8><style>{style}</style>{''.join(parts)}"


def lay_out(size: tuple[int, int], shot: Any) -> Page:
    """The page of a picture.

    Without a device the picture is as wide as the page, which is as long as it takes: a long page is longer than any
    screen, as "scrolling screenshots" are. With one the picture lies in the middle between its bars, as large as fits
    there; screens that do not enlarge show a small one at one CSS pixel for one of its own.

    Args:
        size: of the picture, width and height in pixels.
        shot: has the settings ``width``, ``dpr``, ``whole``, ``dark`` and ``device`` of a screenshot.
    """
    width, height = size
    if shot.device:
        device = DEVICES[shot.device]
        dpr, bars = device.dpr, device.bars
        room = device.height - sum(bars)
        scale = min(device.width / width, room / height)
        scale = scale if device.enlarges else min(1.0, scale)
        wide = max(1, int(width * scale + 1e-9))
        high = min(room, max(1, round(wide * height / width)))
        left, top = (device.width - wide) // 2, bars.status + bars.title + (room - high) // 2
        picture = _snapped(left, top, wide, high, dpr)
        screen = _snapped(0, 0, device.width, device.height, dpr)
    else:
        dpr, shown = shot.dpr, shot.width or width
        bars = APP if shot.whole else Bars(0, 0, 0)
        picture = _snapped(0, bars.status + bars.title, shown, shown * height / width, dpr)
        bottom = picture.top + picture.height + math.floor(bars.toolbar * dpr + 0.5)
        screen = Box(0, 0, picture.width, bottom)
    if not shot.whole:
        picture = screen = Box(0, 0, picture.width, picture.height)
        bars = Bars(0, 0, 0)
    return Page(dpr, screen, picture, bars, shot.dark)


def _snapped(left: float, top: float, width: float, height: float, dpr: float) -> Box:
    """CSS pixels to the screen pixels that a browser snaps them to: edges rounded."""
    edges = [math.floor(edge * dpr + 0.5) for edge in (left, top, left + width, top + height)]
    return Box(edges[0], edges[1], max(1, edges[2] - edges[0]), max(1, edges[3] - edges[1]))


def check_settings(shot: Any) -> None:
    """Refuse settings of a screenshot that are out of range or contradict each other; a whole ratio becomes an int.

    Raises:
        ValueError: in the house wording.
    """
    check_range("width", shot.width, 0, 8192)
    if isinstance(shot.dpr, bool) or not isinstance(shot.dpr, numbers.Real):
        raise ValueError(f"dpr must be a number, got {shot.dpr!r}")
    dpr = float(shot.dpr)
    check_range("dpr", dpr, 1, 4)
    # Screenshot(dpr=2) and Screenshot(dpr=2.0) are one setting and have one name.
    object.__setattr__(shot, "dpr", int(dpr) if dpr.is_integer() else dpr)
    check_range("quality", shot.quality, 1, 100)
    check_choice("format", shot.format, FORMATS)
    if shot.device:
        check_choice("device", shot.device, tuple(DEVICES))
        default = {field.name: field.default for field in fields(shot)}
        for name in ("width", "dpr"):
            if getattr(shot, name) != default[name]:
                raise ValueError(f"device {shot.device!r} has its own {name}; leave {name} out")


def name(shot: Any) -> str:
    """``repr`` of a screenshot: the device in place of the width and ratio that it stands for."""
    parts = []
    for place, field in enumerate(fields(shot)):
        value = getattr(shot, field.name)
        if value != field.default or (place == 0 and not shot.device):
            parts.append(f"{field.name}={value!r}")
    return f"{type(shot).__name__}({', '.join(parts)})"
