"""All scores of the test split as one block of numbers: detectors, regimes, attacks, files.

In this shape every comparison is paired: two detectors, or an attacked and the clean view, are two rows over the same
files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.analysis.frames import (
    TRUTHS,
    Codes,
    attack_frame,
    codes,
    detector_names,
    in_order,
    of_detectors,
    per_run,
    regime_names,
)
from bench.analysis.stats import Bools, Families, Floats, Ranked, rank_rows
from bench.records import Run

#: Meaning of ``Cube.status``.
OK, ABSTAIN, ERROR, UNAVAILABLE, NO_ROW = range(5)

#: What the records say of each file.
ABOUT = ("truth", "source", "group", "family")

#: Statuses as the records have them; one this version does not know is a failure.
STATUSES = {"ok": OK, "abstain": ABSTAIN, "unavailable": UNAVAILABLE, "not_applicable": UNAVAILABLE}


@dataclass(frozen=True, eq=False)
class Cube:
    """The scores of the test split; a file has one view per regime and attack.

    Files are sorted by truth, then source, so that files alike are a slice.

    Attributes:
        detectors, regimes: names along the first two axes.
        attacks: along the third, as ``attack_frame``.
        sources, groups: names of sources and subgroups; a file without a subgroup has number -1.
        samples: id of each file, ``(files,)``.
        truth, source, group, family: numbers of each file, ``(files,)``.
        value: ``(detectors, regimes, attacks, files)``; NaN unless the status is ``OK``.
        status: of the same shape; NaN called ok is an ``ERROR``.
    """

    detectors: list[str]
    regimes: list[str]
    attacks: pd.DataFrame
    sources: list[str]
    groups: list[str]
    samples: npt.NDArray[np.object_]
    truth: Codes
    source: Codes
    group: Codes
    family: Codes
    value: Floats
    status: npt.NDArray[np.uint8]

    def files(self, truth: str) -> slice:
        """Where the files of one truth are."""
        low, high = np.searchsorted(self.truth, [TRUTHS.index(truth), TRUTHS.index(truth) + 1])
        return slice(int(low), int(high))

    @property
    def n_human(self) -> int:
        """Number of human files; they come first."""
        return int(self.files("human").stop)

    @property
    def ranked_files(self) -> slice:
        """Human and AI files, without AI-edited ones."""
        return slice(0, self.files("ai").stop)

    def families(self, files: slice) -> Families:
        """Which of these files belong together."""
        return Families(self.family, int(self.family.max(initial=-1)) + 1).of(files)

    @property
    def judged(self) -> Bools:
        """Views that count: with a verdict, or with a failure or an abstention, which is no detection."""
        return np.asarray(self.status <= ERROR)

    def flagged(self, thresholds: Floats) -> Bools:
        """Views that score above the threshold of their detector and regime, ``(detectors, regimes)``; NaN: none."""
        return np.asarray(self.value > thresholds[:, :, None, None])

    def named(self, detector: Codes, regime: Codes, attack: Codes | None = None) -> dict[str, np.ndarray]:
        """The names of cells, as the first columns of a table."""
        columns = {"detector": np.array(self.detectors, object)[detector]}
        columns["regime"] = np.array(self.regimes, object)[regime]
        if attack is not None:
            for name in ("attack", "attack_family", "severity"):
                columns[name] = self.attacks[name].to_numpy()[attack]
        return columns


@per_run
def cube(run: Run) -> Cube:
    """The scores of the test split; made once per run."""
    views = run.views
    wanted = views["split"].eq("test") & views["truth"].isin(TRUTHS) & of_detectors(run, views)
    views = views.loc[wanted.to_numpy(bool), [c for c in ("sample", *ABOUT, "regime", "attack") if c in views]]
    detectors, regimes, attacks = detector_names(run), regime_names(run), attack_frame(run)
    # A photograph and what an edit made of it are two files: one truth each.
    number = views.groupby(["sample", "truth"], sort=False, observed=True).ngroup().to_numpy()
    _, first = np.unique(number, return_index=True)
    about = views.iloc[first]
    sources = in_order(about["source"].dropna().unique(), [])
    groups = [name for name in in_order(about["group"].dropna().unique(), []) if name] if "group" in about else []
    truth, source = codes(about["truth"], TRUTHS), codes(about["source"], sources)
    order = np.lexsort((source, truth))
    about = about.iloc[order]
    group = codes(about["group"], groups) if groups else np.full(len(about), -1, np.int64)
    family = pd.factorize(about["family"].astype(object))[0] if "family" in about else np.arange(len(about))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    shape = (len(detectors), len(regimes), len(attacks), len(order))
    cell = codes(views["regime"], regimes) * shape[2] + codes(views["attack"], list(attacks["attack"]))
    # Where the scores of each view go in a detector's block; -1 for views that are none of these.
    at = np.full(len(run.views), -1, np.int64)
    at[np.flatnonzero(wanted)] = cell * shape[3] + place[number]
    to = at[run.scores["key"].to_numpy(np.int64)]
    kept = np.flatnonzero(to >= 0)
    columns = {name: run.scores[name].iloc[kept] for name in ("detector", "status", "value")}
    to = to[kept] + codes(columns["detector"], detectors) * int(np.prod(shape[1:]))
    given = np.array([*STATUSES.values(), ERROR], np.uint8)[codes(columns["status"], list(STATUSES))]
    number = columns["value"].to_numpy(float, copy=True)
    number[given != OK] = np.nan
    given[(given == OK) & np.isnan(number)] = ERROR
    value, status = np.full(shape, np.nan), np.full(shape, NO_ROW, np.uint8)
    status.reshape(-1)[to] = given
    value.reshape(-1)[to] = number
    # A missing family is nobody's relative.
    family = np.where(family < 0, family.max(initial=-1) + 1 + np.arange(len(family)), family)
    samples = about["sample"].to_numpy(object)
    return Cube(
        detectors, regimes, attacks, sources, groups, samples, truth[order], source[order], group, family, value, status
    )


def rows_of(values: npt.NDArray) -> npt.NDArray:
    """``(..., files)`` as one row per cell."""
    return values.reshape(int(np.prod(values.shape[:-1])), values.shape[-1])


@per_run
def ranking(run: Run) -> Ranked:
    """How each detector ranks human and AI files in each cell, all sources pooled; made once per run."""
    scores = cube(run)
    values = scores.value[..., scores.ranked_files]
    return rank_rows(rows_of(values), scores.n_human)
