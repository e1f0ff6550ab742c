"""Detectors of one run side by side: errors untouched and at their worst, how they hold out, and who beats whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bench.analysis.frames import POOLED, as_rows, clean_attacks, detector_names
from bench.analysis.tables.captions import made_with
from bench.analysis.tables.detection import detector_errors
from bench.analysis.tables.pairs import detector_pairs
from bench.analysis.tables.robustness import robustness
from bench.analysis.tables.thresholds import at_threshold, main_threshold, thresholds
from bench.errors import UserError, unknown
from bench.records import Run

COLUMNS = [
    "detector", "regime", "alpha", "threshold", "threshold_kind", "n_human", "n_ai",
    *(f"{rate}_clean{end}" for rate in ("fpr", "fnr", "auc") for end in ("", "_low", "_high")),
    *(f"{rate}_worst{end}" for rate in ("fpr", "fnr", "auc") for end in ("", "_low", "_high", "_attack")),
    "area", "area_low", "area_high", "rank", "rank_low", "rank_high", "n_ranked", "note",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Detectors compared.

    Attributes:
        detectors: one row per detector and regime, columns ``COLUMNS``.
        pairs: as ``detector_pairs``, Holm over these comparisons only.
    """

    detectors: pd.DataFrame
    pairs: pd.DataFrame


def compare_detectors(run: Run, names: Sequence[str] = (), baseline: str | None = None) -> SideBySide:
    """Put detectors of a run side by side.

    Args:
        run: the records.
        names: of detectors; empty for all.
        baseline: compare every other one with this one only, instead of each with each.

    Raises:
        UserError: an unknown detector, or fewer than two.
    """
    known = detector_names(run)
    for name in (*names, *([baseline] if baseline else [])):
        if name not in known:
            raise unknown(f"detector of {run.folder}", name, known)
    wanted = [name for name in known if not names or name in names or name == baseline]
    if len(wanted) < 2:
        raise UserError(f"comparing takes two detectors or more, got {', '.join(wanted) or 'none'}")
    some = _only(run, wanted)
    errors, frozen, hold_out = detector_errors(some), thresholds(some), robustness(some)
    errors = errors[errors["source"].eq(POOLED)]
    rows = []
    for name in wanted:
        mine = at_threshold(errors, name, main_threshold(frozen, name))
        for regime in mine["regime"].unique():
            rows.append(_row(mine[mine["regime"].eq(regime)], hold_out, clean_attacks(run)))
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    return SideBySide(table.fillna({"note": ""}), detector_pairs(some, baseline))


def _only(run: Run, names: Sequence[str]) -> Run:
    """The run as if it had been made with these detectors."""
    header = run.header | {"detectors": [d for d in run.header.get("detectors", []) if d["name"] in names]}
    return replace(run, header=header, scores=run.scores[run.scores["detector"].isin(names)].reset_index(drop=True))


def _row(mine: pd.DataFrame, hold_out: pd.DataFrame, clean: Sequence[str]) -> dict[str, Any]:
    """One detector in one regime."""
    untouched, attacked = (mine[which] for which in (mine["attack"].isin(clean), ~mine["attack"].isin(clean)))
    first = as_rows(mine)[0]
    row = {name: first[name] for name in ("detector", "regime", "alpha", "threshold", "threshold_kind", "note")}
    for found in as_rows(untouched)[:1]:
        row |= {name: found[name] for name in ("n_human", "n_ai", "note")}
        row |= {
            f"{rate}_clean{end}": found[rate + end] for rate in ("fpr", "fnr", "auc") for end in ("", "_low", "_high")
        }
    for rate in ("fpr", "fnr", "auc"):
        known = attacked[attacked[rate].notna()].sort_values(rate, ascending=rate == "auc", kind="stable")
        for worst in as_rows(known)[:1]:
            row |= {f"{rate}_worst{end}": worst[rate + end] for end in ("", "_low", "_high")}
            row[f"{rate}_worst_attack"] = worst["attack"]
    of = ["detector", "regime"]
    pooled = hold_out[hold_out["attack_family"].eq(POOLED)]
    for found in as_rows(pooled[(pooled[of] == [row[name] for name in of]).all(axis=1)])[:1]:
        row |= {name: found[name] for name in COLUMNS if name.startswith(("area", "rank", "n_ranked"))}
    return row


def caption(run: Run, baseline: str | None) -> str:
    """What the figures are over."""
    against = f"each detector against {baseline}" if baseline else "each detector against each"
    return (
        "Detectors side by side on the same test files, at each one's main frozen threshold; worst: the attack with "
        "the worst rate, which is too pessimistic by chance; area: mean miss rate over attack families; rank with an "
        f"interval that holds for all at once. Pairs: {against}, p exact (McNemar) and DeLong's, Holm over these "
        f"comparisons. Run {run.header.get('run', run.folder)}; {made_with(run.header)}."
    )
