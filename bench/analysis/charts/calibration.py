"""Reliability diagrams of detectors whose scores claim to be probabilities, clean and under attack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.charts import style
from bench.analysis.frames import POOLED, as_rows, attack_frame, clean_attacks, regime_names
from bench.analysis.tables.detection import MIN_N
from bench.records import Run

TITLE = "Do the probabilities hold"

#: Untouched files, then the attack under which they hold least.
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": style.BLUE, "marker": "o", "markersize": 5.5, "linewidth": 2.2},
    {"color": style.VERMILLION, "marker": "s", "markersize": 3.2, "linewidth": 1.1},
)

Curve = tuple[str, dict[str, Any], list[dict[str, Any]]]


def calibration_charts(run: Run, table: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector that claims probabilities: ``(name of the detector, figure)``."""
    for name, mine in table.groupby("detector", sort=False):
        panels = [(regime, found) for regime in regime_names(run) if (found := _curves(run, mine, regime))]
        title = f"{TITLE}: {style.short(str(name), 50)}"
        if panels:
            yield str(name), _figure(run, title, panels)
        else:
            why = "; ".join(dict.fromkeys(note for note in mine["note"] if note)) or "no scores"
            yield str(name), style.message(title, f"No curve to show: {style.short(why, 90)}.")


def _curves(run: Run, mine: pd.DataFrame, regime: str) -> list[Curve]:
    """Untouched files, and the attack with the largest calibration error: ``(attack, summary, bins)``."""
    rows = mine[mine["regime"].eq(regime)]
    summed = rows[rows["bin"].eq(POOLED) & rows["ece"].notna()]
    clean = summed["attack"].isin(clean_attacks(run))
    picked = as_rows(summed[clean][:1])
    picked += as_rows(summed[~clean].sort_values("ece", ascending=False, kind="stable")[:1])
    return [
        (row["attack"], row, as_rows(rows[rows["attack"].eq(row["attack"]) & rows["bin"].ne(POOLED)])) for row in picked
    ]


def _figure(run: Run, title: str, panels: list[tuple[str, list[Curve]]]) -> Figure:
    attacks = attack_frame(run)
    stars = set(attacks["attack"][attacks["channel"].str.startswith("simulated")])
    notes = f"Points: share of AI files per tenth of the score, bins of fewer than {MIN_N} files left out; bars: 95 % "
    notes += (
        "intervals. Figures above: n of each bin. ECE: mean distance from the diagonal, weighted by n, of all bins. A "
    )
    notes += "probability for another mix of AI and human files differs."
    notes += " * simulated channel." if stars & {attack for _, curves in panels for attack, _, _ in curves} else ""
    notes = style.wrapped(notes, style.COLUMN)
    side, head, foot = 2.55, 1.02, 0.5 + 0.13 * notes.count("\n")
    below = 0.45 + 0.3 * max(len(curves) for _, curves in panels)
    blocks = -(-len(panels) // 2)
    made = style.figure(style.COLUMN, head + blocks * (side + below) + (blocks - 1) * 0.4 + foot - 0.2)
    style.heading(
        made, title, "Share of AI files against the probability that the detector gives. Test split, all sources."
    )
    for i, (regime, curves) in enumerate(panels):
        left, top = 0.62 + 3.5 * (i % 2), head + (i // 2) * (side + below + 0.4)
        axes = style.place(made, left, top, side, side)
        _panel(axes, curves, stars)
        axes.set_title(regime, pad=20)
    style.footnote(made, notes)
    return made


def _panel(axes: Axes, curves: list[Curve], stars: set[str]) -> None:
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=0.9, zorder=1)
    handles = []
    for i, ((attack, summary, bins), look) in enumerate(zip(curves, LOOKS, strict=False)):
        known = [row for row in bins if not pd.isna(row["ai_share"])]
        x, y = [row["mean_score"] for row in known], [row["ai_share"] for row in known]
        low = [max(row["ai_share"] - row["ai_low"], 0) for row in known]
        high = [max(row["ai_high"] - row["ai_share"], 0) for row in known]
        star = " *" if attack in stars else ""
        label = f"{style.short(attack, 32)}{star}\nECE {summary['ece']:.2f}, Brier {summary['brier']:.2f} "
        label += f"[{summary['brier_low']:.2f}, {summary['brier_high']:.2f}], n {summary['n']}"
        handles.append(
            axes.errorbar(x, y, yerr=[low, high], elinewidth=0.8, clip_on=False, zorder=3,
                          label=label, **look)
        )  # fmt: skip
        for row in known:
            # Above the middle of its bin: mean scores of neighbours may be closer than two figures have room.
            axes.annotate(
                f"{row['n']}", ((row["bin_low"] + row["bin_high"]) / 2, 1.02), (0, 9 - 7 * i),
                textcoords="offset points", fontsize=5.6, ha="center", color=look["color"], annotation_clip=False,
            )  # fmt: skip
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        aspect="equal",
        xlabel="probability of AI given",
        ylabel="share of AI files",
    )
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.tick_params(length=0)
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(-0.1, -0.14), fontsize=6.6, borderaxespad=0, handlelength=2,
        labelspacing=0.5,
    )  # fmt: skip
