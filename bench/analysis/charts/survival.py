"""The label-survival heat map: what is left of each label, in each carrier format, after each attack."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from bench.analysis.charts import style
from bench.analysis.charts.heat import most_common, range_text, rows_for, write_rate
from bench.analysis.frames import as_rows, carrier
from bench.analysis.tables.survival import bundles_to_name
from bench.records import Run

TITLE = "What is left of the labels"
CELL_W = 0.56
MAX_COLUMNS = 12

#: Label, position and bundle: what a group of columns is about.
Subject = tuple[str, str, str]
Column = tuple[Subject, str]
Cells = dict[tuple[str, str, str, str, str], dict[str, object]]


def survival_charts(run: Run, survival: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """The heat map, in several charts where there are too many labels for one: ``(file name, figure)``."""
    if not len(survival):
        yield "label_survival", style.message(TITLE, "No label was written into any file of the test split.")
        return
    named = bundles_to_name(survival)
    held = survival[survival["not_applicable"] < survival["n"]]
    groups = [(subject, list(dict.fromkeys(rows["mime"]))) for subject, rows in _by_label(held)]
    pages: list[list[tuple[Subject, list[str]]]] = [[]]
    for subject, mimes in groups:
        if pages[-1] and sum(len(m) for _, m in pages[-1]) + len(mimes) > MAX_COLUMNS:
            pages.append([])
        pages[-1].append((subject, mimes))
    for number, page in enumerate(pages, 1):
        name = "label_survival" if number == 1 else f"label_survival_{number}"
        title = TITLE if len(pages) == 1 else f"{TITLE}, {number} of {len(pages)}"
        yield name, _heat_map(run, title, survival, page, named)


def _by_label(survival: pd.DataFrame) -> list[tuple[Subject, pd.DataFrame]]:
    groups = survival.groupby(["label", "position", "bundle"], sort=False)
    return [((str(key[0]), str(key[1]), str(key[2])), rows) for key, rows in groups]


def _heat_map(
    run: Run, title: str, survival: pd.DataFrame, page: list[tuple[Subject, list[str]]], named: dict[Subject, str]
) -> Figure:
    rows = rows_for(run, set(survival["attack"]))
    columns = [(subject, mime) for subject, mimes in page for mime in mimes]
    bundles = [named[subject] for subject, _ in page]
    width = max(rows.left() + CELL_W * len(columns) + 0.15, 6.2)
    keys = ("label", "position", "bundle", "mime", "attack")
    cells: Cells = {tuple(row[key] for key in keys): row for row in as_rows(survival)}
    legend = style.wrapped(_legend(cells, columns, any(bundles)), width)
    head, foot = 1.38 + 0.14 * any(bundles), 0.62 + 0.13 * legend.count("\n")
    made = style.figure(width, head + rows.height() + foot)
    style.heading(
        made, title, "Files whose label reads back intact, %, with the 95 % interval below; native regime, test split."
    )
    axes = style.place(made, rows.left(), head, CELL_W * len(columns), rows.height())
    marked = _fill(axes, cells, rows.attacks, columns)
    rows.apply(axes, len(columns))
    _column_heads(axes, cells, rows.attacks, columns, named, rows.height())
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


def _column_heads(
    axes: Axes, cells: Cells, attacks: list[str], columns: list[Column], named: dict[Subject, str], height: float
) -> None:
    """Label names over their carriers, with the number of files in each."""
    up = axes.get_xaxis_transform()
    raised = 0.14 * any(named[subject] for subject, _ in columns)

    def at(inches: float) -> float:
        return 1 + inches / height

    for x, (subject, mime) in enumerate(columns):
        axes.text(x + 0.5, at(0.2), carrier(mime), transform=up, ha="center", va="bottom", fontsize=7)
        n = _usual_n(cells, attacks, subject, mime)
        axes.text(x + 0.5, at(0.06), f"n {n}", transform=up, ha="center", va="bottom", fontsize=6, color=style.MUTED)
        if x == 0 or columns[x - 1][0] != subject:
            wide = sum(other == subject for other, _ in columns)
            lines = (
                (style.short(subject[0], 7 * wide), 0.57 + raised, 7.4, "bold", style.INK),
                (style.short(subject[1], 8 * wide), 0.43 + raised, 7.4, "normal", style.INK),
                (style.short(named[subject], 9 * wide), 0.43, 6.6, "normal", style.MUTED),
            )
            for text, y, size, weight, ink in lines:
                axes.text(
                    x + wide / 2, at(y), text, transform=up, ha="center", va="bottom", fontsize=size, color=ink,
                    fontweight=weight,
                )  # fmt: skip
            line = [x + 0.06, x + wide - 0.06]
            axes.plot(line, [at(0.39)] * 2, transform=up, color=style.MUTED, linewidth=0.7, clip_on=False)
            if x:
                axes.axvline(x, color=style.PAPER, linewidth=4, zorder=2)
