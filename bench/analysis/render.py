"""A table as text: CSV for machines, Markdown, LaTeX and HTML for people. Whatever a cell holds stays text."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import unknown

FORMATS = ("csv", "md", "latex", "html")

#: A spreadsheet takes a cell that starts like this for a formula, the last four in East Asian settings
#: (https://owasp.org/www-community/attacks/CSV_Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

#: A threshold is one of the scores that it was made from: rounded, it would flag those that tie with it.
EXACT = ("threshold", "oracle_threshold")

#: Characters that no printed table can hold, and XML none at all: controls, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

#: What pdfLaTeX would stop at or print as something else. CJK text stays as it is and needs XeLaTeX or LuaLaTeX.
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "\N{MINUS SIGN}": r"\ensuremath{-}", "×": r"\ensuremath{\times}",
    "≤": r"\ensuremath{\leq}", "≥": r"\ensuremath{\geq}", "±": r"\ensuremath{\pm}", "→": r"\ensuremath{\rightarrow}",
    "α": r"\ensuremath{\alpha}", "σ": r"\ensuremath{\sigma}", "µ": r"\ensuremath{\mu}", "·": r"\textperiodcentered{}",
    "°": r"\ensuremath{^\circ}", "²": r"\ensuremath{^2}", "\N{NO-BREAK SPACE}": "~", "\N{REPLACEMENT CHARACTER}": "?",
    "\u200b": r"\allowbreak{}",
}  # fmt: skip

#: What fits a line of an ordinary page, and in small type one of a landscape page, in characters; the gap between two
#: columns there, in characters too; how many rows fit a page; how long a cell may be before it takes several lines.
PORTRAIT, LANDSCAPE, GAP, MOST_ROWS, MOST_CHARACTERS = 69, 126, 1.6, 36, 40

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
    columns = [_column(frame[name], escape, _exact_text if name in exact else cell_text) for name in frame.columns]
    return list(zip(*columns, strict=True))


def _column(column: pd.Series, escape: Callable[[str], str], text: Callable[[Any], str]) -> list[str]:
    # Most cells say what many others say: each distinct value is put into words once.
    if column.dtype == object:  # of any types: 1 and True are equal and say different things
        seen: dict[tuple[type, Any], str] = {}
        keys = [(type(value), value) for value in column.tolist()]
        for key in keys:
            if key not in seen:
                seen[key] = escape(key[1]) if isinstance(key[1], str) else text(key[1])
        return [seen[key] for key in keys]
    if column.dtype == float:  # by its bits, since -0.0 equals 0.0
        places, bits = pd.factorize(column.to_numpy().view(np.int64))
        words = [text(value) for value in bits.view(float).tolist()]
    else:
        places, distinct = pd.factorize(column)
        words = [escape(value) if isinstance(value, str) else text(value) for value in distinct.tolist()]
    told: list[str] = np.array([*words, ""], object)[places].tolist()  # place -1: missing
    return told


def to_csv(frame: pd.DataFrame) -> str:
    """RFC 4180 with LF line ends; thresholds in full. The same frame gives the same bytes on every machine."""
    names = tuple(_csv(str(name)) for name in frame.columns)
    lines = [",".join(row) for row in (names, *_cells(frame, _csv, EXACT))]
    # A row of one empty cell would be no row at all.
    return "\n".join(line or '""' for line in lines) + "\n"


def _csv(text: str) -> str:
    """A cell, quoted where it has to be, that no spreadsheet takes for a formula."""
    # A bare carriage return ends a row for many readers.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = f"'{text}" if text.startswith(FORMULA_STARTS) else text
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(mark in text for mark in ',"\n') else text


def _one_line(text: str, table: dict[str, str]) -> str:
    return " ".join("".join(table.get(character, character) for character in _printable(text)).split())


def _printable(text: str) -> str:
    """What no page may hold is replaced by a mark that says so."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _html(text: str) -> str:
    return html.escape(_printable(text))


def markdown_text(text: str) -> str:
    """A text on one line, as it stands in Markdown: what would be markup is escaped."""
    return _one_line(text, _MARKDOWN)


