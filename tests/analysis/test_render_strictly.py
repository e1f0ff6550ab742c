"""LaTeX that compiles, HTML that is valid, CSV that no spreadsheet runs, whatever a cell holds."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis.pipeline import write_table
from bench.analysis.render import FORMULA_STARTS, page, render

NASTY = ["*", "[1]", "\\", "a\\b", "{", "}", "_%&#$~^", "<b>&amp;'\"", "|x|", "\x00\x1f\x7f\x85", "two\nlines\r\n", "",
         "− × ≤ ≥ ± → α σ µ · ° ² –", "\\input{/etc/passwd}", "$x$", "--", "?`", "\ud800", "</td></table>"]  # fmt: skip

text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\{}_%&#$~^<>*[]|\"'\x00\x1f\n"), max_size=8)

#: What the escapes may write: commands with an empty argument or one symbol, and escaped specials.
COMMAND = re.compile(
    r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textquotedbl|textperiodcentered|allowbreak)\{\}"
    r"|\\ensuremath\{(-|\^2|\^\\circ|\\[a-z]+)\}|\\[&%$#_{}]|\{\}"
)


def frame_of(texts: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"[name]": pd.Series(texts, dtype=object), "n_*": range(len(texts))})


def check_latex(source: str, columns: int, rows: int) -> None:
    """Every special is escaped, every row has its cells, and none begins like an argument of what stands before."""
    begin, top, *lines, comment = source.splitlines()
    assert comment.startswith("%") and begin == rf"\begin{{tabular}}{{{'l' + 'r' * (columns - 1)}}}"
    assert (top, lines[1], lines[-2:]) == (r"\toprule", r"\midrule", [r"\bottomrule", r"\end{tabular}"])
    body = [lines[0], *lines[2:-2]]
    assert len(body) == rows + 1
    for line in body:
        assert line.endswith(r" \\") and not line.startswith(("[", "*"))
        bare = COMMAND.sub("", line.removesuffix(r" \\"))
        assert not set(bare) & set("\\{}_%#$^<>|"), line
        assert bare.count("&") == columns - 1
        assert all(character.isprintable() or ord(character) > 159 for character in bare)


@settings(max_examples=200, deadline=None)
@given(st.lists(text, min_size=1, max_size=4))
def test_latex_escapes_everything(texts):
    check_latex(render(frame_of(texts), "latex"), 2, len(texts))


def test_latex_escapes_what_is_nasty():
    check_latex(render(frame_of(NASTY), "latex"), 2, len(NASTY))


needs_latex = pytest.mark.skipif(
    not shutil.which("pdflatex"), reason="no pdflatex here; apt-get install texlive-latex-recommended"
)


def compiled(folder: Path, table: str) -> str:
    """What pdfLaTeX said of a page that holds the table."""
    head = r"\documentclass{article}\usepackage{booktabs}\usepackage[T1]{fontenc}\usepackage{textcomp}"
    head += r"\usepackage{array,longtable,pdflscape}\begin{document}"
    (folder / "t.tex").write_text(f"{head}\n{table}\n\\end{{document}}\n", "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout[-1500:]
    return done.stdout.decode("utf-8", "replace")


@needs_latex
def test_latex_compiles(tmp_path: Path):
    compiled(tmp_path, render(frame_of(NASTY), "latex", "A caption: 5 % of [all] {x}_y & <z> → 2 × 3, \\def"))


@needs_latex
def test_a_large_latex_table_fits_its_pages(tmp_path: Path):
    names = pd.Series(["x" * 90, "a\u200bb, " * 20, *NASTY, "*", "[1]"] * 3, dtype=object)
    frame = pd.DataFrame({"detector": names, "attack": "Jpeg(quality=50)"})
    for number in range(30):
        frame[f"column_{number}_low"] = 1 / (number + 3)
    said = compiled(tmp_path, render(frame, "latex", "A caption: 5 % of [all] {x}_y & <z>"))
    assert "Overfull" not in said and "[4]" in said


def test_a_large_latex_table_holds_every_cell_once_and_the_names_of_its_rows_in_each_part():
    frame = pd.DataFrame({"detector": [f"d{i}" for i in range(50)]})
    for number in range(30):
        frame[f"column_{number}"] = np.arange(50) + 1000 * (number + 1)
    source = render(frame, "latex", "A caption")
    assert source.count(r"\caption{") == 1 and source.count(r"\begin{longtable}") == source.count("d49 &") > 1
    body = re.findall(r"(?<=& )\d{4,5}(?= )", source)
    assert sorted(map(int, body)) == sorted(frame.drop(columns="detector").to_numpy().ravel())


class Strict(HTMLParser):
    """Elements that open and close in order; the text of cells row by row."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.caption = ""

    def handle_starttag(self, tag, attrs):
        inside = {"tr": ("thead", "tbody"), "td": ("tr",), "th": ("tr",), "caption": ("table",)}
        assert tag not in inside or self.open[-1] in inside[tag]
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        elif self.open and self.open[-1] == "caption":
            self.caption += data

    def handle_comment(self, data):
        raise AssertionError("a cell became a comment")


def parsed(source: str) -> Strict:
    parser = Strict()
    parser.feed(source)
    parser.close()
    assert parser.open == []
    return parser


@settings(max_examples=200, deadline=None)
@given(st.lists(text, min_size=1, max_size=4), text)
def test_html_gives_any_text_back_and_nothing_else(texts, caption):
    bad = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
    found = parsed(render(frame_of(texts), "html", caption))
    assert [row[0] for row in found.rows[1:]] == [bad.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts]
    assert found.caption == bad.sub("\N{REPLACEMENT CHARACTER}", caption)
    assert all(len(row) == 2 for row in found.rows)


def test_html_in_a_file_is_a_page(tmp_path: Path):
    (tmp_path / "tables").mkdir()
    path = write_table(tmp_path, "policy", "html", render(frame_of(NASTY), "html", "水洗标"))
    source = path.read_text("utf-8")
    assert source.startswith('<!DOCTYPE html>\n<html lang="en">') and '<meta charset="utf-8">' in source
    found = parsed(source.removeprefix("<!DOCTYPE html>"))
    assert len(found.rows) == len(NASTY) + 1 and found.caption == "水洗标"
    assert "<script>" not in page("", "<script>")


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_csv_defuses_what_a_spreadsheet_would_run(start: str):
    texts = [f"{start}cmd|'/C calc'!A0", f"harmless{start}"]
    rows = list(csv.reader(io.StringIO(render(frame_of(texts), "csv"), newline="")))
    assert [row[0] for row in rows[1:]] == [f"'{texts[0]}".replace("\r", "\n"), texts[1].replace("\r", "\n")]


def test_csv_leaves_numbers_alone():
    rows = render(pd.DataFrame({"a": [-1.5, float("-inf"), float("nan")], "b": [-2, 3, 4]}), "csv").splitlines()
    assert rows == ["a,b", "-1.5,-2", "-inf,3", ",4"]
