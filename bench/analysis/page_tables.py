"""The report's tables as text: what a cell shows, and how strongly it is shaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.findings import label_title, percent
from bench.analysis.frames import MACRO, POOLED, as_rows, attack_frame, carrier, clean_attacks
from bench.analysis.render import cell_text
from bench.analysis.thresholds import Choice, at_threshold, main_threshold
from bench.records import Run

Say = Callable[..., str]

#: Failures beyond this many stand in the CSV only.
MAX_FAILURES = 200


@dataclass(frozen=True)
class Head:
    """A column's heading; numbers are right-aligned and sorted as numbers."""

    text: str
    number: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell; ``bar`` 0..10 shades it by a share, None leaves it plain."""

    text: str
    bar: int | None = None


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        caption: what it holds.
        heads: of the columns; those that say nothing in any row are left out.
        rows: cells in the order of the heads.
        folded: shown only when opened.
    """

    caption: str
    heads: list[Head]
    rows: list[list[Cell]]
    folded: bool = False


def _table(caption: str, columns: list[tuple[Head, list[Cell]]], folded: bool = False) -> Table:
    """A table without the columns that are blank, or zero, in every row."""
    used = [(head, cells) for head, cells in columns if any(cell.text not in ("", "0") for cell in cells)]
    rows = [list(row) for row in zip(*(cells for _, cells in used), strict=True)]
    return Table(caption, [head for head, _ in used], rows, folded)


def _texts(rows: list[dict[str, Any]], column: str) -> list[Cell]:
    return [Cell(cell_text(row[column])) for row in rows]


def _attacks(rows: list[dict[str, Any]], simulated: set[str]) -> list[Cell]:
    """Names of attacks, with an asterisk where the channel is simulated."""
    return [Cell(row["attack"] + (" *" if row["attack"] in simulated else "")) for row in rows]


def simulated_attacks(attacks: pd.DataFrame) -> set[str]:
    """Names of the attacks whose channel is simulated."""
    return set(attacks["attack"][attacks["channel"].str.startswith("simulated")])


def _rates(rows: list[dict[str, Any]], rate: str, stem: str = "") -> list[Cell]:
    """``65 % [54, 75]``, shaded by the rate."""
    stem = stem or rate
    out = []
    for row in rows:
        value = row[rate]
        known = value is not None and not np.isnan(value)
        shade = round(10 * value) if known else None
        out.append(Cell(percent(value, row[f"{stem}_low"], row[f"{stem}_high"]) if known else "", shade))
    return out


def _rates_of(rows: list[dict[str, Any]], rate: str, n: str, say: Say) -> list[Cell]:
    """``65 % [54, 75] of 60``; where there is no rate, the number of files alone."""
    out = []
    for row, cell in zip(rows, _rates(rows, rate), strict=True):
        if cell.text:
            out.append(Cell(say("rate_of", rate=cell.text, n=row[n]), cell.bar))
        else:
            out.append(Cell(say("only_n", n=row[n]) if row[n] else ""))
    return out


def _aucs(rows: list[dict[str, Any]]) -> list[Cell]:
    return [
        Cell("" if np.isnan(row["auc"]) else f"{row['auc']:.2f} [{row['auc_low']:.2f}, {row['auc_high']:.2f}]")
        for row in rows
    ]


