"""The SVG writer and the panels of charts, held against matplotlib's own."""

from __future__ import annotations

import io
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextToPath

from bench.analysis.charts import glyphs, style
from bench.analysis.charts.panel import Panel
from bench.analysis.charts.svg import Drawing, frame_rule

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SVG = "{http://www.w3.org/2000/svg}"


def everything(place: Callable[[Figure], Axes]) -> Figure:
    """A figure with all that charts draw."""
    made = style.figure(4, 3)
    axes = place(made)
    axes.plot([0, 1, 2, 3, 4], [0, 80, np.nan, 20, 130], "o-", color=style.BLUE, linewidth=1.3, markersize=4)
    axes.plot([0, 4], [10, 90], color=style.VERMILLION, linestyle=(0, (4, 2)), clip_on=False, zorder=3)
    axes.fill_between([0, 2, 4], [0, 10, 20], [30, 50, 140], color=style.GREEN, alpha=0.2, linewidth=0)
    axes.errorbar(2, 50, yerr=[[10], [20]], marker="s", markersize=3, color=style.INK)
    axes.scatter([1, 2, 3], [5, 15, 25], c=[style.BLUE, style.ORANGE, style.SKY], s=12)
    axes.add_patch(Rectangle((3, 40), 0.8, 30, facecolor=style.PAPER, edgecolor=style.MUTED, hatch="////"))
    axes.imshow(np.linspace(0, 1, 12).reshape(3, 4), extent=(0.2, 1.2, 60, 90), aspect="auto", cmap=style.ERRORS)
    axes.axhspan(95, 99, color=style.MUTED, alpha=0.3)
    axes.stairs([20, 60, 30], [1.5, 2, 2.5, 3], fill=True, color=style.PURPLE)
    axes.set_yticks([0, 50, 100], ["none", "half", "all"], fontsize=6.5, color=style.INK)
    axes.set_xticks([0, 2, 4, 9], ["a", "b <&>", "c", "outside"])
    axes.set_xticks([1, 3], minor=True)
    axes.tick_params(axis="x", which="both", length=2)
    axes.tick_params(axis="y", length=0, pad=5)
    axes.set(xlim=(-0.2, 4.2), ylim=(-3, 103))
    axes.set_xlabel("severity, −1 … 4", labelpad=2)
    axes.set_ylabel("detected, %")
    axes.set_title("a title")
    axes.annotate("two\nlines", (2, 50), (20, 8), textcoords="offset points", fontsize=6, alpha=0.7)
    axes.text(0.5, 0.5, "turned", rotation=30, transform=axes.transAxes, fontweight="bold")
    axes.legend(handles=axes.lines[:2], labels=["one", "two"], loc="upper left")
    return made


def on_panel(made: Figure) -> Axes:
    return style.place(made, 0.7, 0.4, 3, 2)


def on_axes(made: Figure) -> Axes:
    width, height = made.get_size_inches()
    return made.add_axes((0.7 / width, 1 - 2.4 / height, 3 / width, 2 / height))


def pixels(made: Figure) -> np.ndarray:
    made.canvas.draw()
    return np.asarray(made.canvas.buffer_rgba())[..., :3].astype(int)


class TestPanel:
    def test_draws_what_axes_draw(self):
        with style.styled():
            assert np.abs(pixels(everything(on_panel)) - pixels(everything(on_axes))).max() <= 60
            for made in (lambda axes: axes.tick_params(axis="y", labelleft=False), lambda axes: axes.grid(False)):
                one, other = style.figure(2, 2), style.figure(2, 2)
                for figure, place in ((one, on_panel), (other, on_axes)):
                    made(place(figure))
                assert np.abs(pixels(one) - pixels(other)).max() <= 60

    def test_tick_labels_are_those_of_axes(self):
        with style.styled():
            found = []
            for place in (on_panel, on_axes):
                axes = everything(place).axes[0]
                labels = [*axes.get_xticklabels(), *axes.get_yticklabels()]
                found.append(
                    [(one.get_text(), one.get_position(), one.get_fontsize(), one.get_color()) for one in labels]
                )
            assert found[0] == found[1]

    def test_labels_keep_their_look_when_their_words_change(self):
        with style.styled():
            axes = on_panel(style.figure(4, 3))
            axes.set_yticks([0, 1], ["a", "b"], color=style.ORANGE)
            axes.set_yticks([0, 1], ["c", "d"])
            assert [(one.get_text(), one.get_color()) for one in axes.get_yticklabels()] == [
                ("c", style.ORANGE), ("d", style.ORANGE)
            ]  # fmt: skip

    def test_what_a_panel_has_not_is_refused(self):
        with style.styled():
            axes = on_panel(style.figure(4, 3))
            assert isinstance(axes, Panel)
            with pytest.raises(TypeError, match="labeltop"):
                axes.tick_params(labeltop=True)
            with pytest.raises(TypeError, match="minor"):
                axes.set_xticks([1], ["a"], minor=True)


