"""Geometry against other hands: Pillow's rotation, scikit-image's warps, arithmetic on the pixel grid."""

import math

import cv2
import numpy as np
import pytest
import skimage.data
import skimage.transform
from PIL import Image

from attacks.cover import Erase, Pad
from attacks.geometry import Aspect, Crop, CropArea, Flip, Resize, ResizedCrop
from attacks.warp import CANVASES, Perspective, Rotate
from bench.errors import CodedError
from bench.harness.quality import psnr
from bench.media import Media


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def cut(height: int = 150, width: int = 201) -> Media:
    return Media.from_pixels(np.ascontiguousarray(skimage.data.astronaut()[30 : 30 + height, 120 : 120 + width]))


PHOTO, SQUARE = cut(), cut(192, 192)


def pixels(attack, media: Media = PHOTO, seed: int = 0) -> np.ndarray:
    return attack(media, rng(seed)).pixels()


@pytest.mark.parametrize(
    "attack",
    [
        Resize(scale=1), Aspect(factor=1), Crop(edge=0), CropArea(area=0), CropArea(area=0, placed="centre"),
        ResizedCrop(area=0), Rotate(degrees=0), Rotate(degrees=0, canvas="expand"), Rotate(degrees=0, canvas="inside"),
        Perspective(shift=0), Pad(edge=0), Erase(area=0),
    ],
    ids=repr,
)  # fmt: skip
def test_setting_that_asks_for_nothing_gives_the_same_pixels(attack) -> None:
    assert np.array_equal(pixels(attack), PHOTO.pixels())
    assert attack.severity == 0


# Shares of edge and of area ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("placed", ["centre", "random"])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_crop_leaves_the_share_that_it_names(share: float, placed: str) -> None:
    for seed in range(4):
        left = pixels(CropArea(area=share, placed=placed), SQUARE, seed)
        assert left.shape[0] * left.shape[1] == pytest.approx((1 - share) * 192 * 192, rel=0.03)
        edge = pixels(Crop(edge=share / 2, placed=placed), SQUARE, seed)
        assert edge.shape[:2] == pytest.approx([(1 - share) * 192] * 2, abs=1)


@pytest.mark.parametrize(
    "attack", [Crop(0.2, placed="random"), CropArea(0.5), CropArea(0.5, placed="centre")], ids=repr
)
def test_crop_is_a_window_of_the_picture_bit_for_bit(attack) -> None:
    found = set()
    for seed in range(12):
        left = pixels(attack, seed=seed)
        _, _, _, (x, y) = cv2.minMaxLoc(-cv2.matchTemplate(PHOTO.pixels(), left, cv2.TM_SQDIFF))
        assert np.array_equal(PHOTO.pixels()[y : y + left.shape[0], x : x + left.shape[1]], left)
        found.add((x, y))
    middle = ((201 - left.shape[1]) // 2, (150 - left.shape[0]) // 2)
    assert found == {middle} if attack.placed == "centre" else len(found) > 8


def test_resized_crop_is_the_crop_enlarged() -> None:
    window = pixels(CropArea(area=0.4), seed=5)
    assert np.array_equal(pixels(ResizedCrop(area=0.4), seed=5), cv2.resize(window, (201, 150)))
    pillow = np.asarray(Image.fromarray(window).resize((201, 150), Image.Resampling.BILINEAR))
    assert np.abs(pixels(ResizedCrop(area=0.4), seed=5).astype(int) - pillow).max() <= 2


@pytest.mark.parametrize("area", [0.05, 0.1, 0.15, 0.2, 0.25, 1])
def test_erasing_paints_the_share_that_it_names_and_nothing_else(area: float) -> None:
    white = Media.from_pixels(np.full((200, 300, 3), 255, np.uint8))
    places = set()
    for seed in range(5):
        erased = pixels(Erase(area=area, fill=7), white, seed)
        values, counts = np.unique(erased, return_counts=True)
        assert set(values) <= {7, 255}
        assert counts[0] / erased.size == pytest.approx(area, rel=0.03)
        rows, columns = np.nonzero(erased[..., 0] == 7)
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        places.add((rows.min(), columns.min()))
    assert len(places) > 3 or area == 1


def test_padding_leaves_the_picture_in_the_middle() -> None:
    padded = pixels(Pad(edge=0.1, fill=200))
    assert padded.shape == (150 + 30, 201 + 40, 3)
    assert np.array_equal(padded[15:-15, 20:-20], PHOTO.pixels())
    padded = padded.copy()
    padded[15:-15, 20:-20] = 200
    assert np.unique(padded).tolist() == [200]


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 2])
def test_aspect_changes_the_ratio_and_keeps_the_area(factor: float) -> None:
    changed = Aspect(factor=factor)(PHOTO, rng())
    width, height = changed.size
    assert width / height == pytest.approx(factor * 201 / 150, rel=0.02)
    assert width * height == pytest.approx(201 * 150, rel=0.02)
    assert np.array_equal(changed.pixels(), cv2.resize(PHOTO.pixels(), (width, height)))


