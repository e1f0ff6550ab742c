"""A label in two runs: how often it survives on the files that both read, and the states that turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.compare.common_ground import CommonGround
from bench.analysis.compare.detectors import paired_rates
from bench.analysis.frames import beside_views, codes, per_run, watermark_names
from bench.analysis.stats import Bools, Families
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.pairs import flips
from bench.analysis.tables.survival import NO_VERDICT, STATES
from bench.analysis.tables.watermarks import FPR_NOMINAL
from bench.errors import unknown
from bench.records import Run

#: A label is written into the file as it came, so this is about files as they came.
REGIME = "native"

#: Every state of a reading; the last one is that of files which were given no label to compare with.
FOUND = (*STATES, "present")

#: A label in its place and bundle; the bundle ``none`` holds human files.
Subject = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class _Found:
    """What readers said of one label in one run, on the common ground, ``(attacks, files)`` each.

    Attributes:
        state: place in ``FOUND``, -1 without a row.
        holds: what counts as survived: intact, or a watermark that is detected.
        declares: intact or altered; on human files, a declaration that nobody made.
    """

    state: np.ndarray
    holds: Bools
    declares: Bools

    @property
    def judged(self) -> Bools:
        """Readings that count; a reading that failed counts against the label."""
        gone = [FOUND.index(state) for state in NO_VERDICT]
        return np.asarray((self.state >= 0) & ~np.isin(self.state, gone))


@per_run
def _readings(run: Run) -> pd.DataFrame:
    """Readings of the test split in the native regime: of what was written, and of human files that got nothing."""
    views = run.views[run.views["split"].eq("test") & run.views["regime"].eq(REGIME)]
    rows = beside_views(run.readings, views, ["sample", "truth", "bundle", "attack"])
    human = rows["truth"].eq("human")
    given = rows["written"].eq(True).to_numpy(bool)
    return rows[np.where(human, ~given & rows["bundle"].eq("none"), given)]


def _subjects(run: Run) -> list[Subject]:
    found = _readings(run)[["label", "position", "bundle"]].drop_duplicates()
    return [(str(a), str(b), str(c)) for a, b, c in found.itertuples(index=False)]


def labels_in_both(ground: CommonGround, names: Sequence[str] | None) -> list[Subject]:
    """The labels to compare, in the first run's order.

    Raises:
        UserError: a name that is not in both runs.
    """
    if REGIME not in ground.regimes:
        return []
    after = set(_subjects(ground.after))
    listed = [(label["name"], label["position"]) for label in ground.before.header.get("labels", [])]
    bundles = list(ground.before.header.get("bundles", []))

    def place(subject: Subject) -> tuple[int, int, Subject]:
        at = listed.index(subject[:2]) if subject[:2] in listed else len(listed)
        return at, bundles.index(subject[2]) if subject[2] in bundles else len(bundles), subject

    both = sorted((subject for subject in _subjects(ground.before) if subject in after), key=place)
    for name in names or ():
        if name not in [subject[0] for subject in both]:
            raise unknown("label of both runs", name, dict.fromkeys(subject[0] for subject in both))
    return [subject for subject in both if names is None or subject[0] in names]


def compare_label(ground: CommonGround, subject: Subject) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the comparison and of the ledger about one label in one bundle."""
    label, position, bundle = subject
    files = _files_of(ground, bundle)
    samples = files["sample"].to_numpy(object)
    mark = (label, position) in watermark_names(ground.before)
    before, after = (_found(run, ground, subject, samples, mark) for run in (ground.before, ground.after))
    both = before.judged & after.judged
    rows = (before.state >= 0) | (after.state >= 0)
    cells = ground.attacks[["attack", "attack_family", "severity"]].assign(
        kind="watermark" if mark else "label", subject=f"{label}:{position}", bundle=bundle, regime=REGIME,
        unpaired=np.count_nonzero(rows & ~both, axis=1),
    )  # fmt: skip
    ledger = _ledger(cells, samples, files["truth"].to_numpy(object), before, after)
    families = Families(pd.factorize(files["family"].astype(object))[0].astype(np.int64), files["family"].nunique())
    measures = {"detected" if mark else "survived": (before.holds, after.holds)}
    if not mark:
        measures["declares"] = (before.declares, after.declares)
    if bundle == "none":
        measures = {"false_detected" if mark else "false_declared": (before.declares, after.declares)}
    parts = []
    for order, (measure, (old, new)) in enumerate(measures.items()):
        found = flips(old, new, both, families)
        n = found["n"].astype(float)
        gained, lost = found["only_b"], found["only_a"]
        worse, better = (gained, lost) if bundle == "none" else (lost, gained)
        part = cells.assign(
            measure=measure, p=found["p"], turned_worse=worse, turned_better=better, order=order,
            note=np.where((n > 0) & (n < MIN_N), f"n < {MIN_N}", ""),
            **paired_rates(n, found["both_right"].astype(float), gained, lost, found["effective"]),
        )  # fmt: skip
        parts.append(part[rows.any(axis=1)])
    long = pd.concat(parts).reset_index().sort_values(["index", "order"], kind="stable")
    return long.drop(columns=["index", "order"]).reset_index(drop=True), ledger


