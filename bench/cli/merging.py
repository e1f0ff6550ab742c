"""The command that puts runs together: shards of one run, or runs of other detectors on the same views."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from bench.cli.common import judged, note
from bench.errors import UserError


@click.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The merged run's folder.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing while it works.")
def merge(folders: tuple[str, ...], out: Path, quiet: bool) -> None:
    """Put runs of one suite on one data set together, with tables, charts and report.

    Shards of one run become that run: its tables are, byte for byte, those of a run in one piece. Runs of other
    detectors on the same files become a comparison of all of them. A run may be the URL of a mirror (run --mirror); one
    alone is copied from there. A run that is given more than once is taken once, and named.

    \b
    Examples:
      washtest merge runs/standard-set-shard-*-of-8 --out runs/standard-set
      washtest merge runs/ours runs/theirs --out runs/both
      washtest merge 's3://bucket/standard-*-of-8' --out runs/standard
    """
    from bench.harness.header import command_line
    from bench.harness.merge import merge as put_together

    with _here(folders) as (found, named):
        missing = put_together(found, out, command_line(), lambda line: note(f"note: {named(line)}"))
    for line in missing:
        note(f"warning: {line}")
    code = judged(out, lambda text: None if quiet else note(text))
    sys.exit(1 if missing else code)


@contextmanager
def _here(places: Sequence[str]) -> Iterator[tuple[list[Path], Callable[[str], str]]]:
    """The runs as folders of this machine: those at URLs are copied, and the copies removed after the block.

    Yields:
        The folders, one more than once where it was given so; and what puts the user's names for them into a text.
    """
    if not any("://" in place for place in places):
        yield [Path(place) for place in places], str
        return
    from tempfile import TemporaryDirectory

    from bench.harness.mirror import Mirror
    from bench.harness.places import matching, without_secrets

    with TemporaryDirectory(prefix="washtest-") as room:
        copies: dict[str, Path] = {}
        found = []
        for place in places:
            for url in matching(place) if "://" in place else [place]:
                if "://" in url and url.rstrip("/") not in copies:
                    copy = copies[url.rstrip("/")] = Path(room, str(len(copies)))
                    Mirror(url).fetch(copy)
                found.append(copies.get(url.rstrip("/"), Path(url)))

        def named(text: str) -> str:
            for url, copy in reversed(copies.items()):
                text = text.replace(str(copy), without_secrets(url))
            return text

        try:
            yield found, named
        except UserError as error:
            raise UserError(named(str(error))) from None


COMMANDS = (merge,)
