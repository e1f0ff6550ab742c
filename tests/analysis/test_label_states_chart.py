"""Label states as stacked bars: drawn on demand, and every bar is a row of the table."""

from __future__ import annotations

import numpy as np
import pytest
from figure_checks import nothing_overlaps, texts_of
from made_up_runs import Spec, chance, people
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from bench.analysis import charts, tables
from bench.analysis.charts import style
from bench.analysis.charts.label_states import LOOKS
from bench.analysis.tables.survival import STATES


def draw(run, only=("label_states",)):
    with style.styled():
        return list(charts.draw(run, tables.make(run, charts.needed(only)), only))


def test_it_is_drawn_only_where_it_is_asked_for(real, make_run):
    assert "label_states" not in {chart.kind for chart in real.charts.values()}
    assert {chart.kind for chart in draw(make_run(Spec(people(0, 4), labels=[("iptc", "xmp")])))} == {"label_states"}


def test_every_state_has_its_own_look_and_its_length_is_its_share(make_run):
    labels = [(f"label{i}", "xmp") for i in range(2)]
    spec = Spec(people(0, 40), labels=labels,
                read=lambda label, s, a: STATES[int(chance(label, s.id, a).integers(len(STATES)))])  # fmt: skip
    run = make_run(spec)
    (chart,) = draw(run)
    looks = {(to_rgba(look["facecolor"]), look.get("hatch")): state for state, (_, look) in LOOKS.items()}
    assert set(looks.values()) == set(STATES) and len(looks) == len(STATES)
    axes = chart.figure.axes[0]
    found = dict.fromkeys(STATES, 0.0)
    for patch in axes.patches:
        if isinstance(patch, Rectangle) and patch.get_fill():
            found[looks[patch.get_facecolor(), patch.get_hatch()]] += patch.get_width() / 0.88
    table = tables.make(run, ["label_survival"])["label_survival"]
    for state in STATES:
        assert found[state] == pytest.approx((table[state] / table["n"]).sum())
    words = texts_of(chart.figure)
    assert [word for word in words if word in {words for words, _ in LOOKS.values()}] == [
        LOOKS[state][0] for state in STATES
    ]


def test_nothing_overlaps(real):
    with style.styled():
        found = list(charts.draw(real.run, real.tables, ["label_states"]))
        assert [chart.name for chart in found] == ["label_states", "label_states_2", "label_states_3"]
        for chart in found:
            nothing_overlaps(chart.figure)
    heads = [word for chart in found for word in texts_of(chart.figure) if word.startswith("n ")]
    survival = real.tables["label_survival"]
    assert len(heads) == len(survival[["label", "position", "bundle", "mime"]].drop_duplicates())


def test_a_column_of_a_format_that_cannot_carry_the_label_is_shown(real):
    survival = real.tables["label_survival"]
    never = survival["not_applicable"].eq(survival["n"])
    assert never.any()
    hatched = sum(
        isinstance(patch, Rectangle) and bool(patch.get_hatch()) and np.isclose(patch.get_width(), 0.88)
        for chart in draw(real.run)
        for patch in chart.figure.axes[0].patches
    )
    assert hatched == never.sum()
