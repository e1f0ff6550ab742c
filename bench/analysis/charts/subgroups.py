"""Whom false positives hit: a forest plot by source and by subgroup of the human files, one chart per detector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.analysis.charts import style
from bench.analysis.frames import POOLED, as_rows, attack_frame, clean_attacks, detector_names, regime_names
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import Choice, main_threshold
from bench.analysis.text.wording import percent, whole
from bench.records import Run

TITLE = "Whose files are wrongly flagged"
ROW_H = 0.27
MAX_ROWS = 16

#: Untouched files, then the attack with the largest gap: colour, marker, how far from the middle of the row.
LOOKS = ((style.BLUE, "o", -0.17), (style.VERMILLION, "s", 0.17))


@dataclass(frozen=True)
class Panel:
    """One regime and one kind of subgroup.

    Attributes:
        regime, by: what it is.
        names: the rows, all files together first.
        cells: ``(attack, rows of the table by subgroup)``, untouched first.
        hidden: subgroups without a rate in any of the cells, or beyond ``MAX_ROWS``.
    """

    regime: str
    by: str
    names: list[str]
    cells: list[tuple[str, dict[str, dict[str, Any]]]]
    hidden: int


def subgroup_charts(run: Run, frozen: pd.DataFrame, table: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector, none where no two subgroups have a rate: ``(name of the detector, figure)``."""
    for detector in detector_names(run):
        mine = table[table["detector"].eq(detector)]
        found = (
            _panel_of(run, mine[mine["regime"].eq(regime) & mine["by"].eq(by)], regime, by)
            for regime in regime_names(run)
            for by in ("source", "group")
        )
        panels = [panel for panel in found if panel is not None]
        if panels:
            yield detector, _figure(run, detector, main_threshold(frozen, detector), panels)


def _panel_of(run: Run, rows: pd.DataFrame, regime: str, by: str) -> Panel | None:
    """What a panel shows: untouched files, and the attack that drives the subgroups furthest apart."""
    gaps = rows[rows["subgroup"].eq(POOLED) & rows["gap"].notna()]
    clean = gaps["attack"].isin(clean_attacks(run))
    picked = gaps[clean]["attack"].tolist()[:1]
    picked += gaps[~clean].sort_values("gap", ascending=False, kind="stable")["attack"].tolist()[:1]
    cells = [(attack, {row["subgroup"]: row for row in as_rows(rows[rows["attack"].eq(attack)])}) for attack in picked]
    if not cells:
        return None
    rated = {name for _, cell in cells for name, row in cell.items() if name != POOLED and not pd.isna(row["fpr"])}
    highest = {
        name: max(c[name]["fpr"] for _, c in cells if name in c and not pd.isna(c[name]["fpr"])) for name in rated
    }
    shown = sorted(rated, key=lambda name: (-highest[name], name))[: MAX_ROWS - 1]
    named = {name for name in rows["subgroup"] if name != POOLED}
    return Panel(regime, by, [POOLED, *shown], cells, len(named) - len(shown))


def _figure(run: Run, detector: str, choice: Choice, panels: list[Panel]) -> Figure:
    attacks = attack_frame(run)
    stars = set(attacks["attack"][attacks["channel"].str.startswith("simulated")])
    names = [style.short(name, 30) for panel in panels for name in panel.names]
    left, beside, head, between = 0.3 + 0.062 * max(10, *map(style.extent, names)), 1.75, 0.78, 0.48
    width = style.COLUMN - left - beside
    notes = (
        f"Bars: 95 % intervals. A gap is that between the highest and the lowest rate among subgroups of {MIN_N} files "
    )
    notes += "or more; its interval allows for gaps that chance makes, and starts at 0 where the data cannot tell the "
    notes += "subgroups apart. The attack with the largest gap is picked after the fact."
    if hidden := max(panel.hidden for panel in panels):
        notes += f" Not shown: up to {hidden} subgroups, smaller ones or those with the lowest rates."
    notes += " * simulated channel." if stars & {attack for panel in panels for attack, _ in panel.cells} else ""
    notes = style.wrapped(notes, style.COLUMN)
    heads = [0.22 + 0.16 * len(panel.cells) for panel in panels]
    heights = [ROW_H * len(panel.names) for panel in panels]
    foot = 0.55 + 0.13 * notes.count("\n")
    made = style.figure(style.COLUMN, head + sum(heads) + sum(heights) + between * (len(panels) - 1) + foot + 0.1)
    style.heading(
        made, style.titled(TITLE, detector),
        f"Human files flagged, %, test split, threshold frozen ({choice.note}).",
    )  # fmt: skip
    top = head
    for panel, above, height in zip(panels, heads, heights, strict=True):
        axes = style.place(made, left, top + above, width, height)
        _draw(axes, panel, choice, stars, height)
        top += above + height + between
    made.axes[-1].set_xlabel("false positives, %", labelpad=2)
    style.footnote(made, notes)
    return made


