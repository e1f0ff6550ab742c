"""What the summary says of detectors: their errors, most misses first, and what casts doubt on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import POOLED, as_rows, by_value, clean_attacks, detector_names
from bench.analysis.tables.baseline import lacks_baseline, no_better_than_headers
from bench.analysis.tables.detection import BASELINE, MIN_N
from bench.analysis.tables.thresholds import Choice, at_threshold, main_threshold
from bench.analysis.text.wording import Finding, Say, rate_text
from bench.records import Run

#: Below this AUC the baseline separates too little to explain anything.
BASELINE_SEPARATES = 0.6

#: Columns of ``detector_errors`` that the sentences tell of.
USED = [
    "detector", "regime", "attack", "alpha", "threshold_kind", "n_human", "fpr", "fpr_low", "fpr_high", "n_ai", "fnr",
    "fnr_low", "fnr_high",
]  # fmt: skip


def detector_findings(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """Cautions about formats and drifting thresholds, then errors on clean files and at worst."""
    clean, pooled = clean_attacks(run), by_value(errors.loc[errors["source"].eq(POOLED), USED], "detector")
    ranked: list[tuple[float, Finding]] = []
    if lacks_baseline(run):
        yield Finding("gap", say("no_baseline"), "detectors")
    yield from (_bias(row, say) for row in no_better_than_headers(run, errors))
    for name in detector_names(run):
        if name == BASELINE or name not in pooled:
            continue
        choice = main_threshold(frozen, name)
        rows = frozen[frozen["detector"].eq(name)]
        calibration = dict(zip(rows["regime"], rows["n_calibration"], strict=True))
        ranked += _errors_of(at_threshold(pooled[name], name, choice), name, choice, clean, calibration, say)
    yield from (finding for _, finding in sorted(ranked, key=lambda pair: -pair[0]))


def _bias(row: dict[str, Any], say: Say) -> Finding:
    """The caution about formats, where the baseline separates about as well as the detector."""
    key = "bias" if row["header_auc"] >= BASELINE_SEPARATES else "guessing"
    auc = f"{row['auc']:.2f} [{row['auc_low']:.2f}, {row['auc_high']:.2f}]"
    names = {name: row[name] for name in ("detector", "regime", "n_human", "n_ai")}
    return Finding("warning", say(key, auc=auc, header=f"{row['header_auc']:.2f}", **names), "detectors")


def _errors_of(
    table: pd.DataFrame, name: str, choice: Choice, clean: list[str], calibration: dict[str, int], say: Say
) -> Iterator[tuple[float, Finding]]:
    """A sentence per regime on clean files and under the worst attacks, with its weight in the ranking.

    Args:
        table: pooled rows of the detector at the threshold chosen.
        name: of the detector.
        choice: how the threshold was set.
        clean: names of attacks that do nothing.
        calibration: per regime, how many files the threshold was set on.
        say: the language.
    """
    how = say("at_default") if choice.alpha is None else say("at_alpha", alpha=f"{100 * choice.alpha:g}")
    for regime in calibration:
        rows = as_rows(table[table["regime"].eq(regime)])
        start = next((row for row in rows if row["attack"] in clean), None)
        if start is None:
            continue
        if np.isnan(start["fpr"]) or np.isnan(start["fnr"]):
            if 0 < min(start["n_human"], start["n_ai"]) < MIN_N:
                counts = {"n_human": start["n_human"], "n_ai": start["n_ai"]}
                yield 0.0, Finding("gap", say("too_few", detector=f"{name} ({regime})", **counts), "detectors")
            continue
        rates = {"fnr": rate_text(start, "fnr"), "fpr": rate_text(start, "fpr")}
        if choice.alpha is not None and start["fpr_low"] > choice.alpha:
            values = {"alpha": f"{100 * choice.alpha:g}", "n_calibration": calibration[regime]}
            values |= {"n_human": start["n_human"]}
            text = say("drift", detector=name, regime=regime, fpr=rates["fpr"], **values)
            yield 0.0, Finding("warning", text, "detectors")
        counts = {"n_ai": start["n_ai"], "n_human": start["n_human"]}
        text = say("clean_errors", detector=name, regime=regime, threshold=how, **rates, **counts)
        for key, rate, n in (("worst_misses", "fnr", "n_ai"), ("worst_flags", "fpr", "n_human")):
            attacked = [row for row in rows if row["attack"] not in clean and not np.isnan(row[rate])]
            worst = max(attacked, key=lambda row: row[rate], default=None)
            if worst is not None and worst[rate] > start[rate]:
                text += say("sentence_joint") + say(
                    key, rate=rate_text(worst, rate), n=worst[n], attack=worst["attack"]
                )
        yield max([row["fnr"] for row in rows if not np.isnan(row["fnr"])]), Finding("detector", text, "detectors")


def threshold_findings(frozen: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """False-positive rates that the calibration split cannot support."""
    for alpha, rows in frozen[frozen["threshold_kind"].eq("refused")].groupby("alpha", sort=False):
        everything = len(rows) == len(frozen[frozen["alpha"].eq(alpha)])
        names = say("all_detectors") if everything else say("list_joint").join(dict.fromkeys(rows["detector"]))
        n = "-".join(dict.fromkeys(str(i) for i in (rows["n_calibration"].min(), rows["n_calibration"].max())))
        share = f"{100 * float(alpha):g}"  # type: ignore[arg-type]
        text = say("refused", alpha=share, detectors=names, needed=rows["needed"].iloc[0], n=n)
        yield Finding("gap", text, "thresholds")
