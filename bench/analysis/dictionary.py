"""The data dictionary: what every column of the tables and records, and every key of ``run.json``, means.

The descriptions stand in ``columns/*.toml``; which columns there are, the tables and the schema say themselves.
``python -m bench.analysis.dictionary docs/data-dictionary.md`` writes the page.
"""

from __future__ import annotations

import inspect
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis import tables, traffic
from bench.analysis.compare import runs as run_comparison
from bench.analysis.compare import side_by_side
from bench.errors import UserError
from bench.files import write_whole
from bench.records import NOT_JUDGED, SCHEMA_VERSION, TABLES, Run

#: Types of the record files as people read them.
KINDS = {"string": "text", "float64": "number", "int64": "integer", "int32": "integer", "bool": "boolean"}

#: How the ends of a column's interval are named.
ENDS = {"_low": "lower", "_high": "upper"}

#: What a column may be called whose interval's ends are named without that word.
RATES = ("_rate", "_share", "_fpr", "_fnr", "")

#: Tables that commands make of one run or two: name -> heading, columns, what it holds.
COMMANDS: dict[str, tuple[str, Sequence[str], str]] = {
    "traffic": (
        "washtest policy",
        traffic.COLUMNS,
        "What the command prints: expected posts a day, per fallback detector and attack. Ends of intervals join those "
        "of the rates, so sums and precision are wider than 95 %.",
    ),
    "comparison": (
        "comparison (washtest compare RUN_A RUN_B)",
        run_comparison.COLUMNS,
        "Every rate in two runs over the same files, and their difference.",
    ),
    "ledger": (
        "ledger (washtest compare RUN_A RUN_B --out DIR)",
        run_comparison.LEDGER_COLUMNS,
        "One row per file, attack and reader or detector whose answer turned.",
    ),
    "detectors": (
        "detectors (washtest compare --detectors A B RUN)",
        side_by_side.COLUMNS,
        "Detectors of one run side by side; the table of pairs beside it is `detector_pairs`, over these detectors.",
    ),
}

HEAD = """# Data dictionary

Every column of a run's tables and record files, and every key of its `run.json`. Made by `make dictionary` from the
descriptions in `bench/analysis/tables/columns/`; a test compares it with the tables themselves.

A blank cell is a missing value, never a zero. `*` in a column of names stands for all of them together. A *share* is a
number in 0..1. Intervals are 95 %. Cells of fewer than ten files show counts and no rate, and say so in `note`; the
tables of labels show every rate beside its `n`. In CSV, numbers have six significant digits, and a text that a
spreadsheet would run as a formula starts with an apostrophe.
"""


@dataclass(frozen=True)
class Column:
    """What is known of a column or key.

    Attributes:
        name: as in the file.
        kind: text, integer, number, boolean or a list or map of them.
        unit: "" where there is none.
        meaning: for people.
    """

    name: str
    kind: str
    unit: str
    meaning: str


def _described(file: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("bench.analysis.tables").joinpath("columns", file).read_text("utf-8"))


def table_columns() -> dict[str, list[str]]:
    """The columns of every table, in order, from tables of a run that measured nothing."""
    frames = {
        table: pd.DataFrame({name: pd.Series(dtype="object") for name in columns if name not in NOT_JUDGED})
        for table, columns in TABLES.items()
    }
    nothing = Run(Path(), {"attacks": [{"name": "Identity()", "family": "identity"}]}, **frames)
    made = {name: [str(column) for column in table] for name, table in tables.make(nothing).items()}
    return made | {name: list(columns) for name, (_, columns, _) in COMMANDS.items()}


def describe(table: str, columns: Sequence[str]) -> list[Column]:
    """The columns of a table.

    Raises:
        UserError: a column that nobody described.
    """
    every = _described("tables.toml")
    known: dict[str, list[str]] = every["shared"] | every.get(table, {})
    return [_column(table, name, known) for name in columns]


def _column(table: str, name: str, known: Mapping[str, list[str]]) -> Column:
    if name in known:
        return Column(name, *known[name])
    for ending, end in ENDS.items():
        stem = name.removesuffix(ending)
        of = next((stem + what for what in RATES if stem != name and stem + what in known), None)
        if of:
            kind, unit, _ = known[of]
            return Column(name, kind, unit, f"{end} end of the 95 % interval of `{of}`")
    raise UserError(
        f"column {name} of table {table} has no description; add one to bench/analysis/tables/columns/tables.toml"
    )


def superfluous() -> list[str]:
    """Descriptions of what does not exist, as ``table.column``."""
    made = table_columns()
    every = _described("tables.toml")
    own = [(table, name) for table, columns in every.items() if table != "shared" for name in columns]
    lost = [f"{table}.{name}" for table, name in own if name not in made.get(table, ())]
    used = {name for table, columns in made.items() for name in columns if name not in every.get(table, {})}
    lost += [f"shared.{name}" for name in every["shared"] if name not in used]
    records = _described("records.toml")
    return lost + [f"{table}.{name}" for table in TABLES for name in records[table] if name not in TABLES[table]]


def record_columns(table: str) -> list[Column]:
    """The columns of a record file, in order.

    Raises:
        UserError: a column that nobody described.
    """
    known = _described("records.toml")[table]
    if missing := [name for name in TABLES[table] if name not in known]:
        raise UserError(
            f"columns {', '.join(missing)} of {table} have no description; add them to columns/records.toml"
        )
    return [Column(name, KINDS[kind], *known[name]) for name, kind in TABLES[table].items()]


def header_keys() -> list[Column]:
    """The keys of ``run.json``: ``[]`` stands for each entry of a list, ``*`` for any key."""
    return [Column(name, kind, "", meaning) for name, (kind, meaning) in _described("records.toml")["header"].items()]


def page() -> str:
    """The data dictionary as Markdown.

    Raises:
        UserError: a column that nobody described.
    """
    out = [HEAD, "## Tables: `tables/*.csv`\n"]
    for table, columns in table_columns().items():
        title, about = _about(table)
        out += [f"### {title}\n", f"{about}\n", _markdown(describe(table, columns))]
    out.append(f"## Records: `records/*/*.parquet`, schema {SCHEMA_VERSION}\n")
    abouts = {
        "views": "One row per file looked at: a sample, in a regime, with a label bundle, after an attack.",
        "readings": "One row per label that a reader looked for in a view.",
        "scores": "One row per detector that looked at a view.",
    }
    for table, about in abouts.items():
        out += [f"### {table}\n", f"{about}\n", _markdown(record_columns(table))]
    out += ["## `run.json`\n", _markdown(header_keys())]
    return "\n".join(out)


def _about(table: str) -> tuple[str, str]:
    """The heading of a table's section, and what its maker says of it."""
    if table in COMMANDS:
        heading, _, about = COMMANDS[table]
        return heading, about
    text = inspect.getdoc(tables.TABLES[table]) or ""
    return table, text.split("\n\nArgs:")[0].replace("``", "`")


def _markdown(columns: Sequence[Column]) -> str:
    units = any(column.unit for column in columns)
    heads = ["column", "type", *(["unit"] if units else []), "meaning"]
    lines = [heads, ["---"] * len(heads)]
    lines += [[f"`{c.name}`", c.kind, *([c.unit] if units else []), c.meaning] for c in columns]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    write_whole(Path(sys.argv[1]), page())
