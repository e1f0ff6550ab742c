"""Attacks beside their controls: every dot is a rate of the tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_checks import nothing_overlaps, texts_of
from made_up_runs import ATTACKS, Spec, chance, detector, people

from bench.analysis import charts, tables
from bench.analysis.charts import style
from bench.analysis.charts.controls import MAX_PANELS

REGENERATED = ("Regenerate(scale=0.5)", "regenerate", 1.0, "octaves", "real:an autoencoder")
BACK = ("ResizeBack(scale=0.5)", "resize-back", 1.0, "octaves", "real:OpenCV")


def spec(*names: str, attacks=(ATTACKS[0], REGENERATED, BACK), n: int = 30) -> Spec:
    def score(name, sample, attack, regime):
        return chance(name, sample.id, attack).normal(2 * (sample.truth == "ai") * ("Regen" not in attack))

    return Spec(people(n, n, calibration=30), attacks, [detector(name) for name in names],
                [("iptc", "xmp"), ("c2pa", "jumbf")], score=score,
                read=lambda label, s, a: "intact" if (label == "iptc" and "Back" in a) or "Ident" in a else "absent",
                bits=lambda label, s, a: 16 if "Regen" in a or s.truth == "human" else 30,
                bundles={"mark": [("mark", "pixels")]}, kinds={"mark": "watermark"})  # fmt: skip


def draw(run, controls):
    attacks = [a | {"control": controls[a["name"]]} if a["name"] in controls else a for a in run.header["attacks"]]
    run = replace(run, header=run.header | {"attacks": attacks})
    with style.styled():
        return run, list(charts.draw(run, tables.make(run, charts.needed(["controls"])), ["controls"]))


@pytest.fixture
def drawn(make_run):
    return draw(make_run(spec("d")), {REGENERATED[0]: BACK[0]})


def test_each_panel_holds_the_rates_of_attack_and_control(drawn):
    run, (chart,) = drawn
    made = tables.make(run)
    errors = made["detector_errors"]
    errors = errors[errors["source"].eq("*") & errors["alpha"].eq(0.05)].set_index("attack")
    survived = made["label_survival"].query("mime == '*' and label == 'iptc'").set_index("attack")["survived_rate"]
    bits = made["watermark_survival"].set_index("attack")["bit_accuracy"]
    panels = {axes.get_xlabel(): axes for axes in chart.figure.axes}
    rates = {"intact, %": survived, "bits kept, %": bits, "missed, %": errors["fnr"], "flagged, %": errors["fpr"]}
    assert list(panels) == list(rates)
    for name, axes in panels.items():
        dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
        assert np.allclose(dots, [100 * rates[name][REGENERATED[0]], 100 * rates[name][BACK[0]]])
    words = texts_of(chart.figure)
    assert words.index(REGENERATED[0]) < words.index(BACK[0])


def test_labels_that_neither_leaves_are_named_and_not_drawn(drawn):
    _, (chart,) = drawn
    assert "Neither leaves anything of c2pa (jumbf)." in " ".join(chart.figure.texts[-1].get_text().split())
    assert "c2pa" not in texts_of(chart.figure)


def test_nothing_overlaps_and_many_detectors_take_several_charts(make_run):
    _, found = draw(make_run(spec("d", "人工智能检测器", "x" * 50)), {REGENERATED[0]: BACK[0]})
    assert [chart.name for chart in found] == ["controls", "controls_2"]
    assert all(len(chart.figure.axes) <= MAX_PANELS for chart in found)
    with style.styled():
        for chart in found:
            nothing_overlaps(chart.figure)


def test_without_controls_there_is_no_chart_and_a_missing_one_is_named(make_run):
    run = make_run(spec("d"))
    assert draw(run, {})[1] == []
    assert draw(run, {REGENERATED[0]: "Noise(sigma=0.1)"})[1] == []
    _, (chart,) = draw(run, {REGENERATED[0]: BACK[0], BACK[0]: "Noise(sigma=0.1)"})
    assert "Controls that this run has not: Noise(sigma=0.1)." in " ".join(chart.figure.texts[-1].get_text().split())


def test_small_cells_have_no_dot(make_run):
    assert draw(make_run(spec("d", n=5)), {REGENERATED[0]: BACK[0]})[1] == []
