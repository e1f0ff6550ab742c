"""From rates to posts a day: wrong flags, misses, the queue of suspected posts, and what a flag is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.stats import Floats, interval
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.policy import COUNTED, NO_DETECTOR, REGIME, is_fallback
from bench.analysis.tables.thresholds import main_threshold
from bench.errors import UserError, unknown
from bench.records import Run

#: Hours of a reviewer's working day.
WORKING_DAY = 8.0

COLUMNS = [
    "detector", "alpha", "threshold", "threshold_kind", "attack", "n_human", "n_ai",
    *(f"{name}{end}" for name in ("wrong_flags", "misses", "suspected", "review_hours", "reviewers", "precision")
      for end in ("", "_low", "_high")), "note",
]  # fmt: skip


@dataclass(frozen=True)
class Traffic:
    """What a platform receives in a day.

    Attributes:
        posts_per_day: of pictures.
        ai_share: of them generated, 0..1; the rest are people's own.
        declaration_rate: share of the authors of AI posts without a verified label who declare them, 0..1.
        review_minutes: a person needs to look at one suspected post.
    """

    posts_per_day: int
    ai_share: float
    declaration_rate: float
    review_minutes: float


@dataclass(frozen=True)
class _Range:
    """An estimate and the ends of its interval, per cell."""

    value: Floats
    low: Floats
    high: Floats

    @classmethod
    def share(cls, k: Floats, n: Floats) -> _Range:
        """A measured rate; blank for small cells."""
        enough = n >= MIN_N
        low, high = interval(np.where(enough, k, 0), n)
        return cls(*(np.where(enough, x, np.nan) for x in (k / np.maximum(n, 1), low, high)))

    def __mul__(self, factor: float) -> _Range:
        return _Range(factor * self.value, factor * self.low, factor * self.high)

    def __add__(self, other: _Range) -> _Range:
        return _Range(self.value + other.value, self.low + other.low, self.high + other.high)

    def part_of_sum(self, other: _Range) -> _Range:
        """``self / (self + other)``, which rises with the one and falls with the other; blank where both are 0."""
        none = self.value + other.value == 0
        ends = ((self.value, other.value), (self.low, other.high), (self.high, other.low))
        # Where nothing is there at best either, the share is 0, not 0 / 0.
        shares = (np.where(none, np.nan, a / np.where(a > 0, a + b, 1)) for a, b in ends)
        return _Range(*shares)


def expected(counts: pd.DataFrame, traffic: Traffic) -> pd.DataFrame:
    """Posts a day per fallback detector and attack, were every post to go through that attack.

    ``wrong_flags`` are people's own posts shown as confirmed or suspected, ``misses`` AI posts that get no notice
    (unlabelled, or unknown because evidence failed), ``suspected`` the queue for review, ``precision`` the share of it
    that really is AI. Each end of an interval puts together the ends of the rates' own 95 % intervals, as if both
    rates were off at once: for sums and for the precision that is wider than 95 %, never narrower. ``reviewers`` work
    eight hours a day. AI-edited posts are not counted.

    Args:
        counts: of ``policy.verdict_counts``, one threshold per detector.
        traffic: posts a day.
    """
    keys = ["detector", "alpha", "threshold", "threshold_kind", "attack"]
    human, ai = (counts[counts["truth"].eq(truth)][[*keys, "n", *COUNTED]] for truth in ("human", "ai"))
    both = human.merge(ai, on=keys, how="outer", suffixes=("_human", "_ai"), sort=False)
    # A merge on several columns forgets the order of the attacks.
    order = counts[keys].drop_duplicates().reset_index(drop=True)
    both = order.merge(both, on=keys, how="inner")
    k = {name: both[name].fillna(0).to_numpy(float) for name in both if name not in keys}
    ai_posts = traffic.posts_per_day * traffic.ai_share
    human_posts = traffic.posts_per_day - ai_posts
    silent = ai_posts * (1 - traffic.declaration_rate)
    queued_ai = _Range.share(k["suspected_ai"], k["n_ai"]) * silent
    queued_human = _Range.share(k["suspected_human"], k["n_human"]) * human_posts
    queue = queued_ai + queued_human
    hours = queue * (traffic.review_minutes / 60)
    found = {
        "wrong_flags": _Range.share(k["confirmed_human"] + k["suspected_human"], k["n_human"]) * human_posts,
        "misses": _Range.share(k["unlabelled_ai"] + k["unknown_ai"], k["n_ai"]) * silent,
        "suspected": queue,
        "review_hours": hours,
        "reviewers": hours * (1 / WORKING_DAY),
        "precision": queued_ai.part_of_sum(queued_human),
    }
    table = both[keys].assign(**{name: k[name].astype(np.int64) for name in ("n_human", "n_ai")})
    for name, cell in found.items():
        for end, values in (("", cell.value), ("_low", cell.low), ("_high", cell.high)):
            table[f"{name}{end}"] = values
    posts = [f"{name}{end}" for name in ("wrong_flags", "misses", "suspected") for end in ("", "_low", "_high")]
    table[posts] = table[posts].round().astype("Int64")
    small = [np.where(k[name] < MIN_N, f"; {name} < {MIN_N}", "").astype(object) for name in ("n_human", "n_ai")]
    table["note"] = [note[2:] for note in small[0] + small[1]]
    return table[COLUMNS]


def at_chosen_thresholds(
    run: Run, frozen: pd.DataFrame, counts: pd.DataFrame, names: Sequence[str], alpha: float | None
) -> tuple[pd.DataFrame, list[str]]:
    """The rows of ``verdict_counts`` of the detectors asked for, each at one threshold, and who has none.

    Args:
        run: the records.
        frozen: its ``thresholds``.
        counts: its ``verdict_counts``.
        names: of detectors, or ``none``; empty for all that have a threshold.
        alpha: false-positive rate that the threshold was set for; None for each detector's main one.

    Raises:
        UserError: an unknown detector, one that is no fallback, or no threshold at ``alpha``.
    """
    frozen = frozen[frozen["regime"].eq(REGIME)]
    there = [name for name in frozen["detector"].unique() if is_fallback(run, name)]
    for name in names:
        if name not in (*there, NO_DETECTOR):
            raise unknown("fallback detector", name, [NO_DETECTOR, *there])
    offered = frozen["alpha"].dropna().unique()
    if alpha is not None and not np.isclose(offered, alpha).any():
        listed = ", ".join(f"{a:g}" for a in offered) or "none"
        raise UserError(f"no threshold was set for a false-positive rate of {alpha:g}. Available: {listed}.")
    parts, left_out = [], []
    for name in names or [NO_DETECTOR, *there]:
        mine = counts[counts["detector"].eq(name)]
        if name != NO_DETECTOR:
            choice = main_threshold(frozen, name)
            kind, at = (choice.kind, choice.alpha) if alpha is None else ("calibrated", alpha)
            mine = mine[mine["threshold_kind"].eq(kind)]
            mine = mine if at is None else mine[np.isclose(mine["alpha"], at)]
            if not len(mine) and names:
                rows = frozen[frozen["detector"].eq(name)]
                rows = rows if alpha is None else rows[np.isclose(rows["alpha"], alpha)]
                raise UserError(f"{name} has no threshold: {'; '.join(dict.fromkeys(rows['note'])) or 'no scores'}")
            if not len(mine):
                left_out.append(name)
        parts.append(mine)
    return pd.concat(parts, ignore_index=True), left_out


def caption(run: Run, traffic: Traffic, left_out: Sequence[str] = ()) -> str:
    """What the figures are over and how far they carry."""
    dataset, views = run.header.get("dataset", {}), run.views
    test = views[views["split"].eq("test") & views["regime"].eq(REGIME)]
    files = test.groupby("truth", observed=True)["sample"].nunique()
    posts = f"{traffic.posts_per_day:,}"
    missing = f" Left out, having no such threshold: {', '.join(left_out)}." if left_out else ""
    return (
        f"Expected a day at {posts} posts of which {100 * traffic.ai_share:g} % are AI, if all went through the attack "
        f"and {100 * traffic.declaration_rate:g} % of the authors of AI posts without a verified label declare them. "
        f"The rates come from the data set {dataset.get('name', '?')} {dataset.get('revision', '')} "
        f"({int(files.get('human', 0))} human and {int(files.get('ai', 0))} AI files of suite "
        f"{run.header.get('suite', {}).get('name', '?')}, native regime, test split), not from the platform's own "
        "traffic. wrong_flags: human posts shown as confirmed or suspected. misses: AI posts without a notice. "
        f"suspected: the queue, reviewed in {traffic.review_minutes:g} minutes each by reviewers of {WORKING_DAY:g} "
        "hours a day. precision: the share of the queue that is AI. Ends of intervals join the ends of the rates' "
        "95 % intervals, so sums and precision are wider than 95 %. AI-edited posts are not counted."
        f"{missing}"
    )
