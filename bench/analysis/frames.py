"""Joins that every table starts from: a run's attacks in order, and readings or scores beside their views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

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


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a small frame as plain dictionaries."""
    return cast("list[dict[str, Any]]", frame.to_dict("records"))


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


def codes(values: pd.Series, names: Sequence[str]) -> Codes:
    """Position of each value in ``names``; -1 where it is not one of them."""
    # Factorising first looks up each distinct text once instead of once per row.
    found, distinct = pd.factorize(values)
    positions = np.append(pd.Index(names).get_indexer(pd.Index(distinct)), -1)
    return positions[found].astype(np.int64)


def groups_of(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Codes]:
    """The distinct combinations of these text columns, as they first appear, and which of them each row holds."""
    names = [tuple(map(str, row)) for row in frame[list(columns)].drop_duplicates().itertuples(index=False)]
    return names, frame.groupby(list(columns), sort=False, observed=True).ngroup().to_numpy().astype(np.int64)


def beside_views(frame: pd.DataFrame, views: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The rows whose view is among ``views``, with these columns of it beside them instead of its key."""
    at = pd.Index(views["key"]).get_indexer(pd.Index(frame["key"]))
    kept = np.flatnonzero(at >= 0)
    whole = len(kept) == len(frame)
    joined = (frame if whole else frame.iloc[kept]).drop(columns="key").reset_index(drop=True)
    found = views.iloc[at[kept]]
    for column in columns:
        joined[column] = found[column].array
    return joined


def scored_views(run: Run) -> pd.DataFrame:
    """The views that detectors judge: human files without labels, AI files as a provider would ship them.

    AI files carry the first bundle there; views of other bundles belong to the readers of those labels. A photograph
    that an attack edited is AI-edited from then on and has no labels still: its other views tell that it is human work.
    """
    views, bundles = run.views, run.header.get("bundles") or ["metadata"]
    human = views["sample"].isin(views["sample"][views["truth"].eq("human")].unique())
    wanted = np.where(human, "none", bundles[0])
    kept: pd.DataFrame = views[views["bundle"].to_numpy(object) == wanted]
    return kept


def scored(run: Run, columns: Sequence[str] = SCORED) -> pd.DataFrame:
    """Every score beside these columns of its view, without views whose labels were not written for the detectors."""
    # Only what the tables use: copying texts is most of the work here.
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
