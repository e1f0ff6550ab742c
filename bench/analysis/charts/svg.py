"""Charts as SVG: a matplotlib renderer that writes small files, and the same drawing for a page of HTML.

matplotlib's own writer draws most of its time at text, glyph by glyph and anew in every chart. Here a word is laid out
once for all charts, places are kept to 1/100 point, and one drawing gives both forms: a file whose text is outlines,
which looks the same on a machine without these fonts, and an element for a page, whose text is text, can be searched
and selected, and takes a tenth of the bytes. Only what charts use is implemented (no gradients, no URLs).

The interface is that of ``matplotlib.backend_bases.RendererBase``.
"""

from __future__ import annotations

import base64
import functools
import html
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import font_manager, ft2font
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import rgb2hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D, IdentityTransform, Transform

#: CSS pixels per point: on a screen charts stand a fifth larger than in print.
SCALE = 1.6

#: Pixels that a picture has for each point: 200 to the inch, as in PNG files.
MAGNIFICATION = 200 / 72

#: Stands for the prefix of a page's ids until it is known.
_PREFIX = "\0"

#: Side of the square that a hatch is repeated in, points.
_HATCH = 72

_LETTERS = {int(Path.MOVETO): "M", int(Path.LINETO): "L", int(Path.CURVE3): "Q", int(Path.CURVE4): "C"}
_CAPS = {"projecting": "square", "round": "round"}
_ROOT = 'stroke-linejoin="round" stroke-linecap="butt"'


@dataclass(frozen=True)
class _Words:
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
        turn = f" rotate({_number(-self.angle)})" if self.angle else ""
        place = f'transform="translate({_number(self.x)} {_number(self.y)}){turn} scale({size:g} {-size:g})"'
        return f'<g aria-label="{html.escape(self.text)}"{self.look} {place}>{uses}</g>'

    def text_element(self) -> str:
        """As a ``text`` element. Its length is fixed, so that another font changes its look and not its place."""
        *_, length = _run(self.text, *_face(self.prop))
        size = self.prop.get_size_in_points()
        place = f' x="{_number(self.x)}" y="{_number(self.y)}"'
        if self.angle:
            place = f' transform="translate({_number(self.x)} {_number(self.y)}) rotate({_number(-self.angle)})"'
        fixed = f' textLength="{_number(length * size / text_to_path.FONT_SCALE)}"' if length else ""
        weight = ' font-weight="bold"' if self.prop.get_weight() == "bold" else ""
        blanks = ' xml:space="preserve"' if self.text != " ".join(self.text.split()) else ""
        look = f'{place} font-size="{size:g}"{weight}{self.look}{fixed}{blanks}'
        return f"<text{look}>{html.escape(self.text, quote=False)}</text>"


