"""Runs for the tests of the analysis; ``made_up_runs`` says how they are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_runs import Spec, write

from bench import records


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., records.Run]:
    """Builds a run from a spec and reads it back through ``bench.records``."""

    def make(spec: Spec, name: str = "run") -> records.Run:
        return records.load(write(tmp_path / name, spec))

    return make
