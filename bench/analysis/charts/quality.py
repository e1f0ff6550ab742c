"""What hiding costs: detection after each attack against the picture quality that it leaves, one chart per detector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.charts import style
from bench.analysis.frames import (
    as_rows,
    attack_frame,
    clean_attacks,
    detector_names,
    regime_names,
    scored_views,
)
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import Choice, at_threshold, main_threshold
from bench.records import Run

TITLE = "Detection against picture quality"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
MEASURES = (("psnr", "PSNR of the attacked file, dB"), ("ssim", "mean SSIM with the attacked file"))

#: Attacks that leave more than this stand together at the right, in dB: the pixels are as good as the same.
LOSSLESS = 60.0


def picture_quality(run: Run) -> pd.DataFrame:
    """Per regime and attack, ``psnr`` (dB) and ``ssim`` of the AI test files that detectors judge, and their ``n``.

    The PSNR is that of the mean squared error over files: the mean of decibels would be infinite as soon as one file
    came through unchanged. Attacks that change the size have neither.
    """
    views = scored_views(run)
    views = views[views["split"].eq("test") & views["truth"].eq("ai") & views["ssim"].notna() & views["psnr"].notna()]
    kept = views[["regime", "attack", "ssim"]].astype({"regime": str, "attack": str})
    kept["error"] = 10 ** (-views["psnr"] / 10)
    means = kept.groupby(["regime", "attack"], sort=False).agg(
        error=("error", "mean"), ssim=("ssim", "mean"), n=("ssim", "size")
    )
    with np.errstate(divide="ignore"):
        means["psnr"] = -10 * np.log10(means.pop("error"))
    return means[means["n"] >= MIN_N].reset_index()


def quality_charts(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector, none without attacks that keep the size: ``(name of the detector, figure)``."""
    quality = picture_quality(run)
    quality = quality[~quality["attack"].isin(clean_attacks(run))]
    pooled = errors[errors["fnr"].notna()]
    for detector in detector_names(run):
        choice = main_threshold(frozen, detector)
        rows = at_threshold(pooled, detector, choice)
        points = rows.merge(quality, on=["regime", "attack"])
        if len(points):
            yield detector, _figure(run, detector, choice, rows, points)


def _figure(run: Run, detector: str, choice: Choice, rows: pd.DataFrame, points: pd.DataFrame) -> Figure:
    clean = clean_attacks(run)
    regimes = [name for name in regime_names(run) if points["regime"].eq(name).any()]
    families = list(dict.fromkeys(attack_frame(run)["attack_family"]))
    families = [name for name in families if points["attack_family"].eq(name).any()]
    looks: dict[str, dict[str, Any]] = {
        name: {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        for i, name in enumerate(families)
    }
    without = [a for a in rows["attack"].unique() if a not in clean and a not in set(points["attack"])]
    notes = (
        "A point per attack, bars: 95 % intervals; dashed: untouched files with their interval. Quality: means over "
    )
    notes += "AI files, against the file before the attack. PSNR is that of the mean squared error."
    if without:
        notes += " No quality, since the size changes or too few files: " + ", ".join(
            style.short(a, 40) for a in without[:6]
        )
        notes += f" and {len(without) - 6} more." if len(without) > 6 else "."
    notes = style.wrapped(notes, style.COLUMN)
    across = min(5, len(families))
    lines = -(-len(families) // across)
    left, gap, panel_h, block_h, head = 0.62, 0.55, 1.7, 2.4, 0.95 + 0.16 * lines
    foot = 0.13 * (1 + notes.count("\n")) - 0.1
    panel_w = (style.COLUMN - left - gap - 0.2) / 2
    made = style.figure(style.COLUMN, head + block_h * len(regimes) + foot)
    style.heading(
        made, style.titled(TITLE, detector),
        f"AI files flagged, %, test split, threshold frozen ({choice.note}).",
    )  # fmt: skip
    for i, regime in enumerate(regimes):
        start = as_rows(rows[rows["regime"].eq(regime) & rows["attack"].isin(clean)])[:1]
        mine = as_rows(points[points["regime"].eq(regime)])
        for j, (measure, name) in enumerate(MEASURES):
            axes = style.place(made, left + j * (panel_w + gap), head + i * block_h, panel_w, panel_h)
            _panel(axes, mine, start, measure, looks)
            axes.set_xlabel(name, labelpad=2)
            if j == 0:
                axes.set_ylabel("flagged, %")
                axes.set_title(f"{regime}, n {most(mine)} AI files")
    handles = [
        made.axes[0].plot([], [], linestyle="", markersize=4.5, label=style.short(n, 20), **looks[n])[0]
        for n in families
    ]
    width, height = made.get_size_inches()
    made.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.12 / width, 1 - 0.57 / height), ncols=across,
        columnspacing=1.4, borderaxespad=0, borderpad=0, handletextpad=0.3, fontsize=7,
    )  # fmt: skip
    style.footnote(made, notes)
    return made


def most(rows: list[dict[str, Any]]) -> str:
    """The number of files behind the points, or the range of it."""
    counts = sorted({int(row["n_ai"]) for row in rows})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}\u2013{counts[-1]}"


def _panel(
    axes: Axes, points: list[dict[str, Any]], start: list[dict[str, Any]], measure: str, looks: dict[str, Any]
) -> None:
    for row in start:
        axes.axhspan(
            100 - 100 * row["fnr_high"], 100 - 100 * row["fnr_low"], color=style.MUTED, alpha=0.12, linewidth=0
        )
        axes.axhline(100 - 100 * row["fnr"], color=style.MUTED, linewidth=1, linestyle=(0, (4, 2)))
    known = [row[measure] for row in points]
    finite = [value for value in known if value < LOSSLESS] if measure == "psnr" else known
    low, high = (min(finite), max(finite)) if finite else (20.0, 40.0)
    pad = 0.08 * (high - low) or 1 - 0.95 * (measure == "ssim")
    edge = high + 2.2 * pad
    beyond = measure == "psnr" and len(finite) < len(known)
    for family in dict.fromkeys(row["attack_family"] for row in points):
        members = [row for row in points if row["attack_family"] == family]
        x = [row[measure] if measure == "ssim" or row[measure] < LOSSLESS else edge for row in members]
        rate, bottom, top = (
            100 - 100 * np.array([row[name] for row in members]) for name in ("fnr", "fnr_high", "fnr_low")
        )
        axes.errorbar(
            x, rate, yerr=np.maximum([rate - bottom, top - rate], 0), linestyle="", markersize=4.2, elinewidth=0.7,
            alpha=0.9, clip_on=False, zorder=3, **looks[family],
        )  # fmt: skip
    axes.set(xlim=(low - pad, (edge if beyond else high) + pad), ylim=(-3, 103))
    axes.set_yticks([0, 50, 100])
    ticks = [tick for tick in axes.get_xticks() if low - pad <= tick <= high + 0.2 * pad]
    if beyond:
        ticks = [tick for tick in ticks if tick < edge - 3 * pad]
        axes.axvline(edge - 1.1 * pad, color=style.FAINT, linewidth=0.8)
    axes.set_xticks(ticks + [edge] * beyond, [*(f"{tick:g}" for tick in ticks), *["no loss"] * beyond])
    axes.tick_params(length=0)
