"""A detector in two runs: its errors and ranking on the files that both judged, and the verdicts that turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.compare.common_ground import CommonGround
from bench.analysis.frames import TRUTHS, codes, detector_names
from bench.analysis.stats import Families, Floats, Ints, paired_interval, rank_rows
from bench.analysis.tables.cube import ABSTAIN, ERROR, NO_ROW, OK, UNAVAILABLE, Cube, cube, rows_of
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.pairs import Files, Side, compared
from bench.analysis.tables.thresholds import Choice, at_threshold, main_threshold, thresholds
from bench.errors import unknown
from bench.records import Run

#: Verdicts as the ledger names them.
VERDICTS = {OK: "", ABSTAIN: "abstained", ERROR: "error", UNAVAILABLE: "unavailable"}


@dataclass(frozen=True, eq=False)
class _Block:
    """One detector in one run, on the common ground.

    Attributes:
        value: ``(cells, files)``, cells being regime by attack.
        status: the same.
        threshold: of each cell, ``(cells,)``, NaN where there is none.
    """

    value: Floats
    status: np.ndarray
    threshold: Floats

    def side(self, files: Files) -> Side:
        """As comparisons want it; AI-edited files come last and have no part in the ranking."""
        ranked = self.value[:, : files.ai.stop]
        flagged = self.value > self.threshold[:, None]
        return Side(
            flagged, self.status, ranked, rank_rows(ranked, files.human.stop), np.asarray(~np.isnan(self.threshold))
        )

    def verdicts(self) -> np.ndarray:
        """``flagged``, ``not flagged``, or why there is no verdict, ``(cells, files)``; blank without a row."""
        names = np.array([VERDICTS.get(status, "") for status in range(NO_ROW + 1)], object)
        decided = np.where(self.value > self.threshold[:, None], "flagged", "not flagged")
        return np.where((self.status == OK) & ~np.isnan(self.threshold)[:, None], decided, names[self.status])


def detectors_in_both(ground: CommonGround, names: Sequence[str] | None) -> list[str]:
    """The detectors to compare, in the first run's order.

    Raises:
        UserError: a name that is not in both runs.
    """
    both = [name for name in detector_names(ground.before) if name in detector_names(ground.after)]
    for name in names or ():
        if name not in both:
            raise unknown("detector of both runs", name, both)
    return both if names is None else [name for name in both if name in names]


def compare_detector(ground: CommonGround, detector: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the comparison and of the ledger about one detector."""
    scores = cube(ground.before)
    place = np.sort(codes(pd.Series(ground.samples), list(scores.samples)))
    names = scores.samples[place]
    files = _files(scores, place)
    choice = _common_choice(ground, detector)
    blocks = [_block(run, ground, detector, names, choice) for run in (ground.before, ground.after)]
    before, after = (block.side(files) for block in blocks)
    found = compared(before, after, files)
    kept = np.asarray(found["_rows"])
    regime, attack = np.divmod(np.arange(len(kept)), len(ground.attacks))
    cells = ground.attacks.iloc[attack][["attack", "attack_family", "severity"]].reset_index(drop=True)
    cells = cells.assign(kind="detector", subject=detector, regime=np.array(ground.regimes, object)[regime])
    cells["threshold_before"], cells["threshold_after"] = (block.threshold for block in blocks)
    cells["alpha"] = np.nan if choice.alpha is None else choice.alpha
    cells["threshold_kind"], cells["unpaired"], cells["note"] = choice.kind, found["unpaired"], found["note"]
    ledger = _ledger(cells, scores, place, blocks)
    measures = [
        cells.assign(order=0, measure="fpr", **_rates(found, "human")),
        cells.assign(order=1, measure="fnr", **_rates(found, "ai")),
        cells.assign(
            order=2, measure="auc", n=found["n_human"] + found["n_ai"], before=found["auc_a"], after=found["auc_b"],
            difference=found["auc_b"] - found["auc_a"], difference_low=-found["auc_difference_high"],
            difference_high=-found["auc_difference_low"], p=found["p_auc"], turned_worse=np.nan, turned_better=np.nan,
        ),
    ]  # fmt: skip
    long = pd.concat([part.assign(cell=np.arange(len(part)))[kept] for part in measures])
    long = long.sort_values(["cell", "order"], kind="stable").drop(columns=["cell", "order"])
    return long.reset_index(drop=True), ledger


