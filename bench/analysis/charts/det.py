"""Detection-error trade-off (DET) curves before and after the attacks that do most harm, one chart per detector.

Misses stand against false positives, both on normal-deviate axes, where two classes whose scores are normal with one
spread give a straight line, and the corner of small errors has room (Martin, Doddington, Kamm, Ordowski and
Przybocki 1997, "The DET curve in assessment of detection task performance", Eurospeech; ISO/IEC 19795-1 asks for it
in reports of biometric performance).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import ndtri

from bench.analysis.charts import style
from bench.analysis.charts.curves import SIDE, Curve, curve_charts
from bench.analysis.stats import Floats
from bench.analysis.text.wording import whole
from bench.records import Run

TITLE = "DET before and after"
ABOUT = (
    "Misses against false positives on normal-deviate axes, test split, all sources pooled; lower left is better.\n"
    "Dots and crosses: the frozen threshold, where it now operates, and the 95 % intervals of both rates."
)
NOTE = (
    "EER: the rate at which both errors are equal. The dotted diagonal joins equal errors. No rate of 0 or 100 % has a "
    "place on such an axis: it is drawn on the frame."
)

#: Rates that may be marked on an axis, percent; those above 50 mirror them.
TICKS = (0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 40)

#: How far apart two marks of an axis are at least, inches.
TICK_ROOM = 0.2


def det_charts(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector: ``(name of the detector, figure)``."""
    return curve_charts(run, frozen, errors, TITLE, ABOUT, NOTE, _panel)


def equal_error_rate(fpr: Floats, fnr: Floats) -> float:
    """Where the lines between neighbouring corners of a curve meet ``fpr == fnr``, 0..1.

    Args:
        fpr: false-positive rates from 0 to 1, rising, ``(corners,)``.
        fnr: miss rates from 1 to 0, falling, of the same shape.
    """
    # Both ends of the curve have a sign, so there is a crossing.
    gap = fpr - fnr
    after = int(np.flatnonzero(gap >= 0)[0])
    share = gap[after] / (gap[after] - gap[after - 1])
    return float(fpr[after] - share * (fpr[after] - fpr[after - 1]))


def _panel(axes: Axes, curves: list[Curve]) -> tuple[Sequence[Line2D], str]:
    # The smallest rate but 0 that these files can give is inside the frame.
    smallest = min(1 / max(curve.n_human, curve.n_ai) for curve in curves)
    low = max((tick / 100 for tick in TICKS if tick / 100 < smallest), default=TICKS[0] / 100)

    def place(rate: npt.ArrayLike) -> Floats:
        return np.asarray(ndtri(np.clip(rate, low, 1 - low)))

    axes.plot(place([low, 1 - low]), place([low, 1 - low]), color=style.FAINT, linewidth=0.9, linestyle=":", zorder=1)
    handles = []
    for curve in curves:
        rate = equal_error_rate(curve.fpr, curve.fnr)
        # What lies on the frame is drawn whole, not half.
        handles += axes.plot(
            place(curve.fpr), place(curve.fnr), label=f" {whole(rate)} %  {curve.name}", zorder=3, clip_on=False,
            **curve.look,
        )  # fmt: skip
        if now := curve.operating:
            colour = curve.look["color"]
            x, y = place(now["fpr"]), place(now["fnr"])
            cross = {"color": colour, "linewidth": 0.7, "alpha": 0.8, "zorder": 2, "clip_on": False}
            axes.plot(place([now["fpr_low"], now["fpr_high"]]), [y, y], **cross)
            axes.plot([x, x], place([now["fnr_low"], now["fnr_high"]]), **cross)
            axes.plot([x], [y], "o", color=colour, markersize=4, zorder=4, clip_on=False)
    ticks: list[float] = []
    for tick in reversed(TICKS):
        room = SIDE * float(place((ticks or [60])[-1] / 100) - place(tick / 100)) / (2 * float(place(1 - low)))
        if tick / 100 >= low and room >= TICK_ROOM:
            ticks.append(tick)
    ticks += [100 - tick for tick in ticks]
    ends = (float(place(low)), float(place(1 - low)))
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.set_xticks(place(np.array(ticks) / 100), [f"{tick:g}" for tick in ticks])
    axes.set_yticks(place(np.array(ticks) / 100), [f"{tick:g}" for tick in ticks])
    axes.set(xlabel="false positives, % of human files", ylabel="misses, % of AI files")
    return handles, "EER"
