"""What the charts of labels share: a group of columns per label, in it one column per carrier format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.analysis.charts import style
from bench.analysis.frames import carrier

#: Width of a column in inches.
CELL_W = 0.56
MAX_COLUMNS = 12

#: Label, position and bundle: what a group of columns is about.
Subject = tuple[str, str, str]
Column = tuple[Subject, str]


def pages(survival: pd.DataFrame, name: str, title: str) -> Iterator[tuple[str, str, list[Column]]]:
    """The columns of each chart that holds as many as are readable: ``(file name, title, columns)``."""
    found: list[list[Column]] = [[]]
    for key, rows in survival.groupby(["label", "position", "bundle"], sort=False):
        subject = (str(key[0]), str(key[1]), str(key[2]))
        columns = [(subject, str(mime)) for mime in dict.fromkeys(rows["mime"])]
        if found[-1] and len(found[-1]) + len(columns) > MAX_COLUMNS:
            found.append([])
        found[-1] += columns
    for number, page in enumerate(found, 1):
        part = f", {number} of {len(found)}" if len(found) > 1 else ""
        yield name if number == 1 else f"{name}_{number}", title + part, page


def raised(columns: Sequence[Column], named: Mapping[Subject, str]) -> float:
    """How much taller the heads are where a label has to say its bundle, inches."""
    return 0.14 * any(named[subject] for subject, _ in columns)


def column_heads(
    axes: Axes, columns: Sequence[Column], counts: Sequence[int], named: Mapping[Subject, str], height: float
) -> None:
    """Label names over their carriers, with the number of files in each.

    Args:
        axes: one unit wide per column.
        columns: from the left.
        counts: files of each.
        named: what each label has to say of its bundle.
        height: of the axes in inches.
    """
    up = axes.get_xaxis_transform()
    more = raised(columns, named)

    def at(inches: float) -> float:
        return 1 + inches / height

    for x, ((subject, mime), n) in enumerate(zip(columns, counts, strict=True)):
        axes.text(x + 0.5, at(0.2), carrier(mime), transform=up, ha="center", va="bottom", fontsize=7)
        axes.text(x + 0.5, at(0.06), f"n {n}", transform=up, ha="center", va="bottom", fontsize=6, color=style.MUTED)
        if x == 0 or columns[x - 1][0] != subject:
            wide = sum(other == subject for other, _ in columns)
            lines = (
                (style.short(subject[0], 7 * wide), 0.57 + more, 7.4, "bold", style.INK),
                (style.short(subject[1], 8 * wide), 0.43 + more, 7.4, "normal", style.INK),
                (style.short(named[subject], 9 * wide), 0.43, 6.6, "normal", style.MUTED),
            )
            for text, y, size, weight, ink in lines:
                axes.text(
                    x + wide / 2, at(y), text, transform=up, ha="center", va="bottom", fontsize=size, color=ink,
                    fontweight=weight,
                )  # fmt: skip
            line = [x + 0.06, x + wide - 0.06]
            axes.plot(line, [at(0.39)] * 2, transform=up, color=style.MUTED, linewidth=0.7, clip_on=False)
            if x:
                axes.axvline(x, color=style.PAPER, linewidth=4, zorder=2)
