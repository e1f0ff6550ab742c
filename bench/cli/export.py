"""The command that takes a run's files to a detector which cannot be called from here."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import suite_options, worker_count
from bench.cli.progress import progress_option, progress_reporter, quiet_option

if TYPE_CHECKING:
    from bench.harness.plan import Suite
    from bench.harness.samples import Dataset


@click.command()
@suite_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the files and manifest.csv.")
@click.option("--jobs", type=click.IntRange(0), help="Worker processes; 0: none. [default: one per processor]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N samples, spread over truths and sources.")
@progress_option
@quiet_option
def export(
    suite: Suite, dataset: Dataset, out: Path, jobs: int | None, limit: int | None, progress: str, quiet: bool
) -> None:
    """Write the files that detectors see in a SUITE, for one that cannot be called from here.

    OUT/manifest.csv lists them as id,path,sha256. Score them elsewhere, write id,score into a CSV file, and give that
    file to `washtest run` with the same options: --detector scores.csv. Runs again where it stopped.

    \b
    Examples:
      washtest export quick --dataset my/set --out exported
      washtest run quick --dataset my/set --detector header --detector scores.csv
    """
    from bench.detectors.plugins.export import MANIFEST, Exporter, write_manifest
    from bench.harness.engines.local import LocalEngine
    from bench.harness.header import command_line
    from bench.harness.plan import make_plan
    from bench.harness.run import run_plan

    # Detectors are left out but for those that an attack asks.
    targets = {getattr(attack, "target", None) for attack in suite.attacks}
    asked = tuple(detector for detector in suite.detectors if detector.info.name in targets)
    plan = make_plan(replace(suite, detectors=(*asked, Exporter(out))), dataset, limit)
    reporter = progress_reporter("none" if quiet else progress)
    try:
        outcome = run_plan(plan, out / "run", LocalEngine(worker_count(jobs)), reporter, command_line())
    except KeyboardInterrupt:
        click.echo(f"washtest: interrupted; the same command goes on where {out} stopped", err=True)
        sys.exit(130)
    click.echo(f"{write_manifest(out)} files\t{out / MANIFEST}")
    if outcome.failed_cells:
        click.echo(f"{outcome.failed_cells} views, readings or files failed: see {out / 'run' / 'records'}", err=True)
        sys.exit(1)


COMMANDS = (export,)
