"""Two runs, or detectors of one, side by side: both rates joined, and their paired difference with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.analysis.charts import style
from bench.analysis.charts.matrix import SIGNIFICANT
from bench.analysis.compare.runs import MORE_IS_BETTER
from bench.analysis.frames import as_rows
from bench.analysis.stats import paired_interval
from bench.analysis.tables.detection import MIN_N

#: So many rows are readable in one chart; of more, those that differ most are drawn.
MOST_ROWS = 40

#: Height of a row, widths of the two panels and of the gap between them, inches.
ROW_H, RATES_W, DIFFERENCE_W, GAP = 0.2, 1.9, 1.9, 0.35


@dataclass(frozen=True)
class Row:
    """One rate, measured twice on the same files.

    Attributes:
        group: of which subject and measure, a heading of the chart.
        name: of the attack.
        first, second: the two rates, 0..1.
        low, high: ends of the 95 % interval of second minus first; NaN where there is none.
        p: adjusted by Holm.
        more_is_better: whether a larger rate is good.
    """

    group: str
    name: str
    first: float
    second: float
    low: float
    high: float
    p: float
    more_is_better: bool

    @property
    def certain(self) -> bool:
        """Whether the difference stands after Holm."""
        return bool(self.p < SIGNIFICANT)

    @property
    def colour(self) -> str:
        """Vermillion for worse, blue for better, grey for what chance explains."""
        if not self.certain or self.first == self.second:
            return style.MUTED
        return style.BLUE if (self.second > self.first) == self.more_is_better else style.VERMILLION


def of_runs(table: pd.DataFrame) -> list[Row]:
    """The rows of a comparison of runs that have a difference."""
    out = []
    for row in as_rows(table[table["difference"].notna()]):
        bundle = f" · {row['bundle']}" if row["bundle"] else ""
        group = f"{row['subject']}{bundle}, {row['measure']}, {row['regime']}"
        figures = (row[name] for name in ("before", "after", "difference_low", "difference_high", "p_holm"))
        first, second, low, high, p = map(float, figures)
        out.append(Row(group, row["attack"], first, second, low, high, p, row["measure"] in MORE_IS_BETTER))
    return out


def of_detectors(pairs: pd.DataFrame) -> list[Row]:
    """The rows of a comparison of detectors: misses, false positives and AUC of both.

    Where families have several files, rates have no interval here: Newcombe's takes files for independent.
    """
    out = []
    names = frozenset([*pairs["detector_a"], *pairs["detector_b"]])
    for row in as_rows(pairs):
        # Verdicts are right or wrong, so what only the first gets right the second gets wrong.
        for truth, measure in (("ai", "misses"), ("human", "false positives")):
            n = row[f"n_{truth}"]
            wrong, only_a, only_b = (row[f"{truth}_{name}"] for name in ("both_wrong", "only_a", "only_b"))
            if n < MIN_N or pd.isna(wrong):
                continue
            low, high = paired_interval(wrong, only_a, only_b, n - wrong - only_a - only_b)
            alone = f"families of {truth}" not in row["note"]
            rates = ((wrong + only_b) / n, (wrong + only_a) / n)
            ends = (float(low), float(high)) if alone else (float("nan"), float("nan"))
            out.append(_of_pair(row, names, measure, rates, ends, row[f"p_{truth}_holm"]))
        if not pd.isna(row["auc_difference"]):
            ends = (-row["auc_difference_high"], -row["auc_difference_low"])
            out.append(_of_pair(row, names, "AUC", (row["auc_a"], row["auc_b"]), ends, row["p_auc_holm"]))
    return out


def _of_pair(
    row: dict[str, Any], names: frozenset[str], measure: str, rates: tuple[float, float], ends: tuple[float, float],
    p: float,
) -> Row:  # fmt: skip
    with style.told_apart(names):
        pair = " → ".join(style.short(row[name], 24) for name in ("detector_a", "detector_b"))
    group = f"{pair}, {measure}, {row['regime']}"
    return Row(group, row["attack"], *rates, *ends, p, measure == "AUC")


def chart(rows: list[Row], title: str, first: str, second: str) -> Figure:
    """Both rates of each row joined, and beside them their difference.

    Args:
        rows: of ``of_runs`` or ``of_detectors``.
        title: of the chart.
        first: what the hollow dot is.
        second: what the filled dot is.
    """
    if not rows:
        return style.message(title, f"Nothing to compare: fewer than {MIN_N} files in every cell.")
    differ = [row for row in rows if row.first != row.second]
    same = len(rows) - len(differ)
    differ = differ or rows
    # Those that stand after Holm first, then the largest differences; drawn group by group.
    ranked = sorted(range(len(differ)), key=lambda i: (not differ[i].certain, -abs(differ[i].second - differ[i].first)))
    order = list(dict.fromkeys(row.group for row in rows))
    shown = sorted((differ[i] for i in sorted(ranked[:MOST_ROWS])), key=lambda row: order.index(row.group))
    lines: list[Row | str] = []
    for row in shown:
        lines += [row] if lines and row.group == _group(lines[-1]) else [row.group, row]
    with style.told_apart({row.name for row in shown}):
        names = [line if isinstance(line, str) else style.short(line.name) for line in lines]
    left = 0.3 + 0.06 * max(map(style.extent, names))
    width = max(left + RATES_W + GAP + DIFFERENCE_W + 0.3, 5.6)
    notes = f"Bars: 95 % intervals of the paired difference. Filled: p < {SIGNIFICANT:g} after Holm over every test of "
    notes += "the table, blue for better and vermillion for worse. Test split, the same files in both."
    if same == len(rows):
        notes += " No rate differs" + (f"; the first {len(shown)} of {same}." if same > len(shown) else ".")
    elif len(differ) > len(shown):
        notes += f" The {len(shown)} of {len(rows)} rates that differ most."
    elif same:
        notes += f" Left out: {same} of {len(rows)} rates, which are the same."
    notes = style.wrapped(notes, width)
    head, foot, height = 0.95, 0.7 + 0.13 * notes.count("\n"), ROW_H * len(lines)
    made = style.figure(width, head + height + foot)
    style.heading(made, title, "Both rates on the left, %; the second minus the first on the right, points.")
    rates = style.place(made, left, head, RATES_W, height)
    differences = style.place(made, left + RATES_W + GAP, head, DIFFERENCE_W, height)
    for axes in (rates, differences):
        axes.set(ylim=(len(lines) - 0.5, -0.5))
        axes.tick_params(length=0)
        axes.grid(False, axis="y")
        axes.set_yticks(range(len(lines)), names if axes is rates else [])
    for label, line in zip(rates.get_yticklabels(), lines, strict=True):
        label.set(fontsize=7.2, color=style.INK, fontweight="bold" if isinstance(line, str) else "normal")
    for y, line in enumerate(lines):
        if isinstance(line, Row):
            _draw(rates, differences, y, line)
    rates.set(xlim=(-2, 102), xlabel="%")
    rates.set_xticks(range(0, 101, 25))
    ends = [abs(end) for row in shown for end in (row.low, row.high, row.second - row.first) if not np.isnan(end)]
    reach = 105 * max(*ends, 0.05)
    differences.axvline(0, color=style.MUTED, linewidth=0.8, zorder=0)
    differences.set(xlim=(-reach, reach), xlabel="points")
    step = next(size for size in (2, 5, 10, 25, 50, 100) if reach / size < 3)
    differences.set_xticks([mark for mark in range(-100, 101, step) if abs(mark) <= reach])
    look: dict[str, Any] = {"color": style.INK, "linestyle": "", "marker": "o", "markersize": 4}
    with style.told_apart((first, second)):
        handles = [
            Line2D([], [], markerfacecolor=style.PAPER, label=style.short(first, 40), **look),
            Line2D([], [], label=style.short(second, 40), **look),
        ]
    made.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.12 / width, 1 - 0.58 / (head + height + foot)), ncols=2,
        columnspacing=1.6, borderaxespad=0, borderpad=0, handlelength=1,
    )  # fmt: skip
    style.footnote(made, notes)
    return made


def _group(line: Row | str) -> str:
    return line.group if isinstance(line, Row) else line


def _draw(rates: Axes, differences: Axes, y: int, row: Row) -> None:
    first, second = 100 * row.first, 100 * row.second
    rates.plot((first, second), (y, y), color=row.colour, linewidth=1.6, alpha=0.5, zorder=2, clip_on=False)
    rates.plot(first, y, "o", color=style.INK, markerfacecolor=style.PAPER, markersize=5, zorder=3, clip_on=False)
    # Where both are the same, the ring stays visible around the dot.
    rates.plot(second, y, "o", color=style.INK, markersize=3, markeredgewidth=0, zorder=4, clip_on=False)
    if not np.isnan(row.low):
        differences.plot((100 * row.low, 100 * row.high), (y, y), color=row.colour, linewidth=2.2, alpha=0.45,
                         solid_capstyle="butt", zorder=2)  # fmt: skip
    fill = row.colour if row.certain else style.PAPER
    differences.plot(second - first, y, "o", color=row.colour, markerfacecolor=fill, markersize=3.6, zorder=3)
