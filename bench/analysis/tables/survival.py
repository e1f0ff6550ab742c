"""What is left of the labels: tables over the readings of files that carried one, and of human files that did not.

All are over the test split of the native regime: a label is written into the file as it came. Watermarks, which are
graded in bits, have a table of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.analysis.frames import (
    POOLED,
    Codes,
    attack_frame,
    beside_views,
    codes,
    in_order,
    label_bundles,
    label_names,
    readings_of,
)
from bench.analysis.stats import interval
from bench.analysis.tables.detection import MIN_N
from bench.records import Run

#: Every state a written label can be found in, best first, then the three that are no verdict.
STATES = ("intact", "altered", "broken", "residue", "absent", "not_applicable", "unavailable", "error")

#: States that say nothing about the label: a format that cannot carry it, a reader missing on this machine.
NO_VERDICT = ("not_applicable", "unavailable")

SURVIVAL_COLUMNS = [
    "label", "position", "mime", "attack", "attack_family", "severity", "channel", "n", *STATES,
    "survived_rate", "survived_low", "survived_high", "declares_rate", "declares_low", "declares_high", "bundle",
    "note",
]  # fmt: skip
STATE_COLUMNS = [
    "label", "position", "mime", "attack", "attack_family", "severity", "channel", "state", "n", "k", "rate",
    "low", "high", "bundle", "note",
]  # fmt: skip
FALSE_COLUMNS = ["label", "position", "attack", "n", "declares", "rate", "low", "high", "broken", "note"]


@dataclass(frozen=True)
class _Counts:
    """States counted per cell of (label in its bundle, carrier, attack), and the names along each axis."""

    labels: list[tuple[str, str, str]]  # label, position, bundle
    mimes: list[str]
    attacks: pd.DataFrame
    counts: Codes  # (labels, mimes, attacks, states)

    def cells(self) -> tuple[pd.DataFrame, Codes]:
        """The cells that hold anything, in table order, and their counts ``(cells, states)``."""
        at = np.argwhere(self.counts.sum(axis=3) > 0)
        frame = pd.DataFrame(
            {
                "label": [self.labels[i][0] for i in at[:, 0]],
                "position": [self.labels[i][1] for i in at[:, 0]],
                "bundle": [self.labels[i][2] for i in at[:, 0]],
                "mime": [self.mimes[i] for i in at[:, 1]],
            }
        )
        attacks = self.attacks.iloc[at[:, 2]].reset_index(drop=True)
        return frame.join(attacks.drop(columns="axis")), self.counts[tuple(at.T)]


def _read(run: Run) -> pd.DataFrame:
    """Readings of the test split in the native regime, without watermarks, beside their views."""
    views = run.views[run.views["split"].eq("test") & run.views["regime"].eq("native")]
    return beside_views(readings_of(run, watermarks=False), views, ["truth", "bundle", "attack", "source_mime"])


def _count(run: Run) -> _Counts:
    rows = _read(run)
    rows = rows[rows["written"].eq(True) & rows["truth"].ne("human")]
    (labels, label), attacks = label_bundles(run, rows), attack_frame(run)
    mimes = [POOLED, *in_order(rows["source_mime"].dropna().unique(), [])]
    # A file that could not even be opened has no carrier format and counts in the pooled rows only.
    mime = np.maximum(codes(rows["source_mime"], mimes), 0)
    attack = codes(rows["attack"], list(attacks["attack"]))
    state = codes(rows["state"], STATES)
    known = state >= 0
    shape = (len(labels), len(mimes), len(attacks), len(STATES))
    flat = ((label * shape[1] + mime) * shape[2] + attack) * shape[3] + state
    counts = np.bincount(flat[known], minlength=int(np.prod(shape))).reshape(shape)
    counts[:, 0] = counts.sum(axis=1)
    return _Counts(labels, mimes, attacks, counts)


def _small(judged: npt.NDArray[np.integer]) -> list[str]:
    """Marks of cells over so few files that their rate says little: a label's rates stay, beside a wide interval."""
    return [f"n < {MIN_N}" if 0 < n < MIN_N else "" for n in judged.tolist()]


