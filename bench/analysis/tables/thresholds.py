"""Frozen thresholds: one per detector, regime and rate, from the clean human files of the calibration split.

They are made once and used for every attack. Fitting them again per attack would hide the very thing measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.analysis.frames import (
    as_rows,
    beside_views,
    clean_attacks,
    detector_names,
    of_detectors,
    ok_values,
    per_run,
    regime_names,
)
from bench.analysis.stats import interval, threshold_at
from bench.records import Run

COLUMNS = [
    "detector", "regime", "alpha", "threshold", "threshold_kind", "n_calibration", "needed",
    "calibration_fpr", "calibration_low", "calibration_high", "note",
]  # fmt: skip


@per_run
def thresholds(run: Run) -> pd.DataFrame:
    """One row per detector, regime and way to set the threshold.

    ``threshold_kind`` is ``calibrated``, ``refused`` (the calibration split has too few human files for ``alpha``, the
    note says how many it takes) or ``default`` (the vendor's own, ``alpha`` blank). ``calibration_fpr`` is the rate on
    the calibration files themselves, with its interval.
    """
    views = run.views[of_detectors(run, run.views)]
    looked = np.zeros(int(run.views["key"].max()) + 1 if len(run.views) else 0, bool)
    seen = set()
    for regime in regime_names(run):
        looked[:] = False
        looked[views["key"][views["regime"].eq(regime)].to_numpy(np.int64)] = True
        found = run.scores["detector"][looked[run.scores["key"].to_numpy(np.int64)]]
        seen |= {(str(name), regime) for name in found.unique()}
    clean = views["split"].eq("calibration") & views["truth"].eq("human") & views["attack"].isin(clean_attacks(run))
    views = views[clean]
    calibration = beside_views(run.scores[["key", "detector", "value", "status"]], views, ["regime"])
    calibration = calibration[ok_values(calibration)]
    defaults = {d["name"]: d.get("default_threshold") for d in run.header.get("detectors", [])}
    grouped = {
        (str(detector), str(regime)): g["value"].to_numpy(float)
        for (detector, regime), g in calibration.groupby(["detector", "regime"], sort=False, observed=True)
    }
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
    mine = [row for row in as_rows(frozen) if row["detector"] == detector]
    calibrated: dict[float, list[int]] = {}
    for row in mine:
        if row["threshold_kind"] == "calibrated":
            calibrated.setdefault(row["alpha"], []).append(row["n_calibration"])
    for alpha, n in calibrated.items():
        if len(n) == len({row["regime"] for row in mine}):
            counted = " and ".join(f"{i}" for i in sorted(set(n)))
            return Choice("calibrated", alpha, f"FPR at most {100 * alpha:g} % on {counted} calibration files")
    if any(row["threshold_kind"] == "default" for row in mine):
        return Choice("default", None, "the vendor's own; the calibration split is too small for a frozen one")
    return Choice("", None, "; ".join(dict.fromkeys(row["note"] for row in mine)) if mine else "no scores")


def at_threshold(errors: pd.DataFrame, detector: str, choice: Choice) -> pd.DataFrame:
    """The rows of a detector at that threshold."""
    rows = errors[errors["detector"].eq(detector) & errors["threshold_kind"].eq(choice.kind)]
    return rows if choice.alpha is None else rows[rows["alpha"].eq(choice.alpha)]


@dataclass(frozen=True, eq=False)
class Chosen:
    """The threshold of each detector and regime that comparisons use: that of ``main_threshold``.

    Attributes:
        value: ``(detectors, regimes)``, NaN where there is none.
        choice: per detector.
    """

    value: npt.NDArray[np.float64]
    choice: list[Choice]

    def columns(self, detector: npt.NDArray[np.int64], regime: npt.NDArray[np.int64]) -> dict[str, np.ndarray]:
        """The columns of a table that say which threshold was used."""
        alpha = np.array([np.nan if c.alpha is None else c.alpha for c in self.choice], float)
        kind = np.array([c.kind for c in self.choice], object)
        return {
            "alpha": alpha[detector],
            "threshold": self.value[detector, regime],
            "threshold_kind": kind[detector],
        }


@per_run
def chosen(run: Run) -> Chosen:
    """The thresholds that comparisons use; made once per run."""
    frozen, detectors, regimes = thresholds(run), detector_names(run), regime_names(run)
    choice = [main_threshold(frozen, name) for name in detectors]
    value = np.full((len(detectors), len(regimes)), np.nan)
    for i, name in enumerate(detectors):
        mine = at_threshold(frozen, name, choice[i])
        for regime, threshold in zip(mine["regime"], mine["threshold"], strict=True):
            value[i, regimes.index(regime)] = threshold
    return Chosen(value, choice)
