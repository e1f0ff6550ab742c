"""The schema between the two halves: what the harness writes and the analysis reads.

Three tidy tables, one row per fact, as Parquet shards in ``<run>/records/<table>/``, and ``run.json`` beside them.
A shard is three files of one name; its ``views`` file is written last and so commits the other two.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

#: Raised when a column changes its meaning or goes; a new column alone does not raise it.
SCHEMA_VERSION = 1

#: One row per file looked at: a sample, in a regime, with a label bundle, after an attack.
VIEWS: dict[str, str] = {
    "key": "string",  # view_key(): known before the view is made
    "sample": "string",
    "truth": "string",  # human, ai, ai_edited
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
}

TRUTHS = ("human", "ai", "ai_edited")
SPLITS = ("train", "calibration", "test")

#: Columns of seconds, in whichever table.
SECONDS = ("seconds", *(name for name in VIEWS if name.startswith("seconds")))

#: Columns that say where a record comes from and what it cost; nothing is judged by them, so they are not loaded.
NOT_JUDGED = ("run", "generator", "sha256", *SECONDS)

TABLES: dict[str, dict[str, str]] = {"readings": READINGS, "scores": SCORES, "views": VIEWS}


def view_key(*parts: object) -> str:
    """The key of a view from everything that decides its content; computable before it is made.

    Args:
        parts: sample id and sha256, regime, label bundle, attack repr, run seed, versions that change the output.
    """
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Run:
    """A run folder, as the analysis sees it.

    Attributes:
        folder: where it lies.
        header: ``run.json``.
        views, readings, scores: data frames with the columns above but ``NOT_JUDGED``, texts as categories, ``key``
            a number instead of the text in the files; ``readings`` and ``scores`` hold only rows whose view was
            committed. Row order: native first, then the header's order of attacks, then sample and bundle.
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
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16] + ".parquet"


def read_shard(folder: Path, name: str, header: dict[str, Any]) -> list[bytes]:
    """The three files of a shard, in the order of ``TABLES``, checked against the hash that is their name.

    Args:
        folder: of the run.
        name: of the shard; names that are no hash, as other writers may choose, are not checked.
        header: of the run, which says how to make the shard again.

    Raises:
        UserError: a file that is missing, or a bit that changed.
    """
    try:
        parts = [(folder / "records" / table / name).read_bytes() for table in TABLES]
    except OSError as error:
        raise _damaged(folder, name, header, error.strerror or str(error)) from None
    if re.fullmatch(r"[0-9a-f]{16}\.parquet", name) and shard_name(parts) != name:
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
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    header = read_header(folder)
    parts: dict[str, list[pd.DataFrame]] = {table: [] for table in TABLES}
    seen = 0
    for path in shard_files(folder, "views"):
        files = read_shard(folder, path.name, header)
        try:
            shard = {table: _frame(data, table) for table, data in zip(TABLES, files, strict=True)}
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:  # a damaged footer gives any of them
            raise _damaged(folder, path.name, header, error) from None
        # A shard holds its views with everything about them, so the text keys are resolved here and go no further:
        # a million of them cost more memory than all the other columns.
        own = pd.Index(shard["views"]["key"])
        for table in ("readings", "scores"):
            at = own.get_indexer(pd.Index(shard[table]["key"]))
            shard[table] = shard[table][at >= 0].assign(key=at[at >= 0] + seen)
        seen += len(own)
        for table, frame in shard.items():
            parts[table].append(frame)
    views = _joined(parts.pop("views"), VIEWS)
    attacks = {attack["name"]: i for i, attack in enumerate(header["attacks"])}
    order = pd.DataFrame(
        {
            "regime": -views["regime"].map({"native": 1}).astype(float).fillna(0),
            "attack": views["attack"].map(attacks).astype(float),
            "sample": views["sample"].astype(str),
            "bundle": views["bundle"].astype(str),
            "key": views["key"].astype(str),
        }
    ).sort_values(["regime", "attack", "sample", "bundle", "key"], kind="stable")
    kept = order.index[~order["key"].duplicated()].to_numpy()
    rank = np.full(len(views), -1, np.int64)
    rank[kept] = np.arange(len(kept))
    views = views.iloc[kept].assign(key=np.arange(len(kept))).reset_index(drop=True)
    tables = {"views": views}
    for table, second in (("readings", ["label", "position"]), ("scores", ["detector"])):
        frame = _joined(parts.pop(table), TABLES[table])
        frame["key"] = rank[frame["key"].to_numpy(np.int64)]
        names = frame[second].astype(str).assign(key=frame["key"]).sort_values(["key", *second], kind="stable")
        names = names[(names["key"] >= 0) & ~names.duplicated()]
        tables[table] = frame.loc[names.index].reset_index(drop=True)
    return Run(folder, header, **tables)


def _frame(data: bytes, table: str) -> pd.DataFrame:
    """A shard's file of one table, without the columns that nothing is judged by."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [name for name in TABLES[table] if name not in NOT_JUDGED]
    texts = [name for name in columns if TABLES[table][name] == "string" and name != "key"]
    read = pq.read_table(pa.BufferReader(data), columns=columns, read_dictionary=texts, page_checksum_verification=True)
    frame: pd.DataFrame = read.to_pandas()
    return frame


def _joined(parts: list[pd.DataFrame], columns: dict[str, str]) -> pd.DataFrame:
    """The shards' frames end to end, texts as categories of one common list."""
    import pandas as pd
    from pandas.api.types import union_categoricals

    names = [name for name in columns if name not in NOT_JUDGED]
    if not parts:
        return pd.DataFrame({name: [] for name in names})
    joined = {}
    for name in names:
        values = [part.pop(name) for part in parts]
        if isinstance(values[0].dtype, pd.CategoricalDtype):
            # A shard in which a column is all null has a list of no type; give every list the same one.
            values = [value.cat.set_categories(value.cat.categories.astype("str")) for value in values]
            joined[name] = pd.Series(union_categoricals(values))
        else:
            joined[name] = pd.concat(values, ignore_index=True)
    return pd.DataFrame(joined)
