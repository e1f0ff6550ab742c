"""Brightness, colour, blur, sharpening and noise against Pillow, scikit-image and scipy at the same parameters."""

import cv2
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import skimage.color
import skimage.data
import skimage.exposure
import skimage.filters
from PIL import Image, ImageEnhance, ImageFilter

from attacks.colour import Brightness, Contrast, Gamma, Greyscale, Hue, Palette, Saturation, mean_grey
from attacks.tone import Blur, BoxBlur, Median, Noise, PillowBlur, PoissonNoise, Sharpen, SpeckleNoise
from bench.harness.quality import psnr
from bench.media import Media


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def media(values: np.ndarray) -> Media:
    return Media.from_pixels(np.ascontiguousarray(values))


PHOTO = media(skimage.data.astronaut()[30:180, 120:321])
NOISE = media(rng(9).integers(0, 256, (64, 80, 3), np.uint8))
GREY = media(np.repeat(skimage.data.camera()[100:200, 150:300, None], 3, axis=2))
PICTURES = pytest.mark.parametrize("picture", [PHOTO, NOISE, GREY], ids=["photo", "noise", "grey"])


#: Every value once, in grey.
RAMP = media(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2))


def image(picture: Media) -> Image.Image:
    return Image.fromarray(picture.pixels())


def pixels(attack, picture: Media = PHOTO, seed: int = 0) -> np.ndarray:
    return attack(picture, rng(seed)).pixels()


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).max())


@PICTURES
@pytest.mark.parametrize(
    "attack",
    [
        Brightness(1), Contrast(1), Gamma(1), Saturation(1), Hue(0), PillowBlur(0), BoxBlur(0), Median(1),
        Sharpen(0), PoissonNoise(1e6),
    ],
    ids=repr,
)  # fmt: skip
def test_setting_that_asks_for_nothing_leaves_the_pixels(attack, picture: Media) -> None:
    assert apart(pixels(attack, picture), picture.pixels()) <= (2 if isinstance(attack, PoissonNoise) else 0)
    assert attack.severity <= 0.001


# Tone and colour ---------------------------------------------------------------------------------------------------


@PICTURES
@pytest.mark.parametrize("factor", [0, 0.3, 0.99, 1.2, 1.4, 1.6, 1.8, 2, 4])
@pytest.mark.parametrize(
    ("attack", "enhance"),
    [(Brightness, ImageEnhance.Brightness), (Contrast, ImageEnhance.Contrast), (Saturation, ImageEnhance.Color)],
    ids=["brightness", "contrast", "saturation"],
)
def test_factors_are_pillows_to_the_byte(attack, enhance, factor: float, picture: Media) -> None:
    expected = enhance(Image.fromarray(picture.pixels())).enhance(factor)
    assert np.array_equal(pixels(attack(factor=factor), picture), np.asarray(expected))


@pytest.mark.parametrize("factor", [0, 1 / 3, 0.5, 0.7, 0.999, 1, 1.0001, 1.1, 1.4, 1.5, 2, np.e, 3.9, 4])
def test_tables_are_pillows_for_every_value_and_mean(factor: float) -> None:
    assert np.array_equal(
        pixels(Brightness(factor), RAMP), np.asarray(ImageEnhance.Brightness(image(RAMP)).enhance(factor))
    )
    for grey in range(256):  # a flat picture with every value in it once: its mean takes every grey but the outermost
        flat = np.full((48, 64, 3), grey, np.uint8)
        flat[:4] = RAMP.pixels().reshape(4, 64, 3)
        expected = ImageEnhance.Contrast(Image.fromarray(flat)).enhance(factor)
        assert np.array_equal(pixels(Contrast(factor), media(flat)), np.asarray(expected)), grey


def test_mean_grey_is_pillows_where_it_lies_between_two_values() -> None:
    for seed in range(300):
        few = rng(seed).integers(0, 256, (1 + seed % 3, 2, 3), np.uint8)  # sums of 2, 4 or 6: many means end in .5
        expected = ImageEnhance.Contrast(Image.fromarray(few)).enhance(0)
        assert mean_grey(few) == np.asarray(expected)[0, 0, 0]


@PICTURES
@pytest.mark.parametrize("gamma", [0.1, 0.45, 0.8, 1.5, 2.2, 10])
def test_gamma_is_scikit_images(gamma: float, picture: Media) -> None:
    assert np.array_equal(
        pixels(Gamma(gamma=gamma), picture), skimage.exposure.adjust_gamma(picture.pixels().copy(), gamma)
    )


@PICTURES
@pytest.mark.parametrize("degrees", [-180, -30, 1, 30, 120, 180])
def test_hue_turns_scikit_images_hsv(degrees: float, picture: Media) -> None:
    hsv = skimage.color.rgb2hsv(picture.pixels())
    hsv[..., 0] = (hsv[..., 0] + degrees / 360) % 1
    assert apart(pixels(Hue(degrees=degrees), picture), skimage.color.hsv2rgb(hsv) * 255) <= 0.51


