"""Cells of the report's tables: how they look, what is escaped, and that a value is put into words once."""

from __future__ import annotations

import pandas as pd

from bench.analysis.page import cells
from bench.analysis.page.cells import Cell, Columns, Head, Table
from bench.analysis.page.languages import Text, in_both


def body(cell: Cell, number: bool = False) -> str:
    return str(Table("caption", [Head("head", number)], [[cell]]).body)


def test_a_cell_says_by_its_class_what_it_is():
    assert body(Cell("a")) == "<tr><td>a</td></tr>\n"
    assert body(Cell("1"), number=True) == '<tr><td class="n">1</td></tr>\n'
    assert body(Cell("1", few=True), number=True) == '<tr><td class="n few">1</td></tr>\n'
    assert body(Cell("40 %", bar=4, few=True)) == '<tr><td class="n b b4 few">40 %</td></tr>\n'
    # Too few files are a matter of numbers.
    assert body(Cell("a", few=True)) == "<tr><td>a</td></tr>\n"


def test_whatever_stands_in_a_cell_is_escaped():
    assert body(Cell("<b>&\"'")) == "<tr><td>&lt;b&gt;&amp;&#34;&#39;</td></tr>\n"
    assert body(Cell("<b>", href='"><i>')) == '<tr><td><a href="&#34;&gt;&lt;i&gt;">&lt;b&gt;</a></td></tr>\n'
    assert body(Cell(Text("<", ">"))) == '<tr><td><span data-zh="&gt;">&lt;</span></td></tr>\n'


def test_columns_are_lists_made_once_and_others_may_stand_beside_them():
    columns = Columns(pd.DataFrame({"a": [1, 2]}), b=["x", "y"])
    assert columns["a"] == [1, 2] and columns["a"] is columns["a"]
    assert columns["b"] == ["x", "y"] and len(columns) == 2


def test_equal_values_share_a_cell_and_missing_ones_are_blank():
    rows = Columns(pd.DataFrame({"n": pd.array([3, 30, 3, None], "Int64"), "p": [0.5, float("nan"), 0.0001, 1.0]}))
    few, many, again, blank = cells.count_cells(rows, "n")
    assert few is again and few == Cell("3 †", few=True) and many == Cell("30") and blank == Cell("")
    assert [cell.text for cell in cells.p_cells(rows, "p")] == ["0.5", "", "<0.001", "1"]


def test_what_is_put_together_is_made_in_each_language():
    assert in_both(lambda values, say: say("caption_joint").join(values), ["a", "b"]) == Text("a. b", "a。b")
    assert in_both(lambda say: "same") == "same"
