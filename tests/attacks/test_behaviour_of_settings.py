"""An attack's settings are its name: readable back, checked, and one spelling each."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import ATTACKS
from attacks.adversarial import BoundaryAttack, SquareAttack
from attacks.base import Attack, Identity
from attacks.browser import BrowserScreenshot
from attacks.chain import Chain
from attacks.codec import LearnedCodec
from attacks.colour import Brightness, Contrast, Gamma, Greyscale, Hue, Palette, Saturation
from attacks.controls import ResizeBack
from attacks.copies import ResizeTo
from attacks.cover import Erase, Pad
from attacks.denoise import Denoise
from attacks.diffusion import DiffusionRegenerate
from attacks.edit import Edit, Patch
from attacks.explicit import RemoveVisible
from attacks.geometry import FILTERS, PLACES, Aspect, Crop, CropArea, Flip, Resize, ResizedCrop
from attacks.gradient import GradientAttack
from attacks.metadata import BLOCKS, MEMBERS, EditField, Forge, Strip
from attacks.page import DEVICES
from attacks.platforms import Platform, presets
from attacks.recapture import Recapture
from attacks.recompress import SUBSAMPLINGS, Jpeg, Png, WebP, WebPLossless
from attacks.recompress_jpeg import DoubleJpeg, Jpegli, MozJpeg
from attacks.recompress_modern import Avif, Heic, JpegXl
from attacks.recompress_palette import ALGORITHMS, Gif, PngPalette
from attacks.reexport import OpenCVSave, PillowSave
from attacks.reexport_tools import REEXPORTS, ReExport
from attacks.regenerate import Regenerate, Rinse
from attacks.resynthesise import Resynthesise
from attacks.screenshot import Screenshot
from attacks.tone import Blur, BoxBlur, Median, Noise, PillowBlur, PoissonNoise, Sharpen, SpeckleNoise
from attacks.upscale import SuperResolve
from attacks.warp import CANVASES, WARP_FILTERS, Perspective, Rotate
from bench.containers import METADATA_KINDS
from bench.harness import registry

CLASSES = (
    Identity,
    Png,
    Jpeg,
    WebP,
    WebPLossless,
    DoubleJpeg,
    MozJpeg,
    Jpegli,
    Avif,
    Heic,
    JpegXl,
    PngPalette,
    Gif,
    ResizeTo,
    PillowSave,
    OpenCVSave,
    ReExport,
    Resize,
    Aspect,
    Crop,
    CropArea,
    ResizedCrop,
    Flip,
    Rotate,
    Perspective,
    Pad,
    Erase,
    Brightness,
    Contrast,
    Gamma,
    Saturation,
    Hue,
    Greyscale,
    Palette,
    Blur,
    PillowBlur,
    BoxBlur,
    Median,
    Sharpen,
    Noise,
    PoissonNoise,
    SpeckleNoise,
    Screenshot,
    BrowserScreenshot,
    Recapture,
    ResizeBack,
    Regenerate,
    Rinse,
    DiffusionRegenerate,
    LearnedCodec,
    Denoise,
    SuperResolve,
    Resynthesise,
    Edit,
    Patch,
    RemoveVisible,
    Strip,
    EditField,
    Forge,
    Platform,
    SquareAttack,
    BoundaryAttack,
    GradientAttack,
    Chain,
)
NAMES = {kind.__name__: kind for kind in CLASSES}


def number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


SIMPLE = st.one_of(
    st.just(Identity()),
    st.just(OpenCVSave()),
    st.builds(Png, st.integers(0, 9)),
    st.builds(Jpeg, st.integers(1, 100), st.sampled_from(SUBSAMPLINGS), st.booleans()),
    st.builds(WebP, st.integers(1, 100)),
    st.just(WebPLossless()),
    st.builds(DoubleJpeg, st.integers(1, 100), st.integers(1, 100), st.integers(0, 15), st.integers(0, 15)),
    st.builds(MozJpeg, st.integers(1, 100), st.sampled_from(SUBSAMPLINGS)),
    st.builds(Jpegli, st.integers(1, 100)),
    st.builds(Avif, st.integers(0, 100), st.sampled_from(SUBSAMPLINGS), st.integers(0, 10)),
    st.builds(Heic, st.integers(0, 100)),
    st.builds(JpegXl, number(0, 25), st.integers(1, 9)),
    st.builds(PngPalette, st.integers(2, 256), st.sampled_from(ALGORITHMS), st.booleans()),
    st.builds(Gif, st.integers(2, 256), st.sampled_from(ALGORITHMS), st.booleans()),
    st.builds(ResizeTo, st.integers(1, 16384), st.sampled_from(["long", "short"]), st.sampled_from(FILTERS)),
    st.builds(PillowSave, st.booleans()),
    st.sampled_from(REEXPORTS),
    st.builds(Resize, number(0.01, 4), st.sampled_from(FILTERS)),
    st.builds(Aspect, number(0.25, 4), st.sampled_from(FILTERS)),
    st.builds(Crop, number(0, 0.49), st.sampled_from(PLACES)),
    st.builds(CropArea, number(0, 0.99), st.sampled_from(PLACES)),
    st.builds(ResizedCrop, number(0, 0.99), st.sampled_from(PLACES), st.sampled_from(FILTERS)),
    st.builds(Flip, st.sampled_from(["horizontal", "vertical", "both"])),
    st.builds(Rotate, number(-180, 180), st.sampled_from(CANVASES), st.sampled_from(WARP_FILTERS), st.integers(0, 255)),
    st.builds(Perspective, number(0, 0.4), st.sampled_from(WARP_FILTERS), st.integers(0, 255)),
    st.builds(Pad, number(0, 2), st.integers(0, 255)),
    st.builds(Erase, number(0, 1), st.integers(0, 255)),
    st.builds(Brightness, number(0, 4)),
    st.builds(Contrast, number(0, 4)),
    st.builds(Gamma, number(0.1, 10)),
    st.builds(Saturation, number(0, 4)),
    st.builds(Hue, number(-180, 180)),
    st.just(Greyscale()),
    st.builds(Palette, st.integers(2, 256), st.booleans()),
    st.builds(PillowBlur, number(0, 100)),
    st.builds(BoxBlur, st.integers(0, 100)),
    st.builds(Median, st.integers(0, 25).map(lambda radius: 2 * radius + 1)),
    st.builds(Sharpen, number(0, 10), number(0.1, 50)),
    st.builds(PoissonNoise, number(1, 1e6)),
    st.builds(SpeckleNoise, number(0.001, 2)),
    st.builds(Recapture, number(0, 40), number(1, 4), st.integers(16, 4096), number(0, 10), number(50, 1e5)),
    st.builds(Blur, number(0.1, 50)),
    st.builds(Noise, number(0.001, 1)),
    *(
        st.builds(
            kind,
            st.integers(0, 8192),
            st.one_of(st.integers(1, 4), number(1, 4)),
            st.booleans(),
            st.booleans(),
            st.sampled_from(["png", "jpeg"]),
            quality=st.integers(1, 100),
        )
        for kind in (Screenshot, BrowserScreenshot)
    ),
    st.builds(Screenshot, device=st.sampled_from(list(DEVICES)), dark=st.booleans()),
    st.builds(GradientAttack, st.just("x"), st.integers(1, 64), st.integers(1, 10_000)),
    st.builds(SquareAttack, st.sampled_from(["spectrum", "file.py:attr"]), st.integers(1, 64), st.integers(1, 100_000)),
    st.builds(BoundaryAttack, st.just("spectrum"), number(-5, 5), st.integers(1, 100_000), number(10, 60)),
    st.builds(ResizeBack, number(0.05, 1)),
    *(
        st.builds(kind, st.sampled_from(["washvae", "taef2"]), number(0.05, 1), number(0, 5), st.integers(1, 20))
        for kind in (Regenerate, Rinse)
    ),
    st.builds(DiffusionRegenerate, st.sampled_from(["sd15", "sdxl", "flux"]), number(0.1, 1), st.integers(10, 1000)),
    st.builds(LearnedCodec, st.sampled_from(["mbt2018", "cheng2020-attn"]), st.integers(1, 6)),
    st.builds(Denoise, number(0.001, 0.5), st.sampled_from(["nlm", "wavelet", "tv", "dncnn"])),
    st.builds(SuperResolve, number(1, 4)),
    st.builds(Resynthesise, number(0, 0.5), number(0.1, 1), number(0, 2)),
    st.builds(Edit, number(0.01, 0.7), st.sampled_from(["washvae", "lama", "telea", "copy-move"])),
    st.builds(Edit, number(0.01, 0.7), st.just("splice"), st.sampled_from(["ai.png", "a/b c"])),
    st.builds(Patch, number(0.01, 0.7), st.sampled_from(["", "photo.jpg"])),
    st.builds(
        RemoveVisible,
        st.sampled_from(["crop", "blur", "telea", "washvae"]),
        st.sampled_from(["bottom-right", "top-left"]),
        number(0.01, 1),
        number(0.01, 1),
        number(0, 0.5),
    ),
    st.builds(Strip, st.sampled_from(METADATA_KINDS)),
    st.builds(Strip, st.just("all"), st.lists(st.sampled_from(METADATA_KINDS), max_size=2).map(tuple)),
    st.builds(EditField, st.sampled_from(MEMBERS), st.from_regex("[A-Za-z0-9._/: -]{0,200}", fullmatch=True)),
    st.builds(Forge, st.sampled_from(["iptc.jpg", "a/b c.png"]), st.sampled_from(["all", *BLOCKS])),
    st.builds(Platform, st.sampled_from(sorted(presets())), st.integers(1, 10)),
)
ANY = st.recursive(
    SIMPLE, lambda inner: st.builds(Chain, st.lists(inner, min_size=1, max_size=3).map(tuple)), max_leaves=4
)


def test_every_registered_attack_is_tried_here() -> None:
    assert {type(attack) for attack in ATTACKS} == set(CLASSES)


@given(ANY)
def test_name_reads_back_as_the_same_attack(attack: Attack) -> None:
    again = eval(repr(attack), dict(NAMES))
    assert again == attack
    assert repr(again) == repr(attack)
    assert hash(again) == hash(attack)
    assert registry.attack(repr(attack)) == attack


@settings(deadline=None)  # the first question after a program's version starts the program
@given(ANY)
def test_attack_says_where_it_stands(attack: Attack) -> None:
    assert isinstance(attack.family, str) and attack.family
    assert isinstance(attack.axis, str) and attack.axis
    assert np.isfinite(attack.severity) and attack.severity >= 0
    assert attack.channel.startswith(("real:", "simulated:"))
    assert len(attack.channel.partition(":")[2]) > 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Jpeg(quality=0), "quality must be in 1..100, got 0"),
        (lambda: Jpeg(quality=101), "quality must be in 1..100, got 101"),
        (lambda: WebP(quality=0), "quality must be in 1..100, got 0"),
        (lambda: DoubleJpeg(dx=16), "dx must be in 0..15, got 16"),
        (lambda: MozJpeg(subsampling="4:1:1"), "subsampling must be one of 4:4:4, 4:2:2, 4:2:0, got '4:1:1'"),
        (lambda: Jpegli(quality=0), "quality must be in 1..100, got 0"),
        (lambda: Avif(speed=11), "speed must be in 0..10, got 11"),
        (lambda: Heic(quality=101), "quality must be in 0..100, got 101"),
        (lambda: JpegXl(distance=26), "distance must be in 0..25, got 26"),
        (lambda: PngPalette(colours=1), "colours must be in 2..256, got 1"),
        (lambda: Gif(algorithm="neural"), "algorithm must be one of median-cut, max-coverage, octree, got 'neural'"),
        (lambda: ResizeTo(edge="left"), "edge must be one of long, short, got 'left'"),
        (lambda: Png(compression=10), "compression must be in 0..9, got 10"),
        (lambda: Resize(scale=0), "scale must be in 0.01..4, got 0"),
        (lambda: Crop(edge=0.5), "edge must be in 0..0.49, got 0.5"),
        (lambda: Blur(sigma=0.05), "sigma must be in 0.1..50, got 0.05"),
        (lambda: Blur(sigma=float("nan")), "sigma must be in 0.1..50, got nan"),
        (lambda: Crop(placed="left"), "placed must be one of centre, random, got 'left'"),
        (lambda: CropArea(area=1), "area must be in 0..0.99, got 1"),
        (
            lambda: ResizedCrop(filter="sinc"),
            "filter must be one of nearest, linear, cubic, area, lanczos4, got 'sinc'",
        ),
        (lambda: Aspect(factor=0), "factor must be in 0.25..4, got 0"),
        (lambda: Flip(direction="up"), "direction must be one of horizontal, vertical, both, got 'up'"),
        (lambda: Rotate(degrees=181), "degrees must be in -180..180, got 181"),
        (lambda: Rotate(canvas="crop"), "canvas must be one of same, expand, inside, got 'crop'"),
        (lambda: Rotate(filter="area"), "filter must be one of nearest, linear, cubic, lanczos4, got 'area'"),
        (lambda: Rotate(fill=256), "fill must be in 0..255, got 256"),
        (lambda: Perspective(shift=0.5), "shift must be in 0..0.4, got 0.5"),
        (lambda: Pad(edge=-0.1), "edge must be in 0..2, got -0.1"),
        (lambda: Pad(fill=0.5), "fill must be a whole number, got 0.5"),
        (lambda: Erase(area=1.1), "area must be in 0..1, got 1.1"),
        (lambda: Brightness(factor=-1), "factor must be in 0..4, got -1"),
        (lambda: Contrast(factor=5), "factor must be in 0..4, got 5"),
        (lambda: Gamma(gamma=0), "gamma must be in 0.1..10, got 0"),
        (lambda: Saturation(factor=5), "factor must be in 0..4, got 5"),
        (lambda: Hue(degrees=200), "degrees must be in -180..180, got 200"),
        (lambda: Palette(colours=1), "colours must be in 2..256, got 1"),
        (lambda: PillowBlur(radius=-1), "radius must be in 0..100, got -1"),
        (lambda: BoxBlur(radius=1.5), "radius must be a whole number, got 1.5"),
        (lambda: Median(size=4), "size must be odd, got 4"),
        (lambda: Median(size=53), "size must be in 1..51, got 53"),
        (lambda: Sharpen(amount=11), "amount must be in 0..10, got 11"),
        (lambda: PoissonNoise(photons=0), "photons must be in 1..1e+06, got 0"),
        (lambda: SpeckleNoise(sigma=0), "sigma must be in 0.001..2, got 0"),
        (lambda: Recapture(tilt=41), "tilt must be in 0..40, got 41"),
        (lambda: Recapture(pitch=0.5), "pitch must be in 1..4, got 0.5"),
        (lambda: Recapture(quality=0), "quality must be in 1..100, got 0"),
        (lambda: ReExport("gimp", "keep"), "metadata of gimp must be one of default, strip, got 'keep'"),
        (lambda: Noise(sigma=2), "sigma must be in 0.001..1, got 2"),
        (lambda: Screenshot(width=-1), "width must be in 0..8192, got -1"),
        (lambda: Screenshot(dpr=0), "dpr must be in 1..4, got 0"),
        (lambda: Screenshot(dpr="2"), "dpr must be a number, got '2'"),
        (lambda: Screenshot(device="phone", dpr=1), "device 'phone' has its own dpr; leave dpr out"),
        (lambda: SquareAttack(eps=0), "eps must be in 1..64, got 0"),
        (lambda: BoundaryAttack(psnr=9), "psnr must be in 10..60, got 9"),
        (lambda: Screenshot(format="gif"), "format must be one of png, jpeg, got 'gif'"),
        (lambda: Resynthesise(sigma=0.6), "sigma must be in 0..0.5, got 0.6"),
        (lambda: Resize(filter="sinc"), "filter must be one of nearest, linear, cubic, area, lanczos4, got 'sinc'"),
        (lambda: Jpeg(subsampling="4:1:1"), "subsampling must be one of 4:4:4, 4:2:2, 4:2:0, got '4:1:1'"),
        (lambda: Jpeg(quality=50.5), "quality must be a whole number, got 50.5"),
        (lambda: Jpeg(quality="50"), "quality must be a whole number, got '50'"),
        (lambda: Jpeg(quality=True), "quality must be a whole number, got True"),
        (lambda: Jpeg(progressive="no"), "progressive must be True or False, got 'no'"),
        (lambda: Blur(sigma="wide"), "sigma must be a number, got 'wide'"),
        (lambda: Resize(filter=3), "filter must be a text, got 3"),
        (lambda: Strip(kind="gps"), f"kind must be one of all, {', '.join(METADATA_KINDS)}, got 'gps'"),
        (lambda: Strip(keep=["icc"]), "keep must be a tuple of kinds, got ['icc']"),
        (lambda: Strip(kind="xmp", keep=("icc",)), "keep is for kind 'all', got kind 'xmp'"),
        (
            lambda: EditField(field="Prompt"),
            f"field must be one of {', '.join(MEMBERS)}, DigitalSourceType, got 'Prompt'",
        ),
        (lambda: EditField(value='"'), "value of ProduceID must be [A-Za-z0-9._/: -]{0,200}, got '\"'"),
        (lambda: Forge(block="icc"), "block must be one of all, xmp, exif, png-text, c2pa, got 'icc'"),
        (lambda: Forge(donor=""), "donor must be a file of the package or a path, got ''"),
        (lambda: Forge(sha256="XY"), "sha256 must be up to 64 hexadecimal digits in lower case, got 'XY'"),
        (lambda: Platform(name="x"), f"name must be one of {', '.join(presets())}, got 'x'"),
        (lambda: Platform(uploads=0), "uploads must be in 1..10, got 0"),
        (lambda: Chain(attacks=()), "attacks must be a tuple of one or more attacks, got ()"),
        (lambda: Chain(attacks=Blur()), "attacks must be a tuple of one or more attacks, got Blur(sigma=1.0)"),
        (
            lambda: Chain(attacks=(Blur(), 5)),
            "attacks must be a tuple of one or more attacks, got (Blur(sigma=1.0), 5)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_parameter_is_refused_in_so_many_words(make, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        make()
    assert str(raised.value) == message


def test_setting_has_one_name_however_it_is_spelt() -> None:
    assert repr(Blur(sigma=1)) == repr(Blur(sigma=np.float64(1))) == repr(Blur(1.0)) == "Blur(sigma=1.0)"
    assert repr(Jpeg(np.int64(50))) == "Jpeg(quality=50)"
    assert repr(Jpeg(50, progressive=True)) == "Jpeg(quality=50, progressive=True)"
    assert repr(Identity()) == "Identity()"


def test_setting_cannot_be_changed_afterwards() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Jpeg().quality = 5  # type: ignore[misc]