class Drawing(RendererBase):
    """What a figure draws, kept as pieces of SVG.

    Args:
        width: of the figure in points.
        height: likewise.
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__()
        self.width, self.height = width, height
        self._flip = Affine2D().scale(1, -1).translate(0, height)
        self._pieces: list[str | _Words] = []
        self._ids: dict[str, str] = {}
        self._defined: list[str] = []

    @classmethod
    def of(cls, figure: Figure) -> Drawing:
        """A figure, drawn."""
        dpi = figure.dpi
        figure.dpi = 72
        try:
            width, height = (72 * float(inches) for inches in figure.get_size_inches())
            made = cls(width, height)
            figure.draw(made)
        finally:
            figure.dpi = dpi
        return made

    # The two forms ----------------------------------------------------------------------------------------------------

    def file(self) -> str:
        """A whole SVG 1.1 file."""
        glyphs: dict[str, str] = {}
        body = "\n".join(piece if isinstance(piece, str) else piece.outlines(glyphs) for piece in self._pieces)
        shapes = "\n".join([*self._defined, *(f'<path id="{name}" d="{d}"/>' for name, d in glyphs.items())])
        width, height = _number(self.width), _number(self.height)
        return (
            '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n<!-- Creator: washtest -->\n'
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
            f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}" {_ROOT}>\n'
            f"<defs>\n{shapes}\n</defs>\n{body}\n</svg>\n"
        ).replace(_PREFIX, "")

    def element(self, prefix: str) -> str:
        """An ``svg`` element for a page under a strict Content-Security-Policy.

        Args:
            prefix: unique in the page; its element with the id ``prefix-label`` names the chart.
        """
        body = "\n".join(piece if isinstance(piece, str) else piece.text_element() for piece in self._pieces)
        shapes = "".join(f"<defs>\n{shape}\n</defs>\n" for shape in ["\n".join(self._defined)] if shape)
        width, height = (f"{SCALE * points:.0f}" for points in (self.width, self.height))
        return (
            f'<svg role="img" aria-labelledby="{_PREFIX}label" {_ROOT} width="{width}" height="{height}" '
            f'viewBox="0 0 {_number(self.width)} {_number(self.height)}">\n{shapes}{body}\n</svg>'
        ).replace("xlink:href", "href").replace(_PREFIX, f"{prefix}-")  # fmt: skip

    # What matplotlib asks for -----------------------------------------------------------------------------------------

    def draw_path(
        self,
        gc: GraphicsContextBase,
        path: Path,
        transform: Transform,
        rgbFace: Any = None,
    ) -> None:
        """A shape."""
        self._draw(gc, path, transform + self._flip, rgbFace)

    def _draw(self, gc: GraphicsContextBase, path: Path, transform: Transform, fill: Any) -> None:
        """A shape in points from the top left."""
        d, box = _outline(path, transform)
        if d:
            self._pieces.append(f'<path d="{d}"{self._look(gc, fill)}{self._clip(gc, box)}/>')

    def draw_markers(
        self, gc: GraphicsContextBase, marker_path: Path, marker_trans: Transform, path: Path, trans: Transform,
        rgbFace: Any = None,
    ) -> None:  # fmt: skip
        """The same shape at each of these places."""
        places = (trans + self._flip).transform(path.vertices)
        places = places[np.isfinite(places).all(axis=1)]
        shape = marker_trans + Affine2D().scale(1, -1)
        if len(places) == 1:
            self._draw(gc, marker_path, shape + Affine2D().translate(*places[0]), rgbFace)
        elif len(places):
            d, (left, top, right, bottom) = _outline(marker_path, shape)
            name = self._define("m", f'<path d="{d}"{self._look(gc, rgbFace)}/>')
            uses = [f'<use xlink:href="#{name}" x="{_number(x)}" y="{_number(y)}"/>' for x, y in places.tolist()]
            (x0, y0), (x1, y1) = places.min(axis=0), places.max(axis=0)
            # Around them, since each would move its own clip along.
            clip = self._clip(gc, (x0 + left, y0 + top, x1 + right, y1 + bottom))
            self._pieces += [f"<g{clip}>", *uses, "</g>"] if clip else uses

    def draw_text(
        self, gc: GraphicsContextBase, x: float, y: float, s: str, prop: FontProperties, angle: float,
        ismath: bool | str = False, mtext: Any = None,
    ) -> None:  # fmt: skip
        """A line of text, never a formula."""
        colour, alpha = gc.get_rgb(), gc.get_alpha() if gc.get_forced_alpha() else gc.get_rgb()[3]
        look = "" if _colour(colour) == "#000000" else f' fill="{_colour(colour)}"'
        look += "" if alpha == 1 else f' opacity="{_number(alpha)}"'
        self._pieces.append(_Words(s, x, y, angle, prop.copy(), look))

    def draw_image(self, gc: GraphicsContextBase, x: float, y: float, im: Any, transform: Any = None) -> None:
        """Pixels ``(height, width, 4)`` uint8, the lowest row first, at the size that they are shown in."""
        from PIL import Image

        data = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(im[::-1])).save(data, format="png")
        height, width = (pixels / MAGNIFICATION for pixels in im.shape[:2])
        place = f'x="{_number(x)}" y="{_number(self.height - y - height)}" width="{_number(width)}"'
        coded = base64.b64encode(data.getvalue()).decode()
        clip = self._clip(gc, (x, self.height - y - height, x + width, self.height - y))
        image = f'<image {place} height="{_number(height)}" xlink:href="data:image/png;base64,{coded}"/>'
        self._pieces.append(f"<g{clip}>{image}</g>" if clip else image)

    def get_image_magnification(self) -> float:
        """Pixels of a picture for each point."""
        return MAGNIFICATION

    def option_image_nocomposite(self) -> bool:
        """Pictures are not blended into one."""
        return True

    def flipy(self) -> bool:
        """The origin is at the top."""
        return True

    def get_canvas_width_height(self) -> tuple[float, float]:
        """In points."""
        return self.width, self.height

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: bool | str
    ) -> tuple[float, float, float]:
        """Size of a line of text in points."""
        scale = prop.get_size_in_points() / text_to_path.FONT_SCALE
        width, height, descent = _measured(s, *_face(prop))
        return width * scale, height * scale, descent * scale

    def _get_font_height_metrics(self, prop: FontProperties) -> tuple[float, float, float]:
        """A font's ascent, descent and line gap in points; matplotlib would look for its file for every text."""
        up, down, gap = _height(*_face(prop))
        size = prop.get_size_in_points()
        return up * size, down * size, gap * size

    # The pieces' attributes -------------------------------------------------------------------------------------------

    def _look(self, gc: GraphicsContextBase, fill: Any) -> str:
        """Fill and stroke; black without a stroke is what SVG draws anyway."""
        forced = gc.get_forced_alpha()
        look = ""
        if gc.get_hatch() is not None:
            look += f' fill="url(#{self._hatch(gc, fill)})"'
        elif fill is None:
            look += ' fill="none"'
        else:
            look += "" if tuple(fill[:3]) == (0, 0, 0) else f' fill="{_colour(fill)}"'
            look += f' fill-opacity="{_number(fill[3])}"' if len(fill) == 4 and fill[3] != 1 and not forced else ""
        if forced and gc.get_alpha() != 1:
            look += f' opacity="{_number(gc.get_alpha())}"'
        if width := gc.get_linewidth():
            colour = gc.get_rgb()
            look += f' stroke="{_colour(colour)}"'
            look += f' stroke-opacity="{_number(colour[3])}"' if colour[3] != 1 and not forced else ""
            look += f' stroke-width="{_number(width)}"' if width != 1 else ""
            offset, dashes = gc.get_dashes()
            if dashes is not None:
                look += f' stroke-dasharray="{",".join(map(_number, np.asarray(dashes).tolist()))}"'
                look += f' stroke-dashoffset="{_number(float(offset))}"' if offset else ""
            look += f' stroke-linejoin="{gc.get_joinstyle()}"' if gc.get_joinstyle() != "round" else ""
            look += f' stroke-linecap="{_CAPS[gc.get_capstyle()]}"' if gc.get_capstyle() in _CAPS else ""
        return look

    def _hatch(self, gc: GraphicsContextBase, fill: Any) -> str:
        d, _ = _outline(gc.get_hatch_path(), Affine2D().scale(_HATCH, -_HATCH).translate(0, _HATCH))
        ink, width = _colour(gc.get_hatch_color()), _number(gc.get_hatch_linewidth())
        paper = "none" if fill is None else _colour(fill)
        return self._define(
            "h",
            f'<pattern patternUnits="userSpaceOnUse" width="{_HATCH}" height="{_HATCH}">'
            f'<rect width="{_HATCH}" height="{_HATCH}" fill="{paper}"/>'
            f'<path d="{d}" fill="{ink}" stroke="{ink}" stroke-width="{width}" stroke-linejoin="miter"/></pattern>',
        )

    def _clip(self, gc: GraphicsContextBase, box: tuple[float, float, float, float]) -> str:
        """Where it may be seen; nothing for what lies inside anyway."""
        path, transform = gc.get_clip_path()
        if path is not None and transform is not None:
            d, _ = _outline(path, transform + self._flip)
            name = self._define("p", f'<clipPath><path d="{d}"/></clipPath>')
            return f' clip-path="url(#{name})"'
        clip = gc.get_clip_rectangle()
        if clip is None:
            return ""
        left, top, right, bottom = clip.x0, self.height - clip.y1, clip.x1, self.height - clip.y0
        half = gc.get_linewidth() / 2
        if box[0] - half >= left and box[1] - half >= top and box[2] + half <= right and box[3] + half <= bottom:
            return ""
        place = f'x="{_number(left)}" y="{_number(top)}" width="{_number(right - left)}"'
        name = self._define("p", f'<clipPath><rect {place} height="{_number(bottom - top)}"/></clipPath>')
        return f' clip-path="url(#{name})"'

    def _define(self, kind: str, element: str) -> str:
        """The id of this element, which is defined once."""
        if element not in self._ids:
            name = self._ids[element] = f"{_PREFIX}{kind}{len(self._ids)}"
            tag = element[1:].split(" ", 1)[0].split(">", 1)[0]
            self._defined.append(element.replace(f"<{tag}", f'<{tag} id="{name}"', 1))
        return self._ids[element]