class TestFile:
    def test_every_reference_has_its_shape_and_every_text_its_words(self):
        with style.styled():
            made = everything(on_panel)
            root = ET.fromstring(Drawing.of(made).file())
            again = Drawing.of(everything(on_panel)).file()
            assert again == Drawing.of(made).file()
        ids = [one.get("id") for one in root.iter() if one.get("id")]
        used = {one.get("{http://www.w3.org/1999/xlink}href", "")[1:] for one in root.iter(f"{SVG}use")}
        assert len(ids) == len(set(ids)) and used and used <= set(ids)
        assert {"b <&>", "two", "lines", "turned", "half"} <= {one.get("aria-label") for one in root.iter(f"{SVG}g")}
        assert "outside" not in {one.get("aria-label") for one in root.iter(f"{SVG}g")}
        assert not any(one.get("style") for one in root.iter())

    def test_fonts_used_by_others_do_not_change_its_text(self):
        with style.styled():
            first = Drawing.of(everything(on_panel)).file()
            style.to_bytes(everything(on_panel), "png")  # sets the size of the same fonts
            made = style.figure(4, 3)
            made.text(0.1, 0.1, "never laid out before 7183")
            inside = Drawing.of(made).file()
            assert first == Drawing.of(everything(on_panel)).file()
        width = TextToPath().get_text_width_height_descent(
            "never laid out before 7183", FontProperties(size=100), False
        )
        places = [float(one.get("x", 0)) for one in ET.fromstring(inside).iter(f"{SVG}use")]
        assert width[0] * 0.9 < max(places) < width[0]

    @pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")
    def test_a_browser_shows_what_matplotlib_writes(self, tmp_path: Path):
        playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'washtest[browser]'")
        with style.styled():
            made = everything(on_panel)
            theirs = io.StringIO()
            made.savefig(theirs, format="svg", dpi=200)
            files = {"ours": Drawing.of(made).file(), "theirs": theirs.getvalue()}
        shots = {}
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
            page = browser.new_page(viewport={"width": 400, "height": 300}, device_scale_factor=2)
            for name, text in files.items():
                (tmp_path / f"{name}.svg").write_text(text, "utf-8")
                page.goto((tmp_path / f"{name}.svg").as_uri())
                shots[name] = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR).astype(int)
            browser.close()
        assert shots["ours"].std() > 20
        # A letter's edge may fall a hundredth of a point elsewhere; nothing is missing or moved.
        assert np.abs(shots["ours"] - shots["theirs"]).max() <= 100


def test_names_that_no_xml_can_hold_are_shown_with_a_mark_instead():
    with style.styled():
        made = style.figure(4, 1)
        made.text(0.1, 0.2, "a\x01\x02b <xlink:href>")
        drawing = Drawing.of(made)
        root = ET.fromstring(drawing.file().encode())
        (text,) = ET.fromstring(drawing.element("c").encode()).iter("text")
    wanted = "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b <xlink:href>"
    assert wanted in [one.get("aria-label") for one in root.iter(f"{SVG}g")] and text.text == wanted


