"""A data set from its public origins: the files whose licence is open, each kept only with the digest that is listed.

``samples.csv`` of such a data set has the columns ``origin``, ``recipe``, ``licence_class`` and ``bytes`` beside
``sha256``. What may not be passed on is listed and left out; whoever has those files may lay them in place.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import CodedError, UserError
from bench.files import write_whole, writing
from bench.harness import origins
from bench.harness.origins import Archive, Origin
from bench.harness.samples import Dataset, Sample, load_dataset
from bench.weights import digest_of

if TYPE_CHECKING:
    from bench.transfer import Expected, Patience

#: Classes of licence under which anyone may fetch and use a file.
OPEN = ("permissive", "free-software")

#: What a fetch did, in the data set's folder.
REPORT = "fetch.csv"

#: Bytes that are read at most of a file whose own size is not listed, because something was made of it.
LARGEST = 64 << 20

#: Copied beside files that are fetched into another folder, so that it is a data set.
CARDS = ("samples.csv", "dataset.toml", "README.md")


@dataclass(frozen=True)
class Item:
    """A row of ``samples.csv`` as the fetch sees it.

    Attributes:
        sample: the row as runs see it.
        origin: as the row states it.
        recipe: what was made of it.
        bytes: size of the sample, 0 where it is not stated.
        source: where it comes from, or None where it is left out.
        why: it is left out: one line.
    """

    sample: Sample
    origin: str
    recipe: str
    bytes: int
    source: Origin | None
    why: str = ""

    def expected(self) -> Expected:
        """What comes from the origin, which is the sample itself unless something was made of it."""
        from bench.transfer import Expected  # the client of HTTP is not for lists

        if self.recipe:
            return Expected(LARGEST)
        return Expected(self.bytes or LARGEST, self.bytes or None, self.sample.sha256)


@dataclass(frozen=True)
class Row:
    """A line of the report: ``status`` is present, fetched, failed or left_out."""

    path: str
    status: str
    code: str = ""
    detail: str = ""
    origin: str = ""


def items(dataset: Dataset) -> list[Item]:
    """Every sample, with where it comes from or why it is left out; none for a data set that states no origins."""
    with (dataset.folder / "samples.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "origin" not in rows[0]:
        return []
    pinned = origins.archives(dataset.card)
    return [_item(sample, row, pinned) for sample, row in zip(dataset.samples, rows, strict=True)]


def _item(sample: Sample, row: Mapping[str, str | None], pinned: Mapping[str, Archive]) -> Item:
    def text(name: str) -> str:
        return (row.get(name) or "").strip()

    size = int(text("bytes")) if text("bytes").isdigit() else 0
    known = (sample, text("origin"), text("recipe"), size)
    if text("licence_class") not in OPEN:
        return Item(*known, None, f"licence: {text('licence_class') or 'no class'} ({sample.licence or 'none stated'})")
    if not sample.sha256:
        return Item(*known, None, "no sha256 is listed, so nothing would tell what came")
    try:
        return Item(*known, origins.parse(text("origin"), pinned))
    except CodedError as error:
        return Item(*known, None, str(error))


def here(dataset: Dataset, partial: bool = False) -> tuple[Dataset, str]:
    """The data set as far as its files are here, for one whose files come from elsewhere; others as they are.

    Its revision then names the files too: figures over a part are no figures over the whole.

    Args:
        dataset: to be measured or checked.
        partial: whether files may be missing that a fetch gets.

    Returns:
        The part, and a line about what is missing, "" where nothing is.

    Raises:
        UserError: nothing is here, or files are missing that a fetch gets and ``partial`` is not set.
    """
    listed = items(dataset)
    absent = [item for item in listed if not item.sample.path.is_file()]
    if not absent:
        return dataset, ""
    gone = {item.sample.id for item in absent}
    left = tuple(sample for sample in dataset.samples if sample.id not in gone)
    to_get = sum(item.source is not None for item in absent)
    line = f"{len(left)} of {len(dataset.samples)} files of {dataset.name} are here"
    if to_get:
        line += f"; washtest dataset fetch {dataset.folder} gets {to_get} more"
    if to_get < len(absent):
        line += f"; {len(absent) - to_get} are not openly licensed, and stay out"
    if not left or (to_get and not partial):
        raise UserError(line + ("; --present measures those that are here" if left else ""))
    ids = "\n".join([dataset.revision, *(sample.id for sample in left)])
    return replace(dataset, samples=left, revision=hashlib.sha256(ids.encode()).hexdigest()[:16]), line


def nothing_to_fetch(dataset: Dataset) -> str:
    """A line about a data set that states no origins, whose files are all here.

    Raises:
        UserError: some are missing.
    """
    absent = [sample.path for sample in dataset.samples if not sample.path.is_file()]
    if absent:
        raise UserError(
            f"{len(absent)} of {len(dataset.samples)} files of {dataset.name} are missing, e.g. {absent[0]}, and "
            "samples.csv has no column origin that says where they come from; copy them there"
        )
    return f"{dataset.name} has nothing to fetch: its {len(dataset.samples)} files came with it, in {dataset.folder}"


def fetch_dataset(
    folder: Path,
    into: Path | None = None,
    mirror: str = "",
    patience: Patience | None = None,
    step: Callable[[Row], object] = lambda row: None,
) -> list[Row]:
    """Fetch what is open and not here yet, one file at a time; the same call again goes on where it was stopped.

    Args:
        folder: of the data set.
        into: where the files go, ``folder`` itself by default; the card is copied there.
        mirror: address that is asked instead of the origins, as ``MIRROR/host/path``.
        patience: with servers.
        step: told each row as it is known.

    Returns:
        A row for each sample in the order of ``samples.csv``, which ``fetch.csv`` holds too.

    Raises:
        UserError: the data set states no origins, or ``into`` cannot be written.
    """
    whole = load_dataset(folder)
    if not items(whole):
        raise UserError(nothing_to_fetch(whole))
    into = folder if into is None else into
    if into.resolve() != folder.resolve():
        for name in CARDS:
            if (folder / name).is_file():
                write_whole(into / name, (folder / name).read_bytes())
    dataset = load_dataset(into)
    listed = items(dataset)
    rows: dict[str, Row] = {}

    def report(item: Item, status: str, code: str = "", detail: str = "") -> None:
        path = item.sample.path.relative_to(into).as_posix()
        rows[path] = Row(path, status, code, detail, item.origin)
        step(rows[path])

    with writing(into), tempfile.TemporaryDirectory(dir=into, prefix=".fetch-") as text:
        wanted = []
        for item in listed:
            if _is_here(item.sample):
                report(item, "present")
            elif item.source is None:
                report(item, "left_out", "E_LEFT_OUT", item.why)
            else:
                wanted.append(item)
        work = _Work(into, Path(text), mirror, patience)
        for item, error in work.all(wanted):
            if error is None:
                report(item, "fetched")
            else:
                report(item, "failed", error.code, error.detail)
    found = [rows[item.sample.path.relative_to(into).as_posix()] for item in listed]
    write_report(into / REPORT, found)
    return found


def write_report(path: Path, rows: list[Row]) -> None:
    """``fetch.csv``, whole or not at all."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("path", "status", "code", "detail", "origin"))
    writer.writerows((row.path, row.status, row.code, row.detail, row.origin) for row in rows)
    write_whole(path, out.getvalue())


