"""An SVG file made fit to stand inside an HTML page under a strict Content-Security-Policy."""

from __future__ import annotations

import html
import re

_STYLE = re.compile(r' style="([^"]*)"')
_IDS = re.compile(r'( id="|(?:xlink:)?href="#|url\(#)')
_LENGTH = re.compile(r'(<svg[^>]*?) (width|height)="([0-9.]+)pt"')

_USED = re.compile(r'(?:href="#|url\(#)([^")]+)')
_ID = re.compile(r' id="([^"]*)"')
_GLYPH = re.compile(r'(<use [^>]*?) transform="translate\(([0-9.]+) 0\)"/>')

#: CSS pixels per point: on a screen charts stand a fifth larger than in print.
SCALE = 1.6


def inline_svg(svg: str, prefix: str, title: str) -> str:
    """The ``svg`` element of a matplotlib file, for a page that allows no style attributes.

    Style attributes become presentation attributes, which mean the same; ids get a prefix, since every chart of a page
    would otherwise use the same ones, and those that nothing refers to go; the size stays in the view box only.

    Args:
        svg: the whole file.
        prefix: unique in the page.
        title: what the chart shows, for those who do not see it.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.S)
    # The only style sheet matplotlib writes says this; in a page it would reach beyond the chart.
    body = re.sub(r"<style[^>]*>.*?</style>\s*", "", body, flags=re.S)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.S)
    body = _STYLE.sub(_attributes, body)
    # Most of a chart is glyphs: their places say the same in a third of the bytes, to a hundredth of a font unit.
    body = _GLYPH.sub(lambda m: f'{m[1]} x="{float(m[2]):.2f}"/>', body)
    used = set(_USED.findall(body))
    body = _ID.sub(lambda m: m[0] if m[1] in used else "", body)
    body = _IDS.sub(rf"\g<1>{prefix}-", body).replace("xlink:href", "href")
    while _LENGTH.search(body):
        body = _LENGTH.sub(lambda m: f'{m[1]} {m[2]}="{float(m[3]) * SCALE:.0f}"', body)
    body = re.sub(r' xmlns:xlink="[^"]*"| version="1.1"', "", body)
    body = re.sub(r"\n\s*", "\n", body)
    label = f'<title id="{prefix}-title">{html.escape(title)}</title>'
    start = f'<svg role="img" aria-labelledby="{prefix}-title" stroke-linejoin="round" stroke-linecap="butt"'
    opening, rest = body.split(">", 1)
    return opening.replace("<svg", start, 1) + ">" + label + rest


def _attributes(match: re.Match[str]) -> str:
    """``style="fill: none; stroke: #000"`` as ``fill="none" stroke="#000"``."""
    pairs = (declaration.split(":", 1) for declaration in match[1].split(";") if ":" in declaration)
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)
