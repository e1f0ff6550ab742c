"""In which state each label is found, in each carrier format, after each attack: stacked bars, drawn on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from bench.analysis.charts import style
from bench.analysis.charts.carriers import CELL_W, Column, Subject, column_heads, pages, raised
from bench.analysis.charts.heat import most_common, rows_for
from bench.analysis.frames import as_rows
from bench.analysis.tables.survival import STATES, bundles_to_name
from bench.records import Run

TITLE = "In which state the labels are found"

#: Height of a row in inches.
ROW_H = 0.2

#: State -> its word in the legend and its look; the darker, the more is left. What is no verdict is hatched.
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "intact": ("intact", {"facecolor": style.BLUE}),
    "altered": ("altered", {"facecolor": style.SKY}),
    "broken": ("broken", {"facecolor": style.ORANGE}),
    "residue": ("residue", {"facecolor": style.PURPLE}),
    "absent": ("absent", {"facecolor": "#e3e7eb"}),
    "not_applicable": ("n/a", {"facecolor": style.PAPER, "hatch": "////////", "edgecolor": "#b4bec8"}),
    "unavailable": ("no tool", {"facecolor": style.PAPER, "hatch": "....", "edgecolor": style.MUTED}),
    "error": ("error", {"facecolor": style.VERMILLION}),
}

Cells = Mapping[tuple[Subject, str, str], dict[str, Any]]


def state_charts(run: Run, survival: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """The bars, in several charts where there are too many labels for one: ``(file name, figure)``."""
    if not len(survival):
        yield "label_states", style.message(TITLE, "No label was written into any file of the test split.")
        return
    cells = {((r["label"], r["position"], r["bundle"]), r["mime"], r["attack"]): r for r in as_rows(survival)}
    named = bundles_to_name(survival)
    for name, title, columns in pages(survival, "label_states", TITLE):
        yield name, _figure(run, title, cells, columns, named)


def _figure(run: Run, title: str, cells: Cells, columns: list[Column], named: Mapping[Subject, str]) -> Figure:
    shown = {key: row for key, row in cells.items() if (key[0], key[1]) in columns}
    rows = rows_for(run, {attack for _, _, attack in shown})
    height = ROW_H * len(rows.attacks)
    width = max(rows.left() + CELL_W * len(columns) + 0.15, 6.2)
    notes = "Shares of the files that the label was written into, n; label_states.csv has the 95 % intervals."
    found = [state for state in STATES if any(row[state] for row in shown.values())]
    notes += " n/a: the format cannot carry the label, or the attack does not take it." * ("not_applicable" in found)
    notes += " no tool: a program or reader is not installed." * ("unavailable" in found)
    notes += " In grey: the bundle, or the provider whose files hold the label so." * bool(raised(columns, named))
    notes = style.wrapped(notes + " *\N{NO-BREAK SPACE}simulated channel." * any(rows.simulated), width)
    head, foot = 1.58 + raised(columns, named), 0.4 + 0.13 * notes.count("\n")
    made = style.figure(width, head + height + foot)
    style.heading(made, title, "Each bar: all files of that label and format after that attack; native regime, test "
                  "split.")  # fmt: skip
    axes = style.place(made, rows.left(), head, CELL_W * len(columns), height)
    for x, column in enumerate(columns):
        for y, attack in enumerate(rows.attacks):
            _bar(axes, x, y, shown.get((*column, attack)))
    rows.apply(axes, len(columns))
    counts = [most_common([shown[*c, a]["n"] for a in rows.attacks if (*c, a) in shown]) for c in columns]
    column_heads(axes, columns, counts, named, height)
    handles = [Patch(label=LOOKS[state][0], **_look(state)) for state in found]
    made.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.12 / width, 1 - 0.6 / (head + height + foot)),
        ncols=len(handles), columnspacing=1.2, borderaxespad=0, borderpad=0, handlelength=1.4, handleheight=1,
    )  # fmt: skip
    style.footnote(made, notes)
    return made


def _look(state: str) -> dict[str, Any]:
    return {"linewidth": 0} | LOOKS[state][1]


def _bar(axes: Axes, x: int, y: int, row: Mapping[str, Any] | None) -> None:
    """The states of one cell, best first; a dash where nothing was measured."""
    if row is None:
        axes.text(x + 0.5, y + 0.5, "–", ha="center", va="center", fontsize=6.2, color=style.MUTED)
        return
    start, width = x + 0.06, 0.88
    for state in STATES:
        share = width * row[state] / row["n"]
        if share:
            axes.add_patch(Rectangle((start, y + 0.16), share, 0.68, **_look(state)))
        start += share
    axes.add_patch(Rectangle((x + 0.06, y + 0.16), width, 0.68, fill=False, edgecolor=style.MUTED, linewidth=0.4))
