"""What benchmarks measure: figures with their targets, and the history that ``make bench`` adds a line to.

Most figures are ratios of two things measured in turns in one run, so that they say the same on a slow machine.
A target that was missed is said, never raised: a shared machine's noise is no reason for a red build.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

#: Packages whose versions decide how fast things are.
PACKAGES = ("numpy", "opencv-python-headless", "pillow", "pandas", "pyarrow", "matplotlib", "scikit-image")


#: Code that binds ``peak`` to the most memory, in MiB, that its process or a worker of it held (Linux). The count that
#: a parent gets of its child would not do: it starts at what the parent itself held when it started the child.
PEAK = """
import resource
from pathlib import Path
held = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
peak = max(int(held[0]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
"""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: what over what.
        value: the number.
        target: ``<= 1.05`` or ``>= 10``; "" where there is none.
    """

    name: str
    value: float
    target: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if not self.target:
            return None
        sign, limit = self.target.split()
        return self.value <= float(limit) if sign == "<=" else self.value >= float(limit)

    def verdict(self) -> str:
        """``met``, ``missed`` or nothing."""
        return {None: "", True: "met", False: "missed"}[self.met]


@dataclass
class Figures:
    """The figures of one run of the benchmarks."""

    found: list[Figure] = field(default_factory=list)

    def add(self, name: str, value: float, target: str = "") -> Figure:
        """Note a figure, to three significant digits."""
        self.found.append(Figure(name, float(f"{value:.3g}"), target))
        return self.found[-1]


def processor_seconds() -> float:
    """Of this process and of those it waited for."""
    return sum(os.times()[:4])


def in_turns(
    works: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Seconds of each piece of work in each round: all of them once, then again; one round before is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for number in range(-1, rounds):
        for name, work in works.items():
            start = clock()
            work()
            if number >= 0:
                spent[name].append(clock() - start)
    return spent


def ratio(spent: dict[str, list[float]], name: str, base: str) -> float:
    """Median over the rounds of one piece of work over another."""
    return statistics.median(a / b for a, b in zip(spent[name], spent[base], strict=True))


def machine() -> dict[str, Any]:
    """What was measured on: processor, cores, load, versions."""
    from bench.tools import package_version

    versions = {name: package_version(name) for name in PACKAGES}
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.system(),
        "python": platform.python_version(),
    } | {name: version for name, version in versions.items() if version}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    def said(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT).stdout.strip()

    # The history and its page change by being written: they say nothing about the code.
    changed = said("status", "--porcelain", "--untracked-files=no", "--", ":!results")
    return said("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def append(history: Path, figures: Figures, measured_on: dict[str, Any]) -> None:
    """One line of JSON: when, of which code, on what, and the figures as ``[name, value, target]``."""
    entry = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "machine": measured_on,
        "figures": [[one.name, one.value, one.target, one.verdict()] for one in figures.found],
    }
    history.parent.mkdir(parents=True, exist_ok=True)
    with history.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, separators=(",", ":"), ensure_ascii=False) + "\n")


def entries(history: Path) -> list[dict[str, Any]]:
    """The history, oldest first."""
    return [json.loads(line) for line in history.read_text("utf-8").splitlines() if line.strip()]
