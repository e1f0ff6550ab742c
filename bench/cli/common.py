"""What the commands share: near names for mistyped commands, aligned rows, JSON, what a run ends with."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.errors import unknown

if TYPE_CHECKING:
    from bench.records import Run

#: Key of the context's ``meta`` with what the command line changed of the suite.
CHANGES = "washtest.changes"


class Group(click.Group):
    """A group that answers an unknown command with what is near, and lists commands in the order they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In order of purpose, not of the alphabet."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but with suggestions."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise unknown("command", args[0], self.commands)
        return super().resolve_command(ctx, args)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of rows.")


def printable(text: str) -> str:
    """One line that steers no terminal: whatever is no printable character, out of a file name or a label, is marked.

    That takes in escape sequences, line ends, the signs that turn the direction of writing, and half surrogates.
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def print_text(text: str) -> None:
    """A table or page on standard output: byte for byte for a program, harmless for a person's terminal."""
    if sys.stdout.isatty():
        text = "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
    click.echo(text, nl=False)


def note(text: str) -> None:
    """A line on standard error, such as a warning, that may hold the words of other people's files."""
    click.echo(printable(text), err=True)


def print_json(value: Any) -> None:
    """As UTF-8 JSON on standard output; a file name that is no UTF-8 keeps its bytes as ``\\udc..`` escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=1, default=str, allow_nan=False)
    click.echo(text.encode("utf-8", "backslashreplace").decode())


def print_rows(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns for a person at a terminal, tab-separated lines for a program."""
    lines = [[_cell(value) for value in row] for row in (header, *rows)]
    if not sys.stdout.isatty():
        for line in lines:
            click.echo("\t".join(line))
        return
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for number, line in enumerate(lines):
        text = "  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip()
        click.secho(text, bold=number == 0)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))


def worker_count(jobs: int | None) -> int:
    """As asked for, or one worker for each processor that this process may use."""
    if jobs is not None:
        return jobs
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def suite_options(command: Callable[..., None]) -> Callable[..., None]:
    """The argument and options that say what to run; the command is given ``suite`` and ``dataset`` as objects."""

    @click.argument("suite", default="quick")
    @click.option(
        "--dataset", default="mini", metavar="PATH", help="Folder with a samples.csv, or a name. [default: mini]"
    )
    @click.option("--present", is_flag=True, help="Measure the files that are here, of a data set not wholly fetched.")
    @click.option("--seed", type=click.IntRange(0), help="Seed of all chance, instead of the suite's.")
    @click.option("--attack", "attacks", multiple=True, metavar="X", help="Use these attacks instead of the suite's.")
    @click.option(
        "--detector", "detectors", multiple=True, metavar="X", help="Use these detectors instead of the suite's."
    )
    @click.option("--bundle", "bundles", multiple=True, metavar="X", help="Write these bundles or labels instead.")
    @click.option("--regime", "regimes", multiple=True, metavar="X", help="native, canonical; instead of the suite's.")
    @functools.wraps(command)
    def with_objects(suite: str, dataset: str, present: bool, seed: int | None, **others: Any) -> None:
        from bench.harness.engines.local import pin_threads

        pin_threads()  # before numpy is loaded
        from bench.harness.dataset_fetch import here
        from bench.harness.plan import adjusted, load_suite
        from bench.harness.samples import find_dataset, load_dataset

        changes = {name: list(others.pop(name)) or None for name in ("attacks", "detectors", "bundles", "regimes")}
        chosen = adjusted(load_suite(suite), seed=seed, **changes)
        click.get_current_context().meta[CHANGES] = {"seed": seed, **changes}
        loaded, missing = here(load_dataset(find_dataset(dataset)), present)
        if missing:
            click.echo(f"note: {missing}", err=True)
        command(suite=chosen, dataset=loaded, **others)

    return with_objects


def default_folder(suite: str, dataset: str, limit: int | None = None) -> Path:
    """Where a run of this suite on this data set lies unless ``--out`` says otherwise.

    What the command line changed of the suite gives the folder a name of its own, so that such a run does not meet the
    unchanged one there; the same command finds its own folder again.
    """
    changes = {**click.get_current_context().meta.get(CHANGES, {}), "limit": limit}
    made = {name: value for name, value in changes.items() if value is not None}
    import hashlib

    digest = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:6] if made else ""
    # Names come out of files that others wrote: they choose no other folder than this.
    name = "-".join(filter(None, (suite, dataset, digest)))
    return Path("runs") / re.sub(r"[^\w.-]+", "_", name).lstrip(".")


def judged(folder: Path, say: Callable[[str], None], illustrate: Callable[[Run], None] | None = None) -> int:
    """Make tables, charts and report of a run, unless they are of these very records already, and name them.

    Args:
        folder: of the run.
        say: told what is being done.
        illustrate: makes the pictures for the report, where there are none yet.

    Returns:
        The exit code: 1 where some cells failed.
    """
    from bench.analysis import pipeline
    from bench.analysis.repeats import unrepeatable
    from bench.analysis.text import speaker

    if illustrate is not None or not pipeline.is_current(folder):
        say("writing tables, charts and report")
        pipeline.analyse(folder, illustrate=illustrate)
    for kind, name in (("report", "report.html"), ("tables", "tables"), ("charts", "charts")):
        click.echo(f"{kind}\t{folder / name}")
    table = folder / "tables" / "failures.csv"
    with table.open("rb") as file:
        failures = sum(1 for _ in file) - 1
    for line in unrepeatable(folder, speaker("en")):
        note(f"warning: {line}")
    if failures > 0:
        note(f"{failures} kinds of failure: see {table}")
    return 1 if failures > 0 else 0
