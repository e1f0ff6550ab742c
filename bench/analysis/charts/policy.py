"""What a platform would show before and after each attack: AI and human files per verdict, side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.analysis.charts import style
from bench.analysis.charts.heat import Rows, range_text, rows_for
from bench.analysis.frames import as_rows, clean_attacks
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.policy import NO_DETECTOR, VERDICTS, at_main_threshold
from bench.analysis.tables.thresholds import Choice
from bench.analysis.text.wording import whole
from bench.records import Run

TITLE = "What a platform would show"

#: Height of a row in inches.
ROW_H = 0.205

#: The darker, the surer the notice; what gets none is pale.
COLOURS = dict(zip(VERDICTS, (style.BLUE, style.SKY, style.ORANGE, "#e3e7eb", "#ffffff"), strict=True))

#: Truth -> heading of its panel, and of the column of figures beside it.
PANELS = {"ai": ("AI files", "no notice, %"), "human": ("Human files", "wrongly\nnoticed, %")}


def policy_charts(run: Run, frozen: pd.DataFrame, table: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per fallback detector, or one of the labels alone where there is none: ``(name, figure)``."""
    names = [name for name in table["detector"].unique() if name != NO_DETECTOR]
    for name in names or [NO_DETECTOR] * bool(len(table)):
        rows, choice = at_main_threshold(table, frozen, name)
        title = TITLE + (f", with {style.short(name, 40)} as fallback" if name != NO_DETECTOR else ", by labels alone")
        if (rows["n"][rows["truth"].isin(list(PANELS))] < MIN_N).all():
            yield name, style.message(title, f"No share to show: fewer than {MIN_N} files in every cell.")
        else:
            yield name, _figure(run, title, choice, rows)


def _figure(run: Run, title: str, choice: Choice, rows: pd.DataFrame) -> Figure:
    rows = rows[rows["truth"].isin(list(PANELS))]
    names, clean = rows_for(run, rows["attack"].unique().tolist()), clean_attacks(run)
    left, head, foot, beside, gap = names.left() + 0.05, 1.14, 0.82, 0.72, 0.1
    width = max((style.COLUMN - left - 0.1 - gap) / 2 - beside, 1.2)
    total = left + 2 * (width + beside) + gap + 0.1
    height = ROW_H * len(names.attacks)
    made = style.figure(total, head + height + foot)
    set_by = f", threshold frozen ({choice.note})" if choice.note else ""
    style.heading(made, title, f"2025 Labelling Measures. Native regime, test split{set_by}.")
    for i, truth in enumerate(PANELS):
        axes = style.place(made, left + i * (width + beside + gap), head, width, height)
        _panel(axes, names, rows[rows["truth"].eq(truth)], truth, clean, show_names=i == 0)
    shown = [verdict for verdict in VERDICTS if (rows[verdict] > 0).any()]
    look: dict[str, Any] = {"edgecolor": style.MUTED, "linewidth": 0.5}
    handles = [Patch(facecolor=COLOURS[v], hatch="////" if v == "unknown" else "", label=v, **look) for v in shown]
    made.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.12 / total, 1 - 0.6 / (head + height + foot)),
        ncols=len(handles), columnspacing=1.4, borderaxespad=0, borderpad=0, handlelength=1.4, handleheight=1,
    )  # fmt: skip
    rate = float(rows["declaration_rate"].max())
    notes = f"Whiskers and small figures: 95 % intervals. Assumed: {100 * rate:g} % of the authors of AI files without "
    notes += "a verified label declare them."
    notes += " n: too few files." if (rows["n"] < MIN_N).any() else ""
    notes += " * simulated channel." if any(names.simulated) else ""
    style.footnote(made, style.wrapped(notes, total))
    return made


def _panel(axes: Axes, names: Rows, rows: pd.DataFrame, truth: str, clean: Collection[str], show_names: bool) -> None:
    """One stacked bar per attack, the interval of what goes wrong at its boundary, and the figure beside it."""
    heading, beside = PANELS[truth]
    names.apply(axes, 100)
    axes.tick_params(labelleft=show_names)
    if show_names:
        marked = zip(names.attacks, names.names(), strict=True)
        texts = [f"before: {name}" if attack in clean else name for attack, name in marked]
        axes.set_yticks(axes.get_yticks(), texts)
    axes.set_xticks([0, 50, 100])
    axes.tick_params(axis="x", length=2, color=style.FAINT)
    axes.set_xlabel("% of files", labelpad=2)
    axes.set_title(heading, pad=6)
    axes.annotate(
        beside, (100, -0.35), (4, 0), textcoords="offset points", fontsize=6.6, color=style.MUTED, va="bottom",
        annotation_clip=False, linespacing=1.1,
    )  # fmt: skip
    by_attack = {row["attack"]: row for row in as_rows(rows)}
    for y, attack in enumerate(names.attacks):
        row = by_attack.get(attack)
        if row is None or row["n"] < MIN_N:
            said = "not measured" if row is None else f"n {row['n']}"
            axes.text(2, y + 0.5, said, fontsize=6.5, color=style.MUTED, va="center")
            continue
        start = 0.0
        for verdict in VERDICTS:
            share = 100 * row[f"{verdict}_rate"]
            look: dict[str, Any] = (
                {"hatch": "////", "edgecolor": style.MUTED, "linewidth": 0.4} if verdict == "unknown" else {}
            )
            axes.barh(y + 0.5, share, left=start, height=0.72, color=COLOURS[verdict], **look)
            start += share
        _outcome(axes, y + 0.5, row, truth)


def _outcome(axes: Axes, y: float, row: dict[str, Any], truth: str) -> None:
    """The interval of all that gets a notice, at its end of the bar; beside it the figure of what goes wrong."""
    noticed, low, high = (row[f"noticed_{end}"] for end in ("rate", "low", "high"))
    axes.plot((100 * low, 100 * high), (y, y), color=style.INK, linewidth=0.8, marker="|", markersize=3.5, zorder=4,
              clip_on=False)  # fmt: skip
    if truth == "ai":
        noticed, low, high = 1 - noticed, 1 - high, 1 - low
    look: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(whole(noticed), (100, y), (4, 0), fontsize=7, color=style.INK, **look)
    axes.annotate(range_text(low, high), (100, y), (24, 0), fontsize=5.8, color=style.MUTED, **look)
