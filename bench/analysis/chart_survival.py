"""The label-survival heat map: what is left of each label, in each carrier format, after each attack."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from bench.analysis import style
from bench.analysis.frames import as_rows, attack_frame, carrier
from bench.records import Run

TITLE = "What is left of the labels"
CELL_W, CELL_H = 0.56, 0.3
MAX_COLUMNS = 12


def survival_charts(run: Run, survival: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """The heat map, in several charts where there are too many labels for one: ``(file name, figure)``."""
    if not len(survival):
        yield "label_survival", style.message(TITLE, "No label was written into any file of the test split.")
        return
    groups = [(pair, list(dict.fromkeys(rows["mime"]))) for pair, rows in _by_label(survival)]
    pages: list[list[tuple[tuple[str, str], list[str]]]] = [[]]
    for pair, mimes in groups:
        if pages[-1] and sum(len(m) for _, m in pages[-1]) + len(mimes) > MAX_COLUMNS:
            pages.append([])
        pages[-1].append((pair, mimes))
    for number, page in enumerate(pages, 1):
        name = "label_survival" if number == 1 else f"label_survival_{number}"
        yield name, _heat_map(run, survival, page)


def _by_label(survival: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    return [((str(key[0]), str(key[1])), rows) for key, rows in survival.groupby(["label", "position"], sort=False)]


def _heat_map(run: Run, survival: pd.DataFrame, page: list[tuple[tuple[str, str], list[str]]]) -> Figure:
    attacks = attack_frame(run)
    attacks = attacks[attacks["attack"].isin(survival["attack"])]
    families = list(dict.fromkeys(attacks["attack_family"]))
    attacks = attacks.assign(_family=attacks["attack_family"].map(families.index))
    rows = as_rows(attacks.sort_values("_family", kind="stable"))
    simulated = [row["channel"].startswith("simulated") for row in rows]
    names = [style.short(row["attack"]) + (" *" if star else "") for row, star in zip(rows, simulated, strict=True)]
    columns = [(pair, mime) for pair, mimes in page for mime in mimes]
    left = 0.3 + 0.056 * max(len(name) for name in names)
    head, foot = 1.38, 0.62
    width = max(left + CELL_W * len(columns) + 0.15, 6.2)
    made = style.figure(width, head + CELL_H * len(rows) + foot)
    style.heading(
        made,
        TITLE,
        "Files whose label reads back intact, %, with the 95 % interval below; native regime, test split.",
    )
    axes = style.place(made, left, head, CELL_W * len(columns), CELL_H * len(rows))
    cells = {(row["label"], row["position"], row["mime"], row["attack"]): row for row in as_rows(survival)}
    marked = _fill(axes, cells, [row["attack"] for row in rows], columns)
    axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_yticks(np.arange(len(rows)) + 0.5, names, fontsize=7.2, color=style.INK)
    axes.set_xticks([])
    for y in range(1, len(rows)):
        if rows[y]["_family"] != rows[y - 1]["_family"]:
            axes.axhline(y, color=style.MUTED, linewidth=0.5)
    _column_heads(axes, cells, [row["attack"] for row in rows], columns)
    notes = ["* simulated channel."] if any(simulated) else []
    notes += ["Orange corner, a / b: a % intact, b % intact or altered (it still declares AI)."] if marked else []
    notes.append("n: files that carried the label. n/a: the format cannot carry it.")
    style.footnote(made, " ".join(notes[:-1]) + ("\n" if len(notes) > 1 else "") + notes[-1])
    return made


Cells = dict[tuple[str, str, str, str], dict[str, object]]
Column = tuple[tuple[str, str], str]


def _fill(axes: Axes, cells: Cells, attacks: list[str], columns: list[Column]) -> bool:
    """Draw every cell; whether any of them still declares more often than it is intact."""
    marked = False
    for x, (pair, mime) in enumerate(columns):
        usual = _usual_n(cells, attacks, pair, mime)
        for y, attack in enumerate(attacks):
            row = cells.get((*pair, mime, attack))
            rate = float("nan") if row is None else _number(row["survived_rate"])
            box = Rectangle((x, y), 1, 1, facecolor=style.SURVIVAL(rate), edgecolor=style.PAPER, linewidth=1)
            if row is None or np.isnan(rate):
                box.set(facecolor="#f6f7f8")
                axes.add_patch(box)
                axes.text(x + 0.5, y + 0.5, _no_rate(row), ha="center", va="center", fontsize=6.2, color=style.MUTED)
                continue
            declares = _number(row["declares_rate"])
            ink = style.PAPER if rate > 0.55 else style.INK
            text = f"{100 * rate:.0f}"
            if declares > rate:
                marked = True
                text += f" / {100 * declares:.0f}"
            axes.add_patch(box)
            if declares > rate:
                corner = [(x + 0.82, y + 0.03), (x + 0.97, y + 0.03), (x + 0.97, y + 0.3)]
                axes.add_patch(Polygon(corner, facecolor=style.ORANGE, linewidth=0))
            axes.text(x + 0.5, y + 0.36, text, ha="center", va="center", fontsize=7.4, color=ink, zorder=3)
            small = f"{100 * _number(row['survived_low']):.0f}–{100 * _number(row['survived_high']):.0f}"
            if row["n"] != usual:
                small += f" n{row['n']}"
            axes.text(x + 0.5, y + 0.74, small, ha="center", va="center", fontsize=5.4, color=ink, alpha=0.85, zorder=3)
    return marked


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def _no_rate(row: dict[str, object] | None) -> str:
    """What stands in a cell without a rate."""
    if row is None:
        return "–"
    return "n/a" if row["not_applicable"] else "no reader"


def _usual_n(cells: Cells, attacks: list[str], pair: tuple[str, str], mime: str) -> int:
    """The number of files in most cells of a column, so that only the others have to say theirs."""
    found = [int(_number(cells[key]["n"])) for attack in attacks if (key := (*pair, mime, attack)) in cells]
    return max(set(found), key=lambda n: (found.count(n), n))


def _column_heads(axes: Axes, cells: Cells, attacks: list[str], columns: list[Column]) -> None:
    """Label names over their carriers, with the number of files in each."""
    up = axes.get_xaxis_transform()
    height = CELL_H * len(attacks)

    def at(inches: float) -> float:
        return 1 + inches / height

    for x, (pair, mime) in enumerate(columns):
        axes.text(x + 0.5, at(0.2), carrier(mime), transform=up, ha="center", va="bottom", fontsize=7)
        n = _usual_n(cells, attacks, pair, mime)
        axes.text(x + 0.5, at(0.06), f"n {n}", transform=up, ha="center", va="bottom", fontsize=6, color=style.MUTED)
        if x == 0 or columns[x - 1][0] != pair:
            wide = sum(other == pair for other, _ in columns)
            for text, y, weight, ink in ((pair[0], 0.57, "bold", style.INK), (pair[1], 0.43, "normal", style.MUTED)):
                text = style.short(text, 7 * wide)
                axes.text(
                    x + wide / 2, at(y), text, transform=up, ha="center", va="bottom", fontsize=7.4, color=ink,
                    fontweight=weight,
                )  # fmt: skip
            line = [x + 0.06, x + wide - 0.06]
            axes.plot(line, [at(0.39)] * 2, transform=up, color=style.MUTED, linewidth=0.7, clip_on=False)
            if x:
                axes.axvline(x, color=style.PAPER, linewidth=4, zorder=2)
