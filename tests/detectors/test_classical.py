"""Residual and JPEG statistics against scipy, numpy and plain counting; what is shared is computed once."""

from collections import Counter

import cv2
import numpy as np
import pytest
from scipy import fft, ndimage

from bench.detectors import common, jpeg, residual
from bench.detectors.jpeg import JpegTraces, blocking, coefficients, estimated_quality, jpeg_features
from bench.detectors.residual import Residual, residual_features
from bench.detectors.spectrum import spectrum_features
from bench.errors import CodedError
from bench.media import Media


def saved(pixels: np.ndarray, quality: int) -> np.ndarray:
    """The pixels of a JPEG of this quality."""
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Media(data.tobytes(), "image/jpeg").pixels()


def test_what_a_function_makes_is_made_once_and_not_kept_when_it_fails(tools) -> None:
    calls: list[str] = []

    def half(media: Media) -> np.ndarray:
        calls.append("half")
        return media.pixels()[::2]

    def fails(media: Media) -> None:
        calls.append("fails")
        raise CodedError("E_TOO_SMALL", "on purpose")

    media = Media.from_pixels(tools.texture(1))
    assert media.once(half) is media.once(half)
    for _ in range(2):
        with pytest.raises(CodedError):
            media.once(fails)
    assert Counter(calls) == {"half": 1, "fails": 2}
    assert Media.from_pixels(tools.texture(1)).once(half) is not media.once(half)


