"""Every table by name, as a pure function of the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
from threadpoolctl import threadpool_limits

from bench.analysis.garbage import few_collections
from bench.analysis.tables import (
    captions,
    detection,
    drift,
    edited,
    grid,
    pairs,
    policy,
    robustness,
    subgroups,
    survival,
    watermarks,
)
from bench.analysis.tables.baseline import lacks_baseline, no_better_than_headers
from bench.analysis.tables.detection import BASELINE
from bench.analysis.tables.thresholds import thresholds
from bench.errors import unknown
from bench.records import Run

#: Name of each table -> what makes it; the order is that of listings.
TABLES: dict[str, Callable[[Run], pd.DataFrame]] = {
    "label_survival": survival.label_survival,
    "label_states": survival.label_states,
    "label_false_positives": survival.label_false_positives,
    "watermark_survival": watermarks.watermark_survival,
    "detector_errors": detection.detector_errors,
    "edited_by_area": edited.edited_by_area,
    "policy": policy.policy,
    "thresholds": thresholds,
    "detector_pairs": pairs.detector_pairs,
    "attack_effects": pairs.attack_effects,
    "robustness": robustness.robustness,
    "subgroup_fpr": subgroups.subgroup_fpr,
    "worst_view": subgroups.worst_view,
    "threshold_drift": drift.threshold_drift,
    "calibration": drift.calibration,
    "coverage": grid.coverage,
    "failures": grid.failures,
}


@few_collections()
def make(run: Run, only: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """The tables of a run, all or those named.

    Raises:
        UserError: a name that is no table.
    """
    for name in only or ():
        if name not in TABLES:
            raise unknown("table", name, TABLES)
    # The bootstrap multiplies many small matrices: threads cost each of them twenty times what they save.
    with threadpool_limits(limits=1, user_api="blas"):
        return {name: make_one(run) for name, make_one in TABLES.items() if only is None or name in only}


def caption(run: Run, name: str, made: Mapping[str, pd.DataFrame]) -> str:
    """What a printed table has to say about itself: what it is over, what it was made with, and what casts doubt on it.

    Tables of detectors say which of them the header baseline matches, or that there is none in the run.

    Args:
        run: the records.
        name: of the table.
        made: the tables there are; the doubts come from ``detector_errors``.
    """
    header = run.header
    what = (TABLES[name].__doc__ or "").split("\n", 1)[0].rstrip(".").replace("``", "")
    facts = [what, captions.over(header, name), captions.made_with(header)]
    if "regime" in made[name] and "native regime" not in facts[1]:
        facts.insert(2, f"regimes {' and '.join(header.get('regimes', []))}")
    text = "; ".join(filter(None, facts)) + "."
    if not {"detector", "detector_a"} & set(made[name]):
        return text
    if lacks_baseline(run):
        return f"{text} Caution: no baseline that sees no pixels stands beside them; add --detector {BASELINE} for one."
    doubted = no_better_than_headers(run, made["detector_errors"])
    if not doubted:
        return text
    told = (f"{r['detector']} ({r['regime']}, AUC {r['auc']:.2f} against {r['header_auc']:.2f})" for r in doubted)
    return f"{text} Caution: on untouched files a baseline that sees no pixels does about as well as {', '.join(told)}."
