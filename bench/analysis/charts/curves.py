"""What ROC and DET charts share: a detector's curves before and after its worst attacks, and their panels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.analysis.charts import style
from bench.analysis.frames import as_rows, attack_frame, clean_attacks, detector_names, regime_names
from bench.analysis.stats import Floats, roc_points
from bench.analysis.tables.cube import cube
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import at_threshold, main_threshold
from bench.records import Run

WORST = 4
COLOURS = (style.VERMILLION, style.ORANGE, style.PURPLE, style.SKY)
STYLES = ("-", (0, (5, 1.5)), (0, (3, 1, 1, 1)), (0, (1.5, 1)))

#: Side of a panel and the step to the next, inches.
SIDE, STEP = 2.85, 3.45


@dataclass(frozen=True, eq=False)
class Curve:
    """How one detector trades its errors under one attack, all sources of the test split pooled.

    Attributes:
        name: of the attack, as it stands in the legend.
        fpr, fnr: false-positive and miss rate at every corner of the curve, ``(corners,)``, 0..1.
        n_human, n_ai: files with a score.
        figures: the row of ``detector_errors`` that holds the AUC.
        operating: its row at the frozen threshold; None where there is no threshold or too few files.
        look: colour, line style and width.
    """

    name: str
    fpr: Floats
    fnr: Floats
    n_human: int
    n_ai: int
    figures: dict[str, Any]
    operating: dict[str, Any] | None
    look: dict[str, Any]


#: Draws the curves of one regime into axes, and gives the legend's handles with the legend's title.
Panel = Callable[[Axes, list[Curve]], tuple[Sequence[Line2D], str]]


def curve_charts(
    run: Run, frozen: pd.DataFrame, errors: pd.DataFrame, title: str, about: str, note: str, panel: Panel
) -> Iterator[tuple[str, Figure]]:
    """One chart per detector, a panel per regime: ``(name of the detector, figure)``.

    Args:
        run: the records.
        frozen: the table ``thresholds``.
        errors: the table ``detector_errors``.
        title: before the detector's name.
        about: the line under it.
        note: at the foot.
        panel: draws the curves.
    """
    attacks = attack_frame(run)
    stars = set(attacks["attack"][attacks["channel"].str.startswith("simulated")])
    for detector in detector_names(run):
        heading = style.titled(title, detector)
        panels = _curves(run, frozen, errors, detector, stars)
        if not panels:
            text = f"No attack left {MIN_N} scores or more of human and of AI files, so there is no curve."
            yield detector, style.message(heading, text)
            continue
        starred = any(curve.name.endswith(" *") for _, curves in panels for curve in curves)
        text = style.wrapped(("*\N{NO-BREAK SPACE}simulated channel. " if starred else "") + note, style.COLUMN)
        made = style.figure(style.COLUMN, 5.35 + 0.13 * text.count("\n"))
        style.heading(made, heading, about)
        for i, (regime, curves) in enumerate(panels):
            axes = style.place(made, 0.6 + STEP * i, 0.95, SIDE, SIDE)
            handles, legend = panel(axes, curves)
            axes.tick_params(length=0)
            axes.set_title(regime)
            axes.legend(
                handles=handles, loc="upper left", bbox_to_anchor=(-0.16, -0.15), title=legend, title_fontsize=7.2,
                alignment="left", fontsize=6.8, handlelength=2.6, labelspacing=0.35, borderaxespad=0,
            )  # fmt: skip
        style.footnote(made, text)
        yield detector, made


def _curves(
    run: Run, frozen: pd.DataFrame, errors: pd.DataFrame, detector: str, stars: set[str]
) -> list[tuple[str, list[Curve]]]:
    """The untouched curve and those of the attacks that leave the smallest AUC, per regime that has any."""
    scores, clean = cube(run), clean_attacks(run)
    human, ai = scores.files("human"), scores.files("ai")
    order = list(scores.attacks["attack"])
    mine = errors[errors["detector"].eq(detector) & errors["auc"].notna()]
    choice = main_threshold(frozen, detector)
    decided = at_threshold(mine, detector, choice)
    operating = {(row["regime"], row["attack"]): row for row in as_rows(decided) if not np.isnan(row["fpr"])}
    panels = []
    for regime in regime_names(run):
        rows = mine[mine["regime"].eq(regime)].drop_duplicates("attack")
        worst = rows[~rows["attack"].isin(clean)].sort_values("auc", kind="stable")[:WORST]
        curves: list[Curve] = []
        for row in [*as_rows(rows[rows["attack"].isin(clean)][:1]), *as_rows(worst)]:
            attack = str(row["attack"])
            values = scores.value[scores.detectors.index(detector), scores.regimes.index(regime), order.index(attack)]
            humans, ais = (part[~np.isnan(part)] for part in (values[human], values[ai]))
            fpr, tpr, _ = roc_points(humans, ais)
            place = len([curve for curve in curves if curve.name != "clean"]) % WORST
            name = "clean" if attack in clean else style.short(attack, 30) + (" *" if attack in stars else "")
            look = {"color": COLOURS[place], "linestyle": STYLES[place], "linewidth": 1.3}
            if attack in clean:
                look = {"color": style.INK, "linestyle": "-", "linewidth": 1.8}
            decision = operating.get((regime, attack))
            curves.append(Curve(name, fpr, 1 - tpr, len(humans), len(ais), row, decision, look))
        if curves:
            panels.append((regime, curves))
    return panels
