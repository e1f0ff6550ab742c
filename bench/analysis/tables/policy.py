"""What a platform would show: the verdicts of China's 2025 Labelling Measures, from readings, declarations and scores.

The Measures for Labelling AI-Generated Synthetic Content (人工智能生成合成内容标识办法) are in force since 2025-09-01.
Their article 6 has a platform look at a post in this order and put a notice beside it: the file's metadata holds an
implicit label (``confirmed``); it holds none, but the user declares the content as generated (``declared``); neither,
but the platform finds other traces of generation (``suspected``). What is left gets no notice (``unlabelled``).

Here a label is verified where a reading declares AI and is not ``broken``. Traces are what is left of a damaged label
(``broken``, ``residue``) and a detector's flag at its frozen threshold. Watermarks and visible marks are no part of it:
they are written into copies that detectors do not see.

Denominators are those of ``detector_errors``. A file for which nothing speaks although some evidence failed (an error,
a score that was withheld) is ``unknown``: it stays in ``n`` and gets no notice, but is not called ``unlabelled``. Where
evidence is unavailable on this machine, or the attack does not apply, there is no verdict: the file leaves ``n`` and is
counted apart, even if a label speaks for it, since the others of its kind leave too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.analysis.frames import (
    TRUTHS,
    Codes,
    as_rows,
    attack_frame,
    by_value,
    clean_attacks,
    codes,
    detector_names,
    groups_of,
    outcomes,
    repeated,
    scored_views,
    stacked,
)
from bench.analysis.stats import Floats, interval
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import Choice, at_threshold, main_threshold, thresholds
from bench.records import Run

#: What a post can be shown as, then files that nobody could judge.
VERDICTS = ("confirmed", "declared", "suspected", "unlabelled", "unknown")

#: Stands for a platform that reads labels and has no detector.
NO_DETECTOR = "none"

#: Share of AI posts whose authors declare them, where nobody says another: an assumption, not a measurement.
DECLARATION_RATE = 0.2

#: A label is written into the file as it came, so this is about files as they came.
REGIME = "native"

COUNTED = ("confirmed", "suspected", "unlabelled", "unknown")

COLUMNS = [
    "detector", "regime", "attack", "attack_family", "severity", "truth", "alpha", "threshold", "threshold_kind",
    "declaration_rate", "n", *VERDICTS,
    *(f"{verdict}_{end}" for verdict in VERDICTS for end in ("rate", "low", "high")),
    "noticed", "noticed_rate", "noticed_low", "noticed_high", "forged", "unavailable", "note",
]  # fmt: skip

Bools = npt.NDArray[np.bool_]

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Evidence:
    """What the files themselves say, one entry per view of the test split; detectors come on top.

    Attributes:
        views: truth, attack and sample of each.
        verified: a metadata label declares AI, and its own integrity check does not disown it.
        traces: the remains of a label.
        failed: the view or a reading ended in an error, or there is no reading.
        gone: no verdict can be asked for: unavailable on this machine, or the attack does not apply.
        forged: verified human files that were not verified untouched.
    """

    views: pd.DataFrame
    verified: Bools
    traces: Bools
    failed: Bools
    gone: Bools
    forged: Bools


def is_fallback(run: Run, detector: str) -> bool:
    """Whether a platform would ask this detector for traces: not one that reads only labels or headers."""
    return all(d["name"] != detector or d.get("reads") != "file" for d in run.header.get("detectors", []))


def policy(run: Run, declaration_rate: float = DECLARATION_RATE, counts: pd.DataFrame | None = None) -> pd.DataFrame:
    """What a platform following the 2025 Labelling Measures would show, per attack, fallback detector and truth.

    ``detector`` is the fallback that looks for traces, ``none`` where there is none; one without a threshold has no
    rows. Counts are of files; a share ``declaration_rate`` of the AI and AI-edited files without a verified label is
    counted as ``declared``, as an expectation and not by drawing lots, so counts need not be whole. People declare
    nothing about work of their own. Rates are shares of ``n``; their ends are those of the rate that was measured,
    scaled like the rate itself. ``noticed`` is every file with a notice: right for AI and wrong for human ones.
    ``forged`` counts human files shown as ``confirmed`` that were not before the attack.

    Args:
        run: the records.
        declaration_rate: 0..1.
        counts: ``verdict_counts(run)`` where the caller has it already.
    """
    table = verdict_counts(run) if counts is None else counts.copy()
    rate = np.where(table["truth"].eq("human"), 0.0, declaration_rate)
    n = table["n"].to_numpy(float)
    shown = n >= MIN_N
    counted = {name: table[name].to_numpy(float) for name in COUNTED}
    for verdict in VERDICTS:
        # Declarations are split off from all that is not confirmed, so each share is one measured rate, scaled.
        of = "confirmed" if verdict == "declared" else verdict
        low, high = interval(np.where(shown, counted[of], 0), n)
        share, low, high = (np.where(shown, x, np.nan) for x in (counted[of] / np.maximum(n, 1), low, high))
        if verdict == "declared":
            share, low, high = rate * (1 - share), rate * (1 - high), rate * (1 - low)
            table[verdict] = rate * (n - counted[of])
        elif verdict != "confirmed":
            share, low, high = ((1 - rate) * x for x in (share, low, high))
            table[verdict] = (1 - rate) * counted[of]
        for end, values in (("rate", share), ("low", low), ("high", high)):
            table[f"{verdict}_{end}"] = values
    silent = counted["unlabelled"] + counted["unknown"]
    low, high = interval(np.where(shown, silent, 0), n)
    table["noticed"] = n - (1 - rate) * silent
    for end, share in (("rate", silent / np.maximum(n, 1)), ("low", high), ("high", low)):
        table[f"noticed_{end}"] = np.where(shown, 1 - (1 - rate) * share, np.nan)
    table["declaration_rate"] = rate
    return table[COLUMNS]


def verdict_counts(run: Run) -> pd.DataFrame:
    """Files per verdict before anyone declares, and what is known of each cell.

    The columns of ``policy`` without ``declared``, the declaration rate and the rates; counts are whole numbers. Empty
    where no label in metadata was looked for.
    """
    found = _evidence(run)
    attacks = attack_frame(run)
    cell = codes(found.views["attack"], list(attacks["attack"])) * len(TRUTHS) + codes(found.views["truth"], TRUTHS)
    frozen = thresholds(run)
    frozen = frozen[frozen["regime"].eq(REGIME) & ~frozen["threshold_kind"].eq("refused")]
    by_threshold = by_value(frozen, "detector")
    scores = run.scores[["key", "detector", "value", "status"]]
    by_detector = scores.groupby("detector", sort=False, observed=True).indices
    nothing = np.zeros(len(found.views), bool)
    alone = {"detector": NO_DETECTOR, "alpha": np.nan, "threshold": np.nan, "threshold_kind": NO_DETECTOR}
    counts = _counts(found, cell, len(attacks), nothing, nothing, nothing)
    parts = [counts | repeated(alone, len(counts["n"]))]
    for detector in detector_names(run):
        if detector not in by_threshold or not is_fallback(run, detector):
            continue
        value, outcome = _scores(scores.iloc[by_detector.get(detector, [])], found.views)
        for row in as_rows(by_threshold[detector][list(alone)]):
            flagged = (outcome == 0) & (value > row["threshold"])
            part = _counts(found, cell, len(attacks), flagged, (outcome == 1) | (outcome == 2), outcome == 3)
            parts.append(part | repeated(row, len(part["n"])))
    columns = stacked(parts)
    for name in ("attack", "attack_family", "severity"):
        columns[name] = attacks[name].to_numpy()[columns["_attack"]]
    table = pd.DataFrame(columns).assign(regime=REGIME)
    kept = [name for name in COLUMNS if name in table]
    text = {"detector", "regime", "attack", "attack_family", "truth", "threshold_kind", "note"}
    floats = {"severity", "alpha", "threshold"}
    kinds = {name: object if name in text else float if name in floats else "int64" for name in kept}
    return table[kept].astype(kinds)


def at_main_threshold(table: pd.DataFrame, frozen: pd.DataFrame, detector: str) -> tuple[pd.DataFrame, Choice]:
    """The rows of a fallback at the threshold that charts and the report use, and how it was set."""
    if detector == NO_DETECTOR:
        return table[table["detector"].eq(detector)], Choice(NO_DETECTOR, None, "")
    choice = main_threshold(frozen, detector)
    return at_threshold(table, detector, choice), choice


def _evidence(run: Run) -> _Evidence:
    """What metadata readings say of each view that detectors judge, in the test split of the native regime."""
    views = scored_views(run)
    views = views[views["split"].eq("test") & views["regime"].eq(REGIME) & views["truth"].isin(TRUTHS)]
    kinds = {(x["name"], x["position"]): x.get("kind", "metadata") for x in run.header.get("labels", [])}
    names, which = groups_of(run.readings, ["label", "position"])
    wanted = np.array([kinds.get((name[0], name[1]), "metadata") == "metadata" for name in names], bool)
    readings = run.readings[wanted[which]] if len(names) else run.readings
    at = pd.Index(views["key"]).get_indexer(pd.Index(readings["key"]))
    readings, at = readings[at >= 0], at[at >= 0]
    if not len(readings):
        views = views[:0]
    state, status = readings["state"], views["status"]

    def any_of(mask: pd.Series) -> Bools:
        return np.bincount(at[mask.to_numpy(bool)], minlength=len(views)) > 0

    verified = any_of(readings["declares_ai"].eq(True) & ~state.eq("broken"))
    human = views["truth"].eq("human").to_numpy(bool)
    clean = views["attack"].isin(clean_attacks(run)).to_numpy(bool)
    before = set(views["sample"].to_numpy(object)[clean & verified])
    return _Evidence(
        views=views[["key", "truth", "attack"]],
        verified=verified,
        traces=any_of(state.isin(["broken", "residue"])),
        failed=any_of(state.eq("error")) | status.eq("error").to_numpy(bool) | ~any_of(state.notna()),
        gone=any_of(state.eq("unavailable")) | status.isin(["unavailable", "not_applicable"]).to_numpy(bool),
        forged=verified & human & ~views["sample"].isin(before).to_numpy(bool),
    )


def _scores(scores: pd.DataFrame, views: pd.DataFrame) -> tuple[Floats, Codes]:
    """A detector's value and outcome for each view; a view it has no row for is a failure."""
    at = pd.Index(views["key"]).get_indexer(pd.Index(scores["key"]))
    mine, at = scores[at >= 0], at[at >= 0]
    value, outcome = np.full(len(views), np.nan), np.full(len(views), 2, np.int64)
    value[at], outcome[at] = mine["value"].to_numpy(float), outcomes(mine)
    return value, outcome


def _counts(found: _Evidence, cell: Codes, attacks: int, flagged: Bools, failed: Bools, gone: Bools) -> Columns:
    """The verdict of every view, counted per attack and truth; exactly one each."""
    out = found.gone | gone
    ladder = [found.verified, found.traces | flagged, found.failed | failed]
    verdict = np.select(ladder, [COUNTED.index(name) for name in ("confirmed", "suspected", "unknown")], 2)
    size = attacks * len(TRUTHS)
    counts = np.bincount(cell[~out] * len(COUNTED) + verdict[~out], minlength=size * len(COUNTED)).reshape(size, -1)
    unavailable = np.bincount(cell[out], minlength=size)
    forged = np.bincount(cell[found.forged & ~out], minlength=size)
    n = counts.sum(axis=1)
    kept = np.flatnonzero(n + unavailable)
    columns = {name: counts[kept, i] for i, name in enumerate(COUNTED)}
    columns |= {"n": n[kept], "unavailable": unavailable[kept], "forged": forged[kept], "_attack": kept // len(TRUTHS)}
    columns["truth"] = np.array(TRUTHS, object)[kept % len(TRUTHS)]
    return columns | {"note": np.where(n[kept] < MIN_N, f"n < {MIN_N}", "").astype(object)}
