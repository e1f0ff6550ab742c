"""What an attack does to a threshold, and to scores that claim to be probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import POOLED
from bench.analysis.stats import BINS, interval, mean_by_group, needed_for, reliability, thresholds_at
from bench.analysis.tables.cube import ERROR, NO_ROW, OK, cube, rows_of
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import thresholds
from bench.records import Run

DRIFT_COLUMNS = [
    "detector", "regime", "attack", "attack_family", "severity", "alpha", "threshold", "n_human", "fp", "fpr",
    "fpr_low", "fpr_high", "n_ai", "fn", "fnr", "fnr_low", "fnr_high", "oracle_threshold", "oracle_shift",
    "oracle_fpr", "oracle_tpr", "oracle_tpr_low", "oracle_tpr_high", "n_oracle", "note",
]  # fmt: skip
CALIBRATION_COLUMNS = [
    "detector", "regime", "attack", "attack_family", "severity", "bin", "bin_low", "bin_high", "n", "mean_score",
    "n_ai", "ai_share", "ai_low", "ai_high", "ece", "brier", "brier_low", "brier_high", "unscored", "note",
]  # fmt: skip


def threshold_drift(run: Run) -> pd.DataFrame:
    """What is left of each frozen threshold under attack, beside the oracle that sets it anew for every attack.

    ``fpr`` is the rate realised, where ``alpha`` was asked for. The ``oracle`` columns are a bound and nobody's result:
    the threshold that these very human files, attacked, would have needed (the smallest with a false-positive rate of
    at most ``alpha``), how far it lies from the frozen one, and the share of AI files it finds, which is the TPR at
    that fixed FPR (its interval takes the threshold as given). They are blank where fewer than 1 / alpha human files
    have a score.
    """
    scores, frozen = cube(run), thresholds(run)
    human, ai = scores.files("human"), scores.files("ai")
    shape = scores.value.shape[:3]
    n = {t: np.count_nonzero(scores.judged[..., part], axis=3).ravel() for t, part in (("human", human), ("ai", ai))}
    any_row = (scores.status != NO_ROW)[..., scores.ranked_files].any(axis=3).ravel()
    detector, regime, attack = (x.ravel() for x in np.indices(shape))
    parts = []
    for order, alpha in enumerate(run.header.get("alphas", [])):
        own = frozen[frozen["alpha"].eq(alpha) & frozen["threshold_kind"].ne("default")]
        value = np.full(shape[:2], np.nan)
        for name, of_regime, threshold in zip(own["detector"], own["regime"], own["threshold"], strict=True):
            value[scores.detectors.index(name), scores.regimes.index(of_regime)] = threshold
        oracle, n_scores = thresholds_at(rows_of(scores.value[..., human]), alpha)
        set_anew = oracle.reshape(shape)[..., None]
        above = {
            "fp": scores.flagged(value)[..., human],
            "tp": scores.flagged(value)[..., ai],
            "oracle_fp": scores.value[..., human] > set_anew,
            "oracle_tp": scores.value[..., ai] > set_anew,
        }
        counts = {name: np.count_nonzero(which, axis=3).ravel() for name, which in above.items()}
        table = pd.DataFrame(scores.named(detector, regime, attack)).assign(
            alpha=alpha, threshold=value[detector, regime]
        )
        has, refused = ~np.isnan(value[detector, regime]), np.isnan(oracle)
        for total, count, rate, events in (
            ("human", "fp", "fpr", counts["fp"]), ("ai", "fn", "fnr", n["ai"] - counts["tp"]),
            ("ai", "", "oracle_tpr", counts["oracle_tp"]),
        ):  # fmt: skip
            shown = (n[total] >= MIN_N) & (has if count else ~refused)
            low, high = interval(np.where(shown, events, 0), n[total])
            table[f"n_{total}"] = n[total]
            if count:
                table[count] = np.where(has, events, np.nan)
            for name, column in (("", events / np.maximum(n[total], 1)), ("_low", low), ("_high", high)):
                table[rate + name] = np.where(shown, column, np.nan)
        table["oracle_threshold"], table["n_oracle"] = oracle, n_scores
        table["oracle_shift"] = oracle - table["threshold"]
        table["oracle_fpr"] = np.where(refused, np.nan, counts["oracle_fp"] / np.maximum(n_scores, 1))
        needed = needed_for(alpha)
        notes = np.where(has, "", "; no frozen threshold").astype(object)
        notes[refused] += np.array([f"; the oracle needs {needed} human scores, has {k}" for k in n_scores], object)[
            refused
        ]
        table["note"] = [note[2:] for note in notes]
        parts.append(pd.DataFrame(table.assign(_alpha=order, _cell=np.arange(len(table)))[any_row]))
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in DRIFT_COLUMNS})
    table = pd.concat(parts, ignore_index=True)
    table = table.sort_values(["_cell", "_alpha"], kind="stable")
    table[["fp", "fn"]] = table[["fp", "fn"]].astype("Int64")
    return table[DRIFT_COLUMNS].reset_index(drop=True)


def calibration(run: Run) -> pd.DataFrame:
    """How far scores that claim to be probabilities are from what they claim, per regime and attack.

    Only detectors that say their score is a probability of AI are here. Row ``*`` sums up a cell (expected calibration
    error over ten bins of equal width, Brier score with Student's interval), rows 1 to 10 are its reliability curve.
    Human and AI files of the test split in the mix that the data set has; a probability for another mix differs.
    """
    scores = cube(run)
    claims = {d["name"] for d in run.header.get("detectors", []) if d.get("probability")}
    part, n_human = scores.ranked_files, scores.n_human
    rows: list[dict[str, Any]] = []
    where = []
    for i, name in enumerate(scores.detectors):
        for regime, attack in np.ndindex(*scores.value.shape[1:3]) if name in claims else ():
            value, status = scores.value[i, regime, attack, part], scores.status[i, regime, attack, part]
            if not (status != NO_ROW).any():
                continue
            ok = status == OK
            summary, curve = _curve(value[ok], (np.arange(len(value)) >= n_human)[ok])
            rows += [summary | {"unscored": int(np.count_nonzero(status <= ERROR) - ok.sum())}, *curve]
            where += [(i, regime, attack)] * (1 + len(curve))
    at = np.array(where, np.int64).reshape(-1, 3)
    table: pd.DataFrame = pd.DataFrame(rows, columns=CALIBRATION_COLUMNS)
    table = table.assign(**scores.named(*at.T))
    table[["n", "n_ai", "unscored"]] = table[["n", "n_ai", "unscored"]].astype("Int64")
    table["note"] = [note if isinstance(note, str) else "" for note in table["note"]]
    return table


def _curve(value: np.ndarray, is_ai: np.ndarray) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The summary row of one cell, and the rows of its bins that hold files; none where it is too small."""
    summary: dict[str, Any] = {
        "bin": POOLED,
        "bin_low": 0.0,
        "bin_high": 1.0,
        "n": len(value),
        "n_ai": int(is_ai.sum()),
    }
    if len(value) < MIN_N:
        return summary | {"note": f"n < {MIN_N}"}, []
    try:
        found = reliability(value, is_ai)
    except ValueError as error:
        return summary | {"note": str(error)}, []
    share = float(is_ai.mean())
    low, high = interval(is_ai.sum(), len(value))
    summary |= {"mean_score": float(value.mean()), "ai_share": share, "ai_low": float(low), "ai_high": float(high)}
    _, brier_low, brier_high = mean_by_group(np.zeros(len(value), np.int64), (value - is_ai) ** 2, 1)
    summary |= {"ece": found.ece, "brier": found.brier, "brier_low": brier_low[0], "brier_high": brier_high[0]}
    low, high = interval(found.events, found.n)
    curve = []
    for i in np.flatnonzero(found.n):
        row = {"bin": str(i + 1), "bin_low": i / BINS, "bin_high": (i + 1) / BINS, "n": int(found.n[i])}
        row |= {"n_ai": int(found.events[i]), "mean_score": found.mean[i]}
        if found.n[i] >= MIN_N:
            row |= {"ai_share": found.events[i] / found.n[i], "ai_low": low[i], "ai_high": high[i]}
        else:
            row["note"] = f"n < {MIN_N}"
        curve.append(row)
    return summary, curve
