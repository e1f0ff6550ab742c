"""What a platform would show: verdicts known by arithmetic, failures that are no verdict, and posts a day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_checks import nothing_overlaps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_runs import ATTACKS, Sample, Spec, chance, detector, people, write
from matplotlib.text import Text

from bench import records
from bench.analysis import charts, stats, tables
from bench.analysis.charts import style
from bench.analysis.findings import findings
from bench.analysis.tables.policy import COLUMNS, VERDICTS, policy, verdict_counts
from bench.analysis.tables.thresholds import thresholds
from bench.analysis.text import speaker
from bench.analysis.traffic import Traffic, at_chosen_thresholds, caption, expected
from bench.errors import UserError

LABELS = [("gb45438", "xmp"), ("c2pa", "jumbf")]
FORGE = ("Forge(donor='x.jpg')", "forge", 1.0, "none", "real:bytes")


def number(sample: Sample) -> int:
    return int(sample.id[1:])


def read(label: str, sample: Sample, attack: str) -> str:
    """Labels of AI files survive Jpeg(quality=90) in every other file and leave traces in every tenth."""
    if sample.truth == "human":
        return "present" if "Forge" in attack and label == "gb45438" and number(sample) < 30 else "absent"
    if attack in ("Identity()", FORGE[0]):
        return "intact"
    if attack == "Jpeg(quality=90)" and label == "gb45438" and number(sample) % 2 == 0:
        return "altered"
    return "residue" if label == "c2pa" and number(sample) % 10 == 1 else "absent"


def score(name: str, sample: Sample, attack: str, regime: str) -> float | str:
    """Flags a quarter of the AI files and a tenth of the human ones of the test split."""
    if sample.split == "calibration":
        return 0.0
    return float(number(sample) % (10 if sample.truth == "human" else 4) == 3)


def spec(**more) -> Spec:
    given = {"samples": people(40, 40, calibration=20, edited=12), "labels": LABELS, "read": read, "score": score}
    given |= {"attacks": [*ATTACKS, FORGE], "detectors": [detector("d"), detector("header", reads="file")]}
    return Spec(**(given | more))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> records.Run:
    return records.load(write(tmp_path_factory.mktemp("policy") / "run", spec()))


def cell(table: pd.DataFrame, attack: str, truth: str = "ai", name: str = "d") -> pd.Series:
    rows = table[table["detector"].eq(name) & table["attack"].eq(attack) & table["truth"].eq(truth)]
    assert len(rows) == 1
    return rows.iloc[0]


def shown(row: pd.Series) -> list[float]:
    return [float(row[verdict]) for verdict in VERDICTS]


def test_the_ladder_gives_the_counts_that_arithmetic_says(run):
    table = policy(run, 0.5)
    assert list(table.columns) == COLUMNS
    assert shown(cell(table, "Identity()")) == [40, 0, 0, 0, 0]
    # 20 labels are left; of the 20 others half is declared, 4 have traces and 10 are flagged, 2 of them both.
    traces = {n for n in range(40) if n % 10 == 1}
    flagged = {n for n in range(40) if n % 4 == 3}
    suspected = len({n for n in traces | flagged if n % 2})
    assert suspected == 12
    assert shown(cell(table, "Jpeg(quality=90)")) == [20, 10, 6, 4, 0]
    assert shown(cell(table, "Jpeg(quality=90)", name="none")) == [20, 10, 2, 8, 0]
    assert shown(cell(table, "Screenshot()", "human")) == [0, 0, 4, 36, 0]
    assert shown(cell(table, "Screenshot()", "human", "none")) == [0, 0, 0, 40, 0]


def test_forged_labels_are_counted(run):
    table = policy(run)
    row = cell(table, FORGE[0], "human")
    assert (row["confirmed"], row["forged"]) == (30, 30)
    assert cell(table, "Identity()", "human")["forged"] == cell(table, FORGE[0])["forged"] == 0


def test_a_label_that_was_there_before_the_attack_is_no_forgery(make_run):
    run = make_run(spec(read=lambda label, sample, attack: "present" if number(sample) < 5 else "absent"))
    table = policy(run)
    assert cell(table, FORGE[0], "human")["confirmed"] == 5
    assert table["forged"].sum() == 0


def test_rates_have_the_intervals_of_what_was_measured(run):
    row = cell(policy(run, 0.25), "Jpeg(quality=90)")
    low, high = stats.interval([20, 12, 8], 40)
    assert (row["confirmed_low"], row["confirmed_high"]) == pytest.approx((low[0], high[0]))
    assert (row["declared_low"], row["declared_high"]) == pytest.approx((0.25 * (1 - high[0]), 0.25 * (1 - low[0])))
    assert (row["suspected_low"], row["suspected_high"]) == pytest.approx((0.75 * low[1], 0.75 * high[1]))
    assert (row["unlabelled_low"], row["unlabelled_high"]) == pytest.approx((0.75 * low[2], 0.75 * high[2]))
    assert row["noticed_rate"] == pytest.approx(1 - 0.75 * 8 / 40)
    assert (row["noticed_low"], row["noticed_high"]) == pytest.approx((1 - 0.75 * high[2], 1 - 0.75 * low[2]))


def test_only_detectors_that_look_at_pixels_are_fallbacks_and_only_the_native_regime_counts(make_run):
    table = policy(make_run(spec(regimes=("native", "canonical"))))
    assert set(table["detector"]) == {"none", "d"}
    assert set(table["regime"]) == {"native"}


def test_failed_evidence_is_unknown_and_unavailable_evidence_no_verdict(make_run):
    def failing(name, sample, attack, regime):
        if sample.split == "calibration":
            return 0.0
        return {0: "error", 1: "abstain", 2: "unavailable", 3: 1.0, 4: float("nan")}.get(number(sample) % 10, 0.0)

    row = cell(policy(make_run(spec(score=failing)), 0.0), "Screenshot()", "human")
    # 4 files in ten have no score (an error, one withheld, one not a number), one of them leaves.
    assert shown(row) == [0, 0, 4, 20, 12]
    assert (row["n"], row["unavailable"]) == (36, 4)
    states = {("c2pa", 0): "error", ("c2pa", 1): "unavailable", ("c2pa", 2): "not_applicable"}
    unread = make_run(spec(read=lambda name, s, a: states.get((name, number(s) % 10), "absent")), "unread")
    row = cell(policy(unread, 0.0), "Screenshot()", "human")
    assert shown(row) == [0, 0, 4, 28, 4]
    assert (row["n"], row["unavailable"]) == (36, 4)


def test_a_verdict_that_stands_is_not_unknown_because_other_evidence_failed(make_run):
    run = make_run(spec(score=lambda n, s, a, r: "error" if s.split == "test" else 0.0))
    assert shown(cell(policy(run), "Identity()")) == [40, 0, 0, 0, 0]
    assert shown(cell(policy(run, 0.0), "Jpeg(quality=90)")) == [20, 0, 4, 0, 16]


@pytest.mark.parametrize(("status", "verdicts"), [("error", [0, 8, 0, 0, 32]), ("not_applicable", None)])
def test_an_attack_that_fails_is_unknown_and_one_that_does_not_apply_no_verdict(make_run, status, verdicts):
    table = policy(make_run(spec(view=lambda s, a: status if a == "Screenshot()" else "ok")))
    row = cell(table, "Screenshot()")
    assert (row["n"], row["unavailable"]) == ((40, 0) if verdicts else (0, 40))
    assert verdicts is None or shown(row) == verdicts


def test_a_detector_without_a_threshold_has_no_rows(make_run):
    run = make_run(spec(samples=people(20, 20, calibration=3)))
    assert set(policy(run)["detector"]) == {"none"}


def test_watermarks_and_visible_marks_confirm_nothing(make_run):
    marks = {"m": [("m", "pixels")], "v": [("v", "corner")]}
    kinds = {"m": "watermark", "v": "visible"}
    run = make_run(spec(bundles=marks, kinds=kinds, read=lambda *_: "present", bits=lambda *_: 32, labels=[]))
    assert not len(policy(run))
    run = make_run(spec(bundles=marks, kinds=kinds, bits=lambda *_: 32), "more")
    assert cell(policy(run), "Identity()", "human")["confirmed"] == 0


def test_small_cells_have_counts_and_no_rate(make_run):
    row = cell(policy(make_run(spec(samples=people(9, 20, calibration=20)))), "Screenshot()", "human")
    assert (row["n"], row["unlabelled"], row["note"]) == (9, 8, "n < 10")
    assert row[[f"{verdict}_{end}" for verdict in VERDICTS for end in ("rate", "low", "high")]].isna().all()


@pytest.mark.parametrize("samples", [[], people(0, 0, calibration=20)])
def test_without_test_files_the_table_is_empty_and_whole(make_run, samples):
    run = make_run(spec(samples=samples))
    assert list(policy(run).columns) == COLUMNS and not len(policy(run))
    with style.styled():
        assert list(charts.draw(run, tables.make(run), ["policy"])) == []


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), rates=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_every_file_has_one_verdict_and_more_declarations_leave_fewer_without_a_notice(tmp_path_factory, seed, rates):
    states = ("intact", "altered", "broken", "residue", "absent", "not_applicable", "unavailable", "error")

    def any_score(name, sample, attack, regime):
        return (1.0, 0.0, "error", "abstain", "unavailable")[chance(seed, sample.id, attack).integers(5)]

    made = spec(
        samples=people(13, 17, calibration=20, edited=4),
        read=lambda label, sample, attack: states[chance(seed, label, sample.id, attack).integers(8)],
        score=lambda n, s, a, r: any_score(n, s, a, r) if s.split == "test" else 0.0,
        view=lambda s, a: ("ok", "ok", "ok", "error", "unavailable")[chance(seed, a, s.id).integers(5)],
    )
    run = records.load(write(tmp_path_factory.mktemp("any") / "run", made))
    counts = verdict_counts(run)
    few, many = (policy(run, rate, counts) for rate in sorted(rates))
    files = {"human": 13, "ai": 17, "ai_edited": 4}
    for table in (few, many):
        np.testing.assert_allclose(table[list(VERDICTS)].sum(axis=1), table["n"])
        assert (table["n"] + table["unavailable"]).tolist() == [files[truth] for truth in table["truth"]]
        shares = table[[f"{verdict}_rate" for verdict in VERDICTS]].dropna()
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        for verdict in (*VERDICTS, "noticed"):
            low, rate, high = (table[f"{verdict}_{end}"].dropna() for end in ("low", "rate", "high"))
            assert ((low <= rate + 1e-12) & (rate <= high + 1e-12)).all()
    for verdict in ("suspected", "unlabelled", "unknown"):
        assert (many[verdict] <= few[verdict] + 1e-9).all()
    assert (many["noticed"] >= few["noticed"] - 1e-9).all()


DAY = Traffic(posts_per_day=1000, ai_share=0.2, declaration_rate=0.5, review_minutes=3)


def of_day(run: records.Run, traffic: Traffic = DAY, names=(), alpha=None) -> pd.DataFrame:
    chosen, _ = at_chosen_thresholds(run, thresholds(run), verdict_counts(run), names, alpha)
    return expected(chosen, traffic)


def test_posts_a_day_are_what_arithmetic_says(run):
    table = of_day(run)
    assert table["attack"].tolist() == 2 * [attack[0] for attack in [*ATTACKS, FORGE]]
    row = table[table["detector"].eq("d") & table["attack"].eq("Jpeg(quality=90)")].iloc[0]
    # 800 human posts, a tenth flagged; 200 AI ones, half of them declared unless confirmed.
    assert (row["wrong_flags"], row["misses"], row["suspected"]) == (80, 20, 80 + 30)
    assert (row["review_hours"], row["reviewers"]) == pytest.approx((110 / 20, 110 / 160))
    assert row["precision"] == pytest.approx(30 / 110)
    human, ai = stats.interval(4, 40), stats.interval(12, 40)
    assert row["wrong_flags_low"] == round(800 * human[0]) and row["wrong_flags_high"] == round(800 * human[1])
    assert row["suspected_low"] == round(800 * human[0] + 100 * ai[0])
    assert row["precision_low"] == pytest.approx(100 * ai[0] / (100 * ai[0] + 800 * human[1]))
    forged = table[table["detector"].eq("none") & table["attack"].eq(FORGE[0])].iloc[0]
    assert (forged["wrong_flags"], forged["misses"], forged["suspected"]) == (600, 0, 0)
    assert np.isnan(forged["precision"])


@pytest.mark.parametrize(("share", "precision"), [(0.0, 0.0), (1.0, 1.0)])
def test_traffic_of_one_kind_has_no_errors_of_the_other(run, share, precision):
    row = of_day(run, Traffic(1000, share, 0.0, 1.0), ["d"]).query("attack == 'Screenshot()'").iloc[0]
    assert (row["misses"] == 0) is np.True_ if share == 0 else row["wrong_flags"] == 0
    assert [row[f"precision{end}"] for end in ("", "_low", "_high")] == [precision] * 3


def test_the_ends_cover_the_truth_at_least_as_often_as_they_say():
    rng = np.random.default_rng(0)
    n, human, ai, share = 60, 0.08, 0.6, 0.1
    draws = 400
    counts = pd.DataFrame({"detector": "d", "alpha": 0.05, "threshold": 0.0, "threshold_kind": "calibrated",
                           "attack": np.tile(np.arange(draws), 2), "truth": np.repeat(["human", "ai"], draws), "n": n,
                           "confirmed": 0, "unknown": 0})  # fmt: skip
    counts["suspected"] = np.concatenate([rng.binomial(n, human, draws), rng.binomial(n, ai, draws)])
    counts["unlabelled"] = n - counts["suspected"]
    table = expected(counts, Traffic(10_000, share, 0.0, 1.0))
    queue = 10_000 * ((1 - share) * human + share * ai)
    precision = 10_000 * share * ai / queue
    for name, truth in (("suspected", queue), ("precision", precision), ("misses", 10_000 * share * (1 - ai))):
        inside = table[f"{name}_low"].le(truth) & table[f"{name}_high"].ge(truth)
        assert inside.mean() > 0.93, name


def test_detectors_and_thresholds_are_chosen_and_mistakes_answered(run):
    with pytest.raises(UserError, match="unknown fallback detector 'header'"):
        of_day(run, names=["header"])
    with pytest.raises(UserError, match=r"false-positive rate of 0\.02\. Available: 0\.05, 0\.01"):
        of_day(run, alpha=0.02)
    with pytest.raises(UserError, match="d has no threshold: needs 100 human calibration scores, has 20"):
        of_day(run, names=["d"], alpha=0.01)
    counts, left_out = at_chosen_thresholds(run, thresholds(run), verdict_counts(run), [], 0.01)
    assert (set(counts["detector"]), left_out) == ({"none"}, ["d"])
    assert "Left out, having no such threshold: d." in caption(run, DAY, left_out)
    assert "not from the platform's own traffic" in caption(run, DAY)


def test_findings_tell_forged_labels_and_what_gets_no_notice(run):
    said = [f.text.replace("\u00a0", " ") for f in findings(run, tables.make(run), speaker()) if f.anchor == "policy"]
    assert said == [
        "Forged labels pass: after 1 of 4 attacks a platform that believes labels shows human files as confirmed AI; "
        "most often after Forge(donor='x.jpg'), 75 % [60, 86] of 40.",
        "By labels alone, a platform that follows the 2025 Labelling Measures gives no notice to 0 % [0, 7] of 40 "
        "untouched AI files, and at worst, after Jpeg(quality=50), to 72 % [61, 78] of 40, if 20 % of authors declare, "
        "as assumed. It puts a notice on 75 % [60, 86] of 40 human files at worst, after Forge(donor='x.jpg').",
        "With d as fallback (threshold frozen at 5 % FPR) it gives none to 0 % [0, 7] of 40 untouched AI files, and at "
        "worst, after Jpeg(quality=50), to 56 % [44, 66] of 40. It puts a notice on 78 % [62, 88] of 40 human files at "
        "worst, after Forge(donor='x.jpg').",
    ]


class TestChart:
    def draw(self, run) -> list[charts.Chart]:
        with style.styled():
            found = list(charts.draw(run, tables.make(run), ["policy"]))
            for chart in found:
                nothing_overlaps(chart.figure)
        return found

    def test_every_attack_has_a_bar_per_truth_and_its_figure(self, run):
        (chart,) = self.draw(run)
        assert chart.name == "policy_d"
        ai, human = chart.figure.axes
        ends = {patch.get_y() for patch in ai.patches}
        assert len(ends) == len({patch.get_y() for patch in human.patches}) == 5
        words = [text.get_text() for text in chart.figure.findobj(Text)]
        assert {"confirmed", "declared", "suspected", "unlabelled", "Screenshot() *"} <= set(words)
        assert "unknown" not in words
        assert any("20 % of the authors" in word for word in words)

    def test_small_cells_and_labels_alone(self, make_run):
        (chart,) = self.draw(make_run(spec(samples=people(9, 20, calibration=3))))
        assert chart.name == "policy_none" and "by labels alone" in chart.figure.texts[0].get_text()
        assert [text.get_text() for text in chart.figure.axes[1].texts][1:] == ["n 9"] * 5
        (chart,) = self.draw(make_run(spec(samples=people(3, 3, calibration=20)), "few"))
        assert any("fewer than 10 files" in text.get_text() for text in chart.figure.texts)
