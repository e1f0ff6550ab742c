"""How a detector holds out under attack, in a few numbers: the area under its misses, its worst attack, its rank."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import POOLED, clean_attacks
from bench.analysis.stats import Floats, Ints, rank_interval
from bench.analysis.tables.cube import Cube, cube, rows_of
from bench.analysis.tables.tally import Rate, Tally, tally
from bench.analysis.tables.thresholds import chosen
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
    attacked = scores.attacks[~scores.attacks["attack"].isin(clean_attacks(run))]
    members = {
        str(name): group.index.to_numpy(np.int64) for name, group in attacked.groupby("attack_family", sort=False)
    }
    if not members:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    scopes = {POOLED: np.concatenate(list(members.values()))} | members
    human, ai = scores.files("human"), scores.files("ai")
    # False positives are only wanted pooled, misses per attack.
    pooled = (
        rows_of(np.stack([which[..., at, human].sum(axis=2) for at in scopes.values()], axis=2))
        for which in (flagged & judged, judged)
    )
    misses = tally(run, "ai", rows_of((~flagged & judged)[..., ai]), rows_of(judged[..., ai]))
    measured = _Measured(scores, members, tally(run, "human", *pooled), misses, misses.rates())
    rows = []
    for regime, (order, name) in product(range(len(scores.regimes)), enumerate(scopes)):
        rows += measured.ranked(np.flatnonzero(decides[:, regime]), regime, name, order)
    table = pd.DataFrame(rows, columns=[*COLUMNS, "_detector", "_regime"])
    table = table.sort_values(["_detector", "_regime"], kind="stable").reset_index(drop=True)
    detector, of_regime = table["_detector"].to_numpy(np.int64), table["_regime"].to_numpy(np.int64)
    table = table.assign(**setting.columns(detector, of_regime), **scores.named(detector, of_regime))
    whole = ["rank", "rank_low", "rank_high", "n_ranked"]
    table[whole] = table[whole].astype("Int64")
    return table[COLUMNS]


@dataclass(frozen=True, eq=False)
class _Measured:
    """What the rows are made of.

    Attributes:
        scores: of the run.
        members: attack family -> numbers of its attacks.
        flags: false positives per detector, regime and scope (all attack families, then each).
        misses: per detector, regime and attack; ``rates`` of them.
    """

    scores: Cube
    members: dict[str, Ints]
    flags: Tally
    misses: Tally
    rates: Floats

    def ranked(self, detectors: Ints, regime: int, name: str, order: int) -> list[dict[str, Any]]:
        """The rows of one regime and scope, which is number ``order``."""
        pairs = detectors * len(self.scores.regimes) + regime
        rows: list[dict[str, Any]] = []
        drawn = []
        for detector, pair in zip(detectors, pairs, strict=True):
            cells = pair * len(self.scores.attacks) + np.arange(len(self.scores.attacks))
            row, samples = self._row(name, cells)
            row |= _named("human", "fp", "fpr", self.flags.pooled(np.array([pair * (len(self.members) + 1) + order])))
            rows.append(row | {"_detector": int(detector), "_regime": regime})
            drawn.append(samples)
        compared = {i: samples for i, samples in enumerate(drawn) if samples is not None}
        if compared:
            areas = np.array([rows[i]["area"] for i in compared])
            ranks = rank_interval(areas, np.column_stack(list(compared.values())))
            for i, rank, low, high in zip(compared, *ranks, strict=True):
                rows[i] |= {"rank": rank, "rank_low": low, "rank_high": high, "n_ranked": len(compared)}
        return rows

    def _row(self, name: str, cells: Ints) -> tuple[dict[str, Any], Floats | None]:
        """Misses of one detector and regime, and bootstrap samples of the area where it covers all of the scope."""
        families = self.members if name == POOLED else {name: self.members[name]}
        whole = {key: at for key, at in families.items() if not np.isnan(self.rates[cells[at]]).any()}
        lacks = [key for key in families if key not in whole]
        every = cells[np.concatenate(list(families.values()))]
        row: dict[str, Any] = {"attack_family": name, "n_attacks": len(every)}
        row |= _named("ai", "fn", "fnr", self.misses.pooled(every))
        row["note"] = f"too few files under {', '.join(lacks)}" if lacks else ""
        if not whole:
            return row | {"area": np.nan}, None
        severity = self.scores.attacks["severity"].to_numpy(float)
        used = np.concatenate(list(whole.values()))
        weights = np.concatenate([severity_weights(severity[at]) for at in whole.values()]) / len(whole)
        low, high, samples = self.misses.mean(cells[used], weights)
        row |= {"area": float(self.rates[cells[used]] @ weights), "area_low": low, "area_high": high}
        worst = int(used[np.argmax(self.rates[cells[used]])])
        found = self.misses.pooled(cells[[worst]])
        row |= {"worst_fnr": found.rate, "worst_low": found.low, "worst_high": found.high}
        row["worst_attack"] = self.scores.attacks["attack"].iloc[worst]
        return row, None if lacks else samples


def _named(truth: str, count: str, rate: str, found: Rate) -> dict[str, Any]:
    """A pooled rate under its names in the table."""
    row = {f"n_{truth}": found.n, count: found.events, rate: found.rate, f"families_{truth}": found.families}
    return row | {f"{rate}_low": found.low, f"{rate}_high": found.high}