def label_tables(tables: Mapping[str, pd.DataFrame], say: Say) -> dict[str, Table]:
    """``survival``: what is left per label, carrier and attack; ``false``: labels read on human files."""
    rows = as_rows(tables["label_survival"])
    stars = simulated_attacks(tables["label_survival"])
    titles = [Cell(label_title(row["label"], row["position"])) for row in rows]
    counts = ("altered", "broken", "residue", "absent", "error", "unavailable")
    survival = _table(
        say("labels_table"),
        [
            (Head(say("col_label"), False), titles),
            (Head(say("col_carrier"), False), [Cell(carrier(row["mime"])) for row in rows]),
            (Head(say("col_attack"), False), _attacks(rows, stars)),
            (Head(say("col_n")), _texts(rows, "n")),
            (Head(say("col_intact")), _rates(rows, "survived_rate", "survived")),
            (Head(say("col_declares")), _rates(rows, "declares_rate", "declares")),
            *((Head(say(f"col_{name}")), _texts(rows, name)) for name in counts),
            (Head(say("col_na")), _texts(rows, "not_applicable")),
        ],
        folded=len(rows) > 60,
    )
    found = [row for row in as_rows(tables["label_false_positives"]) if row["declares"]]
    false = _table(
        say("false_table"),
        [
            (Head(say("col_label"), False), [Cell(label_title(row["label"], row["position"])) for row in found]),
            (Head(say("col_attack"), False), _attacks(found, stars)),
            (Head(say("col_n")), _texts(found, "n")),
            (Head(say("col_declared")), _texts(found, "declares")),
            (Head(say("col_rate")), [Cell(percent(row["rate"], row["low"], row["high"])) for row in found]),
        ],
    )
    return {"survival": survival, "false": false}


def threshold_text(choice: Choice, say: Say) -> str:
    """How a threshold was set, for a caption."""
    return say("at_default") if choice.alpha is None else say("at_alpha", alpha=f"{100 * choice.alpha:g}")


def detector_tables(
    errors: pd.DataFrame, frozen: pd.DataFrame, name: str, regimes: list[str], run: Run, say: Say
) -> tuple[list[Table], list[Table]]:
    """The tables of one detector: those shown at once (one per regime), and those behind a fold.

    Args:
        errors: rows of ``detector_errors`` of this detector.
        frozen: ``thresholds`` of the run.
        name: of the detector.
        regimes: in order.
        run: the records.
        say: the page's language.
    """
    choice = main_threshold(frozen, name)
    # Where every threshold was refused, its rows still hold the AUC.
    main = at_threshold(errors, name, choice) if choice.kind else errors[errors["threshold_kind"].eq("refused")]
    main = main.drop_duplicates(["regime", "attack", "source"])
    how = threshold_text(choice, say) if choice.kind else say("no_threshold", why=choice.note).rstrip(".")
    stars = simulated_attacks(attack_frame(run))
    shown, more = [], []
    for regime in regimes:
        mine = main[main["regime"].eq(regime)]
        pooled = as_rows(mine[mine["source"].eq(POOLED)])
        if pooled:
            caption = say("regime_table", regime=regime, threshold=how)
            shown.append(
                _table(caption, [(Head(say("col_attack"), False), _attacks(pooled, stars)), *_of(pooled, say)])
            )
            more.append(_by_source(mine, regime, clean_attacks(run), stars, say))
        others = errors[errors["regime"].eq(regime) & errors["source"].eq(POOLED)]
        rest = as_rows(others[~others.index.isin(main.index) & ~others["threshold_kind"].eq("refused")])
        if rest:
            kinds = [
                say("at_default") if np.isnan(row["alpha"]) else say("at_alpha", alpha=f"{100 * row['alpha']:g}")
                for row in rest
            ]
            first = [
                (Head(say("col_threshold_kind"), False), [Cell(kind) for kind in kinds]),
                (Head(say("col_attack"), False), _attacks(rest, stars)),
            ]
            caption = f"{say('other_thresholds')}: {regime}"
            more.append(_table(caption, [*first, *_of(rest, say)], folded=True))
    return shown, [table for table in more if table.rows]


def _of(rows: list[dict[str, Any]], say: Say) -> list[tuple[Head, list[Cell]]]:
    """The columns that every table of errors has."""
    return [
        (Head(say("col_fpr")), _rates_of(rows, "fpr", "n_human", say)),
        (Head(say("col_fnr")), _rates_of(rows, "fnr", "n_ai", say)),
        (Head(say("col_flagged")), _rates_of(rows, "flagged_edited", "n_edited", say)),
        (Head(say("col_auc")), _aucs(rows)),
        (
            Head(say("col_header_auc")),
            [Cell("" if np.isnan(row["header_auc"]) else f"{row['header_auc']:.2f}") for row in rows],
        ),
        (Head(say("col_abstain")), _texts(rows, "abstain")),
        (Head(say("col_error")), _texts(rows, "error")),
        (Head(say("col_unavailable")), _texts(rows, "unavailable")),
        (Head(say("col_note"), False), _texts(rows, "note")),
    ]


