"""False positives and misses against severity, at the frozen threshold, one chart per detector."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.charts import style
from bench.analysis.frames import as_rows, attack_frame, clean_attacks, detector_names, regime_names
from bench.analysis.tables.detection import BASELINE
from bench.analysis.tables.thresholds import Choice, at_threshold, main_threshold
from bench.records import Run

TITLE = "Errors against severity"
COLUMNS = 4
RATES = (("fpr", "false positives, %"), ("fnr", "misses, %"))


def severity_charts(run: Run, frozen: pd.DataFrame, errors: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """One chart per detector: ``(name of the detector, figure)``."""
    attacks = attack_frame(run)
    several = attacks.groupby("attack_family", sort=False)["severity"].nunique()
    families = [family for family in several.index if several[family] >= 2]
    baseline = at_threshold(errors, BASELINE, main_threshold(frozen, BASELINE))
    for detector in detector_names(run):
        title = style.titled(TITLE, detector)
        choice = main_threshold(frozen, detector)
        rows = at_threshold(errors, detector, choice)
        if not len(rows) or not rows[["fpr", "fnr"]].notna().to_numpy().any():
            yield detector, style.message(title, f"No error rate to show: {choice.note or 'too few files'}.")
        elif not families:
            yield detector, style.message(title, "No family of attacks in this run has two severities or more.")
        else:
            other = baseline if detector != BASELINE else baseline[:0]
            yield detector, _multiples(run, title, choice, rows, other, families)


def _multiples(
    run: Run, title: str, choice: Choice, rows: pd.DataFrame, baseline: pd.DataFrame, families: list[str]
) -> Figure:
    """Small multiples: a family of attacks per column, false positives above misses."""
    attacks = attack_frame(run)
    blocks = -(-len(families) // COLUMNS)
    across = -(-len(families) // blocks)
    left, gap, panel_h, head, foot = 0.55, 0.22, 1.05, 1.12, 0.42
    panel_w = min((style.COLUMN - left - 0.1) / across - gap, 2.6)
    block_h = 2 * panel_h + 0.86
    made = style.figure(style.COLUMN, head + blocks * block_h + foot - 0.14)
    style.heading(
        made, title, f"Test split, all sources pooled, threshold frozen ({choice.note}). Bands: 95 % intervals."
    )
    drawn = _series(run, choice, rows, baseline)
    for i, family in enumerate(families):
        members = attacks[attacks["attack_family"].eq(family)]
        simulated = members["channel"].str.startswith("simulated").any()
        for j, (rate, name) in enumerate(RATES):
            top = head + (i // across) * block_h + j * (panel_h + 0.12)
            axes = style.place(made, left + (i % across) * (panel_w + gap), top, panel_w, panel_h)
            ticks = _Axis(members, clean_attacks(run))
            for _, mine, look in drawn:
                _line(axes, ticks, mine, rate, **look)
            ticks.apply(axes, labels=j == 1)
            axes.set_ylim(-4, 104)
            axes.set_yticks([0, 50, 100])
            axes.tick_params(axis="y", labelleft=i % across == 0, length=0)
            if rate == "fpr" and choice.alpha is not None:
                axes.axhline(100 * choice.alpha, color=style.INK, linewidth=0.6, linestyle=(0, (1, 2)))
            if i % across == 0:
                axes.set_ylabel(name)
            if j == 0:
                axes.set_title(style.short(family, 22) + (" *" if simulated else ""))
            else:
                axes.set_xlabel("\n".join(textwrap.wrap(str(members["axis"].iloc[0]), 26)[:2]), labelpad=2)
    handles = [made.axes[0].plot([], [], label=f" {name}", **look)[0] for name, _, look in drawn]
    width, height = made.get_size_inches()
    made.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.12 / width, 1 - 0.6 / height), ncols=len(handles),
        columnspacing=1.6, borderaxespad=0, borderpad=0, handlelength=2.4,
    )  # fmt: skip
    notes = ["Dotted: the false-positive rate aimed at."] if choice.alpha is not None else []
    notes += ["* simulated channel."] if attacks["channel"].str.startswith("simulated").any() else []
    grouped = attacks[attacks["attack_family"].isin(families)].groupby("attack_family")["severity"]
    if (grouped.size() > grouped.nunique()).any():
        notes.append("Hollow: another setting of the same severity.")
    style.footnote(made, " ".join(notes))
    return made


Look = dict[str, Any]
#: Attack -> its row of ``detector_errors``.
ByAttack = dict[str, dict[str, Any]]


def _series(run: Run, choice: Choice, rows: pd.DataFrame, baseline: pd.DataFrame) -> list[tuple[str, ByAttack, Look]]:
    """What each panel shows: the header baseline behind, then the detector, per regime."""
    out: list[tuple[str, ByAttack, Look]] = []
    dashes = ((0, (4, 2)), (0, (1.5, 1.5)))
    regimes = regime_names(run)
    for i, regime in enumerate(regimes):
        mine = baseline[baseline["regime"].eq(regime)]
        if len(mine):
            look: Look = {
                "color": "#8c959f",
                "linestyle": dashes[i % 2],
                "linewidth": 1.1,
                "marker": "",
                "markersize": 0,
            }
            out.append((f"header only, {regime}", _by_attack(mine), look))
    for i, regime in enumerate(regimes):
        colour, marker = style.SERIES[i % len(style.SERIES)]
        mine = rows[rows["regime"].eq(regime)]
        if len(mine):
            # The first is drawn broader, so that it still shows where the next one lies on top of it.
            broad = {"linewidth": 2.2, "markersize": 4.4} if i == 0 else {"linewidth": 1.1, "markersize": 2.8}
            out.append((regime, _by_attack(mine), {"color": colour, "linestyle": "-", "marker": marker, **broad}))
    return out


def _by_attack(rows: pd.DataFrame) -> ByAttack:
    return {row["attack"]: row for row in as_rows(rows)}


class _Axis:
    """The severity axis of one family: its own values, and a place for the clean files left of them."""

    def __init__(self, members: pd.DataFrame, clean: list[str]) -> None:
        ordered = members.sort_values("severity", kind="stable")
        self.severity = dict(zip(ordered["attack"], ordered["severity"].astype(float), strict=True))
        values = list(self.severity.values())
        span = (values[-1] - values[0]) or 1.0
        self.clean = values[0] - 0.36 * span
        self.names = clean
        # Attacks that share a severity differ in something else; the line goes through the first of them.
        self.line = [a for i, a in enumerate(self.severity) if values.index(self.severity[a]) == i]
        self.low, self.high = self.clean - 0.06 * span, values[-1] + 0.06 * span

    def apply(self, axes: Axes, labels: bool) -> None:
        """Limits and ticks, leaving out tick labels that would touch."""
        shown: list[float] = []
        for value in dict.fromkeys(self.severity.values()):
            if not shown or value - shown[-1] > 0.2 * (self.high - self.low):
                shown.append(value)
        axes.set_xlim(self.low, self.high)
        axes.set_xticks([self.clean, *shown], ["clean", *(f"{value:.3g}" for value in shown)] if labels else [])
        axes.set_xticks([v for v in self.severity.values() if v not in shown], minor=True)
        axes.tick_params(axis="x", which="both", length=2)
        axes.grid(False, axis="x")


def _line(axes: Axes, ticks: _Axis, rows: ByAttack, rate: str, **look: Any) -> None:
    """One series with its band; clean files joined on by a thin line, since they are not on the severity axis."""
    known = {name: row for name, row in rows.items() if not np.isnan(row[rate])}
    clean = [name for name in ticks.names if name in known][:1]
    line = [name for name in ticks.line if name in known]
    x = np.array([ticks.clean] * len(clean) + [ticks.severity[name] for name in line])
    y, low, high = (
        np.array([100 * known[name][column] for name in clean + line])
        for column in (rate, f"{rate}_low", f"{rate}_high")
    )
    band = 0.09 if not look["marker"] else 0.16
    axes.fill_between(x, low, high, color=str(look["color"]), alpha=band, linewidth=0)
    axes.plot(x, y, **look)
    rest = [name for name in ticks.severity if name in known and name not in line]
    if rest and look["marker"]:
        axes.plot(
            [ticks.severity[name] for name in rest], [100 * known[name][rate] for name in rest],
            linestyle="", marker=str(look["marker"]), markersize=3.2, markerfacecolor=style.PAPER,
            color=str(look["color"]),
        )  # fmt: skip
