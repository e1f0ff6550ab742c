"""Charts that compare detectors: every number in them is that of a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_checks import nothing_overlaps, texts_of
from made_up_runs import ATTACKS, Spec, chance, detector, people

from bench.analysis import charts, tables
from bench.analysis.charts import style
from bench.analysis.charts.distributions import bin_edges, shares
from bench.analysis.charts.matrix import RATES, SIGNIFICANT
from bench.analysis.charts.slope import spread
from bench.analysis.frames import POOLED
from bench.analysis.text.wording import whole


def draw(run, kind):
    with style.styled():
        return list(charts.draw(run, tables.make(run, charts.needed([kind])), [kind]))


def main_rows(table):
    return table[table["threshold_kind"].eq("calibrated") & table["alpha"].eq(0.05)]


@pytest.mark.parametrize("kind", charts.CHARTS)
def test_every_kind_is_drawn_from_the_tables_it_names_and_copes_with_a_run_without_detectors(make_run, kind):
    found = draw(make_run(Spec(people(3, 3))), kind)
    assert len(found) == (kind in ("label_survival", "label_states"))


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


class TestRanks:
    def test_dots_and_bars_are_the_areas_and_ranks_of_the_table(self, real):
        table = real.tables["robustness"]
        overall = table[table["attack_family"].eq(POOLED)]
        axes = real.charts["ranks"].figure.axes
        for i, regime in enumerate(("native", "canonical")):
            rows = overall[overall["regime"].eq(regime)].sort_values("rank")
            for panel, name, scale in ((axes[2 * i], "area", 100), (axes[2 * i + 1], "rank", 1)):
                lines = panel.lines[: 2 * len(rows)]
                bars, dots = lines[::2], lines[1::2]
                assert [dot.get_xdata()[0] for dot in dots] == [scale * x for x in rows[name]]
                ends = rows[[f"{name}_low", f"{name}_high"]].to_numpy(float)
                assert [list(bar.get_xdata()) for bar in bars] == [[scale * low, scale * high] for low, high in ends]
            diamonds = [line.get_xdata()[0] for line in axes[2 * i].lines if line.get_marker() == "D"]
            assert diamonds == [100 * x for x in rows["fpr"]]
            names = [label.get_text() for label in axes[2 * i].get_yticklabels()]
            assert names == rows["detector"].tolist()

    def test_one_detector_alone_has_no_rank(self, make_run):
        spec = Spec(people(12, 12, calibration=20), ATTACKS, [detector("d")])
        assert draw(make_run(spec), "ranks") == []

    def test_a_detector_without_rates_under_some_attacks_is_not_ranked(self, make_run):
        def score(name, sample, attack, regime):
            gone = name == "c" and "Jpeg" in attack
            return "unavailable" if gone else chance(name, sample.id, attack).random()

        spec = Spec(people(12, 12, calibration=20), ATTACKS, [detector(x) for x in "abc"], score=score)
        figure = draw(make_run(spec), "ranks")[0].figure
        assert texts_of(figure).count("not ranked") == 1
        assert "Not ranked: too few files under some attacks." in " ".join(figure.texts[-1].get_text().split())


class TestSlope:
    def test_each_line_goes_through_the_rates_of_the_tables(self, real):
        errors, table = main_rows(real.tables["detector_errors"]), real.tables["robustness"]
        for panel, regime in zip(real.charts["slope"].figure.axes, ("native", "canonical"), strict=True):
            lines = [line for line in panel.lines if len(line.get_xdata()) == 3 and line.get_marker() != "None"]
            drawn = sorted(tuple(line.get_ydata()) for line in lines)
            wanted = []
            for name in ("header", "spectrum"):
                start = errors[errors["detector"].eq(name) & errors["source"].eq(POOLED)]
                start = start[start["regime"].eq(regime) & start["attack"].eq("Identity()")]["fnr"].item()
                row = table[table["detector"].eq(name) & table["regime"].eq(regime)].iloc[0]
                wanted.append((100 * start, 100 * row["area"], 100 * row["worst_fnr"]))
            assert drawn == sorted(wanted)

    def test_labels_keep_apart_and_within_their_limits(self):
        placed = spread([100, 100, 99, 3], 20, 0, 100)
        assert placed == [80, 100, 60, 3]
        assert spread([0, 0, 0], 10, 0, 100) == [0, 10, 20]
        assert spread([], 10, 0, 100) == []

    def test_many_detectors_do_not_touch(self, make_run):
        names = [f"a-detector-with-a-long-name-{i}" for i in range(12)]
        spec = Spec(people(12, 12, calibration=20), ATTACKS, [detector(name) for name in names],
                    score=lambda n, s, a, r: chance(n, s.id, a).random())  # fmt: skip
        run = make_run(spec)
        for kind in ("slope", "ranks", "matrix"):
            for chart in draw(run, kind):
                with style.styled():
                    nothing_overlaps(chart.figure)


class TestDistributions:
    def test_bars_beyond_the_threshold_are_the_rates_of_the_table(self, make_run):
        # Scores in coarse steps, so that many equal the threshold, which flags none of them.
        def score(name, sample, attack, regime):
            return round(chance(sample.id, attack).normal(sample.truth == "ai"), 1)

        spec = Spec(people(40, 40, calibration=40), ATTACKS, [detector("d")], score=score)
        run = make_run(spec)
        errors = main_rows(tables.make(run, ["detector_errors"])["detector_errors"])
        errors = errors[errors["source"].eq(POOLED)].set_index("attack")
        panels = draw(run, "distributions")[0].figure.axes
        worst = errors["auc"].drop("Identity()").sort_values(kind="stable").index.tolist()
        for panel, attack in zip(panels, ["Identity()", *worst], strict=True):
            row = errors.loc[attack]
            for patch, rate in zip(panel.patches, (row["fpr"], 1 - row["fnr"]), strict=True):
                values, edges, _ = patch.get_data()
                assert abs(values).sum() == pytest.approx(100)
                assert abs(values[edges[:-1] >= row["threshold"]]).sum() == pytest.approx(100 * rate)

    @pytest.mark.parametrize("values", [[], [2.0], [np.inf, 1.0], [0.0, 1.0, 1e30]])
    @pytest.mark.parametrize("threshold", [np.nan, 0.5, 1e9])
    def test_bins_cope_with_any_scores(self, values, threshold):
        edges = bin_edges(np.array(values), threshold)
        assert (np.diff(edges) > 0).all() and 2 < len(edges) < 80
        assert shares(np.array(values), edges).sum() == pytest.approx(100 if values else 0)


class TestSubgroups:
    @pytest.fixture
    def run(self, make_run):
        samples = [*people(30, 12, source="phone"), *people(0, 0, calibration=40)]
        samples += [replace(s, id="m" + s.id, source="museum") for s in people(20, 0)]
        samples += [replace(s, id="x" + s.id, source="tiny") for s in people(4, 0)]

        def score(name, sample, attack, regime):
            return float(
                sample.source == "museum" and "Jpeg(quality=50)" in attack and chance(sample.id).random() < 0.6
            )

        return make_run(Spec(samples, ATTACKS, [detector("d")], score=score))

    def test_points_bars_and_gaps_are_those_of_the_table(self, run):
        table = tables.make(run, ["subgroup_fpr"])["subgroup_fpr"].set_index(["attack", "subgroup"])
        figure = draw(run, "subgroups")[0].figure
        (panel,) = figure.axes
        names = [label.get_text() for label in panel.get_yticklabels()]
        assert names == ["all", "museum", "phone"]
        dots = {(line.get_marker(), round(y)): x
                for line in panel.lines if line.get_marker() in "os" and line.get_transform() == panel.transData
                for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}  # fmt: skip
        bars = [[tuple(100 * table.loc[(attack, name), ["fpr_low", "fpr_high"]]) for name in ("*", "museum", "phone")]
                for attack in ("Identity()", "Jpeg(quality=50)")]  # fmt: skip
        drawn = [[tuple(part[:, 0]) for part in lines.get_segments()] for lines in panel.collections]
        np.testing.assert_allclose(drawn, bars)
        for marker, attack in (("o", "Identity()"), ("s", "Jpeg(quality=50)")):
            for y, name in enumerate(("*", "museum", "phone")):
                assert dots[marker, y] == 100 * table.loc[(attack, name), "fpr"]
        gap = table.loc[("Jpeg(quality=50)", "*")]
        words = " ".join(texts_of(figure))
        assert f"gap {whole(gap['gap'])} points [{whole(gap['gap_low'])}" in words and "museum - phone" in words
        assert "Not shown: up to 1 subgroups" in words.replace("\n", " ")
        with style.styled():
            nothing_overlaps(figure)

    def test_sources_whose_names_look_alike_are_cut_apart(self, make_run):
        names = [f"photographs-of-{who}-scanned-and-cropped-by-the-archive" for who in ("family-a", "family-b")]
        samples = [replace(s, id=f"{i}{s.id}", source=name)
                   for i, name in enumerate(names) for s in people(20, 12, calibration=20)]  # fmt: skip
        score = lambda name, sample, attack, regime: float(chance(sample.id, attack).random() < 0.3)  # noqa: E731
        figure = draw(make_run(Spec(samples, ATTACKS, [detector("d")], score=score)), "subgroups")[0].figure
        words = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert len(set(words)) == 3

    def test_one_source_alone_has_nothing_to_be_compared_with(self, make_run):
        assert draw(make_run(Spec(people(12, 12, calibration=20), ATTACKS, [detector("d")])), "subgroups") == []


class TestQuality:
    def test_points_lie_at_the_mean_quality_and_the_detection_of_the_tables(self, make_run):
        def quality(sample, attack):
            if "Screenshot" in attack:
                return None
            return (np.inf, 1.0) if "Identity" in attack or sample.id == "a0000" else (40 - 20 * ("50" in attack), 0.9)

        spec = Spec(people(20, 20, calibration=20), ATTACKS, [detector("d")], quality=quality,
                    score=lambda n, s, a, r: chance(s.id, a).normal(3 * (s.truth == "ai")))  # fmt: skip
        run = make_run(spec)
        errors = main_rows(tables.make(run, ["detector_errors"])["detector_errors"])
        errors = errors[errors["source"].eq(POOLED)].set_index("attack")
        figure = draw(run, "quality")[0].figure
        drawn = {tuple(np.round(point, 6)) for line in figure.axes[0].lines for point in line.get_xydata()
                 if line.get_marker() != "None"}  # fmt: skip
        for attack, psnr in (("Jpeg(quality=90)", 40), ("Jpeg(quality=50)", 20)):
            # One of 20 files came through unchanged: the mean squared error is 19/20 of that of the others.
            wanted = psnr - 10 * np.log10(19 / 20), 100 - 100 * errors.loc[attack, "fnr"]
            assert tuple(np.round(wanted, 6)) in drawn
        assert "Screenshot()" in " ".join(figure.texts[-1].get_text().split())
        with style.styled():
            nothing_overlaps(figure)

    def test_without_any_quality_there_is_no_chart(self, real):
        assert not [name for name in real.charts if name.startswith("quality")]


class TestCalibration:
    def test_points_are_the_bins_of_the_table_and_only_claims_are_drawn(self, make_run):
        detectors = [detector("claims", probability=True), detector("does-not")]
        spec = Spec(people(60, 60, calibration=20), ATTACKS, detectors,
                    score=lambda n, s, a, r: chance(n, s.id, a).beta(2 + (s.truth == "ai"), 2))  # fmt: skip
        run = make_run(spec)
        (chart,) = draw(run, "calibration")
        assert chart.subject == "claims"
        table = tables.make(run, ["calibration"])["calibration"]
        bins = table[table["attack"].eq("Identity()") & table["bin"].ne(POOLED) & table["ai_share"].notna()]
        line = chart.figure.axes[0].containers[0].lines[0]
        assert np.allclose(np.array(line.get_data()).T, bins[["mean_score", "ai_share"]].to_numpy(float))
        words = texts_of(chart.figure)
        assert all(f"{n}" in words for n in bins["n"])
        with style.styled():
            nothing_overlaps(chart.figure)
