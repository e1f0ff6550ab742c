"""The parts of the report's tables: heads, cells shaded by a share, and tables without empty columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup, escape

from bench.analysis.page.languages import both, in_both
from bench.analysis.render import cell_text
from bench.analysis.tables.detection import MIN_N
from bench.analysis.text import note, word
from bench.analysis.text.wording import Say, percent, whole

#: Marks a cell of fewer than ``MIN_N`` files.
FEW = " †"

#: A text of more letters may go over several lines, in a column that is wide enough.
LONG = 30

#: Rows of one table beyond this many stand in the CSV only.
MAX_ROWS = 2000

#: A p below this is told as such.
LEAST_P = 0.001


@dataclass(frozen=True)
class Head:
    """A column's heading; numbers are right-aligned and sorted as numbers."""

    text: Any
    number: bool = True


class Cell(NamedTuple):
    """A cell.

    Attributes:
        text: what it shows, ``Text`` where the languages differ.
        bar: 0..10 shades it by a share, None leaves it plain.
        few: of too few files to say much.
        href: makes its text a link.
    """

    text: Any
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

    caption: Any
    heads: list[Head]
    rows: list[list[Cell]]
    folded: bool = False
    notes: Sequence[Any] = ()

    @property
    def body(self) -> Markup:
        """The rows as elements; a template takes several times as long for cells by the ten thousand."""
        numbers = [head.number for head in self.heads]
        made: dict[tuple[Cell, bool], str] = {}
        out = []
        for row in self.rows:
            out.append("<tr>")
            for key in zip(row, numbers, strict=True):
                if key not in made:
                    made[key] = _element(*key)
                out.append(made[key])
            out.append("</tr>\n")
        return Markup("".join(out))


def _element(cell: Cell, number: bool) -> str:
    if cell.bar is None and not number:
        kind = "long" if len(getattr(cell.text, "en", cell.text)) > LONG else ""
    else:
        kind = "n" if cell.bar is None else f"n b b{cell.bar}"
    shown = escape(cell.text)
    if cell.href:
        shown = Markup('<a href="{}">{}</a>').format(cell.href, cell.text)
    few = " few" if cell.few and kind.startswith("n") else ""
    return f'<td class="{kind}{few}">{shown}</td>' if kind else f"<td>{shown}</td>"


class Columns:
    """The columns of a frame as lists, each made when it is first asked for; ``more`` stand beside them."""

    def __init__(self, frame: pd.DataFrame, **more: list[Any]) -> None:
        self._frame, self._made = frame, more

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._made:
            self._made[name] = self._frame[name].tolist()
        return self._made[name]

    def __len__(self) -> int:
        return len(self._frame)


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


def text_cells(rows: Columns, column: str) -> list[Cell]:
    """A column as it is."""
    return _once_each(rows[column], lambda value: Cell(cell_text(value)))


def word_cells(rows: Columns, column: str) -> list[Cell]:
    """A column of fixed words, such as ``refused`` or ``*``, in both languages; names stay as they are."""
    return _once_each(rows[column], lambda value: Cell(word(cell_text(value), both)))


def note_cells(rows: Columns) -> list[Cell]:
    """The notes of the rows in both languages."""
    return _once_each(rows["note"], lambda value: Cell(in_both(note, cell_text(value))))


def count_cells(rows: Columns, column: str) -> list[Cell]:
    """A column of counts of files, marked where there are too few."""
    return _once_each(rows[column], lambda n: Cell(cell_text(n) + FEW * _few(n), few=_few(n)))


def attack_cells(rows: Columns, simulated: set[str]) -> list[Cell]:
    """Names of attacks, with an asterisk where the channel is simulated."""
    return _once_each(rows["attack"], lambda attack: attack_cell(attack, simulated))


def attack_cell(attack: str, simulated: set[str]) -> Cell:
    """The name of one."""
    return Cell(attack + (" *" if attack in simulated else ""))


def _once_each(values: list[Any], make: Callable[[Any], Cell]) -> list[Cell]:
    """A cell per value, made once for values that are equal: most stand in many rows. For texts and counts."""
    made = {value: make(value) for value in set(values)}
    return [made[value] for value in values]


def _few(n: Any) -> bool:
    return bool(pd.notna(n) and 0 < n < MIN_N)


def simulated_attacks(attacks: pd.DataFrame) -> set[str]:
    """Names of the attacks whose channel is simulated."""
    return set(attacks["attack"][attacks["channel"].str.startswith("simulated")])


def rate_cells(rows: Columns, rate: str, stem: str = "", n: str = "") -> list[Cell]:
    """``65 % [54, 75]``, shaded by the rate.

    Args:
        rows: of a table.
        rate: column of the share; blank cells where it is missing.
        stem: of the columns of the interval, where it is not ``rate``.
        n: column of the files that the rate is of: said behind it, and where there is no rate alone.
    """
    stem = stem or rate
    files = rows[n] if n else [None] * len(rows)
    told = {k: (f"n {cell_text(k)}" if k else "", _few(k)) for k in set(files)}
    out = []
    for value, low, high, k in zip(rows[rate], rows[f"{stem}_low"], rows[f"{stem}_high"], files, strict=True):
        behind, few = told[k]
        if missing(value):
            out.append(Cell(behind + FEW * few, few=few))
        else:
            shown = percent(value, low, high).replace(" %", "\u00a0%")
            out.append(Cell(shown + " · " * bool(behind) + behind + FEW * few, round(10 * value), few))
    return out


def share_cells(rows: Columns, column: str) -> list[Cell]:
    """``65 %``, shaded, where another column tells how sure that is."""
    return [Cell("") if missing(x) else Cell(f"{whole(x)}\u00a0%", round(10 * x)) for x in rows[column]]


def difference_cells(rows: Columns, column: str, scale: float = 1) -> list[Cell]:
    """``−0.12 [−0.20, −0.05]``; ``scale`` 100 tells percentage points, whole."""
    digits = 2 if scale == 1 else 0
    out = []
    for value, low, high in zip(*(rows[f"{column}{end}"] for end in ("", "_low", "_high")), strict=True):
        text = f"{scale * value:.{digits}f} [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"
        out.append(Cell("" if missing(value) else text.replace("-", "\N{MINUS SIGN}")))
    return out


def asked_cells(rows: Columns) -> list[Cell]:
    """The false-positive rates that thresholds were set for; blank for a vendor's own."""
    return _once_each(rows["alpha"], lambda x: Cell("" if missing(x) else f"{100 * x:g}\u00a0%"))


def p_cells(rows: Columns, column: str) -> list[Cell]:
    """p-values to two significant digits."""
    return [Cell(f"<{LEAST_P:g}" if p < LEAST_P else _short(p, 2)) for p in rows[column]]


def number_cells(rows: Columns, column: str, digits: int = 3) -> list[Cell]:
    """Numbers to so many significant digits."""
    return [Cell(_short(value, digits)) for value in rows[column]]


def _short(value: Any, digits: int) -> str:
    return "" if missing(value) else f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def missing(value: Any) -> bool:
    """Whether a number is not there."""
    return value is None or value is pd.NA or value != value
