"""The run folder: a lock, ``run.json``, and Parquet shards that are either whole or not there.

A shard is written to a temporary file, synced and renamed; of its three files ``views`` comes last and commits the
others. A run that is killed loses the shard in flight and nothing else.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.files import clear_leftovers, replacing, write_whole, writing
from bench.records import TABLES, read_header, shard_files, shard_name
from bench.shards import read_table

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.harness.mirror import Mirror

#: A shard is closed after so many views or so many seconds, whichever comes first.
SHARD_VIEWS, SHARD_SECONDS = 1000, 10.0
#: A finished run's shards are joined until they hold so many views: opening thousands of files takes longer than
#: reading what is in them.
JOINED_VIEWS = 10_000
#: They are joined in groups of so many rows.
GROUP_ROWS = 20_000
#: How every file is written.
FORM: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


class Store:
    """Writes the records of one run; one process at a time may.

    Args:
        folder: the run's folder, made where missing.
        mirror: a copy elsewhere, kept beside it.
        say: told, in a line, what it waits for.

    Raises:
        UserError: the folder or the mirror cannot be written, or another process is writing to it.
    """

    def __init__(
        self, folder: Path, mirror: Mirror | None = None, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.folder = folder
        self.mirror = mirror
        self._say = say
        self._buffer: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        self._opened = time.monotonic()
        self._lock = -1

    def __enter__(self) -> Store:
        with writing(self.folder):
            for table in TABLES:
                (self.folder / "records" / table).mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            import fcntl

            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass  # no such locks on this system
        except OSError:
            os.close(self._lock)
            raise UserError(
                f"{self.folder} is being written by another run; wait for it or choose another --out"
            ) from None
        try:
            clear_leftovers(self.folder)
            if self.mirror:
                self.mirror.claim(self._name(), self._say)
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.mirror:
            self.mirror.release()
        # Released by closing; the file stays, since removing it would let two runs hold two locks of one name.
        os.close(self._lock)

    def _name(self) -> str:
        """One word for this folder, kept in its lock: who holds that is the only one to use it."""
        name = os.read(self._lock, 64).decode("ascii", "replace")
        if not name:
            name = uuid.uuid4().hex
            with writing(self.folder):
                os.write(self._lock, name.encode())
        return name

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a worker process must not keep open."""
        return (self._lock,)

    def done(self) -> set[str]:
        """The keys of all views on disk. Shards that are torn or altered are removed: they are made again.

        With a mirror, the shards that only one of the two places holds whole are copied to the other first.
        """
        keys: set[str] = set()
        committed = {path.name for path in shard_files(self.folder, "views")}
        for table in TABLES:
            for path in (self.folder / "records" / table).iterdir():
                if path.name not in committed:
                    path.unlink()  # a temporary file, or a shard whose views were never written
        there = self.mirror.shards() if self.mirror else set()
        for name in sorted(committed | there):
            paths = [self.folder / "records" / table / name for table in TABLES]
            try:
                parts = [path.read_bytes() for path in paths]
            except OSError:
                parts = []
            if shard_name(parts) != name:
                self._unlink(name)
                found = self.mirror.read_shard(name) if self.mirror and name in there else None
                if found is None:
                    continue
                parts = found
                self._write(name, parts)
            elif self.mirror and name not in there:
                self.mirror.write_shard(name, parts)
            keys.update(read_table(parts[-1], ["key"])["key"].to_pylist())
        return keys

    def add(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Take the rows of one sample; a full shard is written at once.

        Raises:
            UserError: the disk is full or cannot be written; what was committed stays.
        """
        for table, more in rows.items():
            self._buffer[table].extend(more)
        if len(self._buffer["views"]) >= SHARD_VIEWS or time.monotonic() - self._opened > SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what is buffered."""
        if self._buffer["views"]:
            self.commit(parquet_files(self._buffer))
            for rows in self._buffer.values():
                rows.clear()
        self._opened = time.monotonic()

    def commit(self, parts: Sequence[bytes]) -> str:
        """Write the three files of a shard, in the order of ``TABLES``; returns its name."""
        name = shard_name(parts)
        self._write(name, parts)
        if self.mirror:
            self.mirror.write_shard(name, parts)
        return name

    def remove(self, name: str) -> None:
        """Take a shard away, views first: without them the others do not count."""
        self._unlink(name)
        if self.mirror:
            self.mirror.remove_shard(name)

    def _write(self, name: str, parts: Sequence[bytes]) -> None:
        with writing(self.folder):
            for table, part in zip(TABLES, parts, strict=True):  # in this order: views last
                with replacing(self.folder / "records" / table / name) as temporary:
                    temporary.write_bytes(part)

    def _unlink(self, name: str) -> None:
        for table in reversed(TABLES):
            (self.folder / "records" / table / name).unlink(missing_ok=True)

    def compact(self) -> None:
        """Join the shards of a finished run into larger ones.

        The new shard is whole before the old ones go. Killed in between, both stay, and ``load`` takes each row once.
        """
        import pyarrow as pa

        usual = pa.default_memory_pool()
        pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps what it had, for every file read here
        try:
            self._compact()
        finally:
            pa.set_memory_pool(usual)

    def _compact(self) -> None:
        import pyarrow.parquet as pq

        waiting: list[Path] = []
        views = 0
        for path in shard_files(self.folder, "views"):
            n = pq.read_metadata(path).num_rows
            if waiting and views + n > JOINED_VIEWS:
                self._join(waiting)
                waiting, views = [], 0
            waiting.append(path)
            views += n
        self._join(waiting)

    def _join(self, shards: Sequence[Path]) -> None:
        """One shard instead of these; a single one stays as it is."""
        if len(shards) < 2:
            return
        parts = [_joined([self.folder / "records" / table / path.name for path in shards]) for table in TABLES]
        joined = self.commit(parts)
        for path in shards:
            if path.name != joined:
                self.remove(path.name)

    def headers(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The headers that are there already: option that names the place, place, header; the folder's first."""
        found = []
        if (self.folder / "run.json").exists():
            found.append(("--out", str(self.folder), read_header(self.folder)))
        if self.mirror and (header := self.mirror.header()):
            found.append(("--mirror", self.mirror.url, header))
        return found

    def write_header(self, header: dict[str, Any]) -> None:
        """``run.json``, whole or not at all."""
        text = json.dumps(header, indent=1, ensure_ascii=False) + "\n"
        write_whole(self.folder / "run.json", text)
        if self.mirror:
            self.mirror.write_header(text)

    def join_models(self) -> None:
        """Copy fitted models to the mirror, and those that only it has from there."""
        if self.mirror:
            self.mirror.join_models(self.folder)


def parquet_files(rows: dict[str, list[dict[str, Any]]]) -> list[bytes]:
    """The three files of a shard that holds these rows, in the order of ``TABLES``."""
    return [_parquet(columns, rows[table]) for table, columns in TABLES.items()]


def _parquet(columns: dict[str, str], rows: list[dict[str, Any]]) -> bytes:
    """Rows as a Parquet file; columns that a row lacks are null."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "float64": pa.float64(),
        "int64": pa.int64(),
        "int32": pa.int32(),
        "bool": pa.bool_(),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    try:
        table = pa.table({name: [row.get(name) for row in rows] for name in columns}, schema=schema)
    except UnicodeEncodeError:  # half a surrogate pair, out of somebody's label or file name
        table = pa.table({name: [_writable(row.get(name)) for row in rows] for name in columns}, schema=schema)
    return _file(table)


def _file(table: pa.Table) -> bytes:
    import io

    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(table, out, **FORM)
    return out.getvalue()


def _joined(paths: Sequence[Path]) -> bytes:
    """One file of the rows of these, of which no more than ``GROUP_ROWS`` and a file's are in memory at a time."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    # A column that an older version of this schema did not have is null there.
    schema = pa.unify_schemas([pq.read_schema(path) for path in paths])
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema, **FORM) as writer:
        waiting: list[pa.Table] = []
        for path in paths:
            # Not as a data set, whose threads this process would keep when workers are forked later.
            waiting.append(pq.ParquetFile(path).read())
            if path is paths[-1] or sum(len(table) for table in waiting) >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting, promote_options="default").select(schema.names))
                waiting = []
    return out.getvalue()


def _writable(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
