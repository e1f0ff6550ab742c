"""What was measured and what was not: the grid with every cell's counts, and every failure by name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.analysis.frames import attack_frame, beside_views, codes, in_order, regime_names
from bench.records import Run

COVERAGE_COLUMNS = [
    "kind", "subject", "attack", "regime", "planned", "done", "error", "unavailable", "not_applicable", "abstain",
]  # fmt: skip
FAILURE_COLUMNS = ["sample", "attack", "reader", "code", "detail", "count", "regime", "split"]

#: More failures than this are summed up by attack, reader and code; the records keep every one.
MAX_FAILURES = 1000

#: How a cell's rows count, in the order of the columns.
OUTCOMES = ("done", "error", "unavailable", "not_applicable", "abstain")


def coverage(run: Run) -> pd.DataFrame:
    """Planned and measured numbers of every cell of the test split: ``kind`` is view, label or detector.

    ``done`` counts answers, ``planned`` minus all the others counts what is still missing. ``subject`` is ``view``
    for views, ``label:position`` for labels, and the name for detectors.
    """
    planned = pd.DataFrame(run.header.get("planned", []), columns=["kind", "subject", "attack", "regime", "n"])
    planned = planned.astype({"n": "int64"})
    planned = planned.groupby(["kind", "subject", "attack", "regime"], sort=False)["n"].sum().reset_index()
    counted = pd.concat(_counted(run), ignore_index=True)
    counted = counted.groupby(["kind", "subject", "attack", "regime", "outcome"], sort=False)["n"].sum().unstack()
    table = planned.merge(counted.reset_index(), on=["kind", "subject", "attack", "regime"], how="outer")
    for column in OUTCOMES:
        table[column] = table[column].fillna(0).astype("int64") if column in table else 0
    # A cell nobody planned shows with 0 planned rather than not at all.
    table["planned"] = table["n"].fillna(0).astype("int64")
    subjects = ["view", *(f"{x['name']}:{x['position']}" for x in run.header.get("labels", []))]
    subjects += [x["name"] for x in run.header.get("detectors", [])]
    order = {
        "kind": codes(table["kind"], ("view", "label", "detector")),
        "subject": codes(table["subject"], in_order(table["subject"], subjects)),
        "regime": codes(table["regime"], in_order(table["regime"], regime_names(run))),
        "attack": codes(table["attack"], in_order(table["attack"], list(attack_frame(run)["attack"]))),
    }
    at = np.lexsort(tuple(reversed(list(order.values()))))
    return table.iloc[at][COVERAGE_COLUMNS].reset_index(drop=True)


def _counted(run: Run) -> list[pd.DataFrame]:
    """How often each view, label and detector of the test split ended how, per attack and regime."""
    views = run.views[run.views["split"].eq("test")]
    readings = beside_views(run.readings, views, ["attack", "regime"])
    scores = beside_views(run.scores, views, ["attack", "regime"])
    out = []
    for kind, frame, about, state in (
        ("view", views, [], "status"),
        ("label", readings, ["label", "position"], "state"),
        ("detector", scores, ["detector"], "status"),
    ):
        counted = frame.groupby([*about, "attack", "regime", state], sort=False, observed=True).size()
        counts = counted.reset_index(name="n").astype(dict.fromkeys([*about, "attack", "regime", state], object))
        subject = counts[about].agg(":".join, axis=1) if about and len(counts) else "view"
        # A reading's states other than those named are answers; a status is one only when it is ok.
        answers = ~counts[state].isin(OUTCOMES) if kind == "label" else counts[state].eq("ok")
        outcome = counts[state].where(counts[state].isin(OUTCOMES), "error").mask(answers, "done")
        out.append(counts[["attack", "regime", "n"]].assign(kind=kind, subject=subject, outcome=outcome))
    return out


def failures(run: Run) -> pd.DataFrame:
    """Every failed view, reading and score; ``reader`` is ``view``, ``label:position`` or a detector's name.

    Nothing can read a view that failed, so its readings and scores are no failures of their own. What is merely
    unavailable on this machine is no failure: it stands in ``coverage``. Beyond a thousand rows they are summed up
    (``sample`` = ``*``) by attack, reader and code, with the first detail.
    """
    columns = ["sample", "attack", "regime", "split"]
    made = run.views[run.views["status"].eq("ok")]
    views = run.views[run.views["status"].eq("error")].assign(reader="view")
    readings = beside_views(run.readings[run.readings["state"].eq("error")], made, columns)
    readings = readings.assign(reader=readings["label"].astype(object) + ":" + readings["position"].astype(object))
    scores = beside_views(run.scores[run.scores["status"].eq("error")], made, columns)
    scores = scores.assign(reader=scores["detector"])
    used = [*columns, "reader", "code", "detail"]
    parts = [frame[used].astype(object) for frame in (views, readings, scores) if len(frame)]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype="int64" if name == "count" else object) for name in FAILURE_COLUMNS})
    table = pd.concat(parts, ignore_index=True).fillna("").assign(count=1)
    for summed in (["sample"], ["regime", "split"], ["attack"], ["reader"]):
        if len(table) <= MAX_FAILURES:
            break
        table[summed] = "*"
        keys = [name for name in FAILURE_COLUMNS if name not in ("detail", "count")]
        table = table.groupby(keys, sort=False).agg({"detail": "first", "count": "sum"}).reset_index()
    return table[FAILURE_COLUMNS]
