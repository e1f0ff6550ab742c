"""Removing a visible label: the mark's corner changes, the rest stays, and OCR says whether it is gone."""

import numpy as np
import pytest

from attacks.explicit import CORNERS, RemoveVisible
from bench.errors import NotApplicable, Unavailable
from bench.labels import visible_draw, visible_ocr
from bench.labels.base import Claim
from bench.labels.visible import Visible
from bench.media import Media

HERE = ("blur", "telea", "navier-stokes", "washvae")


@pytest.mark.parametrize("how", HERE)
@pytest.mark.parametrize("corner", CORNERS)
def test_only_the_box_in_the_corner_changes(tools, how: str, corner: str) -> None:
    media = Media.from_pixels(tools.texture(2, 240, 320))
    shown = RemoveVisible(how=how, corner=corner)(media, np.random.default_rng(0)).pixels()
    changed = np.argwhere((shown != media.pixels()).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert (bottom >= 210) == corner.startswith("bottom") and (top < 30) == corner.startswith("top")
    assert (right >= 252) == corner.endswith("right") and (left < 68) == corner.endswith("left")
    assert len(changed) <= 30 * 68


@pytest.mark.parametrize(
    ("size", "corner", "kept"),
    [
        ((240, 320), "bottom-right", (slice(0, 210), slice(None))),
        ((240, 320), "top-left", (slice(30, None), slice(None))),
        ((240, 1200), "bottom-left", (slice(None), slice(67, None))),  # the strip at the side costs less
        ((240, 1200), "top-right", (slice(None), slice(0, 1133))),
    ],
)
def test_cropping_takes_the_cheaper_strip(tools, size, corner: str, kept) -> None:
    media = Media.from_pixels(tools.texture(2, *size))
    assert np.array_equal(RemoveVisible(corner=corner)(media, np.random.default_rng(0)).pixels(), media.pixels()[kept])


def test_the_box_holds_the_mark_at_any_size(tools) -> None:
    try:
        visible_draw.font_for("AI生成")
    except Unavailable as missing:
        pytest.skip(str(missing))
    for size in ((150, 220), (216, 320), (400, 251), (900, 1400)):
        clean = np.full((*size, 3), 128, np.uint8)
        marked = visible_draw.draw(clean, "AI生成", "AI生成", "bottom-right", 0.05)
        shown = RemoveVisible(how="telea")(Media.from_pixels(marked), np.random.default_rng(0)).pixels()
        left = np.abs(shown.astype(int) - 128).max(axis=2) > 40
        assert left.mean() < 0.001, size


def test_a_box_as_large_as_the_picture_is_refused() -> None:
    media = Media.from_pixels(np.zeros((20, 300, 3), np.uint8))
    for how in ("crop", "blur", "telea"):
        with pytest.raises(NotApplicable, match="E_TOO_SMALL"):
            RemoveVisible(how=how)(media, np.random.default_rng(0))


def test_no_blur_is_no_change(tools) -> None:
    media = Media.from_pixels(tools.texture(2, 240, 320))
    assert RemoveVisible(how="blur", sigma=0)(media, np.random.default_rng(0)) == media


def test_ocr_reads_the_mark_only_where_it_was_left(tools) -> None:
    visible_ocr.need()  # skips without RapidOCR, with the command that brings it
    label = Visible()
    data = tools.encode(tools.texture(5, 300, 400), ".png")
    marked = label.write(Media.from_bytes(data), Claim())
    rng = np.random.default_rng(0)
    read = {
        attack: label.read(attack(marked, rng)).declares_ai
        for attack in (
            RemoveVisible(how="telea"),
            RemoveVisible(how="telea", corner="top-left"),
        )
    }
    assert [bool(found) for found in read.values()] == [False, True]
