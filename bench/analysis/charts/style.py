"""One look for every chart: fonts, colours, sizes, and files that come out byte-identical.

Figures are made without pyplot, so nothing global changes and nothing stays in memory.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import textwrap
import unicodedata
import warnings
from collections.abc import Collection, Iterator
from contextvars import ContextVar

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from bench.analysis.charts.panel import Panel
from bench.analysis.charts.svg import Drawing

#: Width of a text column in inches; charts that need no more stay within it.
COLUMN = 7.2

#: Okabe and Ito's colours, told apart with any colour vision (https://jfly.uni-koeln.de/color/).
BLUE, VERMILLION, GREEN, SKY, ORANGE, PURPLE = "#0072B2", "#D55E00", "#009E73", "#56B4E9", "#E69F00", "#CC79A7"
INK, MUTED, FAINT, PAPER = "#1f2328", "#59636e", "#d1d9e0", "#ffffff"

#: From nothing left (paper) to everything left (dark blue): the ink is what survived.
SURVIVAL = LinearSegmentedColormap.from_list("survival", ["#f4f1ea", "#cfe0ee", "#7fb2d8", "#2f7fb8", "#0b4a7f"])

#: From no errors (paper) to nothing but errors (dark vermillion).
ERRORS = LinearSegmentedColormap.from_list("errors", ["#f6f4f0", "#f9dfcd", "#ee9f63", "#c9570a", "#7f3300"])

#: Regimes in the order of a run -> colour and marker.
SERIES = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (PURPLE, "D"))

#: Fonts for Chinese, Japanese and Korean names, used where the machine has one of them.
CJK = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Zen Hei",
    "Arial Unicode MS",
)  # fmt: skip

#: How long an attack's name may be in a chart before its middle is left out; the tables have it in full.
NAME_LENGTH = 44


def _settings() -> dict[str, object]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return {
        "font.family": ["DejaVu Sans", *(name for name in CJK if name in installed)],
        "font.size": 8,
        "text.color": INK,
        "text.parse_math": False,  # a name with dollar signs is a name
        "axes.titlesize": 8.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titley": 1.0,  # matplotlib would look for something to move it away from
        "axes.labelsize": 7.5,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": FAINT,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#eceff2",
        "grid.linewidth": 0.7,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.frameon": False,
        "legend.fontsize": 7.5,
        "path.simplify": False,
    }


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Within it, figures are made and saved in this style, and a glyph no font has is drawn as a box, in silence."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    with mpl.rc_context(_settings()), warnings.catch_warnings():  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    made = Figure(figsize=(width, height), facecolor=PAPER)
    FigureCanvasAgg(made)
    return made


def heading(made: Figure, title: str, subtitle: str = "") -> None:
    """Title and subtitle at the top left, at the same distance from the edge whatever the size."""
    width, height = made.get_size_inches()
    title = short(title, _title_length(width))
    made.text(0.12 / width, 1 - 0.12 / height, title, fontsize=10.5, fontweight="bold", va="top")
    if subtitle:
        made.text(0.12 / width, 1 - 0.36 / height, subtitle, fontsize=7.5, color=MUTED, va="top", linespacing=1.35)


def _title_length(width: float) -> int:
    """How many letters of a title a figure of this width in inches has room for."""
    return int((width - 0.24) / 0.1)


def titled(title: str, name: str) -> str:
    """The title of a chart about a detector, whose name is cut to the room that is left in a text column."""
    return f"{title}: {short(name, _title_length(COLUMN) - len(title) - 2)}"


def wrapped(text: str, width: float) -> str:
    """A line of a footnote broken so that it fits a figure of this width in inches."""
    return textwrap.fill(text, int(18.5 * (width - 0.24)))


def footnote(made: Figure, text: str) -> None:
    """A note at the bottom left."""
    width, height = made.get_size_inches()
    made.text(0.12 / width, 0.1 / height, text, fontsize=6.8, color=MUTED, va="bottom", linespacing=1.4)


def message(title: str, text: str) -> Figure:
    """A chart that has nothing to show, and says why."""
    made = figure(COLUMN, 1.3)
    heading(made, title)
    made.text(0.5, 0.4, text, ha="center", va="center", color=MUTED, fontsize=8.5, wrap=True)
    return made


def place(made: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the top left corner."""
    w, h = made.get_size_inches()
    return made.add_axes((left / w, 1 - (top + height) / h, width / w, height / h), axes_class=Panel)


def extent(name: str) -> int:
    """How wide a name is, in letters; one of Chinese, Japanese or Korean counts as two."""
    return len(name) if name.isascii() else sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in name)


@contextlib.contextmanager
def told_apart(names: Collection[str]) -> Iterator[None]:
    """Within it, ``short`` cuts no two of these names to the same text, as far as their length allows."""
    before = _names.set(frozenset(names))
    try:
        yield
    finally:
        _names.reset(before)


_names: ContextVar[frozenset[str]] = ContextVar("names", default=frozenset())


def short(name: str, length: int = NAME_LENGTH) -> str:
    """A name cut in its middle where it is wider than so many letters; see ``told_apart``."""
    return name if extent(name) <= length else _short(name, length, _names.get())


@functools.lru_cache(maxsize=10_000)
def _short(name: str, length: int, names: frozenset[str]) -> str:
    usual = _cut(name, length, length // 3)
    alike = [
        other for other in sorted(names - {name}) if other[:1] == name[:1] and _cut(other, length, length // 3) == usual
    ]
    # Where the usual cut would make it look like others, the end that is kept grows until the difference shows; one far
    # from the end is shown between two cuts.
    for tail in range(length // 3 + 1, length - 1) if alike else ():
        cut = _cut(name, length, tail)
        if all(_cut(other, length, tail) != cut for other in alike):
            return cut
    places = range(length // 3, len(name)) if alike else ()
    shown = max(
        places,
        key=lambda place: sum(_around(o, length, place) != _around(name, length, place) for o in alike),
        default=0,
    )
    return _around(name, length, shown) if alike else usual


def _around(name: str, length: int, place: int) -> str:
    """The first third of so many letters of a name, and what follows a place in it."""
    head, end = length // 3, len(name)
    while extent(name[place:end]) > length - head - 2:
        end -= 1
    return f"{name[:head]}…{name[place:end]}…"


def _cut(name: str, length: int, tail: int) -> str:
    """A name with so many letters at its end, and at its start what else there is room for."""
    if extent(name) <= length:
        return name
    end = len(name) - tail
    while extent(name[end:]) > tail:
        end += 1
    head = min(length - tail - 1, end)
    while extent(name[:head]) > length - tail - 1:
        head -= 1
    return f"{name[:head]}…{name[end:]}"


_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": "washtest"},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "washtest", "Producer": "washtest"},
}


def to_bytes(made: Figure, form: str) -> bytes:
    """The figure as ``svg``, ``png`` or ``pdf``; without dates and random ids, so it is the same each time."""
    if form == "svg":
        return Drawing.of(made).file().encode()
    out = io.BytesIO()
    made.savefig(out, format=form, dpi=200, metadata=_METADATA[form])
    return out.getvalue()
