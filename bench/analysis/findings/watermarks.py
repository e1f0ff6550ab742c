"""What the summary says of watermarks: clean bit accuracy, attacks that bring it to chance, and false detections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from bench.analysis.frames import as_rows, clean_attacks
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.watermarks import CHANCE, bundles_to_name
from bench.analysis.text.wording import Finding, Say, rate_text, whole
from bench.records import Run

#: Attacks that one sentence names; the chart and the table have all of them.
NAMED = 4


def watermark_findings(run: Run, survival: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """A sentence or two per watermark; cautions where nothing reads back, or unmarked files are detected too often."""
    clean, named = clean_attacks(run), bundles_to_name(survival)
    for (watermark, bundle), name in named.items():
        title = f"{watermark} · {name}" if name else watermark
        mine = survival[survival["watermark"].eq(watermark) & survival["bundle"].eq(bundle)]
        rows = as_rows(mine[mine["bit_accuracy"].notna()])
        start = next((row for row in rows if row["attack"] in clean), None)
        attacked = [row for row in rows if row["attack"] not in clean]
        few = mine["n"].max()
        if 0 < few < MIN_N:
            yield Finding("gap", say("marks_few", watermark=title, n=few), "watermarks")
        if start is not None and start["bit_accuracy_low"] <= CHANCE:
            text = say("marks_dead", watermark=title, n=start["n"], bits=rate_text(start, "bit_accuracy"))
            yield Finding("warning", text, "watermarks")
        elif start is not None:
            yield Finding("watermark", say("sentence_joint").join(_washed(title, start, attacked, say)), "watermarks")
    # Human files are the same beside every bundle of a watermark.
    yield from _false(survival.drop_duplicates(["watermark", "attack"]), say)


def _washed(title: str, start: dict[str, Any], attacked: list[dict[str, Any]], say: Say) -> Iterator[str]:
    """Clean files, then which attacks leave chance, then the worst of the others."""
    values = {"bits": rate_text(start, "bit_accuracy"), "detected": rate_text(start, "detected_rate"), "n": start["n"]}
    yield say("marks_clean", watermark=title, **values)
    lost = [row for row in attacked if row["bit_accuracy_low"] <= CHANCE]
    if lost:
        attacks = say("list_joint").join(row["attack"] for row in lost[:NAMED])
        if len(lost) > NAMED:
            attacks = say("and_more", names=attacks, more=len(lost) - NAMED)
        yield say("marks_chance", k=len(lost), total=len(attacked), attacks=attacks)
    elif attacked:
        yield say("marks_no_chance", total=len(attacked))
    left = [row for row in attacked if row["bit_accuracy_low"] > CHANCE]
    if left:
        worst = min(left, key=lambda row: row["bit_accuracy"])
        values = {"bits": rate_text(worst, "bit_accuracy"), "detected": rate_text(worst, "detected_rate")}
        yield say("marks_worst" if lost else "marks_worst_of_all", attack=worst["attack"], n=worst["n"], **values)


def _false(survival: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """Where unmarked human files are detected more often than the p-value promises."""
    known = survival[survival["false_detected"].notna()]
    above = known[known["false_detected_low"] > known["fpr_nominal"]]
    for watermark, mine in above.groupby("watermark", sort=False):
        total = int(known["watermark"].eq(watermark).sum())
        worst = max(as_rows(mine), key=lambda row: row["false_detected"])
        yield Finding("warning", say("marks_false", k=len(mine), total=total, **_of(worst)), "watermarks")
    if len(known) and not len(above):
        worst = max(as_rows(known), key=lambda row: row["false_detected_high"])
        yield Finding("watermark", say("marks_true", **_of(worst)), "watermarks")


def _of(row: dict[str, Any]) -> dict[str, Any]:
    values = {name: row[name] for name in ("watermark", "attack")}
    rate = rate_text(row, "false_detected")
    return values | {"rate": rate, "n": row["n_unmarked"], "nominal": whole(row["fpr_nominal"])}
