"""What benchmarks share: the figures of this run, and the history that they go into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figure, Figures, append, machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--history", type=Path, help="file that one line with the figures of this run is added to")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND] = Figures()
    if config.getoption("--history", None):
        config.stash[MACHINE] = machine()  # before the benchmarks raise the load themselves


def pytest_sessionfinish(session: pytest.Session) -> None:
    history, found = session.config.getoption("--history", None), session.config.stash[FOUND]
    if history and found.found:
        append(history, found, session.config.stash[MACHINE])


FOUND = pytest.StashKey[Figures]()
MACHINE = pytest.StashKey[dict]()


@pytest.fixture
def figure(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]) -> Callable[..., Figure]:
    """Notes a figure and prints it: ``figure("harness / bare kernels", 1.03, "<= 1.05", "CPU")``."""

    def note(name: str, value: float, target: str = "", remark: str = "") -> Figure:
        one = pytestconfig.stash[FOUND].add(name, value, target)
        with capsys.disabled():
            aim = f" (target {target}: {one.verdict()})" if target else ""
            print(f"\n  {name}: {one.value:g}{aim}{'; ' + remark if remark else ''}", end="")
        return one

    return note
