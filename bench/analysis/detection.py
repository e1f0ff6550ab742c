"""How detectors err: false positives, misses and ranking, per detector, regime, attack, source and threshold.

A score that failed or was withheld stays in the denominator and is not a detection: a human file without a score is no
false positive, an AI file without one is a miss. ``unavailable`` (the detector or the attack's tool cannot run on this
machine) is no verdict at all, nor is an attack that does not apply to the file: those rows leave ``n`` and are counted
apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.analysis.frames import (
    MACRO,
    POOLED,
    TRUTHS,
    Codes,
    as_rows,
    attack_frame,
    codes,
    detector_names,
    in_order,
    ok_values,
    outcomes,
    regime_names,
    scored,
)
from bench.analysis.stats import Floats, auc_by_group, auc_interval, average_precision_by_group, interval, mean_interval
from bench.analysis.thresholds import thresholds
from bench.records import Run

#: Cells with fewer files show no rate: one file more or less would move it by 10 points.
MIN_N = 10

COLUMNS = [
    "detector", "regime", "attack", "attack_family", "severity", "source", "alpha", "threshold", "threshold_kind",
    "n_human", "fp", "fpr", "fpr_low", "fpr_high", "n_ai", "fn", "fnr", "fnr_low", "fnr_high",
    "n_edited", "flagged_edited", "auc", "auc_low", "auc_high", "ap", "abstain", "error", "header_auc",
    "flagged_edited_low", "flagged_edited_high", "unavailable", "note",
]  # fmt: skip

#: The detector that reads no pixels: what it separates, the files' formats give away.
BASELINE = "header"


@dataclass(frozen=True)
class _Detector:
    """The test rows of one detector as codes, and the grid of cells they fall into.

    A cell is ``(regime, attack, source)`` with source 0 = pooled, as one number; ``source`` holds 1.. for named ones.
    """

    shape: tuple[int, int, int]
    cell: Codes  # of the pooled source
    source: Codes
    truth: Codes
    regime: Codes
    value: Floats
    ok: npt.NDArray[np.bool_]
    status: Codes  # 0 ok, 1 abstain, 2 error, 3 unavailable

    def count(self, which: npt.NDArray[np.bool_]) -> Codes:
        """How many of these rows fall into each cell, per truth: ``(regimes, attacks, sources, truths)``."""
        shape = (*self.shape, len(TRUTHS))
        size = int(np.prod(shape))
        flat = (self.cell[which] + self.source[which]) * len(TRUTHS) + self.truth[which]
        counts = np.bincount(flat, minlength=size).reshape(shape)
        counts[:, :, 0] = counts.sum(axis=2)
        return counts

    def ranking(self) -> dict[str, Floats]:
        """AUC with its interval and AP per cell, ``(regimes, attacks, sources)``; blank for small cells."""
        size = int(np.prod(self.shape))
        used = self.ok & (self.truth < 2)
        cell, source = self.cell[used], self.source[used]
        group = np.concatenate([cell, cell + source])
        values, is_ai = np.tile(self.value[used], 2), np.tile(self.truth[used] == 1, 2)
        # Most sources hold one class only; sorting their scores would be work for nothing.
        n = np.bincount(2 * group + is_ai, minlength=2 * size).reshape(-1, 2)
        enough = n.min(axis=1) >= MIN_N
        kept = enough[group]
        measured = auc_by_group(group[kept], values[kept], is_ai[kept], size)
        low, high = auc_interval(*measured)
        ap = average_precision_by_group(group[kept], values[kept], is_ai[kept], size)
        columns = {"auc": measured.auc, "auc_low": low, "auc_high": high, "ap": ap}
        return {name: np.where(enough, column, np.nan).reshape(self.shape) for name, column in columns.items()}


def detector_errors(run: Run, frozen: pd.DataFrame | None = None) -> pd.DataFrame:
    """Error rates of every detector at its frozen thresholds, and its AUC, per regime, attack and source.

    ``source`` is ``*`` (pooled), ``macro`` (the mean over sources with at least ten files of the class) or a name.
    Thresholds the calibration split cannot support give rows of kind ``refused`` that hold counts and AUC only.

    Args:
        run: the records.
        frozen: ``thresholds(run)`` where the caller has it already.
    """
    rows = scored(run)
    frozen = thresholds(run, rows) if frozen is None else frozen
    test = rows[rows["split"].eq("test") & rows["truth"].isin(TRUTHS)]
    attacks, regimes = attack_frame(run), regime_names(run)
    sources = in_order(test["source"].unique(), [])
    detectors = detector_names(run)
    which = codes(test["detector"], detectors)
    shape = (len(regimes), len(attacks), len(sources) + 1)
    regime, attack = codes(test["regime"], regimes), codes(test["attack"], list(attacks["attack"]))
    everything = {
        "cell": (regime * shape[1] + attack) * shape[2],
        "source": codes(test["source"], sources) + 1,
        "truth": codes(test["truth"], TRUTHS),
        "regime": regime,
        "value": test["value"].to_numpy(float),
        "ok": ok_values(test),
        "status": outcomes(test),
    }
    prepared = {}
    for i, name in enumerate(detectors):
        mine = which == i
        if mine.any():
            prepared[name] = _Detector(shape=shape, **{key: column[mine] for key, column in everything.items()})
    rankings = {name: detector.ranking() for name, detector in prepared.items()}
    baseline = rankings[BASELINE]["auc"] if BASELINE in rankings else np.full(shape, np.nan)
    parts = []
    for i, (name, detector) in enumerate(prepared.items()):
        mine = frozen[frozen["detector"].eq(name)]
        part = _table(detector, mine, rankings[name] | {"header_auc": baseline}, regimes)
        parts.append(part.assign(detector=name, _detector=i))
    parts = [part for part in parts if len(part)]
    if not parts:
        return _empty()
    table = pd.concat(parts, ignore_index=True)
    described = attacks.iloc[table["_attack"].to_numpy()].reset_index(drop=True)
    for column in ("attack", "attack_family", "severity"):
        table[column] = described[column]
    table["regime"] = np.array(regimes, object)[table["_regime"]]
    table["source"] = np.array([POOLED, *sources, MACRO], object)[table["_source"]]
    # The macro mean stands right after the pooled row.
    table["_source"] = np.where(table["_source"].eq(len(sources) + 1), 0.5, table["_source"])
    table[["fp", "fn"]] = table[["fp", "fn"]].astype("Int64")
    table = table.sort_values(["_detector", "_regime", "_attack", "_source", "_kind"], kind="stable")
    return table[COLUMNS].reset_index(drop=True)


def _empty() -> pd.DataFrame:
    text = {"detector", "regime", "attack", "attack_family", "source", "threshold_kind", "note"}
    return pd.DataFrame({name: pd.Series(dtype=object if name in text else float) for name in COLUMNS})


def _table(detector: _Detector, frozen: pd.DataFrame, ranking: dict[str, Floats], regimes: list[str]) -> pd.DataFrame:
    """The rows of one detector: every cell that holds anything, once per threshold of its regime."""
    by_status = [detector.count(detector.status == i) for i in range(4)]
    n = by_status[0] + by_status[1] + by_status[2]
    apart = {"abstain": by_status[1], "error": by_status[2], "unavailable": by_status[3]}
    parts = []
    for i, regime in enumerate(regimes):
        # (attacks, sources): named sources exist where they have rows; a cell with rows has a pooled and a macro one.
        filled = (n + by_status[3])[i].sum(axis=2) > 0
        filled = np.concatenate([filled, filled[:, :1]], axis=1)
        ranked = _with_macro_ranking({name: values[i] for name, values in ranking.items()})
        counts = {name: values[i].sum(axis=2) for name, values in apart.items()}
        for kind, row in enumerate(as_rows(frozen[frozen["regime"].eq(regime)])):
            threshold = float(row["threshold"])
            flagged = detector.count(detector.ok & (detector.regime == i) & (detector.value > threshold))[i]
            columns, notes = _rates(n[i], flagged, judged=not np.isnan(threshold))
            columns |= {name: np.concatenate([c, c[:, :1]], axis=1) for name, c in counts.items()} | ranked
            part = pd.DataFrame({name: values[filled] for name, values in columns.items()})
            part["_attack"], part["_source"] = np.nonzero(filled)
            part["note"] = notes[filled]
            if row["threshold_kind"] == "refused":
                part["note"] = (f"refused: {row['note']}; " + part["note"]).str.removesuffix("; ")
            part["alpha"], part["threshold"], part["threshold_kind"] = row["alpha"], threshold, row["threshold_kind"]
            parts.append(part.assign(_kind=kind, _regime=i))
    return pd.concat(parts, ignore_index=True) if parts else _empty()


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
