"""The schema between the two halves: what the harness writes and the analysis reads.

Three tidy tables, one row per fact, as Parquet shards in ``<run>/records/<table>/``, and ``run.json`` beside them.
A shard is three files of one name; its ``views`` file is written last and so commits the other two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.shards import UnreadableShardError, read_shards

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

#: Raised when a column changes its meaning or goes; a new column alone does not raise it.
SCHEMA_VERSION = 1

#: One row per file looked at: a sample, in a regime, with a label bundle, after an attack.
VIEWS: dict[str, str] = {
    "key": "string",  # view_key(): known before the view is made
    "sample": "string",
    "truth": "string",  # human, ai, ai_edited: of the file looked at, so an edit changes it
    "source": "string",
    "generator": "string",
    "family": "string",  # everything derived from one original
    "split": "string",  # calibration, test (train samples are only fitted on)
    "group": "string",  # subgroup for false-positive rates, "" for none
    "edited_area": "float64",  # share of the picture that was generated (ai_edited)
    "regime": "string",  # native, canonical
    "bundle": "string",  # labels written before the attack, by name; none on human work
    "attack": "string",  # repr
    "attack_family": "string",
    "severity": "float64",
    "channel": "string",
    "source_mime": "string",  # of the file that was attacked (which carrier the label was written into)
    "mime": "string",  # of the file that came out
    "bytes": "int64",  # null while a pixel attack's result was never encoded
    "width": "int32",
    "height": "int32",
    "sha256": "string",  # of the encoded file, null like bytes
    "psnr": "float64",  # dB against the clean view of equal size, null where sizes differ, inf where equal
    "ssim": "float64",
    "seconds_prepare": "float64",  # reading, decoding and labelling the file; on the first view that starts from it
    "seconds_attack": "float64",
    "seconds_saved": "float64",  # what the attack took when it was made, where its result was read back; else null
    "seconds_decode": "float64",
    "seconds_quality": "float64",
    "status": "string",  # ok, error, unavailable, not_applicable
    "code": "string",
    "detail": "string",
}

#: One row per label that a reader looked for in a view.
READINGS: dict[str, str] = {
    "key": "string",
    "label": "string",
    "position": "string",
    "written": "bool",  # whether this label was written into the file before the attack
    "state": "string",
    "declares_ai": "bool",
    "integrity": "string",
    "credential": "string",
    "fields_kept": "int32",
    "fields_expected": "int32",
    "bit_accuracy": "float64",
    "p_value": "float64",
    "seconds": "float64",
    "code": "string",
    "detail": "string",
}

#: One row per detector that looked at a view.
SCORES: dict[str, str] = {
    "key": "string",
    "detector": "string",
    "value": "float64",  # raw; null unless status is ok
    "status": "string",  # ok, abstain, error, unavailable
    "seconds": "float64",
    "code": "string",
    "detail": "string",
    "repeat_difference": "float64",  # between two more answers about the same file; null where it was not asked again
}

TRUTHS = ("human", "ai", "ai_edited")
SPLITS = ("train", "calibration", "test")

#: Columns of seconds, in whichever table.
SECONDS = ("seconds", *(name for name in VIEWS if name.startswith("seconds")))

#: Those of them that were spent in the run.
SPENT = tuple(name for name in SECONDS if name != "seconds_saved")

#: Columns that say where a record comes from and what it cost; nothing is judged by them, so they are not loaded. Of
#: repeats there are few, in a column of their own so that the values stay what was answered first.
NOT_JUDGED = ("run", "generator", "sha256", "repeat_difference", *SECONDS)

TABLES: dict[str, dict[str, str]] = {"readings": READINGS, "scores": SCORES, "views": VIEWS}


def view_key(*parts: object) -> str:
    """The key of a view from everything that decides its content; computable before it is made.

    Args:
        parts: sample id and sha256, regime, label bundle, attack repr, run seed, versions that change the output.
    """
    import hashlib

    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Run:
    """A run folder, as the analysis sees it.

    Attributes:
        folder: where it lies.
        header: ``run.json``.
        views, readings, scores: data frames with the columns above but ``NOT_JUDGED``, texts as categories, ``key``
            the row number of the view instead of the text in the files; ``readings`` and ``scores`` hold only rows
            whose view was committed. Row order: native first, then the header's order of attacks, then sample and
            bundle.
    """

    folder: Path
    header: dict[str, Any]
    views: pd.DataFrame
    readings: pd.DataFrame
    scores: pd.DataFrame


def read_header(folder: Path) -> dict[str, Any]:
    """``run.json`` of a run folder, checked for its schema version.

    Raises:
        UserError: no run there, an unreadable header, or one of another schema version.
    """
    path = folder / "run.json"
    try:
        header: dict[str, Any] = json.loads(path.read_text("utf-8"))
        version = int(header["schema_version"])
    except FileNotFoundError:
        raise UserError(f"{folder} holds no run (no run.json); make one with: washtest run --out {folder}") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path} cannot be read as a run header ({error}); run the suite into a new folder") from None
    if version < SCHEMA_VERSION:
        raise UserError(
            f"{path} is of schema {version}, older than {SCHEMA_VERSION}, and cannot be converted; run the suite again "
            "into a new folder (--out)"
        )
    if version > SCHEMA_VERSION:
        raise UserError(f"{path} is of schema {version}, newer than {SCHEMA_VERSION}; upgrade washtest to read it")
    return header


def shard_files(folder: Path, table: str) -> list[Path]:
    """The committed shard files of one table, by name (temporary files start with a dot and do not count)."""
    committed = {p.name for p in (folder / "records" / "views").glob("[!.]*.parquet")}
    return sorted(p for p in (folder / "records" / table).glob("[!.]*.parquet") if p.name in committed)


def shard_name(parts: Sequence[bytes]) -> str:
    """The name of a shard is the hash of its three files, so that a changed bit anywhere in them shows.

    Args:
        parts: the content of the files, in the order of ``TABLES``.
    """
    import hashlib

    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16] + ".parquet"


def is_hash_of_content(name: str) -> bool:
    """Whether a shard is named by ``shard_name``; other writers may choose other names."""
    return bool(re.fullmatch(r"[0-9a-f]{16}\.parquet", name))


def read_shard(folder: Path, name: str, header: dict[str, Any]) -> list[bytes]:
    """The three files of a shard, in the order of ``TABLES``, checked against the hash that is their name.

    Args:
        folder: of the run.
        name: of the shard; names that are no hash are not checked.
        header: of the run, which says how to make the shard again.

    Raises:
        UserError: a file that is missing, or a bit that changed.
    """
    try:
        parts = [(folder / "records" / table / name).read_bytes() for table in TABLES]
    except OSError as error:
        raise _damaged(folder, name, header, error.strerror or str(error)) from None
    if is_hash_of_content(name) and shard_name(parts) != name:
        raise _damaged(folder, name, header, "its files do not match the hash in their name")
    return parts


def _damaged(folder: Path, name: str, header: dict[str, Any], why: object) -> UserError:
    command = header.get("command") or "washtest run"
    return UserError(f"shard {name} of {folder} is damaged ({why}); the same run mends it: {command}")


def load(folder: Path) -> Run:
    """The records of a run, in an order that does not depend on how many workers or shards made them.

    Raises:
        UserError: as ``read_header``, or a shard that cannot be read.
    """
    header = read_header(folder)
    for path in shard_files(folder, "views"):
        read_shard(folder, path.name, header)
    try:
        return Run(folder, header, **_tables(folder, header))
    except UnreadableShardError as error:
        raise _damaged(folder, error.name, header, error.why) from None


def _tables(folder: Path, header: dict[str, Any]) -> dict[str, pd.DataFrame]:
    import numpy as np

    views, keys = _read(folder, "views")
    own = keys.combine_chunks()
    attacks = {str(attack["name"]): i for i, attack in enumerate(header["attacks"])}
    order = _in_place(_place(views, {"regime": {"native": 0}, "attack": attacks, "sample": None, "bundle": None}), own)
    rank = np.full(len(views), -1, np.int64)
    rank[order] = np.arange(len(order))
    tables = {"views": views.iloc[order].reset_index(drop=True)}
    tables["views"].insert(0, "key", np.arange(len(order)))
    for table, second in (("readings", ("label", "position")), ("scores", ("detector",))):
        frame, keys = _read(folder, table)
        key = _resolved(keys, own, rank)
        place = _place(frame, dict.fromkeys(second), key)
        order = np.argsort(place, kind="stable")
        place, key = place[order], key[order]
        kept = np.append(True, place[1:] != place[:-1])[: len(place)] & (key >= 0)
        if not kept.all():
            order, key = order[kept], key[kept]
        tables[table] = frame.iloc[order].reset_index(drop=True)
        tables[table].insert(0, "key", key)
    return tables


def _read(folder: Path, table: str) -> tuple[pd.DataFrame, pa.ChunkedArray]:
    columns = {name: kind for name, kind in TABLES[table].items() if name not in NOT_JUDGED}
    return read_shards(shard_files(folder, table), columns, repeated=table != "views")


def _place(
    frame: pd.DataFrame, by: Mapping[str, Mapping[str, int] | None], place: npt.NDArray[np.int64] | int = 0
) -> npt.NDArray[np.int64]:
    """One number per row that sorts like these columns of texts, after ``place``, without sorting any row's text.

    Args:
        frame: the rows.
        by: column -> place of each text, None for the alphabet; texts without one come after, missing ones last.
        place: what comes first.
    """
    import numpy as np

    for name, given in by.items():
        words = [str(word) for word in frame[name].cat.categories]
        known = given if given is not None else {word: i for i, word in enumerate(sorted(words))}
        last = max(known.values(), default=-1) + 1
        ranks = np.array([*(known.get(word, last) for word in words), last + (given is None)], np.int64)
        place = place * (last + 2) + ranks[frame[name].cat.codes.to_numpy()]
    return np.asarray(place, np.int64)


def _resolved(texts: pa.ChunkedArray, own: pa.Array, rank: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The number of each row's view; -1 where it was never committed.

    A view's key stands in each row about it, so it is looked up once per list of distinct keys, not once per row.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(texts):
        return np.empty(0, np.int64)
    lists = pa.chunked_array([chunk.dictionary for chunk in texts.chunks])
    numbers = np.append(rank, -1)[pc.fill_null(pc.index_in(lists, own), -1).to_numpy()]
    found = np.empty(len(texts), np.int64)
    row = entry = 0
    for chunk in texts.chunks:
        listed = numbers[entry : entry + len(chunk.dictionary)]
        found[row : row + len(chunk)] = listed[chunk.indices.to_numpy()]
        row, entry = row + len(chunk), entry + len(chunk.dictionary)
    return found


def _in_place(place: npt.NDArray[np.int64], own: pa.Array) -> npt.NDArray[np.int64]:
    """Which views to keep, in the order of their places: each key once, and keys decide between views of one place."""
    import numpy as np

    order = np.argsort(place, kind="stable")
    if (place[order[1:]] != place[order[:-1]]).all():
        return order
    _, text = np.unique(own.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    order = np.lexsort((text, place))
    first: npt.NDArray[np.bool_] = np.append(True, text[order[1:]] != text[order[:-1]])
    return order[first]
