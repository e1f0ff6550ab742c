"""How scores are spread, clean and under attack: human files above the line, AI files below; a chart per detector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from bench.analysis.charts import style
from bench.analysis.frames import as_rows, attack_frame, clean_attacks, detector_names
from bench.analysis.stats import Floats
from bench.analysis.tables.cube import Cube, cube
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import Choice, at_threshold, main_threshold
from bench.analysis.text.wording import percent
from bench.records import Run

TITLE = "Where the scores lie"
WORST = 3
BINS = 32

#: Share of scores, at either end, that may lie outside the axis; they are counted in its outermost bins.
TAIL = 0.005


def distribution_charts(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector: ``(name of the detector, figure)``."""
    scores = cube(run)
    for detector in detector_names(run):
        choice = main_threshold(frozen, detector)
        pooled = errors[errors["detector"].eq(detector) & errors["auc"].notna()]
        rows = at_threshold(pooled, detector, choice) if choice.kind else pooled
        rows = rows.drop_duplicates(["regime", "attack"])
        title = style.titled(TITLE, detector)
        if len(rows):
            yield detector, _figure(run, scores, title, choice, rows)
        else:
            yield (
                detector,
                style.message(title, f"No attack left {MIN_N} scores or more of human and of AI files."),
            )


def _figure(run: Run, scores: Cube, title: str, choice: Choice, rows: pd.DataFrame) -> Figure:
    clean = clean_attacks(run)
    attacks = attack_frame(run)
    stars = set(attacks["attack"][attacks["channel"].str.startswith("simulated")])
    panels: list[tuple[str, list[dict[str, Any]]]] = []
    for regime in scores.regimes:
        mine = rows[rows["regime"].eq(regime)]
        worst = mine[~mine["attack"].isin(clean)].sort_values("auc", kind="stable")[:WORST]
        if picked := [*as_rows(mine[mine["attack"].isin(clean)][:1]), *as_rows(worst)]:
            panels.append((regime, picked))
    left, gap, head, foot, panel_h, block_h = 0.62, 0.14, 1.1, 0.62, 1.2, 2.12
    panel_w = (style.COLUMN - left - 0.1) / (1 + WORST) - gap
    made = style.figure(style.COLUMN, head + block_h * len(panels) - 0.3 + foot)
    kind = f"threshold frozen ({choice.note})" if choice.kind else "no threshold"
    style.heading(made, title, f"Test split, all sources pooled, {kind}. Shares of the files that have a score.")
    for i, (regime, picked) in enumerate(panels):
        cells = [_split(scores, row) for row in picked]
        threshold = float(picked[0]["threshold"]) if choice.kind else float("nan")
        edges = bin_edges(np.concatenate([part for cell in cells for part in cell]), threshold)
        heights = [[shares(part, edges) for part in cell] for cell in cells]
        tallest = max(float(share.max(initial=0)) for cell in heights for share in cell)
        for j, row in enumerate(picked):
            axes = style.place(made, left + j * (panel_w + gap), head + i * block_h, panel_w, panel_h)
            _panel(axes, edges, heights[j], tallest, row, choice)
            name = regime + ", clean" if row["attack"] in clean else style.short(row["attack"], 21)
            axes.set_title(name + (" *" if row["attack"] in stars else ""), fontsize=7.2)
            axes.tick_params(axis="y", labelleft=j == 0)
            if j == 0:
                axes.set_ylabel("% of files per bin")
    width, height = made.get_size_inches()
    handles: list[Artist] = [
        Patch(facecolor=style.BLUE, label="human, upwards"),
        Patch(facecolor=style.VERMILLION, label="AI, downwards"),
    ]
    handles += made.axes[0].plot(
        [], [], color=style.INK, linewidth=1, linestyle=(0, (3, 1.5)), label="frozen threshold"
    )
    made.legend(
        handles=handles if choice.kind else handles[:2], loc="upper left",
        bbox_to_anchor=(0.12 / width, 1 - 0.6 / height), ncols=3, columnspacing=1.6, borderaxespad=0, borderpad=0,
        handlelength=1.6,
    )  # fmt: skip
    notes = (
        "Untouched files, then the attacks that leave the smallest AUC. Scores beyond the axis are in its outermost "
    )
    notes += "bins. Rates count files without a score as not flagged."
    notes += " * simulated channel." if stars & {row["attack"] for _, picked in panels for row in picked} else ""
    style.footnote(made, style.wrapped(notes, style.COLUMN))
    return made


