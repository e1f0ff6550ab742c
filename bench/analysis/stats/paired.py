"""Comparisons over the same files: exact McNemar for verdicts, DeLong for areas under the ROC curve."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, ndtr

from bench.analysis.stats.intervals import Z95, Floats
from bench.analysis.stats.ranking import Ranked, auc_interval, variance_at


def mcnemar(b: npt.ArrayLike, c: npt.ArrayLike) -> Floats:
    """McNemar's exact two-sided p: could ``b`` flips one way and ``c`` the other be the throws of a fair coin?

    Twice the smaller tail of the binomial (McNemar 1947, https://doi.org/10.1007/BF02295996, in its exact form), not
    the mid-p: the rate of false alarms stays below the nominal one at every n. No flips at all give 1.
    """
    b, c = np.broadcast_arrays(np.asarray(b, float), np.asarray(c, float))
    return np.asarray(np.minimum(2 * bdtr(np.minimum(b, c), (b + c).astype(np.int64), 0.5), 1.0))[()]


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
        (a_low, a_high), (b_low, b_high) = (auc_interval(x.auc, x.variance, x.n_human, x.n_ai) for x in (a, b))
        low = np.where(blind, difference - np.hypot(a.auc - a_low, b_high - b.auc), low)
        high = np.where(blind, difference + np.hypot(a_high - a.auc, b.auc - b_low), high)
        equal = 2 * variance_at((a.auc + b.auc) / 2, a.n_human.astype(float), a.n_ai.astype(float))
        z = np.where(blind, np.abs(difference) / np.sqrt(equal), z)
        # Equal areas are no evidence, whatever the variance.
        p = np.where(np.abs(difference) <= 1e-12, 1.0, 2 * ndtr(-z))
    p = np.where(np.isnan(variance), np.nan, p)
    return Difference(difference, np.maximum(low, -1.0), np.minimum(high, 1.0), p)
