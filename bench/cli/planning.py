"""The command that says what a run will cost before it is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import default_folder, json_option, note, print_json, print_rows, suite_options
from bench.cli.progress import progress_option, progress_reporter, quiet_option
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.harness.cost import Costs
    from bench.harness.plan import Suite
    from bench.harness.run import Progress
    from bench.harness.samples import Dataset


class Count(click.ParamType):
    """A number of samples: 250000 or 1e6."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """As a whole number of at least 1."""
        try:
            number = float(value)
            if number >= 1 and number == int(number):
                return int(number)
        except (ValueError, OverflowError):
            pass
        return self.fail(f"{value!r} is not a whole number of 1 or more, such as 250000 or 1e6", param, ctx)


@click.command()
@suite_options
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Of the samples that washtest run --limit N takes.")
@click.option("--samples", type=Count(), metavar="N", help="Number of samples, such as 1e6. [default: the data set's]")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Workers, on all machines together.")
@click.option(
    "--from", "source", type=click.Path(path_type=Path), metavar="RUN", help="Measured in this run. [default: its own]"
)
@json_option
@progress_option
@quiet_option
def plan(
    suite: Suite,
    dataset: Dataset,
    limit: int | None,
    samples: int | None,
    jobs: int,
    source: Path | None,
    as_json: bool,
    progress: str,
    quiet: bool,
) -> None:
    """Say what a SUITE costs on many samples: cells, records, bytes, processor hours by stage, and what to cut.

    The costs are those in the records of an earlier run of this suite; where there is none, a handful of the data
    set's samples is measured first.

    \b
    Examples:
      washtest plan quick --samples 1e6 --jobs 64
      washtest plan standard --dataset my/set --samples 1e5 --from runs/standard-set --json
    """
    from bench.harness.cost import estimate, worth_cutting
    from bench.harness.samples import limited

    dataset = replace(dataset, samples=limited(dataset.samples, limit))
    costs, origin = _costs(suite, dataset, source, progress_reporter("none" if quiet else progress))
    found = estimate(costs, suite, dataset, samples or len(dataset.samples))
    cuts = worth_cutting(found["parts"], repr(suite.attacks[0]))
    hours = found["cpu_hours"]
    if as_json:
        source_of = {"run": costs.run, "samples": costs.samples, "megapixels": costs.megapixels, "note": origin}
        head = {"suite": suite.name, "dataset": dataset.name, "measured_in": source_of}
        print_json(head | found | {"jobs": jobs, "wall_hours": found["clock_hours"] / jobs, "cuts": cuts})
        return
    counts = [(name, found[name]) for name in ("samples", "views", "readings", "scores", "records")]
    lines = [*counts, ("on disk", _bytes(found["bytes"])), ("processor time", _hours(hours["total"]))]
    wall = f"{_hours(hours['total'] / jobs)} with --jobs {jobs}, each on a processor of its own"
    if found["clock_hours"] > 1.2 * hours["total"]:
        wall += f"; {_hours(found['clock_hours'] / jobs)} as it was measured"
    lines.append(("wall time", wall))
    print_rows(("what", "how much"), lines)
    click.echo()
    stages = [(stage, _hours(spent), f"{spent / (hours['total'] or 1):.1%}") for stage, spent in hours.items()]
    print_rows(("stage", "processor time", "share"), stages)
    click.echo()
    parts = [
        (part["kind"], part["name"], _hours(part["cpu_hours"]), f"{part['share']:.1%}", f"{part['records_share']:.1%}")
        for part in found["parts"]
    ]
    print_rows(("kind", "name", "processor time", "share", "share of records"), parts)
    click.echo(f"\n{origin}; views of {costs.megapixels:g} megapixels on average", err=True)
    for cut in cuts:
        saved = f"saves {cut['share']:.0%} of the time for {cut['records_share']:.0%} of the records"
        click.echo(f"without {cut['kind']} {cut['name']}: {saved}", err=True)


def _costs(suite: Suite, dataset: Dataset, source: Path | None, progress: Progress) -> tuple[Costs, str]:
    """The costs, and where they were measured."""
    import tempfile

    from bench.harness.cost import measure_handful, measured

    folder = source or default_folder(suite.name, dataset.name)
    if source or (folder / "run.json").is_file():
        costs = measured(folder)
        if not (missing := costs.lack(suite)):
            return costs, f"measured on {costs.samples} samples in {folder}"
        if source:
            raise UserError(
                f"{folder} has nothing measured of {len(missing)} parts, e.g. {missing[0]}; name a run of this suite, "
                "or leave --from out to measure a handful of samples"
            )
    with tempfile.TemporaryDirectory(prefix="washtest-") as temporary:
        costs = measure_handful(suite, dataset, Path(temporary) / "run", progress)
    if missing := costs.lack(suite):
        note(f"warning: not measured and not counted: {', '.join(missing[:5])}")
    return costs, f"measured just now on {costs.samples} samples of {dataset.name}"


def _hours(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:.1f} min" if hours * 60 >= 1 else f"{hours * 3600:.1f} s"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


COMMANDS = (plan,)