def test_hue_of_120_degrees_moves_the_channels_on() -> None:
    assert apart(pixels(Hue(degrees=120)), np.roll(PHOTO.pixels(), 1, axis=2)) <= 1


@PICTURES
def test_greyscale_is_pillows(picture: Media) -> None:
    grey = pixels(Greyscale(), picture)
    assert np.ptp(grey, axis=2).max() == 0
    assert apart(grey[..., 0], np.asarray(Image.fromarray(picture.pixels()).convert("L"))) <= 1
    assert apart(grey, pixels(Saturation(factor=0), picture)) <= 1


@pytest.mark.parametrize("colours", [2, 8, 64, 256])
def test_palette_has_no_more_colours_than_it_names(colours: int) -> None:
    plain, dithered = pixels(Palette(colours=colours)), pixels(Palette(colours=colours, dither=True))
    for reduced in (plain, dithered):
        assert len(np.unique(reduced.reshape(-1, 3), axis=0)) <= colours
    expected = Image.fromarray(PHOTO.pixels()).quantize(colours).convert("RGB")
    assert np.array_equal(plain, np.asarray(expected))
    # Dithering is further from the picture pixel by pixel, and with few colours nearer to it for an eye that blurs.
    assert psnr(dithered, PHOTO.pixels()) < psnr(plain, PHOTO.pixels())
    if colours > 8:
        return
    blurred = [cv2.GaussianBlur(values, (0, 0), 3) for values in (plain, dithered, PHOTO.pixels())]
    assert psnr(blurred[1], blurred[2]) > psnr(blurred[0], blurred[2])


def test_palette_of_a_picture_that_has_fewer_colours_changes_nothing() -> None:
    few = media(rng().choice(np.array([[0, 0, 0], [255, 0, 0], [10, 20, 30]], np.uint8), (40, 50)))
    assert np.array_equal(pixels(Palette(colours=16), few), few.pixels())


# Blur and sharpening -----------------------------------------------------------------------------------------------


@PICTURES
@pytest.mark.parametrize("radius", [1, 3, 5, 7, 9, 20])
def test_radius_is_pillows_to_the_byte(radius: float, picture: Media) -> None:
    expected = Image.fromarray(picture.pixels()).filter(ImageFilter.GaussianBlur(radius))
    assert np.array_equal(pixels(PillowBlur(radius=radius), picture), np.asarray(expected))


def test_pillows_radius_is_close_to_a_sigma() -> None:
    for radius in (1, 3, 5):
        inner = np.s_[3 * radius : -3 * radius, 3 * radius : -3 * radius]
        assert psnr(pixels(PillowBlur(radius=radius))[inner].copy(), pixels(Blur(sigma=radius))[inner].copy()) > 38


@pytest.mark.parametrize("sigma", [0.5, 1, 2, 4])
def test_sigma_is_scipys(sigma: float) -> None:
    expected = scipy.ndimage.gaussian_filter(PHOTO.pixels().astype(float), (sigma, sigma, 0), mode="mirror")
    assert apart(pixels(Blur(sigma=sigma)), expected) <= 2


@PICTURES
@pytest.mark.parametrize("radius", [1, 2, 8])
def test_box_blur_is_pillows(radius: int, picture: Media) -> None:
    expected = Image.fromarray(picture.pixels()).filter(ImageFilter.BoxBlur(radius))
    assert apart(pixels(BoxBlur(radius=radius), picture), np.asarray(expected)) <= 1


@PICTURES
@pytest.mark.parametrize("size", [3, 5, 9])
def test_median_is_pillows_to_the_byte(size: int, picture: Media) -> None:
    expected = Image.fromarray(picture.pixels()).filter(ImageFilter.MedianFilter(size))
    assert np.array_equal(pixels(Median(size=size), picture), np.asarray(expected))


@pytest.mark.parametrize(("amount", "sigma"), [(0.5, 1), (1, 2), (3, 1)])
def test_sharpening_is_scikit_images_unsharp_mask(amount: float, sigma: float) -> None:
    expected = skimage.filters.unsharp_mask(PHOTO.pixels(), sigma, amount, channel_axis=2) * 255
    # The blur under it is rounded to a level and follows a cut-off kernel, and the amount multiplies both.
    inner = np.s_[8:-8, 8:-8]
    assert apart(pixels(Sharpen(amount=amount, sigma=sigma))[inner], expected[inner]) <= 1 + 1.5 * amount


