"""Runs of one suite on one data set, put together: the shards of a divided run, or runs of other detectors.

Shards whose views are in no other run are copied as they are, so that memory does not grow with their number; views
that several runs made are joined: what two runs say of the same thing must be equal.
"""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.files import write_whole
from bench.harness import store
from bench.harness.store import Store
from bench.records import SECONDS, TABLES, read_header, read_shard, shard_files

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

#: What may differ between two runs of the same view: who made it, how long that took, and the bytes of a signed file,
#: which hold a salt and the time.
UNSTABLE = ("run", "sha256", "bytes", *SECONDS)

#: What a row is about: two runs that answer differently contradict each other.
IDENTITY = {"views": ["key"], "readings": ["key", "label", "position"], "scores": ["key", "detector"]}

#: Settings in which runs that are merged may differ.
FREE = ("shard", "detectors")


#: What adds up over runs; each of them fitted its detectors, on the same files.
COUNTED = ("cpu_seconds", "busy_seconds", "fit_cpu_seconds", "replaced_workers")


@dataclass(frozen=True)
class Source:
    """A run to be merged: its folder and header."""

    folder: Path
    header: dict[str, Any]

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The runs that it is made of, each as ``merged_from`` describes it."""
        header = self.header
        if header.get("merged_from"):
            return list(header["merged_from"])
        shard = header.get("shard")
        return [
            {
                "run": header["run"],
                "command": header["command"],
                "shard": shard and {"index": shard["index"], "of": shard["of"]},
                "detectors": header["settings"]["detectors"],
                "started": header["started"],
                "finished": header["finished"],
                "git": header.get("git"),
                "machine": header.get("machine"),
            }
        ]


def merge(folders: Sequence[Path], out: Path, command: str) -> list[str]:
    """Put runs together into one run folder; the same call again goes on where it was stopped.

    Args:
        folders: of two or more runs with equal settings but for shard and detectors; none of them is changed.
        out: the merged run's folder: new, or of an earlier merge with these settings.
        command: as typed, for the header.

    Returns:
        What is missing, one line each; it stands in the header too, and the merged run counts as unfinished then.

    Raises:
        UserError: the runs do not belong together, contradict each other or are damaged; ``out`` holds another run.
    """
    if len(folders) < 2:
        raise UserError("merge needs two runs or more, such as: washtest merge RUN_A RUN_B --out MERGED")
    if out.resolve() in [folder.resolve() for folder in folders]:
        raise UserError(f"{out} is one of the runs to be merged; choose another --out")
    sources = [Source(folder, read_header(folder)) for folder in folders]
    header = _header(sources, command)
    models = _models(sources)
    with Store(out) as target:
        if (out / "run.json").exists():
            _check_earlier(read_header(out), header, out)
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


def _check_earlier(earlier: dict[str, Any], header: dict[str, Any], out: Path) -> None:
    same = {key: value for key, value in earlier.get("settings", {}).items() if key not in FREE}
    if not earlier.get("merged_from") or same != {k: v for k, v in header["settings"].items() if k not in FREE}:
        raise UserError(f"{out} holds a run that is no merge of these; choose another --out, or remove that folder")


# The header ---------------------------------------------------------------------------------------------------------


def _header(sources: Sequence[Source], command: str) -> dict[str, Any]:
    """That of the first run, with what all of them have."""
    first = sources[0]
    for other in sources[1:]:
        _check_same(first, other)
    parts = list({str(part): part for source in sources for part in source.parts}.values())
    missing = _missing(parts)
    settings = {key: value for key, value in first.header["settings"].items() if key != "shard"}
    settings["detectors"] = _union(source.header["settings"]["detectors"] for source in sources)
    ends = [part["finished"] for part in parts]
    counts: dict[str, float] = defaultdict(float)
    for source in sources:
        for name, number in source.header.get("counts", {}).items():
            counts[name] += number
    name = hashlib.sha256("\n".join(part["run"] for part in parts).encode()).hexdigest()[:8]
    return first.header | {
        "run": f"{first.header['suite']['name']}-{first.header['dataset']['name']}-merged-{name}",
        "command": command,
        "detectors": _detectors(sources),
        "planned": _planned(sources),
        "shard": None,
        "settings": settings,
        "started": min(part["started"] for part in parts),
        "finished": None if missing else max(ends),
        "counts": {name: round(counts[name], 3) for name in COUNTED},
        "warnings": [*_union(_lasting_warnings(source) for source in sources), *missing],
        "missing": missing,
        "merged_from": parts,
    }


def _lasting_warnings(source: Source) -> list[str]:
    """Its warnings, without what an earlier merge lacked: that may be here now."""
    return [line for line in source.header["warnings"] if line not in source.header.get("missing", [])]


def _check_same(one: Source, other: Source) -> None:
    old, new = one.header["settings"], other.header["settings"]
    for key in {**old, **new}:
        if key in FREE or old.get(key) == new.get(key):
            continue
        first, second = old.get(key, "none"), new.get(key, "none")
        if isinstance(first, dict) and isinstance(second, dict):
            key = f"{key}, {next(name for name in {**first, **second} if first.get(name) != second.get(name))}"
            name = key.rpartition(", ")[2]
            first, second = first.get(name, "none"), second.get(name, "none")
        elif isinstance(first, list) and isinstance(second, list):
            first, second = ([x for x in a if x not in b] or "as there" for a, b in ((first, second), (second, first)))
        raise UserError(
            f"{one.folder} and {other.folder} are runs with different settings ({key}: {_short(first)} and "
            f"{_short(second)}); only shards of one run, or runs of other detectors on it, can be merged"
        )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _union(lists: Iterable[Iterable[Any]]) -> list[Any]:
    return list(dict.fromkeys(entry for entries in lists for entry in entries))


def _detectors(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Every detector once; the same one must have been the same, down to what it learnt."""
    found: dict[str, tuple[Source, dict[str, Any]]] = {}
    for source in sources:
        for detector in source.header["detectors"]:
            owner, known = found.setdefault(detector["name"], (source, detector))
            for key in {**known, **detector}:
                if known.get(key) == detector.get(key):
                    continue
                mend = "fit on one machine and copy its models/ into the other folders before they run"
                what = f"learnt different models; {mend}" if key == "models" else f"differs in {key}"
                raise UserError(f"detector {detector['name']} of {owner.folder} and of {source.folder} {what}")
    return [detector for _, detector in found.values()]


