"""McNemar, DeLong, Holm, families and calibration against other people's code and definitions written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from bench.analysis import stats
from bench.analysis.stats import Families


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_equals_the_binomial_test(b, c):
    expected = binomtest(b, b + c).pvalue if b + c else 1.0
    assert stats.mcnemar(b, c) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_equals_statsmodels():
    # Approval of the prime minister, 1,600 people asked twice (Agresti, Categorical Data Analysis, table 10.1).
    table = [[794, 150], [86, 570]]
    assert stats.mcnemar(150, 86) == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    assert stats.mcnemar([150, 86, 0], [86, 150, 0]).tolist()[2] == 1


def placements(human, ai):
    """DeLong's structural components by their definition: of each AI file, and of each human one."""
    kernel = (ai[:, None] > human[None]) + 0.5 * (ai[:, None] == human[None])
    return kernel.mean(axis=1), kernel.mean(axis=0)


def two_rankings(rng, m, n):
    shared = rng.normal(size=m + n)
    ai = np.arange(m + n) >= m
    return [(shared + rng.normal(size=m + n) + gap * ai).round(1) for gap in (1.2, 0.5)]


def alone(n):
    return Families(np.arange(n), n)


def test_the_variance_of_a_difference_is_delongs_by_definition():
    scores = two_rankings(np.random.default_rng(7), 23, 31)
    a, b = (stats.rank_rows(x[None], 23) for x in scores)
    (ai_a, human_a), (ai_b, human_b) = (placements(x[:23], x[23:]) for x in scores)
    covariance = np.cov(ai_a, ai_b) / 31 + np.cov(human_a, human_b) / 23
    expected = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    variance = stats.clustered_variance(a.influence - b.influence, 23, alone(54))
    assert variance[0] == pytest.approx(expected)
    found = stats.auc_difference(a, b, variance)
    assert found.difference[0] == pytest.approx(ai_a.mean() - ai_b.mean())
    assert found.high[0] - found.difference[0] == pytest.approx(1.959964 * np.sqrt(expected))


def test_the_variance_over_families_is_obuchowskis_by_definition():
    rng = np.random.default_rng(8)
    family = np.concatenate([np.repeat(np.arange(10), 3), np.repeat(np.arange(8, 20), 2)])  # 8 and 9 hold both classes
    scores = (rng.normal(size=20)[family] + rng.normal(size=54) + (np.arange(54) >= 30)).round(1)
    cell = stats.rank_rows(scores[None], 30)
    ai, human = placements(scores[:30], scores[30:])
    sums = np.zeros((2, 20))
    np.add.at(sums[0], family[:30], human - human.mean())
    np.add.at(sums[1], family[30:], ai - ai.mean())
    scaled = sums[0] / 30 * np.sqrt(10 / 9) + sums[1] / 24 * np.sqrt(12 / 11)
    found = stats.clustered_variance(cell.influence, 30, Families(family, 20))
    assert found[0] == pytest.approx((scaled**2).sum())


def test_equal_rankings_do_not_differ_and_opposite_ones_do():
    up = stats.rank_rows(np.arange(40.0)[None], 20)
    down, flat = (stats.rank_rows(x[None], 20) for x in (-np.arange(40.0), np.zeros(40)))
    for one in (up, flat):
        same = stats.auc_difference(one, one, np.zeros(1))
        assert (same.difference[0], same.p[0]) == (0, 1)
        assert same.low[0] < 0 < same.high[0]  # 40 files cannot show that two areas are equal
    assert stats.auc_difference(up, down, np.zeros(1)).p[0] < 1e-6
    half = stats.auc_difference(up, flat, np.zeros(1))
    assert half.p[0] < 0.01 and 0.2 < half.low[0] < 0.5 < half.high[0] <= 1


@pytest.mark.parametrize("n", [1, 5, 200])
def test_holm_equals_statsmodels(n):
    p = np.random.default_rng(n).random(n).round(2) ** 3
    np.testing.assert_allclose(stats.holm(p), multipletests(p, method="holm")[1], atol=1e-12)


def test_holm_leaves_out_what_is_no_test():
    found = stats.holm([[0.01, np.nan], [0.04, 0.03]])
    np.testing.assert_allclose(found, [[0.03, np.nan], [0.06, 0.06]])


