"""Text and outlines of charts as SVG: a word is laid out once, however many charts and sizes it stands in."""

from __future__ import annotations

import functools
import html
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from matplotlib import font_manager, ft2font
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.transforms import IdentityTransform, Transform

#: Classes of letters and marks that turn the direction of text.
_LEFTWARDS = ("R", "AL", "AN", "RLE", "RLO", "RLI")

T = TypeVar("T")

_LETTERS = {int(Path.MOVETO): "M", int(Path.LINETO): "L", int(Path.CURVE3): "Q", int(Path.CURVE4): "C"}


@dataclass(frozen=True)
class Words:
    """A line of text: where its baseline starts, in points from the top left, its turn in degrees and its look."""

    text: str
    x: float
    y: float
    angle: float
    prop: FontProperties
    look: str

    def outlines(self, known: dict[str, str]) -> str:
        """As references to glyphs; those not yet known are added."""
        glyphs, uses, _ = _run(self.text, *_face(self.prop))
        known.update(glyphs)
        size = self.prop.get_size_in_points() / text_to_path.FONT_SCALE
        turn = f" rotate({number(-self.angle)})" if self.angle else ""
        place = f'transform="translate({number(self.x)} {number(self.y)}){turn} scale({size:g} {-size:g})"'
        return f'<g aria-label="{html.escape(self.text)}"{self.look} {place}>{uses}</g>'

    def text_element(self) -> str:
        """As a ``text`` element. Its length is fixed, so that another font changes its look and not its place."""
        *_, length = _run(self.text, *_face(self.prop))
        size = self.prop.get_size_in_points()
        place = f' x="{number(self.x)}" y="{number(self.y)}"'
        if self.angle:
            place = f' transform="translate({number(self.x)} {number(self.y)}) rotate({number(-self.angle)})"'
        fixed = f' textLength="{number(length * size / text_to_path.FONT_SCALE)}"' if length else ""
        weight = ' font-weight="bold"' if self.prop.get_weight() == "bold" else ""
        blanks = ' xml:space="preserve"' if self.text != " ".join(self.text.split()) else ""
        look = f'{place} font-size="{size:g}"{weight}{self.look}{fixed}{blanks}'
        return f"<text{look}>{html.escape(self.text, quote=False)}</text>"


def measured(text: str, prop: FontProperties) -> tuple[float, float, float]:
    """Width, height and descent of a line of text in points."""
    scale = prop.get_size_in_points() / text_to_path.FONT_SCALE
    width, height, descent = _measured(text, *_face(prop))
    return width * scale, height * scale, descent * scale


def line_height(prop: FontProperties) -> tuple[float, float, float]:
    """Ascent, descent and line gap of a font in points."""
    up, down, gap = _height(*_face(prop))
    size = prop.get_size_in_points()
    return up * size, down * size, gap * size


def number(value: float) -> str:
    """To 1/100."""
    return f"{round(float(value), 2) + 0.0:.7g}"


