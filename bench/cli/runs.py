"""Commands of the main job: run a suite, and judge its records again."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import default_folder, judged, note, print_text, suite_options, worker_count
from bench.cli.progress import progress_option, progress_reporter, quiet_option
from bench.errors import UserError, unknown

if TYPE_CHECKING:
    from bench.harness.engines.base import Engine
    from bench.harness.plan import Suite
    from bench.harness.samples import Dataset

FORMATS = ("csv", "md", "latex", "html")
ENGINES = ("local", "ray")


@click.command()
@suite_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The run's folder. [default: runs/SUITE-DATASET, and a mark of changed settings]",
)
@click.option("--jobs", type=click.IntRange(0), help="Worker processes; 0: none. [default: one per processor]")
@click.option(
    "--engine", "kind", type=click.Choice(ENGINES), default="local", show_default=True, help="Where workers run."
)
@click.option(
    "--address", default="", metavar="ADDR", help="Of a Ray cluster: auto, HOST:6379. [default: start one here]"
)
@click.option("--mirror", metavar="URL", help="Keep a copy of the run there (a folder, s3://...) and resume from it.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N samples, spread over truths and sources.")
@click.option("--shard", "shard_text", metavar="I/N", help="Measure only part I of N; washtest merge joins them.")
@click.option(
    "--time-limit", type=click.FloatRange(1), default=600.0, show_default=True, help="Seconds for one sample."
)
@click.option(
    "--memory-limit",
    type=click.FloatRange(0.25),
    metavar="GIB",
    help="Address space of each worker. [default: no limit]",
)
@click.option(
    "--gallery", "pictures", type=click.IntRange(0), metavar="N",
    help="Samples that the report shows after each attack; 0: no pictures. [default: 3, 0 for a shard]",
)  # fmt: skip
@click.option("--no-cache", is_flag=True, help="Make results of slow attacks anew, and keep none (washtest cache).")
@click.option(
    "--cache-limit", type=click.FloatRange(0), default=4.0, show_default=True, metavar="GIB", help="Size of the cache."
)
@progress_option
@quiet_option
def run(
    suite: Suite,
    dataset: Dataset,
    out: Path | None,
    jobs: int | None,
    kind: str,
    address: str,
    mirror: str | None,
    limit: int | None,
    shard_text: str | None,
    time_limit: float,
    memory_limit: float | None,
    pictures: int | None,
    no_cache: bool,
    cache_limit: float,
    progress: str,
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
      washtest run standard --shard 2/8 --progress jsonl
      washtest run standard --engine ray --address auto --mirror s3://bucket/standard
    """
    from bench.cli.gallery import wanted
    from bench.harness.cache import cache_for
    from bench.harness.header import command_line
    from bench.harness.mirror import Mirror
    from bench.harness.plan import make_plan
    from bench.harness.recipes import recipe_of
    from bench.harness.run import run_plan
    from bench.harness.shards import parse_shard

    shard = parse_shard(shard_text) if shard_text is not None else None
    plan = make_plan(suite, dataset, limit, shard)
    folder = out or default_folder(suite.name, dataset.name, limit)
    if shard and not out:
        folder = folder.with_name(f"{folder.name}-shard-{shard.index}-of-{shard.of}")
    memory = int(memory_limit * 2**30) if memory_limit else None
    reporter = progress_reporter("none" if quiet else progress)
    cache = None if no_cache else cache_for(suite.attacks, int(cache_limit * 2**30))
    copy = Mirror(mirror) if mirror else None
    try:
        with _engine(kind, address, jobs, time_limit, memory, suite, dataset) as engine:
            outcome = run_plan(plan, folder, engine, reporter, command_line(), cache, copy)
    except KeyboardInterrupt:
        click.echo(f"washtest: interrupted; the same command goes on where {folder} stopped", err=True)
        sys.exit(130)
    for warning in outcome.warnings:
        note(f"warning: {warning}")
    illustrate = wanted(
        folder, dataset, lambda: recipe_of(suite, folder), 0 if shard and pictures is None else pictures,
        worker_count(jobs), time_limit,
    )  # fmt: skip
    sys.exit(judged(folder, reporter.message, illustrate))


def _engine(
    kind: str, address: str, jobs: int | None, time_limit: float, memory: int | None, suite: Suite, dataset: Dataset
) -> AbstractContextManager[Engine]:
    """The engine asked for, ended with its block."""
    if kind == "local":
        if address:
            raise UserError(f"--address {address} is of a Ray cluster; add --engine ray")
        from bench.harness.engines.local import LocalEngine

        return nullcontext(LocalEngine(worker_count(jobs), time_limit, memory))
    if jobs == 0:
        raise UserError("--jobs 0 means no workers, and --engine ray has nothing else; ask for 1 or more")
    from bench.harness import machines
    from bench.harness.engines.ray import RayEngine

    # Without an address the cluster is this machine, which may have fewer processors free than it has.
    jobs = jobs if address else worker_count(jobs)
    facts = functools.partial(machines.facts, suite, str(dataset.folder))
    return RayEngine(jobs, time_limit, memory, address, machines.wants_gpu(suite), facts)


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
            print_text(text + "\n")
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

    drawn = pipeline.draw(folder, only=only or None, formats=kinds or ("svg", "png"))
    for path in drawn:
        click.echo(str(path))
    for kind in dict.fromkeys(only):
        # Files are named after their kind, and then a detector or a number.
        if not any(path.stem == kind or path.stem.startswith(f"{kind}_") for path in drawn):
            click.echo(f"note: {kind} is not drawn: this run has nothing for it", err=True)


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
