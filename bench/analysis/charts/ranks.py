"""Which detector misses fewest, and how sure that is: areas under their misses, and the ranks that follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.charts import style
from bench.analysis.charts.heat import range_text
from bench.analysis.frames import POOLED, as_rows, attack_frame, clean_attacks, regime_names
from bench.analysis.text.wording import whole
from bench.records import Run

TITLE = "Which detector misses fewest under attack"

#: Height of a row in inches.
ROW_H = 0.25


def rank_charts(run: Run, table: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """The chart, a pair of panels per regime; none where fewer than two detectors can be compared."""
    overall = table[table["attack_family"].eq(POOLED)]
    panels = []
    for regime in regime_names(run):
        rows = overall[overall["regime"].eq(regime)]
        if rows["rank"].notna().sum() >= 2:
            panels.append((regime, as_rows(rows.sort_values(["rank", "area"], kind="stable", na_position="last"))))
    if panels:
        yield "ranks", _figure(run, panels)


def _figure(run: Run, panels: list[tuple[str, list[dict[str, Any]]]]) -> Figure:
    names = [style.short(row["detector"], 30) for _, rows in panels for row in rows]
    left = 0.75 + 0.062 * max(map(style.extent, names))
    beside, gap = 0.75, 0.2
    area_w = 0.58 * (style.COLUMN - left - gap - 2 * beside)
    rank_w = style.COLUMN - left - gap - 2 * beside - area_w
    attacked = attack_frame(run)
    attacked = attacked[~attacked["attack"].isin(clean_attacks(run))]
    notes = "Bars: 95 % intervals by a bootstrap of families; those of the ranks hold all true ranks at once. n: "
    notes += "families of AI files. \u25c7 human files flagged under the same attacks, %: a detector that flags "
    notes += "everything misses nothing. "
    notes += (
        "Not ranked: too few files under some attacks." if any(_unranked(r) for _, rs in panels for r in rs) else ""
    )
    notes = style.wrapped(notes.strip(), style.COLUMN)
    head, foot, between = 0.95, 0.62 + 0.13 * notes.count("\n"), 0.85
    heights = [ROW_H * len(rows) for _, rows in panels]
    made = style.figure(style.COLUMN, head + sum(heights) + between * (len(panels) - 1) + foot + 0.12)
    style.heading(
        made, TITLE,
        f"Mean miss rate over the severities of {attacked['attack_family'].nunique()} attack families "
        f"({len(attacked)} attacks), each family counting once.\nLess is better. Test split, frozen thresholds.",
    )  # fmt: skip
    top = head
    for (regime, rows), height in zip(panels, heights, strict=True):
        area = style.place(made, left, top, area_w, height)
        rank = style.place(made, left + area_w + beside + gap, top, rank_w, height)
        _rows(area, rows, "area", 100)
        _false_positives(area, rows)
        _rows(rank, rows, "rank", 1)
        area.set(xlim=(-1, 101), title=regime, xlabel="misses averaged over attacks, %")
        area.set_yticks(range(len(rows)), [style.short(row["detector"], 30) for row in rows], fontsize=7.2)
        area.tick_params(axis="y", labelcolor=style.INK, pad=30)
        for y, row in enumerate(rows):
            _beside(area, -1, y, f"n {row['families_ai']}", (-4, 0), "right")
        n = max(len(rows), 2)
        rank.set(xlim=(0.8, n + 0.2), title="rank", xlabel="1: fewest misses")
        rank.set_xticks(sorted({1, n, *range(1, n, max(n // 4, 1))} - ({n - 1} if n > 5 else set())))
        rank.set_yticks(range(len(rows)), [])
        top += height + between
    style.footnote(made, notes)
    return made


def _unranked(row: dict[str, Any]) -> bool:
    return bool(pd.isna(row["rank"]))


def _rows(axes: Axes, rows: list[dict[str, Any]], name: str, scale: int) -> None:
    """A dot with its interval per detector, and the figures beside it."""
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.grid(False, axis="y")
    for y, row in enumerate(rows):
        value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
        if pd.isna(value) or (name == "rank" and _unranked(row)):
            _beside(axes, 1, y, "not ranked" if name == "rank" else "no figure", (4, 0), "left")
            continue
        hollow = style.PAPER if _unranked(row) else style.BLUE
        axes.plot((scale * low, scale * high), (y, y), color=style.BLUE, linewidth=3, alpha=0.4, clip_on=False,
                  solid_capstyle="butt")  # fmt: skip
        axes.plot(scale * value, y, "o", color=style.BLUE, markerfacecolor=hollow, markersize=3.2, clip_on=False)
        figure, interval = (
            (whole(value), range_text(low, high)) if name == "area" else (f"{value}", f"{low}\u2013{high}")
        )
        _beside(axes, 1, y, figure, (4, 0), "left", style.INK, 7)
        _beside(axes, 1, y, interval, (24, 0), "left")


def _false_positives(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """A diamond with its interval under each detector's misses."""
    for y, row in enumerate(rows):
        if not pd.isna(row["fpr"]):
            ends = (100 * row["fpr_low"], 100 * row["fpr_high"])
            axes.plot(ends, (y + 0.28, y + 0.28), color=style.ORANGE, linewidth=0.9, clip_on=False)
            axes.plot(100 * row["fpr"], y + 0.28, "D", color=style.ORANGE, markerfacecolor=style.PAPER, markersize=2.6,
                      markeredgewidth=0.8, clip_on=False)  # fmt: skip


def _beside(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    offset: tuple[int, int],
    side: str,
    ink: str = style.MUTED,
    size: float = 6,
) -> None:
    axes.annotate(
        text, (max(x, 0), y), offset, xycoords=("axes fraction", "data"), textcoords="offset points", ha=side,
        va="center", fontsize=size, color=ink, annotation_clip=False,
    )  # fmt: skip
