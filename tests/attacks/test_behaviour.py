"""What attacks do to pictures and to what is in their files, against other hands where there are any."""

import math

import cv2
import numpy as np
import pytest
import skimage.data

from attacks import ATTACKS
from attacks.base import Identity
from attacks.chain import Chain
from attacks.cover import Erase
from attacks.denoise import Denoise
from attacks.edit import Edit, Patch
from attacks.geometry import Crop, CropArea, Resize, ResizedCrop
from attacks.metadata import EditField, Forge
from attacks.raster import _half
from attacks.recapture import Recapture
from attacks.recompress import SUBSAMPLINGS, Jpeg, Png, WebP
from attacks.reexport import OpenCVSave, PillowSave
from attacks.reexport_tools import ReExport
from attacks.resynthesise import Resynthesise
from attacks.screenshot import Screenshot, draw
from attacks.tone import Blur, Noise, PoissonNoise, SpeckleNoise
from attacks.warp import Perspective
from bench.errors import CodedError, Unavailable
from bench.labels import BUNDLES, GB45438, IPTC, METADATA, read_all, write_bundle
from bench.labels.base import Claim
from bench.media import Media

#: Without those whose tool is not installed on this machine, and those that need to be given a detector.
HERE = [a for a in ATTACKS if not getattr(a, "missing", str)() and not hasattr(a, "target")]
#: Attacks whose result depends on the generator.
CHANCE = (
    CropArea(),
    ResizedCrop(),
    Perspective(),
    Erase(),
    Noise(),
    PoissonNoise(),
    SpeckleNoise(),
    Recapture(),
    Edit(),
    Patch(),
    Denoise(),
    Resynthesise(),
    Chain(attacks=(Noise(), Jpeg())),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def photo() -> Media:
    """A natural photograph, 192 pixels a side."""
    return Media.from_pixels(np.ascontiguousarray(skimage.data.astronaut()[30:222, 120:312]))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((one.astype(float) - other) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


@pytest.mark.parametrize("attack", [*HERE, *CHANCE], ids=repr)
def test_same_seed_gives_the_same_file(attack, photo: Media) -> None:
    assert attack(photo, rng(7)).data == attack(photo, rng(7)).data


@pytest.mark.parametrize("attack", CHANCE, ids=repr)
def test_other_seed_gives_another_file(attack, photo: Media) -> None:
    assert attack(photo, rng(7)).data != attack(photo, rng(8)).data


@pytest.mark.parametrize("attack", [a for a in HERE if a not in CHANCE], ids=repr)
def test_attack_without_chance_leaves_the_generator_alone(attack, photo: Media) -> None:
    given = rng(7)
    attack(photo, given)
    assert given.integers(2**32) == rng(7).integers(2**32)


@pytest.mark.parametrize("attack", HERE, ids=repr)
def test_input_is_left_as_it_was(attack, photo: Media) -> None:
    before = photo.pixels().copy()
    attack(photo, rng())
    assert np.array_equal(photo.pixels(), before)


def test_identity_returns_the_very_file(tools) -> None:
    media = Media.from_bytes(tools.encode(tools.texture(1)))
    assert Identity()(media, rng()) is media


@pytest.mark.parametrize("compression", [0, 1, 9])
def test_png_keeps_the_pixels(photo: Media, compression: int) -> None:
    again = Media.from_bytes(Png(compression=compression)(photo, rng()).data)
    assert np.array_equal(again.pixels(), photo.pixels())


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize(("quality", "progressive"), [(1, False), (75, True), (100, False)])
def test_jpeg_is_opencvs_own_file(photo: Media, quality: int, subsampling: str, progressive: bool) -> None:
    made = Jpeg(quality=quality, subsampling=subsampling, progressive=progressive)(photo, rng())
    factor = {"4:4:4": 0x111111, "4:2:2": 0x211111, "4:2:0": 0x221111}[subsampling]
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    parameters += [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    _, expected = cv2.imencode(".jpg", photo.pixels()[..., ::-1], parameters)
    assert made.data == expected.tobytes()
    header = Media.from_bytes(made.data).header
    assert (header.jpeg_subsampling, header.jpeg_progressive) == (subsampling, progressive)
    assert header.jpeg_quality == pytest.approx(quality, abs=1)


def same_size(media: Media, like: Media) -> np.ndarray:
    size = like.size
    return media.pixels() if media.size == size else cv2.resize(media.pixels(), size, interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    "curve",
    [
        [Jpeg(quality=q) for q in (95, 90, 75, 50, 30, 10)],
        [Jpeg(quality=q, subsampling="4:4:4") for q in (95, 75, 50, 10)],
        [WebP(quality=q) for q in (95, 80, 60, 40, 20)],
        [Blur(sigma=s) for s in (0.3, 0.5, 1, 2, 4, 8)],
        [Noise(sigma=s) for s in (0.005, 0.02, 0.05, 0.1, 0.3)],
        [Resize(scale=s) for s in (0.9, 0.75, 0.5, 0.25, 0.1)],
        [Resynthesise(sigma=s) for s in (0.02, 0.04, 0.08, 0.16)],
    ],
    ids=lambda curve: curve[0].family,
)
def test_damage_grows_with_severity(curve, photo: Media) -> None:
    assert {attack.family for attack in curve} == {curve[0].family}
    severities = [attack.severity for attack in curve]
    assert severities == sorted(set(severities))
    left = [psnr(same_size(attack(photo, rng()), photo), photo.pixels()) for attack in curve]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] - 3


def test_noise_has_the_deviation_it_names() -> None:
    grey = Media.from_pixels(np.full((200, 200, 3), 128, np.uint8))
    for sigma in (0.01, 0.05, 0.1):
        difference = Noise(sigma=sigma)(grey, rng()).pixels().astype(float) - 128
        assert difference.std() == pytest.approx(sigma * 255, rel=0.03)
        assert abs(difference.mean()) < 0.2
        assert np.abs(np.corrcoef(difference.reshape(-1, 3).T) - np.eye(3)).max() < 0.03


def test_crop_keeps_the_middle_bit_for_bit(photo: Media) -> None:
    left = Crop(edge=0.1)(photo, rng()).pixels()
    assert np.array_equal(left, photo.pixels()[19:-19, 19:-19])
    assert Crop(edge=0)(photo, rng()).pixels().shape == photo.pixels().shape


def test_resize_to_the_same_size_changes_nothing(photo: Media) -> None:
    assert np.array_equal(Resize(scale=1)(photo, rng()).pixels(), photo.pixels())


@pytest.mark.parametrize(
    "chain",
    [
        Chain(attacks=(Jpeg(quality=60), Resize(scale=0.5), WebP(quality=50))),
        Chain(attacks=(Noise(), Blur(), Noise(sigma=0.02), Png())),
        Chain(attacks=(Chain(attacks=(Noise(),)), Screenshot(), Jpeg(quality=75))),
    ],
    ids=repr,
)
def test_chain_equals_its_attacks_in_turn(chain: Chain, photo: Media) -> None:
    one, given = photo, rng(3)
    for attack in chain.attacks:
        one = attack(one, given)
    assert chain(photo, rng(3)) == one


def test_chain_is_simulated_as_soon_as_one_step_is() -> None:
    assert Chain(attacks=(Jpeg(), Png())).channel.startswith("real:")
    assert Chain(attacks=(Jpeg(), Screenshot())).channel.startswith("simulated:")


def test_screenshot_at_one_to_one_is_the_picture(photo: Media) -> None:
    pixels = photo.pixels()
    assert draw(pixels, pixels.shape[1], pixels.shape[0]) is pixels
    assert np.array_equal(Screenshot(width=0, dpr=1)(photo, rng()).pixels(), pixels)


@pytest.mark.parametrize(("width", "dpr"), [(412, 2), (100, 1), (31, 3), (0, 4), (1, 1)])
def test_screenshot_has_the_size_of_the_screen(photo: Media, width: int, dpr: int) -> None:
    shown = (width or 192) * dpr
    assert Screenshot(width=width, dpr=dpr)(photo, rng()).size == (shown, shown)
    bars = (24 + 56 + 80) * dpr
    whole = Screenshot(width=width, dpr=dpr, whole=True)(photo, rng())
    assert whole.size == (shown, shown + bars)
    cropped = whole.pixels()[80 * dpr : 80 * dpr + shown]
    assert np.array_equal(cropped, Screenshot(width=width, dpr=dpr)(photo, rng()).pixels())


@pytest.mark.parametrize(("width", "height"), [(300, 200), (96, 96), (50, 64), (7, 3), (193, 191)])
def test_drawing_is_near_a_bilinear_resize(photo: Media, width: int, height: int) -> None:
    drawn = draw(photo.pixels(), width, height)
    assert drawn.shape == (height, width, 3)
    reference = cv2.resize(
        cv2.GaussianBlur(photo.pixels(), (0, 0), max(0.3, 0.3 * 192 / min(width, height))), (width, height)
    )
    assert psnr(cv2.GaussianBlur(drawn, (0, 0), 1), cv2.GaussianBlur(reference, (0, 0), 1)) > 20


def test_drawing_keeps_flat_colours_and_the_range() -> None:
    for value in (0, 1, 127, 254, 255):
        flat = np.full((50, 70, 3), value, np.uint8)
        for size in ((140, 100), (33, 21), (5, 4)):
            assert np.unique(draw(flat, *size)).tolist() == [value]


@pytest.mark.parametrize("attack", HERE, ids=repr)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3)], ids=str)
def test_narrow_pictures_give_a_picture_or_a_code(attack, shape: tuple[int, int]) -> None:
    media = Media.from_pixels(rng(1).integers(0, 256, (*shape, 3), np.uint8))
    try:
        result = attack(media, rng())
    except Unavailable as error:
        pytest.skip(error.detail)
    except CodedError as error:
        assert error.code in ("E_TOO_LARGE", "E_TOO_SMALL", "E_ENCODE", "E_TOOL")
    else:
        again = Media.from_bytes(result.data)
        assert again.size == result.size == result.pixels().shape[1::-1]


