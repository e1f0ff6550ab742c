"""Where edits are made: how large, in one piece, and with a border that leaves the rest alone."""

import cv2
import numpy as np
import pytest

from attacks.masks import blend, box_around, edit_mask


@pytest.mark.parametrize("area", (0.03, 0.05, 0.1, 0.2, 0.35, 0.5, 0.55))
@pytest.mark.parametrize("size", ((240, 320), (101, 57), (64, 300)))
def test_edit_mask_covers_the_share_it_is_asked_for(size: tuple[int, int], area: float) -> None:
    for seed in range(4):
        mask = edit_mask(*size, area, np.random.default_rng(seed))
        assert set(np.unique(mask)) == {0, 255}
        assert 0.9 * area <= mask.mean() / 255 <= area  # never more: a bin of the tables ends there
        assert cv2.connectedComponents(mask)[0] == 2  # one blob


def test_masks_differ_between_seeds_and_not_between_calls() -> None:
    first, again, other = (edit_mask(90, 120, 0.2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_blend_leaves_everything_outside_the_mask_bit_for_bit(tools) -> None:
    original, remade = tools.texture(1, 100, 120), tools.texture(2, 100, 120)
    mask = edit_mask(100, 120, 0.3, np.random.default_rng(0))
    mixed = blend(original, remade, mask)
    assert np.array_equal(mixed[mask == 0], original[mask == 0])
    core = cv2.erode(mask, np.ones((21, 21), np.uint8)) > 0
    assert core.any()
    assert np.abs(mixed[core].astype(int) - remade[core]).max() <= 1


def test_a_region_too_small_for_a_border_is_set_in_all_the_same() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[8:11, 8:11] = 255
    mixed = blend(np.zeros((20, 20, 3), np.uint8), np.full((20, 20, 3), 200, np.uint8), mask)
    assert mixed[9, 9, 0] > 100 and not mixed[mask == 0].any()


def test_box_holds_the_region_with_its_margin_inside_the_picture() -> None:
    mask = np.zeros((50, 80), np.uint8)
    mask[10:20, 70:78] = 255
    assert box_around(mask, 5) == (slice(5, 25), slice(65, 80))
