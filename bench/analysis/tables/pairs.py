"""Paired comparisons over the same files: detector against detector, and attacked against clean.

Verdicts are compared by the exact McNemar test, areas under the ROC curve by DeLong's. Files of one family are one
draw: McNemar then counts families by the direction of their flips (the sign test, which is McNemar's where families
have one file), and DeLong's variance sums over families. Holm's adjustment is over every test of the table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from bench.analysis.frames import clean_attacks, per_run, repeated, stacked
from bench.analysis.stats import (
    Bools,
    Families,
    Floats,
    Ints,
    Ranked,
    auc_difference,
    clustered_variance,
    effective_pairs,
    holm,
    mcnemar,
    rank_rows,
)
from bench.analysis.tables.cube import ERROR, NO_ROW, Cube, cube, ranking, rows_of
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import chosen
from bench.records import Run

PAIR_COLUMNS = [
    "detector_a", "detector_b", "regime", "attack", "attack_family", "severity", "alpha", "threshold_kind",
    "n_human", "human_both_right", "human_only_a", "human_only_b", "human_both_wrong", "p_human", "p_human_holm",
    "n_ai", "ai_both_right", "ai_only_a", "ai_only_b", "ai_both_wrong", "p_ai", "p_ai_holm",
    "auc_a", "auc_b", "auc_difference", "auc_difference_low", "auc_difference_high", "p_auc", "p_auc_holm",
    "unpaired", "note",
]  # fmt: skip
EFFECT_COLUMNS = [
    "detector", "regime", "attack", "attack_family", "severity", "alpha", "threshold", "threshold_kind",
    "n_human", "fpr_clean", "fpr", "human_newly_flagged", "human_no_longer_flagged", "p_human", "p_human_holm",
    "n_ai", "fnr_clean", "fnr", "ai_newly_missed", "ai_newly_found", "p_ai", "p_ai_holm",
    "auc_clean", "auc", "auc_difference", "auc_difference_low", "auc_difference_high", "p_auc", "p_auc_holm",
    "unpaired", "note",
]  # fmt: skip

#: The tests of a table, adjusted together.
TESTS = ("p_human", "p_ai", "p_auc")

Columns = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison: cells over the same files, of which the human ones come first, then the AI ones."""

    flagged: Bools  # (cells, files)
    status: np.ndarray  # (cells, files)
    value: Floats  # (cells, files), human and AI files only
    ranked: Ranked
    decides: Bools  # (cells,): there is a threshold


@dataclass(frozen=True, eq=False)
class Files:
    """The files that comparisons are over: where those of each truth are, and which belong together."""

    human: slice
    ai: slice
    families: dict[str, Families]  # of the human files, the AI files, and both


@per_run
def _files(run: Run) -> Files:
    scores = cube(run)
    parts = {"human": scores.files("human"), "ai": scores.files("ai"), "both": scores.ranked_files}
    return Files(parts["human"], parts["ai"], {name: scores.families(part) for name, part in parts.items()})


def flips(right_a: Bools, right_b: Bools, both: Bools, families: Families) -> Columns:
    """The four outcomes of two yes-or-no answers about the same files, with p, one entry per cell.

    Args:
        right_a: one answer, ``(cells, files)``.
        right_b: the other.
        both: files that have both.
        families: of the files.
    """
    right = right_a & right_b & both
    only_a, only_b = right_a & ~right_b & both, right_b & ~right_a & both
    n, n_right, n_a, n_b = (np.count_nonzero(which, axis=1) for which in (both, right, only_a, only_b))
    effective = n.astype(float)
    if families.single:
        p = mcnemar(n_a, n_b)
    else:
        net = families.sums(only_a.astype(np.int32) - only_b.astype(np.int32))
        p = mcnemar(np.count_nonzero(net > 0, axis=1), np.count_nonzero(net < 0, axis=1))
        effective = effective_pairs(net, families.sums(both), n_a + n_b)
    out = {"n": n, "both_right": n_right, "only_a": n_a, "only_b": n_b, "both_wrong": n - n_right - n_a - n_b}
    return out | {"p": np.where(n >= MIN_N, p, np.nan), "effective": effective}


