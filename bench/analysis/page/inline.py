"""An SVG file made fit to stand inside an HTML page: small, readable, and under a strict Content-Security-Policy."""

from __future__ import annotations

import functools
import html
import re
from typing import NamedTuple

from matplotlib import font_manager, ft2font

_STYLE = re.compile(r' style="([^"]*)"')
_IDS = (' id="', 'href="#', "url(#")
_LENGTH = re.compile(r'(<svg[^>]*?) (width|height)="([0-9.]+)pt"')

_USED = re.compile(r'(?:href="#|url\(#)([^")]+)')
_ID = re.compile(r' id="([^"]*)"')
_DECIMALS = re.compile(r"(?<=\.\d\d)\d+")
_NUMBERS = re.compile(r'( (?:d|x|y|width|height)="|translate\()([^")]*)')
_MARKERS = re.compile(r'<use [^>]* y="')
_EMPTY = re.compile(r"<g/>\s*|<g>\s*</g>\s*|<defs/>\s*|<defs>\s*</defs>\s*")

#: A text as matplotlib draws it: its words as a comment, then a group with a ``use`` element for every character.
_TEXT = re.compile(
    r"<!-- ([^-]*(?:-(?!->)[^-]*)*) -->\s*"
    r'<g((?: style="[^"]*")?) transform="([^"]*?) ?scale\(([0-9.]+) -[0-9.]+\)">\s*'
    r"(?:<defs>[^<]*(?:<(?!/?defs>)[^<]*)*</defs>\s*)?"
    r"((?:<use [^>]*/>\s*)+)</g>",
    re.S,
)
_PLACE = re.compile(r'<use xlink:href="#([^"]*)-[0-9a-f]+"(?: transform="translate\(([0-9.]+) 0\)")?/>')

#: Letters that the charts' font draws as one glyph.
_LIGATURES = re.compile("ff[il]?|f[il]")

#: The font of the charts as matplotlib names its glyphs -> its weight.
_FONTS = {"DejaVuSans": "normal", "DejaVuSans-Bold": "bold"}

#: Glyphs stand in hundredths of the font's size.
_UNITS = 100

#: CSS pixels per point: on a screen charts stand a fifth larger than in print.
SCALE = 1.6


def inline_svg(svg: str, prefix: str) -> str:
    """The ``svg`` element of a matplotlib file, for a page that allows no style attributes.

    Text becomes text again, which takes a tenth of the bytes of its glyphs and can be searched and selected; its
    length is fixed, so that another font changes its look and not its place. Style attributes become presentation
    attributes, which mean the same; ids get a prefix, since every chart of a page would otherwise use the same ones,
    and those that nothing refers to go; the size stays in the view box only; places are kept to 1/100 point.

    Args:
        svg: the whole file.
        prefix: unique in the page; the element with the id ``prefix-label`` names the chart.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.S)
    # The only style sheet matplotlib writes says this; in a page it would reach beyond the chart.
    body = re.sub(r"<style[^>]*>.*?</style>\s*", "", body, flags=re.S)
    body = _as_text(body)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.S)
    body = _STYLE.sub(lambda match: _attributes(match[1]), body)
    body = _NUMBERS.sub(lambda m: m[1] + _DECIMALS.sub("", m[2].strip().replace("\n", "")), body)
    used = set(_USED.findall(body))
    body = _ID.sub(lambda m: m[0] if m[1] in used else "", body)
    for start in _IDS:
        body = body.replace(start, f"{start}{prefix}-")
    body = body.replace("xlink:href", "href")
    while _LENGTH.search(body):
        body = _LENGTH.sub(lambda m: f'{m[1]} {m[2]}="{float(m[3]) * SCALE:.0f}"', body)
    body = re.sub(r' xmlns:xlink="[^"]*"| version="1.1"', "", body)
    while _EMPTY.search(body):
        body = _EMPTY.sub("", body)
    body = re.sub(r"\n\s*", "\n", body)
    start = f'<svg role="img" aria-labelledby="{prefix}-label" stroke-linejoin="round" stroke-linecap="butt"'
    return body.replace("<svg", start, 1)


def frame_rule(svg: str, prefix: str) -> str:
    """The CSS rule that gives the element with the id ``prefix`` the size of this inlined chart, before it is drawn."""
    width, height = (int(text) for text in re.findall(r' (?:width|height)="(\d+)"', svg[: svg.index(">")]))
    return f"#{prefix} {{ width: {width}px; aspect-ratio: {width} / {height}; }}"


@functools.lru_cache(maxsize=1 << 12)  # thousands of elements, tens of styles
def _attributes(style: str) -> str:
    """``fill: none; stroke: #000`` as ``fill="none" stroke="#000"``."""
    pairs = (declaration.split(":", 1) for declaration in style.split(";") if ":" in declaration)
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)


def _as_text(body: str) -> str:
    """Glyphs as ``text`` elements: all of them or none, since a glyph is defined where it is first used."""
    parts, end, glyphs = [], 0, 0
    for match in _TEXT.finditer(body):
        comment, style, place, scale, uses = match.groups()
        if (found := _text(comment, scale, uses)) is None:
            return body
        glyphs += found.glyphs
        parts += [body[end : match.start()], f'<text{style} transform="{place.strip()}"{found.rest}</text>']
        end = match.end()
    if glyphs != body.count("<use ") - len(_MARKERS.findall(body)):
        return body
    return "".join(parts) + body[end:]


class _Text(NamedTuple):
    """What follows the place of a text in its element, and how many glyphs it has."""

    rest: str
    glyphs: int


@functools.lru_cache(maxsize=1 << 12)  # the charts of a run share most of their texts
def _text(comment: str, scale: str, glyphs: str) -> _Text | None:
    """A text that was drawn as these ``use`` elements, None where its words are not those of its glyphs."""
    # A comment cannot hold two hyphens in a row: matplotlib puts a blank between them.
    words = html.unescape(comment).replace("- -", "--")
    places = _PLACE.findall(glyphs)
    if not len(_LIGATURES.sub("f", words)) == len(places) == glyphs.count("<use"):
        return None
    fonts = {font for font, _ in places}
    weight = ' font-weight="bold"' if "DejaVuSans-Bold" in fonts else ""
    length = ""
    if fonts <= set(_FONTS) and len(words) > 1:
        advance = _advance(words[-1], _FONTS[next(iter(fonts))])
        length = f' textLength="{(float(places[-1][1] or 0) + advance) * float(scale):.2f}"'
    size = f"{float(scale) * _UNITS:.4g}"
    return _Text(f' font-size="{size}"{weight}{length}>{html.escape(words)}', len(places))


@functools.cache
def _advance(character: str, weight: str) -> float:
    """How far a character of the charts' font moves the next one, in hundredths of the font's size."""
    font = _font(weight)
    glyph = font.load_char(ord(character), flags=ft2font.LoadFlags.NO_HINTING)
    return float(glyph.linearHoriAdvance) / 65536


@functools.cache
def _font(weight: str) -> ft2font.FT2Font:
    name = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight=weight))
    font = font_manager.get_font(name)
    font.set_size(_UNITS, 72)
    return font
