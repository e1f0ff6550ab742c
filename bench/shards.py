"""Reads the Parquet shards of one table into a data frame, shard after shard: never two copies of it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


class UnreadableShardError(Exception):
    """A shard that cannot be read.

    Attributes:
        name: of its file.
        why: one line.
    """

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"{name}: {why}")


def read_shards(
    paths: Sequence[Path], columns: Mapping[str, str], repeated: bool
) -> tuple[pd.DataFrame, pa.ChunkedArray]:
    """All shards end to end, texts as categories of one common list, and the text keys apart.

    Args:
        paths: of the shards.
        columns: name -> string, float64, int64, int32 or bool; ``key`` is one of them.
        repeated: whether a key stands in several rows; then each shard's keys are a list and places in it.

    Raises:
        UnreadableShardError: or one that lacks a column.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as ds

    text = pa.dictionary(pa.int32(), pa.string())
    kinds = {"string": text, "float64": pa.float64(), "int64": pa.int64(), "int32": pa.int32(), "bool": pa.bool_()}
    schema = {name: kinds[kind] for name, kind in columns.items()}
    schema["key"] = text if repeated else pa.string()
    texts = [name for name, kind in schema.items() if kind == text]
    form = ds.ParquetFileFormat(dictionary_columns=texts, page_checksum_verification=True)
    try:
        found = ds.dataset([str(path) for path in paths], schema=pa.schema(schema), format=form)
        n = 0
        for path, fragment in zip(paths, found.get_fragments(), strict=True):
            if missing := columns.keys() - set(fragment.physical_schema.names):
                raise KeyError(f"{path} lacks {', '.join(sorted(missing))}")
            n += fragment.metadata.num_rows
        parts = {name: _Part(n, kind) for name, kind in columns.items() if name != "key"}
        keys = []
        # Arrow's own pool touches fresh memory for every column, which costs more than reading on some systems.
        # One batch read ahead: by default it decodes up to 16, four files at once, before the first is asked for.
        ahead = {"batch_readahead": 1, "fragment_readahead": 1}
        for batch in found.to_batches(memory_pool=pa.system_memory_pool(), **ahead):
            keys.append(batch.column("key"))
            for name, part in parts.items():
                part.add(batch.column(name))
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:  # a damaged footer gives any of them
        raise _damaged(paths, list(columns), error) from None
    frame = pd.DataFrame({name: part.column() for name, part in parts.items()}, index=np.arange(n), copy=False)
    return frame, pa.chunked_array(keys, schema["key"])


def read_table(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file that lies in memory; these columns of it, or all.

    Read by the calling thread alone. ``pyarrow.parquet.read_table`` has threads of Arrow's read, and one of them may be
    the last to let go of ``data``, for which it needs Python's lock: where the interpreter is leaving by then, it gets
    none and the process ends in "terminate called without an active exception" (SIGABRT) after all its work.

    Raises:
        OSError, pyarrow.ArrowException: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
    return file.read(columns=None if columns is None else list(columns), use_threads=False)


class _Part:
    """One column, filled piece by piece."""

    def __init__(self, n: int, kind: str) -> None:
        import numpy as np

        self._kind, self._filled, self._nulls = kind, 0, 0
        # Integers fit into floats here, which have a place for nulls.
        self._values: np.ndarray = np.empty(n, np.int32 if kind in ("string", "bool") else np.float64)
        self._words: dict[str, int] = {}

    def add(self, array: pa.Array) -> None:
        import numpy as np

        out = self._values[self._filled : self._filled + len(array)]
        self._filled += len(array)
        self._nulls += array.null_count
        if self._kind == "string":
            words = array.dictionary.to_pylist()
            places = np.array([*(self._words.setdefault(word, len(self._words)) for word in words), -1], np.int32)
            np.take(places, array.indices.fill_null(-1).to_numpy(), out=out, mode="wrap")
        elif self._kind == "bool":
            out[:] = array.cast("int8").fill_null(-1).to_numpy()
        else:
            out[:] = array.to_numpy(zero_copy_only=False)

    def column(self) -> Any:
        import numpy as np
        import pandas as pd

        if self._kind == "string":
            return pd.Categorical.from_codes(self._values, pd.Index(list(self._words), dtype="str"))
        if self._kind == "bool":
            return np.array([False, True, None], object)[self._values] if self._nulls else self._values.astype(bool)
        return self._values if self._nulls else self._values.astype(self._kind, copy=False)


def _damaged(paths: Sequence[Path], columns: Sequence[str], error: Exception) -> UnreadableShardError:
    """Names the shard that cannot be read: all are read together, and the error alone does not say which."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    at = paths[0]
    for path in paths:
        try:
            found = pq.read_table(path, page_checksum_verification=True).column_names
        except (OSError, pa.ArrowException, ValueError, KeyError) as own:
            at, error = path, own
            break
        if missing := [name for name in columns if name not in found]:
            at, error = path, ValueError(f"no column {', '.join(missing)}")
            break
    return UnreadableShardError(at.name, str(error))
