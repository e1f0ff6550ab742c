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
import io
import re
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import rgb2hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Transform

from bench.analysis.charts.glyphs import Words, line_height, measured, number, outline

#: CSS pixels per point: on a screen charts stand a fifth larger than in print.
SCALE = 1.6

#: Pixels that a picture has for each point: 200 to the inch, as in PNG files.
MAGNIFICATION = 200 / 72

#: Stand for the prefix of a page's ids and for the name of a reference, until they are known; no text has them.
_PREFIX, _LINK = "\0", "\1"

#: What XML cannot hold.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

#: Side of the square that a hatch is repeated in, points.
_HATCH = 72

_CAPS = {"projecting": "square", "round": "round"}
_ROOT = 'stroke-linejoin="round" stroke-linecap="butt"'


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
        self._pieces: list[str | Words] = []
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
        width, height = number(self.width), number(self.height)
        return (
            (
                '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n<!-- Creator: washtest -->\n'
                '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
                f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}" {_ROOT}>\n'
                f"<defs>\n{shapes}\n</defs>\n{body}\n</svg>\n"
            )
            .replace(_PREFIX, "")
            .replace(_LINK, "xlink:href")
        )

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
            f'viewBox="0 0 {number(self.width)} {number(self.height)}">\n{shapes}{body}\n</svg>'
        ).replace(_LINK, "href").replace(_PREFIX, f"{prefix}-")  # fmt: skip

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
        d, box = outline(path, transform)
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
            d, (left, top, right, bottom) = outline(marker_path, shape)
            name = self._define("m", f'<path d="{d}"{self._look(gc, rgbFace)}/>')
            uses = [f'<use {_LINK}="#{name}" x="{number(x)}" y="{number(y)}"/>' for x, y in places.tolist()]
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
        look += "" if alpha == 1 else f' opacity="{number(alpha)}"'
        self._pieces.append(Words(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", s), x, y, angle, prop.copy(), look))

    def draw_image(self, gc: GraphicsContextBase, x: float, y: float, im: Any, transform: Any = None) -> None:
        """Pixels ``(height, width, 4)`` uint8, the lowest row first, at the size that they are shown in."""
        from PIL import Image

        data = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(im[::-1])).save(data, format="png")
        height, width = (pixels / MAGNIFICATION for pixels in im.shape[:2])
        place = f'x="{number(x)}" y="{number(self.height - y - height)}" width="{number(width)}"'
        coded = base64.b64encode(data.getvalue()).decode()
        clip = self._clip(gc, (x, self.height - y - height, x + width, self.height - y))
        image = f'<image {place} height="{number(height)}" {_LINK}="data:image/png;base64,{coded}"/>'
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
        return measured(s, prop)

    def _get_font_height_metrics(self, prop: FontProperties) -> tuple[float, float, float]:
        """A font's ascent, descent and line gap in points; matplotlib would look for its file for every text."""
        return line_height(prop)

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
            look += f' fill-opacity="{number(fill[3])}"' if len(fill) == 4 and fill[3] != 1 and not forced else ""
        if forced and gc.get_alpha() != 1:
            look += f' opacity="{number(gc.get_alpha())}"'
        if width := gc.get_linewidth():
            colour = gc.get_rgb()
            look += f' stroke="{_colour(colour)}"'
            look += f' stroke-opacity="{number(colour[3])}"' if colour[3] != 1 and not forced else ""
            look += f' stroke-width="{number(width)}"' if width != 1 else ""
            offset, dashes = gc.get_dashes()
            if dashes is not None:
                look += f' stroke-dasharray="{",".join(map(number, np.asarray(dashes).tolist()))}"'
                look += f' stroke-dashoffset="{number(float(offset))}"' if offset else ""
            look += f' stroke-linejoin="{gc.get_joinstyle()}"' if gc.get_joinstyle() != "round" else ""
            look += f' stroke-linecap="{_CAPS[gc.get_capstyle()]}"' if gc.get_capstyle() in _CAPS else ""
        return look

    def _hatch(self, gc: GraphicsContextBase, fill: Any) -> str:
        d, _ = outline(gc.get_hatch_path(), Affine2D().scale(_HATCH, -_HATCH).translate(0, _HATCH))
        ink, width = _colour(gc.get_hatch_color()), number(gc.get_hatch_linewidth())
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
            d, _ = outline(path, transform + self._flip)
            name = self._define("p", f'<clipPath><path d="{d}"/></clipPath>')
            return f' clip-path="url(#{name})"'
        clip = gc.get_clip_rectangle()
        if clip is None:
            return ""
        left, top, right, bottom = clip.x0, self.height - clip.y1, clip.x1, self.height - clip.y0
        half = gc.get_linewidth() / 2
        if box[0] - half >= left and box[1] - half >= top and box[2] + half <= right and box[3] + half <= bottom:
            return ""
        place = f'x="{number(left)}" y="{number(top)}" width="{number(right - left)}"'
        name = self._define("p", f'<clipPath><rect {place} height="{number(bottom - top)}"/></clipPath>')
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


def _colour(rgb: Any) -> str:
    return _hex(tuple(rgb[:3]))


@functools.lru_cache(maxsize=1000)
def _hex(rgb: Any) -> str:
    return rgb2hex(rgb)
