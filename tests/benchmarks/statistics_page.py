"""Writes ``results/statistics.md``: how often the intervals cover the truth and the tests raise false alarms.

Run as ``python -m tests.benchmarks.statistics_page results/statistics.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bench import __version__
from tests.analysis import simulations

Row = tuple[str, str, Callable[[np.random.Generator], float], int]


def coverages(runs: int) -> Iterator[Row]:
    """What is estimated, how, on which files; and how many runs. Bootstraps take a tenth of the runs."""
    few = runs // 10
    for p, n in ((0.01, 100), (0.05, 40), (0.3, 20), (0.3, 100), (0.5, 400)):
        yield (
            "rate: Wilson, Clopper-Pearson below 5 events", f"rate {p}, {n} files",
            lambda rng, p=p, n=n: simulations.rate_covered(rng, runs, p, n), runs,
        )  # fmt: skip
    for p, families in ((0.05, 40), (0.05, 100), (0.3, 20), (0.3, 100), (0.5, 20)):
        for plain in (False, True):
            yield (
                "rate of related files: " + ("Wilson, which ignores families" if plain else "bootstrap of families"),
                f"rate {p}, {families} families of 1 to 4",
                lambda rng, p=p, f=families, plain=plain: simulations.clustered_rate_covered(
                    rng, few, p, f, plain=plain
                ),
                few,
            )
    for n, size in ((20, 1), (50, 1), (200, 1), (60, 3), (150, 3)):
        yield (
            "AUC difference: DeLong over families", f"AUC 0.86 and 0.76, {n} files a class, families of {size}",
            lambda rng, n=n, size=size: simulations.auc_difference_covered(rng, runs, n, size), runs,
        )  # fmt: skip
    yield (
        "AUC difference: DeLong, which ignores families", "AUC 0.86 and 0.76, 150 files a class, families of 3",
        lambda rng: simulations.auc_difference_covered(rng, runs, 150, 3, plain=True), runs,
    )  # fmt: skip
    for rates in ((0.3, 0.3, 0.3, 0.3), (0.2, 0.2, 0.5, 0.8), (0.1, 0.2, 0.3, 0.4)):
        yield (
            "ranks, all at once", f"miss rates {', '.join(map(str, rates))}, 60 families",
            lambda rng, rates=rates: simulations.ranks_covered(rng, few, rates, 60), few,
        )  # fmt: skip
    for rates, n in (((0.05,) * 4, 50), ((0.05,) * 8, 200), ((0.02, 0.05, 0.2), 100)):
        yield (
            "gap between the highest and the lowest rate", f"rates {', '.join(map(str, rates))}, {n} files each",
            lambda rng, rates=rates, n=n: simulations.gap_covered(rng, few, rates, n), few,
        )  # fmt: skip


def alarms(runs: int) -> Iterator[Row]:
    """What is tested, how, on which files; and how many runs."""
    for n, p, size in ((50, 0.1, 1), (200, 0.3, 1), (1000, 0.3, 1), (150, 0.3, 3)):
        yield (
            "McNemar, exact" + (" (sign test over families)" if size > 1 else ""),
            f"both wrong in {p}, {n} files, families of {size}",
            lambda rng, n=n, p=p, size=size: simulations.mcnemar_alarms(rng, runs, n, p, size), runs,
        )  # fmt: skip
    for n, size in ((20, 1), (50, 1), (200, 1), (60, 3), (150, 3)):
        yield (
            "DeLong, equal AUCs", f"AUC 0.80, {n} files a class, families of {size}",
            lambda rng, n=n, size=size: simulations.auc_test_alarms(rng, runs, n, size), runs,
        )  # fmt: skip
    yield (
        "Holm: any of 20 McNemar tests", "both wrong in 0.3, 200 files",
        lambda rng: simulations.holm_alarms(rng, runs // 2), runs // 2,
    )  # fmt: skip


def page(runs: int) -> str:
    """The whole page."""
    lines = [
        "# Do the statistics hold?",
        "",
        f"Simulated files whose truth is known, made by `make statistics` with washtest {__version__}. Files of one",
        "family resemble each other (correlation 0.5 to 0.6 of what decides the verdict). Shares near 0.95 or 0.05",
        "have a standard error of 0.003 over 4000 runs and of 0.011 over 400.",
    ]
    for title, head, rows in (
        ("Share of runs in which the 95 % interval covers the truth", "covered", coverages(runs)),
        ("Share of runs in which a test alarms at 0.05 and nothing is there", "alarms", alarms(runs)),
    ):
        lines += ["", f"## {title}", "", f"| what | files | {head} | runs |", "|---|---|--:|--:|"]
        for number, (what, files, simulate, n) in enumerate(rows):
            lines.append(f"| {what} | {files} | {simulate(np.random.default_rng(number)):.3f} | {n} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=4000)
    arguments = parser.parse_args()
    arguments.out.write_text(page(arguments.runs), "utf-8")


if __name__ == "__main__":
    main()
