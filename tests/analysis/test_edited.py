"""Edited files by area: which bin a file stands in, what stands beside it, and cells too small for a rate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_checks import nothing_overlaps
from made_up_runs import Sample, Spec, detector, people

from bench.analysis import charts, stats, tables
from bench.analysis.charts import style
from bench.analysis.tables.detection import detector_errors
from bench.analysis.tables.edited import AREAS, COLUMNS, edited_by_area

#: So many edited files of each area; None: nobody stated it.
EDITS = {0.0: 4, 0.05: 8, 0.0501: 12, 0.2: 20, 0.5: 10, 0.51: 12, 1.0: 3, None: 11}


def samples(calibration: int = 20) -> list[Sample]:
    out = people(20, 40, calibration=calibration)
    for area, n in EDITS.items():
        out += [Sample(f"e{area}-{i}", "ai_edited", "edits", edited_area=area) for i in range(n)]
    return out


def score(name: str, sample: Sample, attack: str, regime: str) -> float | str:
    """Flags AI files, and edits from a fifth of the picture on; blind after Jpeg(quality=50)."""
    if attack == "Jpeg(quality=50)":
        return 0.0
    if sample.truth == "ai_edited":
        return "error" if sample.edited_area is None else float(sample.edited_area >= 0.2)
    return float(sample.truth == "ai")


@pytest.fixture
def table(make_run) -> pd.DataFrame:
    return edited_by_area(make_run(Spec(samples(), detectors=[detector("d")], score=score)))


def cell(table: pd.DataFrame, area: str, attack: str = "Identity()") -> pd.Series:
    rows = table[table["area"].eq(area) & table["attack"].eq(attack) & table["alpha"].eq(0.05)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_an_area_on_the_edge_belongs_to_the_smaller_bin(table):
    assert list(table.columns) == COLUMNS
    found = {area: int(cell(table, area)["n"]) for area in ("*", *AREAS)}
    assert found == {"*": 80, "0-5": 12, "5-10": 12, "10-25": 20, "25-50": 10, ">50": 15, "unknown": 11}


def test_rates_have_their_interval_and_stand_beside_ai_and_human_files(table):
    row = cell(table, "10-25")
    assert (row["flagged"], row["flagged_rate"]) == (20, 1)
    assert row["flagged_low"] == pytest.approx(stats.clopper_pearson(20, 20)[0])
    assert (row["n_ai"], row["ai_rate"], row["n_human"], row["fpr"]) == (40, 1, 20, 0)
    assert cell(table, "5-10")["flagged_rate"] == 0
    assert cell(table, "*")["flagged"] == 20 + 10 + 15
    assert cell(table, "*", "Jpeg(quality=50)")["ai_rate"] == 0


def test_a_failed_score_is_counted_and_flags_nothing(table):
    row = cell(table, "unknown")
    assert (row["n"], row["error"], row["flagged_rate"]) == (11, 11, 0)


def test_all_edits_and_both_references_are_those_of_the_table_of_errors(make_run):
    run = make_run(Spec(samples(), detectors=[detector("d")], score=score, regimes=("native", "canonical")))
    errors = detector_errors(run)
    errors = errors[errors["source"].eq("*")]
    keys = ["detector", "regime", "attack", "threshold_kind", "alpha"]
    both = edited_by_area(run).query("area == '*'").merge(errors, on=keys, suffixes=("", "_there"))
    assert len(both) == len(errors) > 8
    judged = both[both["threshold"].notna()]
    pairs = [("flagged_rate", "flagged_edited"), ("flagged_low", "flagged_edited_low"), ("fpr_high", "fpr_high_there")]
    for here, there in [*pairs, ("n", "n_edited"), ("n_human", "n_human_there")]:
        np.testing.assert_allclose(judged[here].astype(float), judged[there].astype(float), err_msg=here)
    np.testing.assert_allclose(judged["ai_rate"], 1 - judged["fnr"])


def test_small_cells_and_refused_thresholds_have_counts_and_no_rate(make_run):
    found = edited_by_area(make_run(Spec(samples(), detectors=[detector("d")], score=score)))
    refused = found[found["threshold_kind"].eq("refused")]
    assert refused[["flagged", "flagged_rate", "ai_rate"]].isna().all(axis=None)
    assert refused["note"].str.startswith("refused: needs 100 human calibration scores, has 20").all()
    few = [Sample(f"e{i}", "ai_edited", edited_area=0.3) for i in range(9)]
    row = cell(edited_by_area(make_run(Spec([*people(20, 20, calibration=20), *few], detectors=[detector("d")]), "b")),
               "25-50")  # fmt: skip
    assert (row["n"], row["flagged"], row["note"]) == (9, 0, "n < 10")
    assert np.isnan(row["flagged_rate"])


@pytest.mark.parametrize("made_of", [[], people(20, 20, calibration=20)])
def test_without_edits_the_table_is_empty_and_whole(make_run, made_of):
    run = make_run(Spec(made_of, detectors=[detector("d")]))
    table = edited_by_area(run)
    assert list(table.columns) == COLUMNS and not len(table)
    with style.styled():
        assert list(charts.draw(run, tables.make(run), ["edited_by_area"])) == []


class TestChart:
    def test_each_panel_has_a_point_per_bin_and_says_where_there_is_none(self, make_run):
        spec = Spec(samples(), detectors=[detector("d")], score=score, regimes=("native", "canonical"))
        spec.samples = [s for s in spec.samples if s.edited_area not in (0.51, 1.0)]
        run = make_run(spec)
        with style.styled():
            (chart,) = charts.draw(run, tables.make(run), ["edited_by_area"])
            nothing_overlaps(chart.figure)
        assert [axes.get_title(loc="left") for axes in chart.figure.axes] == [
            f"{regime}: {attack}" for regime in ("native", "canonical") for attack in ("Identity()", "Jpeg(quality=50)")
        ]
        for axes in chart.figure.axes:
            assert [text.get_text() for text in axes.texts] == ["n 0"]
            assert len(axes.containers) == len(AREAS)

    @pytest.mark.parametrize(
        ("made_of", "said"),
        [
            (samples(calibration=3), "needs 20 human calibration scores, has 3"),
            (people(20, 20, calibration=20, edited=9), "fewer than 10 edited test files"),
        ],
    )
    def test_without_a_rate_the_chart_says_why(self, make_run, made_of, said):
        run = make_run(Spec(made_of, detectors=[detector("d")], score=score))
        with style.styled():
            (chart,) = charts.draw(run, tables.make(run), ["edited_by_area"])
        assert any(said in text.get_text() for text in chart.figure.texts)
