"""The report's section on what a platform would show: a part per fallback detector, with its chart and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.frames import by_value
from bench.analysis.page.cells import (
    Cell,
    Column,
    Columns,
    Head,
    Table,
    attack_cell,
    count_cells,
    make_table,
    note_cells,
    rate_cells,
    text_cells,
)
from bench.analysis.page.tables import threshold_text
from bench.analysis.tables.policy import NO_DETECTOR, at_main_threshold
from bench.analysis.tables.thresholds import Choice
from bench.analysis.text.wording import Say

#: Columns of the table: truth, verdict; "silent" is what gets no notice.
SHOWN = (
    ("ai", "confirmed"), ("ai", "declared"), ("ai", "suspected"), ("ai", "silent"),
    ("ai_edited", "silent"), ("human", "confirmed"), ("human", "suspected"),
)  # fmt: skip


@dataclass(frozen=True)
class PolicyPart:
    """What the page says about one fallback."""

    title: str
    drawings: list[Any]
    table: Table


def policy_parts(
    tables: Mapping[str, pd.DataFrame], charts: Sequence[tuple[str, Any]], simulated: set[str], say: Say
) -> list[PolicyPart]:
    """A part per fallback detector, labels alone last.

    Args:
        tables: ``policy`` and ``thresholds`` are used.
        charts: ``(detector, drawing)``.
        simulated: attacks whose channel is simulated.
        say: the page's language.
    """
    policy, frozen = tables["policy"], tables["thresholds"]
    names = policy["detector"].unique().tolist()
    parts = []
    for name in sorted(names, key=lambda name: name == NO_DETECTOR):
        rows, choice = at_main_threshold(policy, frozen, name)
        drawings = [svg for subject, svg in charts if subject == name]
        parts.append(PolicyPart(title(name, choice, say), drawings, _table(rows, simulated, say)))
    return parts


def title(name: str, choice: Choice, say: Say) -> str:
    """A fallback as a heading."""
    if name == NO_DETECTOR:
        return say("policy_alone")
    return say("policy_with", detector=name, threshold=threshold_text(choice, say))


def _table(rows: pd.DataFrame, simulated: set[str], say: Say) -> Table:
    """One row per attack, AI, edited and human files beside one another."""
    rows = rows.assign(silent_rate=1 - rows["noticed_rate"], silent_low=1 - rows["noticed_high"])
    rows["silent_high"] = 1 - rows["noticed_low"]
    attacks = rows["attack"].unique().tolist()
    by_truth = {truth: Columns(mine) for truth, mine in by_value(rows, "truth").items()}

    def column(truth: str, name: str) -> list[Cell]:
        if (mine := by_truth.get(truth)) is None:
            return [Cell("")] * len(attacks)
        made = {"n": count_cells, "forged": text_cells, "unknown": text_cells}
        if name in made:
            cells = made[name](mine, name)
        else:
            cells = note_cells(mine) if name == "note" else rate_cells(mine, f"{name}_rate", name)
        found = dict(zip(mine["attack"], cells, strict=True))
        return [found.get(attack, Cell("")) for attack in attacks]

    columns: list[Column] = [(Head(say("col_attack"), False), [attack_cell(name, simulated) for name in attacks])]
    seen: set[str] = set()
    for truth, name in SHOWN:
        if truth not in seen:
            columns.append((Head(say("col_n_of", truth=say(f"truth_{truth}"))), column(truth, "n")))
            seen.add(truth)
        head = say("col_verdict", truth=say(f"truth_{truth}"), verdict=say(f"verdict_{name}"))
        columns.append((Head(head), column(truth, name)))
    columns.append((Head(say("col_forged")), column("human", "forged")))
    columns.append((Head(say("col_unknown")), column("ai", "unknown")))
    columns.append((Head(say("col_note"), False), column("ai", "note")))
    return make_table(say("policy_table"), columns, say, folded=True)
