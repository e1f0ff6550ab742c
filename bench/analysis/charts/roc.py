"""ROC curves before and after the attacks that do most harm, one chart per detector, a panel per regime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.analysis.charts import style
from bench.analysis.charts.curves import Curve, curve_charts
from bench.records import Run

TITLE = "ROC before and after"
ABOUT = "Test split, all sources pooled. Dots: the frozen threshold, where it now operates."
NOTE = "AUC with its 95 % interval; the diagonal is guessing."


def roc_charts(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector: ``(name of the detector, figure)``."""
    return curve_charts(run, frozen, errors, TITLE, ABOUT, NOTE, _panel)


def _panel(axes: Axes, curves: list[Curve]) -> tuple[Sequence[Line2D], str]:
    axes.plot([0, 100], [0, 100], color=style.FAINT, linewidth=0.9, zorder=1)
    handles = []
    for curve in curves:
        row, colour = curve.figures, curve.look["color"]
        label = f" {row['auc']:.2f} [{row['auc_low']:.2f}, {row['auc_high']:.2f}]  {curve.name}"
        handles += axes.plot(100 * curve.fpr, 100 * (1 - curve.fnr), label=label, zorder=3, **curve.look)
        if now := curve.operating:
            axes.plot([100 * now["fpr"]], [100 * (1 - now["fnr"])], "o", color=colour, markersize=4, zorder=4,
                      clip_on=False)  # fmt: skip
    axes.set(xlim=(-1.5, 101.5), ylim=(-1.5, 101.5), aspect="equal")
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set(xlabel="false positives, % of human files", ylabel="detected, % of AI files")
    return handles, "AUC"
