"""What a printed table says about itself: which files and thresholds it is over, and what it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.analysis.stats import RESAMPLES
from bench.analysis.tables.policy import DECLARATION_RATE


def over(header: Mapping[str, Any], name: str) -> str:
    """Split, regime and threshold of a table where they are always the same, else ""."""
    frozen = (
        "test split; thresholds frozen on clean human files of the calibration split "
        f"(FPR at most {' and '.join(f'{100 * a:g} %' for a in header.get('alphas', []))})"
    )
    native, main = "native regime, test split", "test split; at each detector's main threshold"
    paired = f"{main}; p exact (McNemar) and DeLong's, Holm over the whole table"
    resampled = f"{main}; intervals by {RESAMPLES} bootstrap samples of families"
    assumed = f"{100 * DECLARATION_RATE:g} % of the authors of AI files without a verified label declare them"
    return {
        "label_survival": native,
        "label_states": native,
        "label_false_positives": native,
        "watermark_survival": native,
        "detector_errors": frozen,
        "edited_by_area": frozen,
        "policy": f"native regime, {frozen}; {assumed}, an assumption",
        "thresholds": "calibration split, clean human files",
        "detector_pairs": paired,
        "attack_effects": paired,
        "robustness": resampled,
        "subgroup_fpr": resampled,
        "worst_view": "families of the test split; at each detector's main threshold",
        "threshold_drift": "test split; columns named oracle are a bound and not attainable",
        "calibration": "human and AI files of the test split; detectors that claim probabilities",
        "coverage": "test split",
        "failures": "all splits",
    }.get(name, "")


def made_with(header: Mapping[str, Any]) -> str:
    """What a run was made with: suite, data set and revision, seed, version, commit and whether that was all."""
    dataset, git = header.get("dataset", {}), header.get("git") or {}
    commit = str(git.get("commit") or "")[:12]
    built = f" (commit {commit}{' and uncommitted changes' if git.get('dirty') else ''})" if commit else ""
    facts = [
        f"suite {header.get('suite', {}).get('name', '?')}",
        f"dataset {dataset.get('name', '?')} {dataset.get('revision', '')}".rstrip(),
        f"seed {header.get('seed', '?')}",
        f"washtest {header.get('washtest', '?')}" + built,
    ]
    return "; ".join(facts)