def test_flips_are_numpys() -> None:
    assert np.array_equal(pixels(Flip()), PHOTO.pixels()[:, ::-1])
    assert np.array_equal(pixels(Flip(direction="vertical")), PHOTO.pixels()[::-1])
    assert np.array_equal(pixels(Flip(direction="both")), PHOTO.pixels()[::-1, ::-1])
    assert np.array_equal(pixels(Flip(direction="both")), pixels(Rotate(degrees=180)))


# Rotation and perspective ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [9, 18, 27, 36, 45, -30, 100, -135])
@pytest.mark.parametrize("canvas", ["same", "expand"])
def test_rotation_is_pillows(degrees: float, canvas: str) -> None:
    turned = pixels(Rotate(degrees=degrees, canvas=canvas, filter="nearest"))
    pillow = np.asarray(Image.fromarray(PHOTO.pixels()).rotate(degrees, expand=canvas == "expand"))
    assert turned.shape == pillow.shape
    # OpenCV rounds positions to a fraction of a pixel, so a few samples fall on the neighbour.
    assert (turned == pillow).all(axis=2).mean() > 0.985
    smooth = pixels(Rotate(degrees=degrees, canvas=canvas, fill=90)).astype(int)
    pillow = np.asarray(
        Image.fromarray(PHOTO.pixels()).rotate(
            degrees, Image.Resampling.BILINEAR, expand=canvas == "expand", fillcolor=(90, 90, 90)
        )
    )
    # Only the border differs: Pillow leaves it hard, OpenCV mixes half a pixel of fill into it.
    assert (np.abs(smooth - pillow).max(axis=2) <= 6).mean() > 0.96


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("canvas", CANVASES)
def test_quarter_turns_move_pixels_and_change_none(turns: int, canvas: str) -> None:
    degrees = 90 * turns if turns < 3 else -90
    assert np.array_equal(pixels(Rotate(degrees=degrees, canvas=canvas), SQUARE), np.rot90(SQUARE.pixels(), turns))
    if canvas != "same":
        assert np.array_equal(pixels(Rotate(degrees=degrees, canvas=canvas)), np.rot90(PHOTO.pixels(), turns))


@pytest.mark.parametrize("shape", [(150, 201), (201, 150), (100, 100), (30, 300), (300, 30), (1, 50), (5, 5)], ids=str)
def test_inside_has_no_fill_and_wastes_little(shape: tuple[int, int]) -> None:
    white = Media.from_pixels(np.full((*shape, 3), 255, np.uint8))
    for degrees in (*range(-180, 181, 7), 0.1, 1, 45, 89.9):
        inside = pixels(Rotate(degrees=degrees, canvas="inside"), white)
        assert inside.min() >= 254, degrees
        # A rectangle two pixels wider and higher on the same middle would reach over the edge.
        (tall, wide), (height, width) = inside.shape[:2], shape
        sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
        assert (wide + 2) * cosine + (tall + 2) * sine > width - 1 or (wide + 2) * sine + (
            tall + 2
        ) * cosine > height - 1


def test_expanding_loses_no_corner() -> None:
    dot = np.zeros((40, 60, 3), np.uint8)
    dot[0, 0] = dot[0, -1] = dot[-1, 0] = dot[-1, -1] = 255
    for degrees in (10, 45, 77, -33):
        turned = pixels(Rotate(degrees=degrees, canvas="expand"), Media.from_pixels(dot))
        assert cv2.connectedComponents((turned[..., 0] > 20).astype(np.uint8))[0] == 5


