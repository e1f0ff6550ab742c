"""The report's tables that set detectors side by side: robustness, worst views, pairs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bench.analysis.page.cells import (
    Cell,
    Columns,
    Head,
    Table,
    attack_cell,
    attack_cells,
    count_cells,
    cut,
    difference_cells,
    make_table,
    missing,
    note_cells,
    p_cells,
    rate_cells,
    text_cells,
)
from bench.analysis.text.wording import Say


def comparison_tables(tables: Mapping[str, pd.DataFrame], simulated: set[str], say: Say) -> list[Table]:
    """All of them that have rows, folded.

    Args:
        tables: ``robustness``, ``worst_view`` and ``detector_pairs`` are used.
        simulated: attacks whose channel is simulated.
        say: the page's language.
    """
    made = [
        cut(_robustness(tables["robustness"], simulated, say), "robustness", say),
        cut(_worst_view(tables["worst_view"], say), "worst_view", say),
        cut(_pairs(tables["detector_pairs"], simulated, say), "detector_pairs", say),
    ]
    return [table for table in made if table.rows]


def _robustness(table: pd.DataFrame, simulated: set[str], say: Say) -> Table:
    rows = Columns(table)
    ranks = [
        Cell("" if missing(rank) else f"{rank:g} [{low:g}, {high:g}]")
        for rank, low, high in zip(rows["rank"], rows["rank_low"], rows["rank_high"], strict=True)
    ]
    worst = [attack_cell(name, simulated) if isinstance(name, str) else Cell("") for name in rows["worst_attack"]]
    return make_table(
        say("robustness_table"),
        [
            (Head(say("col_detector"), False), text_cells(rows, "detector")),
            (Head(say("col_regime"), False), text_cells(rows, "regime")),
            (Head(say("col_family"), False), text_cells(rows, "attack_family")),
            (Head(say("col_attacks")), text_cells(rows, "n_attacks")),
            (Head(say("col_miss_area")), rate_cells(rows, "area")),
            (Head(say("col_rank")), ranks),
            (Head(say("col_worst"), False), worst),
            (Head(say("col_worst_fnr")), rate_cells(rows, "worst_fnr", "worst")),
            (Head(say("col_fpr")), rate_cells(rows, "fpr", n="n_human")),
            (Head(say("col_fnr")), rate_cells(rows, "fnr", n="n_ai")),
            (Head(say("col_note"), False), note_cells(rows)),
        ],
        say,
        folded=True,
    )


def _worst_view(table: pd.DataFrame, say: Say) -> Table:
    rows = Columns(table)
    return make_table(
        say("worst_table"),
        [
            (Head(say("col_detector"), False), text_cells(rows, "detector")),
            (Head(say("col_regime"), False), text_cells(rows, "regime")),
            (Head(say("col_family"), False), text_cells(rows, "attack_family")),
            (Head(say("col_attacks")), text_cells(rows, "n_attacks")),
            (Head(say("col_flagged_clean")), text_cells(rows, "flagged_clean")),
            (Head(say("col_flagged_any")), rate_cells(rows, "flagged_any_rate", "flagged_any", "families_human")),
            (Head(say("col_missed_clean")), text_cells(rows, "missed_clean")),
            (Head(say("col_missed_any")), rate_cells(rows, "missed_any_rate", "missed_any", "families_ai")),
            (Head(say("col_note"), False), note_cells(rows)),
        ],
        say,
        folded=True,
    )


def _pairs(table: pd.DataFrame, simulated: set[str], say: Say) -> Table:
    rows = Columns(table)
    named = (("human", say("word_human")), ("ai", say("word_ai")))
    return make_table(
        say("pairs_table"),
        [
            (Head("A", False), text_cells(rows, "detector_a")),
            (Head("B", False), text_cells(rows, "detector_b")),
            (Head(say("col_attack"), False), attack_cells(rows, simulated)),
            (Head(say("col_regime"), False), text_cells(rows, "regime")),
            *(
                column
                for truth, name in named
                for column in (
                    (Head(say("col_n_of", truth=name)), count_cells(rows, f"n_{truth}")),
                    (Head(say("col_only_a", truth=name)), text_cells(rows, f"{truth}_only_a")),
                    (Head(say("col_only_b", truth=name)), text_cells(rows, f"{truth}_only_b")),
                    (Head(say("col_p_of", truth=name)), p_cells(rows, f"p_{truth}_holm")),
                )
            ),
            (Head(say("col_auc_difference")), difference_cells(rows, "auc_difference")),
            (Head(say("col_p_auc")), p_cells(rows, "p_auc_holm")),
            (Head(say("col_unpaired")), text_cells(rows, "unpaired")),
            (Head(say("col_note"), False), note_cells(rows)),
        ],
        say,
        folded=True,
    )
