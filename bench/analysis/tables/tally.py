"""Events counted by family, and the bootstrap that draws whole families: files of one stand or fall together."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.analysis.frames import per_run
from bench.analysis.stats import Floats, Ints, Weights, draw, percentiles, resampled_pair, widened
from bench.analysis.tables.cube import cube
from bench.analysis.tables.detection import MIN_N
from bench.records import Run


@per_run
def family_weights(run: Run) -> Weights:
    """How often each family of the test split is drawn in each bootstrap sample, ``(resamples, families)``.

    A stratum is the families with the same truths in them; all chance comes from the run's seed. Made once per run.
    """
    scores = cube(run)
    truths = np.zeros(int(scores.family.max(initial=-1)) + 1, np.int64)
    np.bitwise_or.at(truths, scores.family, 1 << scores.truth)
    return draw(truths, np.random.default_rng([zlib.crc32(repr(run.header.get("seed")).encode()), len(truths)]))


class Rate(NamedTuple):
    """A rate over several cells taken together; NaN where fewer than ten families were judged."""

    n: int
    families: int
    events: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Tally:
    """Views with an event, and views judged, of the files of one truth.

    Attributes:
        events, n: by family, ``(families, cells)``.
        sampled_events, sampled_n: their sums in each bootstrap sample, ``(resamples, cells)``.
    """

    events: npt.NDArray
    n: npt.NDArray
    sampled_events: Floats
    sampled_n: Floats

    def rates(self) -> Floats:
        """Events over views judged, per cell; NaN where fewer than ten families were judged."""
        n = self.n.sum(axis=0)
        enough = np.count_nonzero(self.n, axis=0) >= MIN_N
        return np.where(enough, self.events.sum(axis=0) / np.maximum(n, 1), np.nan)

    def mean(self, cells: Ints, weights: Floats) -> tuple[float, float, Floats]:
        """The weighted mean rate of these cells: its 95 % interval ``low, high`` and its bootstrap samples."""
        samples = self.sampled_events[:, cells] / np.maximum(self.sampled_n[:, cells], 1) @ weights
        low, high = percentiles(samples)
        return *self._widened((float(low), float(high)), cells, weights), samples

    def pooled(self, cells: Ints) -> Rate:
        """The rate over these cells taken together, every view counting once."""
        n, events = int(self.n[:, cells].sum()), int(self.events[:, cells].sum())
        families = int(np.count_nonzero(self.n[:, cells].any(axis=1)))
        if families < MIN_N:
            return Rate(n, families, events, np.nan, np.nan, np.nan)
        samples = self.sampled_events[:, cells].sum(axis=1) / np.maximum(self.sampled_n[:, cells].sum(axis=1), 1)
        low, high = percentiles(samples)
        limits = self._widened((float(low), float(high)), cells, np.ones(len(cells)))
        return Rate(n, families, events, events / n, *limits)

    def _widened(self, limits: tuple[float, float], cells: Ints, weights: Floats) -> tuple[float, float]:
        events, n = self.events[:, cells] @ weights, self.n[:, cells] @ weights
        return widened(limits, events[n > 0] / n[n > 0])


def tally(run: Run, truth: str, events: npt.NDArray, judged: npt.NDArray) -> Tally:
    """Counts by family; ``events`` and ``judged`` say how many views, per cell and file of that truth, are either."""
    scores = cube(run)
    families = scores.families(scores.files(truth))
    weights = family_weights(run)[:, np.unique(scores.family[scores.files(truth)])]
    k, n = families.sums(events).T, families.sums(judged).T
    return Tally(k, n, *resampled_pair(weights, k, n))
