"""Coverage and failures: nothing planned goes missing in silence."""

from __future__ import annotations

import pytest
from made_up_runs import Spec, detector, people

from bench.analysis.tables import grid
from bench.analysis.tables.grid import coverage, failures


def spec(**more) -> Spec:
    settings = {"samples": people(10, 10, calibration=20), "detectors": [detector("d")], "labels": [("iptc", "xmp")]}
    return Spec(**(settings | more))


def test_columns_are_the_designs(make_run):
    run = make_run(spec())
    designed = ["kind", "subject", "attack", "regime", "planned", "done", "error", "unavailable", "not_applicable"]
    assert list(coverage(run).columns)[:9] == designed
    assert list(failures(run).columns)[:6] == ["sample", "attack", "reader", "code", "detail", "count"]


def test_a_whole_run_is_covered_cell_by_cell(make_run):
    table = coverage(make_run(spec(regimes=("native", "canonical"))))
    assert len(table) == 3 * 4 * 2
    assert (table["planned"] == 20).all() and (table["done"] == 20).all()
    assert list(dict.fromkeys(table["kind"])) == ["view", "label", "detector"]
    assert list(dict.fromkeys(table["subject"])) == ["view", "iptc:xmp", "d"]


def test_every_way_not_to_answer_is_counted_apart(make_run):
    states = {"a0000": "error", "a0001": "unavailable", "a0002": "not_applicable"}
    verdicts = {"a0000": "error", "a0001": "unavailable", "a0002": "abstain"}
    run = make_run(
        spec(read=lambda n, s, a: states.get(s.id, "absent"), score=lambda n, s, a, r: verdicts.get(s.id, 1.0))
    )
    table = coverage(run).set_index(["kind", "attack"])
    columns = ["planned", "done", "error", "unavailable", "not_applicable", "abstain"]
    assert table.loc[("label", "Screenshot()"), columns].to_list() == [20, 17, 1, 1, 1, 0]
    assert table.loc[("detector", "Screenshot()"), columns].to_list() == [20, 17, 1, 1, 0, 1]


def test_what_was_planned_and_is_not_there_shows_as_planned(make_run):
    more = {"planned": [{"kind": "view", "subject": "view", "attack": "Identity()", "regime": "native", "n": 99}]}
    more["planned"].append({"kind": "detector", "subject": "gone", "attack": "Identity()", "regime": "native", "n": 5})
    table = coverage(make_run(spec(header=more))).set_index(["kind", "subject", "attack"])
    assert table.loc[("view", "view", "Identity()"), ["planned", "done"]].to_list() == [99, 20]
    assert table.loc[("detector", "gone", "Identity()"), ["planned", "done"]].to_list() == [5, 0]
    assert table.loc[("detector", "d", "Identity()"), ["planned", "done"]].to_list() == [0, 20]


def test_failures_name_the_sample_the_reader_and_the_code(make_run):
    run = make_run(spec(read=lambda n, s, a: "error" if s.id == "a0003" and "Jpeg" in a else "absent"))
    table = failures(run)
    assert table["sample"].to_list() == ["a0003", "a0003"]
    assert set(table["reader"]) == {"iptc:xmp"}
    assert set(table["code"]) == {"E_READ"}
    assert set(table["detail"]) == {"unreadable"}


def test_a_view_that_failed_is_one_failure_not_one_per_reader(make_run):
    run = make_run(spec(view=lambda s, a: "error" if s.id == "h0001" and a == "Screenshot()" else "ok"))
    assert failures(run)[["sample", "attack", "reader", "count"]].to_numpy().tolist() == [
        ["h0001", "Screenshot()", "view", 1]
    ]


def test_what_is_unavailable_is_no_failure(make_run):
    assert len(failures(make_run(spec(score=lambda *_: "unavailable")))) == 0


def test_many_failures_are_summed_up_and_none_is_lost(make_run, monkeypatch):
    monkeypatch.setattr(grid, "MAX_FAILURES", 10)
    table = failures(make_run(spec(score=lambda n, s, a, r: "error" if s.split == "test" else 1.0)))
    assert len(table) == 4  # one per attack
    assert set(table["sample"]) == {"*"}
    assert table["count"].sum() == 80
    assert set(table["detail"]) == {"no verdict"}


@pytest.mark.parametrize("samples", [[], people(0, 0, calibration=3)])
def test_an_empty_run_has_empty_failures_and_planned_cells(make_run, samples):
    run = make_run(spec(samples=samples))
    assert len(failures(run)) == 0
    assert (coverage(run)["done"] == 0).all()
