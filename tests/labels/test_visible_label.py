"""The visible mark: drawn as the standard asks, read again by OCR, and not seen where there is none."""

from __future__ import annotations

import multiprocessing
import socket
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from attacks import Blur, Crop, Jpeg
from bench.checks import photograph
from bench.errors import CodedError, NotApplicable, Unavailable
from bench.labels import BUNDLES, METADATA, visible_draw, visible_ocr
from bench.labels.base import Claim, Reading, graded, label_kind
from bench.labels.visible import Visible, understood, wording_in
from bench.labels.visible_draw import CORNERS
from bench.labels.visible_ocr import Line
from bench.media import Media

WORDINGS = ("AI生成", "AI合成", "人工智能生成", "人工智能合成")
CLAIM = Claim()
WITHOUT = Visible().missing()
needs_ocr = pytest.mark.skipif(bool(WITHOUT), reason=f"RapidOCR is not installed: {WITHOUT}")
HUMAN = Path(__file__).resolve().parents[2] / "datasets" / "mini" / "files" / "human"


def flat(value: int, width: int = 360, height: int = 300) -> Media:
    return Media.from_pixels(np.full((height, width, 3), value, np.uint8))


def state_after(label: Visible, media: Media) -> Reading:
    return graded(label.read(media), label.expected(CLAIM))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# Drawing: no OCR needed to see where the ink is ----------------------------------------------------------------------


def drawn(media: Media, label: Visible) -> np.ndarray:
    text, corner, height = label.text, label.corner, label.height
    return visible_draw.draw(media.pixels(), text, wording_in(text), corner, height)


