"""What is left of watermarks: bits that read back from marked files, and detections on files that carry no mark.

Decoded bits of an unmarked file are not fair coins: many decoders give nearly constant bits, and an attack may shift
them all one way. So the false-positive rate is measured on human files under the same attack, never assumed to be
the nominal one of the binomial test.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.analysis.frames import (
    Codes,
    attack_frame,
    beside_views,
    codes,
    groups_of,
    label_bundles,
    readings_of,
    watermark_names,
)
from bench.analysis.stats import interval, mean_by_group
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.survival import NO_VERDICT
from bench.records import Run

COLUMNS = [
    "watermark", "attack", "attack_family", "severity", "n", "bit_accuracy", "bit_accuracy_low", "bit_accuracy_high",
    "detected_rate", "detected_low", "detected_high", "fpr_nominal", "n_unmarked", "false_detected",
    "false_detected_low", "false_detected_high", "unavailable", "error", "note", "bundle",
    "control", "control_bit_accuracy", "control_detected_rate",
]  # fmt: skip

#: A file is called marked where its p-value is at most this: one unmarked file in a hundred, were its bits fair coins.
FPR_NOMINAL = 0.01

#: Columns of counts and means by name, one entry per cell.
Cells = dict[str, np.ndarray]

#: Bits of a file that carries no mark agree with a random message this often.
CHANCE = 0.5


def watermark_survival(run: Run) -> pd.DataFrame:
    """How many bits of each watermark read back after each attack, how often it is detected, and how often falsely.

    ``bit_accuracy`` is the mean over marked files with Student's t interval, cut to 0..1; 0.5 is chance. Detected
    means p <= ``fpr_nominal`` (one-sided binomial test against the file's own random message). ``false_detected`` is
    the share of unmarked human files detected under the same attack. Rates leave out ``unavailable`` and formats that
    cannot carry the mark; a reading that failed detects nothing and stays in ``n``, without bits. Cells of fewer than
    ten files show no rate. ``control`` is the same detour without the attack's model, where the run has it; what it
    loses is not the model's doing. Test split, native regime.
    """
    views = run.views[run.views["split"].eq("test") & run.views["regime"].eq("native")]
    used = ["key", "label", "position", "written", "state", "bit_accuracy", "p_value"]
    rows = beside_views(readings_of(run, watermarks=True)[used], views, ["truth", "bundle", "attack"])
    attacks, human = attack_frame(run), rows["truth"].eq("human")
    marked = rows[~human & rows["written"].eq(True)]
    unmarked = rows[human & rows["written"].ne(True) & rows["bundle"].eq("none")]
    subjects, which = label_bundles(run, marked)
    pairs, which_unmarked = groups_of(unmarked, ["label", "position"])
    written = {(label, position) for label, position, _ in subjects}
    subjects += [(name[0], name[1], "none") for name in pairs if (name[0], name[1]) not in written]
    names = list(attacks["attack"])
    found = _cells(marked, which * len(names) + codes(marked["attack"], names), len(subjects) * len(names))
    free = _cells(unmarked, which_unmarked * len(names) + codes(unmarked["attack"], names), len(pairs) * len(names))
    # Human files stand beside every bundle that the watermark was written in; the last place holds nothing.
    starts = np.array([pairs.index((a, b)) if (a, b) in pairs else -1 for a, b, _ in subjects], np.int64)
    places = np.where(starts[:, None] < 0, -1, starts[:, None] * len(names) + np.arange(len(names))).ravel()
    beside = {name: np.append(column, 0)[places] for name, column in free.items()}
    at = np.flatnonzero(sum(cells[name] for cells in (found, beside) for name in ("n", *NO_VERDICT)))
    order = watermark_names(run)
    ranks = np.array([order.index((a, b)) for a, b, _ in subjects], np.int64)
    at = at[np.argsort(ranks[at // max(len(names), 1)], kind="stable")]
    subject, attack = np.divmod(at, max(len(names), 1))
    table = attacks.iloc[attack][["attack", "attack_family", "severity"]].reset_index(drop=True)
    table["watermark"] = [_title(subjects[i], subjects) for i in subject]
    table["bundle"] = np.array([bundle for _, _, bundle in subjects], object)[subject]
    table["fpr_nominal"] = FPR_NOMINAL
    marks, humans = ({name: column[at] for name, column in cells.items()} for cells in (found, beside))
    return _with_controls(run, _with_rates(table, marks, humans))[COLUMNS]


def _with_controls(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """What each attack's control left of the same watermark, in the same bundle, beside it."""
    controls = {attack["name"]: attack.get("control", "") for attack in run.header.get("attacks", [])}
    rows = [tuple(map(str, row)) for row in table[["watermark", "bundle", "attack"]].itertuples(index=False)]
    places = {row: place for place, row in enumerate(rows)}
    wanted = [controls.get(attack, "") for _, _, attack in rows]
    at = np.array([places.get((*row[:2], control), -1) for row, control in zip(rows, wanted, strict=True)], np.int64)
    table["control"] = np.where(at < 0, "", np.array(wanted, object))
    for rate in ("bit_accuracy", "detected_rate"):
        table[f"control_{rate}"] = np.append(table[rate].to_numpy(float), np.nan)[at]
    return table


def _with_rates(table: pd.DataFrame, marks: Cells, humans: Cells) -> pd.DataFrame:
    """Counts, rates and notes of these cells beside what they are about."""
    for name in ("n", "unavailable", "error"):
        table[name] = marks[name].astype(np.int64)
    table["n_unmarked"] = humans["n"].astype(np.int64)
    for end in ("", "_low", "_high"):
        table[f"bit_accuracy{end}"] = np.where(marks["n_bits"] < MIN_N, np.nan, marks[f"bits{end}"])
    for stem, rate, cells in (("detected", "detected_rate", marks), ("false_detected", "false_detected", humans)):
        shown = cells["n"] >= MIN_N
        low, high = interval(np.where(shown, cells["detected"], 0), cells["n"])
        share = cells["detected"] / np.maximum(cells["n"], 1)
        for column, values in ((rate, share), (f"{stem}_low", low), (f"{stem}_high", high)):
            table[column] = np.where(shown, values, np.nan)
    table["note"] = [_note(*counts) for counts in zip(*_counted(marks), *_counted(humans), strict=True)]
    return table


def _cells(rows: pd.DataFrame, cell: Codes, size: int) -> Cells:
    """Counts and mean bits of readings per cell, ``(size,)`` each."""
    judged = ~rows["state"].isin(NO_VERDICT).to_numpy(bool)
    failed = rows["state"].eq("error").to_numpy(bool)
    bits, p = rows["bit_accuracy"].to_numpy(float), rows["p_value"].to_numpy(float)
    read = judged & ~failed & ~np.isnan(bits)
    counted = {
        "n": judged,
        "error": failed,
        "detected": judged & ~failed & (p <= FPR_NOMINAL),
        "n_bits": read,
        **{state: rows["state"].eq(state).to_numpy(bool) for state in NO_VERDICT},
    }
    counts: Cells = {name: np.bincount(cell[which], minlength=size) for name, which in counted.items()}
    mean, low, high = mean_by_group(cell[read], bits[read], size)
    return counts | {"bits": mean, "bits_low": low, "bits_high": high}


def _title(subject: tuple[str, str, str], subjects: list[tuple[str, str, str]]) -> str:
    """A watermark's name, with its position where two share the name."""
    name, position, _ = subject
    return name if len({other[1] for other in subjects if other[0] == name}) == 1 else f"{name} ({position})"


def _counted(cells: Cells) -> list[list[int]]:
    return [cells[name].astype(int).tolist() for name in ("n", "n_bits", "error", "unavailable", "not_applicable")]


def _note(
    n: int, bits: int, error: int, unavailable: int, not_applicable: int,
    n_free: int, bits_free: int, error_free: int, unavailable_free: int, not_applicable_free: int,
) -> str:  # fmt: skip
    """What the columns of a row do not say."""
    notes = [f"n < {MIN_N}"] if 0 < n < MIN_N else []
    # Failed readings have no bits; only what is missing beyond them needs a word.
    notes += [f"bit accuracy over {bits} of {n}"] if n >= MIN_N and (bits < MIN_N or bits != n - error) else []
    notes += [f"{not_applicable} not applicable"] if not_applicable else []
    notes += [f"n_unmarked < {MIN_N}"] if 0 < n_free < MIN_N else []
    apart = {"error": error_free, "unavailable": unavailable_free, "not applicable": not_applicable_free}
    unmarked = ", ".join(f"{k} {name}" for name, k in apart.items() if k)
    notes += [f"unmarked: {unmarked}"] if unmarked else []
    return "; ".join(notes)


def bundles_to_name(survival: pd.DataFrame) -> dict[tuple[str, str], str]:
    """What each ``(watermark, bundle)`` of the table says of its bundle: nothing where the mark stands in one only."""
    distinct = survival[["watermark", "bundle"]].drop_duplicates()
    subjects = [(str(a), str(b)) for a, b in distinct.itertuples(index=False)]
    names = [name for name, _ in subjects]
    return {(name, bundle): bundle if names.count(name) > 1 and bundle != name else "" for name, bundle in subjects}