def _verdicts(a: Side, b: Side, files: Files, truth: str) -> Columns:
    """``flips`` of two verdicts on the files of one truth; right means flagged only if AI."""
    part = files.human if truth == "human" else files.ai
    both = (a.status[:, part] <= ERROR) & (b.status[:, part] <= ERROR) & (a.decides & b.decides)[:, None]
    right_a, right_b = (x.flagged[:, part] == (truth == "ai") for x in (a, b))
    return flips(right_a, right_b, both, files.families[truth])


def _areas(a: Side, b: Side, files: Files) -> Columns:
    """The two AUCs over the files that have both scores, and their difference."""
    known_a, known_b = ~np.isnan(a.value), ~np.isnan(b.value)
    differ = (known_a != known_b).any(axis=1)
    ranked_a, ranked_b = a.ranked, b.ranked
    if differ.any():
        common = (known_a & known_b)[differ]
        ranked_a, ranked_b = (
            x.ranked.replaced(differ, rank_rows(np.where(common, x.value[differ], np.nan), files.human.stop))
            for x in (a, b)
        )
    influence = ranked_a.influence - ranked_b.influence
    variance = clustered_variance(influence, files.human.stop, files.families["both"])
    variance = np.where(np.isnan(ranked_a.variance), np.nan, variance)
    found = auc_difference(ranked_a, ranked_b, variance)
    columns = {"auc_a": ranked_a.auc, "auc_b": ranked_b.auc, "auc_difference": found.difference}
    columns |= {"auc_difference_low": found.low, "auc_difference_high": found.high, "p_auc": found.p}
    few = np.minimum(ranked_a.n_human, ranked_a.n_ai) < MIN_N
    return {name: np.where(few, np.nan, column) for name, column in columns.items()}


def compared(a: Side, b: Side, files: Files) -> Columns:
    """Every number of a comparison, one entry per cell; counts without a threshold are NaN.

    ``human_...`` and ``ai_...`` are those of ``flips``, ``_rows`` says where either side has records at all.
    """
    columns = _areas(a, b, files)
    decides = a.decides & b.decides
    notes = np.where(decides, "", "; no common threshold").astype(object)
    rows = (a.status != NO_ROW) | (b.status != NO_ROW)
    paired = (a.status <= ERROR) & (b.status <= ERROR)
    truths = slice(0, files.ai.stop)
    for truth in ("human", "ai"):
        for name, column in _verdicts(a, b, files, truth).items():
            key = {"n": f"n_{truth}", "p": f"p_{truth}"}.get(name, f"{truth}_{name}")
            columns[key] = column if name == "n" else np.where(decides, column, np.nan)
        part = files.human if truth == "human" else files.ai
        n = columns[f"n_{truth}"] = np.count_nonzero(paired[:, part], axis=1)
        notes[(n > 0) & (n < MIN_N)] += f"; n_{truth} < {MIN_N}"
        clusters = files.families[truth]
        if not clusters.single:
            notes[n > 0] += f"; {clusters.n} families of {truth} files"
    columns["unpaired"] = np.count_nonzero((rows & ~paired)[:, truths], axis=1)
    columns["note"] = np.array([note[2:] for note in notes], object)
    columns["_rows"] = rows[:, truths].any(axis=1)
    return columns


