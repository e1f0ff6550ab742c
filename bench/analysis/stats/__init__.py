"""The statistics behind every number of the tables, vectorised over cells.

``intervals`` of rates, ``thresholds``, ``ranking`` (AUC, average precision), ``paired`` comparisons, ``resampling`` of
whole families, ``multiple`` tests, ``calibration``.
"""

from bench.analysis.stats.calibration import BINS, Reliability, reliability
from bench.analysis.stats.intervals import (
    FEW,
    Z95,
    Bools,
    Floats,
    Ints,
    clopper_pearson,
    interval,
    mean_by_group,
    mean_interval,
    wilson,
)
from bench.analysis.stats.multiple import holm
from bench.analysis.stats.paired import Difference, auc_difference, effective_pairs, mcnemar, paired_interval
from bench.analysis.stats.ranking import Ranked, auc, auc_interval, average_precision, rank_rows, roc_points
from bench.analysis.stats.resampling import (
    RESAMPLES,
    Families,
    Weights,
    clustered_variance,
    draw,
    gap_interval,
    percentiles,
    rank_interval,
    resampled,
    resampled_pair,
    resampled_rates,
    widened,
)
from bench.analysis.stats.thresholds import Threshold, needed_for, threshold_at, thresholds_at

__all__ = [
    "BINS",
    "FEW",
    "RESAMPLES",
    "Z95",
    "Bools",
    "Difference",
    "Families",
    "Floats",
    "Ints",
    "Ranked",
    "Reliability",
    "Threshold",
    "Weights",
    "auc",
    "auc_difference",
    "auc_interval",
    "average_precision",
    "clopper_pearson",
    "clustered_variance",
    "draw",
    "effective_pairs",
    "gap_interval",
    "holm",
    "interval",
    "mcnemar",
    "mean_by_group",
    "mean_interval",
    "needed_for",
    "paired_interval",
    "percentiles",
    "rank_interval",
    "rank_rows",
    "reliability",
    "resampled",
    "resampled_pair",
    "resampled_rates",
    "roc_points",
    "threshold_at",
    "thresholds_at",
    "widened",
    "wilson",
]
