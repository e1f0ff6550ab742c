"""The report's table of edited files by area."""

from __future__ import annotations

import pandas as pd

from bench.analysis.frames import POOLED, as_rows
from bench.analysis.page.cells import Cell, Head, Table, attack_cells, make_table, rate_of_cells, text_cells
from bench.analysis.tables.thresholds import Choice, at_threshold
from bench.analysis.text.wording import Say


def edited_table(table: pd.DataFrame, name: str, choice: Choice, simulated: set[str], say: Say) -> Table:
    """How often a detector flags edited files, by edited area; cells without a rate stand in the CSV only.

    Args:
        table: ``edited_by_area``.
        name: of the detector.
        choice: the threshold that the page uses.
        simulated: attacks whose channel is simulated.
        say: the page's language.
    """
    mine = at_threshold(table, name, choice)
    rows = as_rows(mine[mine["flagged_rate"].notna()])
    areas = [Cell(say("area_all") if row["area"] == POOLED else row["area"]) for row in rows]
    return make_table(
        say("edited_table"),
        [
            (Head(say("col_regime"), False), text_cells(rows, "regime")),
            (Head(say("col_attack"), False), attack_cells(rows, simulated)),
            (Head(say("col_area"), False), areas),
            (Head(say("col_flagged")), rate_of_cells(rows, "flagged_rate", "n", say, "flagged")),
            (Head(say("col_ai_flagged")), rate_of_cells(rows, "ai_rate", "n_ai", say, "ai")),
            (Head(say("col_fpr")), rate_of_cells(rows, "fpr", "n_human", say)),
            (Head(say("col_note"), False), text_cells(rows, "note")),
        ],
        folded=True,
    )
