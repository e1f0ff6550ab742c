"""CSV tables of scores, as programs print them and people bring them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from bench.detectors.base import Score, checked
from bench.errors import CodedError


def read_scores(lines: Iterable[str], keys: tuple[str, ...]) -> Iterator[tuple[str, str, Score]]:
    """The rows of a table with a key column, ``score`` and perhaps ``status``; other columns are passed over.

    What stands before the header is passed over too: programs greet.

    Args:
        lines: of the table.
        keys: names that the key column may have.

    Yields:
        Name of the key column, key and score of each row.

    Raises:
        CodedError: ``E_OUTPUT``: no header, or no CSV.
    """
    reader = csv.reader(lines, skipinitialspace=True)
    names: list[str] = []
    key = ""
    try:
        for cells in reader:
            if not any(cells):
                continue
            if not key:
                names = [cell.strip().lower().removeprefix("\ufeff") for cell in cells]
                key = next((name for name in keys if name in names), "") if "score" in names else ""
                continue
            row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
            if key in row:
                yield key, row[key], _score(row, len(cells) == len(names))
    except csv.Error as error:
        raise CodedError("E_OUTPUT", f"line {reader.line_num} is no CSV: {error}") from None
    if not key:
        raise CodedError("E_OUTPUT", f"there is no header line {' or '.join(f'{name},score' for name in keys)}")


def _score(row: dict[str, str], whole: bool) -> Score:
    if not whole:
        return Score(None, "error", "E_OUTPUT", "the row has more or fewer cells than the header")
    status, text = row.get("status", "").lower(), row.get("score", "")
    if status == "abstain":
        return Score(None, "abstain")
    if status not in ("", "ok"):
        return Score(None, "error", "E_REPORTED", f"its own status is {status[:100]!r}")
    try:
        return checked(float(text))
    except ValueError:
        return Score(None, "error", "E_NOT_A_NUMBER", f"the score is {text[:100]!r}")
