"""Joins that every table starts from: a run's attacks in order, and readings or scores beside their views."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.records import Run

#: Truths in the order of every count array.
TRUTHS = ("human", "ai", "ai_edited")

#: Stands for all sources, or all carriers, taken together.
POOLED = "*"

#: Stands for the mean over sources, each counting once.
MACRO = "macro"

#: Carrier formats as people call them.
CARRIERS = {POOLED: "all", "image/webp": "WebP"}

#: What stands beside each score.
SCORED = ("truth", "source", "split", "regime", "attack")

Codes = npt.NDArray[np.int64]

T = TypeVar("T")


def per_run(make: Callable[[Run], T]) -> Callable[[Run], T]:
    """Make it once for each run: several tables start from it, and nobody may change it."""
    made: WeakKeyDictionary[Run, T] = WeakKeyDictionary()

    @functools.wraps(make)
    def once(run: Run) -> T:
        if run not in made:
            made[run] = make(run)
        return made[run]

    return once


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a small frame as plain dictionaries."""
    # Asked for hundreds of times per report, most often for a few rows: ``to_dict`` takes several times as long.
    names = frame.columns.tolist()
    return [dict(zip(names, row, strict=True)) for row in zip(*(frame[name].tolist() for name in names), strict=True)]


def by_value(frame: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """The rows of each value of a text column, in the order of the frame."""
    # Once over the frame: asking for one value after another copies and compares as often as there are values.
    return {str(value): rows for value, rows in frame.groupby(column, sort=False, observed=True)}


def stacked(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The columns of a table's parts, one under another; those that the first part has."""
    # A frame for every part, and columns put into it one by one, cost more than all that is counted.
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def repeated(values: Mapping[str, Any], n: int) -> dict[str, np.ndarray]:
    """Columns that hold one value each, ``n`` times."""
    return {name: np.full(n, value, object if isinstance(value, str) else None) for name, value in values.items()}


@per_run
def attack_frame(run: Run) -> pd.DataFrame:
    """The attacks of a run in the order of its header: ``attack, attack_family, severity, channel, axis``."""
    rows = [
        (a["name"], a.get("family", ""), float(a.get("severity", 0)), a.get("channel", ""), a.get("axis", ""))
        for a in run.header.get("attacks", [])
    ]
    known = {row[0] for row in rows}
    columns = ["attack", "attack_family", "severity", "channel"]
    for row in as_rows(run.views[columns].drop_duplicates("attack")):
        if row["attack"] not in known:
            rows.append((row["attack"], row["attack_family"], float(row["severity"]), row["channel"], ""))
    return pd.DataFrame(rows, columns=[*columns, "axis"])


def carrier(mime: str) -> str:
    """A carrier format as in headings: ``image/jpeg`` -> ``JPEG``."""
    return CARRIERS.get(mime, mime.rpartition("/")[2].upper())


def clean_attacks(run: Run) -> list[str]:
    """The names of attacks that do nothing: the reference that every effect is measured against."""
    attacks = attack_frame(run)
    return list(attacks["attack"][attacks["attack_family"] == "identity"])


def in_order(values: Iterable[Any], first: Sequence[str]) -> list[str]:
    """The distinct values: those of ``first`` in its order, then the rest by name."""
    present = {str(value) for value in values}
    listed = [value for value in first if value in present]
    return listed + sorted(present - set(listed))


def numbered(values: pd.Series) -> tuple[pd.Index, npt.NDArray[np.integer]]:
    """The distinct values, and which of them each row holds; -1 where it is missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.categories, values.cat.codes.to_numpy()
    found, distinct = pd.factorize(values)
    return pd.Index(distinct), found


def codes(values: pd.Series, names: Sequence[str]) -> Codes:
    """Position of each value in ``names``; -1 where it is not one of them."""
    # Each distinct text is looked up once, not once per row.
    distinct, found = numbered(values)
    places: Codes = np.append(pd.Index(names).get_indexer(distinct), -1).astype(np.int64)
    out: Codes = places[found]
    return out


def groups_of(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Codes]:
    """The distinct combinations of these text columns, and which of them each row holds; -1 where it lacks one."""
    number: Codes = np.zeros(len(frame), np.int64)
    words = []
    for name in columns:
        distinct, found = numbered(frame[name])
        # One place more for what is missing, which is sorted out at the end.
        number = number * (len(distinct) + 1) + np.append(np.arange(len(distinct)), len(distinct))[found]
        words.append([*map(str, distinct), None])
    present = np.flatnonzero(np.bincount(number))
    parts = np.unravel_index(present, [len(listed) for listed in words])
    rows = zip(*([listed[i] for i in part] for listed, part in zip(words, parts, strict=True)), strict=True)
    names = [tuple(word for word in row if word is not None) for row in rows]
    whole = np.array([len(name) == len(words) for name in names], bool)
    place = np.full(int(present.max(initial=-1)) + 1, -1, np.int64)
    place[present[whole]] = np.arange(np.count_nonzero(whole))
    return [name for name, kept in zip(names, whole, strict=True) if kept], place[number]


def beside_views(frame: pd.DataFrame, views: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The rows whose view is among ``views``, with these columns of it beside them instead of its key."""
    keys = views["key"].to_numpy(np.int64)
    wanted = frame["key"].to_numpy(np.int64)
    place = np.full(max(keys.max(initial=-1), wanted.max(initial=-1)) + 1, -1, np.int64)
    place[keys] = np.arange(len(keys))
    at = place[wanted]
    kept = np.flatnonzero(at >= 0)
    whole = len(kept) == len(frame)
    joined = (frame if whole else frame.iloc[kept]).drop(columns="key").reset_index(drop=True)
    found = views.iloc[at[kept]]
    for column in columns:
        joined[column] = found[column].array
    return joined


def of_detectors(run: Run, views: pd.DataFrame) -> pd.Series:
    """Which views detectors judge: human files without labels, others as a provider would ship them.

    That is the first bundle; views of other bundles belong to the readers of those labels. A photograph that an attack
    edited is AI-edited from then on and has no labels still: the other views of its sample tell that it is human work.

    Args:
        run: all of whose views say which samples are human work.
        views: of it, those asked about.
    """
    bundles = run.header.get("bundles") or ["metadata"]
    human = views["sample"].isin(run.views["sample"][run.views["truth"].eq("human")].unique())
    return (views["bundle"].eq("none") & human) | (views["bundle"].eq(bundles[0]) & ~human)


def scored_views(run: Run) -> pd.DataFrame:
    """The views that detectors judge."""
    kept: pd.DataFrame = run.views[of_detectors(run, run.views)]
    return kept


def scored(run: Run, columns: Sequence[str] = SCORED) -> pd.DataFrame:
    """Every score that detectors are judged by, beside these columns of its view."""
    # Only what is used: copying texts is most of the work here.
    return beside_views(run.scores[["key", "detector", "value", "status"]], scored_views(run), columns)


def detector_names(run: Run) -> list[str]:
    """Detectors in the order of the header, then any others that have scores."""
    return in_order(
        [*run.scores["detector"].unique(), *(d["name"] for d in run.header.get("detectors", []))],
        [d["name"] for d in run.header.get("detectors", [])],
    )


def regime_names(run: Run) -> list[str]:
    """Regimes in the order of the header."""
    return in_order(run.views["regime"].unique(), run.header.get("regimes", []))


def label_names(run: Run, present: pd.DataFrame) -> list[tuple[str, str]]:
    """The ``(label, position)`` pairs of a frame of readings, in the order of the header."""
    pairs = {(str(a), str(b)) for a, b in present[["label", "position"]].drop_duplicates().itertuples(index=False)}
    listed = [(label["name"], label["position"]) for label in run.header.get("labels", [])]
    return [pair for pair in listed if pair in pairs] + sorted(pairs - set(listed))


def label_bundles(run: Run, rows: pd.DataFrame) -> tuple[list[tuple[str, str, str]], Codes]:
    """The ``(label, position, bundle)`` of a frame of readings in the order of the header, and each row's place."""
    found, which = groups_of(rows, ["label", "position", "bundle"])
    pairs, bundles = label_names(run, rows), in_order([name[2] for name in found], run.header.get("bundles", []))
    ranks = [(pairs.index((name[0], name[1])), bundles.index(name[2])) for name in found]
    order = sorted(range(len(found)), key=ranks.__getitem__)
    return [(found[i][0], found[i][1], found[i][2]) for i in order], np.argsort(
        np.array(order, np.int64), kind="stable"
    )[which].astype(np.int64)


def watermark_names(run: Run) -> list[tuple[str, str]]:
    """The ``(label, position)`` pairs whose readings are graded in bits; headers without kinds have none."""
    return [(x["name"], x["position"]) for x in run.header.get("labels", []) if x.get("kind") == "watermark"]


def readings_of(run: Run, watermarks: bool) -> pd.DataFrame:
    """The readings of watermarks, or of all other labels."""
    marks = watermark_names(run)
    if not marks:
        return run.readings[:0] if watermarks else run.readings
    names, which = groups_of(run.readings, ["label", "position"])
    wanted = np.array([(name in marks) == watermarks for name in names], bool)
    return run.readings[wanted[which]]


def ok_values(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which scores can be used: status ok and a number (a NaN is a failure, never a verdict)."""
    return frame["status"].eq("ok").to_numpy(bool) & frame["value"].notna().to_numpy(bool)


def outcomes(frame: pd.DataFrame) -> Codes:
    """How each score ended: 0 ok, 1 abstain, 2 error, 3 unavailable, or an attack that does not apply to the file.

    A status this version does not know, or a NaN called ok, is a failure.
    """
    found = codes(frame["status"], ("ok", "abstain", "error", "unavailable", "not_applicable"))
    return np.where(ok_values(frame), 0, np.where(found <= 0, 2, np.minimum(found, 3)))
