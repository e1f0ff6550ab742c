"""Watermarks: bits over the right files, detections by p-value, and false ones measured, never assumed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_runs import ATTACKS, BITS, Spec, chance, people
from scipy.stats import binom, t

from bench.analysis.stats import interval, mean_by_group
from bench.analysis.tables.watermarks import FPR_NOMINAL, watermark_survival

DESIGNED = (
    "watermark, attack, attack_family, severity, n, bit_accuracy, bit_accuracy_low, bit_accuracy_high, detected_rate, "
    "detected_low, detected_high, fpr_nominal, n_unmarked, false_detected, false_detected_low, false_detected_high"
).split(", ")

CONTROLS = ["control", "control_bit_accuracy", "control_detected_rate"]

#: The fewest agreeing bits that are called a detection.
ENOUGH = next(k for k in range(BITS + 1) if binom.sf(k - 1, BITS, 0.5) <= FPR_NOMINAL)


def marked(samples, bits=lambda *_: BITS, **more) -> Spec:
    settings = {"bundles": {"m": [("m", "pixels")]}, "kinds": {"m": "watermark"}, "labels": [("iptc", "xmp")]}
    return Spec(samples, bits=bits, **(settings | more))


def by_number(human, ai):
    """What each class reads, in turn by the number in the sample's id."""
    return lambda label, sample, attack: (
        values[int(sample.id[1:]) % len(values)] if (values := human if sample.truth == "human" else ai) else "absent"
    )


def row_of(table: pd.DataFrame, **where) -> pd.Series:
    for column, value in ({"watermark": "m", "attack": "Identity()"} | where).items():
        table = table[table[column].eq(value)]
    assert len(table) == 1, table
    return table.iloc[0]


def test_columns_are_the_designs_in_its_order(make_run):
    table = watermark_survival(make_run(marked(people(2, 4))))
    assert list(table.columns) == [*DESIGNED, "unavailable", "error", "note", "bundle", *CONTROLS]
    assert set(table["fpr_nominal"]) == {0.01}


def test_bit_accuracy_is_a_mean_over_marked_files_with_students_interval(make_run):
    kept = [32, 30, 28, 31]
    row = row_of(watermark_survival(make_run(marked(people(12, 20, edited=4), by_number([16], kept)))))
    shares = np.array([kept[i % 4] for i in [*range(20), *range(4)]]) / BITS
    low, high = t.interval(0.95, len(shares) - 1, shares.mean(), shares.std(ddof=1) / np.sqrt(len(shares)))
    assert (row["n"], row["bit_accuracy"]) == (24, pytest.approx(shares.mean()))
    assert (row["bit_accuracy_low"], row["bit_accuracy_high"]) == pytest.approx((low, high))


def test_intervals_stay_within_0_and_1():
    mean, low, high = mean_by_group([0, 0, 0, 1, 1, 1, 2], [1, 1, 0.7, 0, 0, 0.3, 0.5], 4)
    assert high[0] == 1 and low[1] == 0
    assert (mean[2], np.isnan(low[2]), np.isnan(mean[3])) == (0.5, True, True)


def test_detected_means_that_chance_would_give_as_many_bits_in_one_file_of_a_hundred(make_run):
    run = make_run(marked(people(20, 20), by_number([ENOUGH - 1, ENOUGH], [ENOUGH - 1, ENOUGH, ENOUGH + 1, BITS])))
    row = row_of(watermark_survival(run))
    assert row["detected_rate"] == 0.75
    assert (row["detected_low"], row["detected_high"]) == pytest.approx(interval(15, 20))
    assert row["false_detected"] == 0.5
    assert (row["false_detected_low"], row["false_detected_high"]) == pytest.approx(interval(10, 20))


def test_the_false_positive_rate_is_measured_under_the_same_attack(make_run):
    def bits(label, sample, attack):
        # The null is no fair coin: after one attack nearly every unmarked file agrees.
        return BITS if attack == "Screenshot()" or sample.truth != "human" else BITS // 2

    table = watermark_survival(make_run(marked(people(30, 15), bits)))
    assert table.set_index("attack")["false_detected"].to_list() == [0, 0, 0, 1]
    assert (table["n_unmarked"] == 30).all() and (table["n"] == 15).all()


def test_with_random_messages_the_measured_rate_is_the_nominal_one_at_most(make_run):
    def bits(label, sample, attack):
        return int(chance(sample.id, attack).binomial(BITS, 0.5))

    table = watermark_survival(make_run(marked(people(400, 0), bits, attacks=ATTACKS[:2])))
    assert (table["false_detected_low"] <= FPR_NOMINAL).all()


