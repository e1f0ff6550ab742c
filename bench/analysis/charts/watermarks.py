"""The watermark heat map: bits that read back after each attack, and how often a mark is detected, rightly or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.analysis.charts import style
from bench.analysis.charts.heat import Rows, most_common, range_text, rows_for, write_rate
from bench.analysis.frames import as_rows
from bench.analysis.tables.watermarks import CHANCE, bundles_to_name
from bench.analysis.text.wording import whole
from bench.records import Run

TITLE = "What is left of the watermarks"

#: Widths of the three columns of a watermark and of the gap to the next one, inches.
WIDTHS = (0.68, 0.6, 0.6)
GAP = 0.16
MAX_GROUPS = 4

#: Paper at chance, blue towards every bit, orange where bits come back inverted.
BITS = LinearSegmentedColormap.from_list(
    "bits",
    [(0, "#9a4300"), (0.3, "#eda765"), (0.5, "#f4f1ea"), (0.65, "#cfe0ee"), (0.8, "#7fb2d8"), (0.9, "#2f7fb8"),
     (1, "#0b4a7f")],
)  # fmt: skip

Subject = tuple[str, str]
Column = list[dict[str, Any] | None]


def watermark_charts(run: Run, survival: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """The heat map, in several charts where there are many watermarks: ``(file name, figure)``; none without any."""
    named = bundles_to_name(survival)
    subjects = list(named)
    pages = [subjects[i : i + MAX_GROUPS] for i in range(0, len(subjects), MAX_GROUPS)]
    for number, page in enumerate(pages, 1):
        name = "watermark_survival" if number == 1 else f"watermark_survival_{number}"
        title = TITLE if len(pages) == 1 else f"{TITLE}, {number} of {len(pages)}"
        yield name, _heat_map(run, title, survival, page, named)


def _heat_map(run: Run, title: str, survival: pd.DataFrame, page: list[Subject], named: dict[Subject, str]) -> Figure:
    rows = rows_for(run, set(survival["attack"]))
    group = sum(WIDTHS) + GAP
    wide = group * len(page) - GAP
    raised = 0.14 * any(named[subject] for subject in page)
    head, foot = 1.62 + raised, 0.72
    made = style.figure(max(rows.left() + wide + 0.15, 6.6), head + rows.height() + foot)
    nominal = whole(float(survival["fpr_nominal"].iloc[0]))
    style.heading(
        made, title, "Mean share of bits read back, and share of files detected, %, with 95 % intervals; native "
        "regime, test split.",
    )  # fmt: skip
    _scale(made)
    axes = style.place(made, rows.left(), head, wide, rows.height())
    cells = {(row["watermark"], row["bundle"], row["attack"]): row for row in as_rows(survival)}
    for i, subject in enumerate(page):
        column = [cells.get((*subject, attack)) for attack in rows.attacks]
        _fill(axes, column, i * group)
        _heads(axes, column, subject, named[subject], i * group, rows)
    rows.apply(axes, wide)
    for i in range(1, len(page)):
        axes.add_patch(Rectangle((i * group - GAP, 0), GAP, len(rows.attacks), facecolor=style.PAPER, zorder=4))
    notes = [
        f"Detected: p ≤ {nominal} % against the file's own random message. False: unmarked human files detected after "
        "the same attack;",
        f"orange where that is above {nominal} % beyond chance. Hatched: at chance, the interval holds 50 %."
        + (" * simulated channel." if any(rows.simulated) else ""),
    ]
    style.footnote(made, "\n".join(notes))
    return made


def _scale(made: Figure) -> None:
    """The colours of bit accuracy, with chance marked."""
    axes = style.place(made, 0.12, 0.64, 2.6, 0.1)
    axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", extent=(0, 100, 0, 1), cmap=BITS)
    axes.axvline(100 * CHANCE, color=style.INK, linewidth=1)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_yticks([])
    axes.set_xticks([0, 50, 100], ["0 % of bits: inverted", "50 %: chance", "100 %"], fontsize=6.4)
    axes.tick_params(length=0, pad=2)
    ends = axes.get_xticklabels()
    ends[0].set_horizontalalignment("left")
    ends[-1].set_horizontalalignment("right")


def _fill(axes: Axes, column: Column, x: float) -> None:
    """The three columns of one watermark."""
    usual = {name: _usual(column, name) for name in ("n", "n_unmarked")}
    for y, row in enumerate(column):
        if row is not None:
            more = {name: f" n{row[name]}" * (row[name] != n) for name, n in usual.items()}
            _bits(axes, row, x, y, more["n"])
            _share(axes, row, "detected_rate", "detected", x + WIDTHS[0], y, more["n"])
            _share(axes, row, "false_detected", "false_detected", x + sum(WIDTHS[:2]), y, more["n_unmarked"])


def _usual(column: Column, n: str) -> int:
    return most_common([int(row[n]) for row in column if row is not None])


def _bits(axes: Axes, row: dict[str, Any], x: float, y: float, more: str) -> None:
    """Bit accuracy over its interval; hatched where chance gives as much."""
    bits, low, high = (float(row[f"bit_accuracy{end}"]) for end in ("", "_low", "_high"))
    if np.isnan(bits):
        _blank(axes, x, y, WIDTHS[0], _why(row))
        return
    box = Rectangle((x, y), WIDTHS[0], 1, facecolor=BITS(bits), edgecolor=style.PAPER, linewidth=1)
    if low <= CHANCE <= high:
        box.set(facecolor=style.PAPER, edgecolor="#e4ddcf", hatch="//////", linewidth=0)
    axes.add_patch(box)
    ink = style.PAPER if bits > 0.89 or bits < 0.12 else style.INK
    write_rate(axes, x + WIDTHS[0] / 2, y, whole(bits), range_text(low, high) + more, ink)


def _share(axes: Axes, row: dict[str, Any], rate: str, stem: str, x: float, y: float, more: str) -> None:
    """A share of files over its interval, with a bar of that length; orange where false detections are too many."""
    share, low, high = float(row[rate]), float(row[f"{stem}_low"]), float(row[f"{stem}_high"])
    false, width = stem == "false_detected", WIDTHS[1]
    if np.isnan(share):
        n = row["n_unmarked"]
        _blank(axes, x, y, width, (f"n {n}" if n else "–") if false else _why(row))
        return
    back, bar = "#f6f7f8", "#e3e6ea" if false else "#d5e4f0"
    if false and low > float(row["fpr_nominal"]):
        back, bar = "#fdf0dc", "#f3b758"
    axes.add_patch(Rectangle((x, y), width, 1, facecolor=back, edgecolor=style.PAPER, linewidth=1))
    axes.add_patch(Rectangle((x + 0.02, y + 0.06), (width - 0.04) * share, 0.88, facecolor=bar, linewidth=0))
    write_rate(axes, x + width / 2, y, whole(share), range_text(low, high) + more, style.INK)


def _blank(axes: Axes, x: float, y: float, width: float, why: str) -> None:
    axes.add_patch(Rectangle((x, y), width, 1, facecolor="#f6f7f8", edgecolor=style.PAPER, linewidth=1))
    axes.text(x + width / 2, y + 0.5, why, ha="center", va="center", fontsize=6.2, color=style.MUTED)


def _why(row: dict[str, Any]) -> str:
    """Why a cell of marked files has no rate."""
    if row["n"]:
        return f"n {row['n']}" if row["error"] < row["n"] else "failed"
    return "no reader" if row["unavailable"] else "–"


def _heads(axes: Axes, column: Column, subject: Subject, bundle: str, x: float, rows: Rows) -> None:
    """The watermark's name over its three columns, with the number of files in most cells of each."""
    up = axes.get_xaxis_transform()

    def text(at: float, inches: float, words: str, size: float, ink: str = style.INK, weight: str = "normal") -> None:
        axes.text(
            at, 1 + inches / rows.height(), words, transform=up, ha="center", va="bottom", fontsize=size, color=ink,
            fontweight=weight,
        )  # fmt: skip

    middle = x + sum(WIDTHS) / 2
    text(middle, 0.46 + 0.14 * bool(bundle), style.short(subject[0], 26), 7.4, weight="bold")
    if bundle:
        text(middle, 0.46, style.short(bundle, 32), 6.6, style.MUTED)
    line = [x + 0.03, x + sum(WIDTHS) - 0.03]
    height = [1 + 0.42 / rows.height()] * 2
    axes.plot(line, height, transform=up, color=style.MUTED, linewidth=0.7, clip_on=False)
    for i, (name, n) in enumerate((("bits", "n"), ("detected", "n"), ("false", "n_unmarked"))):
        at = x + sum(WIDTHS[:i]) + WIDTHS[i] / 2
        text(at, 0.2, name, 7)
        text(at, 0.06, f"n {_usual(column, n)}", 6, style.MUTED)