def _side(run: Run, scores: Cube, flagged: Bools, detector: int, cells: Ints | slice) -> Side:
    """Some of the cells of one detector, numbered ``regime * attacks + attack``."""
    regimes, attacks = scores.value.shape[1:3]
    return Side(
        rows_of(flagged[detector])[cells],
        rows_of(scores.status[detector])[cells],
        rows_of(scores.value[detector][..., scores.ranked_files])[cells],
        ranking(run).of(slice(detector * regimes * attacks, (detector + 1) * regimes * attacks)).of(cells),
        ~np.isnan(chosen(run).value[detector, np.arange(regimes * attacks)[cells] // attacks]),
    )


def detector_pairs(run: Run, baseline: str | None = None) -> pd.DataFrame:
    """Every two detectors on the same views, per regime and attack: who is right where the other errs, and AUCs.

    Verdicts are at each detector's main threshold and are compared only where both were set the same way (``alpha``,
    ``threshold_kind``). A view counts where both detectors judged it; as everywhere a failure or an abstention is no
    detection. ``unpaired`` views were unavailable to one of them.

    Args:
        run: the records.
        baseline: compare every other detector with this one only, as ``detector_b``; None for all pairs.
    """
    scores, files, setting = cube(run), _files(run), chosen(run)
    flagged = scores.flagged(setting.value)
    n_attacks = len(scores.attacks)
    sides = [_side(run, scores, flagged, i, slice(None)) for i in range(len(scores.detectors))]
    alike = [(choice.kind, choice.alpha) for choice in setting.choice]

    parts = []
    for i, j in _which(scores.detectors, baseline):
        same = alike[i] == alike[j]
        a, b = (side if same else replace(side, decides=np.zeros_like(side.decides)) for side in (sides[i], sides[j]))
        cell = np.arange(len(a.decides))
        columns = scores.named(np.full(len(cell), i), cell // n_attacks, cell % n_attacks)
        columns["detector_a"] = columns["detector"]
        kind, alpha = alike[i] if same else ("", None)
        told = {"detector_b": scores.detectors[j], "threshold_kind": kind, "alpha": np.nan if alpha is None else alpha}
        columns |= repeated(told, len(cell))
        parts.append(columns | compared(a, b, files))
    return finished(parts, PAIR_COLUMNS)


def _which(detectors: list[str], baseline: str | None) -> list[tuple[int, int]]:
    """The pairs to compare, by number."""
    if baseline is None:
        return list(combinations(range(len(detectors)), 2))
    return [(i, detectors.index(baseline)) for i, name in enumerate(detectors) if name != baseline]


def attack_effects(run: Run) -> pd.DataFrame:
    """What each attack changes: the same files attacked and clean, per detector and regime.

    ``newly_flagged`` and the like count files whose verdict flips, at the detector's main threshold. A file counts
    where both of its views were judged; ``auc_difference`` is attacked minus clean over files with both scores.
    """
    scores, files, setting = cube(run), _files(run), chosen(run)
    names = list(scores.attacks["attack"])
    clean = [names.index(name) for name in clean_attacks(run) if name in names]
    attacked = np.array([i for i in range(len(names)) if i not in clean], np.int64)
    if not clean or not len(attacked):
        return finished([], EFFECT_COLUMNS)
    flagged = scores.flagged(setting.value)
    cell = (np.arange(len(scores.regimes))[:, None] * len(names) + attacked).ravel()
    reference = cell - cell % len(names) + clean[0]
    renamed = {
        "human_only_b": "human_newly_flagged", "human_only_a": "human_no_longer_flagged",
        "ai_only_b": "ai_newly_missed", "ai_only_a": "ai_newly_found", "auc_a": "auc", "auc_b": "auc_clean",
    }  # fmt: skip
    parts = []
    for i in range(len(scores.detectors)):
        columns = compared(
            _side(run, scores, flagged, i, cell), _side(run, scores, flagged, i, reference), files
        )  # a: attacked, b: clean
        detector, regime = np.full(len(cell), i), cell // len(names)
        columns |= scores.named(detector, regime, cell % len(names)) | setting.columns(detector, regime)
        for truth, rate in (("human", "fpr"), ("ai", "fnr")):
            n, wrong = columns[f"n_{truth}"], columns[f"{truth}_both_wrong"]
            shown = np.where(n >= MIN_N, n, np.nan)
            columns[f"{rate}_clean"] = (wrong + columns[f"{truth}_only_a"]) / shown
            columns[rate] = (wrong + columns[f"{truth}_only_b"]) / shown
        parts.append({renamed.get(name, name): column for name, column in columns.items()})
    return finished(parts, EFFECT_COLUMNS)


def finished(parts: list[Columns], columns: list[str]) -> pd.DataFrame:
    """One table, with every p adjusted for all of them; cells without any row of records are left out."""
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    found = stacked(parts)
    found = {name: column[found["_rows"]] for name, column in found.items()}
    adjusted = holm(np.column_stack([found[name] for name in TESTS]))
    found |= {f"{name}_holm": column for name, column in zip(TESTS, adjusted.T, strict=True)}
    counts = [name for name in columns if name.startswith(("human_", "ai_"))]
    return pd.DataFrame({name: found[name] for name in columns}).astype(dict.fromkeys(counts, "Int64"))
