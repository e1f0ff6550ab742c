"""Thresholds at a fixed false-positive rate: the smallest that keeps it, whatever the ties."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.analysis.stats.intervals import Floats, Ints


class Threshold(NamedTuple):
    """A frozen threshold: flagged means score > ``t``.

    Attributes:
        t: None where the calibration sample cannot support the rate asked for.
        achieved_fpr: of the calibration sample itself; None where refused.
        n: human scores in the calibration sample.
        needed: the smallest ``n`` that supports the rate, ``ceil(1 / alpha)``.
    """

    t: float | None
    achieved_fpr: float | None
    n: int
    needed: int


def needed_for(alpha: float) -> int:
    """How many human scores it takes before a false-positive rate of ``alpha`` can be told from zero."""
    return int(np.ceil(1 / alpha - 1e-9))


def threshold_at(scores_human: npt.ArrayLike, alpha: float) -> Threshold:
    """The smallest threshold, among the scores given, whose false-positive rate is at most ``alpha``.

    Flagged means score > t, so scores tied with the threshold are never flagged, whatever their order. Fewer scores
    than ``1 / alpha`` are refused: their false-positive rate moves in steps larger than ``alpha``.

    Args:
        scores_human: scores of clean human files of the calibration split.
        alpha: the false-positive rate allowed, in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), got {alpha:g}")
    scores = np.sort(np.asarray(scores_human, float).ravel())
    if np.isnan(scores).any():
        raise ValueError("scores must be numbers; leave failed scores out")
    n, needed = len(scores), needed_for(alpha)
    if n < needed:
        return Threshold(None, None, n, needed)
    unique, first = np.unique(scores, return_index=True)
    above = n - np.append(first[1:], n)
    allowed = above <= alpha * n + 1e-9
    best = int(np.argmax(allowed))
    return Threshold(float(unique[best]), float(above[best] / n), n, needed)


def thresholds_at(scores_human: Floats, alpha: float) -> tuple[Floats, Ints]:
    """``threshold_at`` for many cells: ``(threshold, n)``, NaN where a cell has too few scores.

    Args:
        scores_human: ``(cells, files)``, NaN where a file has no score.
        alpha: the false-positive rate allowed, in (0, 1).
    """
    n = np.count_nonzero(~np.isnan(scores_human), axis=1)
    # With so many scores above it, the next one down is the smallest threshold allowed; NaNs sort last.
    place = n - 1 - np.floor(alpha * n + 1e-9).astype(np.int64)
    out = np.full(len(n), np.nan)
    enough = n >= needed_for(alpha)
    for at in np.unique(place[enough]):
        mine = enough & (place == at)
        out[mine] = np.partition(scores_human[mine], at, axis=1)[:, at]
    return out, n
