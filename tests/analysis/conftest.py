"""Runs for the tests of the analysis; ``made_up_runs`` says how they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from made_up_runs import Spec, write
from realistic_runs import realistic_marked

from bench import records
from bench.analysis import charts, tables
from bench.analysis.charts import style


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., records.Run]:
    """Builds a run from a spec and reads it back through ``bench.records``."""

    def make(spec: Spec, name: str = "run") -> records.Run:
        return records.load(write(tmp_path / name, spec))

    return make


@dataclass(frozen=True)
class Judged:
    """A run with everything that is made of it, shared by tests that only look."""

    run: records.Run
    tables: Mapping[str, pd.DataFrame]
    charts: Mapping[str, charts.Chart]


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A run like the real ones, with several bundles and watermarks."""
    spec = realistic_marked(24, detectors=("header", "spectrum"))
    run = records.load(write(tmp_path_factory.mktemp("real"), spec))
    made = tables.make(run)
    with style.styled():
        return Judged(run, made, {chart.name: chart for chart in charts.draw(run, made)})