def _by_source(mine: pd.DataFrame, regime: str, clean: list[str], stars: set[str], say: Say) -> Table:
    """Sources apart, for the clean files and for the attack that hides most AI files."""
    pooled = mine[mine["source"].eq(POOLED) & ~mine["attack"].isin(clean)]
    fnr = pooled["fnr"].astype(float)
    worst = [pooled["attack"].iloc[int(np.nanargmax(fnr))]] if fnr.notna().any() else []
    rows = as_rows(mine[mine["attack"].isin([*clean, *worst]) & ~mine["source"].isin([POOLED, MACRO])])
    first = [
        (Head(say("col_source"), False), _texts(rows, "source")),
        (Head(say("col_attack"), False), _attacks(rows, stars)),
    ]
    return _table(f"{say('by_source')}: {regime}", [*first, *_of(rows, say)], folded=True)


def threshold_table(frozen: pd.DataFrame, say: Say) -> Table:
    """Every threshold with the calibration files behind it."""
    rows = as_rows(frozen)
    alphas = [Cell("" if np.isnan(row["alpha"]) else f"{100 * row['alpha']:g} %") for row in rows]
    return _table(
        say("thresholds"),
        [
            (Head(say("col_detector"), False), _texts(rows, "detector")),
            (Head(say("col_regime"), False), _texts(rows, "regime")),
            (Head(say("col_threshold_kind"), False), _texts(rows, "threshold_kind")),
            (Head(say("col_alpha")), alphas),
            (Head(say("col_threshold")), _texts(rows, "threshold")),
            (Head(say("col_n_calibration")), _texts(rows, "n_calibration")),
            (Head(say("col_calibration")), [Cell(c.text) for c in _rates(rows, "calibration_fpr", "calibration")]),
            (Head(say("col_note"), False), _texts(rows, "note")),
        ],
    )


def coverage_table(coverage: pd.DataFrame, say: Say) -> Table:
    """Planned and measured, with what is missing spelt out; complete kinds are summed over attacks."""
    counts = ["planned", "done", "error", "unavailable", "not_applicable", "abstain"]
    summed = coverage.groupby(["kind", "subject", "regime"], sort=False)[counts].sum().reset_index()
    summed["missing"] = (summed["planned"] - summed[counts[1:]].sum(axis=1)).clip(lower=0)
    rows = as_rows(summed)
    heads = {"unavailable": "col_unavailable", "not_applicable": "col_na"}
    return _table(
        say("coverage"),
        [
            (Head(say("col_kind"), False), _texts(rows, "kind")),
            (Head(say("col_subject"), False), _texts(rows, "subject")),
            (Head(say("col_regime"), False), _texts(rows, "regime")),
            *((Head(say(heads.get(name, f"col_{name}"))), _texts(rows, name)) for name in [*counts, "missing"]),
        ],
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
    rows = as_rows(grouped[:MAX_FAILURES])
    columns = [(Head(say(f"col_{name}"), False), _texts(rows, name)) for name in (*keys, "detail", "sample")]
    return _table(caption, [*columns, (Head(say("col_count")), _texts(rows, "count"))])


def attack_table(attacks: pd.DataFrame, say: Say) -> Table:
    """Every attack with its channel: real, with the tool, or simulated, and of what."""
    rows = as_rows(attacks)
    channels = [row["channel"].partition(":") for row in rows]
    return _table(
        say("attacks_table"),
        [
            (Head(say("col_attack"), False), _texts(rows, "attack")),
            (
                Head(say("col_how"), False),
                [Cell(say(kind) if kind in ("real", "simulated") else kind) for kind, _, _ in channels],
            ),
            (Head(say("col_channel"), False), [Cell(what) for _, _, what in channels]),
            (Head(say("col_family"), False), _texts(rows, "attack_family")),
            (Head(say("col_severity")), _texts(rows, "severity")),
            (Head(say("col_axis"), False), _texts(rows, "axis")),
        ],
    )
