"""Ranking measures: ROC curve, area under it with DeLong's variance, average precision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.analysis.stats.intervals import Z95, Bools, Floats, Ints

#: Scores sorted at a time: so many fit into a processor's cache with all that is made of them.
BLOCK = 1 << 16


class Ranked(NamedTuple):
    """How well many cells rank AI above human files, one entry per cell; NaN where a class is missing.

    Attributes:
        auc: probability that an AI file scores above a human one, ties counted half.
        variance: DeLong's; NaN where a class has fewer than two scores.
        ap: average precision, as scikit-learn's (no interpolation).
        n_human, n_ai: scores per class.
        influence: what each file adds to the AUC's error, ``(cells, files)``: the squares of a cell sum to its
            variance, and the products of two cells over the same files to their covariance. 0 where a file has no
            score, or its class fewer than two.
    """

    auc: Floats
    variance: Floats
    ap: Floats
    n_human: Ints
    n_ai: Ints
    influence: Floats

    def of(self, cells: Ints | slice) -> Ranked:
        """Some of the cells."""
        columns: list[npt.NDArray] = [column[cells] for column in self]
        return Ranked(*columns)

    def replaced(self, cells: Bools, by: Ranked) -> Ranked:
        """The same with some of the cells ranked anew."""
        columns: list[npt.NDArray] = [column.copy() for column in self]
        for column, new in zip(columns, by, strict=True):
            column[cells] = new
        return Ranked(*columns)


def rank_rows(values: Floats, n_human: int) -> Ranked:
    """AUC, DeLong's variance and average precision of many cells over the same files.

    DeLong et al. (1988, https://doi.org/10.2307/2531595), from sorted scores as in Sun and Xu (2014,
    https://doi.org/10.1109/LSP.2014.2337313).

    Args:
        values: scores, higher = more AI, ``(cells, files)``; NaN where a file has none.
        n_human: the first so many files are human, the others AI.
    """
    cells, files = values.shape
    step = max(1, BLOCK // max(files, 1))
    blocks = [_rank_block(values[i : i + step], n_human) for i in range(0, cells, step)]
    blocks = blocks or [_rank_block(np.empty((0, files)), n_human)]
    columns: list[npt.NDArray] = [np.concatenate(column) for column in zip(*blocks, strict=True)]
    return Ranked(*columns)


def _rank_block(values: Floats, n_human: int) -> Ranked:
    cells, files = values.shape
    order = np.argsort(values, axis=1)
    scores = np.take_along_axis(values, order, axis=1)
    known = ~np.isnan(scores)  # sorted last
    ai = order >= n_human
    counted = np.stack([known & ~ai, known & ai])
    up_to = np.zeros((2, cells, files + 1), np.int64)
    np.cumsum(counted, axis=2, out=up_to[:, :, 1:])
    n_human_scores, n_ai_scores = up_to[:, :, -1]
    starts = np.ones((cells, files + 1), bool)
    starts[:, 1:-1] = scores[:, 1:] != scores[:, :-1]
    index = np.broadcast_to(np.arange(files), scores.shape)
    if starts.all():
        before, after = up_to[:, :, :-1], up_to[:, :, 1:]
        first = index
    else:  # scores that tie share the counts before the first and after the last of them
        first = np.maximum.accumulate(np.where(starts[:, :-1], index, 0), axis=1)
        last = np.minimum.accumulate(np.where(starts[:, 1:], index, files)[:, ::-1], axis=1)[:, ::-1]
        before = np.stack([np.take_along_axis(count, first, axis=1) for count in up_to])
        after = np.stack([np.take_along_axis(count, last + 1, axis=1) for count in up_to])
    below = (before + after) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        placement = np.where(ai, below[0] / n_human_scores[:, None], 1 - below[1] / n_ai_scores[:, None])
        auc = np.where(counted[1], placement, 0).sum(axis=1) / n_ai_scores
        auc = np.where(n_human_scores > 0, auc, np.nan)
        away = np.where(known, placement - auc[:, None], 0)
        scale = np.stack([n * np.where(n > 1, n - 1, np.nan) for n in (n_human_scores, n_ai_scores)]).astype(float)
        spread = np.stack([(np.where(mine, away, 0) ** 2).sum(axis=1) for mine in counted])
        variance = (spread / scale).sum(axis=0)
        sorted_influence = away / np.sqrt(np.where(ai, scale[1][:, None], scale[0][:, None]))
        # Precision counts at the end of each tie: files of equal score are flagged together.
        precision = (n_ai_scores[:, None] - before[1]) / ((n_human_scores + n_ai_scores)[:, None] - first)
        ap = np.where(counted[1], precision, 0).sum(axis=1) / n_ai_scores
    influence = np.empty_like(sorted_influence)
    np.put_along_axis(influence, order, np.nan_to_num(sorted_influence), axis=1)
    both = (n_human_scores > 0) & (n_ai_scores > 0)
    return Ranked(auc, np.where(both, variance, np.nan), ap, n_human_scores, n_ai_scores, influence)


def auc_interval(
    auc: npt.ArrayLike, variance: npt.ArrayLike, n_human: npt.ArrayLike, n_ai: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """The 95 % interval of AUCs, one entry per cell.

    DeLong's variance on the logit scale. Where that variance is 0 or unknown (perfect separation, all scores tied, one
    file in a class) it says nothing, and Newcombe's interval for that many files stands in.
    """
    a, v = np.atleast_1d(np.asarray(auc, float)), np.atleast_1d(np.asarray(variance, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        logit, half = np.log(a / (1 - a)), Z95 * np.sqrt(v) / (a * (1 - a))
        low, high = 1 / (1 + np.exp(-(logit - half))), 1 / (1 + np.exp(-(logit + half)))
    bare = ~((v > 0) & (a > 0) & (a < 1))
    if bare.any():
        n_h, n_a = np.broadcast_to(n_human, a.shape)[bare], np.broadcast_to(n_ai, a.shape)[bare]
        low[bare], high[bare] = _newcombe(a[bare], n_h.astype(float), n_a.astype(float))
    return low.reshape(np.shape(auc))[()], high.reshape(np.shape(auc))[()]


def variance_at(theta: Floats, m: Floats, n: Floats) -> Floats:
    """Variance of an AUC that is ``theta`` in truth, over m and n files: Hanley and McNeil's as Newcombe has it."""
    extra = (m + n) / 2 - 1
    return theta * (1 - theta) * (1 + extra * (1 - theta) / (2 - theta) + extra * theta / (1 + theta)) / (m * n)


