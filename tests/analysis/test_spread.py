"""Charts drawn by several processes: the same files, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from bench.analysis import charts
from bench.analysis.charts.spread import spread

KINDS = ["label_survival", "ranks", "slope", "roc"]


def test_any_number_of_jobs_gives_the_same_files_in_the_same_order(real):
    alone, shared = (
        list(charts.rendered(real.run, real.tables, only=KINDS, formats=["svg", "png"], jobs=jobs)) for jobs in (0, 3)
    )
    assert [chart.kind for chart in alone] == sorted((chart.kind for chart in alone), key=charts.CHARTS.index)
    assert alone == shared


def test_what_a_killed_worker_took_is_made_all_the_same():
    here = os.getpid()

    def work(name: str) -> tuple[str, bool]:
        if name == "b" and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return name, os.getpid() == here

    made = list(spread(work, ["a", "b", "c", "d"], jobs=2))
    assert [name for name, _ in made] == ["a", "b", "c", "d"]
    assert made[1] == ("b", True)


def test_an_error_is_raised_here_as_if_there_were_no_workers():
    def work(name: str) -> str:
        if name == "b":
            raise ValueError(f"{name} cannot be drawn")
        return name

    with pytest.raises(ValueError, match="b cannot be drawn"):
        list(spread(work, ["a", "b", "c"], jobs=2))


def test_workers_are_used_and_leave_nothing_open():
    here, files = os.getpid(), Path("/proc/self/fd")
    before = len(list(files.iterdir())) if files.is_dir() else 0
    made = list(spread(lambda name: (name, os.getpid()), ["a", "b", "c"], jobs=2))
    assert [name for name, _ in made] == ["a", "b", "c"]
    assert all(process != here for _, process in made)
    assert (len(list(files.iterdir())) if files.is_dir() else 0) == before
