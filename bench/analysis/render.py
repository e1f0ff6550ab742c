"""A table as text: CSV for machines, Markdown, LaTeX and HTML for people. Whatever a cell holds stays text."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from bench.errors import unknown

FORMATS = ("csv", "md", "latex", "html")

#: A spreadsheet takes a cell that starts like this for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

#: A threshold is one of the scores that it was made from: rounded, it would flag those that tie with it.
EXACT = ("threshold", "oracle_threshold")

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip
_MARKDOWN = {character: f"\\{character}" for character in "\\`*_{}[]<>#|~$&"}


def cell_text(value: Any) -> str:
    """A value as every format prints it: six significant digits, blank for missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _exact_text(value: Any) -> str:
    """As ``cell_text``, with all the digits that it takes to read the same number again."""
    whole = isinstance(value, float) and math.isfinite(value)
    return repr(float(value)).removesuffix(".0") if whole else cell_text(value)


def _cells(frame: pd.DataFrame, escape: Callable[[str], str], exact: Sequence[str] = ()) -> list[tuple[str, ...]]:
    """The rows as text; ``escape`` is applied to cells that are text already, numbers need none."""
    columns = []
    for name in frame.columns:
        text = _exact_text if name in exact else cell_text
        values = frame[name].astype(object).to_list()
        columns.append([escape(value) if isinstance(value, str) else text(value) for value in values])
    return list(zip(*columns, strict=True))


def to_csv(frame: pd.DataFrame) -> str:
    """RFC 4180 with LF line ends; thresholds in full. The same frame gives the same bytes on every machine."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(_cells(frame, lambda text: f"'{text}" if text.startswith(FORMULA_STARTS) else text, EXACT))
    return out.getvalue()


def _one_line(text: str, table: dict[str, str]) -> str:
    return " ".join("".join(table.get(character, character) for character in text).split())


def to_markdown(frame: pd.DataFrame, caption: str = "") -> str:
    """A pipe table; numbers are right-aligned, markup in cells is escaped."""
    names = [_one_line(str(name), _MARKDOWN) for name in frame.columns]
    rules = ["---:" if _is_number(frame[name]) else "---" for name in frame.columns]
    rows = [names, rules, *_cells(frame, lambda text: _one_line(text, _MARKDOWN))]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(([_one_line(caption, _MARKDOWN), ""] if caption else []) + lines) + "\n"


def to_latex(frame: pd.DataFrame, caption: str = "") -> str:
    """A ``tabular`` with booktabs rules, in a ``table`` where there is a caption."""
    align = "".join("r" if _is_number(frame[name]) else "l" for name in frame.columns)
    names = [_one_line(str(name), _LATEX) for name in frame.columns]
    lines = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", " & ".join(names) + r" \\", r"\midrule"]
    lines += [" & ".join(row) + r" \\" for row in _cells(frame, lambda text: _one_line(text, _LATEX))]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if caption:
        lines = [r"\begin{table}", r"\centering", rf"\caption{{{_one_line(caption, _LATEX)}}}", *lines, r"\end{table}"]
    return "\n".join(lines) + "\n"


def to_html(frame: pd.DataFrame, caption: str = "") -> str:
    """A bare ``table`` element for any page; numbers carry the class ``number``."""
    marks = [' class="number"' if _is_number(frame[name]) else "" for name in frame.columns]
    out = ["<table>"]
    if caption:
        out.append(f"<caption>{html.escape(caption)}</caption>")
    head = "".join(f'<th scope="col"{m}>{html.escape(str(n))}</th>' for n, m in zip(frame.columns, marks, strict=True))
    out.append(f"<thead><tr>{head}</tr></thead>")
    out.append("<tbody>")
    for row in _cells(frame, html.escape):
        out.append("<tr>" + "".join(f"<td{m}>{c}</td>" for c, m in zip(row, marks, strict=True)) + "</tr>")
    out += ["</tbody>", "</table>"]
    return "\n".join(out) + "\n"


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column)) and not pd.api.types.is_bool_dtype(column)


def render(frame: pd.DataFrame, form: str, caption: str = "") -> str:
    """The table in one of ``FORMATS``. CSV has no place for a caption and leaves it out.

    Raises:
        UserError: an unknown format.
    """
    if form == "csv":
        return to_csv(frame)
    writers = {"md": to_markdown, "latex": to_latex, "html": to_html}
    if form not in writers:
        raise unknown("format", form, FORMATS)
    return writers[form](frame, caption)
