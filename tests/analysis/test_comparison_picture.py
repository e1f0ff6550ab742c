"""`washtest compare --chart`: every dot is a figure of the tables that the command writes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_checks import nothing_overlaps, texts_of
from made_up_runs import ATTACKS, Spec, chance, detector, people, write

from bench.analysis.charts import comparison, style
from bench.analysis.compare.common_ground import common_ground
from bench.analysis.compare.runs import compare_runs
from bench.analysis.compare.side_by_side import compare_detectors


def spec(shift: float = 0.0, names=("d",), n: int = 40) -> Spec:
    def score(name, sample, attack, regime):
        gap = (2 - shift * ("Jpeg" in attack)) * (sample.truth == "ai") * (1 if name == "d" else 0.2)
        return round(chance(sample.id, attack).normal(gap), 3)

    return Spec(people(n, n, calibration=40), ATTACKS, [detector(name) for name in names], [("iptc", "xmp")],
                score=score, read=lambda *_: "intact")  # fmt: skip


@pytest.fixture
def two(make_run):
    return compare_runs(common_ground(make_run(spec(), "before"), make_run(spec(2.0), "after")))


def figure(rows, title="a and b"):
    with style.styled():
        made = comparison.chart(rows, title, "a", "b")
        nothing_overlaps(made)
    return made


def test_dots_and_bars_are_the_rates_and_differences_of_the_table(two):
    rows = comparison.of_runs(two.table)
    rates, differences = figure(rows).axes
    table = two.table[two.table["difference"].notna() & two.table["before"].ne(two.table["after"])]
    assert 0 < len(table) < len(rows) <= comparison.MOST_ROWS
    dots = [line for line in rates.lines if line.get_marker() == "o"]
    assert sorted(line.get_xdata()[0] for line in dots[::2]) == pytest.approx(sorted(100 * table["before"]))
    assert sorted(line.get_xdata()[0] for line in dots[1::2]) == pytest.approx(sorted(100 * table["after"]))
    bars = sorted(tuple(line.get_xdata()) for line in differences.lines if line.get_linewidth() == 2.2)
    ends = table[["difference_low", "difference_high"]].to_numpy(float)
    assert np.allclose(bars, sorted(map(tuple, 100 * ends)))


def test_what_stands_after_holm_is_filled_by_its_direction(two):
    rows = comparison.of_runs(two.table)
    certain = {(row.group, row.name) for row in rows if row.certain}
    wanted = two.table[two.table["p_holm"] < 0.05]
    assert len(certain) == len(wanted) > 0
    missed = next(row for row in rows if row.certain and "fnr" in row.group)
    ranked = next(row for row in rows if row.certain and "auc" in row.group)
    assert missed.second > missed.first and ranked.second < ranked.first
    assert missed.colour == ranked.colour == style.VERMILLION
    assert next(row for row in rows if not row.certain).colour == style.MUTED


def test_detectors_in_pairs_have_the_rates_of_each(make_run):
    run = make_run(spec(names=("d", "人工智能检测器" * 4)))
    found = compare_detectors(run)
    rows = comparison.of_detectors(found.pairs)
    clean = {row.group.split(", ")[1]: row for row in rows if row.name == "Identity()"}
    for row, (_, told) in zip(("first", "second"), found.detectors.iterrows(), strict=True):
        rates = (told["fnr_clean"], told["fpr_clean"], told["auc_clean"])
        assert [getattr(clean[name], row) for name in ("misses", "false positives", "AUC")] == pytest.approx(rates)
    assert all(row.low < row.second - row.first < row.high or row.first == row.second for row in rows)
    figure(rows)


def test_rates_over_families_of_several_files_have_no_interval_that_takes_them_for_independent(make_run):
    run = make_run(spec(names=("d", "e")))
    views = run.views.assign(family=run.views["sample"].astype(str).str[:-1])
    found = comparison.of_detectors(compare_detectors(replace(run, views=views)).pairs)
    assert all(np.isnan(row.low) == ("AUC" not in row.group) for row in found)


def test_of_many_rows_those_that_differ_most_are_drawn():
    rows = [comparison.Row("g", f"a{i}", 0.2, 0.2 + i / 200, i / 200 - 0.1, i / 200 + 0.1, 1.0, True)
            for i in range(100)]  # fmt: skip
    made = figure(rows)
    words = texts_of(made)
    assert "a99" in words and "a59" not in words
    assert "The 40 of 100 rates that differ most." in " ".join(made.texts[-1].get_text().split())
    same = figure([replace(row, second=row.first) for row in rows])
    assert "No rate differs; the first 40 of 100." in " ".join(same.texts[-1].get_text().split())
    assert any("Nothing to compare" in word for word in texts_of(figure([])))


@pytest.mark.parametrize("ending", ["svg", "png", "PDF"])
def test_the_command_draws_into_the_file(tmp_path, washtest, ending):
    runs = [write(tmp_path / name, spec(shift, n=12)) for name, shift in (("before", 0.0), ("after", 2.0))]
    path = tmp_path / f"new/picture.{ending}"
    said = washtest("compare", *runs, "--chart", path)
    assert said.code == 0 and f"chart\t{path}" in said.err
    assert path.stat().st_size > 5000


def test_the_command_draws_detectors_and_refuses_other_endings(tmp_path, washtest):
    run = write(tmp_path / "run", spec(names=("d", "e"), n=12))
    assert washtest("compare", "--detectors", "d", "e", run, "--chart", tmp_path / "x.png").code == 0
    said = washtest("compare", "--detectors", run, "--chart", tmp_path / "x.gif")
    assert said.code == 2 and ".svg, .png, .pdf" in said.err and len(said.err.splitlines()) == 1


def test_long_names_that_look_alike_stay_apart(make_run):
    names = [f"/home/someone/detectors/version-{i}/detect.py:score" for i in (1, 2, 3)]
    rows = comparison.of_detectors(compare_detectors(make_run(spec(names=names))).pairs)
    assert len({row.group for row in rows if ", AUC, native" in row.group}) == 3
    attacks = [f"Chain(attacks=(Screenshot(width={width}, dpr=2), Jpeg(quality=75)))" for width in (360, 412)]
    runs = [f"/home/someone/runs/2026-11-{day}/of-the-second-suite/run" for day in (22, 23)]
    rows = [comparison.Row("g", attack, 0.2, 0.4, 0.1, 0.3, 1.0, True) for attack in attacks]
    with style.styled():
        words = texts_of(comparison.chart(rows, "Two", *runs))
    assert len({word for word in words if word.startswith("Chain(")}) == 2
    assert len({word for word in words if word.startswith("/home")}) == 2
