"""Intervals, thresholds and ranking measures against other people's implementations, exact sums and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import binom
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from statsmodels.stats.proportion import proportion_confint

from bench.analysis import stats

GRID = [(k, n) for n in (1, 2, 7, 10, 40, 333) for k in range(0, n + 1, max(1, n // 9))]
# Few distinct values, so that ties are the rule.
SCORES = hnp.arrays(float, st.integers(1, 40), elements=st.integers(-4, 4).map(float))


@pytest.mark.parametrize(("ours", "method"), [(stats.wilson, "wilson"), (stats.clopper_pearson, "beta")])
def test_intervals_equal_those_of_statsmodels(ours, method):
    k, n = np.array(GRID).T
    expected = [proportion_confint(a, b, method=method) for a, b in GRID]
    np.testing.assert_allclose(np.column_stack(ours(k, n)), expected, atol=1e-12)


def test_exact_interval_where_events_or_non_events_are_few_and_wilson_elsewhere():
    for k, n in GRID:
        rare = k < 5 or n - k < 5
        assert stats.interval(k, n) == (stats.clopper_pearson if rare else stats.wilson)(k, n)


def test_an_interval_of_nothing_is_not_a_number():
    assert np.isnan(stats.interval(0, 0)).all()


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_rate_lies_in_its_interval_and_the_interval_between_0_and_1(pair):
    low, high = stats.interval(*pair)
    assert 0 <= low <= pair[0] / pair[1] <= high <= 1


@given(st.integers(1, 300), st.data())
def test_more_events_never_lower_the_exact_interval(n, data):
    k = data.draw(st.integers(0, n - 1))
    lower, upper = stats.clopper_pearson([k, k + 1], n)
    assert lower[0] <= lower[1] and upper[0] <= upper[1]


@pytest.mark.parametrize("n", [20, 60, 200])
def test_intervals_cover_the_truth_as_often_as_they_say(n):
    # Summed over every outcome, so this is exact and needs no chance.
    k = np.arange(n + 1)
    low, high = stats.interval(k, n)
    shares = np.linspace(0.01, 0.99, 99)
    covered = np.array([binom.pmf(k, n, p)[(low <= p) & (p <= high)].sum() for p in shares])
    assert covered.mean() > 0.95
    assert covered.min() > 0.91


def test_the_interval_of_a_mean_covers_it():
    rng = np.random.default_rng(1)
    p, n = np.array([0.02, 0.1, 0.5, 0.9]), np.array([15, 40, 25, 60])
    k = rng.binomial(n, p, (2000, 4))
    mean, low, high = stats.mean_interval(k / n, *stats.interval(k, n))
    covered = ((low <= p.mean()) & (p.mean() <= high)).mean()
    assert 0.94 <= covered <= 0.995
    assert mean.mean() == pytest.approx(p.mean(), abs=0.01)


def test_the_mean_leaves_out_what_is_missing():
    mean, low, high = stats.mean_interval(np.array([0.2, np.nan]), np.array([0.1, np.nan]), np.array([0.4, np.nan]))
    assert (mean, low, high) == pytest.approx((0.2, 0.1, 0.4))
    assert np.isnan(stats.mean_interval(*np.full((3, 2), np.nan))).all()


class TestThreshold:
    @given(hnp.arrays(float, st.integers(20, 200), elements=st.integers(0, 12).map(float)), st.randoms())
    def test_is_the_smallest_score_within_the_rate_whatever_the_ties_and_their_order(self, scores, random):
        found = stats.threshold_at(scores, 0.05)
        assert np.mean(scores > found.t) == pytest.approx(found.achieved_fpr)
        assert found.achieved_fpr <= 0.05
        smaller = [t for t in np.unique(scores) if t < found.t]
        assert all(np.mean(scores > t) > 0.05 for t in smaller)
        shuffled = list(scores)
        random.shuffle(shuffled)
        assert stats.threshold_at(shuffled, 0.05) == found

    @given(hnp.arrays(float, 50, elements=st.floats(-1e6, 1e6)))
    def test_a_larger_rate_never_raises_it(self, scores):
        at = [stats.threshold_at(scores, alpha).t for alpha in (0.02, 0.05, 0.1, 0.3)]
        assert at == sorted(at, reverse=True)

    def test_of_equal_scores_flags_none(self):
        assert stats.threshold_at([0.5] * 40, 0.05) == (0.5, 0.0, 40, 20)

    @pytest.mark.parametrize(("n", "alpha", "needed"), [(19, 0.05, 20), (99, 0.01, 100), (0, 0.05, 20), (33, 0.03, 34)])
    def test_is_refused_where_the_rate_cannot_be_told_from_zero(self, n, alpha, needed):
        assert stats.threshold_at(np.arange(n), alpha) == (None, None, n, needed)

    @pytest.mark.parametrize(("n", "alpha"), [(20, 0.05), (100, 0.01)])
    def test_is_given_at_exactly_the_number_needed(self, n, alpha):
        assert stats.threshold_at(np.arange(n), alpha)[:2] == (n - 2, alpha)

    def test_failed_scores_must_be_left_out(self):
        with pytest.raises(ValueError, match="numbers"):
            stats.threshold_at([np.nan] * 40, 0.05)

    def test_many_cells_at_once_equal_each_alone(self):
        rng = np.random.default_rng(2)
        scores = rng.integers(0, 9, (40, 60)).astype(float)
        scores[rng.random(scores.shape) < rng.random((40, 1))] = np.nan
        for alpha in (0.05, 0.1, 0.3):
            found, n = stats.thresholds_at(scores, alpha)
            alone = [stats.threshold_at(row[~np.isnan(row)], alpha) for row in scores]
            np.testing.assert_equal(found, [np.nan if one.t is None else one.t for one in alone])
            assert n.tolist() == [one.n for one in alone]

    @pytest.mark.parametrize("alpha", [0, 1, -0.1])
    def test_a_rate_outside_0_to_1_is_an_error(self, alpha):
        with pytest.raises(ValueError, match=r"alpha must be in \(0, 1\), got"):
            stats.threshold_at([1.0] * 40, alpha)


class TestAuc:
    @settings(max_examples=40, deadline=None)
    @given(SCORES, SCORES)
    def test_equals_scikit_learn_with_ties(self, human, ai):
        truth = [0] * len(human) + [1] * len(ai)
        assert stats.auc(human, ai)[0] == pytest.approx(roc_auc_score(truth, np.concatenate([human, ai])))

    @settings(max_examples=40, deadline=None)
    @given(SCORES, SCORES)
    def test_does_not_change_under_a_rising_function(self, human, ai):
        bent = stats.auc(np.exp(human / 3), np.exp(ai / 3))
        assert stats.auc(human, ai) == pytest.approx(bent, nan_ok=True)

    @settings(max_examples=40, deadline=None)
    @given(SCORES, SCORES)
    def test_turns_over_with_the_classes(self, human, ai):
        auc, low, high = stats.auc(human, ai)
        turned = stats.auc(ai, human)
        assert (auc, low, high) == pytest.approx((1 - turned[0], 1 - turned[2], 1 - turned[1]))
        assert 0 <= low <= auc <= high <= 1

    def test_variance_equals_delong_written_out(self):
        rng = np.random.default_rng(3)
        human, ai = rng.normal(0, 1, 17).round(1), rng.normal(1, 2, 23).round(1)
        kernel = (ai[:, None] > human[None]) + 0.5 * (ai[:, None] == human[None])
        expected = kernel.mean(1).var(ddof=1) / 23 + kernel.mean(0).var(ddof=1) / 17
        cell = stats.rank_rows(np.concatenate([human, ai])[None], 17)
        assert cell.variance[0] == pytest.approx(expected)
        assert cell.auc[0] == pytest.approx(kernel.mean())

    @pytest.mark.parametrize("ties", [True, False])
    def test_many_cells_at_once_equal_each_alone(self, ties, monkeypatch):
        monkeypatch.setattr("bench.analysis.stats.ranking.BLOCK", 200)  # several blocks
        rng = np.random.default_rng(4)
        scores = rng.integers(0, 20, (9, 90)).astype(float) if ties else rng.random((9, 90))
        scores[rng.random(scores.shape) < 0.1] = np.nan
        scores[7], scores[8, 50:] = np.nan, np.nan  # one cell without scores, one without AI files
        together = stats.rank_rows(scores, 50)
        low, high = stats.auc_interval(together.auc, together.variance, together.n_human, together.n_ai)
        for cell, row in enumerate(scores):
            human, ai = row[:50][~np.isnan(row[:50])], row[50:][~np.isnan(row[50:])]
            assert (together.auc[cell], low[cell], high[cell]) == pytest.approx(stats.auc(human, ai), nan_ok=True)
            assert together.ap[cell] == pytest.approx(stats.average_precision(human, ai), nan_ok=True)
            assert (together.n_human[cell], together.n_ai[cell]) == (len(human), len(ai))
        np.testing.assert_allclose((together.influence[:7] ** 2).sum(axis=1), together.variance[:7])

    def test_interval_covers_the_truth(self):
        rng = np.random.default_rng(5)
        runs, n = 1500, 40
        scores = rng.normal(0, 1, (runs, 2 * n)) + np.repeat([0, 1.2], n)
        found = stats.rank_rows(scores, n)
        low, high = stats.auc_interval(found.auc, found.variance, found.n_human, found.n_ai)
        truth = 0.8019  # of two unit normals 1.2 apart: Phi(1.2 / sqrt 2)
        assert 0.93 <= ((low <= truth) & (truth <= high)).mean() <= 0.97

    def test_perfect_separation_still_has_an_interval(self):
        auc, low, high = stats.auc(np.zeros(30), np.ones(30))
        assert (auc, high) == (1, 1)
        assert 0.85 < low < 0.97
        assert stats.auc(np.zeros(300), np.ones(300))[1] > low

    def test_scores_all_equal_are_guessing(self):
        auc, low, high = stats.auc([0.5] * 50, [0.5] * 50)
        assert auc == 0.5
        assert low == pytest.approx(1 - high)
        assert 0.3 < low < 0.45

    def test_a_missing_class_has_none(self):
        assert np.isnan(stats.auc([], [1.0, 2.0])).all()
        assert np.isnan(stats.auc([], [])).all()


@settings(max_examples=40, deadline=None)
@given(SCORES, SCORES)
def test_average_precision_equals_scikit_learn(human, ai):
    truth = [0] * len(human) + [1] * len(ai)
    expected = average_precision_score(truth, np.concatenate([human, ai]))
    assert stats.average_precision(human, ai) == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(SCORES, SCORES)
def test_the_roc_curve_encloses_the_auc_and_passes_through_scikit_learns_points(human, ai):
    fpr, tpr, cuts = stats.roc_points(human, ai)
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(tpr, fpr) == pytest.approx(stats.auc(human, ai)[0])
    np.testing.assert_allclose([np.mean(human > cut) for cut in cuts], fpr)
    truth = [0] * len(human) + [1] * len(ai)
    theirs = roc_curve(truth, np.concatenate([human, ai]), drop_intermediate=False)
    every = set(zip(theirs[0].round(9), theirs[1].round(9), strict=True))
    assert set(zip(fpr.round(9), tpr.round(9), strict=True)) <= every


def test_a_roc_curve_of_one_class_is_an_error():
    with pytest.raises(ValueError, match="both classes"):
        stats.roc_points([], [1.0])
