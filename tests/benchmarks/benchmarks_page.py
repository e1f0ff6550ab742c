"""Writes ``results/benchmarks.md`` from the history that ``make bench`` adds to.

Run as ``python -m tests.benchmarks.benchmarks_page results/benchmarks.jsonl results/benchmarks.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import entries

#: Earlier runs shown beside the last one.
EARLIER = 4


def page(history: list[dict[str, Any]]) -> str:
    """The last run's figures with their targets, and the same figures in the runs before it."""
    *before, last = history[-1 - EARLIER :]
    before.reverse()
    told = {str(one[0]): one for one in last["figures"]}
    missed = [name for name, one in told.items() if one[3] == "missed"]
    aimed = [name for name, one in told.items() if one[2]]
    machine = last["machine"]
    lines = [
        "# Benchmarks",
        "",
        f"Measured {last['date'][:10]} at commit `{last['commit']}` by `make bench`; this page by `make",
        "benchmarks-page`. Figures with a slash compare two things measured in turns in one run (medians); those in",
        "seconds and GiB are this machine's own, under its load. A `+` after a commit: with changes not committed.",
        "",
        f"Machine: {machine['processor']}, {machine['cores']} cores, load {machine['load']} at the start; "
        + ", ".join(f"{name} {machine[name]}" for name in list(machine)[3:])
        + ".",
        "",
        f"**{len(aimed) - len(missed)} of {len(aimed)} targets met.**" + (" Missed:" if missed else ""),
        *(f"- {name}: {told[name][1]:g}, target {told[name][2]}" for name in missed),
        "",
        "| figure | value | target | | " + "".join(f"{one['date'][:10]} `{one['commit'][:7]}` | " for one in before),
        "|---|--:|--:|---|" + "--:|" * len(before),
    ]
    earlier = [{str(one[0]): one[1] for one in entry["figures"]} for entry in before]
    for name, (_, value, target, verdict) in told.items():
        shown = verdict if verdict != "missed" else "**missed**"
        cells = [name, f"{value:g}", target, shown, *(f"{run[name]:g}" if name in run else "–" for run in earlier)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("history", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.write_text(page(entries(given.history)), "utf-8")


if __name__ == "__main__":
    main()