def _files(scores: Cube, place: Ints) -> Files:
    """Where the truths of these files are; they are sorted by it."""
    ends = np.searchsorted(scores.truth[place], [1, 2])
    human, ai = slice(0, int(ends[0])), slice(int(ends[0]), int(ends[1]))
    every = Families(scores.family, int(scores.family.max(initial=-1)) + 1).of(place)
    return Files(human, ai, {"human": every.of(human), "ai": every.of(ai), "both": every.of(slice(0, int(ends[1])))})


def _common_choice(ground: CommonGround, detector: str) -> Choice:
    """The first way to set the threshold that stands in both runs, in every common regime."""
    frozen = [thresholds(run) for run in (ground.before, ground.after)]
    frozen = [frame[frame["detector"].eq(detector) & frame["regime"].isin(ground.regimes)] for frame in frozen]
    ways = [set(zip(frame["threshold_kind"], frame["alpha"].fillna(0), strict=True)) for frame in frozen]
    both = pd.Series(
        [way in ways[1] for way in zip(frozen[0]["threshold_kind"], frozen[0]["alpha"].fillna(0), strict=True)],
        frozen[0].index, dtype=bool,
    )  # fmt: skip
    return main_threshold(frozen[0][both], detector)


def _block(run: Run, ground: CommonGround, detector: str, names: np.ndarray, choice: Choice) -> _Block:
    scores = cube(run)
    attacks = list(scores.attacks["attack"])
    at = np.ix_(
        np.array([scores.regimes.index(name) for name in ground.regimes], np.int64),
        np.array([attacks.index(name) for name in ground.attacks["attack"]], np.int64),
        codes(pd.Series(names), list(scores.samples)),
    )
    number = scores.detectors.index(detector)
    mine = at_threshold(thresholds(run), detector, choice)
    frozen = dict(zip(mine["regime"], mine["threshold"], strict=True))
    threshold = np.array([frozen.get(name, np.nan) for name in ground.regimes], float)
    return _Block(
        rows_of(scores.value[number][at]), rows_of(scores.status[number][at]), np.repeat(threshold, len(ground.attacks))
    )


def _rates(found: dict[str, np.ndarray], truth: str) -> dict[str, np.ndarray]:
    """Error rates of one truth, before and after, with the interval of their difference."""
    n = found[f"n_{truth}"].astype(float)
    cells = {name: found[f"{truth}_{name}"] for name in ("both_right", "only_a", "only_b", "both_wrong")}
    return paired_rates(n, cells["both_wrong"], cells["only_a"], cells["only_b"], found[f"{truth}_effective"]) | {
        "p": found[f"p_{truth}"],
        "turned_worse": cells["only_a"],
        "turned_better": cells["only_b"],
    }


def paired_rates(
    n: Floats, both: Floats, only_after: Floats, only_before: Floats, effective: Floats
) -> dict[str, Floats]:
    """Two rates over the same files and their difference, after minus before, blank for small cells.

    Args:
        n: files in each cell.
        both: events both before and after.
        only_after: events only after.
        only_before: events only before.
        effective: independent pairs that the files are worth.
    """
    shown = n >= MIN_N
    out = np.where(shown, n, np.nan)
    scale = effective / out
    rest = out - both - only_after - only_before
    low, high = paired_interval(*(count * scale for count in (both, only_after, only_before, rest)))
    return {
        "n": n,
        "before": (both + only_before) / out,
        "after": (both + only_after) / out,
        "difference": (only_after - only_before) / out,
        "difference_low": low,
        "difference_high": high,
    }


def _ledger(cells: pd.DataFrame, scores: Cube, place: Ints, blocks: list[_Block]) -> pd.DataFrame:
    """Files whose verdict turned."""
    before, after = (block.verdicts() for block in blocks)
    cell, file = np.nonzero((before != after) & (before != "") & (after != ""))
    truth = np.array(TRUTHS, object)[scores.truth[place]][file]
    old, new = before[cell, file], after[cell, file]
    # As everywhere a failure or an abstention is no detection; what is unavailable is no verdict.
    wrong = [(verdict == "flagged") == (truth == "human") for verdict in (old, new)]
    open_ended = (old == "unavailable") | (new == "unavailable") | (truth == "ai_edited") | (wrong[0] == wrong[1])
    table = cells.iloc[cell][["regime", "attack", "kind", "subject", "threshold_before", "threshold_after"]]
    return table.reset_index(drop=True).assign(
        sample=scores.samples[place][file], truth=truth, before=old, after=new,
        change=np.where(open_ended, "other", np.where(wrong[1], "worse", "better")),
        score_before=blocks[0].value[cell, file], score_after=blocks[1].value[cell, file],
    )  # fmt: skip
