"""What two runs have in common, and in words what they have not: only the same files under the same attack compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.analysis.frames import attack_frame, regime_names
from bench.errors import UserError
from bench.records import Run, shard_files

#: So many names are listed before "and n more".
LISTED = 5


@dataclass(frozen=True, eq=False)
class CommonGround:
    """Two runs, and what is in both.

    Attributes:
        before, after: the runs.
        samples: ids of test samples, ``(files,)``, in the order of the first run's views.
        regimes: names, in the first run's order.
        attacks: as ``attack_frame``, in the first run's order.
        differences: what is not the same, one line each.
    """

    before: Run
    after: Run
    samples: npt.NDArray[np.object_]
    regimes: list[str]
    attacks: pd.DataFrame
    differences: list[str]


def common_ground(before: Run, after: Run) -> CommonGround:
    """What two runs have in common.

    Raises:
        UserError: no sample, no regime or no attack is in both.
    """
    differences = [*_of_headers(before.header, after.header)]
    samples = _samples(before, after, differences)
    regimes = [name for name in regime_names(before) if name in regime_names(after)]
    attacks, others = attack_frame(before), attack_frame(after)["attack"]
    differences += _only("regimes", regime_names(before), regime_names(after))
    differences += _only("attacks", attacks["attack"], others)
    attacks = attacks[attacks["attack"].isin(others)].reset_index(drop=True)
    for what, found in (("test sample", samples), ("regime", regimes), ("attack", attacks)):
        if not len(found):
            raise UserError(
                f"{before.folder} and {after.folder} have no {what} in common, so nothing of them can be compared; "
                "compare runs of one data set"
            )
    return CommonGround(before, after, samples, regimes, attacks, differences)


def _of_headers(one: dict[str, Any], other: dict[str, Any]) -> Iterable[str]:
    """What the headers say that bears on a comparison."""
    for name, header in (("before", one), ("after", other)):
        if not header.get("finished", True):
            yield f"the run {name} is not finished: what is missing there is not compared"
    old, new = ({"name": "?", "revision": ""} | header.get("dataset", {}) for header in (one, other))
    if (old["name"], old["revision"]) != (new["name"], new["revision"]):
        yield (
            f"the data set is {old['name']} {old['revision']} before and {new['name']} {new['revision']} after: "
            "only samples in both are compared"
        )
    if one.get("seed") != other.get("seed"):
        yield (
            f"the seed is {one.get('seed')} before and {other.get('seed')} after: attacks that draw by chance made "
            "other files of the same samples"
        )
    versions = [{"washtest": header.get("washtest", "?")} | header.get("versions", {}) for header in (one, other)]
    yield from _changed("versions", *versions)
    yield from _changed("git commit", *({"": header.get("git", {}).get("commit", "")[:12]} for header in (one, other)))
    lists: dict[str, Callable[[dict[str, Any]], list[str]]] = {
        "alphas": lambda header: [f"{alpha:g}" for alpha in header.get("alphas", [])],
        "label bundles": lambda header: list(header.get("bundles", [])),
        "labels": lambda header: [f"{label['name']}:{label['position']}" for label in header.get("labels", [])],
        "detectors": lambda header: [detector["name"] for detector in header.get("detectors", [])],
    }
    for what, names in lists.items():
        yield from _only(what, names(one), names(other))
    known = {detector["name"]: detector for detector in one.get("detectors", [])}
    for detector in other.get("detectors", []):
        if detector["name"] in known:
            yield from _of_detector(known[detector["name"]], detector)


def _of_detector(one: dict[str, Any], other: dict[str, Any]) -> Iterable[str]:
    told = {"repr": "settings", "version": "version", "weights_sha256": "weights", "status": "status"}
    old, new = ({told[key]: str(entry.get(key, ""))[:60] for key in told} for entry in (one, other))
    yield from _changed(f"detector {one['name']}", old, new)
    if one.get("models", other.get("models")) != other.get("models", one.get("models")):
        yield f"detector {one['name']} learnt another model"


def _changed(what: str, old: dict[str, str], new: dict[str, str]) -> Iterable[str]:
    """One line that names what changed, nothing where all is equal."""
    changes = [
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}".strip()
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
    if changes:
        yield f"{what}: {_listed(changes)}"


def _only(what: str, old: Iterable[str], new: Iterable[str]) -> list[str]:
    """One line for each run that has something of its own, which is not compared."""
    old, new = list(old), list(new)
    lines = []
    for name, own, other in (("before", old, new), ("after", new, old)):
        if alone := [entry for entry in own if entry not in other]:
            lines.append(f"{what} only in the run {name}, not compared: {_listed(alone)}")
    return lines


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _samples(before: Run, after: Run, differences: list[str]) -> npt.NDArray[np.object_]:
    """The test samples of both runs; adds to ``differences`` what is wrong with the others."""
    old, new = (_truths(run) for run in (before, after))
    both = old.index[old.index.isin(new.index)]
    for name, own in (("before", old), ("after", new)):
        if len(alone := own.index.difference(both)):
            differences.append(
                f"{len(alone)} of {len(own)} test samples are only in the run {name}, not compared: "
                f"{_listed(alone.tolist())}"
            )
    other_truth = both[(old[both] != new[both]).to_numpy(bool)]
    files = _bytes_of(before), _bytes_of(after)
    changed = [name for name in both if files[0].get(name, "") != files[1].get(name, files[0].get(name, ""))]
    for what, names in (("another truth", other_truth.tolist()), ("other bytes", changed)):
        if names:
            differences.append(f"samples with {what} after, not compared: {len(names)} ({_listed(names)})")
    return both[~both.isin([*other_truth, *changed])].to_numpy(object)


def _truths(run: Run) -> pd.Series:
    """Truth of each test sample."""
    views = run.views[run.views["split"].eq("test")]
    views = views.drop_duplicates("sample")
    return pd.Series(views["truth"].to_numpy(object), views["sample"].to_numpy(object))


def _bytes_of(run: Run) -> dict[str, str]:
    """Hash of each test sample's file where the records know it: files without labels, untouched."""
    import pyarrow.dataset as ds

    paths = [str(path) for path in shard_files(run.folder, "views")]
    if not paths:
        return {}
    untouched = (ds.field("attack_family") == "identity") & (ds.field("bundle") == "none")
    wanted = untouched & (ds.field("regime") == "native") & (ds.field("split") == "test")
    table = ds.dataset(paths, format="parquet").to_table(["sample", "sha256"], filter=wanted)
    return {row["sample"]: row["sha256"] for row in table.to_pylist() if row["sha256"]}
