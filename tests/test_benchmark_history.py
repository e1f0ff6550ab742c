"""The history of benchmarks and its page: small, and honest about what was missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.benchmarks_page import page
from tests.benchmarks.figures import Figure, Figures, append, entries, in_turns, machine, ratio


@pytest.mark.parametrize(
    ("value", "target", "said"),
    [
        (1.05, "<= 1.05", "met"),
        (1.06, "<= 1.05", "missed"),
        (12, ">= 10", "met"),
        (9.9, ">= 10", "missed"),
        (3, "", ""),
    ],
)
def test_a_figure_knows_whether_its_target_is_met(value: float, target: str, said: str) -> None:
    assert Figure("a / b", value, target).verdict() == said


def test_a_line_of_history_is_small_and_says_what_was_measured_on(tmp_path: Path) -> None:
    figures = Figures()
    for number in range(30):
        figures.add(f"figure number {number} / what it is compared with, CPU", 1.23456, "<= 1.05")
    append(tmp_path / "history.jsonl", figures, machine())
    append(tmp_path / "history.jsonl", figures, machine())
    assert all(len(line) < 3000 for line in (tmp_path / "history.jsonl").read_bytes().splitlines())
    first, second = entries(tmp_path / "history.jsonl")
    assert first["figures"] == second["figures"]
    assert first["figures"][0][1:] == [1.23, "<= 1.05", "missed"]
    assert {"processor", "cores", "load", "python", "numpy"} <= set(first["machine"])
    assert first["date"] and first["commit"]


def test_the_page_names_what_was_missed_and_shows_earlier_runs(tmp_path: Path) -> None:
    for value in (2.0, 1.0):
        figures = Figures()
        figures.add("harness / kernels", value, "<= 1.5")
        figures.add("peer / ours", 0.5, ">= 1")
        append(tmp_path / "h", figures, machine())
    text = page(entries(tmp_path / "h"))
    assert "**1 of 2 targets met.** Missed:" in text
    assert "- peer / ours: 0.5, target >= 1" in text
    row = next(line for line in text.splitlines() if line.startswith("| harness"))
    assert row == "| harness / kernels | 1 | <= 1.5 | met | 2 |"


def test_rounds_take_turns_and_the_first_is_not_counted() -> None:
    order: list[str] = []
    clock = iter(range(100))
    works = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    spent = in_turns(works, 2, lambda: float(next(clock)))
    assert order == ["a", "b"] * 3
    assert [len(times) for times in spent.values()] == [2, 2]
    assert ratio(spent, "a", "b") == 1
