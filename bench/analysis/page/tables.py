"""The report's tables: which columns each one has, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import MACRO, POOLED, attack_frame, by_value, carrier, clean_attacks, regime_names
from bench.analysis.page.cells import (
    Cell,
    Column,
    Columns,
    Head,
    Table,
    asked_cells,
    attack_cells,
    count_cells,
    cut,
    make_table,
    missing,
    note_cells,
    rate_cells,
    share_cells,
    simulated_attacks,
    text_cells,
    word_cells,
)
from bench.analysis.page.languages import in_both
from bench.analysis.tables.thresholds import Choice, at_threshold
from bench.analysis.tables.watermarks import bundles_to_name
from bench.analysis.text import note, word
from bench.analysis.text.wording import Say, label_title, percent, whole
from bench.records import Run

#: Failures beyond this many stand in the CSV only.
MAX_FAILURES = 200


def _aucs(rows: Columns) -> list[Cell]:
    ends = zip(rows["auc"], rows["auc_low"], rows["auc_high"], strict=True)
    return [Cell("" if missing(auc) else f"{auc:.2f} [{low:.2f}, {high:.2f}]") for auc, low, high in ends]


def label_tables(tables: Mapping[str, pd.DataFrame], say: Say) -> dict[str, Table]:
    """``survival``: what is left per label, carrier and attack; ``false``: labels read on human files."""
    rows = Columns(tables["label_survival"])
    stars = simulated_attacks(tables["label_survival"])
    bundles = text_cells(rows, "bundle") if len(set(rows["bundle"])) > 1 else [Cell("")] * len(rows)
    carriers = [Cell(word(POOLED, say) if mime == POOLED else carrier(mime)) for mime in rows["mime"]]
    # The rates are of fewer files where some cannot carry the label.
    counted = zip(rows["n"], rows["not_applicable"], rows["unavailable"], strict=True)
    judged = Columns(tables["label_survival"], judged=[n - apart - gone for n, apart, gone in counted])
    counts = ("altered", "broken", "residue", "absent", "error", "unavailable")
    survival = make_table(
        say("labels_table"),
        [
            (Head(say("col_label"), False), _titles(rows)),
            (Head(say("col_bundle"), False), bundles),
            (Head(say("col_carrier"), False), carriers),
            (Head(say("col_attack"), False), attack_cells(rows, stars)),
            (Head(say("col_n")), count_cells(rows, "n")),
            (Head(say("col_intact")), rate_cells(judged, "survived_rate", "survived", "judged")),
            (Head(say("col_declares")), rate_cells(judged, "declares_rate", "declares")),
            *((Head(say(f"col_{name}")), text_cells(rows, name)) for name in counts),
            (Head(say("col_na")), text_cells(rows, "not_applicable")),
        ],
        say,
        folded=len(rows) > 60,
    )
    human = tables["label_false_positives"]
    found = Columns(human[human["declares"] > 0])
    rates = [Cell(percent(*ends)) for ends in zip(found["rate"], found["low"], found["high"], strict=True)]
    false = make_table(
        say("false_table"),
        [
            (Head(say("col_label"), False), _titles(found)),
            (Head(say("col_attack"), False), attack_cells(found, stars)),
            (Head(say("col_n")), count_cells(found, "n")),
            (Head(say("col_declared")), text_cells(found, "declares")),
            (Head(say("col_rate")), rates),
        ],
        say,
    )
    return {"survival": cut(survival, "label_survival", say), "false": cut(false, "label_false_positives", say)}


def _titles(rows: Columns) -> list[Cell]:
    return [Cell(label_title(*pair)) for pair in zip(rows["label"], rows["position"], strict=True)]


def watermark_table(survival: pd.DataFrame, stars: set[str], say: Say) -> Table:
    """Bits read back and files detected per watermark and attack, with the false detections beside them."""
    rows, named = Columns(survival), bundles_to_name(survival)
    nominal = whole(rows["fpr_nominal"][0]) if len(rows) else ""
    bundles = [Cell(named[pair]) for pair in zip(rows["watermark"], rows["bundle"], strict=True)]
    table = make_table(
        say("marks_table"),
        [
            (Head(say("col_watermark"), False), text_cells(rows, "watermark")),
            (Head(say("col_bundle"), False), bundles),
            (Head(say("col_attack"), False), attack_cells(rows, stars)),
            (Head(say("col_n")), count_cells(rows, "n")),
            (Head(say("col_bits")), rate_cells(rows, "bit_accuracy")),
            (Head(say("col_detected")), rate_cells(rows, "detected_rate", "detected")),
            (Head(say("col_control"), False), text_cells(rows, "control")),
            (Head(say("col_control_bits")), share_cells(rows, "control_bit_accuracy")),
            (Head(say("col_control_detected")), share_cells(rows, "control_detected_rate")),
            (Head(say("col_n_unmarked")), count_cells(rows, "n_unmarked")),
            (Head(say("col_false_detected", nominal=nominal)), rate_cells(rows, "false_detected")),
            (Head(say("col_error")), text_cells(rows, "error")),
            (Head(say("col_unavailable")), text_cells(rows, "unavailable")),
            (Head(say("col_note"), False), note_cells(rows)),
        ],
        say,
        folded=len(rows) > 60,
    )
    return cut(table, "watermark_survival", say)


def threshold_text(choice: Choice, say: Say) -> str:
    """How a threshold was set, for a caption."""
    return say("at_default") if choice.alpha is None else say("at_alpha", alpha=f"{100 * choice.alpha:g}")


def detector_tables(
    errors: pd.DataFrame, name: str, choice: Choice, doubted: list[dict[str, Any]], run: Run, say: Say
) -> list[Table]:
    """The tables of one detector: those shown at once (one per regime), then those behind a fold.

    Args:
        errors: rows of ``detector_errors`` of this detector.
        name: of the detector.
        choice: the threshold that the page uses.
        doubted: ``no_better_than_headers`` of all detectors.
        run: the records.
        say: the page's language.
    """
    doubted = [row for row in doubted if row["detector"] == name]
    # Where every threshold was refused, its rows still hold the AUC.
    main = at_threshold(errors, name, choice) if choice.kind else errors[errors["threshold_kind"].eq("refused")]
    main = main.drop_duplicates(["regime", "attack", "source"])
    stars = simulated_attacks(attack_frame(run))
    others = errors[errors["source"].eq(POOLED) & ~errors["threshold_kind"].eq("refused")]
    at_main, at_others = by_value(main, "regime"), by_value(others[~others.index.isin(main.index)], "regime")
    shown, more = [], []
    for regime in regime_names(run):
        mine = at_main.get(regime, main[:0])
        pooled = Columns(mine[mine["source"].eq(POOLED)])
        if len(pooled):
            caption = in_both(_caption, regime, choice, [row for row in doubted if row["regime"] == regime])
            columns = [(Head(say("col_attack"), False), attack_cells(pooled, stars)), *_of(pooled, say)]
            shown.append(make_table(caption, columns, say))
            more.append(_by_source(mine, regime, clean_attacks(run), stars, say))
        if regime in at_others:
            rest = Columns(at_others[regime])
            first = [
                (Head(say("col_threshold_kind"), False), _kinds(rest, say)),
                (Head(say("col_attack"), False), attack_cells(rest, stars)),
            ]
            caption = say("other_thresholds", regime=regime)
            more.append(make_table(caption, [*first, *_of(rest, say)], say, folded=True))
    return shown + [table for table in more if table.rows]


def _caption(regime: str, choice: Choice, doubted: list[dict[str, Any]], say: Say) -> str:
    """What a table of errors is at, and the doubts that the header baseline casts on it, in one language."""
    how = threshold_text(choice, say) if choice.kind else say("no_threshold", why=note(choice.note, say)).rstrip(".。")
    doubts = [baseline_text(row, say) for row in doubted]
    return say("caption_joint").join([say("regime_table", regime=regime, threshold=how), *doubts])


def _kinds(rows: Columns, say: Say) -> list[Cell]:
    """How the threshold of each row was set."""
    told = {x: say("at_default") if missing(x) else say("at_alpha", alpha=f"{100 * x:g}") for x in set(rows["alpha"])}
    return [Cell(told[x]) for x in rows["alpha"]]


def baseline_text(row: dict[str, Any], say: Say) -> str:
    """The doubt that a caption casts on a detector that the header baseline matches."""
    return say("baseline_note", header=f"{row['header_auc']:.2f}", auc=f"{row['auc']:.2f}")


def _of(rows: Columns, say: Say) -> list[Column]:
    """The columns that every table of errors has."""
    return [
        (Head(say("col_fpr")), rate_cells(rows, "fpr", n="n_human")),
        (Head(say("col_fnr")), rate_cells(rows, "fnr", n="n_ai")),
        (Head(say("col_flagged")), rate_cells(rows, "flagged_edited", n="n_edited")),
        (Head(say("col_auc")), _aucs(rows)),
        (Head(say("col_header_auc")), [Cell("" if missing(auc) else f"{auc:.2f}") for auc in rows["header_auc"]]),
        (Head(say("col_abstain")), text_cells(rows, "abstain")),
        (Head(say("col_error")), text_cells(rows, "error")),
        (Head(say("col_unavailable")), text_cells(rows, "unavailable")),
        (Head(say("col_note"), False), note_cells(rows)),
    ]


def _by_source(mine: pd.DataFrame, regime: str, clean: list[str], stars: set[str], say: Say) -> Table:
    """Sources apart, for the clean files and for the attack that hides most AI files."""
    pooled = mine[mine["source"].eq(POOLED) & ~mine["attack"].isin(clean)]
    fnr = pooled["fnr"].astype(float)
    worst = [pooled["attack"].iloc[int(np.nanargmax(fnr))]] if fnr.notna().any() else []
    rows = Columns(mine[mine["attack"].isin([*clean, *worst]) & ~mine["source"].isin([POOLED, MACRO])])
    first = [
        (Head(say("col_source"), False), text_cells(rows, "source")),
        (Head(say("col_attack"), False), attack_cells(rows, stars)),
    ]
    return make_table(say("by_source", regime=regime), [*first, *_of(rows, say)], say, folded=True)


def threshold_table(frozen: pd.DataFrame, say: Say) -> Table:
    """Every threshold with the calibration files behind it."""
    rows = Columns(frozen)
    return make_table(
        say("thresholds_table"),
        [
            (Head(say("col_detector"), False), text_cells(rows, "detector")),
            (Head(say("col_regime"), False), text_cells(rows, "regime")),
            (Head(say("col_threshold_kind"), False), word_cells(rows, "threshold_kind")),
            (Head(say("col_alpha")), asked_cells(rows)),
            (Head(say("col_threshold")), text_cells(rows, "threshold")),
            (Head(say("col_n_calibration")), count_cells(rows, "n_calibration")),
            (Head(say("col_calibration")), rate_cells(rows, "calibration_fpr", "calibration")),
            (Head(say("col_note"), False), note_cells(rows)),
        ],
        say,
    )


def coverage_table(coverage: pd.DataFrame, say: Say) -> Table:
    """Planned and measured, with what is missing spelt out; complete kinds are summed over attacks."""
    counts = ["planned", "done", "error", "unavailable", "not_applicable", "abstain"]
    summed = coverage.groupby(["kind", "subject", "regime"], sort=False)[counts].sum().reset_index()
    summed["missing"] = (summed["planned"] - summed[counts[1:]].sum(axis=1)).clip(lower=0)
    rows = Columns(summed)
    heads = {"unavailable": "col_unavailable", "not_applicable": "col_na"}
    return make_table(
        say("coverage_table"),
        [
            (Head(say("col_kind"), False), word_cells(rows, "kind")),
            (Head(say("col_subject"), False), word_cells(rows, "subject")),
            (Head(say("col_regime"), False), text_cells(rows, "regime")),
            *((Head(say(heads.get(name, f"col_{name}"))), text_cells(rows, name)) for name in [*counts, "missing"]),
        ],
        say,
    )


def failure_table(failures: pd.DataFrame, say: Say) -> Table:
    """Failures summed by attack, reader and code, most frequent first."""
    if not len(failures):
        return Table(say("failures_none"), [], [])
    keys = ["reader", "attack", "code"]
    grouped = failures.groupby(keys, sort=False).agg({"detail": "first", "sample": "first", "count": "sum"})
    grouped = grouped.reset_index().sort_values("count", ascending=False, kind="stable")
    caption = say("failures_table")
    if len(grouped) > MAX_FAILURES:
        caption = say("failures_more", shown=MAX_FAILURES, total=len(grouped))
    rows = Columns(grouped[:MAX_FAILURES])
    columns = [(Head(say(f"col_{name}"), False), text_cells(rows, name)) for name in (*keys, "detail", "sample")]
    return make_table(caption, [*columns, (Head(say("col_count")), text_cells(rows, "count"))], say)


def attack_table(attacks: pd.DataFrame, say: Say) -> Table:
    """Every attack with its channel: real, with the tool, or simulated, and of what."""
    rows = Columns(attacks)
    parts = [channel.partition(":") for channel in rows["channel"]]
    channels = Columns(attacks, how=[how for how, _, _ in parts], what=[what for _, _, what in parts])
    return make_table(
        say("attacks_table"),
        [
            (Head(say("col_attack"), False), text_cells(rows, "attack")),
            (Head(say("col_how"), False), word_cells(channels, "how")),
            (Head(say("col_channel"), False), text_cells(channels, "what")),
            (Head(say("col_family"), False), text_cells(rows, "attack_family")),
            (Head(say("col_severity")), text_cells(rows, "severity")),
            (Head(say("col_axis"), False), text_cells(rows, "axis")),
        ],
        say,
    )
