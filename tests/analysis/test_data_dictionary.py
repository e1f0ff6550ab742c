"""The data dictionary names what there is: every column and key, no others, with the types that they really have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench import records
from bench.analysis import dictionary, traffic
from bench.errors import UserError
from bench.harness.merge import merge
from bench.harness.plan import make_plan
from bench.harness.shards import Shard

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data-dictionary.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text("utf-8") == dictionary.page(), "docs/data-dictionary.md is old; make it with: make dictionary"


def test_nothing_is_described_that_does_not_exist():
    assert dictionary.superfluous() == []


def test_tables_of_a_real_run_have_these_columns(real):
    columns = dictionary.table_columns()
    assert {name: list(table) for name, table in real.tables.items()} == {name: columns[name] for name in real.tables}
    assert columns["traffic"] == traffic.COLUMNS


def test_cells_are_of_the_types_and_ranges_described(real):
    for name, table in real.tables.items():
        for column in dictionary.describe(name, list(table)):
            cells = table[column.name].dropna()
            where = f"{name}.{column.name}"
            if column.kind == "text":
                assert all(isinstance(cell, str) for cell in cells), where
                continue
            numbers = pd.to_numeric(cells).astype(float)
            if column.kind == "integer":
                assert (numbers == numbers.round()).all(), where
            if column.unit in ("share", "p", "probability") and "difference" not in column.name:
                assert numbers.between(0, 1).all(), where


def test_a_column_without_a_description_is_an_error():
    with pytest.raises(UserError, match="column colour of table policy"):
        dictionary.describe("policy", ["detector", "colour"])


def test_ends_of_intervals_are_described_by_the_rate_they_belong_to():
    columns = dictionary.describe("edited_by_area", ["flagged", "flagged_low", "ai_high"])
    assert [column.kind for column in columns] == ["integer", "number", "number"]
    assert "`flagged_rate`" in columns[1].meaning and "`ai_rate`" in columns[2].meaning


def keys_of(value: Any, path: str = "") -> Iterator[str]:
    """The paths of a header, as the dictionary writes them."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from keys_of(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from keys_of(inner, f"{path}[]")
    else:
        yield path


@pytest.fixture(scope="module")
def headers(tools, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of a whole run with a fitted detector, of a shard, and of runs that were merged."""
    base = tmp_path_factory.mktemp("headers")
    plan = tools.plan(tiny, detectors=["declared", "header"])
    tools.measure(plan, base / "whole")
    parts = []
    for index in (1, 2):
        shard = make_plan(plan.suite, plan.dataset, None, Shard(index, 2))
        parts.append(base / f"part-{index}")
        tools.measure(shard, parts[-1])
    merge(parts, base / "merged", "washtest merge")
    return [records.read_header(folder) for folder in (base / "whole", parts[0], base / "merged")]


def test_every_key_of_a_header_is_described_and_no_other(headers):
    patterns = {
        key.name: re.compile(re.escape(key.name).replace(r"\*", r"[^.]+") + r"(\..*|\[\].*)?")
        for key in dictionary.header_keys()
    }
    used = set()
    for header in headers:
        for path in dict.fromkeys(keys_of(header)):
            found = {name for name, pattern in patterns.items() if pattern.fullmatch(path)}
            # A null or empty list stands for a whole branch.
            empty = any(name.startswith((f"{path}.", f"{path}[]")) for name in patterns)
            assert found or empty, f"{path} is not in columns/records.toml"
            used |= found
    assert set(patterns) - used == set()


def test_published_headers_hold_no_key_that_is_not_described():
    names = {key.name.split(".")[0].removesuffix("[]") for key in dictionary.header_keys()}
    for path in sorted((PAGE.parents[1] / "results").glob("*/run.json")):
        assert set(json.loads(path.read_text("utf-8"))) <= names
