"""Files of one family stand or fall together: sums over families, and the bootstrap that draws whole families."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.analysis.stats.intervals import FEW, Bools, Floats, Ints, clopper_pearson, interval

#: Bootstrap samples behind every such interval.
RESAMPLES = 2000

#: Bootstrap samples made at a time; more or fewer where so many numbers hold more, or fewer, of them.
CHUNK, LARGEST = 250, 1 << 18

Weights = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Families:
    """Which files belong together.

    Attributes:
        code: family of each file, ``0..n - 1``, ``(files,)``.
        n: number of families.
    """

    code: Ints
    n: int

    @property
    def single(self) -> bool:
        """Whether no family holds more than one file."""
        return bool(len(self.code) == len(np.unique(self.code)))

    def of(self, files: slice | Ints) -> Families:
        """Some of the files, numbered anew."""
        found, code = np.unique(self.code[files], return_inverse=True)
        return Families(code.astype(np.int64), len(found))

    def sums(self, values: npt.NDArray) -> npt.NDArray:
        """Sums over each family: ``(..., files)`` -> ``(..., families)``; empty families sum to 0."""
        order = np.argsort(self.code, kind="stable")
        values = values if (order == np.arange(len(order))).all() else values[..., order]
        if self.single and self.n == len(order):
            return values
        starts = np.flatnonzero(np.append(True, np.diff(self.code[order])))[: len(order)]
        out = np.zeros((*values.shape[:-1], self.n), np.int64 if values.dtype == bool else values.dtype)
        if len(starts):
            out[..., self.code[order][starts]] = np.add.reduceat(values, starts, axis=-1, dtype=out.dtype)
        return out


def clustered_variance(influence: Floats, n_human: int, families: Families) -> Floats:
    """The variance of what these influences sum up to, files of a family being one draw; one entry per cell.

    For AUCs this is DeLong's where every family has one file, and else Obuchowski's (1997,
    https://doi.org/10.2307/2533958): deviations are summed over a family before they are squared.

    Args:
        influence: ``Ranked.influence``, or the difference of two, ``(cells, files)``.
        n_human: the first so many files are human, the others AI.
        families: of the files.
    """
    if families.single:
        return np.asarray(np.einsum("ij,ij->i", influence, influence))
    scaled = influence.copy()
    for part in (slice(0, n_human), slice(n_human, None)):
        files, clusters = len(families.code[part]), families.of(part).n
        if clusters > 1:  # degrees of freedom are those of the families, not of the files
            scaled[:, part] *= np.sqrt(clusters / (clusters - 1) * (files - 1) / files)
    sums = families.sums(scaled)
    return np.asarray(np.einsum("ij,ij->i", sums, sums))


def draw(strata: npt.ArrayLike, rng: np.random.Generator, resamples: int = RESAMPLES) -> Weights:
    """How often each family is drawn in each bootstrap sample: ``(resamples, families)``.

    In a stratum of n families n - 1 are drawn with replacement, so that the spread of the bootstrap samples is that
    of the estimate without bias (Rao and Wu 1988, https://doi.org/10.1080/01621459.1988.10478591); a family alone in
    its stratum is always there.

    Args:
        strata: of each family, ``(families,)``; families are drawn within theirs.
        rng: all chance.
        resamples: bootstrap samples.
    """
    strata = np.asarray(strata)
    weights = np.ones((resamples, len(strata)), np.uint8)
    for stratum in np.unique(strata):
        mine = np.flatnonzero(strata == stratum)
        n = len(mine)
        if n == 1:
            continue
        step = min(CHUNK, max(1, LARGEST // 2 // n))
        for i in range(0, resamples, step):
            rows = min(step, resamples - i)
            drawn = rng.integers(0, n, (rows, n - 1), dtype=np.int64) + n * np.arange(rows)[:, None]
            weights[i : i + rows, mine] = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
    return weights


def resampled(weights: Weights, counts: npt.NDArray) -> Floats:
    """Sums of counts in each bootstrap sample: ``(resamples, families) x (families, cells)``.

    In single precision, which is exact for sums of whole numbers up to 16 million, in any order of summation.
    """
    counts = counts.astype(np.float32)
    out = np.empty((len(weights), counts.shape[1]))
    step = max(CHUNK, LARGEST // max(*counts.shape, 1))
    for i in range(0, len(weights), step):
        out[i : i + step] = weights[i : i + step].astype(np.float32) @ counts
    return out


def resampled_pair(weights: Weights, events: npt.NDArray, files: npt.NDArray) -> tuple[Floats, Floats]:
    """``resampled`` of events and of the files they are out of; where all cells have the same files, one sum serves."""
    sums = resampled(weights, _distinct(files))
    return resampled(weights, events), np.broadcast_to(sums, (len(sums), files.shape[1]))


def resampled_rates(weights: Weights, events: npt.NDArray, files: npt.NDArray) -> Floats:
    """Events per file in each bootstrap sample, 0 where it has no file; as ``resampled_pair``."""
    rates = resampled(weights, events)
    rates /= np.maximum(resampled(weights, _distinct(files)), 1)
    return rates


def _distinct(files: npt.NDArray) -> npt.NDArray:
    """One column where all are the same."""
    return files[:, :1] if files.shape[1] > 0 and (files == files[:, :1]).all() else files


def percentiles(samples: Floats) -> tuple[Floats, Floats]:
    """The middle 95 % of bootstrap samples, ``(resamples, cells)``; NaN where one is not a number."""
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    return low, high


def widened(limits: tuple[float, float], shares: Floats) -> tuple[float, float]:
    """A bootstrap interval of a mean over families, widened where nearly all of them are alike.

    Where fewer than five families differ from the most frequent share, too few are there to be drawn, and where none
    does the bootstrap has no width at all. The mean is then bounded from outside by Clopper and Pearson's limits of
    how many families may lie above, or below, that share.

    Args:
        limits: the interval, ``(low, high)``.
        shares: of each family, in 0..1, ``(families,)``.
    """
    n = len(shares)
    values, counts = np.unique(shares.round(12), return_counts=True)
    if n == 0 or n - counts.max() >= FEW:
        return limits
    usual = float(values[np.argmax(counts)])
    above, below = counts[values > usual].sum(), counts[values < usual].sum()
    events, non_events = np.count_nonzero(shares > 0), np.count_nonzero(shares < 1)
    low, high = clopper_pearson([n - below, n - non_events, above, events], n)
    bottom, top = max(usual * low[0], low[1]), min(usual + (1 - usual) * high[2], high[3])
    return min(limits[0], float(bottom)), max(limits[1], float(top))


def gap_interval(events: Ints, files: Ints, samples: Iterable[Floats], shown: Bools) -> tuple[Floats, Floats, Floats]:
    """The largest minus the smallest of several rates, with a 95 % interval: ``(gap, low, high)`` per cell.

    The largest of equal rates lies above the smallest by chance, and a plain bootstrap of the gap takes that for a
    difference. So the interval is the gap plus and minus the 95 % quantile of how far the bootstrap's errors lie
    apart, which no error of the gap exceeds; it is never narrower than the widest interval of a difference of two
    rates (Zou and Donner 2008), which holds where events are too few to be drawn.

    Args:
        events: ``(cells, groups)``.
        files: ``(cells, groups)``.
        samples: bootstrap samples of the rates, group by group, each ``(resamples, cells)``.
        shown: groups that count, ``(cells, groups)``; fewer than two give NaN.
    """
    rates = np.where(shown, events / np.maximum(files, 1), 0.0)
    low, high = interval(np.where(shown, events, 0), np.where(shown, files, 1))
    highest = lowest = np.full((1, len(rates)), np.nan)
    for i, sampled in enumerate(samples):
        error = sampled - rates[:, i]
        error[:, ~shown[:, i]] = np.nan
        if i == 0:
            highest, lowest = error, error.copy()
        else:
            np.fmax(highest, error, out=highest)
            np.fmin(lowest, error, out=lowest)
    apart = np.asarray(highest - lowest)
    reach = np.quantile(np.where(np.isfinite(apart), apart, 0.0), 0.95, axis=0)
    difference = rates[:, :, None] - rates[:, None]
    up = difference + np.hypot((high - rates)[:, :, None], (rates - low)[:, None])
    down = difference - np.hypot((rates - low)[:, :, None], (high - rates)[:, None])
    pairs = shown[:, :, None] & shown[:, None]
    gap, furthest, nearest = (np.where(pairs, x, -1.0).max(axis=(1, 2), initial=-1.0) for x in (difference, up, down))
    enough = shown.sum(axis=1) > 1
    limits = (gap, np.maximum(np.minimum(gap - reach, nearest), 0.0), np.minimum(np.maximum(gap + reach, furthest), 1))
    known = [np.where(enough, x, np.nan) for x in limits]
    return known[0], known[1], known[2]


def rank_interval(values: Floats, samples: Floats) -> tuple[Ints, Ints, Ints]:
    """Ranks, 1 = smallest value, with an interval that holds all true ranks at once in 95 %: ``(rank, low, high)``.

    Bare bootstrap ranks are too sure of near ties. Here two differ only where the bootstrap tells all pairs apart at
    once (the largest studentised error over pairs stays within its 95 % quantile), and a rank lies between the number
    surely better and the number surely worse (as Mohamad, van Zwet, Solari
    and Goeman make ranks of institutions, Biometrics 2022).

    Args:
        values: ``(subjects,)``, all known.
        samples: their bootstrap samples, drawn together, ``(resamples, subjects)``.
    """
    n = len(values)
    difference = values[:, None] - values
    i, j = np.triu_indices(n, 1)
    errors = samples[:, i] - samples[:, j] - difference[i, j]
    spread = np.sqrt((errors**2).mean(axis=0))
    known = spread > 1e-12
    reach = np.zeros(len(i))
    if known.any():
        studentised = np.abs(errors[:, known]) / spread[known]
        reach[known] = np.quantile(studentised.max(axis=1), 0.95) * spread[known]
    apart = np.zeros((n, n))
    sure = np.abs(difference[i, j]) > reach + 1e-12
    apart[i, j] = np.where(sure, np.sign(difference[i, j]), 0)
    apart -= apart.T
    rank = 1 + (difference > 1e-12).sum(axis=1)
    return rank, 1 + (apart > 0).sum(axis=1), n - (apart < 0).sum(axis=1)