def test_detectors_share_one_grey_picture_and_one_cross_difference(tools, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    made = Media.once

    def watched(self: Media, make):
        if make not in self._made:
            seen.append(make.__name__)
        return made(self, make)

    monkeypatch.setattr(Media, "once", watched)
    media = Media.from_pixels(tools.texture(2, 96, 96))
    for features in (spectrum_features, residual_features, jpeg_features):
        media.once(features)
    assert len(seen) == len(set(seen))
    assert {"luma", "cross_difference", "centre", "coefficients"} <= set(seen)


@pytest.mark.parametrize(("shape", "top", "left"), [((1500, 1400, 3), 232, 184), ((37, 44, 3), 0, 0)])
def test_centre_starts_on_the_grid_of_blocks(shape: tuple[int, int, int], top: int, left: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    part = common.centre(Media.from_pixels(pixels))
    assert (part.shape[0] % 8, part.shape[1] % 8, max(part.shape) <= 1024) == (0, 0, True)
    assert np.array_equal(part, pixels[top : top + part.shape[0], left : left + part.shape[1]])


@pytest.mark.parametrize("features", [residual_features, jpeg_features])
@pytest.mark.parametrize("shape", [(1, 1), (31, 300), (300, 31)])
def test_picture_too_small_is_coded(features, shape: tuple[int, int]) -> None:
    with pytest.raises(CodedError, match="E_TOO_SMALL") as raised:
        features(Media.from_pixels(np.zeros((*shape, 3), np.uint8)))
    assert f"{shape[1]}x{shape[0]}" in raised.value.detail


@pytest.mark.parametrize("features", [residual_features, jpeg_features])
@pytest.mark.parametrize("value", [0, 200, 255])
def test_flat_picture_has_finite_features(features, value: int) -> None:
    assert np.isfinite(features(Media.from_pixels(np.full((33, 47, 3), value, np.uint8)))).all()


@pytest.mark.parametrize("kind", [Residual, JpegTraces])
def test_copies_are_checked_and_counted(kind, tools) -> None:
    with pytest.raises(ValueError, match=r"copies must be in 0\.\.20, got 21"):
        kind(copies=21)
    media = Media.from_pixels(tools.texture(3))
    assert len(kind(copies=2).training_rows(media, np.random.default_rng(0))) == 3


# Residuals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "step"), [*residual.ALONG, residual.SQUARE])
def test_residual_is_the_filtered_picture_rounded_and_cut_off(kernel, step: int, tools) -> None:
    plane = tools.texture(4)[..., 0]
    weights = np.atleast_2d(np.array(kernel, np.float32))
    exact = ndimage.correlate(plane.astype(float), weights / step, mode="mirror")
    expected = np.clip(np.rint(exact), -2, 2)[2:-2, 2:-2] + 2
    assert np.array_equal(residual._residual(plane, weights, step), expected)


def test_neighbours_are_counted_up_to_sign_and_direction() -> None:
    small = np.random.default_rng(5).integers(0, 5, (12, 9)).astype(np.uint8)
    counted: Counter[tuple[int, ...]] = Counter()
    for row in small.astype(int) - 2:
        for i in range(len(row) - 2):
            triple = tuple(int(v) for v in row[i : i + 3])
            same = [triple, triple[::-1], tuple(-v for v in triple), tuple(-v for v in triple[::-1])]
            counted[min(same)] += 1
    ours = residual._shares(residual._neighbours(small, 1), 2) ** 2
    assert len(ours) == 39
    assert sorted(ours[ours > 0]) == pytest.approx(sorted(n / counted.total() for n in counted.values()))
    assert len(residual._shares(residual._neighbours(small, 1), 1)) == 63


def test_correlations_are_those_of_numpy() -> None:
    rng = np.random.default_rng(6)
    common_part = rng.integers(0, 3, 5000)
    channels = [np.clip(common_part + rng.integers(0, 3, 5000), 0, 4).astype(np.uint8).reshape(50, 100) for _ in "rgb"]
    expected = np.corrcoef([channel.ravel() for channel in channels])[[0, 1, 0], [1, 2, 2]]
    assert residual._correlations(residual._codes(*channels)) == pytest.approx(expected)


# JPEG --------------------------------------------------------------------------------------------------------------


def test_coefficients_are_the_transform_of_scipy(tools) -> None:
    media = Media.from_pixels(tools.texture(7, 40, 64))
    grey = cv2.cvtColor(media.pixels(), cv2.COLOR_RGB2GRAY).astype(float)
    ours = coefficients(media)
    zigzag = jpeg._zigzag()
    assert zigzag[:11].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32]  # T.81 figure A.6
    blocks = [(i, j) for i in range(0, 40, 8) for j in range(0, 64, 8)]
    assert ours.shape == (64, len(blocks))
    for (i, j), found in zip(blocks, ours.T, strict=True):
        expected = fft.dctn(grey[i : i + 8, j : j + 8], norm="ortho").ravel()[zigzag]
        assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("quality", [95, 90, 75, 50, 30])
def test_quality_of_an_earlier_save_is_found_in_the_pixels(quality: int, tools) -> None:
    photograph = Media.read(tools.root / "datasets/mini/files/human/coffee_cup.jpg").pixels()
    plain = cv2.resize(photograph, (320, 256), interpolation=cv2.INTER_AREA)
    found, strength = estimated_quality(Media.from_pixels(saved(plain, quality)))
    assert found == quality and strength > 0.6
    assert estimated_quality(Media.from_pixels(plain))[1] < 0.3


def test_blocking_shows_where_the_grid_lies(tools) -> None:
    pixels = saved(cv2.GaussianBlur(tools.texture(9, 264, 328), (0, 0), 1.5), 50)
    for down, across in ((0, 0), (3, 5)):
        strength = blocking(Media.from_pixels(pixels[down : down + 256, across : across + 320]))
        assert np.unravel_index(strength.argmax(), (8, 8)) == ((7 - down) % 8, (7 - across) % 8)


def test_second_save_leaves_traces_of_both_steps(tools) -> None:
    pixels = tools.texture(10, 256, 256)
    twice = saved(saved(pixels, 60), 90)
    table = [jpeg.jpeg_tables.ijg(quality)[1] for quality in (60, 90)]
    assert table == [9, 2]  # of the first AC coefficient
    once, both = (
        jpeg.combs(jpeg.histograms(np.rint(coefficients(Media.from_pixels(p))).astype(int)))[0]
        for p in (saved(pixels, 90), twice)
    )
    assert both[9 - 2] > once[9 - 2] + 0.3


def test_first_digits_follow_benford_when_the_values_do() -> None:
    rng = np.random.default_rng(11)
    values = np.zeros((64, 20000), np.int32)
    values[1:] = np.floor(10 ** rng.uniform(0, 3, (63, 20000)))  # log-uniform over whole decades
    found = jpeg.digits(values).reshape(3, 10)
    assert found[:, 9].max() < 0.02
    of = Counter(str(value)[0] for value in values[1:6].ravel())
    assert found[0, :9] == pytest.approx([of[str(d)] / of.total() for d in range(1, 10)], abs=1e-4)
    values[1:] = 5
    assert jpeg.digits(values).reshape(3, 10)[:, 9].min() > 1
