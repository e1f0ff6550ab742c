"""Every detector under every attack: misses and false positives, marked where the attack changes them for certain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.analysis.charts import style
from bench.analysis.charts.heat import Rows, most_common, range_text, rows_for, write_rate
from bench.analysis.frames import as_rows, detector_names, regime_names
from bench.analysis.tables.thresholds import Choice, at_threshold, main_threshold
from bench.analysis.text.wording import whole
from bench.records import Run

TITLE = "Every detector under every attack"

#: Width of a cell and of the gap to the next detector, inches.
CELL_W, GAP = 0.52, 0.12
MAX_DETECTORS = 4

#: Below this, Holm-adjusted, a change against clean files is marked.
SIGNIFICANT = 0.05

#: Rate, its truth in the counts, what the attack adds and takes away, heading.
RATES = (
    ("fnr", "ai", "ai_newly_missed", "ai_newly_found", "misses"),
    ("fpr", "human", "human_newly_flagged", "human_no_longer_flagged", "false pos."),
)

Cells = dict[tuple[str, str, str], dict[str, Any]]


def matrix_charts(
    run: Run, frozen: pd.DataFrame, errors: pd.DataFrame, effects: pd.DataFrame
) -> Iterator[tuple[str, Figure]]:
    """The matrix, one chart per regime and few detectors: ``(file name, figure)``; none without detectors."""
    names = detector_names(run)
    choices = {name: main_threshold(frozen, name) for name in names}
    at_main = [at_threshold(errors, name, choice) for name, choice in choices.items() if choice.kind]
    cells = _cells(at_main)
    shown = [name for name in names if any(key[0] == name for key in cells)]
    if names and not shown:
        why = "; ".join(dict.fromkeys(choice.note for choice in choices.values() if choice.note)) or "no scores"
        yield "matrix", style.message(TITLE, f"No error rate to show: {style.short(why, 90)}.")
        return
    changes = _cells([effects])
    # As few charts as hold them all, and then about as many detectors in each.
    parts = np.array_split(np.arange(len(shown)), max(-(-len(shown) // MAX_DETECTORS), 1))
    groups = [[shown[i] for i in part] for part in parts]
    number = 0
    for regime, group in product(regime_names(run), groups):
        attacks = {key[2] for key in cells if key[1] == regime and key[0] in group}
        if not attacks:
            continue
        number += 1
        part = f", {groups.index(group) + 1} of {len(groups)}" if len(groups) > 1 else ""
        yield (
            "matrix" if number == 1 else f"matrix_{number}",
            _matrix(rows_for(run, attacks), f"{TITLE}: {regime}{part}", regime, group, choices, cells, changes),
        )


def _cells(frames: list[pd.DataFrame]) -> Cells:
    return {(row["detector"], row["regime"], row["attack"]): row for frame in frames for row in as_rows(frame)}


def _matrix(
    rows: Rows,
    title: str,
    regime: str,
    group: list[str],
    choices: Mapping[str, Choice],
    cells: Cells,
    changes: Cells,
) -> Figure:
    step = 2 * CELL_W + GAP
    wide = step * len(group) - GAP
    notes = "Grey: 95 % intervals. \u25b2 \u25bc: more or fewer errors than on the same files unattacked, "
    notes += f"Holm-adjusted exact McNemar p < {SIGNIFICANT:g}. n: files in most cells of a column, and in a cell with "
    notes += "another number."
    notes += " * simulated channel." if any(rows.simulated) else ""
    width = max(rows.left() + wide + 0.15, 6.4)
    notes = style.wrapped(notes, width)
    head, foot = 1.5, 0.3 + 0.13 * (1 + notes.count("\n"))
    made = style.figure(width, head + rows.height() + foot)
    style.heading(
        made, title,
        "Misses: AI files not flagged, %; false positives: human files flagged, %.\nTest split, each detector at its "
        "frozen threshold, all sources pooled.",
    )  # fmt: skip
    axes = style.place(made, rows.left(), head, wide, rows.height())
    for i, name in enumerate(group):
        for j, rate in enumerate(RATES):
            x = i * step + j * CELL_W
            column = [cells.get((name, regime, attack)) for attack in rows.attacks]
            usual = most_common([int(row[f"n_{rate[1]}"]) for row in column if row is not None])
            for y, (attack, row) in enumerate(zip(rows.attacks, column, strict=True)):
                _cell(axes, x, y, row, rate, mark(changes.get((name, regime, attack)), rate), usual)
            _text(axes, rows, x + CELL_W / 2, 0.2, rate[4], 6.6)
            _text(axes, rows, x + CELL_W / 2, 0.06, f"n {usual}", 6, style.MUTED)
        _head(axes, rows, i * step, name, choices[name])
    rows.apply(axes, wide)
    for i in range(1, len(group)):
        axes.add_patch(Rectangle((i * step - GAP, 0), GAP, len(rows.attacks), facecolor=style.PAPER, zorder=4))
    style.footnote(made, notes)
    return made


def mark(change: Mapping[str, Any] | None, rate: tuple[str, str, str, str, str]) -> str:
    """A triangle up or down where the attack adds or removes errors for certain, else nothing."""
    if change is None or not change[f"p_{rate[1]}_holm"] < SIGNIFICANT:
        return ""
    return "\u25b2" if change[rate[2]] > change[rate[3]] else "\u25bc"


def _cell(
    axes: Axes,
    x: float,
    y: int,
    row: dict[str, Any] | None,
    rate: tuple[str, str, str, str, str],
    mark: str,
    usual: int,
) -> None:
    value = float("nan") if row is None else float(row[rate[0]])
    box = Rectangle((x, y), CELL_W, 1, facecolor="#f6f7f8", edgecolor=style.PAPER, linewidth=1)
    axes.add_patch(box)
    if row is None or np.isnan(value):
        n = 0 if row is None else row[f"n_{rate[1]}"]
        said = f"n {n}" if n else "\u2013"
        axes.text(x + CELL_W / 2, y + 0.5, said, ha="center", va="center", fontsize=6.2, color=style.MUTED)
        return
    box.set(facecolor=style.ERRORS(value))
    small = range_text(row[f"{rate[0]}_low"], row[f"{rate[0]}_high"])
    n = int(row[f"n_{rate[1]}"])
    small += f" n{n}" if n != usual else ""
    ink = style.PAPER if value > 0.55 else style.INK
    write_rate(axes, x + CELL_W / 2, y, f"{whole(value)} {mark}".strip(), small, ink)


def _text(axes: Axes, rows: Rows, x: float, inches: float, words: str, size: float, ink: str = style.INK) -> None:
    axes.text(
        x, 1 + inches / rows.height(), words, transform=axes.get_xaxis_transform(), ha="center", va="bottom",
        fontsize=size, color=ink,
    )  # fmt: skip


def _head(axes: Axes, rows: Rows, x: float, name: str, choice: Choice) -> None:
    """The detector's name over its two columns, and how its threshold was set."""
    up = axes.get_xaxis_transform()
    middle = x + CELL_W
    how = "vendor's threshold" if choice.alpha is None else f"FPR \u2264 {100 * choice.alpha:g} % asked"
    axes.text(
        middle, 1 + 0.57 / rows.height(), style.short(name, 17), transform=up, ha="center", va="bottom", fontsize=7.4,
        fontweight="bold",
    )  # fmt: skip
    _text(axes, rows, middle, 0.43, how, 6.2, style.MUTED)
    axes.plot(
        (x + 0.03, x + 2 * CELL_W - 0.03), [1 + 0.39 / rows.height()] * 2, transform=up, color=style.MUTED,
        linewidth=0.7, clip_on=False,
    )  # fmt: skip
