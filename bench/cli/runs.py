"""Commands of the main job: run a suite, and judge its records again."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import worker_count
from bench.errors import unknown

if TYPE_CHECKING:
    from bench.harness.run import Progress

FORMATS = ("csv", "md", "latex", "html")


@click.command()
@click.argument("suite", default="quick")
@click.option("--dataset", default="mini", metavar="PATH", help="Folder with a samples.csv, or a name. [default: mini]")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder. [default: runs/SUITE-DATASET]")
@click.option("--jobs", type=click.IntRange(0), help="Worker processes; 0: none. [default: one per processor]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N samples, spread over truths and sources.")
@click.option("--seed", type=click.IntRange(0), help="Seed of all chance, instead of the suite's.")
@click.option("--attack", "attacks", multiple=True, metavar="X", help="Use these attacks instead of the suite's.")
@click.option("--detector", "detectors", multiple=True, metavar="X", help="Use these detectors instead of the suite's.")
@click.option("--bundle", "bundles", multiple=True, metavar="X", help="Write these bundles or labels instead.")
@click.option("--regime", "regimes", multiple=True, metavar="X", help="native, canonical; instead of the suite's.")
@click.option(
    "--time-limit", type=click.FloatRange(1), default=600.0, show_default=True, help="Seconds for one sample."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def run(
    suite: str,
    dataset: str,
    out: Path | None,
    jobs: int | None,
    limit: int | None,
    seed: int | None,
    attacks: tuple[str, ...],
    detectors: tuple[str, ...],
    bundles: tuple[str, ...],
    regimes: tuple[str, ...],
    time_limit: float,
    quiet: bool,
) -> None:
    """Run a SUITE (quick, standard, or a TOML file): attacks, readings, scores, tables, charts, report.

    Run the same command again to resume: what is on disk is not measured twice.

    \b
    Examples:
      washtest run
      washtest run standard --dataset my/set --out runs/mine --jobs 8
      washtest run quick --attack 'Jpeg(quality=30)' --attack Blur --limit 40
      washtest run quick --detector declared --detector my_detector.py:score
    """
    from bench.harness.engines.local import LocalEngine, pin_threads

    pin_threads()
    from bench.harness.plan import adjusted, load_suite, make_plan
    from bench.harness.run import command_line, run_plan
    from bench.harness.samples import find_dataset, load_dataset

    chosen = adjusted(
        load_suite(suite),
        attacks=list(attacks) or None,
        detectors=list(detectors) or None,
        bundles=list(bundles) or None,
        regimes=list(regimes) or None,
        seed=seed,
    )
    plan = make_plan(chosen, load_dataset(find_dataset(dataset)), limit)
    # Names come out of files that others wrote: they choose no other folder than this.
    folder = out or Path("runs") / re.sub(r"[^\w.-]+", "_", f"{chosen.name}-{plan.dataset.name}").lstrip(".")
    engine = LocalEngine(worker_count(jobs), time_limit)
    try:
        outcome = run_plan(plan, folder, engine, progress(quiet), command_line())
    except KeyboardInterrupt:
        click.echo(f"washtest: interrupted; the same command goes on where {folder} stopped", err=True)
        sys.exit(130)
    for warning in outcome.warnings:
        click.echo(f"warning: {warning}", err=True)
    _judge(folder, quiet)
    click.echo(f"report\t{folder / 'report.html'}")
    click.echo(f"tables\t{folder / 'tables'}")
    click.echo(f"charts\t{folder / 'charts'}")
    failures = _count_rows(folder / "tables" / "failures.csv")
    if failures:
        click.echo(f"{failures} kinds of failure: see {folder / 'tables' / 'failures.csv'}", err=True)
        sys.exit(1)


def _count_rows(path: Path) -> int:
    with path.open("rb") as file:
        return max(0, sum(1 for _ in file) - 1)


def progress(quiet: bool) -> Progress:
    """A bar on standard error with rate, remaining time and the number of errors."""
    from bench.harness.run import Progress

    if quiet:
        return Progress(lambda text: None, lambda total, done: None, lambda views, errors: None, lambda: None)
    from tqdm import tqdm

    bars: list[tqdm[None]] = []
    counts = {"views": 0, "errors": 0}

    def start(total: int, done: int) -> None:
        bars.append(
            tqdm(total=total, initial=done, unit="sample", file=sys.stderr, dynamic_ncols=True, mininterval=0.5)
        )

    def step(views: int, errors: int) -> None:
        counts["views"] += views
        counts["errors"] += errors
        bars[-1].set_postfix(counts, refresh=False)
        bars[-1].update()

    def stop() -> None:
        for bar in bars:
            bar.close()

    return Progress(lambda text: click.echo(text, err=True), start, step, stop)


def _judge(folder: Path, quiet: bool) -> None:
    """Tables, charts and report, unless they are of these very records already."""
    from bench.analysis import pipeline

    if pipeline.is_current(folder):
        return
    if not quiet:
        click.echo("writing tables, charts and report", err=True)
    pipeline.analyse(folder)


run_argument = click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))


@click.command()
@run_argument
@click.option("--format", "kind", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("--only", multiple=True, metavar="TABLE", help="Only these tables.")
@click.option("--print", "to_screen", is_flag=True, help="Print instead of writing into RUN/tables.")
def tables(folder: Path, kind: str, only: tuple[str, ...], to_screen: bool) -> None:
    """Make the tables of a RUN again from its records.

    \b
    Examples:
      washtest tables runs/quick-mini
      washtest tables runs/quick-mini --format md --only label_survival --print
    """
    from bench.analysis import pipeline

    made = pipeline.render_tables(folder, kind)
    for name in only:
        if name not in made:
            raise unknown("table", name, made)
    for name, text in made.items():
        if only and name not in only:
            continue
        if to_screen:
            click.echo(text)
        else:
            click.echo(str(pipeline.write_table(folder, name, kind, text)))


@click.command()
@run_argument
@click.option("--only", multiple=True, metavar="CHART", help="Only these charts.")
@click.option(
    "--format", "kinds", multiple=True, type=click.Choice(["svg", "png", "pdf"]), help="[default: svg and png]"
)
def charts(folder: Path, only: tuple[str, ...], kinds: tuple[str, ...]) -> None:
    """Draw the robustness charts of a RUN again from its records.

    \b
    Examples:
      washtest charts runs/quick-mini
      washtest charts runs/quick-mini --only label_survival --format pdf
    """
    from bench.analysis import pipeline

    for path in pipeline.draw(folder, only=only or None, formats=kinds or ("svg", "png")):
        click.echo(str(path))


@click.command()
@run_argument
def report(folder: Path) -> None:
    """Write the report of a RUN again: one HTML file that holds everything.

    \b
    Example:
      washtest report runs/quick-mini
    """
    from bench.analysis import pipeline

    click.echo(str(pipeline.write_report(folder)))


COMMANDS = (run, tables, charts, report)