def test_result_that_no_media_may_hold_is_refused_before_it_is_made() -> None:
    strip = Media.from_pixels(np.zeros((5000, 5, 3), np.uint8))
    with pytest.raises(CodedError, match="E_TOO_LARGE: the result would have 824x824000 pixels"):
        Screenshot()(strip, rng())
    with pytest.raises(CodedError, match="E_TOO_LARGE"):
        Resize(scale=4)(Media.from_pixels(np.zeros((2600, 2600, 3), np.uint8)), rng())


@pytest.mark.parametrize(("attack", "side"), [(Jpeg(), 65_501), (WebP(), 16_384)], ids=["jpeg", "webp"])
def test_picture_that_the_format_cannot_hold_is_coded(attack, side: int) -> None:
    with pytest.raises(CodedError) as raised:
        attack(Media.from_pixels(np.zeros((1, side, 3), np.uint8)), rng())
    assert raised.value.code == "E_ENCODE"
    assert "\n" not in str(raised.value)


@pytest.fixture(params=[".jpg", ".png", ".webp"])
def labelled(request: pytest.FixtureRequest, tools) -> Media:
    return write_bundle(Media.from_bytes(tools.encode(tools.texture(2), request.param)), BUNDLES["metadata"], Claim())


#: Attacks that leave metadata in the file, or put some there.
KEEPING = (Identity(), PillowSave(), EditField(), Forge(), ReExport())


