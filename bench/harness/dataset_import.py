"""From a user's folder or archive of pictures to a data set: one row per file in ``samples.csv``, and a card."""

from __future__ import annotations

import csv
import functools
import io
import os
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from bench import archives
from bench.containers import EXTENSIONS
from bench.errors import CodedError, UserError
from bench.files import write_whole
from bench.media import Media
from bench.records import TRUTHS

COLUMNS = (
    "path", "truth", "source", "generator", "family", "licence", "group", "width", "height", "format", "bytes",
    "sha256", "mask", "edited_area",
)  # fmt: skip

#: Files that lie about in folders of pictures and are none.
NOT_PICTURES = {".csv", ".toml", ".txt", ".md", ".json", ".ini", ".db", ".html", ".pdf", ".zip", ".ds_store"}


def import_folder(
    folder: Path,
    into: Path,
    *,
    truth: str,
    source: str,
    generator: str = "",
    licence: str = "",
    group: str = "",
    family: str = "path",
) -> tuple[int, int, list[str]]:
    """Add every picture of a folder or archive to the data set ``into``, which is made where missing.

    Files outside ``into`` are copied to ``into/files/<truth>/<source>/``. An archive (ZIP, tar) is never unpacked: what
    of it is a picture is written there, under a name that was checked. A file already listed (same sha256 and
    truth) is not added twice.

    Args:
        folder: or archive; searched through, names starting with a dot left out.
        into: the data set's folder.
        truth: of all these files.
        source: the collection's name; letters, digits, ``.``, ``_`` and ``-``.
        generator: the model that made them.
        licence: of all these files.
        group: subgroup, for false-positive rates apart.
        family: ``path``: each file is its own family; ``stem``: files of one name (whatever folder and extension)
            are one, for sets of originals and what was derived from them.

    Returns:
        Number added, number that were there already, and one line for each file that is no readable picture, for each
        folder that cannot be searched, and for each link to one, which is not followed.

    Raises:
        UserError: nothing to add, an archive that is damaged or not to be trusted, or the data set cannot be read or
            written.
    """
    if truth not in TRUTHS:
        raise UserError(f"truth must be one of {', '.join(TRUTHS)}, got {truth!r}")
    if not source or set(source) - set(string.ascii_letters + string.digits + "._-"):
        raise UserError(f"source must be letters, digits, '.', '_' or '-', got {source!r}")
    if into.is_file():
        raise UserError(f"{into} is a file; name the data set's folder with --into")
    rows, columns = _existing(into / "samples.csv")
    known = {(row.get("sha256"), row.get("truth")) for row in rows}
    taken = {row["path"] for row in rows}
    added, there, refused = 0, 0, []
    for found in _archived(folder) if archives.is_archive(folder) else _pictures(folder):
        shown = os.fsencode(found.name).decode("utf-8", "backslashreplace")
        try:
            media = found.read()
            width, height = media.size
            if not media.header.complete:
                raise CodedError("E_TRUNCATED", "the file ends early")
            str(found.name).encode("utf-8")  # a name that is no UTF-8 cannot stand in samples.csv
        except CodedError as error:
            refused.append(f"{shown}: {str(error).replace(str(folder / found.name), found.name.name)}")
            continue
        except UnicodeEncodeError:
            refused.append(f"{shown}: the name is not UTF-8; rename it")
            continue
        if (media.sha256, truth) in known:
            there += 1
            continue
        known.add((media.sha256, truth))
        target = _place(found, media.data, into, f"{truth}/{source}", taken)
        if target in taken:  # listed already, by a table that states no sha256
            there += 1
            continue
        taken.add(target)
        rows.append(
            {
                "path": target,
                "truth": truth,
                "source": source,
                "generator": generator,
                "family": found.name.stem if family == "stem" else target.removeprefix("files/"),
                "licence": licence,
                "group": group,
                "width": str(width),
                "height": str(height),
                "format": EXTENSIONS[media.mime].lstrip(".").upper(),
                "bytes": str(len(media.data)),
                "sha256": media.sha256,
            }
        )
        added += 1
    if not added and not there:
        why = f"; {refused[0]}" if refused else ""
        raise UserError(f"{folder} holds no readable picture (JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF, HEIC){why}")
    write_samples(into / "samples.csv", rows, columns)
    if not (into / "dataset.toml").exists():
        name = into.resolve().name
        text = f'name = "{name}"\ntitle = "{name}"\nlicence = "{licence or "see samples.csv"}"\n'
        write_whole(into / "dataset.toml", text)
    return added, there, refused


def write_samples(path: Path, rows: list[dict[str, Any]], columns: list[str]) -> None:
    """``samples.csv``, whole or not at all."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, out.getvalue())


def _existing(table: Path) -> tuple[list[dict[str, Any]], list[str]]:
    if not table.exists():
        return [], list(COLUMNS)
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = list(reader.fieldnames or COLUMNS)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table} cannot be read: {error}") from None
    if "split" in columns:
        raise UserError(f"{table} states splits itself; add rows there by hand so that each gets its split")
    return rows, [*columns, *(column for column in COLUMNS if column not in columns)]


@dataclass(frozen=True)
class _Found:
    """A file that may be a picture.

    Attributes:
        name: relative to the folder or archive that it was found in.
        read: the file.
        path: where it lies, None in an archive.
    """

    name: PurePath
    read: Callable[[], Media]
    path: Path | None = None


def _wanted(name: PurePath) -> bool:
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and name.suffix.lower() not in NOT_PICTURES


def _archived(archive: Path) -> Iterator[_Found]:
    for member in archives.members(archive):
        if _wanted(member.name):
            yield _Found(member.name, functools.partial(Media.from_bytes, member.data))


def _pictures(folder: Path) -> Iterator[_Found]:
    """What lies below a folder, in the order of the paths; what cannot be searched is found, and fails to be read."""
    if not folder.is_dir():
        wrong = "is not a folder, nor a ZIP or tar archive" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {wrong}")
    found: dict[Path, Callable[[], Media]] = {}

    def unreadable(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename))
        found[path] = functools.partial(_refuse, error.strerror or str(error))

    for top, folders, files in os.walk(folder, onerror=unreadable):  # follows no links, which may form a loop
        for name in folders:
            if (Path(top) / name).is_symlink():
                found[Path(top) / name] = functools.partial(_refuse, "a link to a folder, which is not followed")
        found |= {path: functools.partial(Media.read, path) for path in (Path(top) / name for name in files)}
    for path in sorted(found):
        if _wanted(path.relative_to(folder)):
            yield _Found(path.relative_to(folder), found[path], path)


def _refuse(why: str) -> Media:
    raise CodedError("E_UNREADABLE", why)


def _place(found: _Found, data: bytes, into: Path, group: str, taken: set[str]) -> str:
    """The file's path inside the data set; a file from elsewhere is copied there."""
    if found.path is not None:
        try:
            return found.path.resolve().relative_to(into.resolve()).as_posix()
        except ValueError:
            pass
    target = f"files/{group}/{found.name.as_posix()}"
    number = 1
    while target in taken or (into / target).exists():
        number += 1
        target = f"files/{group}/{found.name.with_suffix('').as_posix()}-{number}{found.name.suffix}"
    write_whole(into / target, data)  # the bytes that were hashed, whatever has become of the file since
    return target