@given(st.lists(st.integers(0, 6), max_size=30), st.randoms())
def test_sums_over_families(code, random):
    code = np.unique(np.array(code, np.int64), return_inverse=True)[1]
    families = Families(code, int(code.max(initial=-1)) + 1)
    values = np.array([[random.randint(-5, 5) for _ in code] for _ in range(3)], np.int64).reshape(3, len(code))
    expected = [np.bincount(code, row, families.n) if len(code) else [] for row in values]
    np.testing.assert_array_equal(families.sums(values), np.array(expected).reshape(3, families.n))
    np.testing.assert_array_equal(families.sums(values > 0).sum(axis=1), (values > 0).sum(axis=1))


def test_families_are_drawn_whole_within_their_stratum_and_by_the_seed():
    strata = np.array([0] * 30 + [1] * 12 + [2])
    weights = stats.draw(strata, np.random.default_rng(0))
    assert weights.shape == (stats.RESAMPLES, 43)
    assert set(weights[:, :30].sum(axis=1)) == {29}
    assert set(weights[:, 30:42].sum(axis=1)) == {11}
    assert set(weights[:, 42]) == {1}
    assert (weights == stats.draw(strata, np.random.default_rng(0))).all()


def test_the_bootstrap_spreads_like_the_mean_of_families():
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 9, (15, 1))
    samples = stats.resampled(stats.draw(np.zeros(15), rng, 20_000), counts) / 14
    assert samples.mean() == pytest.approx(counts.mean(), abs=0.02)
    assert samples.std() == pytest.approx(counts.std(ddof=1) / np.sqrt(15), rel=0.03)


def test_draws_and_sums_do_not_depend_on_how_many_are_made_at_a_time(monkeypatch):
    strata, counts = np.arange(40) % 3, np.arange(120).reshape(40, 3)

    def made():
        weights = stats.draw(strata, np.random.default_rng(1), 600)
        return weights, stats.resampled(weights, counts)

    usual = made()
    monkeypatch.setattr("bench.analysis.stats.resampling.CHUNK", 7)
    monkeypatch.setattr("bench.analysis.stats.resampling.LARGEST", 100)
    assert all((one == other).all() for one, other in zip(usual, made(), strict=True))


def test_resampled_sums_are_exact():
    weights = np.full((2, 3), 255, np.uint8)
    assert stats.resampled(weights, np.array([[20_000], [20_001], [7]])).tolist() == [[10_202_040.0], [10_202_040.0]]


@pytest.mark.parametrize(("share", "side"), [(0.0, 1), (1.0, 0), (0.5, 1)])
def test_families_that_agree_still_have_an_interval(share, side):
    shares = np.full(50, share)
    limits = stats.widened((share, share), shares)
    bound = stats.clopper_pearson(0, 50)[1]
    expected = {0.0: (0, bound), 1.0: (1 - bound, 1), 0.5: (0.5 * (1 - bound), 0.5 + 0.5 * bound)}[share]
    assert limits == pytest.approx(expected)
    assert limits[side] != share
    assert stats.widened((0.2, 0.3), np.array([0.1, 0.5] * 25)) == (0.2, 0.3)  # enough of them differ


def test_reliability_equals_scikit_learn():
    rng = np.random.default_rng(5)
    scores = np.append(rng.random(500).round(2), [0, 1, 0.3, 0.7])
    is_ai = rng.random(504) < scores**2
    found = stats.reliability(scores, is_ai)
    share, mean = calibration_curve(is_ai, scores, n_bins=10)
    filled = found.n > 0
    # scikit-learn puts a score on the edge of two bins into either; sums over all bins do not depend on it.
    assert found.brier == pytest.approx(brier_score_loss(is_ai, scores))
    smooth = scores[(scores * 10) % 1 > 0.005]
    kept = np.isin(scores, smooth)
    inside = stats.reliability(scores[kept], is_ai[kept])
    share, mean = calibration_curve(is_ai[kept], scores[kept], n_bins=10)
    np.testing.assert_allclose(inside.events / inside.n, share)
    np.testing.assert_allclose(inside.mean, mean)
    assert inside.ece == pytest.approx((inside.n / inside.n.sum() * np.abs(share - mean)).sum())
    assert filled.all()


def test_bins_hold_their_lower_end_and_the_last_one_also_1():
    found = stats.reliability(np.array([0, 0.1, 0.3, 0.7, 0.999, 1]), np.zeros(6, bool))
    assert found.n.tolist() == [1, 1, 0, 1, 0, 0, 0, 1, 0, 2]


def test_scores_outside_0_to_1_are_no_probabilities():
    with pytest.raises(ValueError, match=r"probabilities must be in 0..1, got -1 to 2"):
        stats.reliability(np.array([-1.0, 2.0]), np.array([False, True]))