def ink(media: Media, label: Visible) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the white inside of the letters on black."""
    rows, columns = np.nonzero((drawn(media, label) > 128).all(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def need_font(text: str) -> None:
    try:
        visible_draw.font_for(text)
    except Unavailable as missing:
        pytest.skip(missing.detail)


@pytest.mark.parametrize("text", [*WORDINGS, "AI", "豆包AI生成"])
@pytest.mark.parametrize("size", [(256, 256), (1200, 800), (640, 2000)], ids=str)
def test_every_character_is_at_least_5_percent_of_the_shortest_side_high(text: str, size: tuple[int, int]) -> None:
    need_font(text)
    media = flat(0, *size)
    left, top, right, bottom = ink(media, Visible(text))
    assert bottom - top >= 0.05 * min(size)
    assert bottom - top <= 0.10 * min(size)
    # The capitals are the lowest characters: by themselves they are high enough too.
    if "AI" in text:
        white = (drawn(media, Visible(text))[top:bottom, left:right] > 128).all(axis=2)
        columns = white.any(axis=0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], columns, [0]])))
        heights = [np.ptp(np.flatnonzero(white[:, a:b].any(axis=1))) + 1 for a, b in edges.reshape(-1, 2)]
        assert max(heights) >= 0.05 * min(size)
        if text.startswith("AI"):
            assert min(heights[:2]) >= 0.05 * min(size) - 1  # one row of soft edge


@pytest.mark.parametrize("corner", CORNERS)
def test_it_is_in_the_corner_and_leaves_the_rest_alone(corner: str) -> None:
    need_font("AI生成")
    media = Media.from_pixels(cv2.resize(photograph().pixels(), (600, 400)))
    changed = (drawn(media, Visible(corner=corner)) != media.pixels()).any(axis=2)
    rows, columns = np.nonzero(changed)
    near = 0.1 * 400
    gap_y = 400 - rows.max() if corner.startswith("bottom") else rows.min()
    gap_x = 600 - columns.max() if corner.endswith("right") else columns.min()
    assert 0 < gap_y < near and 0 < gap_x < near
    assert changed.mean() < 0.02
    assert np.ptp(rows) < 60 and np.ptp(columns) < 140


def test_it_shows_on_white_and_on_black() -> None:
    need_font("AI生成")
    for value in (0, 255, 128):
        pixels = drawn(flat(value), Visible()).astype(int)
        assert (pixels == 255).all(axis=2).any() and (pixels < 40).all(axis=2).any()


def test_ascii_is_drawn_in_a_font_that_is_always_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert visible_draw.font_for("AI").endswith("DejaVuSans.ttf")
    monkeypatch.setattr(visible_draw, "FOLDERS", ())
    found = visible_draw.importlib.util.find_spec
    hidden = lambda name: None if name == "matplotlib_fontja" else found(name)  # noqa: E731
    monkeypatch.setattr(visible_draw.importlib.util, "find_spec", hidden)
    visible_draw.font_for.cache_clear()
    try:
        assert visible_draw.font_for("AI").endswith("DejaVuSans.ttf")
        with pytest.raises(Unavailable, match=r"E_NO_FONT.*pip install 'washtest\[visible\]'"):
            visible_draw.font_for("AI生成")
    finally:
        visible_draw.font_for.cache_clear()


def test_a_font_without_a_character_is_not_taken() -> None:
    with pytest.raises(Unavailable, match="E_NO_FONT"):
        visible_draw.font_for("AI生成\U000e0b6c")


@pytest.mark.parametrize("text", ["", "AI", "AI 生成", "人工智能生成", "豆包AI生成", "ＡＩ生成", "由AI合成"])
def test_lawful_texts(text: str) -> None:
    if text:
        assert Visible(text).expected(CLAIM)["text"] in (*WORDINGS, "AI")
    else:
        assert Visible().text == "AI生成"


@pytest.mark.parametrize(
    "settings",
    [
        *({"text": text} for text in ("", "生成", "AI画", "Ai", "Al生成", "A1", "made by AI", "非AI生成", "AI\n生成")),
        *({"corner": corner} for corner in ("", "middle")),
        *({"height": height} for height in (0.0, 0.6, -1.0, float("nan"))),
    ],
    ids=str,
)
def test_unlawful_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Visible(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("width", "height"), [(50, 50), (60, 400), (400, 8), (1, 1)])
def test_a_picture_too_small_for_the_text_is_not_applicable(width: int, height: int) -> None:
    need_font("人工智能生成")
    with pytest.raises(NotApplicable, match="E_NOT_APPLICABLE"):
        drawn(flat(90, width, height), Visible("人工智能生成"))


def test_it_is_a_visible_label_and_no_metadata() -> None:
    assert label_kind(Visible()) == "visible"
    assert BUNDLES["visible"] == (Visible(),)
    assert Visible() not in METADATA
    assert repr(Visible("AI", "top-left")) == "Visible(text='AI', corner='top-left')"
    assert Visible(corner="top-left").position == "top-left"


# Understanding what was read -----------------------------------------------------------------------------------------


def at(text: str, x: float = 700, y: float = 540, high: float = 50) -> Line:
    return Line(text, x, y, x + 90, y + high)


MIDDLE = {"x": 350, "y": 280}


@pytest.mark.parametrize(
    ("line", "state", "found"),
    [
        (at("AI生成"), "present", "AI生成"),
        (at("内容由 AI 生成，请仔细甄别"), "present", "AI生成"),
        (at("ＡＩ合成"), "present", "AI合成"),
        (at("Al生成"), "present", "AI生成"),
        (at("AIl合成"), "present", "AI合成"),
        (at("Al"), "present", "AI"),
        (at("AI"), "present", "AI"),
        (at("AI", **MIDDLE), "absent", ""),
        (at("AI生成", **MIDDLE), "present", "AI生成"),
        (at("PAIR"), "absent", ""),
        (at("AIR"), "absent", ""),
        (at("Al Pacino"), "absent", ""),
        (at("生成"), "residue", ""),
        (at("人工智能"), "residue", ""),
        (at("生成", **MIDDLE), "absent", ""),
        (at("非AI生成"), "absent", ""),
    ],
    ids=str,
)
def test_what_a_line_means(line: Line, state: str, found: str) -> None:
    reading = understood([line, at("1987", **MIDDLE)], 800, 600, "bottom-right")
    assert (reading.state, reading.fields.get("text", "")) == (state, found)
    assert reading.declares_ai is (True if state == "present" else None)


def test_low_characters_and_the_middle_do_not_conform() -> None:
    assert understood([at("AI生成")], 800, 600, "x").conformance == ()
    low = understood([at("AI生成", high=18)], 800, 600, "x").conformance
    assert len(low) == 1 and "5 %" in low[0] and "clause 5" in low[0]
    middle = understood([at("AI生成", **MIDDLE)], 800, 600, "x").conformance
    assert len(middle) == 1 and "neither at an edge nor in a corner" in middle[0]
    assert graded(understood([at("AI生成", high=18)], 800, 600, "x"), {"text": "AI生成"}).state == "altered"


# Writing and reading ------------------------------------------------------------------------------------------------


@needs_ocr
@pytest.mark.parametrize(
    ("text", "corner"), list(zip((*WORDINGS, "AI", "豆包AI生成"), (*CORNERS, *CORNERS[:2]), strict=True))
)
def test_each_wording_and_corner_is_read_back(text: str, corner: str) -> None:
    label = Visible(text, corner)
    for media in (flat(255), flat(0), photograph()):
        assert state_after(label, label.write(media, CLAIM)).state == "intact"


@needs_ocr
def test_what_attacks_leave() -> None:
    label = Visible()
    media = Media.read(next(HUMAN.glob("coffee_cup.*")))
    assert label.read(media).state == "absent"
    written = label.write(media, CLAIM)
    assert written.mime == media.mime
    assert state_after(label, written).state == "intact"
    assert state_after(label, Jpeg(quality=75)(written, rng())).state == "intact"
    assert state_after(label, Crop(edge=0.2)(written, rng())).state == "absent"
    blurred = state_after(label, Blur(sigma=0.02 * min(media.size))(written, rng()))
    assert blurred.state in ("absent", "altered", "residue")


@needs_ocr
def test_a_crop_through_the_text_leaves_residue_and_never_the_wording() -> None:
    label = Visible("人工智能生成")
    pixels = label.write(flat(90, 600, 400), CLAIM).pixels()
    columns = np.flatnonzero((pixels != 90).any(axis=(0, 2)))
    cut = Media.from_pixels(pixels[:, : columns[0] + int(0.68 * np.ptp(columns))])
    reading = state_after(label, cut)
    assert (reading.state, reading.declares_ai) == ("residue", None)
    assert "人工智能" in reading.detail


@needs_ocr
def test_the_edges_are_read_by_themselves_where_nothing_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = visible_ocr.lines
    monkeypatch.setattr(visible_ocr, "lines", lambda pixels, bands=False: found(pixels, bands) if bands else [])
    for corner in CORNERS:
        label = Visible(corner=corner)
        assert state_after(label, label.write(photograph(), CLAIM)).state == "intact"


@needs_ocr
def test_english_letters_in_the_middle_are_no_label() -> None:
    pixels = flat(200).pixels().copy()
    cv2.putText(pixels, "AI", (150, 160), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 3)
    reading = Visible().read(Media.from_pixels(pixels))
    assert (reading.state, reading.declares_ai) == ("absent", None)


@needs_ocr
def test_a_low_mark_is_read_as_one_that_does_not_conform() -> None:
    label = Visible(height=0.018)
    reading = label.read(label.write(Media.from_pixels(cv2.resize(photograph().pixels(), (1500, 1250))), CLAIM))
    assert (reading.state, reading.declares_ai) == ("present", True)
    assert len(reading.conformance) == 1


@needs_ocr
def test_a_mark_at_either_end_of_a_long_strip_is_found() -> None:
    for corner in ("bottom-right", "top-left"):
        label = Visible(corner=corner)
        assert state_after(label, label.write(flat(120, 200, 1200), CLAIM)).state == "intact"


@needs_ocr
def test_nothing_is_downloaded_or_printed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    visible_ocr._engine.cache_clear()
    assert Visible().read(photograph()).state == "absent"
    assert capfd.readouterr() == ("", "")


def _state_of(media: Media) -> str:
    return Visible().read(media).state


@needs_ocr
@pytest.mark.skipif(not hasattr(multiprocessing, "get_context") or sys.platform == "win32", reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_worker_has_an_engine_of_its_own() -> None:
    marked = Visible().write(photograph(), CLAIM)
    assert _state_of(marked) == "present"
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_state_of, (marked,)).get(timeout=60) == "present"


@needs_ocr
@pytest.mark.parametrize(("width", "height"), [(1, 1), (9, 300), (12, 12), (30, 100)])
def test_odd_sizes_give_a_reading(width: int, height: int) -> None:
    reading = Visible().read(flat(77, width, height))
    assert reading.state == ("not_applicable" if min(width, height) < 10 else "absent")


def test_another_format_is_refused() -> None:
    with pytest.raises(CodedError, match="E_NOT_APPLICABLE"):
        Visible().write(Media(b"GIF89a", "image/gif"), CLAIM)


def test_without_rapidocr_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    visible_ocr._engine.cache_clear()
    monkeypatch.setattr(visible_ocr, "package_version", lambda *names: "1")
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    for _ in range(2):
        reading = Visible().read(photograph())
        assert (reading.state, reading.code) == ("unavailable", "E_NO_OCR")
        assert "pip install 'washtest[visible]'" in reading.detail
        monkeypatch.setattr(visible_ocr, "package_version", lambda *names: None)
    assert Visible().missing() == "pip install 'washtest[visible]'"
    with pytest.raises(Unavailable, match="E_NO_OCR"):
        Visible().write(photograph(), CLAIM)


@pytest.mark.parametrize(("width", "height"), [(200, 1200), (4000, 100), (300, 300), (100_000, 20)])
def test_windows_cover_the_corners_of_a_long_picture(width: int, height: int) -> None:
    windows = visible_ocr._windows(np.zeros((height, width, 3), np.uint8), min(width, height))
    assert len(windows) <= visible_ocr.MOST_WINDOWS
    assert windows[0][:2] == (0, 0)
    x, y, last = windows[-1]
    assert (x + last.shape[1], y + last.shape[0]) == (width, height)
    assert all(max(part.shape[:2]) <= 3 * min(part.shape[:2]) for *_, part in windows)