def _homography(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The matrix that takes four points to four others, from its linear equations."""
    rows, right = [], []
    for (x, y), (u, v) in zip(before, after, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(rows, right), 1).reshape(3, 3)


@pytest.mark.parametrize("shift", [0.05, 0.2, 0.4])
def test_perspective_is_scikit_images_warp(shift: float) -> None:
    tilted = pixels(Perspective(shift=shift, fill=255), seed=3).astype(int)
    inwards = np.random.default_rng(3).uniform(0, 1, (4, 2)) * shift
    before = np.array([(0, 0), (201, 0), (201, 150), (0, 150)], float)
    signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    transform = skimage.transform.ProjectiveTransform(
        _homography(before + inwards * signs * (201, 150) - 0.5, before - 0.5)
    )
    reference = skimage.transform.warp(PHOTO.pixels(), transform, order=1, cval=1, preserve_range=False) * 255
    assert (np.abs(tilted - reference).max(axis=2) <= 6).mean() > 0.96
    assert psnr(tilted[30:-30, 50:-50].astype(np.uint8), np.rint(reference)[30:-30, 50:-50].astype(np.uint8)) > 28


# Severity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "curve",
    [
        [Rotate(degrees=d) for d in (1, 4, 9, 18, 45)],
        [Rotate(degrees=-d, filter="nearest") for d in (1, 4, 9, 18, 45)],
        [Perspective(shift=s) for s in (0.02, 0.05, 0.1, 0.2, 0.4)],
        [ResizedCrop(area=a) for a in (0.05, 0.1, 0.3, 0.5)],
        [Erase(area=a) for a in (0.05, 0.1, 0.15, 0.2, 0.25)],
        [Pad(edge=e) for e in (0.05, 0.1, 0.2, 0.5)],
        [Aspect(factor=f) for f in (1.1, 1.5, 2, 4)],
        [Aspect(factor=f) for f in (0.9, 0.7, 0.5, 0.25)],
    ],
    ids=lambda curve: curve[0].family,
)
def test_geometry_does_more_damage_the_further_it_goes(curve) -> None:
    assert {attack.family for attack in curve} == {curve[0].family}
    severities = [attack.severity for attack in curve]
    assert severities == sorted(set(severities))
    photo = SQUARE.pixels()
    mean = [np.mean([psnr(photo, _fitted(pixels(a, SQUARE, s))) for s in range(6)]) for a in curve]
    assert mean == sorted(mean, reverse=True)
    assert mean[-1] < mean[0] - 1


def _fitted(attacked: np.ndarray) -> np.ndarray:
    return cv2.resize(attacked, (192, 192), interpolation=cv2.INTER_LINEAR)


def test_families_keep_settings_apart() -> None:
    families = [
        Rotate(), Rotate(degrees=-5), Rotate(canvas="inside"), Rotate(filter="nearest"), Rotate(fill=255),
        Crop(), Crop(placed="random"), CropArea(), ResizedCrop(), ResizedCrop(filter="cubic"), Aspect(), Aspect(0.5),
        Pad(), Pad(fill=255), Erase(), Erase(fill=128), Perspective(), Perspective(fill=255), Flip(), Flip("both"),
    ]  # fmt: skip
    assert len({attack.family for attack in families}) == len(families)
    assert Rotate(canvas="expand", fill=255).family == "rotate expand fill=255"


# Difficult pictures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 65_500), (40_000, 1)], ids=str)
def test_extreme_shapes_are_defined(shape: tuple[int, int]) -> None:
    media = Media.from_pixels(rng(1).integers(0, 256, (*shape, 3), np.uint8))
    attacks = [
        Resize(), Aspect(4), Aspect(0.25), Crop(0.49), CropArea(0.99), ResizedCrop(0.99), Flip(), Rotate(30),
        *(Rotate(89, canvas="inside"), Rotate(45, filter="lanczos4")), Perspective(0.4), Pad(2), Erase(1),
    ]  # fmt: skip
    for attack in attacks:
        try:
            width, height = attack(media, rng()).size
        except CodedError as error:
            assert error.code == "E_TOO_LARGE"
        else:
            assert width >= 1 and height >= 1


def test_canvas_that_no_media_may_hold_is_refused_before_it_is_made() -> None:
    strip = Media.from_pixels(np.zeros((2, 60_000, 3), np.uint8))
    with pytest.raises(CodedError, match="E_TOO_LARGE: the result would have"):
        Rotate(degrees=45, canvas="expand")(strip, rng())
    with pytest.raises(CodedError, match="E_TOO_LARGE: the result would have"):
        Pad(edge=2)(Media.from_pixels(np.zeros((3000, 3000, 3), np.uint8)), rng())