def _draw(axes: Axes, panel: Panel, choice: Choice, stars: set[str], height: float) -> None:
    """A row per subgroup with one interval per attack, the figures beside it, and the gaps above."""
    known = [
        100 * row["fpr_high"]
        for _, cell in panel.cells
        for name, row in cell.items()
        if name in panel.names and not pd.isna(row["fpr"])
    ]
    right = min(max(10.0, 1.05 * max(known)), 100.0)
    axes.set(xlim=(-0.01 * right, 1.01 * right), ylim=(len(panel.names) - 0.5, -0.5))
    axes.set_yticks(
        range(len(panel.names)),
        ["all" if name == POOLED else style.short(name, 30) for name in panel.names],
        fontsize=7.2,
    )
    ticks = [tick for tick in MaxNLocator(6).tick_values(0, right) if 0 <= tick <= right]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.tick_params(axis="y", labelcolor=style.INK)
    axes.tick_params(length=0)
    axes.grid(False, axis="y")
    axes.axhline(0.5, color=style.FAINT, linewidth=0.8)
    if choice.alpha is not None:
        axes.axvline(100 * choice.alpha, color=style.INK, linewidth=0.6, linestyle=(0, (1, 2)))
    kind = "sources" if panel.by == "source" else "subgroups"
    _above(axes, f"{panel.regime}, by {panel.by}", 7 + 11.5 * len(panel.cells), style.INK, 8, "bold")
    for i, ((attack, cell), (colour, marker, aside)) in enumerate(zip(panel.cells, LOOKS, strict=False)):
        whole_cell = cell[POOLED]
        gap = percent(whole_cell["gap"], whole_cell["gap_low"], whole_cell["gap_high"]).replace(" %", " points", 1)
        between = style.short(whole_cell["gap_between"], 50)
        star = " *" if attack in stars else ""
        line = 6 + 11.5 * (len(panel.cells) - 1 - i)
        _above(
            axes,
            f"{style.short(attack, 40)}{star}: gap {gap} between {kind}: {between}",
            line,
            style.INK,
            6.6,
            indent=8,
        )
        axes.plot(0.006, 1 + (line + 2.6) / 72 / height, marker, color=colour, markersize=4, transform=axes.transAxes,
                  clip_on=False)  # fmt: skip
        rows = [cell.get(name) for name in panel.names]
        rated = [(y + aside, row) for y, row in enumerate(rows) if row is not None and not pd.isna(row["fpr"])]
        places = [y for y, _ in rated]
        rate, low, high = ([100 * row[key] for _, row in rated] for key in ("fpr", "fpr_low", "fpr_high"))
        axes.hlines(places, low, high, color=colour, linewidth=1.1, clip_on=False)
        axes.plot(rate, places, marker, color=colour, markersize=3.8, clip_on=False)
        for y, row in enumerate(rows):
            if row is None or pd.isna(row["fpr"]):
                said = f"n {0 if row is None else row['n_human']}"
            else:
                said = f"{whole(row['fpr'])} [{whole(row['fpr_low'])}, {whole(row['fpr_high'])}] n {row['n_human']}"
            axes.annotate(
                said, (1, y), (6 + 64 * i, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                fontsize=6, va="center", color=colour if i == 0 else "#a04600",
            )  # fmt: skip


def _above(
    axes: Axes, text: str, points: float, ink: str, size: float, weight: str = "normal", indent: int = 0
) -> None:
    """A line over the panel, so many points above its upper edge."""
    axes.annotate(
        text, (0, 1), (indent, points), xycoords="axes fraction", textcoords="offset points", fontsize=size, color=ink,
        fontweight=weight, va="bottom",
    )  # fmt: skip
