"""Drawing a visible mark: a font that has its characters, a size that the standard asks for, a place in a corner."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import NotApplicable, Unavailable

if TYPE_CHECKING:
    import numpy as np

CORNERS = ("bottom-right", "bottom-left", "top-right", "top-left")
#: Characters are never drawn lower than this (pixels): 5 % of a thumbnail's side is nothing that anyone could read.
LEAST_HEIGHT = 10
#: Distance from the edge, in character heights.
MARGIN = 0.5
#: Where systems keep fonts, and what fonts with Chinese characters are called there.
FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts",
    "/System/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip
NAMES = (
    "NotoSansCJK*", "NotoSansSC*", "SourceHanSans*", "NotoSerifCJK*", "wqy-*", "DroidSansFallback*", "ipaexg*",
    "PingFang*", "Hiragino*", "msyh*", "simhei*",
)  # fmt: skip


def draw(pixels: np.ndarray, text: str, wording: str, corner: str, height: float) -> np.ndarray:
    """The picture with the text in a corner, white with a thin dark outline, so that it shows on white and on black.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        text: what to write.
        wording: the characters of it whose ink must be as high as asked for.
        corner: one of ``CORNERS``.
        height: ink of the lowest of these characters, as a share of the shortest side, outline not counted.

    Raises:
        NotApplicable: ``E_NOT_APPLICABLE`` when the text does not fit into the picture at that height.
        Unavailable: ``E_NO_FONT``.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    path = font_for(text)
    asked = max(height * min(pixels.shape[:2]), LEAST_HEIGHT)
    size = math.ceil(asked / _lowest_ink(path, wording))
    font = _font(path, size)
    stroke = max(1, round(size / 16))
    margin = round(asked * MARGIN)
    image = Image.fromarray(pixels)
    drawing = ImageDraw.Draw(image)
    left, top, right, bottom = drawing.textbbox((0, 0), text, font=font, stroke_width=stroke)
    wide, high = math.ceil(right - left), math.ceil(bottom - top)
    if wide + 2 * margin > image.width or high + 2 * margin > image.height:
        raise NotApplicable(
            "E_NOT_APPLICABLE",
            f"{text} takes {wide}x{high} pixels at {height:.0%} of the shortest side; the picture has "
            f"{image.width}x{image.height}",
        )
    x = image.width - margin - wide if corner.endswith("right") else margin
    y = image.height - margin - high if corner.startswith("bottom") else margin
    drawing.text((x - left, y - top), text, fill="white", font=font, stroke_width=stroke, stroke_fill=(24, 24, 24))
    return np.asarray(image)


@functools.lru_cache(maxsize=16)
def font_for(text: str) -> str:
    """A font file that has every character of the text.

    ASCII is drawn in matplotlib's DejaVu Sans, which is always here, other characters in the font of
    ``matplotlib-fontja`` (IPAexGothic) before whatever the system has, so that two machines draw the same mark.

    Raises:
        Unavailable: ``E_NO_FONT``.
    """
    for path in (*_packaged(text), *_installed()):
        if _has(str(path), text):
            return str(path)
    raise Unavailable("E_NO_FONT", f"no font here has all of {text}; run: pip install 'washtest[visible]'")


def _packaged(text: str) -> Iterator[Path]:
    latin = ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf")
    for package, file in (*((latin,) if text.isascii() else ()), ("matplotlib_fontja", "fonts/ipaexg.ttf")):
        # Not imported: matplotlib takes long, and the font package changes its settings.
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            if (path := Path(folder) / file).is_file():
                yield path


def _installed() -> Iterable[Path]:
    folders = [path for folder in FOLDERS if (path := Path(folder).expanduser()).is_dir()]
    for name in NAMES:
        for folder in folders:
            yield from sorted(path for path in folder.rglob(name) if path.suffix.lower() in (".ttf", ".ttc", ".otf"))


def _has(path: str, text: str) -> bool:
    """Whether the font has every character; one that it lacks is drawn as the same box as a noncharacter."""
    try:
        font = _font(path, 32)
    except OSError:
        return False
    box = bytes(font.getmask("\uffff"))
    return all(bytes(font.getmask(letter)) != box for letter in text if not letter.isspace())


@functools.lru_cache(maxsize=16)
def _lowest_ink(path: str, letters: str) -> float:
    """Ink height of the lowest of these characters, in ems."""
    size = 1000
    boxes = (_font(path, size).getbbox(letter) for letter in set(letters))
    return float(min(bottom - top for _, top, _, bottom in boxes)) / size


@functools.lru_cache(maxsize=16)
def _font(path: str, size: int) -> Any:
    from PIL import ImageFont

    # The basic layout: the other one needs a library that not every machine has, and places letters differently.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
