"""Paired tables, robustness, subgroups, drift and calibration on detectors whose tables theory gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_runs import ATTACKS, Sample, Spec, chance, detector, people, write

from bench import records
from bench.analysis import stats, tables
from bench.analysis.tables import drift, pairs, robustness, subgroups

COLUMNS = {
    "detector_pairs": pairs.PAIR_COLUMNS, "attack_effects": pairs.EFFECT_COLUMNS, "robustness": robustness.COLUMNS,
    "subgroup_fpr": subgroups.SUBGROUP_COLUMNS, "worst_view": subgroups.WORST_COLUMNS,
    "threshold_drift": drift.DRIFT_COLUMNS, "calibration": drift.CALIBRATION_COLUMNS,
}  # fmt: skip

SEVERITIES = (
    ATTACKS[0],
    *((f"Jpeg(quality={q})", "jpeg", 100.0 - q, "100 - quality", "real:OpenCV") for q in (90, 70, 50)),
    ATTACKS[3],
)


def score(name: str, sample: Sample, attack: str, regime: str) -> float | str:
    is_ai = float(sample.truth != "human")
    draw = chance(name, sample.id, attack).random()
    if name == "fragile":  # loses every AI file to JPEG below quality 90
        return is_ai if attack in ("Identity()", "Jpeg(quality=90)") else 0.0
    if name == "honest":  # a true probability
        return round(draw, 3)
    return {"perfect": is_ai, "constant": 0.5, "random": draw}[name]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, pd.DataFrame]:
    """One human source of two, so that there are subgroups."""
    samples = [replace(s, source=f"{s.source}{i % 2}") for i, s in enumerate(people(200, 200, calibration=200))]
    entries = [
        detector(n, probability=n in ("constant", "honest")) for n in ("perfect", "constant", "random", "fragile")
    ]
    spec = Spec(samples, SEVERITIES, entries, score=score)
    return tables.make(records.load(write(tmp_path_factory.mktemp("known"), spec)), list(COLUMNS))


def rows(table: pd.DataFrame, **where) -> pd.DataFrame:
    for column, value in where.items():
        table = table[table[column].eq(value)]
    return table


def row(table: pd.DataFrame, **where) -> pd.Series:
    found = rows(table, **where)
    assert len(found) == 1, found
    return found.iloc[0]


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_stable_and_there_without_any_file(name, made, make_run):
    assert list(made[name].columns) == COLUMNS[name]
    assert len(made[name]) > 0
    empty = tables.make(make_run(Spec([], detectors=[detector("d", probability=True)])), [name])[name]
    assert list(empty.columns) == COLUMNS[name]
    assert len(empty) == 0


def test_two_detectors_on_the_same_views(made):
    found = row(made["detector_pairs"], detector_a="perfect", detector_b="constant", attack="Identity()")
    assert (found["n_ai"], found["ai_only_a"], found["ai_only_b"], found["ai_both_wrong"]) == (200, 200, 0, 0)
    assert (found["human_both_right"], found["p_human"]) == (200, 1)
    assert found["p_ai"] == pytest.approx(2 * 0.5**200)
    assert found["p_ai"] < found["p_ai_holm"] < 1e-50
    assert (found["auc_a"], found["auc_b"], found["auc_difference"]) == (1, 0.5, 0.5)
    assert 0.35 < found["auc_difference_low"] < 0.5 < found["auc_difference_high"] < 0.65
    counts = made["detector_pairs"].filter(regex="^(ai|human)_(both|only)").astype(int)
    assert (counts.sum(axis=1) == 400).all()
    assert len(made["detector_pairs"]) == 6 * len(SEVERITIES)


def test_an_attack_that_changes_nothing_has_no_flips(made):
    for name in ("perfect", "constant"):
        mine = rows(made["attack_effects"], detector=name)
        assert list(mine["attack"]) == [attack[0] for attack in SEVERITIES[1:]]
        assert (mine.filter(regex="newly|longer") == 0).all(axis=None)
        assert (mine[["p_human", "p_ai", "p_auc", "p_human_holm", "p_ai_holm", "p_auc_holm"]] == 1).all(axis=None)
        assert (mine["auc_difference"] == 0).all()
        assert (mine["auc"] == (1 if name == "perfect" else 0.5)).all()
        assert (mine["fnr"] == (0 if name == "perfect" else 1)).all()
        assert (mine["fpr"] == 0).all()


def test_flips_of_a_random_detector_are_balanced(made):
    mine = rows(made["attack_effects"], detector="random")
    assert (mine["ai_newly_missed"] > 0).all() and (mine["ai_newly_found"] > 0).all()
    assert (mine[["p_human_holm", "p_ai_holm", "p_auc_holm"]] > 0.05).all(axis=None)
    assert ((mine["auc_difference_low"] < 0) & (mine["auc_difference_high"] > 0)).all()


def test_an_attack_that_breaks_a_detector_shows_every_flip(made):
    found = row(made["attack_effects"], detector="fragile", attack="Jpeg(quality=50)")
    assert (found["ai_newly_missed"], found["ai_newly_found"]) == (200, 0)
    assert (found["fnr_clean"], found["fnr"], found["auc_clean"], found["auc"]) == (0, 1, 1, 0.5)
    assert found["p_ai_holm"] < 1e-50 and found["p_auc_holm"] < 1e-6


def test_robustness_of_known_detectors(made):
    found = {
        name: row(made["robustness"], detector=name, attack_family="*") for name in ("perfect", "constant", "fragile")
    }
    areas = {name: one["area"] for name, one in found.items()}
    # JPEG: misses 0, 1, 1 at severities 10, 30, 50: an area of 0.75; the screenshot: 1.
    assert areas == {"perfect": 0, "constant": 1, "fragile": 0.875}
    assert row(made["robustness"], detector="fragile", attack_family="jpeg")["area"] == 0.75
    assert row(made["robustness"], detector="fragile", attack_family="jpeg")["worst_attack"] == "Jpeg(quality=70)"
    assert [(one["rank"], one["rank_low"], one["rank_high"]) for one in found.values()][::2] == [(1, 1, 1), (2, 2, 2)]
    bound = stats.clopper_pearson(0, 200)[1]
    assert (found["perfect"]["fpr"], found["perfect"]["fpr_high"]) == (0, pytest.approx(bound))
    assert found["constant"]["fnr_low"] == pytest.approx(1 - bound)
    assert (found["perfect"]["n_ai"], found["perfect"]["families_ai"]) == (800, 200)


def test_detectors_alike_share_their_ranks(made):
    found = rows(made["robustness"], attack_family="screenshot")  # all but perfect miss nearly everything
    ranks = {
        name: (low, high)
        for name, low, high in zip(found["detector"], found["rank_low"], found["rank_high"], strict=True)
    }
    assert ranks == {"perfect": (1, 1), "random": (2, 2), "constant": (3, 4), "fragile": (3, 4)}


def test_weights_are_trapezoids_and_sum_to_1():
    assert robustness.severity_weights(np.array([5.0])).tolist() == [1]
    assert robustness.severity_weights(np.array([2.0, 2.0])).tolist() == [0.5, 0.5]
    assert robustness.severity_weights(np.array([50.0, 10.0, 30.0])).tolist() == [0.25, 0.25, 0.5]
    severity = np.array([0.0, 1, 1, 4, 10])
    rate = 0.3 + 0.05 * severity
    assert robustness.severity_weights(severity) @ rate == pytest.approx(0.3 + 0.05 * 5)


def test_a_family_that_lacks_an_attack_has_no_area_and_no_rank(make_run):
    def some(name, sample, attack, regime):
        return "unavailable" if name == "b" and attack == "Jpeg(quality=70)" else float(sample.truth == "ai")

    spec = Spec(people(30, 30, calibration=30), SEVERITIES, [detector("a"), detector("b")], score=some)
    table = robustness.robustness(make_run(spec))
    lacking = row(table, detector="b", attack_family="jpeg")
    assert np.isnan(lacking["area"]) and pd.isna(lacking["rank"]) and lacking["note"] == "too few files under jpeg"
    whole = row(table, detector="b", attack_family="*")
    assert whole["area"] == 0 and pd.isna(whole["rank"])
    assert row(table, detector="a", attack_family="*")["n_ranked"] == 1
    assert row(table, detector="b", attack_family="screenshot")["n_ranked"] == 2


def test_subgroups_and_their_gap(made, make_run):
    found = row(made["subgroup_fpr"], detector="constant", attack="Identity()", by="source", subgroup="*")
    assert (found["n_human"], found["fp"], found["gap"], found["gap_low"]) == (200, 0, 0, 0)
    assert found["gap_high"] == pytest.approx(stats.clopper_pearson(0, 100)[1])
    assert found["gap_between"] == ""  # none is highest
    assert list(rows(made["subgroup_fpr"], detector="perfect", attack="Identity()")["subgroup"]) == [
        "*",
        "camera0",
        "camera1",
    ]

    def skewed(name, sample, attack, regime):
        return float(sample.split == "test" and sample.source == "b" and int(sample.id[1:]) % 2)

    samples = [Sample(f"h{i:03}", "human", "abc"[i % 3] if i < 120 else "tiny") for i in range(125)]
    samples += [Sample(f"c{i}", "human", "a", "calibration") for i in range(40)]
    table = subgroups.subgroup_fpr(make_run(Spec(samples, detectors=[detector("d")], score=skewed)))
    gap = row(table, attack="Identity()", subgroup="*")
    assert (gap["gap"], gap["gap_between"]) == (0.5, "b - a")
    assert 0.25 < gap["gap_low"] < 0.5 < gap["gap_high"] < 0.75
    assert row(table, attack="Identity()", subgroup="tiny")["note"] == "n_human < 10"


def test_worst_views_are_at_least_as_bad_as_the_worst_attack(made):
    found = row(made["worst_view"], detector="fragile", attack_family="*")
    assert (found["families_ai"], found["missed_clean"], found["missed_any"], found["flagged_any"]) == (200, 0, 200, 0)
    chancy = row(made["worst_view"], detector="random", attack_family="*")
    errors = rows(made["threshold_drift"], detector="random", alpha=0.05)
    assert chancy["flagged_any_rate"] > errors["fpr"].max()
    # Four independent tries at 5 %.
    assert chancy["flagged_any_low"] < 1 - 0.95**4 < chancy["flagged_any_high"]


def test_files_of_a_family_count_once(make_run):
    spec = Spec(people(40, 40, calibration=40), ATTACKS[:2], [detector("d"), detector("e")],
                score=lambda n, s, a, r: float(s.truth == "ai" and (n == "d" or int(s.id[1:]) >= 20)))  # fmt: skip
    run = make_run(spec)
    views = run.views.assign(
        family=run.views["sample"].astype(str).str[:3] + (run.views["sample"].astype(str).str[3:4])
    )
    related = replace(run, views=views)  # ten files a family
    pair = row(pairs.detector_pairs(related), attack="Identity()")
    assert (pair["ai_only_a"], pair["ai_only_b"]) == (20, 0)
    assert pair["p_ai"] == 0.5  # two families, each for d
    assert "4 families of ai files" in pair["note"]
    assert row(pairs.detector_pairs(run), attack="Identity()")["p_ai"] == pytest.approx(2 * 0.5**20)
    assert row(subgroups.worst_view(related), detector="e", attack_family="jpeg")["families_ai"] == 4


def test_drift_of_thresholds_and_the_oracle(made, make_run):
    def shifted(name, sample, attack, regime):
        up = 5.0 if attack == "Screenshot()" else 0.0
        return float(chance(sample.id).normal()) + up + 10 * (sample.truth == "ai")

    spec = Spec(people(100, 100, calibration=100), detectors=[detector("d")], score=shifted)
    table = drift.threshold_drift(make_run(spec))
    clean, moved = (row(table, attack=name, alpha=0.05) for name in ("Identity()", "Screenshot()"))
    assert moved["fpr"] > 0.95 and moved["threshold"] == clean["threshold"]
    assert moved["oracle_threshold"] == pytest.approx(clean["oracle_threshold"] + 5)
    assert moved["oracle_shift"] == pytest.approx(clean["oracle_shift"] + 5)
    assert (moved["oracle_fpr"], moved["oracle_tpr"]) == (0.05, 1)
    assert row(table, attack="Identity()", alpha=0.01)["n_oracle"] == 100
    oracle = rows(made["threshold_drift"], detector="random", alpha=0.05)
    assert (oracle["oracle_fpr"] <= 0.05).all()
    assert oracle["oracle_tpr"].mean() == pytest.approx(0.05, abs=0.02)
    few = drift.threshold_drift(make_run(replace(spec, samples=people(50, 50, calibration=100)), "few"))
    refused = row(few, attack="Identity()", alpha=0.01)
    assert np.isnan(refused["oracle_tpr"]) and not np.isnan(refused["fpr"])
    assert refused["note"] == "the oracle needs 100 human scores, has 50"


def test_nothing_else_is_judged_by_the_oracle(made):
    for name, table in made.items():
        assert name == "threshold_drift" or not [column for column in table if "oracle" in column]


def test_calibration_is_for_detectors_that_claim_probabilities(made, make_run):
    assert set(made["calibration"]["detector"]) == {"constant"}
    found = row(made["calibration"], attack="Identity()", bin="*")
    assert (found["n"], found["brier"], found["ece"], found["mean_score"]) == (400, 0.25, 0, 0.5)
    assert row(made["calibration"], attack="Identity()", bin="6")["n"] == 400  # the bin that starts at 0.5

    def honest(name, sample, attack, regime):
        # AI files with the density 2 x, human ones with 2 (1 - x): then x is the probability of AI.
        x = chance(sample.id, attack).random() ** 0.5
        return "error" if sample.id == "a0000" else x if sample.truth == "ai" else 1 - x

    entries = [detector("d", probability=True), detector("raw")]
    table = drift.calibration(make_run(Spec(people(600, 600, calibration=20), detectors=entries, score=honest)))
    summary = row(table, attack="Identity()", bin="*")
    assert summary["ece"] < 0.05 and summary["unscored"] == 1
    assert summary["brier_low"] < 1 / 6 < summary["brier_high"]
    curve = rows(table, attack="Identity()")[1:]
    assert len(curve) == 10
    assert ((curve["ai_low"] <= curve["mean_score"]) & (curve["mean_score"] <= curve["ai_high"])).sum() >= 8


def test_small_cells_are_blank_with_a_note(make_run):
    spec = Spec(people(9, 12, calibration=20), detectors=[detector("a", probability=True), detector("b")],
                score=lambda n, s, a, r: float(s.truth == "ai"))  # fmt: skip
    made = tables.make(make_run(spec), list(COLUMNS))
    pair = made["detector_pairs"].iloc[0]
    assert np.isnan(pair["p_human"]) and pair["p_ai"] == 1 and np.isnan(pair["p_auc"])
    assert pair["note"] == "n_human < 10"
    assert np.isnan(made["robustness"]["fpr"]).all() and (made["robustness"]["fnr"] == 0).all()
    assert np.isnan(made["worst_view"]["flagged_any_rate"]).all()
    assert made["subgroup_fpr"]["fpr"].isna().all()


def test_tables_without_a_threshold_compare_areas_only(make_run):
    spec = Spec(
        people(20, 20), detectors=[detector("a"), detector("b")], score=lambda n, s, a, r: float(s.truth == "ai")
    )
    made = tables.make(make_run(spec), list(COLUMNS))
    assert made["detector_pairs"]["p_ai"].isna().all() and (made["detector_pairs"]["p_auc"] == 1).all()
    assert set(made["detector_pairs"]["note"]) == {"no common threshold"}
    assert made["attack_effects"]["fnr"].isna().all()
    assert len(made["robustness"]) == len(made["worst_view"]) == len(made["subgroup_fpr"]) == 0


def test_views_unavailable_to_one_are_unpaired_and_failures_are_no_detection(make_run):
    def some(name, sample, attack, regime):
        if sample.id < "a0005" and name == "b" and sample.split == "test":
            return "unavailable"
        if "a0005" <= sample.id < "a0010" and name == "b":
            return "error"
        return float(sample.truth == "ai")

    run = make_run(Spec(people(20, 30, calibration=20), ATTACKS[:2], [detector("a"), detector("b")], score=some))
    found = row(pairs.detector_pairs(run), attack="Identity()")
    assert (found["unpaired"], found["n_ai"], found["ai_only_a"], found["ai_both_right"]) == (5, 25, 5, 20)
    assert found["auc_difference"] == 0


def test_the_seed_decides_the_bootstrap(make_run):
    spec = Spec(people(40, 40, calibration=40), detectors=[detector("random")], score=score)
    one, again, other = (
        robustness.robustness(make_run(replace(spec, header={"seed": seed}), name))
        for seed, name in ((1, "one"), (1, "again"), (2, "other"))
    )
    pd.testing.assert_frame_equal(one, again)
    assert not one["area_low"].equals(other["area_low"])
