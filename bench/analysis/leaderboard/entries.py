"""The runs that the boards are made of, as they lie in a folder of results."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis import tables
from bench.errors import UserError
from bench.records import TABLES as RECORDS
from bench.records import Run, load, read_header

#: Tables that the boards read: of a submission those about detectors only.
OF_DETECTORS = ("detector_errors", "robustness")
USED = ("label_survival", "watermark_survival", *OF_DETECTORS)

#: Where people's detectors lie: ``<name>.toml`` and its scores, and ``<name>/`` with what they came to.
SUBMISSIONS = "submissions"


@dataclass(frozen=True)
class Ground:
    """What two entries must share to be compared: the same suite on the same files.

    Attributes:
        suite, dataset, revision: as the runs name them.
        digest: of the attacks and of the files by split and truth, which ``--attack`` and ``--limit`` change.
    """

    suite: str
    dataset: str
    revision: str
    digest: str


@dataclass(frozen=True, eq=False)
class Entry:
    """One run.

    Attributes:
        name: its folder, relative to the results.
        header: its ``run.json``.
        tables: ``USED``, by name.
        card: of a submission, whose own detector alone counts; None for a run of ours.
    """

    name: str
    header: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    card: dict[str, Any] | None = None

    @property
    def ground(self) -> Ground:
        """What it may be compared with."""
        header = self.header
        dataset = header.get("dataset", {})
        parts = [[attack["name"] for attack in header.get("attacks", [])], dataset.get("splits"), header.get("seed")]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
        suite = header.get("suite", {}).get("name", "?")
        return Ground(str(suite), str(dataset.get("name", "?")), str(dataset.get("revision", "?")), digest)

    def run(self) -> Run:
        """The header as a run without records, for what asks a run about its attacks and detectors."""
        frames = {name: pd.DataFrame(columns=list(columns)) for name, columns in RECORDS.items()}
        return Run(Path(self.name), self.header, frames["views"], frames["readings"], frames["scores"])


def find(results: Path) -> tuple[list[Entry], list[str]]:
    """The finished runs of a folder by name, those of submissions last, and one line for each that is left out.

    Raises:
        UserError: no such folder, or a run that cannot be read.
    """
    if not results.is_dir():
        raise UserError(f"{results} is not a folder; give the folder whose folders hold run.json")
    entries, left_out = [], []
    for folder, card in _folders(results):
        name = folder.relative_to(results).as_posix()
        if not (folder / "run.json").is_file():
            left_out.append(f"{name} is not measured yet: washtest submission check {folder}.toml --add")
            continue
        header = read_header(folder)
        if not header.get("finished"):
            left_out.append(f"{name} is unfinished: {header.get('command', 'washtest run')}")
        elif card is not None and header.get("submission", {}).get("sha256") != card.get("sha256"):
            left_out.append(f"{name} was measured with other scores: washtest submission check {folder}.toml --add")
        else:
            entries.append(Entry(name, header, _tables(folder, OF_DETECTORS if card else USED), card))
    return entries, left_out


def _folders(results: Path) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Folders of runs, each with its card where it is a submission; whatever else lies there is passed over."""
    for path in sorted(results.glob("*/run.json")):
        yield path.parent, None
    for path in sorted((results / SUBMISSIONS).glob("*.toml")):
        try:
            yield path.with_suffix(""), tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UserError(f"{path} cannot be read: {error}; washtest submission check {path} says more") from None


def _tables(folder: Path, used: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The tables as they were published; made from the records where there are none yet."""
    paths = {name: folder / "tables" / f"{name}.csv" for name in used}
    if not any(path.is_file() for path in paths.values()):
        return tables.make(load(folder), used)
    return {name: _read(path) for name, path in paths.items()}


def _read(path: Path) -> pd.DataFrame:
    mend = f"make it again with: washtest tables {path.parents[1]}"
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); {mend}") from None
    if "attack_family" not in frame:
        raise UserError(f"{path} is no table {path.stem}; {mend}")
    texts = [column for column in frame if not pd.api.types.is_numeric_dtype(frame[column])]
    return frame.fillna(dict.fromkeys(texts, ""))
