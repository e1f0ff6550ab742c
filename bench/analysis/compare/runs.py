"""Two runs side by side on the same files: what got better or worse, by how much, and which files turned.

``before`` and ``after`` are the first and the second run. One long table holds every figure (``comparison``), one row
per file and answer the ``ledger`` of what turned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.compare.common_ground import CommonGround
from bench.analysis.compare.detectors import compare_detector, detectors_in_both
from bench.analysis.compare.labels import compare_label, labels_in_both
from bench.analysis.stats import holm
from bench.analysis.tables.captions import made_with

COLUMNS = [
    "kind", "subject", "bundle", "regime", "attack", "attack_family", "severity", "measure", "n", "before", "after",
    "difference", "difference_low", "difference_high", "turned_worse", "turned_better", "p", "p_holm", "alpha",
    "threshold_kind", "threshold_before", "threshold_after", "unpaired", "note",
]  # fmt: skip
LEDGER_COLUMNS = [
    "sample", "truth", "regime", "attack", "kind", "subject", "bundle", "before", "after", "change",
    "score_before", "score_after", "threshold_before", "threshold_after",
]  # fmt: skip

#: Columns that only detectors, or only labels, fill.
TEXTS = {"bundle", "threshold_kind", "note"}

#: Measures of which more is better; of the others less is.
MORE_IS_BETTER = ("auc", "survived", "declares", "detected")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What became of a detector's errors and a label's survival from one run to another.

    Attributes:
        ground: what the runs have in common.
        table: columns ``COLUMNS``.
        ledger: columns ``LEDGER_COLUMNS``.
    """

    ground: CommonGround
    table: pd.DataFrame
    ledger: pd.DataFrame

    def regressions(self, points: float) -> pd.DataFrame:
        """The rows that got worse by more than so many points, with an interval that excludes 0."""
        better = self.table["measure"].isin(MORE_IS_BETTER).to_numpy(bool)
        sign = np.where(better, -1.0, 1.0)
        lost = sign * self.table["difference"].to_numpy(float)
        nearest = np.where(better, -self.table["difference_high"], self.table["difference_low"]).astype(float)
        return pd.DataFrame(self.table[(100 * lost > points + 1e-9) & (nearest > 0)])


def compare_runs(
    ground: CommonGround, detectors: Sequence[str] | None = None, labels: Sequence[str] | None = None
) -> Comparison:
    """Compare two runs on what they have in common.

    Args:
        ground: the runs.
        detectors: only these; None for all in both runs.
        labels: only these, by name; None for all in both runs.

    Raises:
        UserError: a name that is not in both runs.
    """
    parts = [*_parts(ground, detectors, labels)]
    table = _joined([part[0] for part in parts], COLUMNS)
    table["p_holm"] = holm(table["p"].to_numpy(float))
    counts = ["n", "turned_worse", "turned_better", "unpaired"]
    table[counts] = table[counts].astype("Int64")
    return Comparison(ground, table, _joined([part[1] for part in parts], LEDGER_COLUMNS))


def _parts(
    ground: CommonGround, detectors: Sequence[str] | None, labels: Sequence[str] | None
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    for detector in detectors_in_both(ground, detectors):
        yield compare_detector(ground, detector)
    for label in labels_in_both(ground, labels):
        yield compare_label(ground, label)


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """One table of these columns; what a part has no column for is blank."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    for name in TEXTS & set(columns):
        table[name] = table[name].astype(object).where(table[name].notna(), "")
    return table


def caption(comparison: Comparison) -> str:
    """What the figures are over."""
    ground = comparison.ground
    facts = [
        f"{name}: run {run.header.get('run', run.folder)}, {made_with(run.header).replace('; ', ', ')}"
        for name, run in (("before", ground.before), ("after", ground.after))
    ]
    return (
        f"Two runs on the same {len(ground.samples)} test files under {len(ground.attacks)} attacks; difference is "
        "after minus before, with its 95 % interval (Newcombe's for paired rates, DeLong's for AUC); p exact "
        f"(McNemar) and DeLong's, Holm over the whole table; thresholds are each run's own. {'; '.join(facts)}."
    )
