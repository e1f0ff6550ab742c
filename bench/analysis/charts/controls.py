"""Attacks beside their controls: what a model does to labels and detectors that the detour around it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.analysis.charts import style
from bench.analysis.frames import POOLED, as_rows, detector_names, regime_names
from bench.analysis.tables import survival, watermarks
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import at_threshold, main_threshold
from bench.records import Run

TITLE = "What attacks do beyond their controls"

#: Height of a row, width of a panel and of the gap to the next, inches.
ROW_H, PANEL_W, GAP = 0.36, 0.8, 0.2
MAX_PANELS = 5

#: Half the distance between the two dots of a row, in rows.
APART = 0.13

#: A rate and its interval, 0..1, as figures of a chart.
Rate = tuple[float, float, float]


@dataclass(frozen=True)
class Panel:
    """One measure of one label or detector.

    Attributes:
        subject: of whom.
        about: what kind, beneath the name.
        measure: what the axis counts, percent.
        chance: where blind chance lies, 0..1; None where there is no such place.
        rates: attack -> its rate.
    """

    subject: str
    about: str
    measure: str
    chance: float | None
    rates: Mapping[str, Rate]


def control_charts(
    run: Run, labels: pd.DataFrame, marks: pd.DataFrame, frozen: pd.DataFrame, errors: pd.DataFrame
) -> Iterator[tuple[str, Figure]]:
    """The charts, a few labels or detectors in each: ``(file name, figure)``; none where no attack has its control."""
    known = {attack["name"] for attack in run.header.get("attacks", [])}
    named = [(a["name"], a["control"]) for a in run.header.get("attacks", []) if a.get("control")]
    pairs = [pair for pair in named if pair[1] in known]
    if not pairs:
        return
    ends = {attack for pair in pairs for attack in pair}
    every = [*_of_labels(labels), *_of_watermarks(marks), *_of_detectors(run, frozen, errors)]
    found = [panel for panel in every if any(pair[0] in panel.rates and pair[1] in panel.rates for pair in pairs)]
    # A label that neither attack nor control leaves anything of says nothing about the model.
    shown = [panel for panel in found if any(panel.rates[attack][0] for attack in ends & set(panel.rates))]
    gone = [f"{panel.subject} ({panel.about})" for panel in found if panel not in shown and panel.measure == "intact"]
    missing = list(dict.fromkeys(control for _, control in named if control not in known))
    pages = [shown[i : i + MAX_PANELS] for i in range(0, len(shown), MAX_PANELS)]
    for number, page in enumerate(pages, 1):
        part = f", {number} of {len(pages)}" if len(pages) > 1 else ""
        notes = f"Bars: 95 % intervals of each rate alone; a rate of fewer than {MIN_N} files has no dot. Test split, "
        notes += f"{regime_names(run)[0]} regime, all formats and sources; detectors at their frozen thresholds."
        notes += " Dotted: chance." if any(panel.chance is not None for panel in page) else ""
        notes += f" Neither leaves anything of {', '.join(gone)}." if gone else ""
        notes += f" Controls that this run has not: {', '.join(style.short(name) for name in missing)}." * bool(missing)
        yield "controls" if number == 1 else f"controls_{number}", _figure(TITLE + part, pairs, page, notes)


def _of_labels(table: pd.DataFrame) -> Iterator[Panel]:
    named = survival.bundles_to_name(table)
    pooled = table[table["mime"].eq(POOLED)]
    for key, rows in pooled.groupby(["label", "position", "bundle"], sort=False):
        judged = rows["n"] - rows["not_applicable"] - rows["unavailable"]
        rates = _rates(rows[judged >= MIN_N], ("survived_rate", "survived_low", "survived_high"))
        bundle = named[str(key[0]), str(key[1]), str(key[2])]
        yield Panel(str(key[0]), f"{key[1]}, {bundle}" if bundle else str(key[1]), "intact", None, rates)


def _of_watermarks(table: pd.DataFrame) -> Iterator[Panel]:
    named = watermarks.bundles_to_name(table)
    for key, rows in table.groupby(["watermark", "bundle"], sort=False):
        rates = _rates(rows, ("bit_accuracy", "bit_accuracy_low", "bit_accuracy_high"))
        name = str(key[0]), str(key[1])
        yield Panel(name[0], named[name] or "watermark", "bits kept", watermarks.CHANCE, rates)


def _of_detectors(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame) -> Iterator[Panel]:
    for name in detector_names(run):
        rows = at_threshold(errors, name, main_threshold(frozen, name))
        rows = rows[rows["regime"].eq(regime_names(run)[0])]
        for rate, about, measure in (("fnr", "AI files", "missed"), ("fpr", "human files", "flagged")):
            yield Panel(name, about, measure, None, _rates(rows, (rate, f"{rate}_low", f"{rate}_high")))


def _rates(rows: pd.DataFrame, columns: tuple[str, str, str]) -> dict[str, Rate]:
    """The rate of each attack that has one."""
    known = as_rows(rows[rows[columns[0]].notna()])
    return {row["attack"]: (row[columns[0]], row[columns[1]], row[columns[2]]) for row in known}


def _figure(title: str, pairs: list[tuple[str, str]], panels: list[Panel], notes: str) -> Figure:
    texts = [style.short(name) for pair in pairs for name in pair]
    left = 0.35 + 0.058 * max(map(style.extent, texts))
    width = max(left + len(panels) * (PANEL_W + GAP) + 0.05, 5.6)
    notes = style.wrapped(notes, width)
    head, foot, height = 1.25, 0.72 + 0.13 * notes.count("\n"), ROW_H * len(pairs)
    made = style.figure(width, head + height + foot)
    style.heading(
        made,
        title,
        "A control is the same detour without the attack's model: where the two agree, the model adds nothing.",
    )
    for i, panel in enumerate(panels):
        axes = style.place(made, left + i * (PANEL_W + GAP), head, PANEL_W, height)
        _panel(axes, panel, pairs)
        axes.set_yticks([y + side * 0.17 for y in range(len(pairs)) for side in (-1, 1)], texts if i == 0 else [])
        for tick, label in enumerate(axes.get_yticklabels()):
            label.set(fontsize=6.4 if tick % 2 else 7.2, color=style.MUTED if tick % 2 else style.INK)
        _heads(axes, panel, height)
    look: dict[str, Any] = {"marker": "o", "linewidth": 2.2, "markersize": 4}
    handles = [
        Line2D([], [], color=style.BLUE, label="attack", **look),
        Line2D([], [], color=style.MUTED, markerfacecolor=style.PAPER, label="its control, named beneath", **look),
    ]
    made.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.12 / width, 1 - 0.58 / (head + height + foot)), ncols=2,
        columnspacing=1.6, borderaxespad=0, borderpad=0,
    )  # fmt: skip
    style.footnote(made, notes)
    return made


def _panel(axes: Axes, panel: Panel, pairs: list[tuple[str, str]]) -> None:
    """Per row the attack above its control, joined where both have a rate."""
    for y, pair in enumerate(pairs):
        if y:
            axes.axhline(y - 0.5, color=style.FAINT, linewidth=0.5)
        places = [(panel.rates.get(name), y + side) for name, side in zip(pair, (-APART, APART), strict=True)]
        values = [(100 * rate[0], at) for rate, at in places if rate is not None]
        if len(values) == 2:
            axes.plot(*zip(*values, strict=True), color=style.FAINT, linewidth=0.9, zorder=1, clip_on=False)
        for (rate, at), colour, fill in zip(places, (style.BLUE, style.MUTED), (style.BLUE, style.PAPER), strict=True):
            if rate is None:
                continue
            value, low, high = (100 * part for part in rate)
            axes.plot((low, high), (at, at), color=colour, linewidth=2.2, alpha=0.4, zorder=2, clip_on=False,
                      solid_capstyle="butt")  # fmt: skip
            axes.plot(value, at, "o", color=colour, markerfacecolor=fill, markersize=3.4, zorder=3, clip_on=False)
    if panel.chance is not None:
        axes.axvline(100 * panel.chance, color=style.INK, linewidth=0.7, linestyle=":", zorder=0)
    axes.set(xlim=(-2, 102), ylim=(len(pairs) - 0.5, -0.5), xlabel=f"{panel.measure}, %")
    axes.set_xticks(np.array([0, 50, 100]))
    axes.tick_params(length=0)
    axes.grid(False, axis="y")


def _heads(axes: Axes, panel: Panel, height: float) -> None:
    for text, inches, size, weight, ink in (
        (style.short(panel.subject, 15), 0.2, 7.2, "bold", style.INK),
        (style.short(panel.about, 19), 0.06, 6.2, "normal", style.MUTED),
    ):
        axes.text(0.5, 1 + inches / height, text, transform=axes.transAxes, ha="center", va="bottom", fontsize=size,
                  fontweight=weight, color=ink)  # fmt: skip