def frame_rule(element: str, prefix: str) -> str:
    """The CSS rule that gives the element with the id ``prefix`` the size of this chart before it is drawn."""
    width, height = (element.partition(f' {name}="')[2].partition('"')[0] for name in ("width", "height"))
    return f"#{prefix} {{ width: {width}px; aspect-ratio: {width} / {height}; }}"


def _number(value: float) -> str:
    """To 1/100."""
    return f"{round(float(value), 2) + 0.0:.7g}"


def _outline(path: Any, transform: Transform) -> tuple[str, tuple[float, float, float, float]]:
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


def _colour(rgb: Any) -> str:
    return _hex(tuple(rgb[:3]))


@functools.lru_cache(maxsize=1000)
def _hex(rgb: Any) -> str:
    return rgb2hex(rgb)


def _face(prop: FontProperties) -> tuple[tuple[str, ...], str]:
    """What of a font's properties charts set, beside its size."""
    return tuple(prop.get_family()), str(prop.get_weight())


@functools.lru_cache(maxsize=20_000)
def _measured(text: str, families: tuple[str, ...], weight: str) -> tuple[float, float, float]:
    """Width, height and descent of a text at ``FONT_SCALE``."""
    prop = FontProperties(family=list(families), weight=weight, size=text_to_path.FONT_SCALE)
    return text_to_path.get_text_width_height_descent(text, prop, ismath=False)


