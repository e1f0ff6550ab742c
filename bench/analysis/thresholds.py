"""Frozen thresholds: one per detector, regime and rate, from the clean human files of the calibration split.

They are made once and used for every attack. Fitting them again per attack would hide the very thing measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import clean_attacks, detector_names, ok_values, regime_names, scored
from bench.analysis.stats import interval, threshold_at
from bench.records import Run

COLUMNS = [
    "detector", "regime", "alpha", "threshold", "threshold_kind", "n_calibration", "needed",
    "calibration_fpr", "calibration_low", "calibration_high", "note",
]  # fmt: skip


def thresholds(run: Run, rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per detector, regime and way to set the threshold.

    ``threshold_kind`` is ``calibrated``, ``refused`` (the calibration split has too few human files for ``alpha``, the
    note says how many it takes) or ``default`` (the vendor's own, ``alpha`` blank). ``calibration_fpr`` is the rate on
    the calibration files themselves, with its interval.

    Args:
        run: the records.
        rows: ``frames.scored(run)`` where the caller has it already.
    """
    rows = scored(run) if rows is None else rows
    calibration = rows[
        rows["split"].eq("calibration") & rows["truth"].eq("human") & rows["attack"].isin(clean_attacks(run))
    ]
    calibration = calibration[ok_values(calibration)]
    seen = set(rows[["detector", "regime"]].drop_duplicates().itertuples(index=False, name=None))
    defaults = {d["name"]: d.get("default_threshold") for d in run.header.get("detectors", [])}
    grouped = {key: g["value"].to_numpy(float) for key, g in calibration.groupby(["detector", "regime"], sort=False)}
    out: list[dict[str, Any]] = []
    for detector in detector_names(run):
        for regime in regime_names(run):
            if (detector, regime) not in seen:
                continue
            human = grouped.get((detector, regime), np.empty(0))
            for alpha in run.header.get("alphas", []):
                t, _, n, needed = threshold_at(human, alpha)
                kind = "refused" if t is None else "calibrated"
                note = "" if t is not None else f"needs {needed} human calibration scores, has {n}"
                out.append({"alpha": alpha, "threshold_kind": kind, "threshold": t, "needed": needed, "note": note})
                out[-1] |= {"detector": detector, "regime": regime} | _on_calibration(human, t)
            if (default := defaults.get(detector)) is not None:
                out.append({"threshold_kind": "default", "threshold": default, "note": "the vendor's own"})
                out[-1] |= {"detector": detector, "regime": regime} | _on_calibration(human, default)
    frame = pd.DataFrame(out, columns=COLUMNS)
    frame["needed"] = frame["needed"].astype("Int64")
    floats = ["alpha", "threshold", "calibration_fpr", "calibration_low", "calibration_high"]
    frame[floats] = frame[floats].astype(float)
    frame["n_calibration"] = frame["n_calibration"].astype("int64")
    return frame


def _on_calibration(human: np.ndarray, threshold: float | None) -> dict[str, Any]:
    """How the threshold does on the files it was made from."""
    if threshold is None or not len(human):
        return {"n_calibration": len(human)}
    k = int(np.count_nonzero(human > threshold))
    low, high = interval(k, len(human))
    return {
        "n_calibration": len(human),
        "calibration_fpr": k / len(human),
        "calibration_low": float(low),
        "calibration_high": float(high),
    }


@dataclass(frozen=True)
class Choice:
    """The threshold that charts and the report's first tables use.

    Attributes:
        kind: ``calibrated`` or ``default``; "" where there is neither.
        alpha: of a calibrated one, else None.
        note: for people, how the threshold was set or why there is none.
    """

    kind: str
    alpha: float | None
    note: str


def main_threshold(frozen: pd.DataFrame, detector: str) -> Choice:
    """The first calibrated threshold that stands in every regime of a detector, else the vendor's own, else none."""
    mine = frozen[frozen["detector"].eq(detector)]
    regimes = mine["regime"].nunique()
    calibrated = mine[mine["threshold_kind"].eq("calibrated")]
    for alpha in calibrated["alpha"].unique():
        rows = calibrated[calibrated["alpha"].eq(alpha)]
        if len(rows) == regimes:
            n = sorted(set(rows["n_calibration"]))
            counted = " and ".join(f"{i}" for i in n)
            return Choice("calibrated", float(alpha), f"FPR at most {100 * alpha:g} % on {counted} calibration files")
    if mine["threshold_kind"].eq("default").any():
        return Choice("default", None, "the vendor's own; the calibration split is too small for a frozen one")
    note = "; ".join(dict.fromkeys(mine["note"])) if len(mine) else "no scores"
    return Choice("", None, note)


def at_threshold(errors: pd.DataFrame, detector: str, choice: Choice) -> pd.DataFrame:
    """The rows of a detector at that threshold."""
    rows = errors[errors["detector"].eq(detector) & errors["threshold_kind"].eq(choice.kind)]
    return rows if choice.alpha is None else rows[rows["alpha"].eq(choice.alpha)]
