"""What is left of labels: states counted over the right files, rates over the right denominator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_runs import ATTACKS, Sample, Spec, people

from bench.analysis import stats
from bench.analysis.tables.survival import STATES, bundles_to_name, label_false_positives, label_states, label_survival

DESIGNED = (
    "label, position, mime, attack, attack_family, severity, channel, n, intact, altered, broken, residue, absent, "
    "not_applicable, unavailable, error, survived_rate, survived_low, survived_high, declares_rate, declares_low, "
    "declares_high"
).split(", ")

LABELS = (("gb45438", "xmp"), ("c2pa", "jumbf"))


def by_number(*states: str):
    """The states in turn, by the number in the sample's id."""
    return lambda label, sample, attack: (
        states[int(sample.id[1:]) % len(states)] if sample.truth != "human" else "absent"
    )


def row_of(table: pd.DataFrame, **where) -> pd.Series:
    for column, value in ({"label": "gb45438", "mime": "*", "attack": "Identity()"} | where).items():
        table = table[table[column].eq(value)]
    assert len(table) == 1, table
    return table.iloc[0]


def test_columns_are_the_designs_in_its_order(make_run):
    table = label_survival(make_run(Spec(people(2, 4), labels=LABELS)))
    assert list(table.columns) == [*DESIGNED, "bundle", "note"]


def test_rates_leave_out_what_is_no_verdict_and_keep_errors(make_run):
    run = make_run(Spec(people(10, 16), labels=LABELS, read=by_number(*STATES)))
    row = row_of(label_survival(run))
    assert row["n"] == 16
    assert [row[state] for state in STATES] == [2] * 8
    assert row["survived_rate"] == pytest.approx(2 / 12)
    assert row["declares_rate"] == pytest.approx(4 / 12)
    assert (row["survived_low"], row["survived_high"]) == pytest.approx(stats.interval(2, 12))
    assert (row["declares_low"], row["declares_high"]) == pytest.approx(stats.interval(4, 12))


def test_a_reader_that_never_gave_a_verdict_has_no_rate(make_run):
    run = make_run(Spec(people(0, 6), labels=LABELS, read=lambda *_: "unavailable"))
    row = row_of(label_survival(run))
    assert (row["n"], row["unavailable"]) == (6, 6)
    assert np.isnan(row["survived_rate"]) and np.isnan(row["declares_high"])


def test_carriers_stand_apart_and_pooled(make_run):
    samples = [Sample(f"a{i}", "ai", mime=f"image/{'png' if i < 3 else 'jpeg'}") for i in range(10)]
    run = make_run(
        Spec(samples, labels=LABELS, read=lambda label, s, a: "intact" if s.mime == "image/png" else "absent")
    )
    table = label_survival(run)
    assert [row_of(table, mime=m)["survived_rate"] for m in ("*", "image/jpeg", "image/png")] == [0.3, 0, 1]


def test_human_files_calibration_files_and_the_canonical_regime_are_left_out(make_run):
    samples = [*people(5, 5, edited=2, calibration=5), Sample("x0", "ai", split="calibration")]
    run = make_run(Spec(samples, labels=LABELS, regimes=("native", "canonical"), read=lambda *_: "intact"))
    assert row_of(label_survival(run))["n"] == 7


def test_rows_follow_the_order_of_labels_and_attacks_in_the_header(make_run):
    table = label_survival(make_run(Spec(people(0, 2), labels=LABELS)))
    assert list(dict.fromkeys(table["label"])) == ["gb45438", "c2pa"]
    assert list(table["attack"][:4]) == [attack[0] for attack in ATTACKS]
    assert list(dict.fromkeys(table["mime"])) == ["*", "image/jpeg"]


def test_a_label_is_counted_apart_in_each_bundle_it_was_written_in(make_run):
    bundles = {"gb45438-exif": [("gb45438", "exif")], "doubao-like": [("gb45438", "xmp")]}
    run = make_run(Spec(people(3, 6), labels=LABELS, bundles=bundles, read=by_number("intact", "absent")))
    table = label_survival(run)
    found = list(table[["label", "position", "bundle"]].drop_duplicates().itertuples(index=False, name=None))
    assert found == [
        ("gb45438", "xmp", "metadata"), ("gb45438", "xmp", "doubao-like"), ("c2pa", "jumbf", "metadata"),
        ("gb45438", "exif", "gb45438-exif"),
    ]  # fmt: skip
    assert set(table["n"]) == {6}
    assert len(label_states(run)) == len(table) * len(STATES)
    named = {subject: name for subject, name in bundles_to_name(table).items() if name}
    assert named == {("gb45438", "xmp", "doubao-like"): "doubao-like"}
    # Human files stand in no bundle, and each label is looked for in them once.
    assert set(label_false_positives(run)["n"]) == {3}


