"""How often AI-edited files are flagged against how much of them was generated, one chart per detector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.charts import style
from bench.analysis.frames import POOLED, as_rows, clean_attacks, detector_names, regime_names
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.edited import AREAS
from bench.analysis.tables.thresholds import Choice, at_threshold, main_threshold
from bench.records import Run

TITLE = "Edited files flagged"

#: Places on the axis: all edited files together, then the bins.
PLACES = (POOLED, *AREAS)
NAMES = ("all", *AREAS)

#: Reference lines: column stem, name, colour, dashes.
LINES: tuple[tuple[str, str, str, Any], ...] = (
    ("ai", "fully AI", style.VERMILLION, (0, (5, 2))),
    ("fpr", "human (false positives)", style.MUTED, (0, (1.5, 1.5))),
)


def edited_charts(run: Run, frozen: pd.DataFrame, table: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector, none without edited files: ``(name of the detector, figure)``."""
    for detector in detector_names(run) if len(table) else ():
        title = style.titled(TITLE, detector)
        choice = main_threshold(frozen, detector)
        rows = at_threshold(table, detector, choice)
        cells = _cells(run, rows)
        if cells:
            yield detector, _figure(title, choice, cells)
        else:
            why = f"fewer than {MIN_N} edited test files" if choice.kind else choice.note
            yield detector, style.message(title, f"No rate to show: {why}.")


def _cells(run: Run, rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """What each panel shows, with its heading: per regime untouched files, then the attack that hides most edits."""
    out = []
    for regime in regime_names(run):
        mine = rows[rows["regime"].eq(regime)]
        judged = mine[mine["area"].eq(POOLED) & mine["flagged_rate"].notna()]
        clean = judged["attack"].isin(clean_attacks(run))
        picked = judged[clean]["attack"].tolist()[:1]
        picked += judged[~clean].sort_values("flagged_rate", kind="stable")["attack"].tolist()[:1]
        out += [(f"{regime}: {attack}", mine[mine["attack"].eq(attack)]) for attack in picked]
    return out


def _figure(title: str, choice: Choice, cells: list[tuple[str, pd.DataFrame]]) -> Figure:
    across = 2 if len(cells) > 1 else 1
    left, gap, head, foot, panel_h, block_h = 0.55, 0.3, 1.1, 0.5, 1.25, 1.95
    blocks = -(-len(cells) // across)
    panel_w = min((style.COLUMN - left - 0.1) / across - gap / 2, 4.2)
    made = style.figure(style.COLUMN, head + blocks * block_h + foot - 0.25)
    subtitle = f"Test split, threshold frozen ({choice.note}). Bars and bands: 95 % intervals."
    style.heading(made, title, subtitle)
    for i, (name, rows) in enumerate(cells):
        column = i % across
        axes = style.place(made, left + column * (panel_w + gap), head + (i // across) * block_h, panel_w, panel_h)
        _panel(axes, rows)
        axes.set_title(style.short(name, int(12 * panel_w)))
        axes.tick_params(axis="y", labelleft=column == 0, length=0)
        if column == 0:
            axes.set_ylabel("flagged, %")
        if i // across == blocks - 1:
            axes.set_xlabel("edited area, % of the picture", labelpad=2)
    look: dict[str, Any] = {"color": style.BLUE, "marker": "o", "markersize": 4, "linestyle": ""}
    handles = [made.axes[0].plot([], [], label="AI-edited", **look)[0]]
    for _, name, colour, dashes in LINES:
        handles += made.axes[0].plot([], [], label=name, color=colour, linestyle=dashes, linewidth=1.2)
    width, height = made.get_size_inches()
    made.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.12 / width, 1 - 0.6 / height), ncols=len(handles),
        columnspacing=1.6, borderaxespad=0, borderpad=0, handlelength=2.2,
    )  # fmt: skip
    notes = "Under each regime: untouched files, then the attack after which fewest edited files are flagged."
    if any((rows["n"] < MIN_N).any() for _, rows in cells):
        notes += f" n: fewer than {MIN_N} files, no rate."
    style.footnote(made, style.wrapped(notes, style.COLUMN))
    return made


def _panel(axes: Axes, rows: pd.DataFrame) -> None:
    """One attack in one regime: a point per bin over the two reference lines."""
    by_area = {row["area"]: row for row in as_rows(rows)}
    pooled = by_area[POOLED]
    shown = [i for i, area in enumerate(PLACES) if area != "unknown" or area in by_area]
    for stem, _, colour, dashes in LINES:
        rate = "ai_rate" if stem == "ai" else "fpr"
        if not np.isnan(pooled[rate]):
            axes.axhspan(
                100 * pooled[f"{stem}_low"], 100 * pooled[f"{stem}_high"], color=colour, alpha=0.1, linewidth=0
            )
            axes.axhline(100 * pooled[rate], color=colour, linewidth=1.2, linestyle=dashes)
    for i in shown:
        row = by_area.get(PLACES[i])
        if row is None or np.isnan(row["flagged_rate"]):
            said = f"n {0 if row is None else row['n']}"
            axes.text(i, 50, said, fontsize=6.5, color=style.MUTED, ha="center", va="center",
                      bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.8})  # fmt: skip
            continue
        rate, low, high = (100 * row[name] for name in ("flagged_rate", "flagged_low", "flagged_high"))
        axes.errorbar(
            i, rate, yerr=[[rate - low], [high - rate]], color=style.BLUE, linewidth=1.1, capsize=2, marker="o",
            markersize=4,
        )  # fmt: skip
    axes.axvline(0.5, color=style.FAINT, linewidth=0.8)
    axes.set_xlim(-0.5, shown[-1] + 0.5)
    axes.set_ylim(-4, 104)
    axes.set_yticks([0, 50, 100])
    axes.set_xticks(shown, [NAMES[i] for i in shown])
    axes.tick_params(axis="x", length=2)
    axes.grid(False, axis="x")
