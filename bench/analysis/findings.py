"""What the numbers say, in plain words: ranked sentences, each with its n and its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.detection import BASELINE, MIN_N
from bench.analysis.frames import POOLED, as_rows, carrier, clean_attacks, detector_names, regime_names
from bench.analysis.thresholds import Choice, at_threshold, main_threshold
from bench.records import Run

#: A detector that is this close to the baseline without pixels, or below it, may read formats.
BIAS_MARGIN = 0.05

#: Below this AUC the baseline separates too little to explain anything.
BASELINE_SEPARATES = 0.6

Say = Callable[..., str]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Finding:
    """One sentence of the summary.

    Attributes:
        kind: warning, label, detector or gap.
        text: in the reader's language.
        anchor: id of the section that holds the numbers.
    """

    kind: str
    text: str
    anchor: str


def percent(rate: float, low: float, high: float) -> str:
    """``65 % [54, 75]``; one decimal only where a whole number would say 0 or 100 of something that is not."""
    return f"{whole(rate)} % [{whole(low)}, {whole(high)}]"


def whole(share: float) -> str:
    """A share as a number of percent."""
    text = f"{100 * share:.0f}"
    if text == "0" and share > 0:
        return f"{100 * share:.1f}" if share >= 0.0005 else "<0.1"
    if text == "100" and share < 1:
        return f"{100 * share:.1f}" if share < 0.9995 else ">99.9"
    return text


def label_title(label: str, position: str) -> str:
    """A label as in text: ``gb45438 (xmp)``."""
    return f"{label} ({position})" if position else label


def findings(run: Run, tables: Mapping[str, pd.DataFrame], say: Say) -> list[Finding]:
    """Everything worth a sentence: cautions first, then labels, detectors (most misses first), and gaps."""
    found = [
        *_labels(run, tables["label_survival"], say),
        *_false_declarations(run, tables["label_false_positives"], say),
        *_detectors(run, tables["thresholds"], tables["detector_errors"], say),
        *_refused(tables["thresholds"], say),
        *_gaps(tables["coverage"], say),
    ]
    order = ("warning", "label", "detector", "gap")
    return sorted(found, key=lambda finding: order.index(finding.kind))


def _rate(row: dict[str, Any], name: str) -> str:
    low, high = (row[f"{name.removesuffix('_rate')}_{end}"] for end in ("low", "high"))
    return percent(row[name], low, high)


def _labels(run: Run, survival: pd.DataFrame, say: Say) -> Iterator[Finding]:
    clean = clean_attacks(run)
    pooled = survival[survival["mime"].eq(POOLED) & survival["survived_rate"].notna()]
    for row in as_rows(pooled[pooled["attack"].isin(clean) & pooled["survived_rate"].lt(1)]):
        title = label_title(row["label"], row["position"])
        counts = {"k": row["intact"], "n": _judged(row), "rate": _rate(row, "survived_rate")}
        yield Finding("warning", say("clean_loss", label=title, **counts), "labels")
    washed = pooled[~pooled["attack"].isin(clean)]
    if not len(washed):
        return
    total = washed["attack"].nunique()
    wiped = int((washed.groupby("attack")["intact"].max() == 0).sum())
    yield Finding("label", say("wiped" if wiped else "wiped_none", k=wiped, total=total), "labels")
    groups = [as_rows(rows) for _, rows in washed.groupby(["label", "position"], sort=False)]
    groups.sort(key=_mean, reverse=True)
    if len(groups) > 1 and _mean(groups[0]) - _mean(groups[-1]) < 0.005:
        if _mean(groups[0]) > 0:
            best = max(groups[0], key=lambda row: row["survived_rate"])
            values = {"attack": best["attack"], "rate": _rate(best, "survived_rate"), "n": _judged(best)}
            values |= {"mean": whole(_mean(groups[0])), "total": total}
            yield Finding("label", say("tie", count=len(groups), **values), "labels")
    elif len(groups) > 1:
        yield _ranked("best", groups[0], max, say)
        yield _ranked("worst", groups[-1], min, say)
    else:
        yield _only(groups[0], say)
    for rows in groups:
        gap = max(rows, key=lambda row: row["declares_rate"] - row["survived_rate"])
        if gap["declares_rate"] - gap["survived_rate"] >= 0.05:
            rates = {name: _rate(gap, f"{name}_rate") for name in ("survived", "declares")}
            title = label_title(gap["label"], gap["position"])
            text = say("altered", attack=gap["attack"], label=title, n=_judged(gap), **rates)
            yield Finding("label", text, "labels")
    apart = survival[survival["mime"].ne(POOLED) & survival["survived_rate"].notna()]
    yield from _carriers(apart[~apart["attack"].isin(clean)], say)


def _carriers(survival: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """Per label the attack whose outcome depends most on the carrier, where the intervals do not meet."""
    for _, rows in survival.groupby(["label", "position"], sort=False):
        widest: tuple[float, str] = (0.0, "")
        for attack, group in rows.groupby("attack", sort=False):
            cells = as_rows(group)
            best, worst = (pick(cells, key=lambda row: row["survived_rate"]) for pick in (max, min))
            gap = best["survived_rate"] - worst["survived_rate"]
            if best["survived_low"] > worst["survived_high"] and gap > widest[0]:
                values = {"rate": _rate(best, "survived_rate"), "n": _judged(best), "carrier": carrier(best["mime"])}
                values |= {"rate_worst": _rate(worst, "survived_rate"), "n_worst": _judged(worst)}
                values |= {"carrier_worst": carrier(worst["mime"]), "attack": attack}
                widest = (gap, say("carrier", label=label_title(best["label"], best["position"]), **values))
        if widest[1]:
            yield Finding("label", widest[1], "labels")


def _judged(row: dict[str, Any]) -> int:
    return int(row["n"] - row["not_applicable"] - row["unavailable"])


def _mean(rows: Rows) -> float:
    return float(np.mean([row["survived_rate"] for row in rows]))


def _ranked(key: str, rows: Rows, pick: Callable[..., dict[str, Any]], say: Say) -> Finding:
    """The label at one end of the ranking, or that nothing is ever left of it."""
    title, total = label_title(rows[0]["label"], rows[0]["position"]), len(rows)
    row = pick(rows, key=lambda row: row["survived_rate"])
    if max(row["survived_rate"] for row in rows) == 0:
        high = whole(max(row["survived_high"] for row in rows))
        return Finding("label", say("gone", label=title, total=total, n=_judged(row), high=high), "labels")
    values = {"mean": whole(_mean(rows)), "total": total, "attack": row["attack"], "n": _judged(row)}
    return Finding("label", say(key, label=title, rate=_rate(row, "survived_rate"), **values), "labels")


def _only(rows: Rows, say: Say) -> Finding:
    best, worst = (pick(rows, key=lambda row: row["survived_rate"]) for pick in (max, min))
    if best["survived_rate"] == 0:
        return _ranked("worst", rows, min, say)
    text = say(
        "only",
        label=label_title(best["label"], best["position"]),
        mean=whole(_mean(rows)),
        total=len(rows),
        attack=best["attack"],
        rate=_rate(best, "survived_rate"),
        n=_judged(best),
        attack_worst=worst["attack"],
        rate_worst=_rate(worst, "survived_rate"),
        n_worst=_judged(worst),
    )
    return Finding("label", text, "labels")


def _false_declarations(run: Run, table: pd.DataFrame, say: Say) -> Iterator[Finding]:
    rows = as_rows(table)
    for pair in dict.fromkeys((row["label"], row["position"]) for row in rows):
        mine = [row for row in rows if (row["label"], row["position"]) == pair]
        worst = max(mine, key=lambda row: row["rate"])
        if worst["declares"]:
            rate = percent(worst["rate"], worst["low"], worst["high"])
            counts = {"k": worst["declares"], "n": worst["n"], "attack": worst["attack"], "rate": rate}
            yield Finding("warning", say("false_declaration", label=label_title(*pair), **counts), "labels")
    if rows and not any(row["declares"] for row in rows):
        least = min(rows, key=lambda row: row["n"])
        text = say("no_false_declaration", n=least["n"], high=whole(least["high"]))
        yield Finding("label", text, "labels")


def _detectors(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame, say: Say) -> Iterator[Finding]:
    reads = {d["name"]: d.get("reads", "") for d in run.header.get("detectors", [])}
    clean, pooled = clean_attacks(run), errors[errors["source"].eq(POOLED)]
    ranked: list[tuple[float, Finding]] = []
    for name in detector_names(run):
        if name == BASELINE:
            continue
        mine = pooled[pooled["detector"].eq(name)]
        for regime in regime_names(run):
            unattacked = as_rows(mine[mine["regime"].eq(regime) & mine["attack"].isin(clean)][:1])
            if unattacked and reads.get(name) != "file":
                yield from _bias(unattacked[0], say)
        choice = main_threshold(frozen, name)
        rows = frozen[frozen["detector"].eq(name)]
        calibration = dict(zip(rows["regime"], rows["n_calibration"], strict=True))
        ranked += _errors_of(at_threshold(pooled, name, choice), name, choice, clean, calibration, say)
    yield from (finding for _, finding in sorted(ranked, key=lambda pair: -pair[0]))


def _bias(row: dict[str, Any], say: Say) -> Iterator[Finding]:
    """The caution about formats, where the baseline separates about as well as the detector."""
    if np.isnan(row["auc"]) or np.isnan(row["header_auc"]) or row["header_auc"] < row["auc"] - BIAS_MARGIN:
        return
    key = "bias" if row["header_auc"] >= BASELINE_SEPARATES else "guessing"
    auc = f"{row['auc']:.2f} [{row['auc_low']:.2f}, {row['auc_high']:.2f}]"
    names = {name: row[name] for name in ("detector", "regime", "n_human", "n_ai")}
    yield Finding("warning", say(key, auc=auc, header=f"{row['header_auc']:.2f}", **names), "detectors")


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
        rates = {"fnr": _rate(start, "fnr"), "fpr": _rate(start, "fpr")}
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
                text += " " + say(key, rate=_rate(worst, rate), n=worst[n], attack=worst["attack"])
        yield max([row["fnr"] for row in rows if not np.isnan(row["fnr"])]), Finding("detector", text, "detectors")


def _refused(frozen: pd.DataFrame, say: Say) -> Iterator[Finding]:
    for alpha, rows in frozen[frozen["threshold_kind"].eq("refused")].groupby("alpha", sort=False):
        everything = len(rows) == len(frozen[frozen["alpha"].eq(alpha)])
        names = say("all_detectors") if everything else ", ".join(dict.fromkeys(rows["detector"]))
        n = "-".join(dict.fromkeys(str(i) for i in (rows["n_calibration"].min(), rows["n_calibration"].max())))
        share = f"{100 * float(alpha):g}"  # type: ignore[arg-type]
        text = say("refused", alpha=share, detectors=names, needed=rows["needed"].iloc[0], n=n)
        yield Finding("gap", text, "thresholds")


def _gaps(coverage: pd.DataFrame, say: Say) -> Iterator[Finding]:
    counted = coverage[["done", "error", "unavailable", "not_applicable", "abstain"]].sum(axis=1)
    missing = int((coverage["planned"] - counted).clip(lower=0).sum())
    text = ""
    if missing:
        text = say("missing_cells", missing=missing, planned=int(coverage["planned"].sum()))
    if failed := int(coverage["error"].sum()):
        text += " " * bool(text) + say("failed_cells", k=failed)
    if text:
        yield Finding("gap", text, "coverage")
    for subject, rows in coverage.groupby("subject", sort=False):
        if k := int(rows["unavailable"].sum()):
            text = say("unavailable_cells", subject=subject, k=k, n=int(rows["planned"].sum()))
            yield Finding("gap", text, "coverage")