def _planned(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """The cells that all shards together have."""
    cells: dict[tuple[Any, ...], dict[str, Any]] = {}
    for source in sources:
        for cell in (source.header.get("shard") or source.header)["planned"]:
            cells.setdefault(tuple(value for key, value in cell.items() if key != "n"), cell)
    return list(cells.values())


def _missing(parts: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each run that was not finished and each set of shards that is not whole."""
    lines = [f"{_named(part)} was not finished" for part in parts if not part["finished"]]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for part in parts:
        groups.setdefault(tuple(part["detectors"]), []).append(part)
    for detectors, members in groups.items():
        shards = [part["shard"] for part in members]
        if None in shards:
            continue  # one of them is whole
        sizes = sorted({shard["of"] for shard in shards})
        if len(sizes) > 1:
            counts = " and ".join(map(str, sizes))
            raise UserError(f"shards of {counts} parts were cut differently; merge those of one division")
        absent = sorted(set(range(1, sizes[0] + 1)) - {shard["index"] for shard in shards})
        if absent:
            which = ", ".join(map(str, absent[:20])) + (", ..." if len(absent) > 20 else "")
            beside = f" with {', '.join(detectors)}" if len(groups) > 1 else ""
            lines.append(f"{len(absent)} of {sizes[0]} shards{beside} are missing: {which}")
    return lines


def _named(part: dict[str, Any]) -> str:
    shard = part["shard"]
    return f"run {part['run']}" + (f" (shard {shard['index']} of {shard['of']})" if shard else "")


def _models(sources: Sequence[Source]) -> dict[str, bytes]:
    """What the detectors learnt, by file name; equal in all runs, as ``_detectors`` found in their headers."""
    found: dict[str, bytes] = {}
    for source in sources:
        for path in sorted((source.folder / "models").glob("[!.]*")):
            if path.name not in found:
                found[path.name] = path.read_bytes()
    return found


# The records --------------------------------------------------------------------------------------------------------


def _merge_records(sources: Sequence[Source], target: Store) -> set[str]:
    """Write every record of the sources; returns the names of the shards that hold them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    shards = [(source, path.name) for source in sources for path in shard_files(source.folder, "views")]
    # Half of each key is enough to find the few shards that are looked at closely: a chance match costs time only.
    keys = []
    for source, name in shards:
        views = read_shard(source.folder, name, source.header)[-1]
        texts = pq.read_table(pa.BufferReader(views), columns=["key"])["key"].to_pylist()
        keys.append(np.array([int(text[:16], 16) for text in texts], np.uint64))
    distinct, counts = np.unique(np.concatenate(keys) if keys else np.array([], np.uint64), return_counts=True)
    twice = distinct[counts > 1]
    target.done()  # takes away what is damaged
    there = {path.name for path in shard_files(target.folder, "views")}
    wanted, overlapping = set(), []
    for (source, name), own in zip(shards, keys, strict=True):
        if len(twice) and np.isin(own, twice).any():
            overlapping.append((source, name))
            continue
        wanted.add(name if name in there else target.commit(read_shard(source.folder, name, source.header)))
    return wanted | _join(overlapping, target)


def _join(shards: Sequence[tuple[Source, str]], target: Store) -> set[str]:
    """Write what several runs say of the same views, each fact once; returns the names of the shards."""
    import numpy as np
    import pandas as pd

    if not shards:
        return set()
    tables = _read_all(shards)
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


def _read_all(shards: Sequence[tuple[Source, str]]) -> dict[str, pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts: dict[str, list[pa.Table]] = {table: [] for table in TABLES}
    for source, name in shards:
        files = read_shard(source.folder, name, source.header)
        for table, data in zip(TABLES, files, strict=True):
            parts[table].append(pq.read_table(io.BytesIO(data)))
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
