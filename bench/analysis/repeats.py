"""Detectors that answer differently each time: a few files of a run were shown to each of them again.

Only the standard library is imported here, and Arrow where there is something to read: the end of each run asks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.records import shard_files


def unrepeatable(folder: Path, say: Callable[..., str]) -> list[str]:
    """A sentence for each detector of a run that answered differently about the same file.

    Args:
        folder: of the run. Only the few rows of files that were asked about again are read.
        say: in which language.
    """
    found: dict[str, dict[str, float]] = {}
    for path in shard_files(folder, "scores"):
        for detector, key, difference in _repeats(path):
            found.setdefault(detector, {})[key] = difference
    lines = []
    for detector, differences in sorted(found.items()):
        if k := sum(difference > 0 for difference in differences.values()):
            most = max(differences.values())
            told = say("repeats_by", most=f"{most:.2g}") if math.isfinite(most) else say("repeats_none")
            lines.append(say("repeats", detector=detector, k=k, n=len(differences), told=told))
    return lines


def _repeats(path: Path) -> Iterator[tuple[str, str, float]]:
    """Detector, view and difference of the rows that have one; a part of the file that has none is not read."""
    import pyarrow.parquet as pq

    column = "repeat_difference"
    file = pq.ParquetFile(path, pre_buffer=False)
    if column not in file.schema_arrow.names:
        return  # of a version that did not ask again
    place = file.schema_arrow.names.index(column)
    for group in range(file.num_row_groups):
        known = file.metadata.row_group(group).column(place).statistics
        if known is not None and known.has_null_count and known.null_count == file.metadata.row_group(group).num_rows:
            continue
        rows = file.read_row_group(group, ["detector", "key", column], use_threads=False)
        rows = rows.filter(rows[column].is_valid())
        yield from zip(*(rows[name].to_pylist() for name in ("detector", "key", column)), strict=True)
