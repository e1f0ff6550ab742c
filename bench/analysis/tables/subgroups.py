"""Whom the errors hit: false positives by source and subgroup, and families that any attack turns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.analysis.frames import POOLED, Codes, clean_attacks
from bench.analysis.stats import Bools, Floats, gap_interval, interval, resampled_rates
from bench.analysis.tables.cube import Cube, cube, rows_of
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.tally import family_weights
from bench.analysis.tables.thresholds import chosen
from bench.records import Run

SUBGROUP_COLUMNS = [
    "detector", "regime", "attack", "attack_family", "severity", "alpha", "threshold", "threshold_kind", "by",
    "subgroup", "n_human", "fp", "fpr", "fpr_low", "fpr_high", "gap", "gap_low", "gap_high", "gap_between", "note",
]  # fmt: skip
WORST_COLUMNS = [
    "detector", "regime", "attack_family", "n_attacks", "alpha", "threshold", "threshold_kind",
    "families_human", "flagged_clean", "flagged_any", "flagged_any_rate", "flagged_any_low", "flagged_any_high",
    "families_ai", "missed_clean", "missed_any", "missed_any_rate", "missed_any_low", "missed_any_high", "note",
]  # fmt: skip


#: Cells whose bootstrap samples are made at a time: so many fit into a processor's cache.
CELLS = 32


def subgroup_fpr(run: Run) -> pd.DataFrame:
    """False positives by source and by subgroup of the human test files, and how far apart they are.

    Row ``*`` holds all subgroups taken together, and the ``gap`` between the highest and the lowest rate among those
    with at least ten files. The gap of equal rates is above 0 by chance; its interval, from a bootstrap of families,
    allows for that and starts at 0 where the data cannot tell the subgroups apart.
    """
    scores, setting = cube(run), chosen(run)
    human = scores.files("human")
    decides = ~np.isnan(setting.value)
    judged: Bools = rows_of((scores.judged & decides[:, :, None, None])[..., human])
    flagged: Bools = rows_of(scores.flagged(setting.value)[..., human]) & judged
    cells = np.flatnonzero(judged.any(axis=1))
    judged, flagged = np.asarray(judged[cells]), np.asarray(flagged[cells])
    shape = scores.value.shape[:3]
    detector, regime, attack = np.unravel_index(cells, shape) if len(cells) else np.zeros((3, 0), np.int64)
    first = pd.DataFrame(scores.named(detector, regime, attack) | setting.columns(detector, regime))
    parts = []
    for order, (by, names, member) in enumerate(
        (("source", scores.sources, scores.source[human]), ("group", scores.groups, scores.group[human]))
    ):
        if not names or not len(cells):
            continue
        table = _by(run, scores, names, member, judged, flagged)
        table = first.iloc[table["_cell"].to_numpy()].reset_index(drop=True).join(table)
        parts.append(table.assign(by=by, _by=order))
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in SUBGROUP_COLUMNS})
    table = pd.concat(parts, ignore_index=True).sort_values(["_cell", "_by"], kind="stable")
    return table[SUBGROUP_COLUMNS].reset_index(drop=True)


def _by(run: Run, scores: Cube, names: list[str], member: Codes, judged: Bools, flagged: Bools) -> pd.DataFrame:
    """The rows of one kind of subgroup, of all cells: ``*`` first, then each subgroup that has files there."""
    cells, groups = len(judged), len(names)
    human = scores.files("human")
    families, weights = scores.family[human], family_weights(run)
    files = [np.flatnonzero(member == i) for i in range(groups)]
    k, n = (np.column_stack([which[:, mine].sum(axis=1) for mine in files]) for which in (flagged, judged))

    every, drawn = scores.families(human), []
    for mine in files:
        own = every.of(mine)
        sums = (own.sums(which[:, mine]).T for which in (flagged, judged))
        drawn.append((weights[:, np.unique(families[mine])], *sums))
    shown: Bools = np.asarray(n >= MIN_N)

    def gaps(part: slice) -> tuple[Floats, Floats, Floats]:
        samples = (resampled_rates(own, events[:, part], judged[:, part]) for own, events, judged in drawn)
        return gap_interval(k[part], n[part], samples, shown[part])

    blocks = [gaps(slice(start, start + CELLS)) for start in range(0, cells, CELLS)]
    gap, gap_low, gap_high = (np.concatenate(ends) for ends in zip(*blocks, strict=True))
    rates = np.where(shown, k / np.maximum(n, 1), np.nan)
    known: Bools = np.asarray(shown.any(axis=1))
    filled = np.where(known[:, None], rates, 0)
    most, least = np.nanargmax(filled, axis=1), np.nanargmin(filled, axis=1)
    between = np.array([f"{names[i]} - {names[j]}" for i, j in zip(most, least, strict=True)], object)
    table = pd.DataFrame(
        {
            "_cell": np.repeat(np.arange(cells), groups + 1),
            "subgroup": np.tile(np.array([POOLED, *names], object), cells),
            "n_human": np.column_stack([n.sum(axis=1), n]).ravel(),
            "fp": np.column_stack([k.sum(axis=1), k]).ravel(),
        }
    )
    total, events = table["n_human"].to_numpy(), table["fp"].to_numpy()
    enough = total >= MIN_N
    low, high = interval(np.where(enough, events, 0), total)
    for name, column in (("fpr", events / np.maximum(total, 1)), ("fpr_low", low), ("fpr_high", high)):
        table[name] = np.where(enough, column, np.nan)
    pooled = table["subgroup"].eq(POOLED).to_numpy()
    several = ~np.isnan(gap)
    for name, column in (("gap", gap), ("gap_low", gap_low), ("gap_high", gap_high)):
        table.loc[pooled, name] = column
    table["gap_between"] = ""
    table.loc[pooled, "gap_between"] = np.where(several & (gap > 0), between, "")
    table["note"] = np.where(enough, "", f"n_human < {MIN_N}")
    table.loc[pooled, "note"] = np.where(several, "", f"fewer than two with n >= {MIN_N}")
    return table[pooled | (total > 0)].reset_index(drop=True)


def worst_view(run: Run) -> pd.DataFrame:
    """Families that any attack turns: human ones flagged, AI ones missed, in at least one attacked view.

    The rate a platform sees when each file may come by any of these ways, per attack family and over all (``*``). A
    family counts where any of its attacked views was judged; ``flagged_clean`` and ``missed_clean`` are the same
    families unattacked.
    """
    scores, setting = cube(run), chosen(run)
    clean = scores.attacks["attack"].isin(clean_attacks(run)).to_numpy(bool)
    named = scores.attacks["attack_family"].to_numpy(object)
    kinds = [POOLED, *dict.fromkeys(named[~clean])] if (~clean).any() else []
    flagged, judged = scores.flagged(setting.value), scores.judged
    parts = []
    for order, kind in enumerate(kinds):
        attacks = np.flatnonzero(~clean & ((named == kind) | (kind == POOLED)))
        columns: dict[str, np.ndarray] = {}
        notes = np.full(setting.value.shape, "", object)
        for truth, word in (("human", "flagged"), ("ai", "missed")):
            part = scores.files(truth)
            families = scores.families(part)
            wrong = (flagged if truth == "human" else ~flagged)[..., part] & judged[..., part]
            there, hit, before = (
                families.sums(np.logical_or.reduce(views, axis=2)) > 0
                for views in (judged[..., part][:, :, attacks], wrong[:, :, attacks], wrong[:, :, clean])
            )
            hit, before = hit & there, before & there
            n, k = there.sum(axis=2), hit.sum(axis=2)
            enough = n >= MIN_N
            low, high = interval(np.where(enough, k, 0), n)
            columns |= {f"families_{truth}": n, f"{word}_clean": before.sum(axis=2), f"{word}_any": k}
            for name, column in (("rate", k / np.maximum(n, 1)), ("low", low), ("high", high)):
                columns[f"{word}_any_{name}"] = np.where(enough, column, np.nan)
            notes[~enough & (n > 0)] += f"; families_{truth} < {MIN_N}"
        detector, regime = np.nonzero(
            ~np.isnan(setting.value) & (columns["families_human"] + columns["families_ai"] > 0)
        )
        made = scores.named(detector, regime) | setting.columns(detector, regime)
        made |= {name: column[detector, regime] for name, column in columns.items()}
        made |= {"note": np.array([note[2:] for note in notes[detector, regime]], object), "_d": detector, "_r": regime}
        parts.append(pd.DataFrame(made).assign(attack_family=kind, n_attacks=len(attacks), _kind=order))
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in WORST_COLUMNS})
    table = pd.concat(parts, ignore_index=True).sort_values(["_d", "_r", "_kind"], kind="stable")
    return table[WORST_COLUMNS].reset_index(drop=True)
