"""What was said of one sample: in the tables' own terms, on the page, and as a chart."""

from __future__ import annotations

import html
import json
import re
import string
from pathlib import Path

import cv2
import numpy as np
import pytest
from figure_checks import nothing_overlaps, texts_of
from made_up_runs import ATTACKS, Sample, Spec, chance, detector, people, write
from matplotlib.figure import Figure

from bench import pictures, records
from bench.analysis import tables
from bench.analysis.charts import style
from bench.analysis.charts.filmstrip import (
    OUTCOMES,
    STATES,
    broken,
    decoded,
    draw_filmstrip,
    filmstrip_figures,
    fitted,
    text_width,
)
from bench.analysis.page import gallery as page_gallery
from bench.analysis.page import report
from bench.analysis.strips import choose, strip_of
from bench.analysis.text import EN, speaker
from bench.analysis.text.gallery import GALLERY_EN, GALLERY_ZH
from bench.errors import UserError

LABELS = [("gb45438", "xmp"), ("c2pa", "jumbf"), ("png", "text")]


def score(name: str, sample: Sample, attack: str, regime: str) -> float | str:
    """The first AI sample is missed after one attack, the first human one is flagged after another."""
    if name == "silent":
        return {"Identity()": "abstain", "Jpeg(quality=90)": "error"}.get(attack, "unavailable")
    if sample.id == "a0000" and attack == "Jpeg(quality=50)":
        return 0.1
    if sample.id == "h0003" and attack == "Screenshot()":
        return 0.95
    return 0.9 if sample.truth != "human" else 0.2


def read(label: str, sample: Sample, attack: str) -> str:
    if label == "png":
        return "not_applicable"
    if sample.truth == "human":
        return "present" if sample.id == "h0001" and attack == "Screenshot()" else "absent"
    kept = {"Identity()": "intact", "Jpeg(quality=90)": "altered", "Jpeg(quality=50)": "broken"}
    return kept.get(attack, "residue" if label == "c2pa" else "absent")


def spec(**more) -> Spec:
    settings = {
        "samples": people(12, 12, calibration=20, edited=3),
        "detectors": [detector("d"), detector("silent")],
        "labels": LABELS,
        "score": score,
        "read": read,
        "view": lambda sample, attack: "error" if sample.id == "a0002" and attack == "Screenshot()" else "ok",
        "quality": lambda sample, attack: {"Identity()": (np.inf, 1.0), "Jpeg(quality=90)": (41.2, 0.99)}.get(attack),
    }
    return Spec(**(settings | more))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> records.Run:
    return records.load(write(tmp_path_factory.mktemp("strips") / "run", spec()))


