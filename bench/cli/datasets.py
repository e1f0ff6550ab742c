"""Commands for data sets: bring your own, check it, make an aligned set of it."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from bench.cli.common import Group, json_option, note, print_json, print_rows, printable, worker_count
from bench.records import TRUTHS


@click.group(cls=Group)
def dataset() -> None:
    """Bring your own data: import folders, check a set, fetch a published one, make regenerated twins and edits."""


@dataset.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--truth", required=True, type=click.Choice(TRUTHS), help="What all these files are.")
@click.option("--source", required=True, help="Name of the collection, as in the tables.")
@click.option("--into", type=click.Path(path_type=Path), help="The data set to add to. [default: FOLDER itself]")
@click.option("--generator", default="", help="The model that made them.")
@click.option("--licence", default="", help="Of all these files, e.g. CC0-1.0.")
@click.option("--group", default="", help="Subgroup for false-positive rates apart, e.g. night.")
@click.option("--family", type=click.Choice(["path", "stem"]), default="path", show_default=True,
              help="stem: files of one name are one family (originals and what was made of them).")  # fmt: skip
def import_(
    folder: Path, truth: str, source: str, into: Path | None, generator: str, licence: str, group: str, family: str
) -> None:
    """Add the pictures of a FOLDER, or of a ZIP or tar archive, to a data set (samples.csv with sha256, dataset.toml).

    \b
    Examples:
      washtest dataset import photos --truth human --source mine --into my/set --licence CC0-1.0
      washtest dataset import made --truth ai --source sd --generator 'SD 1.5' --into my/set
      washtest dataset import photos.tar.gz --truth human --source archive --into my/set
    """
    from bench.harness.dataset_import import import_folder

    target = into or folder
    added, there, refused = import_folder(
        folder, target, truth=truth, source=source, generator=generator, licence=licence, group=group, family=family
    )
    for line in refused:
        note(f"not added: {line}")
    click.echo(f"{added} added, {there} there already, {len(refused)} refused: {target / 'samples.csv'}")
    if refused:
        sys.exit(1)


@dataset.command()
@click.argument("path")
@click.option("--jobs", type=click.IntRange(0), help="Worker processes. [default: one per processor]")
@json_option
def check(path: str, jobs: int | None, as_json: bool) -> None:
    """Check a data set: leaks across splits, missing or changed files, licence gaps, format bias.

    Exit code 1 when something is wrong; cautions alone leave it 0.

    \b
    Examples:
      washtest dataset check mini
      washtest dataset check my/set --json
    """
    from bench.harness.dataset_check import check as examine
    from bench.harness.dataset_fetch import here
    from bench.harness.engines.local import LocalEngine, pin_threads

    pin_threads()
    from tqdm import tqdm

    from bench.harness.samples import find_dataset, load_dataset

    loaded, missing = here(load_dataset(find_dataset(path)), partial=True)
    if missing:
        click.echo(f"note: {missing}", err=True)
    with tqdm(total=len(loaded.samples), unit="file", file=sys.stderr, disable=None, leave=False) as bar:
        report = examine(loaded, LocalEngine(worker_count(jobs)), bar.update)
    if as_json:
        print_json({"dataset": loaded.name, "revision": loaded.revision} | asdict(report))
    else:
        print_rows(("split", *TRUTHS), [(split, *counts.values()) for split, counts in report.counts.items()])
        for line in report.problems:
            click.echo(f"problem\t{printable(line)}")
        for line in report.cautions:
            click.echo(f"caution\t{printable(line)}")
        auc = "not measured" if report.header_auc is None else f"{report.header_auc:.3f}"
        used = ", ".join(f"{name} {share:.2f}" for name, share in report.header_features)
        click.echo(f"header-only AUC\t{auc}\t{used}")
        click.echo(f"{len(report.problems)} problems, {len(report.cautions)} cautions")
    if report.problems:
        sys.exit(1)


@dataset.command()
@click.argument("name")
@click.option("--into", type=click.Path(path_type=Path), help="Folder for the files. [default: the data set's own]")
@click.option("--list", "only_list", is_flag=True, help="Fetch nothing; say what would come, what not, and why.")
@click.option("--mirror", envvar="WASHTEST_MIRROR", default="", metavar="URL",
              help="Ask URL/host/path instead of https://host/path. [env: WASHTEST_MIRROR]")  # fmt: skip
def fetch(name: str, into: Path | None, only_list: bool, mirror: str) -> None:
    """Fetch the openly licensed files of the data set NAME from where they were published.

    One file at a time, each kept only with the SHA-256 that samples.csv lists; the same command again goes on where
    it stopped. fetch.csv says what became of every file. Exit code 1 where some could not be fetched.

    \b
    Examples:
      washtest dataset fetch core --list
      washtest dataset fetch core --into my/core
    """
    from tqdm import tqdm

    from bench.harness import dataset_fetch
    from bench.harness.samples import find_dataset, load_dataset

    loaded = load_dataset(find_dataset(name))
    listed = dataset_fetch.items(loaded)
    if not listed:
        click.echo(dataset_fetch.nothing_to_fetch(loaded))
        return
    if only_list:
        rows = [("left out" if item.source is None else "open", item.bytes, item.sample.id, item.why or item.origin)
                for item in listed]  # fmt: skip
        print_rows(("what", "bytes", "file", "why or whence"), rows)
        moved, kept = dataset_fetch.space_needed(listed)
        n = sum(item.source is not None for item in listed)
        click.echo(f"{n} of {len(listed)} files: {moved:,} bytes to fetch, {kept:,} to keep", err=True)
        return
    with tqdm(total=len(listed), unit="file", file=sys.stderr, disable=None, leave=False) as bar:
        rows_of = dataset_fetch.fetch_dataset(loaded.folder, into, mirror, step=lambda row: bar.update())
    for row in rows_of:
        if row.status == "failed":
            click.echo(f"failed: {row.path}: {row.code}: {row.detail} ({row.origin})", err=True)
    counts = Counter(row.status for row in rows_of)
    report = (into or loaded.folder) / dataset_fetch.REPORT
    click.echo(f"{counts['fetched']} fetched, {counts['present']} were here, {counts['failed']} failed, "
               f"{counts['left_out']} left out: {report}")  # fmt: skip
    if counts["failed"]:
        sys.exit(1)


@dataset.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--attack", default="Regenerate(model='washvae')", show_default=True, help="The regeneration.")
@click.option(
    "--edits/--no-edits", default=True, show_default=True, help="Partial edits of the test split's photographs."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def twins(folder: Path, attack: str, edits: bool, seed: int) -> None:
    """Make an aligned set: regenerated twins (ai) and partial edits (ai_edited) of a data set's photographs.

    \b
    Example:
      washtest dataset twins datasets/mini
    """
    from bench.harness.engines.local import pin_threads

    pin_threads()
    from bench.harness import registry
    from bench.harness.samples import find_dataset
    from bench.harness.twins import make_twins

    made, edited = make_twins(find_dataset(str(folder)), registry.attack(attack), edits, seed)
    click.echo(f"{made} twins, {edited} edits: {folder / 'samples.csv'}")


@dataset.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--method", "methods", multiple=True, default=("washvae",), show_default=True,
              help="A method of the attack Edit, or a whole attack, e.g. 'Edit(area=0.3)'. Repeatable.")  # fmt: skip
@click.option("--area", "areas", type=float, multiple=True, help="Share of the picture, 0.01..0.7. Repeatable.")
@click.option("--donor", default="", help="For the method splice: an AI picture, or a folder of them.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def edits(folder: Path, methods: tuple[str, ...], areas: tuple[float, ...], donor: str, seed: int) -> None:
    """Edit part of each photograph of the test split (ai_edited), with masks and edited_area.

    The photographs take the methods and areas in turn; without --area one in each bin of the table edited_by_area.
    Edits that were made before are replaced, all other rows stay.

    \b
    Examples:
      washtest dataset edits my/set --method washvae --method lama --area 0.1 --area 0.3
      washtest dataset edits my/set --method splice --donor made
    """
    from bench.harness.engines.local import pin_threads

    pin_threads()
    from attacks.edit import Edit
    from bench.errors import UserError
    from bench.harness import registry
    from bench.harness.samples import find_dataset
    from bench.harness.twins import AREAS, make_edits

    try:
        chosen = [
            registry.attack(method) if "(" in method else Edit(area, method, donor if method == "splice" else "")
            for area in areas or AREAS
            for method in methods
        ]
        made = make_edits(find_dataset(str(folder)), chosen, seed)
    except ValueError as error:
        raise UserError(str(error)) from None
    click.echo(f"{made} edits: {folder / 'samples.csv'}")


COMMANDS = (dataset,)
