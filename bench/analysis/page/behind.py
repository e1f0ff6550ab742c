"""The report's folded tables of one detector: what its charts are drawn from, and what else the run says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.charts.quality import picture_quality
from bench.analysis.frames import POOLED, beside_views, by_value, clean_attacks, in_order, ok_values, scored_views
from bench.analysis.page.cells import (
    Cell,
    Columns,
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

#: Quartiles of scores among the tables; the others are in CSV files of these names.
QUARTILES = "quartiles"


@dataclass(frozen=True)
class Behind:
    """The tables behind every detector's charts.

    Attributes:
        shown: name of the table, or ``QUARTILES`` -> detector -> its rows that the page shows.
        simulated: attacks whose channel is simulated.
    """

    shown: Mapping[str, Mapping[str, pd.DataFrame]]
    simulated: set[str]

    @classmethod
    def of(cls, run: Run, tables: Mapping[str, pd.DataFrame], simulated: set[str]) -> Behind:
        """Of this run."""
        clean = clean_attacks(run)
        groups, calibration = tables["subgroup_fpr"], tables["calibration"]
        shown = {
            "attack_effects": tables["attack_effects"],
            "subgroup_fpr": groups[groups["subgroup"].eq(POOLED) | groups["attack"].isin(clean)],
            "threshold_drift": tables["threshold_drift"],
            "calibration": calibration[calibration["bin"].eq(POOLED) | calibration["attack"].isin(clean)],
            QUARTILES: _quartiles(run),
        }
        return cls({name: by_value(table, "detector") for name, table in shown.items()}, simulated)

    def made(self, detector: str, say: Say) -> list[Table]:
        """Those that have rows, folded, for one detector."""
        found = []
        for name, make in (
            ("attack_effects", self._effects), ("subgroup_fpr", self._subgroups), ("threshold_drift", self._drift),
            ("calibration", self._calibration), (QUARTILES, self._scores),
        ):  # fmt: skip
            if (rows := self.shown[name].get(detector)) is not None:
                table = make(Columns(rows), say)
                # There is no CSV that could have the rest of the quartiles.
                found.append(table if name == QUARTILES else cut(table, name, say))
        return found

    def _effects(self, rows: Columns, say: Say) -> Table:
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
                (Head(say("col_note"), False), note_cells(rows)),
            ],
            say,
            folded=True,
        )

    def _subgroups(self, rows: Columns, say: Say) -> Table:
        return make_table(
            say("subgroup_table"),
            [
                (Head(say("col_attack"), False), attack_cells(rows, self.simulated)),
                (Head(say("col_regime"), False), text_cells(rows, "regime")),
                (Head(say("col_by"), False), word_cells(rows, "by")),
                (Head(say("col_subgroup"), False), word_cells(rows, "subgroup")),
                (Head(say("col_fpr")), rate_cells(rows, "fpr", n="n_human")),
                (Head(say("col_gap")), difference_cells(rows, "gap", 100)),
                (Head(say("col_gap_between"), False), text_cells(rows, "gap_between")),
                (Head(say("col_note"), False), note_cells(rows)),
            ],
            say,
            folded=True,
        )

    def _drift(self, rows: Columns, say: Say) -> Table:
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
                (Head(say("col_note"), False), note_cells(rows)),
            ],
            say,
            folded=True,
        )

    def _calibration(self, rows: Columns, say: Say) -> Table:
        bins = [Cell(f"{low:g}\u2013{high:g}") for low, high in zip(rows["bin_low"], rows["bin_high"], strict=True)]
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
                (Head(say("col_note"), False), note_cells(rows)),
            ],
            say,
            folded=True,
        )

    def _scores(self, rows: Columns, say: Say) -> Table:
        names = (("quartile_1", 0.25), ("median", 0.5), ("quartile_3", 0.75))
        return make_table(
            say("scores_table"),
            [
                (Head(say("col_attack"), False), attack_cells(rows, self.simulated)),
                (Head(say("col_regime"), False), text_cells(rows, "regime")),
                (Head(say("col_truth"), False), word_cells(rows, "truth")),
                (Head(say("col_n")), count_cells(rows, "n")),
                *((Head(say(f"col_{name}")), number_cells(rows, str(level), 4)) for name, level in names),
            ],
            say,
            folded=True,
        )


def _quartiles(run: Run) -> pd.DataFrame:
    """Quartiles of every detector's scores per regime, attack and truth: ``0.25, 0.5, 0.75``, over ``n`` files."""
    # Every score of the run: what is not asked for is left out before texts are put beside them, not after.
    views = scored_views(run)
    scores = run.scores.loc[ok_values(run.scores), ["key", "detector", "value"]]
    rows = beside_views(scores, views[views["split"].eq("test")], ["regime", "attack", "truth"])
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
    rows = Columns(picture_quality(run))
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
