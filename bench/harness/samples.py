"""A data set on disk: ``samples.csv``, optionally ``dataset.toml``, and the files they name.

``samples.csv`` needs the columns ``path`` and ``truth``; it may have ``id``, ``source``, ``generator``, ``family``,
``split``, ``licence``, ``group``, ``sha256``, ``mask`` and ``edited_area``, and any others, which are left alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import CodedError, UserError, unknown
from bench.media import Media
from bench.records import SPLITS, TRUTHS

#: Shares of the splits where the data set names none. 30 % for calibration: alpha = 1 % needs 100 human files there.
SPLIT_SHARES = (0.3, 0.3, 0.4)


@dataclass(frozen=True)
class Sample:
    """One labelled file.

    Attributes:
        id: unique in its data set.
        path: the file.
        truth: ``human``, ``ai`` or ``ai_edited``.
        source: the collection it comes from.
        generator: the model that made it, "" for human work.
        family: joins everything derived from one original; a family is never split.
        split: ``train``, ``calibration`` or ``test``.
        licence: of the file, "" for unknown.
        group: subgroup for false-positive rates, "" for none.
        sha256: as the data set states it, "" where it does not.
        mask: picture whose white part was generated (``ai_edited``), or None.
        edited_area: share of the picture that was generated, 0..1, or None.
    """

    id: str
    path: Path
    truth: str
    source: str
    generator: str
    family: str
    split: str
    licence: str = ""
    group: str = ""
    sha256: str = ""
    mask: Path | None = None
    edited_area: float | None = None

    @property
    def media(self) -> Media:
        """The file, read anew at each use so that a data set of any size fits into memory.

        Raises:
            CodedError: as ``Media.read``; ``E_CHANGED`` when it is not the file the data set describes.
        """
        try:
            media = Media.read(self.path)
        except CodedError as error:  # records are published: they name the sample, not a folder of this machine
            raise type(error)(error.code, error.detail.replace(str(self.path), self.id)) from None
        if self.sha256 and media.sha256 != self.sha256:
            raise CodedError("E_CHANGED", f"{self.path.name} is not the file whose sha256 samples.csv states")
        return media


@dataclass(frozen=True)
class Dataset:
    """A loaded data set.

    Attributes:
        name: short name.
        title: for people.
        folder: where it lies.
        revision: changes with ``samples.csv``.
        samples: in the order of ``samples.csv``.
        card: the rest of ``dataset.toml``.
        own_splits: whether the data set states the splits itself, instead of by ``split_of``.
    """

    name: str
    title: str
    folder: Path
    revision: str
    samples: tuple[Sample, ...]
    card: dict[str, Any] = field(default_factory=dict)
    own_splits: bool = False

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of samples by split and truth."""
        found = Counter((sample.split, sample.truth) for sample in self.samples)
        return {split: {truth: found[split, truth] for truth in TRUTHS} for split in SPLITS}


def split_of(family: str) -> str:
    """The split that a family belongs to, from its name alone, so that adding data never moves a family."""
    share = int.from_bytes(hashlib.sha256(f"split:{family}".encode()).digest()[:8]) / 2**64
    if share < SPLIT_SHARES[0]:
        return "train"
    return "calibration" if share < SPLIT_SHARES[0] + SPLIT_SHARES[1] else "test"


def dataset_folders() -> list[Path]:
    """The data sets that lie in ``datasets/`` of the working folder or of the checkout this package runs from."""
    roots = [Path.cwd() / "datasets", Path(__file__).resolve().parents[2] / "datasets"]
    found: dict[str, Path] = {}
    for root in roots:
        for table in sorted(root.glob("*/samples.csv")):
            found.setdefault(table.parent.name, table.parent)
    return list(found.values())


def find_dataset(name: str) -> Path:
    """The folder of a data set, by path or by name.

    Raises:
        UserError: neither; says what exists.
    """
    path = Path(name)
    if (path / "samples.csv").is_file():
        return path
    folders = {folder.name: folder for folder in dataset_folders()}
    if name in folders:
        return folders[name]
    if path.is_dir():
        raise UserError(f"{path} has no samples.csv; make one with: washtest dataset import {path} --truth human")
    if path.exists():
        raise UserError(f"{path} is not a folder; a data set is a folder with a samples.csv")
    raise unknown("data set", name, folders)


