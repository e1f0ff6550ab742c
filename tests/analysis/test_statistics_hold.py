"""By simulation: intervals cover the truth and tests are silent where nothing is, also when files are related."""

from __future__ import annotations

import numpy as np
import pytest
import simulations


def run(simulation, *arguments, **more) -> float:
    return simulation(np.random.default_rng(1), *arguments, **more)


@pytest.mark.parametrize(("p", "n"), [(0.05, 40), (0.3, 100)])
def test_the_interval_of_a_rate_covers_it(p, n):
    assert run(simulations.rate_covered, 4000, p, n) > 0.93


@pytest.mark.parametrize(("p", "families"), [(0.05, 40), (0.3, 40), (0.5, 20)])
def test_the_bootstrap_of_families_covers_the_rate_of_related_files(p, families):
    covered = run(simulations.clustered_rate_covered, 300, p, families)
    assert covered > 0.92
    assert covered > run(simulations.clustered_rate_covered, 300, p, families, plain=True) + 0.02


@pytest.mark.parametrize(("n", "size"), [(30, 1), (100, 1), (60, 3), (150, 3)])
def test_the_interval_of_an_auc_difference_covers_it_and_its_test_is_silent(n, size):
    assert 0.93 < run(simulations.auc_difference_covered, 1000, n, size) < 0.97
    assert run(simulations.auc_test_alarms, 1000, n, size) < 0.07


def test_relatives_taken_for_strangers_would_not_do():
    assert run(simulations.auc_difference_covered, 1000, 150, 3, plain=True) < 0.88


@pytest.mark.parametrize(("n", "p", "size"), [(50, 0.1, 1), (200, 0.3, 1), (150, 0.3, 3)])
def test_mcnemar_is_silent_where_two_detectors_err_equally(n, p, size):
    assert run(simulations.mcnemar_alarms, 4000, n, p, size) <= 0.05


def test_holm_keeps_the_whole_table_silent():
    assert run(simulations.holm_alarms, 500) <= 0.06


@pytest.mark.parametrize("rates", [(0.3, 0.3, 0.3, 0.3), (0.2, 0.2, 0.5, 0.8)])
def test_rank_intervals_hold_all_true_ranks(rates):
    assert run(simulations.ranks_covered, 300, rates, 60) > 0.92


@pytest.mark.parametrize(("rates", "n"), [((0.05,) * 4, 50), ((0.05,) * 8, 200), ((0.02, 0.05, 0.2), 100)])
def test_the_interval_of_a_gap_covers_it_also_where_there_is_none(rates, n):
    assert run(simulations.gap_covered, 400, rates, n) > 0.93
