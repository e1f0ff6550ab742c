"""Error rates: detectors whose tables theory gives, failures that stay in the denominator, and small cells."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_runs import ATTACKS, Sample, Spec, chance, detector, people, write

from bench import records
from bench.analysis import stats
from bench.analysis.tables.detection import COLUMNS, detector_errors
from bench.analysis.tables.thresholds import Choice, main_threshold, thresholds

DESIGNED = (
    "detector, regime, attack, attack_family, severity, source, alpha, threshold, threshold_kind, n_human, fp, fpr, "
    "fpr_low, fpr_high, n_ai, fn, fnr, fnr_low, fnr_high, n_edited, flagged_edited, auc, auc_low, auc_high, ap, "
    "abstain, error, header_auc"
).split(", ")

KNOWN = ("perfect", "constant", "random", "inverted")


def known_score(name: str, sample: Sample, attack: str, regime: str) -> float:
    is_ai = float(sample.truth != "human")
    draw = chance(name, sample.id, attack).random()
    return {"perfect": is_ai, "constant": 0.5, "random": draw, "inverted": -is_ai}[name]


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> pd.DataFrame:
    spec = Spec(people(200, 200, calibration=200, edited=20), detectors=[detector(n) for n in KNOWN], score=known_score)
    return detector_errors(records.load(write(tmp_path_factory.mktemp("known"), spec)))


def cell(table: pd.DataFrame, name: str, **where) -> pd.Series:
    where = {"attack": "Identity()", "source": "*", "regime": "native"} | where
    rows = table[table["detector"].eq(name)]
    for column, value in where.items():
        rows = rows[rows[column].eq(value)]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_columns_are_the_designs_in_its_order(known):
    assert list(known.columns)[: len(DESIGNED)] == DESIGNED
    assert list(known.columns) == COLUMNS


def test_a_perfect_detector_makes_no_error(known):
    row = cell(known, "perfect", alpha=0.05)
    assert (row["fp"], row["fpr"], row["fn"], row["fnr"], row["auc"], row["ap"]) == (0, 0, 0, 0, 1, 1)
    assert row["fpr_high"] == pytest.approx(stats.clopper_pearson(0, 200)[1])
    assert row["fnr_high"] == pytest.approx(stats.clopper_pearson(0, 200)[1])
    assert row["flagged_edited"] == 1


def test_a_detector_that_always_says_the_same_flags_nothing(known):
    row = cell(known, "constant", alpha=0.05)
    assert (row["threshold"], row["fpr"], row["fnr"], row["auc"]) == (0.5, 0, 1, 0.5)
    assert row["ap"] == pytest.approx(0.5)


def test_a_random_detector_errs_as_its_threshold_says(known):
    row = cell(known, "random", alpha=0.05)
    assert row["auc_low"] < 0.5 < row["auc_high"]
    assert row["fnr"] == pytest.approx(0.95, abs=0.05)
    assert row["fpr_low"] < 0.05 < row["fpr_high"]


def test_a_score_that_is_the_wrong_way_round_is_reported_not_flipped(known):
    row = cell(known, "inverted", alpha=0.05)
    assert (row["auc"], row["fnr"]) == (0, 1)


def test_thresholds_stay_frozen_under_attack(known):
    rows = known[known["detector"].eq("random") & known["alpha"].eq(0.05)]
    assert rows["threshold"].nunique() == 1
    assert set(rows["attack"]) == {attack[0] for attack in ATTACKS}


def test_rows_follow_the_header_and_macro_follows_pooled(known):
    assert list(dict.fromkeys(known["detector"])) == list(KNOWN)
    mine = known[known["detector"].eq("random") & known["alpha"].eq(0.05)]
    assert list(dict.fromkeys(mine["attack"])) == [attack[0] for attack in ATTACKS]
    assert list(mine["source"][:5]) == ["*", "macro", "camera", "edits", "generator"]


def statuses(name: str, sample: Sample, attack: str, regime: str) -> float | str:
    """Of every class one in five fails, one in ten abstains; the rest is told apart."""
    number = int(sample.id[1:])
    if sample.split == "test" and number % 5 == 0:
        return "error"
    if sample.split == "test" and number % 10 == 1:
        return "abstain"
    return float(sample.truth != "human")


def test_failures_and_abstentions_stay_in_the_denominator_and_are_no_verdict(make_run):
    run = make_run(Spec(people(20, 40, calibration=20), detectors=[detector("d")], score=statuses))
    row = cell(detector_errors(run), "d", alpha=0.05)
    assert (row["n_human"], row["fp"], row["fpr"]) == (20, 0, 0)
    assert (row["n_ai"], row["fn"], row["fnr"]) == (40, 12, 0.3)  # 8 failed, 4 abstained: none of them detected
    assert (row["error"], row["abstain"], row["unavailable"]) == (12, 6, 0)
    assert row["auc"] == 1  # over the scores there are


@pytest.mark.parametrize("state", ["unavailable", "not_applicable"])
def test_unavailable_is_no_verdict_and_leaves_n(make_run, state):
    def score(name, sample, attack, regime):
        return state if attack == "Screenshot()" or sample.id == "a0000" else float(sample.truth == "ai")

    table = detector_errors(make_run(Spec(people(30, 30, calibration=30), detectors=[detector("d")], score=score)))
    assert cell(table, "d", alpha=0.05)["n_ai"] == 29
    assert cell(table, "d", alpha=0.05)["fnr"] == 0
    gone = cell(table, "d", alpha=0.05, attack="Screenshot()")
    assert (gone["n_human"], gone["n_ai"], gone["unavailable"]) == (0, 0, 60)
    assert np.isnan(gone["fnr"]) and np.isnan(gone["auc"])


def test_a_score_that_is_not_a_number_is_a_failure(make_run):
    run = make_run(Spec(people(20, 20, calibration=20), detectors=[detector("d")], score=lambda *_: float("nan")))
    row = cell(detector_errors(run), "d", alpha=0.05)
    assert (row["error"], row["threshold_kind"]) == (40, "refused")


def test_a_view_that_failed_counts_as_an_error_of_the_cell(make_run):
    spec = Spec(people(20, 20, calibration=20), detectors=[detector("d")], score=lambda n, s, a, r: s.truth == "ai",
                view=lambda s, a: "error" if a == "Screenshot()" and s.id < "a0010" else "ok")  # fmt: skip
    row = cell(detector_errors(make_run(spec)), "d", alpha=0.05, attack="Screenshot()")
    assert (row["n_ai"], row["fn"], row["error"]) == (20, 10, 10)


def test_small_cells_show_counts_and_no_rate(make_run):
    samples = people(9, 10, calibration=20)
    run = make_run(Spec(samples, detectors=[detector("d")], score=lambda n, s, a, r: s.truth == "ai"))
    row = cell(detector_errors(run), "d", alpha=0.05)
    assert np.isnan(row["fpr"]) and np.isnan(row["fpr_low"]) and row["fp"] == 0 and row["n_human"] == 9
    assert row["fnr"] == 0
    assert np.isnan(row["auc"])
    assert row["note"] == "n_human < 10"


def test_a_rate_the_calibration_split_cannot_support_is_refused_with_the_number_needed(make_run):
    run = make_run(
        Spec(people(20, 20, calibration=50), detectors=[detector("d")], score=lambda n, s, a, r: s.truth == "ai")
    )
    table = detector_errors(run)
    row = cell(table, "d", alpha=0.01)
    assert row["threshold_kind"] == "refused"
    assert np.isnan(row["threshold"]) and pd.isna(row["fp"]) and np.isnan(row["fnr"])
    assert row["note"] == "refused: needs 100 human calibration scores, has 50"
    assert (row["n_human"], row["auc"]) == (20, 1)
    assert cell(table, "d", alpha=0.05)["threshold_kind"] == "calibrated"


def test_the_vendors_threshold_has_rows_of_its_own(make_run):
    entries = [detector("d", default_threshold=0.9)]
    score = {"human": 0.2, "ai": 0.8}
    run = make_run(Spec(people(20, 20, calibration=20), detectors=entries, score=lambda n, s, a, r: score[s.truth]))
    row = cell(detector_errors(run), "d", threshold_kind="default")
    assert np.isnan(row["alpha"])
    assert (row["threshold"], row["fnr"], row["fpr"]) == (0.9, 1, 0)


def test_flagged_means_above_the_threshold_not_at_it(make_run):
    entries = [detector("d", default_threshold=0.8)]
    run = make_run(Spec(people(20, 20, calibration=20), detectors=entries, score=lambda *_: 0.8))
    assert cell(detector_errors(run), "d", threshold_kind="default")["fpr"] == 0


def test_each_source_counts_once_in_the_macro_mean(make_run):
    samples = [Sample(f"h{i}", "human", "big" if i < 90 else "small") for i in range(100)]
    samples += [Sample(f"t{i}", "human", "tiny") for i in range(3)]
    samples += [Sample(f"c{i}", "human", "big", "calibration") for i in range(40)]

    def score(name, sample, attack, regime):
        return float(sample.split == "test" and sample.source != "big")

    table = detector_errors(make_run(Spec(samples, detectors=[detector("d")], score=score)))
    assert cell(table, "d", alpha=0.05)["fpr"] == pytest.approx(13 / 103)
    macro = cell(table, "d", alpha=0.05, source="macro")
    assert macro["fpr"] == 0.5
    assert macro["n_human"] == 100
    assert macro["fpr_low"] < 0.5 < macro["fpr_high"]
    assert macro["note"] == "mean fpr over 2 sources"
    assert cell(table, "d", alpha=0.05, source="tiny")["note"] == "n_human < 10"


def test_the_baselines_auc_stands_beside_every_detector(make_run):
    def score(name, sample, attack, regime):
        if name == "header":
            return float(sample.truth == "ai" and attack == "Identity()")
        return chance(sample.id).random()

    entries = [detector("d"), detector("header", reads="file")]
    table = detector_errors(make_run(Spec(people(30, 30, calibration=20), detectors=entries, score=score)))
    assert cell(table, "d", alpha=0.05)["header_auc"] == 1
    assert cell(table, "d", alpha=0.05, attack="Screenshot()")["header_auc"] == 0.5
    assert cell(table, "header", alpha=0.05)["header_auc"] == 1


def test_each_regime_has_its_own_threshold(make_run):
    spec = Spec(people(20, 20, calibration=20), detectors=[detector("d")], regimes=("native", "canonical"),
                score=lambda n, s, a, r: (s.truth == "ai") + 5.0 * (r == "canonical"))  # fmt: skip
    table = detector_errors(make_run(spec))
    found = [cell(table, "d", alpha=0.05, regime=regime) for regime in ("native", "canonical")]
    assert [row["threshold"] for row in found] == [0, 5]
    assert [row["fnr"] for row in found] == [0, 0]


def test_human_files_alone_have_false_positives_and_no_misses(make_run):
    run = make_run(Spec(people(30, 0, calibration=20), detectors=[detector("d")], score=lambda *_: 1.0))
    row = cell(detector_errors(run), "d", alpha=0.05)
    assert (row["fpr"], row["n_ai"]) == (0, 0)
    assert np.isnan(row["fnr"]) and np.isnan(row["auc"])
    assert row["note"] == ""


@pytest.mark.parametrize("samples", [[], people(0, 0, calibration=20)])
def test_without_test_files_the_table_is_empty_and_whole(make_run, samples):
    table = detector_errors(make_run(Spec(samples, detectors=[detector("d")])))
    assert list(table.columns) == COLUMNS
    assert len(table) == 0


def test_thresholds_tell_their_calibration(make_run):
    run = make_run(
        Spec(people(20, 20, calibration=40), detectors=[detector("d", default_threshold=35.5)],
             score=lambda n, s, a, r: float(s.id[1:]))
    )  # fmt: skip
    table = thresholds(run)
    assert list(table["threshold_kind"]) == ["calibrated", "refused", "default"]
    first, refused, default = (table.iloc[i] for i in range(3))
    assert (first["threshold"], first["calibration_fpr"], first["n_calibration"]) == (37, 0.05, 40)
    assert refused["needed"] == 100
    assert default["calibration_fpr"] == pytest.approx(4 / 40)
    assert main_threshold(table, "d") == Choice("calibrated", 0.05, "FPR at most 5 % on 40 calibration files")


def test_only_clean_human_calibration_files_set_the_threshold(make_run):
    samples = people(20, 20, calibration=30)
    samples += [Sample(f"x{i}", "ai", split="calibration") for i in range(30)]
    run = make_run(Spec(samples, detectors=[detector("d")], score=lambda n, s, a, r: 9.0 * (s.truth == "ai")))
    assert thresholds(run)["n_calibration"].tolist() == [30, 30]
    assert thresholds(run)["threshold"][0] == 0


def synthetic_rows(n_rows: int, detectors: int, attacks: int, sources: int) -> records.Run:
    """A run of about so many score rows, made without files."""
    regimes = ("native", "canonical")
    samples = n_rows // (detectors * attacks * len(regimes))
    rng = np.random.default_rng(0)
    names = [f"Attack(level={i})" for i in range(attacks)]
    views = pd.DataFrame(
        {
            "sample": np.tile(np.arange(samples), attacks * 2),
            "attack": np.repeat(np.tile(names, 2), samples),
            "regime": np.repeat(regimes, attacks * samples),
        }
    )
    views["sample"] = "s" + views["sample"].astype(str)
    number = views["sample"].str[1:].astype(int)
    views["key"] = np.arange(len(views))
    views["truth"] = np.where(number % 2 == 0, "human", "ai")
    views["bundle"] = np.where(number % 2 == 0, "none", "metadata")
    views["source"] = "source" + (number % sources).astype(str)
    views["split"] = np.where(number % 4 == 0, "calibration", "test")
    views["attack_family"] = np.where(views["attack"].eq(names[0]), "identity", "made-up")
    views["severity"], views["channel"], views["edited_area"] = 1.0, "real:x", np.nan
    scores = pd.concat([views[["key"]].assign(detector=f"d{i}") for i in range(detectors)], ignore_index=True)
    scores["value"], scores["status"] = rng.normal(size=len(scores)), "ok"
    header = {
        "attacks": [{"name": n, "family": "identity" if i == 0 else "made-up"} for i, n in enumerate(names)],
        "regimes": list(regimes), "alphas": [0.05, 0.01], "bundles": ["metadata", "none"],
        "detectors": [detector(f"d{i}", default_threshold=0.0) for i in range(detectors)],
    }  # fmt: skip
    return records.Run(Path(), header, views, pd.DataFrame(), scores)


@pytest.mark.bench
def test_thousands_of_cells_are_quick():
    run = synthetic_rows(100_000, detectors=3, attacks=30, sources=12)
    start = time.perf_counter()
    table = detector_errors(run)
    assert len(table) > 3 * 2 * 30 * 12
    assert time.perf_counter() - start < 1.5
