"""The command that takes a run's files to a detector which cannot be called from here."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from bench.cli.common import worker_count
from bench.cli.runs import progress


@click.command()
@click.argument("suite", default="quick")
@click.option("--dataset", default="mini", metavar="PATH", help="Folder with a samples.csv, or a name. [default: mini]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the files and manifest.csv.")
@click.option("--jobs", type=click.IntRange(0), help="Worker processes; 0: none. [default: one per processor]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N samples, spread over truths and sources.")
@click.option("--seed", type=click.IntRange(0), help="Seed of all chance, instead of the suite's.")
@click.option("--attack", "attacks", multiple=True, metavar="X", help="Use these attacks instead of the suite's.")
@click.option("--bundle", "bundles", multiple=True, metavar="X", help="Write these bundles or labels instead.")
@click.option("--regime", "regimes", multiple=True, metavar="X", help="native, canonical; instead of the suite's.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def export(
    suite: str,
    dataset: str,
    out: Path,
    jobs: int | None,
    limit: int | None,
    seed: int | None,
    attacks: tuple[str, ...],
    bundles: tuple[str, ...],
    regimes: tuple[str, ...],
    quiet: bool,
) -> None:
    """Write the files that detectors see in a SUITE, for one that cannot be called from here.

    OUT/manifest.csv lists them as id,path,sha256. Score them elsewhere, write id,score into a CSV file, and give that
    file to `washtest run` with the same options: --detector scores.csv. Runs again where it stopped.

    \b
    Examples:
      washtest export quick --dataset my/set --out exported
      washtest run quick --dataset my/set --detector header --detector scores.csv
    """
    from bench.harness.engines.local import LocalEngine, pin_threads

    pin_threads()
    from bench.detectors.plugins.export import MANIFEST, Exporter, write_manifest
    from bench.harness.plan import adjusted, load_suite, make_plan
    from bench.harness.run import command_line, run_plan
    from bench.harness.samples import find_dataset, load_dataset

    chosen = adjusted(
        load_suite(suite),
        attacks=list(attacks) or None,
        bundles=list(bundles) or None,
        regimes=list(regimes) or None,
        seed=seed,
    )
    targets = {getattr(attack, "target", None) for attack in chosen.attacks}  # attacks on a detector need it
    asked = tuple(detector for detector in chosen.detectors if detector.info.name in targets)
    chosen = replace(chosen, detectors=(*asked, Exporter(out)))
    plan = make_plan(chosen, load_dataset(find_dataset(dataset)), limit)
    try:
        outcome = run_plan(plan, out / "run", LocalEngine(worker_count(jobs)), progress(quiet), command_line())
    except KeyboardInterrupt:
        click.echo(f"washtest: interrupted; the same command goes on where {out} stopped", err=True)
        sys.exit(130)
    click.echo(f"{write_manifest(out)} files\t{out / MANIFEST}")
    if outcome.failed_cells:
        click.echo(f"{outcome.failed_cells} views, readings or files failed: see {out / 'run' / 'records'}", err=True)
        sys.exit(1)


COMMANDS = (export,)