def picture(value: int, side: int = 60) -> bytes:
    pixels = np.full((side, side + side // 2, 3), value, np.uint8)
    return bytes(cv2.imencode(".webp", pixels)[1])


def with_pictures(run: records.Run, names: list[str], data: bytes | None = None, asked: object = 3) -> pictures.Gallery:
    """A gallery of the run, as the harness would leave it."""
    samples = []
    folder = run.folder / "gallery"
    folder.mkdir(exist_ok=True)
    for place, name in enumerate(names):
        views = []
        for number, (attack, *_) in enumerate(ATTACKS):
            file = f"{place:016x}{number:016x}.webp"
            (folder / file).write_bytes(data or picture(40 * number))
            views.append(pictures.Picture(attack, file, "", "measures", number == 0))
        samples.append(pictures.Pictured(name, "CC0-1.0", tuple(views)))
    made = pictures.Gallery(str(run.header.get("run", "")), asked, tuple(samples))  # type: ignore[arg-type]
    pictures.write_index(folder, made)
    return made


def test_a_strip_says_what_the_records_say(run) -> None:
    strip = strip_of(run, "a0000")
    assert (strip.truth, strip.source, strip.regime) == ("ai", "generator", "native")
    assert [frame.attack for frame in strip.frames] == [attack[0] for attack in ATTACKS]
    assert [frame.simulated for frame in strip.frames] == [False, False, False, True]
    states = [[(one.label, one.state) for one in frame.found] for frame in strip.frames]
    # What this file can never carry is left out.
    assert states == [
        [("gb45438", "intact"), ("c2pa", "intact")],
        [("gb45438", "altered"), ("c2pa", "altered")],
        [("gb45438", "broken"), ("c2pa", "broken")],
        [("gb45438", "absent"), ("c2pa", "residue")],
    ]
    assert strip.unlabelled == ["Jpeg(quality=50)", "Screenshot()"]
    assert [[(v.outcome, v.wrong) for v in frame.verdicts] for frame in strip.frames] == [
        [("flagged", False), ("abstain", False)],
        [("flagged", False), ("error", False)],
        [("passed", True), ("unavailable", False)],
        [("flagged", False), ("unavailable", False)],
    ]
    assert strip.turned == ["Jpeg(quality=50)"]
    assert [frame.psnr for frame in strip.frames] == [np.inf, 41.2, None, None]


def test_verdicts_are_those_of_the_tables(run) -> None:
    errors = tables.make(run, ["detector_errors"])["detector_errors"]
    cell = errors[errors["detector"].eq("d") & errors["source"].eq("*") & errors["alpha"].eq(0.05)]
    strips = [strip_of(run, sample) for sample in run.views["sample"].unique() if sample[0] in "hae"]
    for place, (attack, *_) in enumerate(ATTACKS):
        row = cell[cell["attack"].eq(attack)].iloc[0]
        wrong = {truth: 0 for truth in ("human", "ai")}
        for strip in strips:
            said = strip.frames[place].verdicts[0]
            if strip.truth in wrong:
                wrong[strip.truth] += said.wrong or said.value is None
        assert (wrong["human"], wrong["ai"]) == (row["fp"], row["fn"]), attack


def test_a_label_found_where_none_was_written_is_false(run) -> None:
    frames = strip_of(run, "h0001").frames
    assert [[one.false for one in frame.found] for frame in frames] == [[False] * 2] * 3 + [[True] * 2]


def test_without_a_threshold_a_score_is_no_verdict(tmp_path) -> None:
    few = records.load(write(tmp_path / "few", spec(samples=people(12, 12, calibration=2))))
    strip = strip_of(few, "a0000")
    assert strip.thresholds == {"d": None, "silent": None}
    assert strip.frames[2].verdicts[0].outcome == "open"
    assert strip.turned == []


def test_a_sample_that_is_not_there_is_one_clear_line(run) -> None:
    with pytest.raises(UserError, match=r"has no views of a sample 'nobody'; samples\.csv"):
        strip_of(run, "nobody")


def test_truths_take_turns_and_turned_verdicts_come_first(run) -> None:
    everybody = set(run.views["sample"].unique())
    chosen = choose(run, 7, everybody)
    assert [name[0] for name in chosen] == ["h", "a", "e", "h", "a", "e", "h"]
    assert chosen[:2] == ["h0003", "a0000"]
    assert choose(run, 3, everybody) == chosen[:3] == choose(run, 3, everybody)
    assert choose(run, 2, everybody - {"h0003", "a0000"})[:2] == [chosen[3], chosen[4]]
    assert choose(run, 100, {"h0001", "c0001"}) == ["h0001"]  # calibration files are no test files


def test_the_page_shows_pictures_and_what_was_said(run) -> None:
    with_pictures(run, ["h0003", "a0000"])
    made = tables.make(run)
    page = report.build(run, made, [])
    assert 'href="#gallery"' in page and 'id="gallery"' in page
    images = re.findall(r'<img src="data:image/webp;base64,[^"]+" alt="([^"]*)"', page)
    assert len(images) == 8
    assert html.unescape(images[6]) == (
        "a0000 after Jpeg(quality=50). gb45438 xmp: broken; c2pa jumbf: broken; d: passed (wrong); silent: unavailable."
    )
    assert html.unescape(images[0]) == ("h0003 after Identity(). no label, none written; d: passed; silent: abstained.")
    assert "a verdict turned after 1 of 3 attacks" in page and "no label left that declares AI after 2" in page
    assert "Source generator; licence: CC0-1.0." in page
    assert "no rate can be read off them" in page.replace("\n", " ")
    assert "<style>" in page and ".tiles" in page


def test_chinese_has_its_own_punctuation(run) -> None:
    with_pictures(run, ["h0003", "a0000"])
    section = page_gallery.gallery_section(run, speaker("zh"))
    tile = section.parts[1].tiles[2]
    assert tile.alt == (
        "a0000，经过 Jpeg(quality=50)。gb45438 xmp：校验失败；c2pa jumbf：校验失败；d：放行（错误）；silent：不可用。"
    )
    said = [section.lead, *(text for part in section.parts for text in (part.title, part.summary, part.about))]
    assert not [text for text in said if set(text) & set(";:") or "。 " in text]


def test_a_page_without_a_gallery_has_no_such_section(tmp_path) -> None:
    plain = records.load(write(tmp_path / "plain", spec()))
    page = report.build(plain, tables.make(plain), [])
    assert "#gallery" not in page and "<img" not in page


def test_pictures_of_the_page_keep_to_their_budget(run, monkeypatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)
    data = bytes(cv2.imencode(".webp", noise, [cv2.IMWRITE_WEBP_QUALITY, 90])[1])
    with_pictures(run, ["h0003", "a0000"], data)
    monkeypatch.setattr(page_gallery, "BUDGET", 5 * (len(data) * 4 // 3 + 40))
    section = page_gallery.gallery_section(run, speaker())
    tiles = [tile for part in section.parts for tile in part.tiles]
    assert [bool(tile.source) for tile in tiles] == [True] * 5 + [False] * 3
    assert sum(len(tile.source) for tile in tiles) <= page_gallery.BUDGET
    assert tiles[-1].missing == "left out to keep this page small; it is in the run's folder gallery"


def test_what_has_no_picture_says_why(run) -> None:
    made = with_pictures(run, ["a0002"])
    (run.folder / "gallery" / made.samples[0].views[1].file).unlink()
    index = run.folder / "gallery" / "index.json"
    raw = json.loads(index.read_text("utf-8"))
    raw["samples"][0]["views"][2] |= {"file": "", "problem": "E_DIFFERS: made again its PSNR is 3"}
    raw["problems"] = ["h0009 is not shown: its licence allows no changed copies"]
    index.write_text(json.dumps(raw), "utf-8")
    section = page_gallery.gallery_section(run, speaker())
    assert [tile.missing for tile in section.parts[0].tiles] == [
        "", "its file is missing from the run's folder gallery", "E_DIFFERS: made again its PSNR is 3",
        "there is no such view: error E_MADE_UP",
    ]  # fmt: skip
    assert section.problems == ["h0009 is not shown: its licence allows no changed copies"]


def test_what_an_index_holds_stays_text(run) -> None:
    evil = "<img src=x onerror=alert(1)>"
    with_pictures(run, ["h0003"])
    index = run.folder / "gallery" / "index.json"
    raw = json.loads(index.read_text("utf-8"))
    raw["samples"][0] |= {"licence": evil}
    raw["samples"][0]["views"][0] |= {"file": "", "problem": evil}
    raw["problems"] = [evil]
    index.write_text(json.dumps(raw), "utf-8")
    page = report.build(run, tables.make(run), [])
    assert evil not in page and page.count(html.escape(evil)) >= 3


def test_both_languages_say_the_same_things() -> None:
    assert list(GALLERY_EN) == list(GALLERY_ZH)
    for key, text in GALLERY_EN.items():
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(said) if name} for said in (text, GALLERY_ZH[key])
        ]
        assert fields[0] == fields[1], key
        assert EN[key] == text


def test_every_word_of_the_gallery_is_used() -> None:
    page = Path(page_gallery.__file__)
    sources = page.read_text("utf-8") + (page.parent / "templates" / "gallery.html.j2").read_text("utf-8")
    assert [key for key in GALLERY_EN if not re.search(rf"[\"']{key}[\"']", sources)] == ["nav_gallery"]
    assert set(page_gallery.WORDS) == {*STATES, *OUTCOMES}


def figures(run: records.Run, sample: str, data: dict[str, bytes] | None = None) -> list[Figure]:
    strip = strip_of(run, sample)
    shown = {frame.attack: picture(60) for frame in strip.frames} if data is None else data
    return list(filmstrip_figures(strip, shown, {"Identity()"}))


def test_the_chart_says_it_all_and_nothing_overlaps(run) -> None:
    with style.styled():
        for sample in ("a0000", "a0002", "h0001", "e0000"):
            (figure,) = figures(run, sample)
            nothing_overlaps(figure)
        (figure,) = figures(run, "a0000")
        texts = texts_of(figure)
    assert "a0000 after each attack" in texts
    for expected in ("Screenshot() *", "PSNR 41.2 dB", "outlined: generated part", "0.1 ✗", "broken", "residue"):
        assert expected in texts
    assert any("Thresholds: d 0.2" in text for text in texts)


def test_long_and_wide_names_are_cut_and_many_attacks_need_pages(tmp_path) -> None:
    wide = "照片" * 30
    attacks = [ATTACKS[0], *((f"W{'W' * 70}(n={i})", "w", float(i), "x", "simulated:y") for i in range(40))]
    samples = [Sample(wide, "ai", "源" * 40), *people(2, 2, calibration=20)]
    detectors = [detector(f"{'MW' * 20}{i}") for i in range(9)]
    crowd = spec(
        samples=samples, attacks=attacks, detectors=detectors, labels=[("x" * 40, "y" * 40)],
        score=lambda n, s, a, r: -1234567.0 * chance(n, s.id, a).random(), read=lambda *_: "altered",
    )  # fmt: skip
    run = records.load(write(tmp_path / "crowd", crowd))
    with style.styled():
        pages = figures(run, wide, {})
        nothing_overlaps(pages[-1])
    assert len(pages) == 3
    assert all(page.get_size_inches()[0] == pytest.approx(style.COLUMN) for page in pages)
    assert all(page.get_size_inches()[1] < 11 for page in pages)


def test_files_are_named_after_the_sample_and_the_same_each_time(run, tmp_path) -> None:
    strip = strip_of(run, "a0000")
    shown = {frame.attack: picture(60) for frame in strip.frames}
    one, two = (draw_filmstrip(strip, shown, (), tmp_path / name, ("png", "svg")) for name in "ab")
    assert [path.name for path in one] == ["filmstrip_a0000.png", "filmstrip_a0000.svg"]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_only_small_webp_pictures_are_drawn() -> None:
    assert decoded(picture(9)).shape == (60, 90, 3)
    assert decoded(picture(9, side=900)) is None
    assert decoded(b"RIFF....WEBP") is None
    assert decoded(bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1])) is None


def test_names_fit_the_room_they_have() -> None:
    with style.styled():
        for text in (
            "short",
            "W" * 90,
            "照片" * 40,
            "Chain(attacks=(Screenshot(), Jpeg(quality=75), Resize(scale=0.5)))",
        ):
            assert text_width(fitted(text, 6, 1.2), 6) <= 1.2
            for line in broken(text, 6, 1.2):
                assert text_width(line, 6, True) <= 1.2
        assert broken("Resize(scale=0.5)", 6, 0.7) == ("Resize(", "scale=0.5)")
