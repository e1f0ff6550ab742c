"""How far scores that claim to be probabilities are from what they claim."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.analysis.stats.intervals import Bools, Floats, Ints

#: Bins of equal width over 0..1; each holds its lower end, the last one also 1.
BINS = 10


class Reliability(NamedTuple):
    """The reliability curve of one cell and its summaries.

    Attributes:
        n: files per bin, ``(BINS,)``.
        events: AI files among them.
        mean: of the scores in each bin; NaN where it is empty.
        ece: expected calibration error, the mean over files of the distance between a bin's mean score and its share
            of AI files (Guo et al. 2017, arXiv:1706.04599). It is above 0 by chance even for true probabilities.
        brier: the mean squared distance of scores from the truth (Brier 1950).
    """

    n: Ints
    events: Ints
    mean: Floats
    ece: float
    brier: float


def reliability(scores: Floats, is_ai: Bools, bins: int = BINS) -> Reliability:
    """The reliability curve of scores in 0..1.

    Args:
        scores: ``(n,)``, all known.
        is_ai: ``(n,)``.
        bins: number of bins of equal width.

    Raises:
        ValueError: a score outside 0..1, which is no probability.
    """
    if len(scores) and not (0 <= scores.min() and scores.max() <= 1):
        raise ValueError(f"probabilities must be in 0..1, got {scores.min():g} to {scores.max():g}")
    # Against the edges as written: a product such as 10 * 0.3 can fall on the wrong side of one.
    at = np.clip(np.searchsorted(np.arange(bins + 1) / bins, scores, "right") - 1, 0, bins - 1)
    n, events = np.bincount(at, minlength=bins), np.bincount(at[is_ai], minlength=bins)
    sums = np.bincount(at, scores, bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        ece = np.abs(sums - events).sum() / n.sum()
        return Reliability(n, events, sums / n, float(ece), float(((scores - is_ai) ** 2).sum() / n.sum()))