def test_layout_that_comes_out_wrong_once_is_not_taken(monkeypatch: pytest.MonkeyPatch):
    real, calls = glyphs.text_to_path.get_glyphs_with_font, []

    def wrong_at_first(*args, **kwargs):
        found, new, rest = real(*args, **kwargs)
        calls.append(1)
        return ([(name, 2 * x, y, scale) for name, x, y, scale in found] if len(calls) == 1 else found), new, rest

    def drawn() -> str:
        made = style.figure(4, 1)
        made.text(0.1, 0.2, "seldom laid out 5512")
        return Drawing.of(made).element("c")

    with style.styled():
        right = drawn()
        glyphs._run.cache_clear()
        monkeypatch.setattr(glyphs.text_to_path, "get_glyphs_with_font", wrong_at_first)
        assert drawn() == right and len(calls) == 3


class TestElement:
    def test_needs_no_style_and_meets_no_other(self):
        with style.styled():
            drawing = Drawing.of(everything(on_panel))
        one, two = drawing.element("c1"), drawing.element("c2")
        assert "style" not in one and "<?xml" not in one and "xlink" not in one
        ids = [{el.get("id") for el in ET.fromstring(text).iter() if el.get("id")} for text in (one, two)]
        used = {el.get("href")[1:] for el in ET.fromstring(one).iter() if el.get("href", "").startswith("#")}
        assert ids[0] and not ids[0] & ids[1] and used <= ids[0]
        assert ET.fromstring(one).get("aria-labelledby") == "c1-label"

    def test_frame_has_its_size(self):
        with style.styled():
            text = Drawing.of(style.figure(1, 0.5)).element("x")
        assert 'width="115" height="58"' in text
        assert frame_rule(text, "x") == "#x { width: 115px; aspect-ratio: 115 / 58; }"
        assert np.isclose(72 * 1.6, 115, atol=0.5)

    def test_text_is_text_at_its_place_and_of_its_length(self):
        words = "final --flags <x> & 50 %  AVA"
        with style.styled():
            made = style.figure(4, 1)
            made.text(0.1, 0.2, words, fontsize=9, fontweight="bold", rotation=90)
            bold = FontProperties(family="DejaVu Sans", size=9, weight="bold")
            width, _, _ = TextToPath().get_text_width_height_descent(words, bold, ismath=False)
            element = Drawing.of(made).element("c")
        assert 'xml:space="preserve"' in element  # two blanks are two
        (text,) = ET.fromstring(element).iter("text")
        assert text.text == words and text.get("font-size") == "9" and text.get("font-weight") == "bold"
        assert "rotate(-90)" in text.get("transform", "")
        assert float(text.get("textLength", 0)) == pytest.approx(width, abs=0.5)
        assert not list(ET.fromstring(element).iter("use"))

    @pytest.mark.parametrize("words", ["on the wifi", "of a cafe\u0301", "x\u0323\u0307"])
    def test_a_ligature_or_an_accent_at_the_end_is_not_squeezed(self, words):
        with style.styled():
            made = style.figure(4, 1)
            made.text(0.1, 0.2, words, fontsize=9)
            made.text(0.1, 0.6, words + "|", fontsize=9)
            texts = ET.fromstring(Drawing.of(made).element("c")).iter("text")
        bare, barred = (float(text.get("textLength", 0)) for text in texts)
        bar = 9 * 0.337  # the advance of "|" in DejaVu Sans, of its size
        assert bare == pytest.approx(barred - bar, abs=0.05)

    def test_text_from_right_to_left_has_the_length_that_the_reader_gives_it(self):
        with style.styled():
            made = style.figure(4, 1)
            made.text(0.1, 0.2, "العربية", fontsize=9)
            (text,) = ET.fromstring(Drawing.of(made).element("c")).iter("text")
        assert text.get("textLength") is None

    def test_accents_stand_where_the_font_puts_them(self):
        with style.styled():
            made = style.figure(4, 1)
            made.text(0.1, 0.2, "q\u0323\u0307", fontsize=9)
            uses = [use.attrib for use in ET.fromstring(Drawing.of(made).file()).iter(f"{SVG}use")]
        assert any(float(use.get("y", 0)) for use in uses)