def outline(path: Any, transform: Transform) -> tuple[str, tuple[float, float, float, float]]:
    """A path's ``d``, "" where nothing of it has a place; and left, top, right and bottom of its points."""
    clean: Any = path.cleaned(transform, remove_nans=True, curves=True)
    points, codes = clean.vertices[:-1], clean.codes[:-1]  # the last says stop
    shown = points[codes != Path.CLOSEPOLY]
    if not len(shown):
        return "", (0, 0, 0, 0)
    words = [f"{x:.7g} {y:.7g}" for x, y in (np.round(points, 2) + 0.0).tolist()]
    parts: list[str] = []
    # A letter stands for all points up to the next one of another kind; each move has its own.
    last = 0
    for code, word in zip(codes.tolist(), words, strict=True):
        if code == Path.CLOSEPOLY:
            parts.append("z")
        else:
            parts.append(word if code == last and code != Path.MOVETO else _LETTERS[code] + word)
        last = code
    low, high = shown.min(axis=0), shown.max(axis=0)
    return " ".join(parts), (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _face(prop: FontProperties) -> tuple[tuple[str, ...], str]:
    """What of a font's properties charts set, beside its size."""
    return tuple(prop.get_family()), str(prop.get_weight())


def _settled(make: Callable[[], T]) -> T:
    """What comes out twice in a row: now and then matplotlib 3.11 lays a text out wrongly the first time.

    Seen in about one in ten drawing processes of a busy machine, with other advances and without kerning and ligatures,
    where the same call on the same font was right a moment later. Why is not known.
    """
    made = make()
    for _ in range(8):
        before, made = made, make()
        if made == before:
            break
    return made


def _laid_out(text: str, families: tuple[str, ...], weight: str) -> list[tuple[str, float, float]]:
    """The glyphs of a text at ``FONT_SCALE`` and their places; outlines that are new are kept."""
    font = _font(families, weight)
    font.set_size(text_to_path.FONT_SCALE, text_to_path.DPI)
    found, new, _ = text_to_path.get_glyphs_with_font(font, text, glyph_map=_outlines, return_new_glyphs_only=True)
    for glyph, (points, codes) in new.items():
        _outlines[glyph] = outline(Path(points, codes), IdentityTransform())[0] if len(points) else ""
    return [(glyph, float(x), float(y)) for glyph, x, y, _ in found]


@functools.lru_cache(maxsize=20_000)
def _measured(text: str, families: tuple[str, ...], weight: str) -> tuple[float, float, float]:
    """Width, height and descent of a text at ``FONT_SCALE``."""
    prop = FontProperties(family=list(families), weight=weight, size=text_to_path.FONT_SCALE)
    return _settled(lambda: text_to_path.get_text_width_height_descent(text, prop, ismath=False))


#: Glyphs as matplotlib names them -> their outlines at ``FONT_SCALE``.
_outlines: dict[str, Any] = {}


@functools.lru_cache(maxsize=20_000)
def _run(text: str, families: tuple[str, ...], weight: str) -> tuple[dict[str, str], str, float]:
    """A text laid out at ``FONT_SCALE``: its glyphs' outlines by id, references to them, and how far it reaches.

    The reach is 0 where a glyph comes from a font other than DejaVu Sans, whose advance is not asked for, and where
    text runs from right to left, so that the last letter is not the last glyph.
    """
    found = _settled(lambda: _laid_out(text, families, weight))
    names = {glyph: glyph.replace("%20", "_") for glyph, *_ in found}
    uses = "".join(f'<use xlink:href="#{names[glyph]}"{_place("x", x)}{_place("y", y)}/>' for glyph, x, y in found)
    shapes = {name: _outlines[glyph] for glyph, name in names.items()}
    reach = 0.0
    if len(text) > 1 and all(name.startswith("DejaVuSans") for name in names.values()):
        if not text.isascii() and any(unicodedata.bidirectional(letter) in _LEFTWARDS for letter in text):
            reach = 0.0
        elif len(found) == len(text) and not unicodedata.combining(text[-1]):
            last = _font(families, weight).load_char(ord(text[-1]), flags=ft2font.LoadFlags.NO_HINTING)
            reach = found[-1][1] + last.linearHoriAdvance / 65536
        else:  # a ligature or an accent may be its last glyph: where a blank after it would stand
            reach = _settled(lambda: _laid_out(f"{text} ", families, weight))[-1][1]
    return shapes, uses, float(reach)


def _place(name: str, value: float) -> str:
    return f' {name}="{number(value)}"' if value else ""


@functools.cache
def _font(families: tuple[str, ...], weight: str) -> ft2font.FT2Font:
    """The fonts of the style, each for what the one before lacks; whoever else draws with them sets their size."""
    files = [font_manager.findfont(FontProperties(family=family, weight=weight)) for family in families]
    return font_manager.get_font(list(dict.fromkeys(files)))


@functools.cache
def _height(families: tuple[str, ...], weight: str) -> tuple[float, float, float]:
    """Ascent, descent and line gap of the first of these fonts, in parts of its size."""
    font = _font(families, weight)
    table: Any = font.get_sfnt_table("OS/2")
    names = "sTypoAscender", "sTypoDescender", "sTypoLineGap"
    if table is None:
        table, names = font.get_sfnt_table("hhea"), ("ascent", "descent", "lineGap")
    up, down, gap = (table[name] / font.units_per_EM for name in names)
    return up, -down, gap
