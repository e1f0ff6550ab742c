"""Watermarks as labels: what is embedded is read back, and what cannot be embedded or read says so."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from attacks import Jpeg
from bench import weights
from bench.checks import photograph
from bench.errors import CodedError, Unavailable
from bench.harness.quality import psnr
from bench.labels import BUNDLES, LABELS
from bench.labels.base import Claim, Label, graded
from bench.labels.watermarks import (
    BlindWatermark,
    DwtDct,
    DwtDctSvd,
    RivaGan,
    TrustMark,
    blind,
    blocks,
    dwt,
    is_watermark,
    trustmark,
)
from bench.media import Media
from bench.neural import onnx

ALGEBRAIC: tuple[Label, ...] = (DwtDct(), DwtDctSvd(), BlindWatermark())
algebraic = pytest.mark.parametrize("label", ALGEBRAIC, ids=lambda label: label.name)
WATERMARKS = tuple(filter(is_watermark, LABELS))
every = pytest.mark.parametrize("label", WATERMARKS, ids=lambda label: label.name)
MESSAGE = Claim(message=hashlib.sha256(b"watermark tests").hexdigest())


def as_file(pixels: np.ndarray, extension: str = ".png", *settings: int) -> Media:
    return Media.from_bytes(cv2.imencode(extension, pixels[..., ::-1], settings)[1].tobytes())


def accuracy(label: Label, media: Media, claim: Claim = MESSAGE) -> float:
    reading = graded(label.read(media), label.expected(claim))
    assert reading.bit_accuracy is not None, reading
    return reading.bit_accuracy


def test_there_are_five_and_each_has_a_bundle_of_its_own() -> None:
    assert [label.name for label in WATERMARKS] == ["dwtDct", "dwtDctSvd", "blindWatermark", "rivaGan", "trustMark"]
    for label in WATERMARKS:
        assert BUNDLES[label.name] == (label,)
        assert label.position == "pixels"


# Golden values, so that a change of the arithmetic is seen where no reference package is installed -------------------


def test_dwt_dct_marks_these_pixels() -> None:
    marked = DwtDct().write(photograph(), MESSAGE).pixels()
    assert hashlib.sha256(marked.tobytes()).hexdigest()[:16] == "67f8407235f35935"


@pytest.mark.parametrize(
    ("label", "row"),
    [
        (
            DwtDctSvd(),
            [102, 38, 101, 102, 40, 105, 90, 31, 113, 90, 31, 106, 96, 28, 129, 91, 23, 122, 85, 23, 152, 86, 19, 142],
        ),
        (
            BlindWatermark(),
            [103, 37, 105, 104, 38, 115, 91, 31, 114, 91, 27, 125, 104, 30, 135, 99, 23, 142, 84, 24, 158, 86, 19, 152],
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_singular_values_mark_these_pixels(label: Label, row: list[int]) -> None:
    # Within 1: the last digit of a singular value is the linear algebra library's.
    marked = label.write(photograph(), MESSAGE).pixels()
    assert np.abs(marked[100, 100:108].ravel().astype(int) - row).max() <= 1


@pytest.mark.parametrize(
    ("label", "bits"),
    [
        (DwtDct(), "10100110011100010001011011100001"),
        (DwtDctSvd(), "01011001010001000111110111001101"),
        (BlindWatermark(), "01001010101010110110101011001100"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_unmarked_pixels_decode_to_these_bits(label: Label, bits: str) -> None:
    assert label.read(photograph()).fields["bits"] == bits


# The protocol --------------------------------------------------------------------------------------------------------


@algebraic
@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
def test_message_is_read_back_from_a_file_of_the_carriers_format(label: Label, extension: str) -> None:
    carrier = as_file(photograph().pixels(), extension)
    written = label.write(carrier, MESSAGE)
    assert written.mime == carrier.mime
    reading = graded(label.read(Media.from_bytes(written.data)), label.expected(MESSAGE))
    assert reading.state in ("intact", "altered") and reading.declares_ai
    assert reading.bit_accuracy is not None and reading.bit_accuracy >= (0.85 if label.name == "dwtDct" else 1)
    assert psnr(carrier.pixels(), written.pixels()) > 35


@algebraic
def test_another_message_is_not_found(label: Label) -> None:
    written = label.write(photograph(), MESSAGE)
    other = Claim(message=hashlib.sha256(b"another").hexdigest())
    assert graded(label.read(written), label.expected(other)).state == "absent"


@algebraic
def test_unmarked_pixels_give_bits_that_declare_nothing(label: Label) -> None:
    reading = label.read(photograph())
    assert (reading.state, reading.declares_ai, len(reading.fields["bits"])) == ("present", None, 32)
    assert graded(reading, label.expected(MESSAGE)).declares_ai is None


@algebraic
@pytest.mark.parametrize("length", [1, 100, 256])
def test_message_length_is_a_setting(label: Label, length: int) -> None:
    longer = dataclasses.replace(label, length=length)  # type: ignore[type-var]
    bits = longer.read(longer.write(photograph(), MESSAGE)).fields["bits"]
    assert len(bits) == length
    if length > 1 and label.name != "dwtDct":
        assert np.mean([a == b for a, b in zip(bits, MESSAGE.bits(length), strict=True)]) > 0.95


@pytest.mark.parametrize("kind", [DwtDct, DwtDctSvd, BlindWatermark])
@pytest.mark.parametrize("length", [0, 257, -1])
def test_a_length_that_no_claim_fills_is_refused(kind: Callable[..., Label], length: int) -> None:
    with pytest.raises(ValueError, match=r"length must be in 1\.\.256"):
        kind(length=length)


@pytest.mark.parametrize("label", [*ALGEBRAIC, RivaGan()], ids=lambda label: label.name)
@pytest.mark.parametrize("size", [(1, 1), (1, 70_000), (40, 30)])
def test_a_picture_that_is_too_small_is_an_error_for_writer_and_reader(label: Label, size: tuple[int, int]) -> None:
    if isinstance(label, RivaGan) and (label.missing() or size[1] > 1000):
        pytest.skip("needs its weights" if label.missing() else "the package takes a line of pixels")
    small = Media.from_pixels(np.full((*size, 3), 90, np.uint8))
    with pytest.raises(CodedError, match="E_TOO_SMALL"):
        label.write(small, MESSAGE)
    assert (label.read(small).state, label.read(small).code) == ("not_applicable", "E_TOO_SMALL")


@every
def test_a_format_that_is_not_written_is_refused(label: Label) -> None:
    bitmap = as_file(photograph().pixels(), ".bmp")
    assert not label.applies(bitmap.mime)
    with pytest.raises(CodedError, match="E_NOT_APPLICABLE"):
        label.write(bitmap, MESSAGE)


@algebraic
def test_a_converted_file_is_still_read(label: Label) -> None:
    marked = label.write(photograph(), MESSAGE).pixels()
    assert accuracy(label, as_file(marked, ".bmp")) == accuracy(label, Media.from_pixels(marked))


@algebraic
def test_flat_pictures_have_no_special_case(label: Label) -> None:
    for value in (0, 126, 128, 255):
        flat = Media.from_pixels(np.full((264, 260, 3), value, np.uint8))
        assert len(label.read(flat).fields["bits"]) == 32
        label.write(flat, MESSAGE).pixels()


@algebraic
def test_the_carriers_pixels_and_metadata_stay_where_they_are(label: Label) -> None:
    carrier = as_file(photograph().pixels())
    before = carrier.pixels().copy()
    label.write(carrier, MESSAGE)
    assert np.array_equal(carrier.pixels(), before)


# Effects -------------------------------------------------------------------------------------------------------------


@algebraic
def test_jpeg_takes_more_bits_the_harder_it_compresses(label: Label) -> None:
    marked = label.write(photograph(), MESSAGE)
    found = [accuracy(label, Jpeg(quality=quality)(marked, np.random.default_rng(0))) for quality in (90, 50, 5)]
    assert found[0] >= found[1] - 0.1 and found[0] > found[2]
    assert found[2] < 0.85


def photographs(n: int) -> list[Media]:
    """Real photographs of the mini set that are large enough for a watermark."""
    folder = Path(__file__).resolve().parents[2] / "datasets" / "mini" / "files" / "human"
    found = (Media.read(path) for path in sorted(folder.iterdir()))
    return [media for media in found if min(media.size) >= 256][:n]


def test_chroma_subsampling_undoes_dwt_dct_and_not_its_sibling() -> None:
    rng = np.random.default_rng(0)
    lost = {}
    for label in (DwtDct(), DwtDctSvd()):
        marked = [label.write(media, MESSAGE) for media in photographs(6)]
        kept, halved = (
            np.mean([accuracy(label, Jpeg(95, sampling)(media, rng)) for media in marked])
            for sampling in ("4:4:4", "4:2:0")
        )
        lost[label.name] = kept - halved
    assert lost["dwtDct"] > 0.15
    assert lost["dwtDctSvd"] < 0.02


# Blocks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_haar_bands_and_blocks_go_back_to_the_plane(kind: type) -> None:
    plane = np.random.default_rng(0).integers(0, 256, (36, 44)).astype(kind)
    bands = blocks.analyse(plane)
    assert np.allclose(blocks.synthesise(bands), plane, atol=1e-3)
    parts = blocks.split(bands.low)
    assert parts.shape == (4 * 5, 4, 4)
    assert np.allclose(blocks.idct(blocks.dct(parts)), parts, atol=1e-3)
    copy = np.zeros_like(bands.low)
    blocks.put(copy, parts)
    assert np.array_equal(copy[:16, :20], bands.low[:16, :20])


def test_haar_bands_are_those_of_pywavelets() -> None:
    pywt = pytest.importorskip("pywt", reason="PyWavelets is not installed")
    for kind in (np.float32, np.float64):
        plane = np.random.default_rng(1).uniform(0, 255, (128, 96)).astype(kind)
        low, (rows, columns, both) = pywt.dwt2(plane, "haar")
        bands = blocks.analyse(plane)
        for ours, theirs in zip(bands, (low, rows, columns, both), strict=True):
            assert np.array_equal(ours, theirs)
        assert np.array_equal(blocks.synthesise(bands), pywt.idwt2((low, (rows, columns, both)), "haar"))


# Neural ones: what is missing, and a stand-in for weights that no package carries ------------------------------------


@pytest.mark.parametrize(("label", "name"), [(RivaGan(), "rivagan"), (TrustMark(), "trustmark-q")])
def test_missing_weights_name_the_command_that_gets_them(
    label: Label, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "locate", lambda *_: None)
    reading = label.read(photograph())
    assert (reading.state, reading.code) == ("unavailable", "E_WEIGHTS_MISSING")
    assert f"washtest weights fetch {name}" in reading.detail
    with pytest.raises(Unavailable, match=f"washtest weights fetch {name}"):
        label.write(photograph(), MESSAGE)


@pytest.mark.parametrize("label", [RivaGan(), TrustMark()], ids=lambda label: label.name)
def test_missing_onnxruntime_names_the_extra(label: Label, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    monkeypatch.setattr(weights, "path", lambda name, file: file)
    reading = label.read(photograph())
    assert (reading.state, reading.code) == ("unavailable", "E_PACKAGE_MISSING")
    assert onnx.INSTALL in reading.detail
    monkeypatch.setattr(onnx, "package_version", lambda *names: None)
    assert onnx.INSTALL in label.missing()  # type: ignore[attr-defined]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Models that add one of 100 fixed patterns for each bit, and correlate with them; the shapes they were given."""
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (100, 3, 8, 8)).astype(np.float32)
    patterns = patterns.repeat(32, axis=2).repeat(32, axis=3)
    shapes: list[tuple[int, ...]] = []

    def run(name: str, file: str, *inputs: np.ndarray) -> np.ndarray:
        assert name == "trustmark-q"
        shapes.extend(one.shape for one in inputs)
        assert all(one.dtype == np.float32 for one in inputs)
        if file == "encoder_Q.onnx":
            cover, bits = inputs
            assert np.abs(cover).max() <= 1
            return cover + 0.01 * np.tensordot(2 * bits[0] - 1, patterns, 1)[None]
        return np.tensordot(inputs[0][0], patterns, ([0, 1, 2], [1, 2, 3]))[None]

    monkeypatch.setattr(onnx, "run", run)
    return shapes