def _split(scores: Cube, row: dict[str, Any]) -> tuple[Floats, Floats]:
    """Scores of human and of AI files in the cell of a row of ``detector_errors``."""
    at = scores.detectors.index(row["detector"]), scores.regimes.index(row["regime"])
    cell = scores.value[(*at, list(scores.attacks["attack"]).index(row["attack"]))]
    human, ai = cell[scores.files("human")], cell[scores.files("ai")]
    return human[~np.isnan(human)], ai[~np.isnan(ai)]


def bin_edges(values: Floats, threshold: float) -> Floats:
    """Edges of equal bins over all but the tails of these scores; the threshold, unless far away or NaN, is one."""
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, (TAIL, 1 - TAIL)) if len(finite) else (0.0, 1.0)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    span = high - low
    if not low - span <= threshold <= high + span:
        return np.linspace(low, high, BINS + 1)
    low, high = min(low, threshold), max(high, threshold)
    width = (high - low) / BINS
    # From the threshold outwards, so that it is an edge to the last bit.
    return np.asarray(
        threshold + width * np.arange(-np.ceil((threshold - low) / width) - 1, np.ceil((high - threshold) / width) + 1)
    )


def shares(values: Floats, edges: Floats) -> Floats:
    """Percent of the values in each bin, which holds its upper edge as flagging does; those outside at either end."""
    place = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2)
    return np.asarray(100 * np.bincount(place, minlength=len(edges) - 1) / max(len(values), 1))


def _panel(
    axes: Axes, edges: Floats, heights: list[Floats], tallest: float, row: dict[str, Any], choice: Choice
) -> None:
    for share, colour, way in zip(heights, (style.BLUE, style.VERMILLION), (1, -1), strict=True):
        axes.stairs(way * share, edges, fill=True, color=colour, linewidth=0)
    axes.axhline(0, color=style.INK, linewidth=0.6)
    margin = 0.03 * (edges[-1] - edges[0])
    axes.set_xlim(edges[0] - margin, edges[-1] + margin)
    axes.set_ylim(-1.08 * tallest, 1.08 * tallest)
    step = float(f"{0.8 * tallest:.1g}")
    axes.set_yticks([-step, 0, step], [f"{step:g}", "0", f"{step:g}"])
    # None so near the edge that its label would meet that of the next panel.
    low, high = edges[0] + 3 * margin, edges[-1] - 3 * margin
    ticks = [tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:.4g}".replace("-", "\u2212") for tick in ticks])
    axes.tick_params(length=0)
    axes.grid(False, axis="x")
    lines = [f"n {row['n_human']} human, {row['n_ai']} AI"]
    if choice.kind:
        shown = float(np.clip(row["threshold"], edges[0] - 0.6 * margin, edges[-1] + 0.6 * margin))
        axes.axvline(shown, color=style.INK, linewidth=1, linestyle=(0, (3, 1.5)))
        lines += [
            f"{name} {percent(row[rate], row[f'{rate}_low'], row[f'{rate}_high'])}"
            for name, rate in (("false pos.", "fpr"), ("misses", "fnr"))
            if not np.isnan(row[rate])
        ]
    for i, line in enumerate(lines):
        axes.annotate(line, (0, 0), (0, -22 - 9 * i), xycoords="axes fraction", textcoords="offset points",
                      fontsize=6.2, color=style.INK if i else style.MUTED, va="center")  # fmt: skip
