"""The report's table of edited files by area."""

from __future__ import annotations

import pandas as pd

from bench.analysis.page.cells import (
    Columns,
    Head,
    Table,
    attack_cells,
    make_table,
    note_cells,
    rate_cells,
    text_cells,
    word_cells,
)
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
    rows = Columns(mine[mine["flagged_rate"].notna()])
    return make_table(
        say("edited_table"),
        [
            (Head(say("col_regime"), False), text_cells(rows, "regime")),
            (Head(say("col_attack"), False), attack_cells(rows, simulated)),
            (Head(say("col_area"), False), word_cells(rows, "area")),
            (Head(say("col_flagged")), rate_cells(rows, "flagged_rate", "flagged", "n")),
            (Head(say("col_ai_flagged")), rate_cells(rows, "ai_rate", "ai", "n_ai")),
            (Head(say("col_fpr")), rate_cells(rows, "fpr", n="n_human")),
            (Head(say("col_note"), False), note_cells(rows)),
        ],
        say,
        folded=True,
    )
