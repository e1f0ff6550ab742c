"""What was measured and what was not: the grid with every cell's counts, and every failure by name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.analysis.frames import attack_frame, beside_views, codes, groups_of, in_order, numbered, regime_names
from bench.records import Run

COVERAGE_COLUMNS = [
    "kind", "subject", "attack", "regime", "planned", "done", "error", "unavailable", "not_applicable", "abstain",
]  # fmt: skip
FAILURE_COLUMNS = ["sample", "attack", "reader", "code", "detail", "count", "regime", "split"]

#: More failures than this are summed up by attack, reader and code; the records keep every one.
MAX_FAILURES = 1000

#: The subject of a view's own row.
VIEW: tuple[str, ...] = ("view",)

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
    # Cells by number: counting numbers is quick, and grouping millions of rows by texts is not.
    cells, cell = groups_of(views, ["attack", "regime"])
    place = np.full(len(run.views), -1, np.int64)
    place[views["key"].to_numpy(np.int64)] = cell
    out = []
    subjects: list[tuple[str, ...]]
    for kind, frame, about, state in (
        ("view", views, [], "status"),
        ("label", run.readings, ["label", "position"], "state"),
        ("detector", run.scores, ["detector"], "status"),
    ):
        if len(about) == 1:
            words, subject = numbered(frame[about[0]])
            subjects = [(str(word),) for word in words]
        else:
            subjects, subject = groups_of(frame, about) if about else ([VIEW], np.zeros(len(frame), np.int8))
        states, ended = numbered(frame[state])
        shape = (len(cells), len(subjects), len(states))
        flat = place[frame["key"].to_numpy(np.int64)]
        kept = (flat >= 0) & (subject >= 0) & (ended >= 0)
        flat = (flat * shape[1] + subject) * shape[2] + ended
        counts = np.bincount(flat if kept.all() else flat[kept], minlength=int(np.prod(shape))).reshape(shape)
        rows = []
        for i, j, k in np.argwhere(counts).tolist():
            # A reading's states other than those named are answers; a status is one only when it is ok.
            found = str(states[k])
            answer = found not in OUTCOMES if kind == "label" else found == "ok"
            outcome = "done" if answer else found if found in OUTCOMES else "error"
            rows.append((kind, ":".join(subjects[j]), *cells[i], outcome, int(counts[i, j, k])))
        out.append(pd.DataFrame(rows, columns=["kind", "subject", "attack", "regime", "outcome", "n"]))
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
