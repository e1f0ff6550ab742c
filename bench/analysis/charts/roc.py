"""ROC curves before and after the attacks that do most harm, one chart per detector, a panel per regime."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.charts import style
from bench.analysis.frames import (
    POOLED,
    as_rows,
    attack_frame,
    clean_attacks,
    detector_names,
    ok_values,
    regime_names,
    scored,
)
from bench.analysis.stats import roc_points
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import at_threshold, main_threshold
from bench.records import Run

TITLE = "ROC before and after"
WORST = 4
COLOURS = (style.VERMILLION, style.ORANGE, style.PURPLE, style.SKY)
STYLES = ("-", (0, (5, 1.5)), (0, (3, 1, 1, 1)), (0, (1.5, 1)))


def roc_charts(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector: ``(name of the detector, figure)``."""
    rows = scored(run)
    rows = rows[rows["split"].eq("test") & rows["truth"].isin(["human", "ai"])]
    rows = rows[ok_values(rows)]
    by_cell = {key: cell for key, cell in rows.groupby(["detector", "regime", "attack"], sort=False)}
    stars = {a["attack"] for a in as_rows(attack_frame(run)) if a["channel"].startswith("simulated")}
    clean = clean_attacks(run)
    for detector in detector_names(run):
        title = f"{TITLE}: {style.short(detector, 50)}"
        pooled = errors[errors["detector"].eq(detector) & errors["source"].eq(POOLED)]
        pooled = pooled.drop_duplicates(["regime", "attack"])
        pooled = pooled[pooled["auc"].notna()]
        regimes = [name for name in regime_names(run) if pooled["regime"].eq(name).any()]
        if not regimes:
            text = f"No attack left {MIN_N} scores or more of human and of AI files, so there is no curve."
            yield detector, style.message(title, text)
            continue
        made = style.figure(style.COLUMN, 5.35)
        style.heading(made, title, "Test split, all sources pooled. Dots: the frozen threshold, where it now operates.")
        choice = main_threshold(frozen, detector)
        operating = at_threshold(errors, detector, choice)
        operating = operating[operating["source"].eq(POOLED)]
        for i, regime in enumerate(regimes):
            shown = pooled[pooled["regime"].eq(regime)]
            worst = shown[~shown["attack"].isin(clean)].sort_values("auc", kind="stable")[:WORST]
            picked = [*as_rows(shown[shown["attack"].isin(clean)][:1]), *as_rows(worst)]
            axes = style.place(made, 0.6 + 3.45 * i, 0.95, 2.85, 2.85)
            points = operating[operating["regime"].eq(regime)].set_index("attack")
            _panel(axes, regime, picked, {row["attack"]: by_cell[detector, regime, row["attack"]] for row in picked},
                   points, clean, stars)  # fmt: skip
        if stars & set(pooled["attack"]):
            style.footnote(made, "* simulated channel. AUC with its 95 % interval; the diagonal is guessing.")
        else:
            style.footnote(made, "AUC with its 95 % interval; the diagonal is guessing.")
        yield detector, made


def _panel(
    axes: Axes,
    regime: str,
    picked: list[dict[str, object]],
    cells: dict[object, pd.DataFrame],
    points: pd.DataFrame,
    clean: list[str],
    stars: set[str],
) -> None:
    axes.plot([0, 100], [0, 100], color=style.FAINT, linewidth=0.9, zorder=1)
    handles, worst = [], 0
    for row in picked:
        attack = str(row["attack"])
        cell = cells[attack]
        human = cell["truth"].eq("human").to_numpy(bool)
        values = cell["value"].to_numpy(float)
        fpr, tpr, _ = roc_points(values[human], values[~human])
        is_clean = attack in clean
        colour = style.INK if is_clean else COLOURS[worst % len(COLOURS)]
        line = "-" if is_clean else STYLES[worst % len(STYLES)]
        worst += not is_clean
        name = "clean" if is_clean else style.short(attack, 30) + (" *" if attack in stars else "")
        label = f" {row['auc']:.2f} [{row['auc_low']:.2f}, {row['auc_high']:.2f}]  {name}"
        handles += axes.plot(
            100 * fpr,
            100 * tpr,
            color=colour,
            linestyle=line,
            linewidth=1.8 if is_clean else 1.3,
            label=label,
            zorder=3,
        )
        if attack in points.index and not np.isnan(fpr_now := float(points.loc[attack, "fpr"])):  # type: ignore[arg-type]
            fnr_now = float(points.loc[attack, "fnr"])  # type: ignore[arg-type]
            axes.plot([100 * fpr_now], [100 * (1 - fnr_now)], "o", color=colour, markersize=4, zorder=4, clip_on=False)
    axes.set(xlim=(-1.5, 101.5), ylim=(-1.5, 101.5), aspect="equal")
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set(xlabel="false positives, % of human files", ylabel="detected, % of AI files")
    axes.tick_params(length=0)
    axes.set_title(regime)
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(-0.16, -0.15), title="AUC", title_fontsize=7.2,
        alignment="left", fontsize=6.8, handlelength=2.6, labelspacing=0.35, borderaxespad=0,
    )  # fmt: skip
