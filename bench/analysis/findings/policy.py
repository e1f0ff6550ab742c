"""What the summary says of a platform: AI files it would show without a notice, human ones with one, forged labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import as_rows, clean_attacks
from bench.analysis.page.tables import threshold_text
from bench.analysis.tables.policy import NO_DETECTOR, at_main_threshold
from bench.analysis.text.wording import Finding, Say, percent, rate_text
from bench.records import Run

ANCHOR = "policy"


def policy_findings(run: Run, frozen: pd.DataFrame, table: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """Forged labels that pass, then what labels alone leave unnoticed, and the fallback that errs least on average."""
    judged = table[table["noticed_rate"].notna()]
    alone = judged[judged["detector"].eq(NO_DETECTOR)]
    clean = clean_attacks(run)
    yield from _forged(table[table["detector"].eq(NO_DETECTOR) & ~table["attack"].isin(clean)], say)
    if (text := _told(alone, clean, say, "policy_labels")) is None:
        return
    yield Finding("policy", text, ANCHOR)
    fallbacks = []
    for name in judged["detector"].unique():
        rows, choice = at_main_threshold(judged, frozen, name)
        both = _errors(rows)
        if name != NO_DETECTOR and len(both):
            fallbacks.append((float(both.mean()), name, rows, choice))
    if fallbacks:
        _, name, rows, choice = min(fallbacks, key=lambda fallback: fallback[0])
        key = "policy_best" if len(fallbacks) > 1 else "policy_fallback"
        if (text := _told(rows, clean, say, key, detector=name, threshold=threshold_text(choice, say))) is not None:
            yield Finding("policy", text, ANCHOR)


def _errors(rows: pd.DataFrame) -> pd.Series:
    """Per attack, the mean of AI files without a notice and human files with one."""
    ai, human = (rows[rows["truth"].eq(truth)].set_index("attack")["noticed_rate"] for truth in ("ai", "human"))
    return ((1 - ai + human) / 2).dropna()


def _told(rows: pd.DataFrame, clean: list[str], say: Say, key: str, **values: str) -> str | None:
    """A sentence on AI files without a notice, untouched and at worst, and on human ones with one at worst."""
    ai, human = (as_rows(rows[rows["truth"].eq(truth)]) for truth in ("ai", "human"))
    start = next((row for row in ai if row["attack"] in clean), None)
    attacked = [row for row in ai if row["attack"] not in clean]
    if start is None or not attacked:
        return None
    worst = min(attacked, key=lambda row: row["noticed_rate"])
    text = say(
        key, **values, clean=_silent(start), n=start["n"], worst=_silent(worst), n_worst=worst["n"],
        attack=worst["attack"], declared=f"{100 * worst['declaration_rate']:g}",
    )  # fmt: skip
    flagged = max(human, key=lambda row: row["noticed_rate"], default=None)
    if flagged is not None and flagged["noticed_rate"] > 0:
        text += say("sentence_joint") + say(
            "policy_flags", rate=rate_text(flagged, "noticed_rate"), n=flagged["n"], attack=flagged["attack"]
        )
    return text


def _silent(row: dict[str, Any]) -> str:
    """The share without a notice."""
    return percent(1 - row["noticed_rate"], 1 - row["noticed_high"], 1 - row["noticed_low"])


def _forged(alone: pd.DataFrame, say: Say) -> Iterator[Finding]:
    """How many attacks put a label on human files that a platform believes; ``alone``: labels alone, attacked."""
    human = alone[alone["truth"].eq("human")]
    forged = as_rows(human[human["forged"] > 0].sort_values("confirmed_rate", ascending=False, kind="stable"))
    if forged and not np.isnan(forged[0]["confirmed_rate"]):
        worst = forged[0]
        rate = rate_text(worst, "confirmed_rate")
        names = {"k": len(forged), "total": len(human), "n": worst["n"], "attack": worst["attack"]}
        yield Finding("warning", say("policy_forged", rate=rate, **names), ANCHOR)
