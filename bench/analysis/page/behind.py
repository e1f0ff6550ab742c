"""The report's folded tables of one detector: what its charts are drawn from, and what else the run says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.charts.quality import picture_quality
from bench.analysis.frames import POOLED, as_rows, clean_attacks, in_order, ok_values, scored
from bench.analysis.page.cells import (
    Cell,
    Head,
    Table,
    asked_cells,
    attack_cells,
    count_cells,
    cut,
    difference_cells,
    make_table,
    note_cells,
    number_cells,
    p_cells,
    rate_cells,
    share_cells,
    text_cells,
    word_cells,
)
from bench.analysis.text.wording import Say
from bench.records import Run


@dataclass(frozen=True)
class Behind:
    """The tables behind every detector's charts; ``scores`` are quartiles of the test split, made once for all."""

    tables: Mapping[str, pd.DataFrame]
    scores: pd.DataFrame
    clean: list[str]
    simulated: set[str]

    @classmethod
    def of(cls, run: Run, tables: Mapping[str, pd.DataFrame], simulated: set[str]) -> Behind:
        """Of this run."""
        return cls(tables, _quartiles(run), clean_attacks(run), simulated)

    def made(self, detector: str, say: Say) -> list[Table]:
        """Those that have rows, folded, for one detector."""
        effects, groups, drift, calibration = (
            as_rows(_of(self.tables[name], detector))
            for name in ("attack_effects", "subgroup_fpr", "threshold_drift", "calibration")
        )
        found = [
            cut(self._effects(effects, say), "attack_effects", say),
            cut(self._subgroups(groups, say), "subgroup_fpr", say),
            cut(self._drift(drift, say), "threshold_drift", say),
            cut(self._calibration(calibration, say), "calibration", say),
            self._scores(detector, say),
        ]
        return [table for table in found if table.rows]

    def _effects(self, rows: list[dict[str, Any]], say: Say) -> Table:
        human, ai = say("word_human"), say("word_ai")
        return make_table(
            say("effects_table"),
            [
                (Head(say("col_attack"), False), attack_cells(rows, self.simulated)),
                (Head(say("col_regime"), False), text_cells(rows, "regime")),
                (Head(say("col_n_of", truth=human)), count_cells(rows, "n_human")),
                (Head(say("col_fpr_clean")), share_cells(rows, "fpr_clean")),
                (Head(say("col_fpr_after")), share_cells(rows, "fpr")),
                (Head(say("col_newly_flagged")), text_cells(rows, "human_newly_flagged")),
                (Head(say("col_no_longer_flagged")), text_cells(rows, "human_no_longer_flagged")),
                (Head(say("col_p_of", truth=human)), p_cells(rows, "p_human_holm")),
                (Head(say("col_n_of", truth=ai)), count_cells(rows, "n_ai")),
                (Head(say("col_fnr_clean")), share_cells(rows, "fnr_clean")),
                (Head(say("col_fnr_after")), share_cells(rows, "fnr")),
                (Head(say("col_newly_missed")), text_cells(rows, "ai_newly_missed")),
                (Head(say("col_newly_found")), text_cells(rows, "ai_newly_found")),
                (Head(say("col_p_of", truth=ai)), p_cells(rows, "p_ai_holm")),
                (Head(say("col_auc_difference")), difference_cells(rows, "auc_difference")),
                (Head(say("col_p_auc")), p_cells(rows, "p_auc_holm")),
                (Head(say("col_note"), False), note_cells(rows, say)),
            ],
            say,
            folded=True,
        )

    def _subgroups(self, rows: list[dict[str, Any]], say: Say) -> Table:
        rows = [row for row in rows if row["subgroup"] == POOLED or row["attack"] in self.clean]
        return make_table(
            say("subgroup_table"),
            [
                (Head(say("col_attack"), False), attack_cells(rows, self.simulated)),
                (Head(say("col_regime"), False), text_cells(rows, "regime")),
                (Head(say("col_by"), False), word_cells(rows, "by", say)),
                (Head(say("col_subgroup"), False), word_cells(rows, "subgroup", say)),
                (Head(say("col_fpr")), rate_cells(rows, "fpr", n="n_human")),
                (Head(say("col_gap")), difference_cells(rows, "gap", 100)),
                (Head(say("col_gap_between"), False), text_cells(rows, "gap_between")),
                (Head(say("col_note"), False), note_cells(rows, say)),
            ],
            say,
            folded=True,
        )

    def _drift(self, rows: list[dict[str, Any]], say: Say) -> Table:
        return make_table(
            say("drift_table"),
            [
                (Head(say("col_attack"), False), attack_cells(rows, self.simulated)),
                (Head(say("col_regime"), False), text_cells(rows, "regime")),
                (Head(say("col_alpha")), asked_cells(rows)),
                (Head(say("col_threshold")), number_cells(rows, "threshold", 4)),
                (Head(say("col_fpr")), rate_cells(rows, "fpr", n="n_human")),
                (Head(say("col_fnr")), rate_cells(rows, "fnr", n="n_ai")),
                (Head(say("col_oracle")), number_cells(rows, "oracle_threshold", 4)),
                (Head(say("col_shift")), number_cells(rows, "oracle_shift")),
                (Head(say("col_oracle_fpr")), share_cells(rows, "oracle_fpr")),
                (Head(say("col_oracle_tpr")), rate_cells(rows, "oracle_tpr")),
                (Head(say("col_note"), False), note_cells(rows, say)),
            ],
            say,
            folded=True,
        )

    def _calibration(self, rows: list[dict[str, Any]], say: Say) -> Table:
        rows = [row for row in rows if row["bin"] == POOLED or row["attack"] in self.clean]
        bins = [Cell(f"{row['bin_low']:g}\u2013{row['bin_high']:g}") for row in rows]
        return make_table(
            say("calibration_table"),
            [
                (Head(say("col_attack"), False), attack_cells(rows, self.simulated)),
                (Head(say("col_regime"), False), text_cells(rows, "regime")),
                (Head(say("col_bin")), bins),
                (Head(say("col_n")), count_cells(rows, "n")),
                (Head(say("col_mean_score")), number_cells(rows, "mean_score", 2)),
                (Head(say("col_ai_share")), rate_cells(rows, "ai_share", "ai")),
                (Head(say("col_ece")), number_cells(rows, "ece", 2)),
                (Head(say("col_brier")), number_cells(rows, "brier", 2)),
                (Head(say("col_note"), False), note_cells(rows, say)),
            ],
            say,
            folded=True,
        )

    def _scores(self, detector: str, say: Say) -> Table:
        rows = as_rows(_of(self.scores, detector))
        names = (("quartile_1", 0.25), ("median", 0.5), ("quartile_3", 0.75))
        return make_table(
            say("scores_table"),
            [
                (Head(say("col_attack"), False), attack_cells(rows, self.simulated)),
                (Head(say("col_regime"), False), text_cells(rows, "regime")),
                (Head(say("col_truth"), False), word_cells(rows, "truth", say)),
                (Head(say("col_n")), count_cells(rows, "n")),
                *((Head(say(f"col_{name}")), number_cells(rows, str(level), 4)) for name, level in names),
            ],
            say,
            folded=True,
        )


