"""Two runs on the same files: what turned is found, file by file, and nothing else; mismatches are said in a line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_up_runs import BITS, Spec, chance, detector, people

from bench.analysis.compare import side_by_side
from bench.analysis.compare.common_ground import common_ground
from bench.analysis.compare.detectors import paired_rates
from bench.analysis.compare.runs import COLUMNS, LEDGER_COLUMNS, caption, compare_runs
from bench.analysis.dictionary import describe
from bench.analysis.stats import effective_pairs, interval, mcnemar, paired_interval
from bench.errors import UserError

JPEG = "Jpeg(quality=50)"


def score(name, sample, attack, regime):
    """Calibration files at 0..0.5; human files below, AI files above all of them."""
    if sample.split == "calibration":
        return int(sample.id[1:]) / 80
    return 0.2 if sample.truth == "human" else 0.9


#: 40 calibration files support alpha = 5 %; every verdict is right, every label intact.
BASE = Spec(
    people(30, 30, calibration=40, edited=3), detectors=[detector("d"), detector("e")], labels=[("gb45438", "xmp")],
    score=score, read=lambda label, sample, attack: "absent" if sample.truth == "human" else "intact", alphas=(0.05,),
)  # fmt: skip


def worse_score(name, sample, attack, regime):
    """Under one attack ``d`` misses AI files 0..11 and flags human files 0..2."""
    if name == "d" and attack == JPEG and sample.split == "test":
        if sample.truth == "ai" and int(sample.id[1:]) < 12:
            return 0.1
        if sample.truth == "human" and int(sample.id[1:]) < 3:
            return 0.8
    return score(name, sample, attack, regime)


def worse_read(label, sample, attack):
    """Under one attack the label of AI files 0..9 is gone, and that of file 10 is altered."""
    if sample.truth == "ai" and attack == JPEG and int(sample.id[1:]) <= 10:
        return "altered" if int(sample.id[1:]) == 10 else "absent"
    return BASE.read(label, sample, attack)


@pytest.fixture
def compared(make_run):
    """Compares two specs."""

    def compare(one: Spec, other: Spec, **only):
        return compare_runs(common_ground(make_run(one, "before"), make_run(other, "after")), **only)

    return compare


def cell(table: pd.DataFrame, **wanted) -> pd.Series:
    found = table[np.logical_and.reduce([table[name].eq(value) for name, value in wanted.items()])]
    assert len(found) == 1
    return found.iloc[0]


def test_a_run_against_itself_has_no_difference(compared):
    found = compared(BASE, BASE)
    assert found.ground.differences == []
    assert list(found.table) == COLUMNS and list(found.ledger) == LEDGER_COLUMNS
    assert len(found.ledger) == 0 and len(found.regressions(0)) == 0
    assert (found.table["difference"] == 0).all() and (found.table["p"] == 1).all()
    assert (found.table["difference_low"] < 0).all() and (found.table["difference_high"] > 0).all()


def test_what_turned_is_counted_and_listed(compared):
    found = compared(BASE, replace(BASE, score=worse_score, read=worse_read))
    misses = cell(found.table, subject="d", attack=JPEG, measure="fnr")
    assert (misses["n"], misses["before"], misses["after"]) == (30, 0, 0.4)
    assert (misses["turned_worse"], misses["turned_better"]) == (12, 0)
    assert misses["p"] == mcnemar(12, 0)
    assert (misses["difference_low"], misses["difference_high"]) == paired_interval(0, 12, 0, 18)
    flags = cell(found.table, subject="d", attack=JPEG, measure="fpr")
    assert (flags["turned_worse"], flags["after"]) == (3, 0.1)
    area = cell(found.table, subject="d", attack=JPEG, measure="auc")
    assert area["before"] == 1 and area["difference"] < 0 and area["difference_high"] < 0
    survived = cell(found.table, subject="gb45438:xmp", bundle="metadata", attack=JPEG, measure="survived")
    assert (survived["n"], survived["turned_worse"], survived["after"]) == (33, 11, 22 / 33)
    declares = cell(found.table, subject="gb45438:xmp", bundle="metadata", attack=JPEG, measure="declares")
    assert (declares["turned_worse"], declares["after"]) == (10, 23 / 33)
    assert not found.table[found.table["attack"].ne(JPEG)]["difference"].any()
    assert not found.table[found.table["subject"].eq("e")]["difference"].any()

    ledger = found.ledger
    assert len(ledger) == 12 + 3 + 11 and set(ledger["change"]) == {"worse"} and set(ledger["attack"]) == {JPEG}
    verdict = cell(ledger, sample="a0000", kind="detector")
    assert (verdict["before"], verdict["after"]) == ("flagged", "not flagged")
    assert (verdict["score_before"], verdict["score_after"]) == (0.9, 0.1)
    assert verdict["threshold_before"] == verdict["threshold_after"] == misses["threshold_before"]
    label = cell(ledger, sample="a0010", kind="label")
    assert (label["before"], label["after"], label["subject"]) == ("intact", "altered", "gb45438:xmp")


def test_the_other_way_round_the_same_files_are_better(compared):
    found = compared(replace(BASE, score=worse_score, read=worse_read), BASE)
    assert set(found.ledger["change"]) == {"better"} and len(found.ledger) == 26
    assert len(found.regressions(0)) == 0
    assert cell(found.table, subject="d", attack=JPEG, measure="fnr")["difference"] == -0.4


def test_regressions_need_both_the_points_and_an_interval_without_zero(compared):
    found = compared(BASE, replace(BASE, score=worse_score, read=worse_read))
    assert sorted(found.regressions(5)["measure"]) == ["auc", "declares", "fnr", "survived"]
    # Three of thirty files is ten points, but it may be chance.
    assert cell(found.table, subject="d", attack=JPEG, measure="fpr")["difference_low"] < 0
    assert [set(found.regressions(points)["measure"]) for points in (39, 40)] == [{"fnr", "auc"}, set()]


def test_holm_is_over_the_whole_table(compared):
    table = compared(BASE, replace(BASE, score=worse_score)).table
    assert table["p_holm"].min() == pytest.approx(min(1, table["p"].min() * table["p"].notna().sum()))


def test_each_run_keeps_its_own_threshold(compared):
    def higher(name, sample, attack, regime):
        return score(name, sample, attack, regime) + 10

    found = compared(BASE, replace(BASE, score=higher))
    row = cell(found.table, subject="d", attack=JPEG, measure="fnr")
    assert row["threshold_after"] == pytest.approx(row["threshold_before"] + 10)
    assert len(found.ledger) == 0


def test_without_a_common_threshold_only_areas_are_compared(compared):
    found = compared(BASE, replace(BASE, alphas=(0.1,)))
    rates = found.table[found.table["kind"].eq("detector")]
    assert rates[rates["measure"].ne("auc")]["difference"].isna().all()
    assert set(rates["note"]) == {"no common threshold"}
    assert rates[rates["measure"].eq("auc")]["difference"].eq(0).all()
    assert "alphas only in the run before, not compared: 0.05" in found.ground.differences


def test_failures_count_as_no_detection_and_missing_tools_as_nothing(compared):
    def failing(name, sample, attack, regime):
        told = {"a0001": "error", "a0002": "abstain", "a0003": "unavailable"}
        return told.get(sample.id, score(name, sample, attack, regime))

    found = compared(BASE, replace(BASE, score=failing), detectors=["d"], labels=[])
    row = cell(found.table, attack=JPEG, measure="fnr")
    assert (row["n"], row["turned_worse"], row["unpaired"]) == (29, 2, 1)
    turned = found.ledger[found.ledger["attack"].eq(JPEG)].set_index("sample")
    assert dict(turned["change"]) == {"a0001": "worse", "a0002": "worse", "a0003": "other"}
    assert dict(turned["after"]) == {"a0001": "error", "a0002": "abstained", "a0003": "unavailable"}


def test_watermarks_are_compared_by_detection(compared):
    marks = replace(
        BASE, detectors=(), bundles={"dwt": [("dwt", "pixels")]}, kinds={"dwt": "watermark"},
        bits=lambda label, sample, attack: BITS // 2 if sample.truth == "human" else BITS,
    )  # fmt: skip

    def fewer(label, sample, attack):
        return BITS // 2 if sample.truth == "human" or (attack == JPEG and sample.truth == "ai") else BITS - 1

    found = compared(marks, replace(marks, bits=fewer))
    row = cell(found.table, subject="dwt:pixels", bundle="dwt", attack=JPEG, measure="detected")
    assert (row["turned_worse"], row["after"]) == (30, 3 / 33)
    assert set(found.table[found.table["bundle"].eq("none")]["measure"]) == {"false_declared", "false_detected"}


def test_a_false_label_on_human_work_is_worse(compared):
    def forged(label, sample, attack):
        return "present" if sample.truth == "human" and attack == JPEG else BASE.read(label, sample, attack)

    found = compared(BASE, replace(BASE, read=forged))
    row = cell(found.table, measure="false_declared", attack=JPEG)
    assert (row["turned_worse"], row["after"]) == (30, 1.0)
    assert set(found.ledger["change"]) == {"worse"}
    assert list(found.regressions(50)["measure"]) == ["false_declared"]


def test_files_of_one_family_are_one_draw(make_run):
    runs = [make_run(BASE, "before"), make_run(replace(BASE, score=worse_score), "after")]
    for run in runs:
        run.views["family"] = "f" + run.views["sample"].astype(str).str[:-1]  # ten files each
    row = cell(compare_runs(common_ground(*runs)).table, subject="d", attack=JPEG, measure="fnr")
    assert row["turned_worse"] == 12 and row["p"] == mcnemar(2, 0)
    alone = paired_rates(*(np.array([float(x)]) for x in (30, 0, 12, 0, 30)))
    assert row["difference_high"] - row["difference_low"] > alone["difference_high"] - alone["difference_low"]


def test_mismatches_are_explained_in_a_line_each(compared, make_run):
    other = replace(
        BASE, samples=people(25, 30, calibration=40), attacks=BASE.attacks[:3], detectors=[detector("d", version="2")],
        header={"seed": 7, "finished": None, "washtest": "0.2.0",
                "dataset": {"name": "made-up", "revision": "2"}, "versions": {"numpy": "2.1.0"}},
    )  # fmt: skip
    found = compared(BASE, other)
    said = "\n".join(found.ground.differences)
    for part in (
        "the run after is not finished", "data set is made-up 1 before and made-up 2 after", "seed is 0 before and 7",
        "8 of 63 test samples are only in the run before", "attacks only in the run before, not compared: Screenshot()",
        "detectors only in the run before, not compared: e", "detector d: version 1 -> 2",
        "versions: washtest 0.1.0 -> 0.2.0, python 3.11.0 -> none, numpy 2.0.0 -> 2.1.0",
    ):  # fmt: skip
        assert part in said
    assert len(found.ground.samples) == 55 and set(found.table["attack"]) == {name for name, *_ in BASE.attacks[:3]}
    assert "same 55 test files under 3 attacks" in caption(found)


def test_samples_of_another_truth_are_left_out(compared):
    swapped = [replace(s, truth="ai") if s.id == "h0004" else s for s in BASE.samples]
    found = compared(BASE, replace(BASE, samples=swapped))
    assert "samples with another truth after, not compared: 1 (h0004)" in found.ground.differences
    assert "h0004" not in set(found.ground.samples)


def test_files_that_changed_under_their_name_are_left_out(make_run):
    def with_hashes(name: str, changed: str):
        run = make_run(BASE, name)
        for path in (run.folder / "records" / "views").glob("*.parquet"):
            table = pq.read_table(path)
            hashes = [f"{sample}{changed if sample == 'h0004' else ''}" for sample in table["sample"].to_pylist()]
            column = table.schema.get_field_index("sha256")
            pq.write_table(table.set_column(column, "sha256", [hashes]), path)
        return run

    ground = common_ground(with_hashes("before", ""), with_hashes("after", "-other"))
    assert ground.differences == ["samples with other bytes after, not compared: 1 (h0004)"]
    assert len(ground.samples) == 62


def test_runs_without_anything_in_common_are_refused(compared):
    strangers = [replace(s, id=f"{s.id[0]}9{s.id[1:]}") for s in BASE.samples]
    with pytest.raises(UserError, match="no test sample in common"):
        compared(BASE, replace(BASE, samples=strangers))
    with pytest.raises(UserError, match="no attack in common"):
        compared(BASE, replace(BASE, attacks=[("Other()", "other", 0.0, "none", "real:x")]))
    with pytest.raises(UserError, match="Did you mean"):
        compared(BASE, BASE, detectors=["dd"])


def test_cells_are_of_the_types_described(compared):
    found = compared(BASE, replace(BASE, score=worse_score, read=worse_read))
    for name, table in (("comparison", found.table), ("ledger", found.ledger)):
        for column in describe(name, list(table)):
            cells = table[column.name].dropna()
            assert all(isinstance(value, str) for value in cells) == (column.kind == "text") or not len(cells)


def test_paired_interval_is_that_of_newcombe():
    # The paper's own example: 36 and 12, 2 and 0 of 50 pairs, method 10.
    low, high = paired_interval(36, 12, 2, 0)
    assert (round(float(low), 4), round(float(high), 4)) == (0.0569, 0.3404)
    # Swapping the two rates turns the interval round.
    assert np.allclose(paired_interval(36, 2, 12, 0), (-high, -low))
    # Without any flip there still is a width.
    low, high = paired_interval(0, 0, 0, 24)
    assert low == -high and high == pytest.approx(float(interval(0, 24)[1]), abs=0.01)


def test_paired_interval_covers():
    rng = chance("paired interval")
    for p in ([0.8, 0.1, 0.05, 0.05], [0.5, 0.3, 0.1, 0.1], [0.95, 0.02, 0.02, 0.01]):
        counts = rng.multinomial(60, p, 4000).T
        low, high = paired_interval(*counts)
        assert ((low <= p[1] - p[2]) & (p[1] - p[2] <= high)).mean() > 0.935


def test_effective_pairs_are_files_alone_and_families_together():
    alone = np.array([[1, -1, 0, 0, 1, 0]])
    assert effective_pairs(alone, np.ones((1, 6)), np.array([3])) == 6
    # All files of a family turn together: as good as one file.
    assert effective_pairs(np.array([[4, 0, 0, -4]]), np.full((1, 4), 4), np.array([8])) == pytest.approx(3.2)
    assert effective_pairs(np.zeros((1, 3)), np.full((1, 3), 5), np.array([0])) == 3


def test_detectors_of_one_run_side_by_side(make_run):
    def mixed(name, sample, attack, regime):
        if name == "e" and sample.truth == "ai" and attack == JPEG:
            return 0.1
        return score(name, sample, attack, regime)

    three = replace(BASE, detectors=[detector(name) for name in "def"], score=mixed)
    run = make_run(three)
    found = side_by_side.compare_detectors(run)
    table = found.detectors.set_index("detector")
    assert list(found.detectors) == side_by_side.COLUMNS and len(found.pairs) == 3 * len(BASE.attacks)
    assert table.loc["e", "fnr_worst"] == 1 and table.loc["e", "fnr_worst_attack"] == JPEG
    assert table.loc["d", "fnr_worst"] == 0 and table["fnr_clean"].eq(0).all()
    assert table.loc["e", "rank"] == 3
    against = side_by_side.compare_detectors(run, ["e"], "d")
    assert list(against.detectors["detector"]) == ["d", "e"]
    assert set(zip(against.pairs["detector_a"], against.pairs["detector_b"], strict=True)) == {("e", "d")}
    # Holm over fewer tests is milder.
    wanted = {"detector_a": "d", "detector_b": "e", "attack": JPEG}
    assert cell(found.pairs, **wanted)["p_ai_holm"] > against.pairs["p_ai_holm"].min() > 0
    with pytest.raises(UserError, match="two detectors or more"):
        side_by_side.compare_detectors(run, ["d"])
    with pytest.raises(UserError, match="Available: d, e, f"):
        side_by_side.compare_detectors(run, ["g", "d"])
