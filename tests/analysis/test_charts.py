"""Charts: drawn for every kind of run, the same bytes each time, nothing outside the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from figure_checks import nothing_overlaps, texts_of
from made_up_runs import ATTACKS, Spec, chance, detector, people, write
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from bench import records
from bench.analysis import charts, tables
from bench.analysis.charts import style
from bench.errors import UserError


@pytest.fixture(scope="module")
def found(real) -> dict[str, charts.Chart]:
    return dict(real.charts)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> records.Run:
    spec = Spec(people(12, 12, calibration=20), detectors=[detector("d")], labels=[("iptc", "xmp")],
                score=lambda n, s, a, r: chance(s.id, a).random(), read=lambda *_: "intact")  # fmt: skip
    return records.load(write(tmp_path_factory.mktemp("small"), spec))


def draw(run, only=None):
    with style.styled():
        return list(charts.draw(run, tables.make(run), only))


def test_every_chart_is_written_in_every_format(small, tmp_path):
    written = charts.draw_all(small, tables.make(small), tmp_path)
    stems = ["label_survival", "matrix", "slope", "severity_d", "roc_d", "det_d", "distributions_d", "policy_d"]
    assert [path.name for path in written] == [f"{stem}.{form}" for stem in stems for form in ("svg", "png")]
    assert all(path.stat().st_size > 1000 for path in written)
    for path in written[::2]:
        assert ET.parse(path).getroot().tag.endswith("svg")
    assert not list(tmp_path.glob(".*"))


def test_nothing_is_cut_off_and_no_texts_overlap(found):
    heat_maps = ["label_survival", "label_survival_2", "label_survival_3", "watermark_survival"]
    by_detector = [
        f"{kind}_{name}"
        for kind in ("severity", "roc", "det", "distributions", "edited_by_area")
        for name in ("header", "spectrum")
    ]
    compared = ["matrix", "matrix_2", "ranks", "slope"]
    assert list(found) == [*heat_maps, *compared, *by_detector, "policy_header", "policy_spectrum"]
    with style.styled():
        for chart in found.values():
            nothing_overlaps(chart.figure)


def test_the_same_records_give_the_same_bytes(small, tmp_path):
    every = ["svg", "png", "pdf"]
    first, second = (charts.draw_all(small, tables.make(small), tmp_path / name, formats=every) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_drawing_leaves_no_settings_behind(small, tmp_path):
    before = dict(mpl.rcParams)
    charts.draw_all(small, tables.make(small), tmp_path, only=["roc"], formats=["png"])
    assert dict(mpl.rcParams) == before


def test_only_the_kinds_asked_for_are_drawn(small, tmp_path):
    written = charts.draw_all(small, tables.make(small), tmp_path, only=["label_survival"], formats=["pdf"])
    assert [path.name for path in written] == ["label_survival.pdf"]


def test_an_unknown_kind_or_format_says_what_there_is(small, tmp_path):
    with pytest.raises(UserError, match="label_survival, watermark_survival, matrix"):
        charts.draw_all(small, {}, tmp_path, only=["rock"])
    with pytest.raises(UserError, match="svg, png, pdf"):
        charts.draw_all(small, {}, tmp_path, formats=["gif"])


def test_the_heat_map_shows_rates_what_still_declares_and_simulated_channels(found):
    words = texts_of(found["label_survival_2"].figure)
    assert "Noise(sigma=0.05) *" in words
    assert "n/a" not in words  # a format that cannot carry a label has no column
    assert any(" / 100" in word for word in words)


def test_no_note_of_the_heat_maps_runs_out_of_the_figure(found):
    for name, chart in found.items():
        if name.startswith("label_survival"):
            chart.figure.canvas.draw()
            right = chart.figure.bbox.width
            assert all(text.get_window_extent().x1 <= right for text in chart.figure.texts), name


def test_the_heat_map_counts_the_files_that_carried_the_label(found, real):
    survival = real.tables["label_survival"]
    held = survival[survival["not_applicable"] < survival["n"]]
    assert len(held) < len(survival)
    pages = [texts_of(chart.figure) for name, chart in found.items() if name.startswith("label_survival")]
    columns = held.groupby(["label", "position", "bundle", "mime"], sort=False)
    counts = sorted(f"n {int((rows['n'] - rows['not_applicable']).iloc[0])}" for _, rows in columns)
    assert sorted(word for words in pages for word in words if word.startswith("n ")) == counts


def test_a_label_in_several_bundles_says_which_and_one_in_a_single_bundle_does_not(found):
    words = [word for name in ("label_survival", "label_survival_2", "label_survival_3")
             for word in texts_of(found[name].figure)]  # fmt: skip
    assert words.count("gb45438") == 3 and words.count("doubao-like") == 2
    assert "exif" in words and "gb45438-exif" not in words and "metadata" not in words


class TestWatermarks:
    def test_the_chart_shows_bits_detections_and_false_ones_against_chance(self, found):
        words = texts_of(found["watermark_survival"].figure)
        assert [words.count(name) for name in ("dwtDct", "dwtDctSvd", "RivaGAN", "doubao-like")] == [2, 1, 1, 1]
        assert [words.count(name) for name in ("bits", "detected", "false")] == [4, 4, 4]
        assert "50 %: chance" in words and "no reader" in words

    def test_cells_at_chance_are_hatched_and_no_others(self, real):
        table = real.tables["watermark_survival"]
        chance_cells = table["bit_accuracy_low"].le(0.5) & table["bit_accuracy_high"].ge(0.5)
        hatched = [patch for patch in real.charts["watermark_survival"].figure.findobj(Rectangle) if patch.get_hatch()]
        assert len(hatched) == chance_cells.sum() > 10

    def test_false_detections_above_the_nominal_rate_are_orange(self, real):
        table = real.tables["watermark_survival"]
        loud = table["false_detected_low"] > table["fpr_nominal"]
        figure = real.charts["watermark_survival"].figure
        orange = [p for p in figure.findobj(Rectangle) if p.get_facecolor() == to_rgba("#f3b758")]
        assert len(orange) == loud.sum() > 0

    def test_no_watermark_no_chart(self, small):
        assert draw(small, ["watermark_survival"]) == []

    def test_many_watermarks_take_several_charts(self, make_run):
        marks = {f"mark{i}": [(f"mark{i}", "pixels")] for i in range(5)}
        run = make_run(Spec(people(12, 12), ATTACKS[:1], bundles=marks, kinds=dict.fromkeys(marks, "watermark")))
        found = draw(run, ["watermark_survival"])
        assert [chart.name for chart in found] == ["watermark_survival", "watermark_survival_2"]

    @pytest.mark.parametrize(("samples", "said"), [(people(3, 4), ["n 4", "n 3"]), (people(0, 12), ["–"])])
    def test_a_cell_without_a_rate_says_why(self, make_run, samples, said):
        spec = Spec(samples, ATTACKS[:1], bundles={"m": [("m", "pixels")]}, kinds={"m": "watermark"})
        words = texts_of(draw(make_run(spec), ["watermark_survival"])[0].figure)
        assert all(word in words for word in said)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([], "No label was written into any file of the test split."),
        (people(12, 0, calibration=20), "so there is no curve."),
        (people(3, 3, calibration=20), "No error rate to show"),
        (people(20, 20, calibration=3), "needs 20 human calibration scores, has 3"),
    ],
)
def test_a_chart_with_nothing_to_show_says_so(make_run, samples, said):
    run = make_run(Spec(samples, detectors=[detector("d")], labels=[("iptc", "xmp")]))
    words = [word for chart in draw(run) for word in texts_of(chart.figure)]
    if samples:
        assert any(said in word for word in words), words
    else:
        assert said in words


def test_many_labels_take_several_heat_maps(make_run):
    labels = [(f"label{i}", "xmp") for i in range(9)]
    run = make_run(Spec(people(0, 4), labels=labels, read=lambda *_: "intact"))
    assert [chart.name for chart in draw(run, ["label_survival"])] == ["label_survival", "label_survival_2"]


def test_names_may_hold_anything(make_run):
    names = ["../x.py:f", "X/PY:F", "$检测器$"]
    odd = [*ATTACKS, ("_odd($x$)", "jpeg", 70.0, "a_b$c$ <&>", "real:x")]
    spec = Spec(people(20, 20, calibration=20), odd, [detector(name) for name in names], [("标识", "$x_")],
                score=lambda n, s, a, r: chance(n, s.id, a).random(), read=lambda *_: "intact")  # fmt: skip
    found = draw(make_run(spec))
    stems = [chart.name for chart in found]
    assert len(set(stems)) == len(stems) == 4 + 5 * len(names)
    assert all(stem.replace("_", "").replace("-", "").isalnum() and stem.isascii() for stem in stems)
    with style.styled():
        for chart in found:
            ET.fromstring(style.to_bytes(chart.figure, "svg"))


def test_attacks_of_one_severity_are_not_joined(make_run):
    twins = [*ATTACKS, ("Jpeg(quality=50, subsampling='4:4:4')", "jpeg", 50.0, "100 - quality", "real:OpenCV")]
    spec = Spec(people(20, 20, calibration=20), twins, [detector("d")],
                score=lambda n, s, a, r: float(s.truth == "ai" and "4:4:4" not in a))  # fmt: skip
    figure = draw(make_run(spec), ["severity"])[0].figure
    misses = figure.axes[1]
    assert [line.get_ydata().tolist() for line in misses.lines] == [[0, 0, 0], [100]]
    assert "Hollow" in texts_of(figure)[-1] or any("Hollow" in word for word in texts_of(figure))


@pytest.mark.parametrize("length", [17, 22, 30, 44])
def test_long_names_that_differ_anywhere_are_cut_to_different_texts(length):
    names = [f"a-long-detector-name-{i}@model-of-mine.safetensors" for i in range(9)]
    names += [f"Chain(attacks=(Screenshot(width={w}, dpr={d}), Jpeg(quality=75)))" for w in (360, 412) for d in (2, 3)]
    usual = {name: style.short(name, length) for name in names}
    assert len(set(usual.values())) < len(names)
    with style.told_apart(names):
        told = [style.short(name, length) for name in names]
        assert style.short("x" * 60, length) == "x" * (length - length // 3 - 1) + "…" + "x" * (length // 3)
    assert len(set(told[:9])) == 9 and all(style.extent(text) <= length for text in told)
    assert len(set(told)) == len(names)
    assert {name: style.short(name, length) for name in names} == usual


def test_titles_tell_long_names_apart():
    names = [
        f"/somewhere/a-folder/of-the-second-half-of-the-year/version-{i}/detector.py:score_of_a_file" for i in (1, 2)
    ]
    with style.styled(), style.told_apart(names):
        titles = []
        for name in names:
            made = style.figure(style.COLUMN, 2)
            style.heading(made, style.titled("Detection against picture quality", name))
            titles.append(made.texts[0].get_text())
    assert titles[0] != titles[1] and not any(title.count("…") > 2 for title in titles)
