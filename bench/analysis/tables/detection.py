"""How detectors err: false positives, misses and ranking, per detector, regime, attack, source and threshold.

A score that failed or was withheld stays in the denominator and is not a detection: a human file without a score is no
false positive, an AI file without one is a miss. ``unavailable`` (the detector or the attack's tool cannot run on this
machine) is no verdict at all, nor is an attack that does not apply to the file: those rows leave ``n`` and are counted
apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.frames import MACRO, POOLED, TRUTHS, Codes, as_rows, repeated, stacked
from bench.analysis.stats import Bools, Floats, auc_interval, interval, mean_interval, rank_rows
from bench.analysis.tables.cube import ABSTAIN, ERROR, OK, UNAVAILABLE, Cube, cube, ranking, rows_of
from bench.analysis.tables.thresholds import thresholds
from bench.records import Run

#: Cells with fewer files show no rate: one file more or less would move it by 10 points.
MIN_N = 10

COLUMNS = [
    "detector", "regime", "attack", "attack_family", "severity", "source", "alpha", "threshold", "threshold_kind",
    "n_human", "fp", "fpr", "fpr_low", "fpr_high", "n_ai", "fn", "fnr", "fnr_low", "fnr_high",
    "n_edited", "flagged_edited", "auc", "auc_low", "auc_high", "ap", "abstain", "error", "header_auc",
    "flagged_edited_low", "flagged_edited_high", "unavailable", "note",
]  # fmt: skip

#: Where a row stands: numbers of its detector, regime, attack and source, and of the threshold in its regime.
_CELL = ("_detector", "_regime", "_attack", "_source", "_kind")

#: The detector that reads no pixels: what it separates, the files' formats give away.
BASELINE = "header"


@dataclass(frozen=True, eq=False)
class _Counter:
    """Counts views per source and truth; source 0 is all of them, named ones are 1.. .

    Files of one truth and source lie side by side, so that a count is a sum over a slice.
    """

    scores: Cube

    def count(self, which: Bools) -> Codes:
        """How many of these views there are: ``(..., files)`` -> ``(..., sources, truths)``."""
        truth, source = self.scores.truth, self.scores.source + 1
        counts = np.zeros((*which.shape[:-1], len(self.scores.sources) + 1, len(TRUTHS)), np.int64)
        if len(truth):
            starts = np.flatnonzero(np.append(True, (np.diff(truth) != 0) | (np.diff(source) != 0)))
            counts[..., source[starts], truth[starts]] = np.add.reduceat(which, starts, axis=-1, dtype=np.int64)
        counts[..., 0, :] = counts.sum(axis=-2)
        return counts


def _ranking(run: Run, scores: Cube) -> dict[str, Floats]:
    """AUC with its interval and AP, ``(detectors, regimes, attacks, sources)``; blank for small cells."""
    shape = scores.value.shape[:3]
    columns = {
        name: np.full((*shape, len(scores.sources) + 1), np.nan) for name in ("auc", "auc_low", "auc_high", "ap")
    }
    for source in range(len(scores.sources) + 1):
        if source:
            # Most sources hold one class only and have no ranking.
            files = np.flatnonzero((scores.source == source - 1) & (scores.truth < 2))
            n_human = int(np.count_nonzero(scores.truth[files] == 0))
            if min(n_human, len(files) - n_human) < MIN_N:
                continue
            ranked = rank_rows(rows_of(scores.value[..., files]), n_human)
        else:
            ranked = ranking(run)
        enough = np.minimum(ranked.n_human, ranked.n_ai) >= MIN_N
        low, high = auc_interval(ranked.auc, ranked.variance, ranked.n_human, ranked.n_ai)
        for name, column in zip(columns, (ranked.auc, low, high, ranked.ap), strict=True):
            columns[name][..., source] = np.where(enough, column, np.nan).reshape(shape)
    return columns


def detector_errors(run: Run) -> pd.DataFrame:
    """Error rates of every detector at its frozen thresholds, and its AUC, per regime, attack and source.

    ``source`` is ``*`` (pooled), ``macro`` (the mean over sources with at least ten files of the class) or a name.
    Thresholds the calibration split cannot support give rows of kind ``refused`` that hold counts and AUC only.
    """
    scores, frozen = cube(run), thresholds(run)
    counter, rankings = _Counter(scores), _ranking(run, scores)
    shape = rankings["auc"].shape[1:]
    baseline = np.full(shape, np.nan)
    if BASELINE in scores.detectors:
        baseline = rankings["auc"][scores.detectors.index(BASELINE)]
    parts: list[dict[str, np.ndarray]] = []
    for i, name in enumerate(scores.detectors):
        mine = frozen[frozen["detector"].eq(name)]
        ranked = {key: values[i] for key, values in rankings.items()} | {"header_auc": baseline}
        parts += _parts(counter, i, mine, ranked)
    if not any(len(part["note"]) for part in parts):
        return _empty()
    found = stacked(parts)
    detector, regime, attack, source, kind = (found[name] for name in _CELL)
    # The macro mean stands right after the pooled row.
    place = np.where(source == len(scores.sources) + 1, 0.5, source)
    found |= scores.named(detector, regime, attack)
    found["source"] = np.array([POOLED, *scores.sources, MACRO], object)[source]
    order = np.lexsort((kind, place, attack, regime, detector))
    return pd.DataFrame({name: found[name][order] for name in COLUMNS}).astype({"fp": "Int64", "fn": "Int64"})


def _empty() -> pd.DataFrame:
    text = {"detector", "regime", "attack", "attack_family", "source", "threshold_kind", "note"}
    return pd.DataFrame({name: pd.Series(dtype=object if name in text else float) for name in COLUMNS})


def _parts(
    counter: _Counter, detector: int, frozen: pd.DataFrame, ranking: dict[str, Floats]
) -> Iterator[dict[str, np.ndarray]]:
    """The columns of one detector: every cell that holds anything, once per threshold of its regime."""
    value, status = counter.scores.value[detector], counter.scores.status[detector]
    by_status = [counter.count(status == kind) for kind in (OK, ABSTAIN, ERROR, UNAVAILABLE)]
    n = by_status[OK] + by_status[ABSTAIN] + by_status[ERROR]
    apart = {"abstain": by_status[ABSTAIN], "error": by_status[ERROR], "unavailable": by_status[UNAVAILABLE]}
    rows = as_rows(frozen)
    for i, regime in enumerate(counter.scores.regimes):
        # (attacks, sources): named sources exist where they have rows; a cell with rows has a pooled and a macro one.
        filled = (n + by_status[UNAVAILABLE])[i].sum(axis=2) > 0
        filled = np.concatenate([filled, filled[:, :1]], axis=1)
        attack, source = np.nonzero(filled)
        ranked = _with_macro_ranking({name: values[i] for name, values in ranking.items()})
        counts = {name: values[i].sum(axis=2) for name, values in apart.items()}
        for kind, row in enumerate(row for row in rows if row["regime"] == regime):
            threshold = float(row["threshold"])
            flagged = counter.count(value[i] > threshold)
            columns, notes = _rates(n[i], flagged, judged=not np.isnan(threshold))
            columns |= {name: np.concatenate([c, c[:, :1]], axis=1) for name, c in counts.items()} | ranked
            part = {name: values[filled] for name, values in columns.items()}
            part["note"] = notes[filled]
            if row["threshold_kind"] == "refused":
                told = [f"refused: {row['note']}; {note}".removesuffix("; ") for note in part["note"]]
                part["note"] = np.array(told, object)
            same = {name: row[name] for name in ("alpha", "threshold", "threshold_kind")}
            part |= repeated(same | {"_detector": detector, "_regime": i, "_kind": kind}, len(attack))
            yield part | {"_attack": attack, "_source": source}


def _rates(n: Codes, flagged: Codes, judged: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Counts, rates and intervals of one regime at one threshold, and the notes on them.

    Args:
        n: files per ``(attack, source, truth)``, source 0 = pooled.
        flagged: how many of them score above the threshold.
        judged: False where there is no threshold: counts of files only.

    Returns:
        Columns of shape ``(attacks, sources + 1)``, the last source being the macro mean.
    """
    columns: dict[str, np.ndarray] = {}
    notes = np.full((n.shape[0], n.shape[1] + 1), "", object)
    events = (flagged[..., 0], n[..., 1] - flagged[..., 1], flagged[..., 2])
    names = (("n_human", "fp", "fpr"), ("n_ai", "fn", "fnr"), ("n_edited", "", "flagged_edited"))
    means = np.full(n.shape[0], "", object)
    for truth, ((total, count, rate), k) in enumerate(zip(names, events, strict=True)):
        size = n[..., truth]
        enough = size >= MIN_N
        shown = enough & judged
        low, high = interval(np.where(shown, k, 0), size)
        values = [np.where(shown, column, np.nan) for column in (k / np.maximum(size, 1), low, high)]
        averaged = mean_interval(*(column[:, 1:] for column in values))
        for suffix, column, mean in zip(("", "_low", "_high"), values, averaged, strict=True):
            columns[f"{rate}{suffix}"] = np.column_stack([column, mean])
        counted = enough[:, 1:]
        columns[total] = np.column_stack([size, (size[:, 1:] * counted).sum(axis=1)])
        if count:
            both = np.column_stack([k, (k[:, 1:] * counted).sum(axis=1)]).astype(float)
            columns[count] = both if judged else np.full_like(both, np.nan)
        notes[:, :-1][(size > 0) & ~enough] += f"; {total} < {MIN_N}"
        used = counted.sum(axis=1)
        means[used > 0] += np.array([f", {rate} over {m} source{'s' * (m > 1)}" for m in used.tolist()], object)[
            used > 0
        ]
    if judged:
        notes[:, -1] = [f"; mean{t.removeprefix(',')}" if t else f"; no source with n >= {MIN_N}" for t in means]
    return columns, np.array([note[2:] for note in notes.ravel()], object).reshape(notes.shape)


def _with_macro_ranking(ranking: dict[str, Floats]) -> dict[str, Floats]:
    """AUC and the like of one regime, ``(attacks, sources)``, with the mean over sources as one more source."""
    named = {name: values[:, 1:] for name, values in ranking.items()}
    auc = mean_interval(named["auc"], named["auc_low"], named["auc_high"])
    means = dict(zip(("auc", "auc_low", "auc_high"), auc, strict=True))
    for name in ("ap", "header_auc"):
        means[name] = mean_interval(named[name], named[name], named[name])[0]
    return {name: np.column_stack([values, means[name]]) for name, values in ranking.items()}
