"""The header of merged runs: whether they belong together, and what all of them have."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UserError

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
                "counts": header.get("counts", {}),
            }
        ]


def repeated(sources: Sequence[Source]) -> list[str]:
    """A line for each run that several sources hold, such as a folder and its mirror, or a merge and a part of it."""
    holders: dict[tuple[object, ...], tuple[dict[str, Any], list[str]]] = {}
    for source in sources:
        for part in source.parts:
            holders.setdefault(_identity(part), (part, []))[1].append(str(source.folder))
    return [
        f"{_named(part)} is in {' and in '.join(folders)}; it is taken once"
        for part, folders in holders.values()
        if len(folders) > 1
    ]


def _identity(part: dict[str, Any]) -> tuple[object, ...]:
    """What makes a run the same run; shards that started in the same second share their name."""
    return part["run"], str(part["shard"]), *part["detectors"]


def _distinct(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Each run that the sources are made of, once: of two copies the one that got further."""
    found: dict[tuple[object, ...], dict[str, Any]] = {}
    for part in (part for source in sources for part in source.parts):
        same = _identity(part)
        found[same] = max(found.get(same, part), part, key=_progress)
    return list(found.values())


def _progress(part: dict[str, Any]) -> tuple[bool, float]:
    return bool(part["finished"]), part.get("counts", {}).get("cpu_seconds", 0.0)


def merged_header(sources: Sequence[Source], command: str) -> dict[str, Any]:
    """That of the first run, with what all of them have."""
    first = sources[0]
    for other in sources[1:]:
        _check_same(first, other)
    parts = _distinct(sources)
    missing = _missing(parts)
    settings = {key: value for key, value in first.header["settings"].items() if key != "shard"}
    settings["detectors"] = _union(source.header["settings"]["detectors"] for source in sources)
    ends = [part["finished"] for part in parts]
    counts: dict[str, float] = defaultdict(float)
    for part in parts:
        for name, number in part.get("counts", {}).items():
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


def check_earlier(earlier: dict[str, Any], header: dict[str, Any], out: Path) -> None:
    """Refuse to write a merge into a folder that holds something else.

    Args:
        earlier: header of the run there.
        header: of the merge.
        out: the folder.

    Raises:
        UserError: it is no merge of runs with these settings.
    """
    same = {key: value for key, value in earlier.get("settings", {}).items() if key not in FREE}
    if not earlier.get("merged_from") or same != {k: v for k, v in header["settings"].items() if k not in FREE}:
        raise UserError(f"{out} holds a run that is no merge of these; choose another --out, or remove that folder")
