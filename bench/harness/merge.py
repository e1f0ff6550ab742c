"""Runs of one suite on one data set, put together: the shards of a divided run, or runs of other detectors.

Shards whose views are in no other run are copied as they are; views that several runs made are joined, part by part,
so that memory grows with their keys only: what two runs say of the same thing must be equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.files import write_whole
from bench.harness import store
from bench.harness.merge_header import Source, check_earlier, merged_header, repeated
from bench.harness.store import Store
from bench.records import SECONDS, TABLES, read_header, read_shard, shard_files
from bench.shards import read_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

#: What may differ between two runs of the same view: who made it, how long that took, whether it was asked about again,
#: the bytes of a signed file, which hold a salt and the time, and the last digits of SSIM, which depend on the
#: processor; PSNR is of whole numbers, and says whether the pixels differ.
UNSTABLE = ("run", "sha256", "bytes", "ssim", "repeat_difference", *SECONDS)

#: Of views that several runs made, so many are joined at a time, with all rows about them.
JOINED_AT_ONCE = 20_000

#: What a row is about: two runs that answer differently contradict each other.
IDENTITY = {"views": ["key"], "readings": ["key", "label", "position"], "scores": ["key", "detector"]}


def merge(
    folders: Sequence[Path], out: Path, command: str, say: Callable[[str], None] = lambda line: None
) -> list[str]:
    """Put runs together into one run folder; the same call again goes on where it was stopped.

    Args:
        folders: of one or more runs with equal settings but for shard and detectors; none of them is changed.
        out: the merged run's folder: new, or of an earlier merge with these settings.
        command: as typed, for the header.
        say: told, a line each, which runs were given more than once.

    Returns:
        What is missing, one line each; it stands in the header too, and the merged run counts as unfinished then.

    Raises:
        UserError: the runs do not belong together, contradict each other or are damaged; ``out`` holds another run.
    """
    places = {folder.resolve(): folder for folder in folders}
    if out.resolve() in places:
        raise UserError(f"{out} is one of the runs to be merged; choose another --out")
    sources = [Source(folder, read_header(folder)) for folder in places.values()]
    header = merged_header(sources, command)
    times = Counter(folder.resolve() for folder in folders)
    for line in [f"{places[p]} is named {n} times; it is taken once" for p, n in times.items() if n > 1]:
        say(line)
    for line in repeated(sources):
        say(line)
    models = _models(sources)
    with Store(out) as target:
        if (out / "run.json").exists():
            check_earlier(read_header(out), header, out)
        finished, header["finished"] = header["finished"], None
        target.write_header(header)
        for name, model in models.items():
            write_whole(out / "models" / name, model)
        wanted = _merge_records(sources, target)
        for path in shard_files(out, "views"):
            if path.name not in wanted:
                target.remove(path.name)  # of an earlier merge of other runs
        header["finished"] = finished
        target.write_header(header)
    return list(header["missing"])


def _models(sources: Sequence[Source]) -> dict[str, bytes]:
    """What the detectors learnt, by file name; equal in all runs, as ``_detectors`` found in their headers."""
    found: dict[str, bytes] = {}
    for source in sources:
        for path in sorted((source.folder / "models").glob("[!.]*")):
            if path.name not in found:
                found[path.name] = path.read_bytes()
    return found


def _merge_records(sources: Sequence[Source], target: Store) -> set[str]:
    """Write every record of the sources; returns the names of the shards that hold them."""
    import numpy as np

    shards = [(source, path.name) for source in sources for path in shard_files(source.folder, "views")]
    # Half of each key is enough to find the few shards that are looked at closely: a chance match costs time only.
    keys = []
    for source, name in shards:
        views = read_shard(source.folder, name, source.header)[-1]
        texts = read_table(views, ["key"])["key"].to_pylist()
        keys.append(np.array([int(text[:16], 16) for text in texts], np.uint64))
    distinct, counts = np.unique(np.concatenate(keys) if keys else np.array([], np.uint64), return_counts=True)
    twice = distinct[counts > 1]
    target.done()  # takes away what is damaged
    there = {path.name for path in shard_files(target.folder, "views")}
    wanted, overlapping, shared = set(), [], 0
    for (source, name), own in zip(shards, keys, strict=True):
        if len(twice) and np.isin(own, twice).any():
            overlapping.append((source, name))
            shared += len(own)
            continue
        wanted.add(name if name in there else target.commit(read_shard(source.folder, name, source.header)))
    passes = min(256, -(-shared // JOINED_AT_ONCE))
    for turn in range(passes):
        wanted |= _join(overlapping, turn, passes, target)
    return wanted


def _join(shards: Sequence[tuple[Source, str]], turn: int, passes: int, target: Store) -> set[str]:
    """Write what several runs say of the same views, each fact once; returns the names of the shards.

    Args:
        shards: that hold views of several runs.
        turn: which of the views are joined now, ``0..passes - 1``.
        passes: in how many parts all of them are.
        target: to be written.
    """
    import numpy as np
    import pandas as pd

    tables = _read_all(shards, turn, passes)
    kept: dict[str, tuple[pa.Table, np.ndarray]] = {}
    order = pd.Index([])
    for table in ("views", "readings", "scores"):
        facts = tables[table].drop([name for name in TABLES[table] if name in UNSTABLE]).to_pandas()
        identity = IDENTITY[table]
        different = facts.drop_duplicates()
        clash = different[different.duplicated(identity, keep=False)]
        if len(clash):
            _refuse(tables["views"], shards, table, clash)
        once = np.flatnonzero(~facts.duplicated(identity).to_numpy())
        if table == "views":
            order = pd.Index(facts["key"].iloc[once])
        place = order.get_indexer(pd.Index(facts["key"].iloc[once]))
        once, place = once[place >= 0], place[place >= 0]
        by_view = np.argsort(place, kind="stable")
        kept[table] = tables[table].take(once[by_view]), place[by_view]
    names = set()
    for start in range(0, len(order), store.SHARD_VIEWS):
        rows = {}
        for table, (content, place) in kept.items():
            low, high = np.searchsorted(place, [start, start + store.SHARD_VIEWS])
            rows[table] = content.slice(low, high - low).to_pylist()
        names.add(target.commit(store.parquet_files(rows)))
    return names


def _read_all(shards: Sequence[tuple[Source, str]], turn: int, passes: int) -> dict[str, pa.Table]:
    """The rows of the views whose keys have their turn: by the first two digits, which are as good as drawn."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pa.array([f"{number:02x}" for number in range(256) if number % passes == turn])
    parts: dict[str, list[pa.Table]] = {table: [] for table in TABLES}
    for source, name in shards:
        files = read_shard(source.folder, name, source.header)
        for table, data in zip(TABLES, files, strict=True):
            rows = read_table(data)
            parts[table].append(rows.filter(pc.is_in(pc.utf8_slice_codeunits(rows["key"], 0, 2), digits)))
    # A column that an older version of this schema did not have is null there.
    return {table: pa.concat_tables(part, promote_options="default") for table, part in parts.items()}


def _refuse(views: pa.Table, shards: Sequence[tuple[Source, str]], table: str, clash: Any) -> None:
    """Raise the first contradiction in words."""
    import pandas as pd
    import pyarrow.compute as pc

    first, second = clash[clash["key"] == clash["key"].iloc[0]].to_dict("records")[:2]
    what = next(n for n in first if first[n] != second[n] and not (pd.isna(first[n]) and pd.isna(second[n])))
    row = views.filter(pc.equal(views["key"], first["key"])).slice(0, 1).to_pylist()[0]
    about = first.get("label") or first.get("detector") or "the view"
    folders = " and ".join(dict.fromkeys(str(source.folder) for source, _ in shards))
    raise UserError(
        f"{folders} contradict each other in {clash[IDENTITY[table]].drop_duplicates().shape[0]} {table}, e.g. {about} "
        f"after {row['attack']} on {row['sample']}: {what} is {first[what]} and {second[what]}"
    )