def _newcombe(auc: Floats, m: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Newcombe's score interval, his method 5 (2006, https://doi.org/10.1002/sim.2324), by bisection."""

    def too_far(theta: Floats) -> Bools:
        return np.abs(auc - theta) > Z95 * np.sqrt(variance_at(theta, m, n))

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


def _one_cell(scores_human: npt.ArrayLike, scores_ai: npt.ArrayLike) -> Ranked:
    human, ai = np.ravel(np.asarray(scores_human, float)), np.ravel(np.asarray(scores_ai, float))
    return rank_rows(np.concatenate([human, ai])[None], len(human))


def auc(scores_human: npt.ArrayLike, scores_ai: npt.ArrayLike) -> tuple[float, float, float]:
    """AUC of one cell and its 95 % interval: ``(auc, low, high)``, NaN where a class is empty."""
    cell = _one_cell(scores_human, scores_ai)
    low, high = auc_interval(cell.auc, cell.variance, cell.n_human, cell.n_ai)
    return float(cell.auc[0]), float(low[0]), float(high[0])


def average_precision(scores_human: npt.ArrayLike, scores_ai: npt.ArrayLike) -> float:
    """Average precision of one cell; NaN where there is no AI file."""
    return float(_one_cell(scores_human, scores_ai).ap[0])


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
