"""What the heat maps share: a row per attack, families apart, and cells that hold a rate over its interval."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bench.analysis.charts import style
from bench.analysis.frames import as_rows, attack_frame
from bench.records import Run

#: Height of a row in inches.
CELL_H = 0.3


@dataclass(frozen=True)
class Rows:
    """The rows of a heat map: attacks in the order of the run, those of one family together."""

    attacks: list[str]
    families: list[str]
    simulated: list[bool]

    def names(self) -> list[str]:
        """As they stand beside the map, with an asterisk where the channel is simulated."""
        marked = zip(self.attacks, self.simulated, strict=True)
        return [style.short(attack) + (" *" if star else "") for attack, star in marked]

    def left(self) -> float:
        """How much room the names take, in inches."""
        return 0.3 + 0.056 * max(map(style.extent, self.names()))

    def height(self) -> float:
        """Of the map in inches."""
        return CELL_H * len(self.attacks)

    def apply(self, axes: Axes, width: float) -> None:
        """Names, limits and the lines between families; x runs from 0 to ``width``."""
        axes.set(xlim=(0, width), ylim=(len(self.attacks), 0))
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_yticks(np.arange(len(self.attacks)) + 0.5, self.names(), fontsize=7.2, color=style.INK)
        axes.set_xticks([])
        for y in range(1, len(self.attacks)):
            if self.families[y] != self.families[y - 1]:
                axes.axhline(y, color=style.MUTED, linewidth=0.5)


def rows_for(run: Run, present: Collection[str]) -> Rows:
    """The rows for these attacks."""
    attacks = attack_frame(run)
    attacks = attacks[attacks["attack"].isin(list(present))]
    families = list(dict.fromkeys(attacks["attack_family"]))
    attacks = attacks.assign(_family=attacks["attack_family"].map(families.index))
    rows = as_rows(attacks.sort_values("_family", kind="stable"))
    simulated = [row["channel"].startswith("simulated") for row in rows]
    return Rows([row["attack"] for row in rows], [row["attack_family"] for row in rows], simulated)


def write_rate(axes: Axes, x: float, y: float, rate: str, interval: str, ink: str) -> None:
    """A rate over its interval, in the middle of a cell whose top is ``y``."""
    look: dict[str, Any] = {"ha": "center", "va": "center", "color": ink, "zorder": 3}
    axes.text(x, y + 0.36, rate, fontsize=7.4, **look)
    axes.text(x, y + 0.74, interval, fontsize=5.4, alpha=0.85, **look)


def range_text(low: float, high: float) -> str:
    """An interval as in a cell: ``12–34``, percent."""
    return f"{100 * low:.0f}–{100 * high:.0f}"


def most_common(counts: list[int]) -> int:
    """The number of files in most cells of a column, so that only the others have to say theirs; 0 without cells."""
    return max(set(counts), key=lambda n: (counts.count(n), n), default=0)
