"""The recapture model, part by part, against brute force and against what optics says."""

import cv2
import numpy as np
import pytest
import skimage.data

from attacks import recapture
from attacks.recapture import Recapture
from bench.harness.quality import psnr
from bench.media import Media

PHOTO = Media.from_pixels(np.ascontiguousarray(skimage.data.astronaut()[30:180, 120:321]))
#: Everything off that can be: the picture through the camera's optics and sensor, straight on.
STILL = {"exposure": 0.0, "vignette": 0.0, "electrons": 1e5, "quality": 100}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def flat(level: int, height: int = 120, width: int = 160) -> Media:
    return Media.from_pixels(np.full((height, width, 3), level, np.uint8))


def rendered_grid(pitch: float, blur: float, side: int, fine: int = 300) -> np.ndarray:
    """The white screen drawn stripe by stripe, blurred, and averaged over each camera pixel: brute force.

    One row and one column, since the stripes are a product of both; ``fine`` samples to a screen pixel.
    """
    samples = np.arange(int((side / pitch + 8) * fine))
    inside = (samples % fine + 0.5) / fine
    per_camera_pixel = fine / pitch
    spread = np.arange(-4 * fine, 4 * fine + 1) / per_camera_pixel
    lens = np.exp(-0.5 * (spread / blur) ** 2) if blur else (spread == 0).astype(float)
    lens /= lens.sum()
    out = []
    for middle, lit in [
        (1 / 6, recapture.STRIPE),
        (1 / 2, recapture.STRIPE),
        (5 / 6, recapture.STRIPE),
        (0.5, recapture.ROW),
    ]:
        light = (np.abs(inside - middle) <= lit / 2) / lit
        total = np.append(0, np.cumsum(np.convolve(light, lens, "same")))
        # Pixel centres of camera and screen agree at the first pixel, four screen pixels into the line.
        edges = (4.5 * fine) + (np.arange(side + 1) - 0.5) * per_camera_pixel
        out.append(np.diff(np.interp(edges, np.arange(len(total)), total)) / per_camera_pixel)
    return np.stack(out[:3], axis=1)[None] * out[3][:, None, None]


@pytest.mark.parametrize(("pitch", "blur"), [(1.8, 0.6), (2.2, 0.3), (1.3, 0.4), (4.0, 0.6)])
def test_stripes_equal_those_drawn_one_by_one(pitch: float, blur: float) -> None:
    to_screen = np.diag([1 / pitch, 1 / pitch, 1])
    grid = recapture._grid(to_screen, 100, 100, pitch, blur)
    drawn = recapture._bayer(rendered_grid(pitch, blur, 100))
    assert np.abs(grid - drawn).max() < 0.02 * drawn.max()
    assert drawn.std() > 0.02  # there is something to agree on


def test_grey_comes_back_grey_and_as_bright_as_it_was_shown() -> None:
    for level in (0, 60, 128, 230):
        shot = (
            Recapture(tilt=0, pitch=2.0, blur=3.0, **STILL)(flat(level), rng()).pixels()[20:-20, 20:-20].astype(float)
        )
        shown = recapture._tone_tables()[0][level] + recapture.BLACK_LIGHT
        expected = recapture._tone_tables()[1][int(0.9 * shown / recapture.HEADROOM * 65535)]
        assert shot.mean(axis=(0, 1)) == pytest.approx([expected] * 3, abs=1.5)


def test_colours_keep_their_places_in_the_mosaic() -> None:
    for colour in ((200, 30, 30), (30, 200, 30), (30, 30, 200)):
        media = Media.from_pixels(np.full((90, 90, 3), colour, np.uint8))
        shot = Recapture(tilt=0, blur=2.0, **STILL)(media, rng()).pixels()[20:-20, 20:-20].mean(axis=(0, 1))
        assert np.argmax(shot) == np.argmax(colour)
        assert shot.max() > 3 * np.sort(shot)[1]


def test_moire_needs_stripes_that_the_lens_resolves() -> None:
    def bands(blur: float) -> float:
        shot = Recapture(tilt=0, pitch=2.1, blur=blur, **STILL)(flat(150), rng()).pixels()
        coloured = shot.astype(np.float32) - shot.mean(axis=2, keepdims=True)
        return float(cv2.GaussianBlur(coloured, (0, 0), 3)[20:-20, 20:-20].std())

    assert bands(0.2) > bands(0.5) > bands(0.8) > bands(3)
    assert bands(0.2) > 5
    assert bands(3) < 0.5


