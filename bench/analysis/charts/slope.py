"""How far each detector falls: its misses on untouched files, over all attacks, and under the worst one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.charts import style
from bench.analysis.frames import POOLED, as_rows, attack_frame, clean_attacks, detector_names, regime_names
from bench.analysis.text.wording import whole
from bench.records import Run

TITLE = "From untouched files to the worst attack"
STOPS = ("untouched", "all attacks", "worst attack")

#: Height that a detector's two lines of text take, inches.
LABEL_H = 0.3

COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Fall:
    """Misses of one detector in one regime, percent.

    Attributes:
        detector: its name.
        points: ``(rate, low, high)`` at each of ``STOPS``.
        worst: the attack under which it misses most.
        n: AI files in the untouched cell.
    """

    detector: str
    points: tuple[tuple[float, float, float], ...]
    worst: str
    n: int


def slope_charts(run: Run, errors: pd.DataFrame, table: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """The chart, a panel per regime; none where no detector has a rate both untouched and attacked."""
    falls = {regime: found for regime in regime_names(run) if (found := _falls(run, errors, table, regime))}
    if falls:
        yield "slope", _figure(run, falls)


def _falls(run: Run, errors: pd.DataFrame, table: pd.DataFrame, regime: str) -> list[Fall]:
    """The detectors of a regime that have all three rates; the first stop is of the threshold that ``table`` used."""
    attacked = table[table["attack_family"].eq(POOLED) & table["regime"].eq(regime)]
    clean = errors[errors["regime"].eq(regime) & errors["attack"].isin(clean_attacks(run))]
    found = []
    for row in as_rows(attacked):
        same = clean[clean["detector"].eq(row["detector"]) & clean["threshold_kind"].eq(row["threshold_kind"])]
        same = same if pd.isna(row["alpha"]) else same[same["alpha"].eq(row["alpha"])]
        if not len(same):
            continue
        start = as_rows(same)[0]
        points = tuple(
            (100 * of[rate], 100 * of[f"{stem}_low"], 100 * of[f"{stem}_high"])
            for of, rate, stem in ((start, "fnr", "fnr"), (row, "area", "area"), (row, "worst_fnr", "worst"))
        )
        if not np.isnan(points).any():
            found.append(Fall(row["detector"], points, str(row["worst_attack"]), int(start["n_ai"])))
    return found


def _figure(run: Run, falls: dict[str, list[Fall]]) -> Figure:
    attacks = attack_frame(run)
    stars = set(attacks["attack"][attacks["channel"].str.startswith("simulated")])
    head, foot, between, plot_w = 0.98, 0.62, 0.62, 3.8
    heights = [max(LABEL_H * len(found) + 0.1, 1.9) for found in falls.values()]
    made = style.figure(style.COLUMN, head + sum(heights) + between * (len(falls) - 1) + foot)
    style.heading(
        made, TITLE,
        "AI files not flagged, %, with 95 % intervals; beside each line the misses under its worst attack.\n"
        "Test split, frozen thresholds. All attacks: mean over severities and attack families.",
    )  # fmt: skip
    names = detector_names(run)
    top = head
    for (regime, found), height in zip(falls.items(), heights, strict=True):
        axes = style.place(made, 0.55, top, plot_w, height)
        _panel(axes, found, names, height, stars)
        axes.set_title(regime)
        top += height + between
    notes = "The worst attack is picked after the fact, so its rate leans high; its interval does not allow for that. "
    notes += "n: AI files."
    notes += " * simulated channel." if stars & {fall.worst for found in falls.values() for fall in found} else ""
    style.footnote(made, style.wrapped(notes, style.COLUMN))
    return made


def _panel(axes: Axes, found: list[Fall], names: list[str], height: float, stars: set[str]) -> None:
    axes.set(xlim=(-0.35, 2.2), ylim=(-3, 103), ylabel="misses, %")
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_xticks(range(len(STOPS)), STOPS)
    axes.tick_params(length=0)
    axes.grid(False, axis="x")
    for stop in range(len(STOPS)):
        axes.axvline(stop, color=style.FAINT, linewidth=0.8, zorder=1)
    middles = spread([fall.points[-1][0] for fall in found], 106 * LABEL_H / height, 0, 100)
    for i, (fall, middle) in enumerate(zip(found, middles, strict=True)):
        place = names.index(fall.detector)
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        aside = 0.28 * ((i + 0.5) / len(found) - 0.5)  # intervals of equal rates would hide one another
        x = np.arange(len(STOPS)) + aside
        rate, low, high = np.array(fall.points).T
        axes.errorbar(
            x, rate, yerr=[np.maximum(rate - low, 0), np.maximum(high - rate, 0)], color=colour, marker=marker,
            markersize=4, linewidth=1.3, elinewidth=0.8, capsize=0, clip_on=False, zorder=3,
        )  # fmt: skip
        axes.plot((x[-1], 2.2, 2.28), (rate[-1], middle, middle), color=colour, linewidth=0.6, alpha=0.7, clip_on=False)
        axes.plot(2.28, middle, marker, color=colour, markersize=4, clip_on=False)
        name = f"{style.short(fall.detector, 22)}  {whole(rate[-1] / 100)} [{whole(low[-1] / 100)}, "
        name += f"{whole(high[-1] / 100)}]"
        star = " *" if fall.worst in stars else ""
        for text, rise, size, ink in (
            (name, 4.2, 7, style.INK),
            (f"n {fall.n} · {style.short(fall.worst, 38)}{star}", -4.2, 6.2, style.MUTED),
        ):
            axes.annotate(
                text, (2.3, middle), (5, rise), textcoords="offset points", fontsize=size, va="center", color=ink,
                annotation_clip=False, fontweight="bold" if ink == style.INK else "normal",
            )  # fmt: skip


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Places near those wanted, at least so far apart and, where there is room, within the limits."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed: list[float] = []
    for i in order:
        placed.append(max(wanted[i], placed[-1] + apart if placed else low))
    ceiling = high
    for k in reversed(range(len(placed))):
        placed[k] = min(placed[k], ceiling)
        ceiling = placed[k] - apart
    out = [0.0] * len(wanted)
    for i, place in zip(order, placed, strict=True):
        out[i] = place
    return out
