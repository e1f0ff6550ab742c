"""``docs/faults.md`` names every fault once, and tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (TESTS.parent / "docs" / "faults.md").read_text("utf-8").splitlines()
    if line.startswith("| F")
]


@cache
def tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_fault_has_its_row() -> None:
    assert [row[0] for row in ROWS] == [f"F{number:02}" for number in range(1, 70)]
    assert all(len(row) == 4 and all(row) for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_tests_that_a_row_names_exist(row: list[str]) -> None:
    """A fault without a test says ``no test:`` and why."""
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row[3])
    assert named or row[3].startswith("no test: ")
    assert len(named) == row[3].count("::")
    missing = [f"{file}::{name}" for file, name in named if name not in tests_of(TESTS / file)]
    assert missing == []
