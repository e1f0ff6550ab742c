"""95 % intervals of rates and of means of rates, all vectorised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri, stdtrit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Two-sided 95 % point of the normal distribution.
Z95 = float(ndtri(0.975))

#: A count is exact where the normal approximation is poor: fewer than this many events, or non-events.
FEW = 5


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
    few = ((k < FEW) | (n - k < FEW)) & (n > 0)
    ends = np.array(wilson(k, n))
    ends[:, few] = clopper_pearson(k[few], n[few])
    return ends[0][()], ends[1][()]


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
