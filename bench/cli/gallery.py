"""Commands that show samples after each attack: the gallery of the report, and the filmstrip of one sample."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import judged, worker_count
from bench.cli.runs import run_argument
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.harness.recipes import Recipe
    from bench.harness.samples import Dataset
    from bench.pictures import Gallery
    from bench.records import Run

#: How many samples a run shows by default: human, AI and AI-edited work, one of each.
DEFAULT = 3

dataset_option = click.option(
    "--dataset", "dataset_name", metavar="PATH", help="Folder or name of the run's data set. [default: as the run says]"
)
attack_option = click.option(
    "--attack", "attacks", multiple=True, metavar="X", help="An attack of your own that the run used, as given to it."
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(0), help="Worker processes; 0: none. [default: one per processor]"
)


@click.command()
@run_argument
@dataset_option
@click.option(
    "--samples", "count", type=click.IntRange(1), default=DEFAULT, show_default=True, help="How many to choose."
)
@click.option("--sample", "names", multiple=True, metavar="ID", help="Show these instead.")
@attack_option
@jobs_option
def gallery(
    folder: Path,
    dataset_name: str | None,
    count: int,
    names: tuple[str, ...],
    attacks: tuple[str, ...],
    jobs: int | None,
) -> None:
    """Make the report's gallery of a RUN: a few samples after each attack, with what was said of them.

    The pictures are made again from the data set and shown only where they are those that were measured. Chosen are
    samples of each truth in turn, first those of which a verdict turned. To show none: washtest run --gallery 0.

    \b
    Examples:
      washtest gallery runs/quick-mini
      washtest gallery runs/standard-set --dataset my/set --samples 6
      washtest gallery runs/quick-mini --sample owl_peeking-ai --sample cat_marge
    """
    dataset, recipe = _source(folder, dataset_name, attacks)
    known = [sample.id for sample in dataset.samples]
    if unknown := next((name for name in names if name not in known), None):
        import difflib

        near = difflib.get_close_matches(unknown, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "samples.csv has the ids"
        raise UserError(f"{dataset.name} has no sample {unknown!r}; {hint}")
    illustrate = _illustrator(folder, dataset, lambda: recipe, count, names, worker_count(jobs))
    judged(folder, lambda text: click.echo(text, err=True), illustrate)
    shown = _read(folder)
    sys.exit(0 if shown and not shown.problems else 1)


@click.command()
@run_argument
@click.argument("sample")
@dataset_option
@click.option("--format", "kinds", multiple=True, type=click.Choice(["png", "svg", "pdf"]), help="[default: png]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder. [default: RUN/charts]")
@attack_option
@jobs_option
def filmstrip(
    folder: Path,
    sample: str,
    dataset_name: str | None,
    kinds: tuple[str, ...],
    out: Path | None,
    attacks: tuple[str, ...],
    jobs: int | None,
) -> None:
    """Draw one SAMPLE of a RUN: its picture after each attack, and under it what every reader and detector said.

    Without its data set the chart has no pictures, but all that was said.

    \b
    Examples:
      washtest filmstrip runs/quick-mini owl_peeking-ai
      washtest filmstrip runs/quick-mini cat_marge --format svg --format pdf --out strips
    """
    import tempfile

    from bench import records
    from bench.analysis.charts import filmstrip as drawing
    from bench.analysis.strips import strip_of
    from bench.harness.engines.local import LocalEngine
    from bench.harness.gallery import make_gallery

    strip = strip_of(records.load(folder), sample)
    pictures: dict[str, bytes] = {}
    outlined: set[str] = set()
    problems: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory(prefix="washtest-") as temporary:
        try:
            dataset, recipe = _source(folder, dataset_name, attacks)
            into = Path(temporary)
            made = make_gallery(folder, recipe, dataset, [sample], LocalEngine(worker_count(jobs)), into=into)
        except UserError as error:
            if dataset_name or attacks:  # what was asked for by name is not here
                raise
            problems = (f"no pictures: {error}",)
        else:
            problems = made.problems
            for view in (view for one in made.samples for view in one.views if view.file):
                pictures[view.attack] = (into / view.file).read_bytes()
                outlined |= {view.attack} if view.outlined else set()
    for line in problems:
        click.echo(f"warning: {line}", err=True)
    for path in drawing.draw_filmstrip(strip, pictures, outlined, out or folder / "charts", kinds or ("png",)):
        click.echo(str(path))
    sys.exit(1 if problems else 0)


def _source(folder: Path, dataset_name: str | None, attacks: tuple[str, ...]) -> tuple[Dataset, Recipe]:
    """The data set of a run, and how its views were made."""
    from bench.harness.engines.local import pin_threads

    pin_threads()
    from bench.harness import registry
    from bench.harness.recipes import recipe_from
    from bench.harness.samples import find_dataset, load_dataset
    from bench.records import read_header

    name = dataset_name or str(read_header(folder).get("dataset", {}).get("name", ""))
    try:
        dataset = load_dataset(find_dataset(name))
    except UserError as error:
        raise error if dataset_name else UserError(f"{error} Name the run's data set with --dataset PATH.") from None
    return dataset, recipe_from(folder, [registry.attack(text) for text in attacks])


def wanted(
    folder: Path, dataset: Dataset, recipe: Callable[[], Recipe], count: int | None, jobs: int, time_limit: float
) -> Callable[[Run], None] | None:
    """What makes the gallery at the end of a run; None where it is there already, or not wanted.

    Args:
        folder: of the run.
        dataset: that was run.
        recipe: how its views were made.
        count: of samples, as asked for; 0 takes a gallery away, None keeps one that somebody asked for.
        jobs: worker processes.
        time_limit: seconds for one sample.
    """
    from bench import pictures
    from bench.analysis import pipeline

    if count == 0:
        pictures.remove(folder)
        return None
    there = _read(folder)
    asked = DEFAULT if count is None else count
    if (
        there
        and (there.asked == asked or (count is None and isinstance(there.asked, tuple)))
        and pipeline.is_current(folder)
    ):
        return None
    return _illustrator(folder, dataset, recipe, asked, (), jobs, time_limit)


def _read(folder: Path) -> Gallery | None:
    """The gallery there is; one that cannot be read is made again."""
    from bench.pictures import read_index

    try:
        return read_index(folder)
    except UserError:
        return None


def _illustrator(
    folder: Path, dataset: Dataset, recipe: Callable[[], Recipe], count: int, names: tuple[str, ...], jobs: int,
    time_limit: float = 600.0,
) -> Callable[[Run], None]:  # fmt: skip
    """Chooses samples and makes their pictures; what cannot be shown is a line, and no reason to stop."""

    def illustrate(run: Run) -> None:
        from bench.analysis.strips import choose, strip_of
        from bench.harness.engines.local import LocalEngine
        from bench.harness.gallery import forbidden, make_gallery

        for name in names:
            strip_of(run, name)
        allowed = {sample.id for sample in dataset.samples if not forbidden(dataset, sample)}
        chosen = list(dict.fromkeys(names)) or choose(run, count, allowed)
        engine = LocalEngine(jobs, time_limit)
        made = make_gallery(folder, recipe(), dataset, chosen, engine, asked=None if names else count)
        for line in made.problems:
            click.echo(f"warning: {line}", err=True)

    return illustrate


COMMANDS = (gallery, filmstrip)
