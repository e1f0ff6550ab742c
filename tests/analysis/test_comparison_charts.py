"""Charts that compare detectors: every number in them is that of a table."""

from __future__ import annotations

import pytest
from figure_checks import nothing_overlaps, texts_of
from made_up_runs import ATTACKS, Spec, chance, detector, people

from bench.analysis import charts, style, tables
from bench.analysis.chart_matrix import RATES, SIGNIFICANT
from bench.analysis.frames import POOLED
from bench.analysis.wording import whole


def draw(run, kind):
    with style.styled():
        return list(charts.draw(run, tables.make(run, charts.needed([kind])), [kind]))


def main_rows(table):
    return table[table["threshold_kind"].eq("calibrated") & table["alpha"].eq(0.05)]


@pytest.mark.parametrize("kind", charts.CHARTS)
def test_every_kind_is_drawn_from_the_tables_it_names_and_copes_with_a_run_without_detectors(make_run, kind):
    found = draw(make_run(Spec(people(3, 3))), kind)
    assert len(found) == (kind == "label_survival")


@pytest.mark.parametrize("kind", charts.CHARTS)
def test_every_kind_copes_with_too_few_files(make_run, kind):
    run = make_run(Spec(people(3, 3, calibration=3), detectors=[detector("d", probability=True)]))
    for chart in draw(run, kind):
        with style.styled():
            nothing_overlaps(chart.figure)


class TestMatrix:
    def test_every_cell_holds_the_rate_of_the_table_and_the_mark_of_the_paired_test(self, real):
        errors, effects = (main_rows(real.tables[name]) for name in ("detector_errors", "attack_effects"))
        rates = errors[errors["source"].eq(POOLED)]
        for number, regime in (("", "native"), ("_2", "canonical")):
            words = texts_of(real.charts[f"matrix{number}"].figure)
            for rate, truth, more, fewer, _ in RATES:
                changed = effects[effects["regime"].eq(regime) & (effects[f"p_{truth}_holm"] < SIGNIFICANT)]
                mark = {(r["detector"], r["attack"]): "\u25b2" if r[more] > r[fewer] else "\u25bc"
                        for r in changed.to_dict("records")}  # fmt: skip
                for row in rates[rates["regime"].eq(regime)].to_dict("records"):
                    text = f"{whole(row[rate])} {mark.get((row['detector'], row['attack']), '')}".strip()
                    assert text in words
                    words.remove(text)
            assert not [word for word in words if "\u25b2" in word and len(word) < 9]

    def test_triangles_point_the_way_the_errors_went(self, make_run):
        def score(name, sample, attack, regime):
            wrong = "Jpeg" in attack if name == "worse" else "Identity" in attack
            return float((sample.truth == "ai") != (wrong and sample.truth == "ai"))

        spec = Spec(people(20, 20, calibration=20), ATTACKS, [detector("worse"), detector("better")], score=score)
        words = texts_of(draw(make_run(spec), "matrix")[0].figure)
        assert words.count("100 \u25b2") == 2 and words.count("0 \u25bc") == 3

    def test_many_detectors_take_several_charts_of_about_the_same_width(self, make_run):
        names = [f"detector-{i}" for i in range(9)]
        spec = Spec(people(12, 12, calibration=20), ATTACKS, [detector(name) for name in names],
                    score=lambda n, s, a, r: chance(n, s.id, a).random())  # fmt: skip
        found = draw(make_run(spec), "matrix")
        assert [chart.name for chart in found] == ["matrix", "matrix_2", "matrix_3"]
        words = [word for chart in found for word in texts_of(chart.figure)]
        assert all(words.count(name) == 1 for name in names)
