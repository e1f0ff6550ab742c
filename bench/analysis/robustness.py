"""How a detector holds out under attack, in a few numbers: the area under its misses, its worst attack, its rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.cube import Cube, cube, rows_of
from bench.analysis.frames import POOLED, clean_attacks
from bench.analysis.stats import Floats, Ints, rank_interval
from bench.analysis.tally import Tally, tally
from bench.analysis.thresholds import chosen
from bench.records import Run

COLUMNS = [
    "detector", "regime", "attack_family", "n_attacks", "alpha", "threshold", "threshold_kind",
    "area", "area_low", "area_high", "rank", "rank_low", "rank_high", "n_ranked",
    "worst_attack", "worst_fnr", "worst_low", "worst_high",
    "n_human", "fp", "fpr", "fpr_low", "fpr_high", "families_human",
    "n_ai", "fn", "fnr", "fnr_low", "fnr_high", "families_ai", "note",
]  # fmt: skip


def severity_weights(severity: Floats) -> Floats:
    """What each attack of a family weighs in the area under a curve against severity; the weights sum to 1.

    Trapezoids over the severities measured, divided by their span, so that the area is a mean rate. Attacks of equal
    severity share its weight; a family of one severity is a plain mean.
    """
    points, which, count = np.unique(severity, return_inverse=True, return_counts=True)
    if len(points) == 1:
        return np.full(len(severity), 1 / len(severity))
    steps = np.diff(points)
    weights = (np.append(steps, 0) + np.append(0, steps)) / 2 / steps.sum()
    return np.asarray((weights / count)[which])


def robustness(run: Run) -> pd.DataFrame:
    """How each detector holds out: area under misses against severity, worst attack, rank, pooled error rates.

    ``area`` is the mean miss rate over the severities of an attack family at the detector's main threshold, and
    ``attack_family`` ``*`` its mean over families, each counting once. ``rank`` 1 has the least area; its interval
    holds the true ranks of all detectors of that regime and family at once. ``fpr`` and ``fnr`` pool the attacked
    views. Intervals are 95 %, by a bootstrap of families at the frozen threshold.
    """
    scores, setting = cube(run), chosen(run)
    flagged = scores.flagged(setting.value)
    decides = ~np.isnan(setting.value)
    judged = scores.judged & decides[:, :, None, None]
    tallies = {
        truth: tally(run, truth, *(rows_of(block[..., scores.files(truth)]) for block in (events, judged)))
        for truth, events in (("human", flagged), ("ai", ~flagged))
    }
    attacked = scores.attacks[~scores.attacks["attack"].isin(clean_attacks(run))]
    members = {
        str(name): group.index.to_numpy(np.int64) for name, group in attacked.groupby("attack_family", sort=False)
    }
    numbers = np.arange(int(np.prod(scores.value.shape[:3]))).reshape(scores.value.shape[:3])
    measured = _Measured(scores, members, tallies, tallies["ai"].rates())
    rows = []
    for regime in range(len(scores.regimes)):
        cells = numbers[:, regime][decides[:, regime]]
        rows += measured.ranked(np.flatnonzero(decides[:, regime]), regime, cells)
    table = pd.DataFrame(rows, columns=[*COLUMNS, "_detector", "_regime"])
    table = table.sort_values(["_detector", "_regime"], kind="stable").reset_index(drop=True)
    detector, of_regime = table["_detector"].to_numpy(np.int64), table["_regime"].to_numpy(np.int64)
    table = table.assign(**setting.columns(detector, of_regime))
    table[["detector", "regime"]] = scores.named(detector, of_regime)
    whole = ["rank", "rank_low", "rank_high", "n_ranked"]
    table[whole] = table[whole].astype("Int64")
    return table[COLUMNS]


@dataclass(frozen=True, eq=False)
class _Measured:
    """What the rows are made of.

    Attributes:
        scores: of the run.
        members: attack family -> numbers of its attacks.
        tallies: of false positives (human) and misses (ai), per cell.
        rates: of misses, per cell.
    """

    scores: Cube
    members: dict[str, Ints]
    tallies: dict[str, Tally]
    rates: Floats

    def ranked(self, detectors: Ints, regime: int, cells: Ints) -> list[dict[str, Any]]:
        """The rows of one regime; ``cells`` are numbers, ``(detectors, attacks)``."""
        out = []
        for name in [POOLED, *self.members] if self.members else []:
            rows = [
                self._row(name, cells[i]) | {"_detector": int(detector), "_regime": regime}
                for i, detector in enumerate(detectors)
            ]
            compared = [row for row in rows if row["area"] == row["area"] and not row["_lacks"]]
            if compared:
                samples = np.column_stack([row["_samples"] for row in compared])
                ranks = rank_interval(np.array([row["area"] for row in compared]), samples)
                for row, rank, low, high in zip(compared, *ranks, strict=True):
                    row |= {"rank": rank, "rank_low": low, "rank_high": high, "n_ranked": len(compared)}
            out += [{key: value for key, value in row.items() if key not in ("_lacks", "_samples")} for row in rows]
        return out

    def _row(self, name: str, cells: Ints) -> dict[str, Any]:
        """One detector and regime; ``cells`` of all attacks."""
        families = self.members if name == POOLED else {name: self.members[name]}
        whole = {key: at for key, at in families.items() if not np.isnan(self.rates[cells[at]]).any()}
        lacks = [key for key in families if key not in whole]
        row: dict[str, Any] = {"attack_family": name, "n_attacks": sum(len(at) for at in families.values())}
        row |= {"area": np.nan, "_lacks": lacks, "_samples": None}
        row["note"] = f"too few files under {', '.join(lacks)}" if lacks else ""
        every = cells[np.concatenate(list(families.values()))]
        if whole:
            severity = self.scores.attacks["severity"].to_numpy(float)
            used = cells[np.concatenate(list(whole.values()))]
            weights = np.concatenate([severity_weights(severity[at]) for at in whole.values()]) / len(whole)
            row["area"] = float(self.rates[used] @ weights)
            row["area_low"], row["area_high"], row["_samples"] = self.tallies["ai"].mean(used, weights)
            worst = used[int(np.argmax(self.rates[used]))]
            found = self.tallies["ai"].pooled(np.array([worst]))
            row["worst_attack"] = self.scores.attacks["attack"].iloc[int(np.flatnonzero(cells == worst)[0])]
            row |= {"worst_fnr": found.rate, "worst_low": found.low, "worst_high": found.high}
        for truth, count, rate in (("human", "fp", "fpr"), ("ai", "fn", "fnr")):
            found = self.tallies[truth].pooled(every)
            row |= {f"n_{truth}": found.n, count: found.events, rate: found.rate, f"families_{truth}": found.families}
            row |= {f"{rate}_low": found.low, f"{rate}_high": found.high}
        return row
