"""The statistics behind every rate: intervals, frozen thresholds, and ranking measures, all vectorised.

Functions that end in ``_by_group`` work on thousands of cells in one pass: a cell is an integer, and every array of
the result has one entry per cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri, stdtrit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Two-sided 95 % point of the normal distribution.
Z95 = float(ndtri(0.975))

#: A count is exact where the normal approximation is poor: fewer than this many events, or non-events.
FEW = 5


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


class GroupedAuc(NamedTuple):
    """Areas under the ROC curve, one entry per cell; NaN where a class is missing.

    Attributes:
        auc: probability that an AI file scores above a human one, ties counted half.
        variance: DeLong's; NaN where a class has fewer than two scores.
        n_human, n_ai: scores per class.
    """

    auc: Floats
    variance: Floats
    n_human: Ints
    n_ai: Ints


def wilson(k: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Wilson's score interval (1927) for ``k`` events out of ``n``, 95 %; NaN where ``n`` is 0."""
    k, n = np.asarray(k, float), np.asarray(n, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = k / n
        centre = p + Z95**2 / (2 * n)
        half = Z95 * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
        scale = 1 + Z95**2 / n
        low, high = (centre - half) / scale, (centre + half) / scale
    # The ends are exact by algebra and off by one rounding in floats.
    return np.where(k == 0, np.minimum(p, 0.0), low)[()], np.where(k == n, np.maximum(p, 1.0), high)[()]


def clopper_pearson(k: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Clopper and Pearson's exact interval (1934) for ``k`` events out of ``n``, 95 %; NaN where ``n`` is 0."""
    k, n = np.broadcast_arrays(np.asarray(k, float), np.asarray(n, float))
    with np.errstate(invalid="ignore"):
        low = np.where(k == 0, 0.0, betaincinv(np.maximum(k, 1), n - k + 1, 0.025))
        high = np.where(k == n, 1.0, betaincinv(k + 1, np.maximum(n - k, 1), 0.975))
    return np.where(n > 0, low, np.nan)[()], np.where(n > 0, high, np.nan)[()]


def interval(k: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The interval of every rate in the tables, 95 %.

    Clopper-Pearson where events or non-events are fewer than five, Wilson elsewhere.
    """
    k, n = np.broadcast_arrays(np.asarray(k, float), np.asarray(n, float))
    few = (k < FEW) | (n - k < FEW)
    exact, score = clopper_pearson(k, n), wilson(k, n)
    return np.where(few, exact[0], score[0])[()], np.where(few, exact[1], score[1])[()]


def mean_interval(rates: Floats, lows: Floats, highs: Floats) -> tuple[Floats, Floats, Floats]:
    """The mean of independent rates along the last axis, with the interval that their own intervals imply (MOVER).

    Zou and Donner (2008, https://doi.org/10.1002/sim.3095): the limits of each rate say how far it may be off, which
    stays honest at 0 and 1 where a plug-in variance vanishes. NaNs are left out; no rates at all give NaN.
    """
    known = ~np.isnan(rates)
    n = known.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, rates, 0).sum(axis=-1) / n
        down = np.sqrt((np.where(known, rates - lows, 0) ** 2).sum(axis=-1)) / n
        up = np.sqrt((np.where(known, highs - rates, 0) ** 2).sum(axis=-1)) / n
    return mean, np.maximum(mean - down, 0.0), np.minimum(mean + up, 1.0)


def mean_by_group(group: npt.ArrayLike, values: npt.ArrayLike, n_groups: int) -> tuple[Floats, Floats, Floats]:
    """The mean of many cells of shares with Student's t interval, 95 %, cut to 0..1: ``(mean, low, high)``.

    Each value is one file, so the interval is about the mean over files like these; where all files agree it has no
    width. One value has a mean and no interval, an empty cell neither.

    Args:
        group: cell of each value, in ``0..n_groups - 1``, ``(n,)``.
        values: shares in 0..1, ``(n,)``, all known.
        n_groups: number of cells.
    """
    g, v = np.asarray(group, np.int64), np.asarray(values, float)
    n = np.bincount(g, minlength=n_groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(g, v, n_groups) / n
        variance = np.bincount(g, (v - mean[g]) ** 2, n_groups) / np.where(n > 1, n - 1, np.nan)
        half = stdtrit(np.maximum(n - 1, 1), 0.975) * np.sqrt(variance / n)
    return mean, np.maximum(mean - half, 0.0), np.minimum(mean + half, 1.0)


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


def _midranks(group: Ints, scores: Floats) -> Floats:
    """Ranks from 1 within each group, ties sharing their mean; ``(n,)`` in the order given."""
    order = np.lexsort((scores, group))
    g, s = group[order], scores[order]
    new_group = np.append(True, g[1:] != g[:-1])
    new_tie = new_group | np.append(True, s[1:] != s[:-1])
    first = np.flatnonzero(new_tie)
    last = np.append(first[1:], len(g)) - 1
    start = np.flatnonzero(new_group)[np.cumsum(new_group) - 1]
    tie = np.cumsum(new_tie) - 1
    ranks = np.empty(len(g))
    ranks[order] = (first[tie] + last[tie]) / 2 + 1 - start
    return ranks


def auc_by_group(group: npt.ArrayLike, scores: npt.ArrayLike, is_ai: npt.ArrayLike, n_groups: int) -> GroupedAuc:
    """AUC and DeLong's variance of many cells in one pass.

    DeLong et al. (1988), computed from midranks as in Sun and Xu (2014, https://doi.org/10.1109/LSP.2014.2337313).

    Args:
        group: cell of each score, in ``0..n_groups - 1``, ``(n,)``.
        scores: ``(n,)``, higher = more AI.
        is_ai: truth of each score, ``(n,)`` bool.
        n_groups: number of cells.
    """
    g, s, ai = np.asarray(group, np.int64), np.asarray(scores, float), np.asarray(is_ai, bool)
    cell = 2 * g + ai
    n = np.bincount(cell, minlength=2 * n_groups).reshape(-1, 2)
    n_human, n_ai = n[:, 0], n[:, 1]
    if not len(g):
        empty = np.full(n_groups, np.nan)
        return GroupedAuc(empty, empty.copy(), n_human, n_ai)
    with np.errstate(divide="ignore", invalid="ignore"):
        # How many of the other class lie below each score (ties half), as a share: DeLong's placements.
        below = (_midranks(g, s) - _midranks(cell, s)) / n[g, (~ai).astype(int)]
        placement = np.where(ai, below, 1 - below)
        mean = np.bincount(cell, placement, 2 * n_groups) / n.ravel()
        spread = np.bincount(cell, (placement - mean[cell]) ** 2, 2 * n_groups).reshape(-1, 2)
        variance = (spread / (np.where(n > 1, n - 1, np.nan) * n)).sum(axis=1)
    both = (n_human > 0) & (n_ai > 0)
    auc = np.where(both, mean[1::2], np.nan)
    return GroupedAuc(auc, np.where(both, variance, np.nan), n_human, n_ai)


def auc_interval(
    auc: npt.ArrayLike, variance: npt.ArrayLike, n_human: npt.ArrayLike, n_ai: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """The 95 % interval of AUCs.

    DeLong's variance on the logit scale. Where that variance is 0 or unknown (perfect separation, all scores tied, one
    file in a class) it says nothing, and Newcombe's interval for that many files stands in.
    """
    a, v = np.atleast_1d(np.asarray(auc, float)), np.atleast_1d(np.asarray(variance, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        logit, half = np.log(a / (1 - a)), Z95 * np.sqrt(v) / (a * (1 - a))
        low, high = 1 / (1 + np.exp(-(logit - half))), 1 / (1 + np.exp(-(logit + half)))
    bare = ~((v > 0) & (a > 0) & (a < 1))
    n_h, n_a = np.broadcast_to(n_human, a.shape)[bare], np.broadcast_to(n_ai, a.shape)[bare]
    low[bare], high[bare] = _newcombe(a[bare], n_h.astype(float), n_a.astype(float))
    return low.reshape(np.shape(auc))[()], high.reshape(np.shape(auc))[()]


def _newcombe(auc: Floats, m: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Newcombe's score interval, his method 5 (2006, https://doi.org/10.1002/sim.2324), by bisection."""

    def too_far(theta: Floats) -> npt.NDArray[np.bool_]:
        extra = (m + n) / 2 - 1
        spread = theta * (1 - theta) * (1 + extra * (1 - theta) / (2 - theta) + extra * theta / (1 + theta)) / (m * n)
        return np.abs(auc - theta) > Z95 * np.sqrt(spread)

    ends = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for end in (0.0, 1.0):
            inside, outside = auc.copy(), np.full_like(auc, end)
            for _ in range(50):
                middle = (inside + outside) / 2
                far = too_far(middle)
                outside, inside = np.where(far, middle, outside), np.where(far, inside, middle)
            ends.append(np.where(auc == end, end, inside))
    return ends[0], ends[1]


def auc(scores_human: npt.ArrayLike, scores_ai: npt.ArrayLike) -> tuple[float, float, float]:
    """AUC of one cell and its 95 % interval: ``(auc, low, high)``, NaN where a class is empty."""
    human, ai = np.ravel(np.asarray(scores_human, float)), np.ravel(np.asarray(scores_ai, float))
    both, truth = np.concatenate([human, ai]), np.repeat([False, True], [len(human), len(ai)])
    cell = auc_by_group(np.zeros(len(both), np.int64), both, truth, 1)
    low, high = auc_interval(*cell)
    return float(cell.auc[0]), float(low[0]), float(high[0])


def average_precision_by_group(
    group: npt.ArrayLike, scores: npt.ArrayLike, is_ai: npt.ArrayLike, n_groups: int
) -> Floats:
    """Average precision of many cells (as scikit-learn's: no interpolation); NaN where a cell has no AI file."""
    g, s, ai = np.asarray(group, np.int64), np.asarray(scores, float), np.asarray(is_ai, bool)
    if not len(g):
        return np.full(n_groups, np.nan)
    order = np.lexsort((-s, g))
    g, s, ai = g[order], s[order], ai[order]
    start = np.flatnonzero(np.append(True, g[1:] != g[:-1]))
    run = np.repeat(start, np.diff(np.append(start, len(g))))
    hits = np.cumsum(ai)
    hits_in_cell = hits - (hits[run] - ai[run])
    # Precision counts at the end of each tie: files of equal score are flagged together.
    last = np.append((g[1:] != g[:-1]) | (s[1:] != s[:-1]), True)
    g, precision, hits_in_cell = g[last], (hits_in_cell / (np.arange(len(g)) - run + 1))[last], hits_in_cell[last]
    gained = np.diff(hits_in_cell, prepend=0)
    gained = np.where(np.append(True, g[1:] != g[:-1]), hits_in_cell, gained)
    with np.errstate(invalid="ignore"):
        return np.bincount(g, precision * gained, n_groups) / np.bincount(g, gained, n_groups)


def average_precision(scores_human: npt.ArrayLike, scores_ai: npt.ArrayLike) -> float:
    """Average precision of one cell; NaN where there is no AI file."""
    human, ai = np.ravel(np.asarray(scores_human, float)), np.ravel(np.asarray(scores_ai, float))
    both, truth = np.concatenate([human, ai]), np.repeat([False, True], [len(human), len(ai)])
    return float(average_precision_by_group(np.zeros(len(both), np.int64), both, truth, 1)[0])


def roc_points(scores_human: npt.ArrayLike, scores_ai: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Every corner of the ROC curve from (0, 0) to (1, 1): ``(fpr, tpr, threshold)``; flagged means score > threshold.

    Raises:
        ValueError: a class without scores.
    """
    human, ai = np.sort(np.ravel(np.asarray(scores_human, float))), np.sort(np.ravel(np.asarray(scores_ai, float)))
    if not len(human) or not len(ai):
        raise ValueError("a ROC curve needs scores of both classes")
    cuts = np.append(np.unique(np.concatenate([human, ai]))[::-1], -np.inf)
    fp = len(human) - np.searchsorted(human, cuts, "right")
    tp = len(ai) - np.searchsorted(ai, cuts, "right")
    # Points in the middle of a straight run change nothing but the size of the drawing.
    bend = np.append(np.append(True, (np.diff(fp, 2) != 0) | (np.diff(tp, 2) != 0)), True)
    return fp[bend] / len(human), tp[bend] / len(ai), cuts[bend]
