"""What the summary says of labels: which survive what, what is left of the others, and labels found where none was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import POOLED, as_rows, carrier, clean_attacks
from bench.analysis.tables.survival import bundles_to_name
from bench.analysis.text.wording import Finding, Say, label_title, percent, rate_text, whole
from bench.records import Run

Rows = list[dict[str, Any]]


#: Sentences of one kind about single labels; the tables have the rest.
MOST = 4


def label_findings(run: Run, survival: pd.DataFrame, false: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """Losses without an attack, the best and the worst label, what is altered or hangs on the carrier, false finds."""
    named = bundles_to_name(survival)
    subjects = zip(survival["label"], survival["position"], survival["bundle"], strict=True)
    titles = [label_title(label, position, named[label, position, bundle]) for label, position, bundle in subjects]
    yield from _labels(run, survival.assign(title=titles), say)
    yield from _false_declarations(false, say)


def _labels(run: Run, survival: pd.DataFrame, say: Say) -> Iterator[Finding]:
    clean = clean_attacks(run)
    pooled = survival[survival["mime"].eq(POOLED) & survival["survived_rate"].notna()]
    for row in as_rows(pooled[pooled["attack"].isin(clean) & pooled["survived_rate"].lt(1)]):
        counts = {"k": row["intact"], "n": _judged(row), "rate": rate_text(row, "survived_rate")}
        yield Finding("warning", say("clean_loss", label=row["title"], **counts), "labels")
    washed = pooled[~pooled["attack"].isin(clean)]
    if not len(washed):
        return
    total = washed["attack"].nunique()
    wiped = int((washed.groupby("attack")["intact"].max() == 0).sum())
    yield Finding("label", say("wiped" if wiped else "wiped_none", k=wiped, total=total), "labels")
    groups = [as_rows(rows) for _, rows in washed.groupby(["label", "position", "bundle"], sort=False)]
    groups.sort(key=_mean, reverse=True)
    if len(groups) > 1 and _mean(groups[0]) - _mean(groups[-1]) < 0.005:
        if _mean(groups[0]) > 0:
            best = max(groups[0], key=lambda row: row["survived_rate"])
            values = {"attack": best["attack"], "rate": rate_text(best, "survived_rate"), "n": _judged(best)}
            values |= {"mean": whole(_mean(groups[0])), "total": total}
            yield Finding("label", say("tie", count=len(groups), **values), "labels")
    elif len(groups) > 1:
        yield _ranked("best", groups[0], max, say)
        yield _ranked("worst", groups[-1], min, say)
    else:
        yield _only(groups[0], say)
    altered = []
    for rows in groups:
        row = max(rows, key=lambda row: row["declares_rate"] - row["survived_rate"])
        gap = row["declares_rate"] - row["survived_rate"]
        if gap >= 0.05:
            rates = {name: rate_text(row, f"{name}_rate") for name in ("survived", "declares")}
            text = say("altered", attack=row["attack"], label=row["title"], n=_judged(row), **rates)
            altered.append((gap, text))
    yield from _largest(altered)
    apart = survival[survival["mime"].ne(POOLED) & survival["survived_rate"].notna()]
    yield from _carriers(apart[~apart["attack"].isin(clean)], say)


def _carriers(survival: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """Per label the attack whose outcome depends most on the carrier, where the intervals do not meet."""
    by_label: dict[tuple[str, ...], dict[str, Rows]] = {}
    for row in as_rows(survival):
        of_label = by_label.setdefault((row["label"], row["position"], row["bundle"]), {})
        of_label.setdefault(row["attack"], []).append(row)
    found = []
    for rows in by_label.values():
        widest: tuple[float, str] = (0.0, "")
        for attack, cells in rows.items():
            best, worst = (pick(cells, key=lambda row: row["survived_rate"]) for pick in (max, min))
            gap = best["survived_rate"] - worst["survived_rate"]
            if best["survived_low"] > worst["survived_high"] and gap > widest[0]:
                values = {
                    "rate": rate_text(best, "survived_rate"),
                    "n": _judged(best),
                    "carrier": carrier(best["mime"]),
                }
                values |= {"rate_worst": rate_text(worst, "survived_rate"), "n_worst": _judged(worst)}
                values |= {"carrier_worst": carrier(worst["mime"]), "attack": attack}
                widest = (gap, say("carrier", label=best["title"], **values))
        if widest[1]:
            found.append(widest)
    yield from _largest(found)


def _largest(found: list[tuple[float, str]]) -> Iterator[Finding]:
    """The sentences of the largest gaps, in the order given."""
    kept = sorted(range(len(found)), key=lambda i: -found[i][0])[:MOST]
    yield from (Finding("label", found[i][1], "labels") for i in sorted(kept))


def _judged(row: dict[str, Any]) -> int:
    return int(row["n"] - row["not_applicable"] - row["unavailable"])


def _mean(rows: Rows) -> float:
    return float(np.mean([row["survived_rate"] for row in rows]))


def _ranked(key: str, rows: Rows, pick: Callable[..., dict[str, Any]], say: Say) -> Finding:
    """The label at one end of the ranking, or that nothing is ever left of it."""
    title, total = rows[0]["title"], len(rows)
    row = pick(rows, key=lambda row: row["survived_rate"])
    if max(row["survived_rate"] for row in rows) == 0:
        high = whole(max(row["survived_high"] for row in rows))
        return Finding("label", say("gone", label=title, total=total, n=_judged(row), high=high), "labels")
    values = {"mean": whole(_mean(rows)), "total": total, "attack": row["attack"], "n": _judged(row)}
    return Finding("label", say(key, label=title, rate=rate_text(row, "survived_rate"), **values), "labels")


def _only(rows: Rows, say: Say) -> Finding:
    best, worst = (pick(rows, key=lambda row: row["survived_rate"]) for pick in (max, min))
    if best["survived_rate"] == 0:
        return _ranked("worst", rows, min, say)
    text = say(
        "only",
        label=best["title"],
        mean=whole(_mean(rows)),
        total=len(rows),
        attack=best["attack"],
        rate=rate_text(best, "survived_rate"),
        n=_judged(best),
        attack_worst=worst["attack"],
        rate_worst=rate_text(worst, "survived_rate"),
        n_worst=_judged(worst),
    )
    return Finding("label", text, "labels")


def _false_declarations(table: pd.DataFrame, say: Say) -> Iterator[Finding]:
    rows = as_rows(table)
    for pair in dict.fromkeys((row["label"], row["position"]) for row in rows):
        mine = [row for row in rows if (row["label"], row["position"]) == pair]
        worst = max(mine, key=lambda row: row["rate"])
        if worst["declares"]:
            rate = percent(worst["rate"], worst["low"], worst["high"])
            counts = {"k": worst["declares"], "n": worst["n"], "attack": worst["attack"], "rate": rate}
            yield Finding("warning", say("false_declaration", label=label_title(*pair), **counts), "labels")
    if rows and not any(row["declares"] for row in rows):
        least = min(rows, key=lambda row: row["n"])
        text = say("no_false_declaration", n=least["n"], high=whole(least["high"]))
        yield Finding("label", text, "labels")