# Noise -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sigma", "level"), [(0.02, 128), (0.02, 220), (0.1, 40), (0.1, 128), (0.4, 60)])
def test_speckle_grows_with_the_value(sigma: float, level: int) -> None:
    flat = media(np.full((200, 200, 3), level, np.uint8))
    values = pixels(SpeckleNoise(sigma=sigma), flat).astype(float)
    rounding = 1 / 12
    assert values.std() == pytest.approx(np.sqrt((sigma * level) ** 2 + rounding), rel=0.03)
    assert values.mean() == pytest.approx(level, abs=0.3)
    assert np.abs(np.corrcoef(values.reshape(-1, 3).T) - np.eye(3)).max() < 0.03
    assert pixels(SpeckleNoise(sigma=sigma), media(np.zeros((9, 9, 3), np.uint8))).max() == 0


@pytest.mark.parametrize(("photons", "level"), [(10, 50), (10, 255), (255, 100), (5000, 200)])
def test_shot_noise_is_poisson(photons: float, level: int) -> None:
    flat = media(np.full((150, 150, 3), level, np.uint8))
    counts = np.rint(pixels(PoissonNoise(photons=photons), flat) * (photons / 255)).astype(int)
    mean = photons * level / 255
    if photons <= 255:  # each count has a value of its own, up to white
        expected = scipy.stats.poisson(mean).cdf(np.arange(int(photons)))
        found = np.searchsorted(np.sort(counts.ravel()), np.arange(int(photons)), side="right") / counts.size
        assert np.abs(found - expected).max() < 0.01
    else:
        assert counts.std() == pytest.approx(np.sqrt(mean), rel=0.03)
        assert counts.mean() == pytest.approx(mean, rel=0.005)


@pytest.mark.parametrize("attack", [SpeckleNoise(), PoissonNoise(), Noise()], ids=repr)
def test_noise_depends_on_the_seed_alone(attack) -> None:
    assert np.array_equal(pixels(attack, seed=4), pixels(attack, seed=4))
    assert not np.array_equal(pixels(attack, seed=4), pixels(attack, seed=5))


# Severity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "curve",
    [
        [Brightness(f) for f in (1.2, 1.4, 1.6, 1.8, 2)],
        [Brightness(f) for f in (0.9, 0.6, 0.3, 0)],
        [Contrast(f) for f in (1.2, 1.4, 1.6, 1.8, 2)],
        [Contrast(f) for f in (0.9, 0.6, 0.3, 0)],
        [Gamma(g) for g in (1.1, 1.5, 2.2, 5)],
        [Gamma(g) for g in (0.9, 0.6, 0.3, 0.1)],
        [Saturation(f) for f in (1.2, 1.6, 2, 4)],
        [Saturation(f) for f in (0.8, 0.4, 0)],
        [Hue(d) for d in (5, 15, 60, 180)],
        [Hue(-d) for d in (5, 15, 60, 180)],
        [Palette(n) for n in (256, 64, 16, 4, 2)],
        [Palette(n, dither=True) for n in (256, 64, 16, 4, 2)],
        [PillowBlur(r) for r in (1, 3, 5, 7, 9)],
        [BoxBlur(r) for r in (1, 2, 4, 8)],
        [Median(n) for n in (3, 5, 9, 21)],
        [Sharpen(a) for a in (0.5, 1, 2, 5)],
        [SpeckleNoise(s) for s in (0.02, 0.1, 0.3, 1)],
        [PoissonNoise(n) for n in (10_000, 1000, 100, 10, 1)],
    ],
    ids=lambda curve: curve[0].family,
)
def test_tone_does_more_damage_the_further_it_goes(curve) -> None:
    assert {attack.family for attack in curve} == {curve[0].family}
    severities = [attack.severity for attack in curve]
    assert severities == sorted(set(severities))
    left = [psnr(pixels(attack), PHOTO.pixels()) for attack in curve]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] - 3


# Difficult pictures ------------------------------------------------------------------------------------------------

ALL = (
    Brightness(2), Contrast(2), Gamma(2), Saturation(2), Hue(90), Greyscale(), Palette(16), Palette(16, dither=True),
    PillowBlur(9), BoxBlur(9), Median(21), Sharpen(2), SpeckleNoise(), PoissonNoise(),
)  # fmt: skip


@pytest.mark.parametrize("attack", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 65_500)], ids=str)
def test_narrow_pictures_keep_their_size(attack, shape: tuple[int, int]) -> None:
    assert pixels(attack, media(rng(1).integers(0, 256, (*shape, 3), np.uint8))).shape == (*shape, 3)


@pytest.mark.parametrize("attack", ALL, ids=repr)
@pytest.mark.parametrize("mode", ["L", "P", "LA", "1", "I;16"])
def test_other_kinds_of_file_are_taken_as_their_pixels(attack, mode: str) -> None:
    import io

    image = Image.fromarray(PHOTO.pixels()).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    out = io.BytesIO()
    image.save(out, "PNG")
    given = Media.from_bytes(out.getvalue())
    assert np.array_equal(pixels(attack, given), pixels(attack, Media.from_pixels(given.pixels())))