def _is_here(sample: Sample) -> bool:
    try:
        return digest_of(sample.path) == sample.sha256
    except OSError:
        return False


@dataclass(frozen=True)
class _Work:
    """Where things go while they are fetched.

    Attributes:
        into: the data set's folder.
        scratch: inside it, emptied at the end.
        mirror, patience: as ``transfer.fetch`` takes them.
    """

    into: Path
    scratch: Path
    mirror: str
    patience: Patience | None

    def all(self, wanted: list[Item]) -> Iterator[tuple[Item, CodedError | None]]:
        """Each item with what went wrong, archives after the files that have an address of their own."""
        by_archive: dict[Archive, list[Item]] = {}
        for item in wanted:
            if item.source is not None and item.source.archive is not None:
                by_archive.setdefault(item.source.archive, []).append(item)
            else:
                yield item, self._alone(item)
        for archive, packed in by_archive.items():
            yield from self._unpacked(archive, packed)

    def _alone(self, item: Item) -> CodedError | None:
        from bench.transfer import fetch

        assert item.source is not None
        # What a broken line left lies beside the file, where the next start finds it.
        item.sample.path.parent.mkdir(parents=True, exist_ok=True)
        raw = self.scratch / "origin" if item.recipe else item.sample.path
        try:
            fetch(item.source.url, raw, item.expected(), self.patience, self.mirror)
        except CodedError as error:
            return error
        return self._kept(item, raw.read_bytes()) if item.recipe else None

    def _unpacked(self, archive: Archive, packed: list[Item]) -> Iterator[tuple[Item, CodedError | None]]:
        from bench.transfer import Expected, fetch

        kept = self.into / f".{archive.sha256[:16]}.archive"
        by_path: dict[str, list[Item]] = {}
        for item in packed:
            by_path.setdefault(item.source.path if item.source else "", []).append(item)
        limits = {path: max(item.expected().limit for item in group) for path, group in by_path.items()}
        failure = CodedError("E_MEMBER", f"{archive.name} has no such file of at most the listed size")
        try:
            fetch(archive.url, kept, Expected(archive.bytes, archive.bytes, archive.sha256), self.patience, self.mirror)
            for path, data in origins.members(kept, limits):
                for item in by_path.pop(path, []):
                    yield item, self._kept(item, data)
        except CodedError as error:
            failure = error
        finally:
            kept.unlink(missing_ok=True)
        for group in by_path.values():
            yield from ((item, failure) for item in group)

    def _kept(self, item: Item, data: bytes) -> CodedError | None:
        """Write what the recipe makes of a file, if that is the sample."""
        try:
            made = origins.cook(data, item.recipe)
        except CodedError as error:
            return error
        digest = hashlib.sha256(made).hexdigest()
        if digest != item.sample.sha256:
            how = f" by {item.recipe}" if item.recipe else ""
            return CodedError("E_DIGEST", f"SHA-256 {digest[:16]}...{how}, not {item.sample.sha256[:16]}...")
        write_whole(item.sample.path, made)
        return None


def space_needed(listed: list[Item]) -> tuple[int, int]:
    """Bytes that a fetch moves, and bytes that it keeps at most, of the items that it gets."""
    wanted = [item for item in listed if item.source is not None]
    packed = {item.source.archive for item in wanted if item.source is not None and item.source.archive is not None}
    alone = sum(item.bytes for item in wanted if item.source is not None and item.source.archive is None)
    return alone + sum(archive.bytes for archive in packed), sum(item.bytes for item in wanted)
