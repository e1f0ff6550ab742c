"""Commands about published results: the boards over all of them, and other people's detectors for them."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", default="results", metavar="[RESULTS_DIR]", type=click.Path(path_type=Path))
def leaderboard(results: Path) -> None:
    """Write leaderboard.md and leaderboard.html over the runs in RESULTS_DIR (results).

    Labels by attack family, and detectors by regime and threshold; only runs of one suite on one revision of a data
    set stand under one heading.

    \b
    Examples:
      washtest leaderboard
      washtest leaderboard my/results
    """
    from bench.analysis.leaderboard.page import write

    paths, left_out = write(results)
    for line in left_out:
        click.echo(f"left out: {line}", err=True)
    for path in paths:
        click.echo(f"leaderboard\t{path}")


COMMANDS = (leaderboard,)
