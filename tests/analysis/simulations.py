"""How often intervals cover the truth and tests raise false alarms, on simulated files of which some are related.

Each function simulates ``runs`` data sets whose truth is known and returns the share of runs with the event named in
its first line. Used by the tests with few runs and by ``tests.benchmarks.statistics_page`` with many.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from bench.analysis import stats
from bench.analysis.stats import Families


def related(rng: np.random.Generator, shape: tuple[int, ...], families: Families, rho: float) -> np.ndarray:
    """Standard normals ``(*shape, files)``; those of one family correlate by ``rho``."""
    common = rng.normal(size=(*shape, families.n))[..., families.code]
    return np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.normal(size=(*shape, len(families.code)))


def equal_families(n: int, size: int) -> Families:
    return Families(np.arange(n) // size, -(-n // size))


def mixed_families(rng: np.random.Generator, n: int, largest: int = 4) -> Families:
    """n families of 1 to ``largest`` files."""
    return Families(np.repeat(np.arange(n), rng.integers(1, largest + 1, n)), n)


def rate_covered(rng: np.random.Generator, runs: int, p: float, n: int) -> float:
    """The interval of a rate over unrelated files covers the truth."""
    low, high = stats.interval(rng.binomial(n, p, runs), n)
    return float(np.mean((low <= p) & (p <= high)))


def clustered_rate_covered(
    rng: np.random.Generator, runs: int, p: float, families: int, rho: float = 0.5, plain: bool = False
) -> float:
    """The bootstrap interval of a rate over related files covers the truth; ``plain``: the one that ignores that."""
    hits = 0
    for _ in range(runs):
        related_files = mixed_families(rng, families)
        event = related(rng, (), related_files, rho) < norm.ppf(p)
        k, n = related_files.sums(event[None])[0], related_files.sums(np.ones((1, len(event)), int))[0]
        if plain:
            low, high = (float(x) for x in stats.interval(k.sum(), n.sum()))
        else:
            weights = stats.draw(np.zeros(families), rng)
            samples, files = stats.resampled_pair(weights, k[:, None], n[:, None])
            drawn = stats.percentiles(samples / files)
            low, high = stats.widened((float(drawn[0][0]), float(drawn[1][0])), k / n)
        hits += low <= p <= high
    return hits / runs


def _two_rankings(rng: np.random.Generator, runs: int, n: int, size: int, gap: tuple[float, float]) -> tuple:
    """Two detectors that share part of their noise, on n human and n AI files in families of ``size``."""
    families = equal_families(n, size)
    both = Families(np.concatenate([families.code, families.n + families.code]), 2 * families.n)
    shared, *own = (related(rng, (runs,), both, 0.6 if size > 1 else 0.0) for _ in range(3))
    ai = np.arange(2 * n) >= n
    return (*(stats.rank_rows(0.8 * shared + 0.6 * x + g * ai, n) for x, g in zip(own, gap, strict=True)), both)


def auc_difference_covered(
    rng: np.random.Generator,
    runs: int,
    n: int,
    size: int = 1,
    gap: tuple[float, float] = (1.5, 1.0),
    plain: bool = False,
) -> float:
    """DeLong's interval of the difference of two AUCs covers the truth, over families of ``size`` files."""
    a, b, families = _two_rankings(rng, runs, n, size, gap)
    used = Families(np.arange(2 * n), 2 * n) if plain else families
    found = stats.auc_difference(a, b, stats.clustered_variance(a.influence - b.influence, n, used))
    truth = float(norm.cdf(gap[0] / np.sqrt(2)) - norm.cdf(gap[1] / np.sqrt(2)))
    return float(np.mean((found.low <= truth) & (truth <= found.high)))


def auc_test_alarms(rng: np.random.Generator, runs: int, n: int, size: int = 1, gap: float = 1.2) -> float:
    """DeLong's test calls two detectors of equal AUC different, p <= 0.05."""
    a, b, families = _two_rankings(rng, runs, n, size, (gap, gap))
    return float(
        np.mean(stats.auc_difference(a, b, stats.clustered_variance(a.influence - b.influence, n, families)).p <= 0.05)
    )


def mcnemar_p(rng: np.random.Generator, shape: tuple[int, ...], n: int, p: float, size: int = 1) -> np.ndarray:
    """p of two detectors that are wrong equally often, on n files in families of ``size``; counted by family."""
    families = equal_families(n, size)
    shared = related(rng, shape, families, 0.6 if size > 1 else 0.0)
    a, b = (0.7 * shared + np.sqrt(0.51) * related(rng, shape, families, 0.6) < norm.ppf(p) for _ in range(2))
    net = families.sums(a.astype(np.int32) - b.astype(np.int32))
    return np.asarray(stats.mcnemar(np.count_nonzero(net > 0, axis=-1), np.count_nonzero(net < 0, axis=-1)))


def mcnemar_alarms(rng: np.random.Generator, runs: int, n: int, p: float, size: int = 1) -> float:
    """McNemar's exact test calls two detectors of equal error different, p <= 0.05."""
    return float(np.mean(mcnemar_p(rng, (runs,), n, p, size) <= 0.05))


def holm_alarms(rng: np.random.Generator, runs: int, tests: int = 20, n: int = 200, p: float = 0.3) -> float:
    """Any of many true hypotheses is called after Holm's adjustment."""
    return float(np.mean([(stats.holm(row) <= 0.05).any() for row in mcnemar_p(rng, (runs, tests), n, p)]))


def ranks_covered(rng: np.random.Generator, runs: int, rates: tuple[float, ...], families: int) -> float:
    """The rank intervals of all detectors hold their true ranks at once; equal rates share theirs."""
    truth = np.array(rates)
    best = 1 + (truth[:, None] > truth).sum(axis=1)
    worst = len(truth) - (truth[:, None] < truth).sum(axis=1)
    one = equal_families(families, 1)
    hits = 0
    for _ in range(runs):
        shared = related(rng, (), one, 0.0)
        missed = 0.6 * shared + 0.8 * rng.normal(size=(len(truth), families)) < norm.ppf(truth)[:, None]
        samples = stats.resampled(stats.draw(np.zeros(families), rng, 500), missed.T) / (families - 1)
        _, low, high = stats.rank_interval(missed.mean(axis=1), samples)
        hits += bool(((low <= best) & (high >= worst)).all())
    return hits / runs


def gap_covered(rng: np.random.Generator, runs: int, rates: tuple[float, ...], n: int) -> float:
    """The interval of the largest minus the smallest of several rates covers the truth."""
    events = rng.binomial(n, rates, (runs, len(rates)))
    # Bootstrap samples of a rate over unrelated files are binomial.
    samples = [rng.binomial(n - 1, events[:, i] / n, (1000, runs)) / (n - 1) for i in range(len(rates))]
    shown = np.ones(events.shape, bool)
    _, low, high = stats.gap_interval(events, np.full(events.shape, n), samples, shown)
    truth = max(rates) - min(rates)
    return float(np.mean((low <= truth) & (truth <= high)))
