"""DET charts: the curves that scikit-learn computes, on the axes of the normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from figure_checks import nothing_overlaps, texts_of
from hypothesis import given
from hypothesis import strategies as st
from made_up_runs import ATTACKS, Spec, chance, detector, people
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import det_curve

from bench.analysis import charts, tables
from bench.analysis.charts import style
from bench.analysis.charts.det import equal_error_rate
from bench.analysis.stats import roc_points

scores = st.lists(st.integers(-4, 6), min_size=1, max_size=12)


def draw(run):
    with style.styled():
        return list(charts.draw(run, tables.make(run, charts.needed(["det"])), ["det"]))


@given(scores, scores)
def test_the_equal_error_rate_is_where_the_interpolated_roc_curve_meets_the_other_diagonal(human, ai):
    fpr, tpr, _ = roc_points(human, ai)
    found = equal_error_rate(fpr, 1 - tpr)
    # By length along the polyline, so that its upright parts are no jumps.
    along = np.append(0, np.cumsum(np.hypot(np.diff(fpr), np.diff(tpr))))
    at = brentq(lambda s: np.interp(s, along, fpr) + np.interp(s, along, tpr) - 1, 0, along[-1], xtol=1e-13)
    assert found == pytest.approx(np.interp(at, along, fpr), abs=1e-9)


def spec(n: int = 40, **more) -> Spec:
    return Spec(people(n, n, calibration=40), ATTACKS, [detector("d")],
                score=lambda _, s, a, r: round(chance(s.id, a).normal((s.truth == "ai") * (1 + ("Ident" in a))), 1),
                **more)  # fmt: skip


def test_each_line_is_the_det_curve_of_its_attack_at_the_normal_deviate(make_run):
    run = make_run(spec(regimes=("native", "canonical")))
    (chart,) = draw(run)
    values = run.scores.merge(run.views, on="key", suffixes=("", "_view")).query("split == 'test'")
    panel = chart.figure.axes[0]
    lines = [line for line in panel.lines if line.get_label().startswith(" ")]
    assert len(lines) == 4
    low, high = panel.get_xlim()
    for line in lines:
        name = line.get_label().split("  ")[1].removesuffix(" *").replace("clean", "Identity()")
        cell = values[values["attack"].eq(name) & values["regime"].eq("native")]
        fpr, fnr, _ = det_curve(cell["truth"].eq("ai"), cell["value"])
        theirs = {(round(x, 6), round(y, 6)) for x, y in zip(norm.ppf(fpr), norm.ppf(fnr), strict=True)
                  if low < x < high and low < y < high}  # fmt: skip
        ours = {(round(x, 6), round(y, 6)) for x, y in zip(*line.get_data(), strict=True)
                if low < x < high and low < y < high}  # fmt: skip
        # Corners in the middle of a straight run are left out of ours.
        assert ours and ours <= theirs


def test_the_cross_is_the_rates_and_intervals_of_the_table_and_its_axes_are_marked_in_percent(make_run):
    run = make_run(spec())
    (chart,) = draw(run)
    errors = tables.make(run, ["detector_errors"])["detector_errors"]
    now = errors[errors["attack"].eq("Identity()") & errors["source"].eq("*") & errors["alpha"].eq(0.05)].iloc[0]
    panel = chart.figure.axes[0]
    dots = [line for line in panel.lines if line.get_marker() == "o"]
    assert norm.cdf(dots[0].get_xdata()[0]) == pytest.approx(now["fpr"])
    assert norm.cdf(dots[0].get_ydata()[0]) == pytest.approx(now["fnr"])
    upright = [line for line in panel.lines if line.get_alpha() and np.ptp(np.asarray(line.get_xdata(), float)) == 0]
    ends = norm.cdf(upright[0].get_ydata())
    assert ends == pytest.approx(np.clip([now["fnr_low"], now["fnr_high"]], ends.min(), ends.max()))
    for place, label in zip(panel.get_xticks(), panel.get_xticklabels(), strict=True):
        assert 100 * norm.cdf(place) == pytest.approx(float(label.get_text()))
    assert any("EER" in word for word in texts_of(chart.figure))


@pytest.mark.parametrize("n", [12, 300])
def test_nothing_overlaps_however_small_the_rates(make_run, n):
    for chart in draw(make_run(spec(n))):
        with style.styled():
            nothing_overlaps(chart.figure)


def test_a_perfect_detector_and_a_constant_one_have_their_curves(make_run):
    perfect = Spec(people(20, 20, calibration=20), ATTACKS, [detector("p"), detector("c")],
                   score=lambda n, s, a, r: float(n == "p" and s.truth == "ai"))  # fmt: skip
    best, constant = draw(make_run(perfect))
    assert " 0 %  clean" in texts_of(best.figure) and " 50 %  clean" in texts_of(constant.figure)
