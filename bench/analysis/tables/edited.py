"""AI-edited files by how much of the picture was generated: the smaller the edit, the less a detector has to see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import (
    POOLED,
    SCORED,
    TRUTHS,
    Codes,
    as_rows,
    attack_frame,
    codes,
    detector_names,
    outcomes,
    regime_names,
    repeated,
    scored,
    scored_views,
    stacked,
)
from bench.analysis.stats import interval
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import thresholds
from bench.records import Run

#: Upper ends of the bins, shares of the picture; an area that equals an end belongs to the bin below it.
EDGES = (0.05, 0.10, 0.25, 0.50)

#: Names of the bins in percent, then of files whose edited area nobody stated.
AREAS = ("0-5", "5-10", "10-25", "25-50", ">50", "unknown")

COLUMNS = [
    "detector", "regime", "attack", "attack_family", "severity", "area", "alpha", "threshold", "threshold_kind",
    "n", "flagged", "flagged_rate", "flagged_low", "flagged_high", "n_ai", "ai_rate", "ai_low", "ai_high",
    "n_human", "fpr", "fpr_low", "fpr_high", "abstain", "error", "unavailable", "note",
]  # fmt: skip

#: What a file is counted as: edited (all bins together), its bin, fully AI, human.
CLASSES = (POOLED, *AREAS, "ai", "human")


def edited_by_area(run: Run) -> pd.DataFrame:
    """How often AI-edited files are flagged, by edited area in percent, beside fully AI and human files.

    ``area`` ``*`` holds all edited files; areas that equal the end of a bin belong to it (5 % stands in ``0-5``).
    ``ai_rate`` and ``fpr`` are the flagged rates of fully AI and of human files of the same detector, regime, attack
    and threshold. Denominators are those of ``detector_errors``: a file without a score is not flagged, ``unavailable``
    leaves ``n``. Cells with fewer than ten files have counts and no rate.
    """
    views = scored_views(run)
    if not (views["split"].eq("test") & views["truth"].eq("ai_edited")).any():
        return _typed(pd.DataFrame(columns=COLUMNS))
    rows = scored(run, (*SCORED, "edited_area"))
    frozen_rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in as_rows(thresholds(run)):
        frozen_rows.setdefault((row["detector"], row["regime"]), []).append(row)
    rows = rows[rows["split"].eq("test") & rows["truth"].isin(TRUTHS)]
    attacks = attack_frame(run)
    place = _class(rows)
    attack, outcome = codes(rows["attack"], list(attacks["attack"])), outcomes(rows)
    value = rows["value"].to_numpy(float)
    by_cell = rows.groupby(["detector", "regime"], sort=False, observed=True).indices
    parts: list[dict[str, np.ndarray]] = []
    for i, detector in enumerate(detector_names(run)):
        for j, regime in enumerate(regime_names(run)):
            at = by_cell.get((detector, regime))
            if at is None:
                continue
            shape = (len(attacks), len(CLASSES))
            counted = [_count(attack[at], place[at], outcome[at] == end, shape) for end in range(4)]
            for row in frozen_rows.get((detector, regime), ()):
                above = (outcome[at] == 0) & (value[at] > row["threshold"])
                part = _columns(counted, _count(attack[at], place[at], above, shape), np.isnan(row["threshold"]))
                if row["threshold_kind"] == "refused":
                    told = [f"refused: {row['note']}; {note}".removesuffix("; ") for note in part["note"]]
                    part["note"] = np.array(told, object)
                same = {name: row[name] for name in ("detector", "regime", "alpha", "threshold", "threshold_kind")}
                parts.append(part | repeated(same | {"_detector": i, "_regime": j}, len(part["n"])))
    if not parts:
        return _typed(pd.DataFrame(columns=COLUMNS))
    found = stacked(parts)
    for name in ("attack", "attack_family", "severity"):
        found[name] = attacks[name].to_numpy()[found["_attack"]]
    # Stable, so that the thresholds of a cell stay in their order.
    order = np.lexsort(tuple(found[name] for name in ("_area", "_attack", "_regime", "_detector")))
    return _typed(pd.DataFrame({name: found[name][order] for name in COLUMNS}))


def _class(rows: pd.DataFrame) -> Codes:
    """Position of each row in ``CLASSES``; the pooled one is summed up later."""
    area = rows["edited_area"].to_numpy(float)
    edited = np.where(np.isnan(area), len(AREAS), 1 + np.searchsorted(EDGES, area, "left"))
    truth = codes(rows["truth"], TRUTHS)
    return np.select([truth == 0, truth == 1], [CLASSES.index("human"), CLASSES.index("ai")], edited).astype(np.int64)


def _count(attack: Codes, place: Codes, which: np.ndarray, shape: tuple[int, int]) -> Codes:
    """How many of these rows fall into each cell, ``(attacks, classes)``."""
    flat = attack[which] * shape[1] + place[which]
    counts = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)
    counts[:, 0] = counts[:, 1 : 1 + len(AREAS)].sum(axis=1)
    return counts


def _columns(counted: list[Codes], flagged: Codes, refused: bool) -> dict[str, np.ndarray]:
    """The rows of one detector, regime and threshold: every attack and area that holds a file.

    Args:
        counted: files by how their score ended, as ``outcomes`` numbers it, each ``(attacks, classes)``.
        flagged: how many score above the threshold, ``(attacks, classes)``.
        refused: there is no threshold, so there are counts of files only.
    """
    ok, abstain, error, unavailable = counted
    n = ok + abstain + error
    shown = (n >= MIN_N) & (not refused)
    low, high = interval(np.where(shown, flagged, 0), n)
    rates = [np.where(shown, column, np.nan) for column in (flagged / np.maximum(n, 1), low, high)]
    areas = slice(0, 1 + len(AREAS))
    at, area = np.nonzero((n + unavailable)[:, areas])
    table = {"_attack": at, "_area": area, "area": np.array(CLASSES, object)[area], "n": n[at, area]}
    table["flagged"] = np.where(refused, np.nan, flagged[at, area])
    for name, values in zip(("flagged_rate", "flagged_low", "flagged_high"), rates, strict=True):
        table[name] = values[at, area]
    for total, names in (("ai", ("ai_rate", "ai_low", "ai_high")), ("human", ("fpr", "fpr_low", "fpr_high"))):
        beside = CLASSES.index(total)
        table[f"n_{total}"] = n[at, beside]
        for name, values in zip(names, rates, strict=True):
            table[name] = values[at, beside]
    for name, values in (("abstain", abstain), ("error", error), ("unavailable", unavailable)):
        table[name] = values[at, area]
    small = [
        np.where((table[name] > 0) & (table[name] < MIN_N), f"; {name} < {MIN_N}", "").astype(object)
        for name in ("n", "n_ai", "n_human")
    ]
    table["note"] = np.array([text[2:] for text in small[0] + small[1] + small[2]], object)
    return table


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """The same types with and without rows."""
    whole = ("n", "flagged", "n_ai", "n_human", "abstain", "error", "unavailable")
    text = ("detector", "regime", "attack", "attack_family", "area", "threshold_kind", "note")
    kinds = {name: "Int64" if name in whole else object if name in text else float for name in COLUMNS}
    return table.astype(kinds)