def test_straight_on_and_cleanly_it_is_the_picture_enlarged() -> None:
    shot = Recapture(tilt=0, pitch=3.0, blur=1.5, **STILL)(PHOTO, rng())
    assert shot.size == (604, 450)
    small = cv2.resize(shot.pixels()[:, :603], PHOTO.size, interpolation=cv2.INTER_AREA).astype(float)
    gain = PHOTO.pixels().mean() / small.mean()  # 0.9 of the light
    assert psnr(np.clip(small * gain, 0, 255).astype(np.uint8), PHOTO.pixels()) > 27


@pytest.mark.parametrize("tilt", [0.0, 3.0, 15.0, 40.0])
def test_frame_just_holds_the_picture(tilt: float) -> None:
    for seed in range(6):
        attack = Recapture(tilt=tilt, blur=0.0, **STILL)
        lit = attack(flat(200), rng(seed)).pixels().max(axis=2) > 90
        rows, columns = np.nonzero(lit.any(axis=1))[0], np.nonzero(lit.any(axis=0))[0]
        assert rows[0] <= 3 and columns[0] <= 3
        assert rows[-1] >= lit.shape[0] - 4 and columns[-1] >= lit.shape[1] - 4
        assert lit[lit.shape[0] // 2, lit.shape[1] // 2]


def test_light_falls_towards_the_corners() -> None:
    light = recapture._falloff(81, 61, 0.36)
    assert light[30, 40] == pytest.approx(1, abs=1e-3)
    assert [light[0, 0], light[0, -1], light[-1, 0], light[-1, -1]] == pytest.approx([0.64] * 4, abs=1e-3)
    assert np.array_equal(recapture._falloff(9, 7, 0), np.ones((7, 9)))


@pytest.mark.parametrize("electrons", [200.0, 2000.0])
def test_sensor_noise_is_shot_and_read_noise(electrons: float) -> None:
    for light in (0.05, 0.3, 0.9):
        raw = recapture._sensed(np.full((300, 300), light, np.float32), electrons, rng())
        caught = raw.astype(float) / 65535 * recapture.HEADROOM * electrons
        assert caught.mean() == pytest.approx(light * electrons, rel=0.02)
        assert caught.std() == pytest.approx(np.sqrt(light * electrons + recapture.READ_NOISE**2), rel=0.03)


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("tilt", (0.0, 1.0, 3.0, 8.0, 20.0)),
        ("blur", (1.0, 2.0, 4.0, 8.0)),
        ("electrons", (20_000.0, 1000.0, 200.0, 50.0)),
        ("exposure", (0.0, 0.5, 1.0, 3.0)),
        ("vignette", (0.0, 0.3, 0.6, 0.9)),
        ("quality", (95, 50, 20, 5)),
        ("screen", (201, 100, 50, 16)),
    ],
)
def test_recapture_does_more_damage_the_further_each_setting_goes(setting: str, values: tuple[float, ...]) -> None:
    still = {"tilt": 0.0, "blur": 0.8, **STILL}
    left = []
    for value in values:
        shots = [Recapture(**(still | {setting: value}))(PHOTO, rng(seed)).pixels() for seed in range(4)]
        small = [cv2.resize(shot, PHOTO.size, interpolation=cv2.INTER_AREA) for shot in shots]
        left.append(np.mean([psnr(shot, PHOTO.pixels()) for shot in small]))
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] - 1


def test_tilt_is_the_severity_and_all_else_the_family() -> None:
    assert [Recapture(tilt=t).severity for t in (0, 5, 20)] == [0, 5, 20]
    assert Recapture(tilt=20).family == Recapture().family == "recapture"
    assert Recapture(tilt=20, blur=1, quality=60).family == "recapture blur=1 quality=60"
    assert Recapture().channel.startswith("simulated:recapture")


def test_same_seed_gives_the_same_file_and_another_one_another() -> None:
    first = Recapture()(PHOTO, rng(1))
    assert first.mime == "image/jpeg"
    assert first.data == Recapture()(PHOTO, rng(1)).data != Recapture()(PHOTO, rng(2)).data


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 65_500)], ids=str)
def test_narrow_pictures_are_photographed_too(shape: tuple[int, int]) -> None:
    media = Media.from_pixels(rng(1).integers(0, 256, (*shape, 3), np.uint8))
    for tilt in (0.0, 40.0):
        assert min(Recapture(tilt=tilt)(media, rng()).size) >= 4
