"""What the summary says when detectors are set side by side: who misses fewest, and whom false positives hit."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.analysis.frames import POOLED, as_rows, clean_attacks, regime_names
from bench.analysis.text.wording import Finding, Say, percent, whole
from bench.records import Run


def rank_findings(run: Run, robustness: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """A sentence per regime on the detector with the fewest misses, or on those that cannot be told apart."""
    overall = robustness[robustness["attack_family"].eq(POOLED) & robustness["rank"].notna()]
    for regime in regime_names(run):
        rows = as_rows(overall[overall["regime"].eq(regime)].sort_values(["rank", "area"], kind="stable"))
        if len(rows) < 2:
            continue
        told = [f"{row['detector']} {percent(row['area'], row['area_low'], row['area_high'])}" for row in rows]
        first = [i for i, row in enumerate(rows) if row["rank_low"] == 1]
        about = {"regime": regime, "ranked": len(rows), "n": rows[0]["families_ai"]}
        if len(first) == 1:
            text = say("holds_best", best=told[0], second=told[1], **about)
        else:
            text = say("hold_alike", names=say("list_joint").join(told[i] for i in first), **about)
        if all(pd.notna(rows[i]["fpr"]) for i in first):
            # Few misses are no merit of a detector that comes to flag everything.
            rates = [percent(rows[i]["fpr"], rows[i]["fpr_low"], rows[i]["fpr_high"]) for i in first]
            named = [f"{rows[i]['detector']} {rate}" for i, rate in zip(first, rates, strict=True)]
            text += say("sentence_joint") + say("also_flags", names=say("list_joint").join(named))
        yield Finding("detector", text, "detectors")


def subgroup_findings(run: Run, table: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """Cautions where false positives on untouched files surely differ between sources or subgroups."""
    rows = table[table["subgroup"].eq(POOLED) & table["attack"].isin(clean_attacks(run)) & table["gap_low"].gt(0)]
    for row in as_rows(rows):
        gap = f"{whole(row['gap'])} [{whole(row['gap_low'])}, {whole(row['gap_high'])}]"
        values = {key: row[key] for key in ("detector", "regime", "n_human")} | {"between": row["gap_between"]}
        kind = say("gap_source" if row["by"] == "source" else "gap_group")
        yield Finding("warning", say("subgroup_gap", gap=gap, kind=kind, **values), "detectors")
