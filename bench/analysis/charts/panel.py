"""Axes whose ticks cost little.

matplotlib makes five artists for every tick and measures every label several times over for each drawing, which is
most of what a chart of many small panels costs. A ``Panel`` is an ``Axes`` with its methods; only its two axis
objects are others: their grid is one path, their marks are one path, and a label is one text. They stand where
matplotlib puts them, at the bottom and at the left, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.patches import Patch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter
from matplotlib.transforms import IdentityTransform, Transform

from bench.analysis.stats import Floats

GROUPS = ("major", "minor")


def _settings() -> Any:
    """Those of the style; matplotlib's type knows no key that is put together."""
    return mpl.rcParams


class _Plain(Axis):
    """An axis drawn from its locators, formatters and ``_looks``, without tick objects.

    Attributes:
        side: where it stands, ``bottom`` or ``left``.
    """

    side: str
    axis_name: str
    axes: Any

    def clear(self) -> None:
        """Back to the style's settings."""
        super().clear()
        name, rc = self.axis_name, _settings()
        self._looks: dict[str, dict[str, Any]] = {
            group: {
                "gridOn": rc["axes.grid"] and group == "major",
                "length": rc[f"{name}tick.{group}.size"],
                "width": rc[f"{name}tick.{group}.width"],
                "pad": rc[f"{name}tick.{group}.pad"],
                "color": rc[f"{name}tick.color"],
                "labelcolor": rc[f"{name}tick.labelcolor"],
                "labelsize": rc[f"{name}tick.labelsize"],
                self.side: True,
                f"label{self.side}": True,
            }
            for group in GROUPS
        }
        self._words: dict[str, Any] = {}
        self._texts: tuple[object, list[Text]] = ((), [])

    def set_tick_params(self, which: str = "major", reset: bool = False, **kwargs: Any) -> None:
        """As matplotlib's, for what a panel has: nothing at the top or at the right, no rotation.

        Raises:
            TypeError: for anything else.
        """
        opposite = {"bottom": "top", "left": "right"}[self.side]
        kwargs = {name: value for name, value in kwargs.items() if value or name not in (opposite, f"label{opposite}")}
        for group in GROUPS if which == "both" else (which,):
            if unknown := sorted(set(kwargs) - set(self._looks[group])):
                raise TypeError(f"a panel's ticks have no {', '.join(unknown)}")
            self._looks[group] |= kwargs
        self._texts = ((), [])
        self.stale = True

    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        """Of the axis alone, which has no ticks to hand it on to."""
        Artist.set_clip_path(self, path, transform)

    def set_ticks(  # type: ignore[override]
        self, ticks: Iterable[float], labels: Iterable[str] | None = None, *, minor: bool = False, **kwargs: Any
    ) -> None:
        """As matplotlib's: the limits grow to hold the ticks."""
        places = np.asarray(list(ticks), float)
        if len(places):
            self.set_view_interval(places.min(), places.max())
        (self.set_minor_locator if minor else self.set_major_locator)(FixedLocator(places.tolist()))
        if labels is not None:
            self.set_ticklabels(list(labels), minor=minor, **kwargs)

    def set_ticklabels(  # type: ignore[override]
        self, labels: Sequence[str], *, minor: bool = False, **kwargs: Any
    ) -> None:
        """As matplotlib's, for labels that belong to ``set_ticks``; only major ticks have any."""
        if minor:
            raise TypeError("minor ticks of a panel have no labels")
        self.set_major_formatter(FixedFormatter(labels) if len(labels) else NullFormatter())
        self._words |= kwargs  # as matplotlib, whose ticks stay when their labels change
        self._texts = ((), [])

    def get_ticklabels(self, minor: bool = False, which: str | None = None) -> list[Text]:
        """A text for each major tick, none where they are switched off."""
        look = self._looks["major"]
        if minor or not look[f"label{self.side}"]:
            return []
        places = self.get_majorticklocs()
        words = self.get_major_formatter().format_ticks(places.tolist())
        key = [*places], words
        if self._texts[0] != key:
            self._texts = key, [self._text(place, word, look) for place, word in zip(places, words, strict=True)]
        return self._texts[1]

    def get_children(self) -> list[Artist]:
        """The axis' label and those of its ticks."""
        return [self.label, *self.get_ticklabels()]

    def _text(self, place: float, words: str, look: dict[str, Any]) -> Text:
        across = self.axis_name == "x"
        find = self.axes.get_xaxis_text1_transform if across else self.axes.get_yaxis_text1_transform
        where, vertical, horizontal = find(look["pad"] + look["length"])
        x, y = (place, 0) if across else (0, place)
        text = Text(
            x, y, words, color=look["labelcolor"], fontsize=look["labelsize"], va=vertical, ha=horizontal,
            transform=where,
        )  # fmt: skip
        text.set_figure(self.axes.figure)
        text.axes = self.axes
        text.update(self._words)
        return text

    def draw(self, renderer: Any) -> None:
        """Grid, marks and labels of the ticks within the limits, and the axis' own label."""
        if not self.get_visible():
            return
        renderer.open_group(f"{self.axis_name}axis")
        self.axes.spines[self.side].get_spine_transform()  # puts it there, which tick objects would have done
        major = self.get_majorticklocs()
        shown = self._within(major)
        look = self._looks["major"]
        box = self.axes.bbox
        start, end = (box.y0, box.y1) if self.axis_name == "x" else (box.x0, box.x1)
        if look["gridOn"]:
            width, colour = _settings()["grid.linewidth"], _settings()["grid.color"]
            self._strokes(renderer, major[shown], start, end, width, colour)
        for group in GROUPS:
            look, places = self._looks[group], major if group == "major" else self.get_minorticklocs()
            if look["length"] and look[self.side]:
                reach = start - renderer.points_to_pixels(look["length"])
                self._strokes(renderer, places[self._within(places)], start, reach, look["width"], look["color"])
        labels = self.get_ticklabels()
        drawn = [label for label, inside in zip(labels, shown, strict=True) if inside] if labels else []
        for label in drawn:
            label.draw(renderer)
        if self.label.get_text():
            self._put_label(renderer, [label for label in drawn if label.get_text()], start)
            self.label.draw(renderer)
        renderer.close_group(f"{self.axis_name}axis")
        self.stale = False

    def _within(self, places: Floats) -> np.ndarray:
        """Which of these places lie within the limits, or so near that only rounding keeps them out."""
        low, high = sorted(self.get_view_interval())
        slack = 1e-10 * (high - low)
        return np.asarray((places >= low - slack) & (places <= high + slack))

    def _strokes(self, renderer: Any, places: Floats, start: float, end: float, width: float, colour: str) -> None:
        """A line across the axis at each of these places, from and to pixels."""
        if not len(places):
            return
        ends = np.empty((len(places), 2, 2))
        along, across = (0, 1) if self.axis_name == "x" else (1, 0)
        at = np.zeros((len(places), 2))
        at[:, along] = places
        ends[:, :, along] = self.axes.transData.transform(at)[:, [along]]
        ends[:, 0, across], ends[:, 1, across] = start, end
        codes = np.tile([Path.MOVETO, Path.LINETO], len(places))
        gc = renderer.new_gc()
        gc.set_foreground(colour)
        gc.set_linewidth(width)
        gc.set_capstyle("butt")
        renderer.draw_path(gc, Path(ends.reshape(-1, 2), codes), IdentityTransform())
        gc.restore()

    def _put_label(self, renderer: Any, labels: list[Text], start: float) -> None:
        """The axis' label goes outside the labels of its ticks."""
        across = self.axis_name == "x"
        edges = [start - renderer.points_to_pixels(self._looks["major"]["length"])]
        for label in labels:
            box: Any = label.get_window_extent(renderer)
            edges.append(float(box.y0 if across else box.x0))
        outside = min(edges) - renderer.points_to_pixels(self.labelpad)
        if across:
            self.label.set_y(outside)
        else:
            self.label.set_x(outside)


class _Bottom(_Plain, XAxis):
    side = "bottom"


class _Left(_Plain, YAxis):
    side = "left"


class _Paper(Rectangle):
    """What a panel is drawn on; all that it holds is cut to it, and asks it for its transform."""

    def get_patch_transform(self) -> Transform:
        """None: it is the unit square."""
        return IdentityTransform()


class Panel(Axes):
    """Axes with plain ticks at the left and at the bottom, whose limits come from lines or are set."""

    def add_patch(self, p: Patch) -> Patch:
        """Like matplotlib's, but the limits do not follow: every chart with patches sets them."""
        self.add_artist(p)
        return p

    def _gen_axes_patch(self) -> Patch:
        return _Paper((0, 0), 1, 1)

    def _init_axis(self) -> None:
        self.xaxis, self.yaxis = _Bottom(self, clear=False), _Left(self, clear=False)
        for side, axis in zip(("bottom", "top", "left", "right"), (*[self.xaxis] * 2, *[self.yaxis] * 2), strict=True):
            self.spines[side].register_axis(axis)