def _of(table: pd.DataFrame, detector: str) -> pd.DataFrame:
    return table[table["detector"].eq(detector)]


def _quartiles(run: Run) -> pd.DataFrame:
    """Quartiles of every detector's scores per regime, attack and truth: ``0.25, 0.5, 0.75``, over ``n`` files."""
    rows = scored(run)
    rows = rows[rows["split"].eq("test") & ok_values(rows)]
    keys = ["detector", "regime", "attack", "truth"]
    if not len(rows):
        return pd.DataFrame(columns=[*keys, "n"])
    grouped = rows.groupby(keys, sort=False, observed=True)["value"]
    found = grouped.quantile(np.array([0.25, 0.5, 0.75])).unstack()
    found.columns = [f"{level:g}" for level in found.columns]
    found = found.assign(n=grouped.size()).reset_index()
    attacks = in_order(found["attack"], [a["name"] for a in run.header.get("attacks", [])])
    order = {name: i for i, name in enumerate(attacks)}
    return found.sort_values("attack", key=lambda column: column.map(order), kind="stable")


def quality_table(run: Run, simulated: set[str], say: Say) -> Table:
    """Picture quality that each attack leaves, which the charts of detection against quality are drawn from."""
    rows = as_rows(picture_quality(run))
    return make_table(
        say("quality_table"),
        [
            (Head(say("col_attack"), False), attack_cells(rows, simulated)),
            (Head(say("col_regime"), False), text_cells(rows, "regime")),
            (Head(say("col_n")), count_cells(rows, "n")),
            (Head(say("col_psnr")), number_cells(rows, "psnr")),
            (Head(say("col_ssim")), number_cells(rows, "ssim")),
        ],
        say,
        folded=True,
    )