def test_trustmark_adapter_hands_the_models_what_they_take(stand_in: list[tuple[int, ...]]) -> None:
    grey = Media.from_pixels(np.full((300, 400, 3), 128, np.uint8))
    written = TrustMark().write(grey, MESSAGE)
    assert written.pixels().shape == grey.pixels().shape
    assert accuracy(TrustMark(), written) > 0.8
    assert stand_in == [(1, 3, 256, 256), (1, 100), (1, 3, 256, 256)]
    weaker = TrustMark(strength=0.1).write(grey, MESSAGE)
    assert psnr(grey.pixels(), weaker.pixels()) > psnr(grey.pixels(), written.pixels()) + 10


def test_trustmark_marks_the_central_square_of_a_long_picture(stand_in: list[tuple[int, ...]]) -> None:
    grey = np.full((300, 1000, 3), 128, np.uint8)
    marked = TrustMark().write(Media.from_pixels(grey), MESSAGE).pixels()
    changed = np.flatnonzero((marked != grey).any(axis=(0, 2)))
    assert (changed.min(), changed.max()) == (350, 649)
    assert trustmark._part(grey[:, :600]) == (slice(300), slice(600))


@pytest.mark.parametrize("make", [lambda: RivaGan(threshold=1.5), lambda: TrustMark(strength=0.0)])
def test_settings_out_of_range_are_refused(make: Callable[[], Label]) -> None:
    with pytest.raises(ValueError, match="must be"):
        make()


def test_votes_that_are_all_equal_are_one_class() -> None:
    assert not blind._upper_class(np.full(8, 0.25)).any()
    assert blind._upper_class(np.array([0.1, 0.9, 0.2, 0.8])).tolist() == [False, True, False, True]


def test_values_that_leave_the_range_wrap_around_as_in_the_package() -> None:
    # Saturated blue drives U to its ends; the reference lets it wrap, which its users see as specks.
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[:, ::2, 2] = 255
    marked = dwt._embed(picture, np.resize([0, 1], 32), dwt._set_largest)
    assert np.abs(marked.astype(int) - picture).max() > 100
