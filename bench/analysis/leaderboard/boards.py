"""The two boards as data frames: labels by attack family, and detectors by regime and threshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bench.analysis.frames import POOLED, as_rows, clean_attacks
from bench.analysis.leaderboard.entries import Entry
from bench.analysis.stats import Z95, Floats, interval
from bench.analysis.tables.baseline import lacks_baseline, no_better_than_headers
from bench.analysis.tables.detection import BASELINE, MIN_N
from bench.analysis.tables.survival import NO_VERDICT
from bench.analysis.text.wording import label_title

LABEL_COLUMNS = [
    "label", "bundle", "kind", "attack_family", "attacks", "files", "survived", "survived_low", "survived_high",
    "declares", "declares_low", "declares_high", "run",
]  # fmt: skip

DETECTOR_COLUMNS = [
    "detector", "version", "authors", "link", "licence", "regime", "alpha", "n_human", "fpr", "fpr_low", "fpr_high",
    "n_ai", "fnr", "fnr_low", "fnr_high", "worst_attack", "worst_fnr", "worst_low", "worst_high",
    "area", "area_low", "area_high", "rank", "rank_low", "rank_high", "n_ranked", "auc", "header_auc", "doubt", "run",
]  # fmt: skip


def label_board(entries: Sequence[Entry]) -> pd.DataFrame:
    """What each label outlives, pooled over the attacks of a family; the first run that has a label speaks for it.

    ``survived`` is read back intact, or for a watermark detected at its nominal false-positive rate; ``declares`` also
    counts labels that were altered and still say AI. Attacks on one file rise and fall together, so the interval is
    that of a rate over ``files``, not over views: exact where they agree wholly, else too wide and never too narrow.
    Cells of fewer than ten files show no rate.
    """
    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if entry.card is not None:
            continue
        mine = [*_labels(entry), *_watermarks(entry)]
        rows += [row for row in mine if (row["label"], row["bundle"]) not in seen]
        seen |= {(row["label"], row["bundle"]) for row in mine}
    return pd.DataFrame(rows, columns=LABEL_COLUMNS)


def _labels(entry: Entry) -> Iterator[dict[str, Any]]:
    table = entry.tables["label_survival"]
    table = table[table["mime"].eq(POOLED)]
    judged = table["n"] - table[list(NO_VERDICT)].sum(axis=1)
    table = table.assign(_n=judged, _intact=table["intact"], _declares=table["intact"] + table["altered"])
    keys = ["label", "position", "bundle", "attack_family"]
    for (label, position, bundle, family), group in table.groupby(keys, sort=False):
        row = {
            "label": label_title(str(label), str(position)),
            "bundle": bundle,
            "kind": "label",
            "attack_family": family,
        }
        row |= {"attacks": len(group), "run": entry.name} | _pooled("survived", group["_intact"], group["_n"])
        yield row | _pooled("declares", group["_declares"], group["_n"])


def _watermarks(entry: Entry) -> Iterator[dict[str, Any]]:
    table = entry.tables["watermark_survival"]
    for (mark, bundle, family), group in table.groupby(["watermark", "bundle", "attack_family"], sort=False):
        detected = (group["detected_rate"].fillna(0) * group["n"]).round()
        row = {"label": mark, "bundle": bundle, "kind": "watermark", "attack_family": family}
        yield row | {"attacks": len(group), "run": entry.name} | _pooled("survived", detected, group["n"])


def _pooled(name: str, k: pd.Series, n: pd.Series) -> dict[str, Any]:
    """The rate over all views of a family, with the interval of a rate over its files."""
    files, views = int(n.max()), int(n.sum())
    if files < MIN_N:
        return {"files": files, name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    rate = float(k.sum()) / views
    low, high = interval(rate * files, files)
    return {"files": files, name: rate, f"{name}_low": float(low), f"{name}_high": float(high)}


def detector_board(entries: Sequence[Entry]) -> pd.DataFrame:
    """How detectors err at each threshold of their own, best first: the least area under the misses.

    Area, worst attack and rank are at the detector's main threshold. Ranks are those of the run, paired by file, where
    one run holds all detectors; over several runs they come from the intervals of the areas (``joint_ranks``). A
    detector that stands in several runs counts once, from the first.
    """
    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        mine = list(_detectors(entry))
        rows += [row for row in mine if (row["detector"], row["version"]) not in seen]
        seen |= {(row["detector"], row["version"]) for row in mine}
    board = pd.DataFrame(rows, columns=DETECTOR_COLUMNS)
    if board["run"].nunique() > 1:
        for _, at in board[board["area"].notna()].groupby("regime").groups.items():
            main = board.loc[at].drop_duplicates(["detector", "version", "regime"])
            ranks = joint_ranks(*(main[name].to_numpy(float) for name in ("area", "area_low", "area_high")))
            for name, values in zip(("rank", "rank_low", "rank_high"), ranks, strict=True):
                board.loc[main.index, name] = values
            board.loc[main.index, "n_ranked"] = len(main)
    return board.sort_values(["regime", "alpha", "area"], kind="stable", na_position="last").reset_index(drop=True)


def _detectors(entry: Entry) -> Iterator[dict[str, Any]]:
    run, errors, held = entry.run(), entry.tables["detector_errors"], entry.tables["robustness"]
    described = {detector["name"]: detector for detector in entry.header.get("detectors", [])}
    wanted = [entry.card["name"]] if entry.card else [name for name in described if name in set(errors["detector"])]
    doubted = {(row["detector"], row["regime"]) for row in no_better_than_headers(run, errors)}
    clean = errors[errors["source"].eq(POOLED) & errors["attack"].isin(clean_attacks(run))]
    held = held[held["attack_family"].eq(POOLED)]
    for row in as_rows(clean[clean["detector"].isin(wanted) & ~clean["threshold_kind"].eq("refused")]):
        name, regime = row["detector"], row["regime"]
        found = {key: row[key] for key in DETECTOR_COLUMNS if key in row}
        found |= {"version": str(described[name].get("version", "")), "run": entry.name}
        found |= {"licence": described[name].get("licence", ""), "authors": "", "link": ""}
        if entry.card:
            found |= {"authors": ", ".join(entry.card.get("authors", [])), "link": entry.card.get("link", "")}
        same = held["detector"].eq(name) & held["regime"].eq(regime) & held["threshold_kind"].eq(row["threshold_kind"])
        for robust in as_rows(held[same & (held["alpha"].eq(row["alpha"]) | held["alpha"].isna())]):
            found |= {key: robust[key] for key in robust if key.startswith(("worst_", "area", "rank", "n_ranked"))}
        found["doubt"] = (
            "is the baseline" if name == BASELINE
            else "no baseline" if lacks_baseline(run)
            else "no better" if (name, regime) in doubted
            else ""
        )  # fmt: skip
        yield found


def joint_ranks(area: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Ranks, 1 = least area, with intervals that hold all true ranks at once in 95 %: ``(rank, low, high)``.

    Klein, Wright and Wieczorek (2020, A joint confidence region for an overall ranking of populations, Journal of the
    Royal Statistical Society C 69): intervals that hold all values at once, here by Bonferroni, and a rank lies between
    the number wholly below and the number wholly above. Nothing is paired, so they are wider than those of one run.

    Args:
        area: one value per detector, all known.
        low: of their 95 % intervals, which are widened here as if each side were that of a normal distribution.
        high: of the same.
    """
    wider = float(ndtri(1 - 0.025 / max(len(area), 1))) / Z95
    bottom, top = area - (area - low) * wider, area + (high - area) * wider
    rank = 1 + (area[:, None] > area).sum(axis=1)
    below = (top[None, :] < bottom[:, None]).sum(axis=1)
    above = (bottom[None, :] > top[:, None]).sum(axis=1)
    return rank.astype(float), 1.0 + below, float(len(area)) - above