def load_dataset(folder: Path) -> Dataset:
    """Read ``samples.csv`` and ``dataset.toml``; the files themselves are not opened.

    Raises:
        UserError: one line that names the file, the row and the mend.
    """
    table = folder / "samples.csv"
    try:
        raw = table.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{table} cannot be read: {error}; it must be a UTF-8 CSV file") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = [(reader.line_num, row) for row in reader]
        columns = set(reader.fieldnames or ())
    except csv.Error as error:
        raise UserError(f"{table}, line {reader.line_num}: {error}; it must be a UTF-8 CSV file") from None
    if missing := {"path", "truth"} - columns:
        raise UserError(f"{table} needs the columns path and truth; {' and '.join(sorted(missing))} missing")
    if not rows:
        raise UserError(f"{table} has no rows; add files with: washtest dataset import FOLDER --into {folder}")
    if len(columns) < len(reader.fieldnames or ()):
        raise UserError(f"{table} names a column twice; give each column its own name")
    card = _card(folder)
    samples = tuple(_sample(folder, table, number, row, columns) for number, row in rows)
    twice = [name for name, n in Counter(sample.id for sample in samples).items() if n > 1]
    if twice:
        raise UserError(f"{table}: {len(twice)} ids or paths occur twice, e.g. {twice[0]}; each row needs its own")
    by_family: dict[str, set[str]] = {}
    for sample in samples:
        by_family.setdefault(sample.family, set()).add(sample.split)
    torn = [family for family, splits in by_family.items() if len(splits) > 1]
    if torn:
        raise UserError(f"{table}: {len(torn)} families lie in several splits, e.g. {torn[0]}; give each one split")
    name = str(card.pop("name", folder.resolve().name))
    title = str(card.pop("title", name))
    return Dataset(name, title, folder, hashlib.sha256(raw).hexdigest()[:16], samples, card, "split" in columns)


def _card(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None


def _sample(folder: Path, table: Path, number: int, row: dict[str, str], columns: set[str]) -> Sample:
    def text(name: str) -> str:
        return (row.get(name) or "").strip()

    def inside(name: str) -> Path:
        value = text(name)
        path = Path(value)
        if not value or path.is_absolute() or ".." in path.parts or "\x00" in value:
            raise UserError(f"{table}, line {number}: {name} {value!r} must be a path inside the data set's folder")
        return folder / path

    if None in row:  # where DictReader puts the cells that no column is named for
        raise UserError(f"{table}, line {number} has more cells than columns; put a text with commas in double quotes")
    truth, split = text("truth"), text("split")
    if truth not in TRUTHS:
        raise UserError(f"{table}, line {number}: truth must be one of {', '.join(TRUTHS)}, got {truth!r}")
    path = inside("path")
    family = text("family") or text("id") or text("path")
    if "split" in columns and split not in SPLITS:
        raise UserError(f"{table}, line {number}: split must be one of {', '.join(SPLITS)}, got {split!r}")
    if text("sha256") and not re.fullmatch("[0-9a-fA-F]{64}", text("sha256")):
        raise UserError(f"{table}, line {number}: sha256 must be 64 hexadecimal digits, got {text('sha256')!r}")
    try:
        area = float(text("edited_area")) if text("edited_area") else None
    except ValueError:
        area = -1.0
    if area is not None and not 0 <= area <= 1:
        raise UserError(f"{table}, line {number}: edited_area must be in 0..1, got {text('edited_area')!r}")
    return Sample(
        id=text("id") or text("path").removeprefix("files/"),
        path=path,
        truth=truth,
        source=text("source") or "unknown",
        generator=text("generator") if truth != "human" else "",
        family=family,
        split=split or split_of(family),
        licence=text("licence"),
        group=text("group"),
        sha256=text("sha256").lower(),
        mask=inside("mask") if text("mask") else None,
        edited_area=area,
    )


def limited(samples: tuple[Sample, ...], limit: int | None) -> tuple[Sample, ...]:
    """At most ``limit`` samples, the same ones every time.

    The truths take turns, so that a set of mostly human files still gives AI files to measure on; within a truth the
    splits keep their proportions, and within a split the sources take turns in an order that depends on names only.
    """
    if limit is None or limit >= len(samples):
        return samples
    turn_of: Counter[tuple[str, str, str]] = Counter()
    strata: dict[tuple[str, str], list[tuple[int, str, Sample]]] = {}
    for sample in sorted(samples, key=lambda s: hashlib.sha256(f"limit:{s.family}:{s.id}".encode()).digest()):
        stratum = (sample.truth, sample.split)
        strata.setdefault(stratum, []).append((turn_of[*stratum, sample.source], sample.source, sample))
        turn_of[*stratum, sample.source] += 1
    # A sample's place as a share of its stratum: the smallest shares over the splits make an even draw of a truth.
    by_truth: dict[str, list[tuple[float, str, Sample]]] = {}
    for (truth, split), members in strata.items():
        for i, (_, _, sample) in enumerate(sorted(members, key=lambda member: member[:2])):
            by_truth.setdefault(truth, []).append(((i + 0.5) / len(members), split, sample))
    ranked = [
        (rank, TRUTHS.index(truth), sample.id)
        for truth, places in by_truth.items()
        for rank, (_, _, sample) in enumerate(sorted(places, key=lambda place: place[:2]))
    ]
    kept = {name for _, _, name in sorted(ranked)[:limit]}
    return tuple(sample for sample in samples if sample.id in kept)
