"""The command that puts runs together: shards of one run, or runs of other detectors on the same views."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.cli.common import judged, note


@click.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The merged run's folder.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing while it works.")
def merge(folders: tuple[Path, ...], out: Path, quiet: bool) -> None:
    """Put runs of one suite on one data set together, with tables, charts and report.

    Shards of one run become that run: its tables are, byte for byte, those of a run in one piece. Runs of other
    detectors on the same files become a comparison of all of them.

    \b
    Examples:
      washtest merge runs/standard-set-shard-*-of-8 --out runs/standard-set
      washtest merge runs/ours runs/theirs --out runs/both
    """
    from bench.harness.merge import merge as put_together
    from bench.harness.run import command_line

    for line in (missing := put_together(folders, out, command_line())):
        note(f"warning: {line}")
    code = judged(out, lambda text: None if quiet else note(text))
    sys.exit(1 if missing else code)


COMMANDS = (merge,)