def label_survival(run: Run) -> pd.DataFrame:
    """What is left of each label after each attack, per carrier format (``mime``, ``*`` = all).

    ``mime`` is the format the label was written into, ``bundle`` names the labels written into the same file.
    ``survived`` = intact, ``declares`` = intact or altered; both are shares of ``n`` without ``not_applicable`` and
    ``unavailable``, so an error counts against the label.
    """
    frame, counts = _count(run).cells()
    by_state = {state: counts[:, i] for i, state in enumerate(STATES)}
    frame["n"] = counts.sum(axis=1)
    for state in STATES:
        frame[state] = by_state[state]
    judged = frame["n"].to_numpy() - by_state["not_applicable"] - by_state["unavailable"]
    for name, k in (("survived", by_state["intact"]), ("declares", by_state["intact"] + by_state["altered"])):
        frame[f"{name}_rate"] = np.where(judged > 0, k / np.maximum(judged, 1), np.nan)
        frame[f"{name}_low"], frame[f"{name}_high"] = interval(k, judged)
    return frame.assign(note=_small(judged))[SURVIVAL_COLUMNS]


def label_states(run: Run) -> pd.DataFrame:
    """The same cells in long form: one row per state, ``rate`` = ``k`` of ``n`` as in ``label_survival``.

    The two states that are no verdict have counts and no rate.
    """
    frame, counts = _count(run).cells()
    verdict = np.array([state not in NO_VERDICT for state in STATES])
    judged = counts[:, verdict].sum(axis=1)
    n, k = np.repeat(judged, len(STATES)), counts.ravel()
    shown = np.tile(verdict, len(frame)) & (n > 0)
    long = frame.loc[frame.index.repeat(len(STATES))].reset_index(drop=True)
    low, high = interval(np.where(shown, k, 0), n)
    long = long.assign(state=np.tile(np.array(STATES, object), len(frame)), n=n, k=k)
    long["rate"] = np.where(shown, k / np.maximum(n, 1), np.nan)
    long["low"], long["high"] = np.where(shown, low, np.nan), np.where(shown, high, np.nan)
    return long.assign(note=_small(n))[STATE_COLUMNS]


def label_false_positives(run: Run) -> pd.DataFrame:
    """How often a reader finds a declaration on human files that were given none, per attack.

    ``n`` leaves out ``not_applicable`` and ``unavailable``; a reading that failed declares nothing, and nor does a
    label that its own integrity check disowns: such are counted in ``broken``.
    """
    rows = _read(run)
    human = rows["truth"].eq("human") & rows["written"].ne(True) & rows["bundle"].eq("none")
    rows = rows[human & ~rows["state"].isin(NO_VERDICT)]
    attacks = list(attack_frame(run)["attack"])
    order = {pair: i for i, pair in enumerate(label_names(run, rows))}
    broken = rows["state"].eq("broken")
    rows = rows.assign(
        declares=(rows["declares_ai"].eq(True) & ~broken).to_numpy(np.int64),
        broken=broken.to_numpy(np.int64),
        _attack=codes(rows["attack"], attacks),
    )
    cells = rows.groupby(["label", "position", "_attack"], observed=True)
    table = cells.agg(n=("declares", "size"), declares=("declares", "sum"), broken=("broken", "sum")).reset_index()
    table["attack"] = [attacks[i] for i in table["_attack"]]
    table["rate"] = table["declares"] / table["n"]
    table["low"], table["high"] = interval(table["declares"].to_numpy(), table["n"].to_numpy())
    table["note"] = _small(table["n"].to_numpy())
    table["_label"] = [order[pair] for pair in zip(table["label"], table["position"], strict=True)]
    return table.sort_values(["_label", "_attack"])[FALSE_COLUMNS].reset_index(drop=True)


def bundles_to_name(survival: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """What each ``(label, position, bundle)`` of a table says of its bundle: nothing where it goes without saying.

    A label that stands in one bundle only needs none, nor does ``metadata``, where all labels stand; a provider's
    profile is always named.
    """
    distinct = survival[["label", "position", "bundle"]].drop_duplicates()
    subjects = [(str(a), str(b), str(c)) for a, b, c in distinct.itertuples(index=False)]
    pairs = [(label, position) for label, position, _ in subjects]

    def told(label: str, position: str, bundle: str) -> bool:
        return bundle.endswith("-like") or (pairs.count((label, position)) > 1 and bundle != "metadata")

    return {subject: subject[2] if told(*subject) else "" for subject in subjects}