#: Glyphs as matplotlib names them -> their outlines at ``FONT_SCALE``.
_outlines: dict[str, Any] = {}


@functools.lru_cache(maxsize=20_000)
def _run(text: str, families: tuple[str, ...], weight: str) -> tuple[dict[str, str], str, float]:
    """A text laid out at ``FONT_SCALE``: its glyphs' outlines by id, references to them, and how far it reaches.

    The reach is 0 where a glyph comes from a font other than DejaVu Sans, whose advance is not asked for.
    """
    font = _font(families, weight)
    font.set_size(text_to_path.FONT_SCALE, text_to_path.DPI)
    found, new, _ = text_to_path.get_glyphs_with_font(font, text, glyph_map=_outlines, return_new_glyphs_only=True)
    for glyph, (points, codes) in new.items():
        _outlines[glyph] = _outline(Path(points, codes), IdentityTransform())[0] if len(points) else ""
    names = {glyph: glyph.replace("%20", "_") for glyph, *_ in found}
    uses = "".join(
        f'<use xlink:href="#{names[glyph]}"' + (f' x="{_number(x)}"/>' if x else "/>") for glyph, x, _, _ in found
    )
    shapes = {name: _outlines[glyph] for glyph, name in names.items()}
    reach = 0.0
    if len(text) > 1 and all(name.startswith("DejaVuSans") for name in names.values()):
        last = font.load_char(ord(text[-1]), flags=ft2font.LoadFlags.NO_HINTING)
        reach = found[-1][1] + last.linearHoriAdvance / 65536
    return shapes, uses, float(reach)


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