def test_errors_stay_in_n_undetected_and_what_is_no_verdict_leaves_it(make_run):
    states = ["error", "unavailable", "not_applicable", BITS, BITS]
    row = row_of(watermark_survival(make_run(marked(people(50, 100), by_number(states, states)))))
    assert (row["n"], row["error"], row["unavailable"]) == (60, 20, 20)
    assert (row["bit_accuracy"], row["detected_rate"]) == (1, pytest.approx(40 / 60))
    assert (row["n_unmarked"], row["false_detected"]) == (30, pytest.approx(20 / 30))
    assert row["note"] == ("20 not applicable; unmarked: 10 error, 10 unavailable, 10 not applicable")


def test_a_view_that_failed_is_an_error_of_its_watermark(make_run):
    failed = ("a0000", "a0001", "a0002", "h0000")
    spec = marked(
        people(12, 12), by_number([16], [BITS]),
        view=lambda s, a: "error" if s.id in failed and a == "Screenshot()" else "ok",
    )  # fmt: skip
    row = row_of(watermark_survival(make_run(spec)), attack="Screenshot()")
    assert (row["n"], row["error"], row["detected_rate"], row["false_detected"]) == (12, 3, 0.75, 0)
    assert (row["n_unmarked"], row["note"]) == (12, "bit accuracy over 9 of 12; unmarked: 1 error")


def test_small_cells_show_counts_and_no_rate(make_run):
    row = row_of(watermark_survival(make_run(marked(people(9, 8)))))
    assert (row["n"], row["n_unmarked"], row["note"]) == (8, 9, "n < 10; n_unmarked < 10")
    assert row[[c for c in DESIGNED if c.startswith(("bit_", "detected", "false"))]].isna().all()
    few = row_of(watermark_survival(make_run(marked(people(0, 12), by_number([], ["error", *[BITS] * 3])), "few")))
    assert np.isnan(few["bit_accuracy"]) and few["detected_rate"] == 0.75
    assert few["note"] == "bit accuracy over 9 of 12"


def test_a_watermark_without_its_reader_has_rows_and_no_rates(make_run):
    row = row_of(watermark_survival(make_run(marked(people(12, 12), lambda *_: "unavailable"))))
    assert (row["n"], row["unavailable"], row["n_unmarked"]) == (0, 12, 0)
    assert np.isnan(row["bit_accuracy"]) and np.isnan(row["false_detected"])


def test_rows_follow_the_header_and_each_bundle_stands_apart(make_run):
    bundles = {"both": [("b", "pixels"), ("a", "pixels")], "a": [("a", "pixels")]}
    run = make_run(marked(people(12, 12), bundles=bundles, kinds={"a": "watermark", "b": "watermark"}))
    table = watermark_survival(run)
    found = list(table[["watermark", "bundle"]].drop_duplicates().itertuples(index=False, name=None))
    assert found == [("b", "both"), ("a", "both"), ("a", "a")]
    assert list(table["attack"]) == [attack[0] for attack in ATTACKS] * 3
    assert (table["n_unmarked"] == 12).all()


def test_watermarks_of_one_name_are_told_apart_by_position(make_run):
    run = make_run(marked(people(12, 12), bundles={"two": [("m", "luma"), ("m", "chroma")]}))
    assert list(dict.fromkeys(watermark_survival(run)["watermark"])) == ["m (luma)", "m (chroma)"]


def test_human_files_alone_have_false_detections_only(make_run):
    row = row_of(watermark_survival(make_run(marked(people(12, 0)))))
    assert (row["n"], row["n_unmarked"], row["false_detected"], row["bundle"]) == (0, 12, 1, "none")
    assert np.isnan(row["bit_accuracy"])


def test_calibration_files_and_the_canonical_regime_are_left_out(make_run):
    spec = marked(people(12, 12, calibration=20), regimes=("native", "canonical"))
    assert row_of(watermark_survival(make_run(spec)))["n_unmarked"] == 12


@pytest.mark.parametrize("more", [{"bundles": {}}, {"samples": []}, {"kinds": {}}])
def test_without_watermarks_the_table_is_empty_and_whole(make_run, more):
    samples = more.pop("samples", people(12, 12))
    table = watermark_survival(make_run(marked(samples, **more)))
    assert list(table.columns)[: len(DESIGNED)] == DESIGNED
    assert len(table) == 0


def test_what_the_control_left_stands_beside_an_attack(make_run):
    attack, control = ATTACKS[1][0], ATTACKS[2][0]
    left = {attack: 16, control: 31}
    run = make_run(marked(people(12, 12), lambda label, sample, name: left.get(name, BITS)))
    run.header["attacks"] = [a | {"control": control} if a["name"] == attack else a for a in run.header["attacks"]]
    table = watermark_survival(run)
    row = row_of(table, attack=attack)
    assert (row["control"], row["bit_accuracy"], row["control_bit_accuracy"]) == (control, 16 / BITS, 31 / BITS)
    assert row["control_detected_rate"] == row_of(table, attack=control)["detected_rate"] == 1
    assert row_of(table, attack=control)["control"] == "" and np.isnan(row_of(table)["control_bit_accuracy"])
    run.header["attacks"][1]["control"] = "Missing()"
    assert row_of(watermark_survival(run), attack=attack)["control"] == ""
