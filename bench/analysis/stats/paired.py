"""Comparisons over the same files: exact McNemar for verdicts, DeLong for areas under the ROC curve."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, ndtr

from bench.analysis.stats.intervals import Z95, Floats, wilson
from bench.analysis.stats.ranking import Ranked, auc_interval, variance_at


def mcnemar(b: npt.ArrayLike, c: npt.ArrayLike) -> Floats:
    """McNemar's exact two-sided p: could ``b`` flips one way and ``c`` the other be the throws of a fair coin?

    Twice the smaller tail of the binomial (McNemar 1947, https://doi.org/10.1007/BF02295996, in its exact form), not
    the mid-p: the rate of false alarms stays below the nominal one at every n. No flips at all give 1.
    """
    b, c = np.broadcast_arrays(np.asarray(b, float), np.asarray(c, float))
    return np.asarray(np.minimum(2 * bdtr(np.minimum(b, c), (b + c).astype(np.int64), 0.5), 1.0))[()]


def paired_interval(
    both: npt.ArrayLike, only_a: npt.ArrayLike, only_b: npt.ArrayLike, neither: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """The 95 % interval of the difference of two rates on the same files, ``(only_a - only_b) / n``; NaN without files.

    Newcombe's method 10 (1998, Statistics in Medicine 17, 2635-2650): Wilson's limits of the two rates, joined with
    the correlation that the pairs show, which is drawn towards 0 by a continuity correction. Counts need not be whole
    (``effective_pairs``).
    """
    cells = np.broadcast_arrays(*(np.asarray(count, float) for count in (both, only_a, only_b, neither)))
    both, only_a, only_b, neither = cells
    n = both + only_a + only_b + neither
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (both + only_a) / n, (both + only_b) / n
        (a_low, a_high), (b_low, b_high) = wilson(a * n, n), wilson(b * n, n)
        excess = both * neither - only_a * only_b
        excess = np.where(excess > 0, np.maximum(excess - n / 2, 0.0), excess)
        spread = np.sqrt((both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither))
        phi = np.where(spread > 0, excess / spread, 0.0)
        ends = []
        for down, up in ((a - a_low, b_high - b), (b - b_low, a_high - a)):
            ends.append(np.sqrt(np.maximum(down**2 - 2 * phi * down * up + up**2, 0.0)))
        low, high = a - b - ends[0], a - b + ends[1]
    return np.maximum(low, -1.0), np.minimum(high, 1.0)


def effective_pairs(net: npt.NDArray, files: npt.NDArray, flips: npt.NDArray) -> Floats:
    """How many independent pairs of answers those of families are worth, one entry per cell.

    The number of pairs over the design effect of their mean difference (Kish 1965), that is over how many times its
    variance exceeds that of as many unrelated files; never more than the pairs, and where nothing differs the families.

    Args:
        net: flips one way minus flips the other in each family, ``(cells, families)``.
        files: pairs in each family, ``(cells, families)``.
        flips: in each cell, both ways, ``(cells,)``.
    """
    n, families = files.sum(axis=1), np.count_nonzero(files, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = net.sum(axis=1) / n
        clustered = ((net - mean[:, None] * files) ** 2).sum(axis=1) * families / (families - 1)
        alone = (flips - n * mean**2) * n / (n - 1)
        worth = np.where(alone > 1e-12, n / np.maximum(clustered / alone, 1.0), families)
    return np.asarray(np.where(np.isfinite(worth), worth, families), float)


class Difference(NamedTuple):
    """AUCs of two rankings of the same files, ``a - b``, one entry per cell; NaN where a class is missing."""

    difference: Floats
    low: Floats
    high: Floats
    p: Floats


def auc_difference(a: Ranked, b: Ranked, variance: Floats) -> Difference:
    """The difference of two AUCs over the same files, with its 95 % interval and two-sided p.

    DeLong's test (1988, https://doi.org/10.2307/2531595). Where the variance vanishes because a ranking is perfect or
    has no order at all, it says nothing: the interval then comes from those of the two areas (Zou and Donner 2008,
    https://doi.org/10.1002/sim.3095), and p from the variance that two independent rankings of equal area would have.

    Args:
        a: one ranking.
        b: the other; each file has a score in both or in neither.
        variance: of the difference, from ``clustered_variance``.
    """
    difference = a.auc - b.auc
    half = Z95 * np.sqrt(variance)
    low, high = difference - half, difference + half
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(difference) / np.sqrt(variance)
        blind = (variance <= 1e-18) & ((a.variance <= 1e-18) | (b.variance <= 1e-18))
        if blind.any():
            (a_low, a_high), (b_low, b_high) = (auc_interval(x.auc, x.variance, x.n_human, x.n_ai) for x in (a, b))
            low = np.where(blind, difference - np.hypot(a.auc - a_low, b_high - b.auc), low)
            high = np.where(blind, difference + np.hypot(a_high - a.auc, b.auc - b_low), high)
            equal = 2 * variance_at((a.auc + b.auc) / 2, a.n_human.astype(float), a.n_ai.astype(float))
            z = np.where(blind, np.abs(difference) / np.sqrt(equal), z)
        # Equal areas are no evidence, whatever the variance.
        p = np.where(np.abs(difference) <= 1e-12, 1.0, 2 * ndtr(-z))
    p = np.where(np.isnan(variance), np.nan, p)
    return Difference(difference, np.maximum(low, -1.0), np.minimum(high, 1.0), p)
