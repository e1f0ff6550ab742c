"""``docs/faults.md`` names every fault once, and it and ``SECURITY.md`` name tests and modules that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SECURITY = (TESTS.parent / "SECURITY.md").read_text("utf-8")
TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (TESTS.parent / "docs" / "faults.md").read_text("utf-8").splitlines()
    if line.startswith("| F")
]


@cache
def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_fault_has_its_row() -> None:
    assert [row[0] for row in ROWS] == [f"F{number:02}" for number in range(1, 70)]
    assert all(len(row) == 4 and all(row) for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_tests_that_a_row_names_exist(row: list[str]) -> None:
    """A fault without a test says ``no test:`` and why."""
    named = TEST.findall(row[3])
    assert named or row[3].startswith("no test: ")
    assert len(named) == row[3].count("::")
    assert missing_of(named) == []


def missing_of(named: list[tuple[str, str]]) -> list[str]:
    return [f"{file}::{name}" for file, name in named if name not in names_in(TESTS / file)]


def test_every_claim_of_security_names_its_code_and_its_test() -> None:
    claims = [
        line for line in SECURITY.splitlines() if line.startswith("| ") and not line.startswith(("| claim", "|-"))
    ]
    assert len(claims) >= 20
    for claim in claims:
        text, code, tests = (cell.strip() for cell in claim.strip("|").split(" | "))
        modules = re.findall(r"`((?:bench|attacks)/[\w/.]+)`", code)
        assert modules and TEST.findall(tests), text
        assert [module for module in modules if not (TESTS.parent / module).exists()] == []
        assert missing_of(TEST.findall(tests)) == []