def to_markdown(frame: pd.DataFrame, caption: str = "") -> str:
    """A pipe table; numbers are right-aligned, markup in cells is escaped."""
    names = [markdown_text(str(name)) for name in frame.columns]
    rules = ["---:" if _is_number(frame[name]) else "---" for name in frame.columns]
    rows = [names, rules, *_cells(frame, markdown_text)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(([markdown_text(caption), ""] if caption else []) + lines) + "\n"


def to_latex(frame: pd.DataFrame, caption: str = "") -> str:
    """A ``tabular`` with booktabs rules; with a caption a ``table``, or what fits the page where that is too large.

    A table that is too wide or too long for a page becomes ``longtable``s on landscape pages: rows go on from page to
    page, columns from one ``longtable`` to the next, each of which starts with the row's number and the columns that
    say what it is.
    """
    names = tuple(_one_line(str(name), _LATEX) for name in frame.columns)
    rows = _cells(frame, lambda text: _one_line(text, _LATEX))
    align = ["r" if _is_number(frame[name]) else "l" for name in frame.columns]
    needs = r"% needs \usepackage{booktabs} and \usepackage[T1]{fontenc}"
    widths = [max(map(len, (str(name), *map(cell_text, frame[name].astype(object))))) for name in frame.columns]
    if caption and (sum(widths) + 2.4 * len(widths) > PORTRAIT or len(frame) > MOST_ROWS):
        lines = _pages(frame, names, align, widths, _one_line(caption, _LATEX))
        needs += r", \usepackage{array,longtable,pdflscape}"
    else:
        lines = [rf"\begin{{tabular}}{{{''.join(align)}}}", r"\toprule", _latex_row(names), r"\midrule"]
        lines += [_latex_row(row) for row in rows]
        lines += [r"\bottomrule", r"\end{tabular}"]
        if caption:
            title = rf"\caption{{{_one_line(caption, _LATEX)}}}"
            lines = [r"\begin{table}", r"\centering", title, *lines, r"\end{table}"]
    return "\n".join([*lines, needs]) + "\n"


def _pages(frame: pd.DataFrame, names: Sequence[str], align: list[str], widths: list[int], caption: str) -> list[str]:
    """A large table as ``longtable``s, in small type."""
    rows = _cells(frame, lambda text: _one_line(_breakable(text), _LATEX))
    wide = [min(width, MOST_CHARACTERS) for width in widths]
    shape = [
        rf">{{\raggedright\arraybackslash}}p{{{MOST_CHARACTERS / 2:g}em}}" if width > MOST_CHARACTERS else side
        for side, width in zip(align, widths, strict=True)
    ]
    lines = [r"\begin{landscape}", r"\scriptsize\setlength{\tabcolsep}{3pt}\setlength{\LTcapwidth}{\linewidth}"]
    blocks = _blocks(align, wide)
    if len(blocks) > 1:  # what belongs together is found by its number
        names, shape = [*names, r"\#"], [*shape, "r"]
        rows = [(*row, str(i)) for i, row in enumerate(rows, 1)]
        blocks = [[len(align), *block] for block in blocks]
    for number, block in enumerate(blocks):
        heading = _latex_row([names[i] for i in block])
        first = rf"\caption{{{caption}}}\\" if not number else rf"\multicolumn{{{len(block)}}}{{l}}{{Continued.}}\\"
        lines += [rf"\begin{{longtable}}{{{''.join(shape[i] for i in block)}}}", first, r"\toprule", heading]
        lines += [r"\midrule", r"\endfirsthead", r"\toprule", heading, r"\midrule", r"\endhead"]
        lines += [r"\bottomrule", r"\endfoot"]
        lines += [_latex_row([row[i] for i in block]) for row in rows]
        lines += [r"\end{longtable}"]
    return [*lines, r"\end{landscape}"]


def _blocks(align: Sequence[str], widths: Sequence[int]) -> list[list[int]]:
    """Columns by number, as many in a block as fit the page; the texts that a table begins with stand in each."""
    first_number = align.index("r") if "r" in align else len(align)
    keys: list[int] = []
    for i in range(first_number):
        if sum(widths[k] + GAP for k in (*keys, i)) <= LANDSCAPE / 2:
            keys.append(i)
    blocks = [list(keys)]
    for i in (i for i in range(len(align)) if i not in keys):
        room = LANDSCAPE - sum(widths[k] + GAP for k in blocks[-1])
        if widths[i] + GAP > room and len(blocks[-1]) > len(keys):
            blocks.append(list(keys))
        blocks[-1].append(i)
    return blocks


def _breakable(text: str) -> str:
    """A long text with places where a line may end: after punctuation, and at least every 20 characters."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return "\u200b".join(re.findall(r".{1,20}?[,(=/:.](?=\S)|.{1,20}", text, re.DOTALL))


def _latex_row(cells: Sequence[str]) -> str:
    # The end of a row, and a rule, take what follows for an argument of theirs if it starts like one.
    guard = "{}" if cells and cells[0].startswith(("*", "[")) else ""
    return guard + " & ".join(cells) + r" \\"


def to_html(frame: pd.DataFrame, caption: str = "") -> str:
    """A bare ``table`` element for any page; numbers carry the class ``number``, long texts the class ``text``."""
    rows = _cells(frame, _html)
    longest = [max((len(row[i]) for row in rows), default=0) for i in range(len(frame.columns))]
    marks = [
        ' class="number"' if _is_number(frame[name]) else ' class="text"' if length > MOST_CHARACTERS else ""
        for name, length in zip(frame.columns, longest, strict=True)
    ]
    out = ["<table>"]
    if caption:
        out.append(f"<caption>{_html(caption)}</caption>")
    head = "".join(f'<th scope="col"{m}>{_html(str(n))}</th>' for n, m in zip(frame.columns, marks, strict=True))
    out.append(f"<thead><tr>{head}</tr></thead>")
    out.append("<tbody>")
    for row in rows:
        out.append("<tr>" + "".join(f"<td{m}>{c}</td>" for c, m in zip(row, marks, strict=True)) + "</tr>")
    out += ["</tbody>", "</table>"]
    return "\n".join(out) + "\n"


def page(table: str, title: str) -> str:
    """A table of ``to_html`` as a whole page."""
    # A table wider than the window would squeeze what may wrap to a word a line.
    style = "table{border-collapse:collapse}caption,th,td{padding:.2em .6em;text-align:left;vertical-align:top}"
    style += "caption{position:sticky;left:0;max-width:calc(100vw - 2em)}"
    style += "th,td{white-space:nowrap}.text{white-space:normal;min-width:24em;overflow-wrap:anywhere}"
    style += ".number{text-align:right;font-variant-numeric:tabular-nums}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_html(title)}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n{table}</body>\n</html>\n"
    )


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
