"""Autoencoders at any size: tiles without seams, coded failures, and TAEF2 as published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from bench.check_pictures import photograph
from bench.errors import CodedError, Unavailable, UserError
from bench.neural import tiles, vae
from bench.neural.graph import Graph, Parameters
from bench.neural.tiles import Part
from bench.neural.vae import Vae


def stand_in(spoilt: bool = False) -> Vae:
    """An autoencoder of random weights with the interface of the real ones: 3 x stride 2, and back."""
    rng = np.random.default_rng(5)
    channels = {"e0": (3, 8), "e1": (8, 8), "e2": (8, 4), "d0": (4, 8), "d1": (8, 8), "d2": (8, 3)}
    arrays = {f"{key}.weight": rng.normal(0, 0.2, (after, before, 3, 3)) for key, (before, after) in channels.items()}
    parameters = Parameters({key: values.astype(np.float32) for key, values in arrays.items()})
    encoder, decoder = Graph(parameters, 3), Graph(parameters, 4)
    x, y = encoder.input, decoder.input
    for i in range(3):
        x = encoder.conv(x, f"e{i}", channels[f"e{i}"], stride=2, bias=False)
        y = decoder.conv(decoder.double(y), f"d{i}", channels[f"d{i}"], bias=False)
    if spoilt:
        y = decoder.op("Log", decoder.op("Sub", y, y))  # minus infinity
    parts = (Part(encoder.model(x), 8, 1, reach=1),), (Part(decoder.model(y), 1, 8, reach=1),)
    return Vae("stand-in", 8, 4, "", lambda: parts)


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    import cv2

    coarse = np.random.default_rng(seed).random((height // 16 + 2, width // 16 + 2, 3), dtype=np.float32)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, 3)
    return np.clip(picture, 0, 1)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(one.astype(float) - other).mean() + 1e-30))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (17, 3), (8, 8), (33, 100)])
def test_any_size_comes_back_in_its_own_size(size: tuple[int, int]) -> None:
    model = stand_in()
    pixels = smooth(*size)
    latent = model.encode(pixels)
    assert latent.shape == (4, -(-size[0] // 8), -(-size[1] // 8)) and latent.dtype == np.float32
    back = model.round_trip(pixels)
    assert back.shape == pixels.shape and back.dtype == np.float32
    assert 0 <= back.min() and back.max() <= 1
    whole = model.decode(latent)
    assert whole.shape == (8 * latent.shape[1], 8 * latent.shape[2], 3)
    assert np.array_equal(whole[: size[0], : size[1]], back)


@pytest.mark.parametrize("tile", [32, 40, 64])
def test_tiles_are_the_untiled_result(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = stand_in(), smooth(203, 150)
    latent, back = model.encode(pixels), model.round_trip(pixels)
    monkeypatch.setattr(vae, "TILE", tile)
    assert np.abs(model.encode(pixels) - latent).max() < 1e-5
    assert psnr(model.round_trip(pixels), back) > 100


@pytest.mark.parametrize(("size", "reach", "most"), [(1, 9, 128), (129, 9, 128), (7, 1, 3), (9, None, 2)])
def test_tiles_cover_each_cell_once_and_stay_small(size: int, reach: int | None, most: int) -> None:
    found = list(tiles.cuts(size, reach, most))
    assert [cell for begin, end, _, _ in found for cell in range(begin, end)] == list(range(size))
    for begin, end, first, last in found:
        assert 0 <= first <= begin < end <= last <= size
        assert reach is None or last - first <= most
        assert first == max(0, begin - (reach or 0)) and last == min(size, end + (reach or 0))


def test_latent_noise_is_seeded_and_grows() -> None:
    model, pixels = stand_in(), smooth(64, 64)
    plain = model.round_trip(pixels)
    noisy = [model.round_trip(pixels, np.random.default_rng(3), noise) for noise in (0.05, 0.05, 0.5)]
    assert np.array_equal(noisy[0], noisy[1])
    assert psnr(noisy[2], plain) < psnr(noisy[0], plain) < 90
    with pytest.raises(ValueError, match="needs an rng"):
        model.round_trip(pixels, None, 0.1)


def test_numbers_that_are_not_finite_are_coded() -> None:
    with pytest.raises(CodedError, match="E_NOT_FINITE: stand-in gave NaN"):
        stand_in(spoilt=True).round_trip(smooth(16, 16))


def test_unknown_name_says_what_there_is() -> None:
    with pytest.raises(UserError, match=r"unknown autoencoder 'taef'.*Did you mean taef2"):
        vae.named("taef")


def test_missing_weights_say_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.delenv("WASHTEST_WEIGHTS", raising=False)
    taef2 = vae.named("taef2")
    assert taef2.missing() == "washtest weights fetch taef2"
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_MISSING: .* run: washtest weights fetch taef2"):
        taef2.encode(smooth(8, 8))
    (tmp_path / "taef2_encoder.pth").write_bytes(b"something else")
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    with pytest.raises(Unavailable, match="E_WEIGHTS_DIGEST"):
        taef2.encode(smooth(8, 8))
    assert replace(taef2, weights="").missing() == ""


@pytest.fixture
def taef2(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Vae:
    if not (shared / "weights" / "taef2_encoder.pth").is_file():
        pytest.skip("no weights of TAEF2")
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(shared / "weights"))
    return vae.named("taef2")


def test_taef2_keeps_a_picture_and_says_its_shape(taef2: Vae) -> None:
    pixels = photograph().pixels()[:100, :140].astype(np.float32) / 255
    latent = taef2.encode(pixels)
    assert latent.shape == (taef2.channels, 13, 18)
    assert 0.5 < latent.std() < 1.5
    assert psnr(taef2.round_trip(pixels), pixels) > 27


def test_taef2_has_no_seams_although_three_blocks_see_everything(taef2: Vae, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = smooth(30, 330) * np.random.default_rng(1).random((30, 330, 1), dtype=np.float32)
    latent, back = taef2.encode(pixels), taef2.round_trip(pixels)
    monkeypatch.setattr(vae, "TILE", 208)
    assert np.abs(taef2.encode(pixels) - latent).max() < 1e-4
    assert psnr(taef2.round_trip(pixels), back) > 100
    # With too little of their surroundings the tiles would differ.
    near, far = taef2.parts()
    short = replace(taef2, parts=lambda: ((replace(near[0], reach=1), near[1]), far))
    assert np.abs(short.encode(pixels) - latent).max() > 1e-2