def test_small_cells_are_marked_and_keep_their_rate(make_run):
    run = make_run(Spec(people(12, 9), labels=LABELS, read=lambda *_: "intact"))
    for table in (label_survival(run), label_states(run)):
        assert set(table["note"]) == {"n < 10"}
    assert label_survival(run)["survived_rate"].eq(1).all()
    assert set(label_false_positives(run)["note"]) == {""}


def test_watermarks_have_a_table_of_their_own_and_visible_labels_do_not(make_run):
    bundles = {"m": [("m", "pixels")], "visible": [("visible", "corner")]}
    spec = Spec(people(12, 12), labels=LABELS, bundles=bundles, kinds={"m": "watermark", "visible": "visible"})
    run = make_run(spec)
    for table in (label_survival(run), label_states(run), label_false_positives(run)):
        assert set(table["label"]) == {"gb45438", "c2pa", "visible"}


def test_a_header_without_kinds_holds_metadata_only(make_run):
    run = make_run(Spec(people(12, 12), labels=LABELS))
    before = label_survival(run)
    for label in run.header["labels"]:
        del label["kind"]
    pd.testing.assert_frame_equal(label_survival(run), before)


def test_a_file_that_could_not_be_opened_counts_in_the_pooled_row(make_run):
    samples = [Sample("a0", "ai", mime=None), Sample("a1", "ai")]
    run = make_run(
        Spec(samples, labels=LABELS, view=lambda s, a: "ok" if s.mime else "error", read=lambda *_: "intact")
    )
    table = label_survival(run)
    assert (row_of(table)["n"], row_of(table)["error"], row_of(table)["survived_rate"]) == (2, 1, 0.5)
    assert set(table["mime"]) == {"*", "image/jpeg"}


def test_states_in_long_form_hold_the_same_counts(make_run):
    run = make_run(Spec(people(0, 16), labels=LABELS, read=by_number(*STATES)))
    wide, long = label_survival(run), label_states(run)
    keys = ["label", "position", "mime", "attack"]
    counts = long.pivot(index=keys, columns="state", values="k")[list(STATES)]
    pd.testing.assert_frame_equal(counts, wide.set_index(keys)[list(STATES)], check_names=False, check_like=True)
    judged = long[~long["state"].isin(["not_applicable", "unavailable"])]
    np.testing.assert_allclose(judged.groupby(keys)["rate"].sum(), 1)
    assert long[long["state"].eq("unavailable")]["rate"].isna().all()


def test_declarations_on_human_files_are_false_positives(make_run):
    def read(label, sample, attack):
        return "present" if sample.id == "h0000" and label == "c2pa" and attack != "Identity()" else "absent"

    table = label_false_positives(make_run(Spec(people(20, 20), labels=LABELS, read=read)))
    assert list(table.columns) == [
        "label",
        "position",
        "attack",
        "n",
        "declares",
        "rate",
        "low",
        "high",
        "broken",
        "note",
    ]
    assert list(table["label"][:1]) == ["gb45438"]
    hit = table[table["label"].eq("c2pa")].set_index("attack")
    assert hit["declares"].to_list() == [0, 1, 1, 1]
    assert (hit["n"] == 20).all()
    assert hit.loc["Screenshot()", "rate"] == 0.05


def test_label_that_its_own_check_disowns_is_no_false_declaration(make_run):
    run = make_run(Spec(people(20, 0), labels=LABELS, read=lambda *_: "broken"))
    run.readings["declares_ai"] = True
    table = label_false_positives(run)
    assert (table["declares"] == 0).all() and (table["broken"] == 20).all() and (table["n"] == 20).all()


@pytest.mark.parametrize("samples", [[], people(5, 0)])
def test_without_labelled_files_the_tables_are_empty_and_whole(make_run, samples):
    run = make_run(Spec(samples, labels=LABELS))
    assert list(label_survival(run).columns) == [*DESIGNED, "bundle", "note"]
    assert len(label_survival(run)) == len(label_states(run)) == 0
    assert len(label_false_positives(run)) == (8 if samples else 0)