@pytest.mark.parametrize("attack", [a for a in HERE if a not in KEEPING], ids=repr)
def test_labels_do_not_outlive_a_new_encoding(attack, labelled: Media) -> None:
    attacked = Media.from_bytes(attack(labelled, rng()).data)
    assert {reading.state for reading in read_all(attacked, BUNDLES["metadata"])} == {"absent"}


def test_pillow_keeps_the_metadata_that_it_is_told_to_keep(labelled: Media) -> None:
    kept = PillowSave(keep_metadata=True)(labelled, rng())
    lost = PillowSave()(labelled, rng())
    # Pillow writes no XMP into PNG, and by itself it writes none at all into JPEG and WebP.
    expected = "absent" if labelled.mime == "image/png" else "present"
    assert {reading.state for reading in read_all(kept, (GB45438(), IPTC()))} == {expected}
    assert {reading.state for reading in read_all(lost, METADATA)} == {"absent"}


@pytest.mark.parametrize("attack", [PillowSave(), OpenCVSave()], ids=repr)
def test_saving_again_keeps_the_format(attack, tools) -> None:
    for extension, mime in {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}.items():
        media = Media.from_bytes(tools.encode(tools.texture(3), extension))
        saved = attack(media, rng())
        assert saved.mime == Media.from_bytes(saved.data).mime == mime
        assert psnr(saved.pixels(), media.pixels()) > 25


@pytest.mark.parametrize("shape", [(4, 6), (5, 6), (4, 7), (9, 7), (1, 8), (130, 66)], ids=str)
def test_halving_is_the_weighted_mean_truncated(shape: tuple[int, int]) -> None:
    def halver(length: int) -> np.ndarray:
        matrix = np.zeros((max(1, length // 2), length))
        taps = [1.0] if length == 1 else [0.5, 0.5] if length % 2 == 0 else [0.25, 0.5, 0.25]
        for row in range(len(matrix)):
            matrix[row, 2 * row : 2 * row + len(taps)] = taps
        return matrix

    pixels = rng(9).integers(0, 256, (*shape, 3), np.uint8)
    expected = np.einsum("ab,bcd,ec->aed", halver(shape[0]), pixels, halver(shape[1]))
    assert np.array_equal(_half(pixels), np.floor(expected).astype(np.uint8))
