"""The parts of the report's tables: heads, cells shaded by a share, and tables without empty columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.render import cell_text
from bench.analysis.tables.detection import MIN_N
from bench.analysis.text import note, word
from bench.analysis.text.wording import Say, percent, whole

#: Marks a cell of fewer than ``MIN_N`` files.
FEW = " †"

#: Rows of one table beyond this many stand in the CSV only.
MAX_ROWS = 2000

#: A p below this is told as such.
LEAST_P = 0.001


@dataclass(frozen=True)
class Head:
    """A column's heading; numbers are right-aligned and sorted as numbers."""

    text: str
    number: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: what it shows.
        bar: 0..10 shades it by a share, None leaves it plain.
        few: of too few files to say much.
        href: makes its text a link.
    """

    text: str
    bar: int | None = None
    few: bool = False
    href: str = ""


Column = tuple[Head, list[Cell]]


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        caption: what it holds.
        heads: of the columns; those that say nothing in any row are left out.
        rows: cells in the order of the heads.
        folded: shown only when opened.
        notes: what its marks mean and which rows are left out, below it.
    """

    caption: str
    heads: list[Head]
    rows: list[list[Cell]]
    folded: bool = False
    notes: Sequence[str] = ()


def make_table(caption: str, columns: list[Column], say: Say, folded: bool = False) -> Table:
    """A table without the columns that are blank, or zero, in every row; small cells are explained below it."""
    used = [(head, cells) for head, cells in columns if any(cell.text not in ("", "0") for cell in cells)]
    rows = [list(row) for row in zip(*(cells for _, cells in used), strict=True)]
    notes = [say("few_note", n=MIN_N)] if any(cell.few for row in rows for cell in row) else []
    return Table(caption, [head for head, _ in used], rows, folded, notes)


def cut(table: Table, name: str, say: Say) -> Table:
    """The table with at most ``MAX_ROWS`` rows, and where the others are; ``name``: of the CSV."""
    if len(table.rows) <= MAX_ROWS:
        return table
    text = say("rows_cut", shown=MAX_ROWS, total=len(table.rows), table=name)
    return replace(table, rows=table.rows[:MAX_ROWS], notes=[*table.notes, text])


def text_cells(rows: list[dict[str, Any]], column: str) -> list[Cell]:
    """A column as it is."""
    return [Cell(cell_text(row[column])) for row in rows]


def word_cells(rows: list[dict[str, Any]], column: str, say: Say) -> list[Cell]:
    """A column of fixed words, such as ``refused`` or ``*``, in the reader's language; names stay as they are."""
    return [Cell(word(cell_text(row[column]), say)) for row in rows]


def note_cells(rows: list[dict[str, Any]], say: Say) -> list[Cell]:
    """The notes of the rows in the reader's language."""
    return [Cell(note(cell_text(row["note"]), say)) for row in rows]


def count_cells(rows: list[dict[str, Any]], column: str) -> list[Cell]:
    """A column of counts of files, marked where there are too few."""
    return [Cell(cell_text(row[column]) + FEW * _few(row[column]), few=_few(row[column])) for row in rows]


def _few(n: Any) -> bool:
    return bool(pd.notna(n) and 0 < n < MIN_N)


def attack_cells(rows: list[dict[str, Any]], simulated: set[str]) -> list[Cell]:
    """Names of attacks, with an asterisk where the channel is simulated."""
    return [Cell(row["attack"] + (" *" if row["attack"] in simulated else "")) for row in rows]


def simulated_attacks(attacks: pd.DataFrame) -> set[str]:
    """Names of the attacks whose channel is simulated."""
    return set(attacks["attack"][attacks["channel"].str.startswith("simulated")])


def rate_cells(rows: list[dict[str, Any]], rate: str, stem: str = "", n: str = "") -> list[Cell]:
    """``65 % [54, 75]``, shaded by the rate.

    Args:
        rows: of a table.
        rate: column of the share; blank cells where it is missing.
        stem: of the columns of the interval, where it is not ``rate``.
        n: column of the files that the rate is of: said behind it, and where there is no rate alone.
    """
    stem = stem or rate
    out = []
    for row in rows:
        value, files = row[rate], row[n] if n else None
        few, behind = _few(files), f"n {cell_text(files)}" if files else ""
        if pd.notna(value):
            shown = percent(value, row[f"{stem}_low"], row[f"{stem}_high"])
            told = " · ".join(filter(None, (shown, behind)))
            out.append(Cell(told.replace(" %", "\u00a0%") + FEW * few, round(10 * value), few))
        else:
            out.append(Cell(behind + FEW * few, few=few))
    return out


def share_cells(rows: list[dict[str, Any]], column: str) -> list[Cell]:
    """``65 %``, shaded, where another column tells how sure that is."""
    known = [None if pd.isna(row[column]) else row[column] for row in rows]
    return [Cell("") if share is None else Cell(f"{whole(share)}\u00a0%", round(10 * share)) for share in known]


def difference_cells(rows: list[dict[str, Any]], column: str, scale: float = 1) -> list[Cell]:
    """``−0.12 [−0.20, −0.05]``; ``scale`` 100 tells percentage points, whole."""
    digits = 2 if scale == 1 else 0
    out = []
    for row in rows:
        ends = [row[f"{column}{end}"] for end in ("", "_low", "_high")]
        value, low, high = (f"{scale * end:.{digits}f}".replace("-", "\N{MINUS SIGN}") for end in ends)
        out.append(Cell("" if np.isnan(ends[0]) else f"{value} [{low}, {high}]"))
    return out


def asked_cells(rows: list[dict[str, Any]]) -> list[Cell]:
    """The false-positive rates that thresholds were set for; blank for a vendor's own."""
    return [Cell("" if pd.isna(row["alpha"]) else f"{100 * row['alpha']:g}\u00a0%") for row in rows]


def p_cells(rows: list[dict[str, Any]], column: str) -> list[Cell]:
    """p-values to two significant digits."""
    return [Cell(f"<{LEAST_P:g}" if row[column] < LEAST_P else _short(row[column], 2)) for row in rows]


def number_cells(rows: list[dict[str, Any]], column: str, digits: int = 3) -> list[Cell]:
    """Numbers to so many significant digits."""
    return [Cell(_short(row[column], digits)) for row in rows]


def _short(value: Any, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")