def _files_of(ground: CommonGround, bundle: str) -> pd.DataFrame:
    """Common samples of a bundle, with truth and family: human ones of ``none``, the others of every other."""
    views = ground.before.views
    views = views[views["sample"].isin(ground.samples)].drop_duplicates("sample")
    human = views["truth"].eq("human")
    return views[human if bundle == "none" else ~human].reset_index(drop=True)


def _found(run: Run, ground: CommonGround, subject: Subject, samples: np.ndarray, mark: bool) -> _Found:
    rows = _readings(run)
    for column, wanted in zip(("label", "position", "bundle"), subject, strict=True):
        rows = rows[rows[column].eq(wanted)]
    attack, file = codes(rows["attack"], list(ground.attacks["attack"])), codes(rows["sample"], list(samples))
    kept = (attack >= 0) & (file >= 0)
    rows, at = rows[kept], (attack[kept], file[kept])
    shape = (len(ground.attacks), len(samples))
    state = np.full(shape, -1, np.int64)
    holds, declares = np.zeros(shape, bool), np.zeros(shape, bool)
    state[at] = codes(rows["state"], FOUND)
    failed = rows["state"].eq("error").to_numpy(bool)
    detected = (rows["p_value"].to_numpy(float) <= FPR_NOMINAL) & ~failed
    said = rows["declares_ai"].eq(True).to_numpy(bool) & ~rows["state"].eq("broken").to_numpy(bool)
    kept_whole = rows["state"].eq("intact").to_numpy(bool)
    holds[at] = detected if mark else kept_whole
    read = rows["state"].isin(["intact", "altered"]).to_numpy(bool)
    declares[at] = detected if mark else said if subject[2] == "none" else read
    return _Found(state, holds, declares)


def _ledger(cells: pd.DataFrame, samples: np.ndarray, truth: np.ndarray, before: _Found, after: _Found) -> pd.DataFrame:
    """Files whose label is found in another state."""
    attack, file = np.nonzero((before.state != after.state) & (before.state >= 0) & (after.state >= 0))
    old, new = before.state[attack, file], after.state[attack, file]
    judged = (before.judged & after.judged)[attack, file]
    human = truth[file] == "human"
    declared = [found.declares[attack, file].astype(int) for found in (before, after)]
    # The states of a written label are listed best first; on human files, what declares nothing is best.
    step = np.where(human, declared[1] - declared[0], new - old)
    change = np.where(~judged | (step == 0), "other", np.where(step > 0, "worse", "better"))
    table = cells.iloc[attack][["regime", "attack", "kind", "subject", "bundle"]].reset_index(drop=True)
    names = np.array(FOUND, object)
    return table.assign(sample=samples[file], truth=truth[file], before=names[old], after=names[new], change=change)
