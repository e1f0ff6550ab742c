"""The parts of the report's tables: heads, cells shaded by a share, and tables without empty columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.render import cell_text
from bench.analysis.text.wording import Say, percent


@dataclass(frozen=True)
class Head:
    """A column's heading; numbers are right-aligned and sorted as numbers."""

    text: str
    number: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell; ``bar`` 0..10 shades it by a share, None leaves it plain; ``href`` makes its text a link."""

    text: str
    bar: int | None = None
    href: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        caption: what it holds.
        heads: of the columns; those that say nothing in any row are left out.
        rows: cells in the order of the heads.
        folded: shown only when opened.
    """

    caption: str
    heads: list[Head]
    rows: list[list[Cell]]
    folded: bool = False


def make_table(caption: str, columns: list[tuple[Head, list[Cell]]], folded: bool = False) -> Table:
    """A table without the columns that are blank, or zero, in every row."""
    used = [(head, cells) for head, cells in columns if any(cell.text not in ("", "0") for cell in cells)]
    rows = [list(row) for row in zip(*(cells for _, cells in used), strict=True)]
    return Table(caption, [head for head, _ in used], rows, folded)


def text_cells(rows: list[dict[str, Any]], column: str) -> list[Cell]:
    """A column as it is."""
    return [Cell(cell_text(row[column])) for row in rows]


def attack_cells(rows: list[dict[str, Any]], simulated: set[str]) -> list[Cell]:
    """Names of attacks, with an asterisk where the channel is simulated."""
    return [Cell(row["attack"] + (" *" if row["attack"] in simulated else "")) for row in rows]


def simulated_attacks(attacks: pd.DataFrame) -> set[str]:
    """Names of the attacks whose channel is simulated."""
    return set(attacks["attack"][attacks["channel"].str.startswith("simulated")])


def rate_cells(rows: list[dict[str, Any]], rate: str, stem: str = "") -> list[Cell]:
    """``65 % [54, 75]``, shaded by the rate."""
    stem = stem or rate
    out = []
    for row in rows:
        value = row[rate]
        known = value is not None and not np.isnan(value)
        shade = round(10 * value) if known else None
        out.append(Cell(percent(value, row[f"{stem}_low"], row[f"{stem}_high"]) if known else "", shade))
    return out


def rate_of_cells(rows: list[dict[str, Any]], rate: str, n: str, say: Say, stem: str = "") -> list[Cell]:
    """``65 % [54, 75] of 60``; where there is no rate, the number of files alone."""
    out = []
    for row, cell in zip(rows, rate_cells(rows, rate, stem), strict=True):
        if cell.text:
            out.append(Cell(say("rate_of", rate=cell.text, n=row[n]), cell.bar))
        else:
            out.append(Cell(say("only_n", n=row[n]) if row[n] else ""))
    return out
