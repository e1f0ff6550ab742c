"""The label-survival heat map: what is left of each label, in each carrier format, after each attack."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from bench.analysis.charts import style
from bench.analysis.charts.carriers import CELL_W, Column, Subject, column_heads, pages, raised
from bench.analysis.charts.heat import most_common, range_text, rows_for, write_rate
from bench.analysis.frames import as_rows
from bench.analysis.tables.survival import bundles_to_name
from bench.records import Run

TITLE = "What is left of the labels"

Cells = dict[tuple[str, str, str, str, str], dict[str, object]]


def survival_charts(run: Run, survival: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """The heat map, in several charts where there are too many labels for one: ``(file name, figure)``."""
    if not len(survival):
        yield "label_survival", style.message(TITLE, "No label was written into any file of the test split.")
        return
    named = bundles_to_name(survival)
    held = survival[survival["not_applicable"] < survival["n"]]
    for name, title, columns in pages(held, "label_survival", TITLE):
        yield name, _heat_map(run, title, held, columns, named)


def _heat_map(run: Run, title: str, survival: pd.DataFrame, columns: list[Column], named: dict[Subject, str]) -> Figure:
    rows = rows_for(run, set(survival["attack"]))
    bundles = any(named[subject] for subject, _ in columns)
    width = max(rows.left() + CELL_W * len(columns) + 0.15, 6.2)
    keys = ("label", "position", "bundle", "mime", "attack")
    cells: Cells = {tuple(row[key] for key in keys): row for row in as_rows(survival)}
    legend = style.wrapped(_legend(cells, columns, bundles), width)
    head, foot = 1.38 + raised(columns, named), 0.62 + 0.13 * legend.count("\n")
    made = style.figure(width, head + rows.height() + foot)
    style.heading(
        made, title, "Files whose label reads back intact, %, with the 95 % interval below; native regime, test split."
    )
    axes = style.place(made, rows.left(), head, CELL_W * len(columns), rows.height())
    marked = _fill(axes, cells, rows.attacks, columns)
    rows.apply(axes, len(columns))
    counts = [_usual_n(cells, rows.attacks, *column) for column in columns]
    column_heads(axes, columns, counts, named, rows.height())
    notes = ["* simulated channel."] if any(rows.simulated) else []
    notes += ["Orange corner, a / b: a % intact, b % intact or altered (it still declares AI)."] if marked else []
    style.footnote(made, " ".join(notes) + ("\n" if notes else "") + legend)
    return made


def _legend(cells: Cells, columns: list[Column], bundles: bool) -> str:
    """What the numbers and the cells without one mean."""
    legend = "n: files that carried the label; formats that cannot carry it are left out."
    shown = [row for key, row in cells.items() if (key[:3], key[3]) in columns]
    texts = {_no_rate(row) for row in shown if np.isnan(_number(row["survived_rate"]))}
    legend += " n/a: the attack does not take the format." if "n/a" in texts else ""
    legend += " no tool: a program or reader is not installed." if "no tool" in texts else ""
    return legend + (" In grey: the bundle, or the provider whose files hold the label so." if bundles else "")


def _fill(axes: Axes, cells: Cells, attacks: list[str], columns: list[Column]) -> bool:
    """Draw every cell; whether any of them still declares more often than it is intact."""
    marked = False
    for x, (subject, mime) in enumerate(columns):
        usual = _usual_n(cells, attacks, subject, mime)
        for y, attack in enumerate(attacks):
            row = cells.get((*subject, mime, attack))
            rate = float("nan") if row is None else _number(row["survived_rate"])
            box = Rectangle((x, y), 1, 1, facecolor=style.SURVIVAL(rate), edgecolor=style.PAPER, linewidth=1)
            if row is None or np.isnan(rate):
                box.set(facecolor="#f6f7f8")
                axes.add_patch(box)
                axes.text(x + 0.5, y + 0.5, _no_rate(row), ha="center", va="center", fontsize=6.2, color=style.MUTED)
                continue
            declares = _number(row["declares_rate"])
            text = f"{100 * rate:.0f}"
            axes.add_patch(box)
            if declares > rate:
                marked = True
                text += f" / {100 * declares:.0f}"
                corner = [(x + 0.82, y + 0.03), (x + 0.97, y + 0.03), (x + 0.97, y + 0.3)]
                axes.add_patch(Polygon(corner, facecolor=style.ORANGE, linewidth=0))
            small = range_text(_number(row["survived_low"]), _number(row["survived_high"]))
            if _carried(row) != usual:
                small += f" n{_carried(row)}"
            write_rate(axes, x + 0.5, y, text, small, style.PAPER if rate > 0.55 else style.INK)
    return marked


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def _no_rate(row: dict[str, object] | None) -> str:
    """What stands in a cell without a rate."""
    if row is None:
        return "–"
    return "n/a" if row["not_applicable"] else "no tool"


def _usual_n(cells: Cells, attacks: list[str], subject: Subject, mime: str) -> int:
    """The number of files in most cells of a column."""
    return most_common([_carried(cells[key]) for attack in attacks if (key := (*subject, mime, attack)) in cells])


def _carried(row: dict[str, object]) -> int:
    """Files of a cell that had the label, which not every format can."""
    return int(_number(row["n"]) - _number(row["not_applicable"]))
