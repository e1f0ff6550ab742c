"""The reconstruction detector: low error means "made by such a decoder", and nothing else is a verdict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate1d

from bench.check_pictures import photograph, picture
from bench.detectors.reconstruction import Reconstruction, gradient_error
from bench.errors import CodedError
from bench.media import Media
from bench.neural import vae
from bench.neural.vae import Vae


class Rounding(Vae):
    """Stands in for an autoencoder: keeps the mean of each cell, so that its own results come back unchanged."""

    def round_trip(self, pixels, rng=None, latent_noise=0.0):  # type: ignore[no-untyped-def]
        cells = pixels.copy()
        for top in range(0, pixels.shape[0], 8):
            for left in range(0, pixels.shape[1], 8):
                part = cells[top : top + 8, left : left + 8]
                part[:] = part.mean(axis=(0, 1))
        return cells


class Failing(Vae):
    """An autoencoder that gives NaN."""

    def round_trip(self, pixels, rng=None, latent_noise=0.0):  # type: ignore[no-untyped-def]
        raise CodedError("E_NOT_FINITE", f"{self.name} gave NaN or infinity")


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    more = Rounding("rounding", 8, 3, "", lambda: ((), ())), Failing("failing", 8, 3, "", lambda: ((), ()))
    monkeypatch.setattr(vae, "VAES", (*vae.VAES, *more))


def value(detector: Reconstruction, pixels: np.ndarray) -> float:
    [score] = detector.score([Media.from_pixels(pixels)])
    assert score.status == "ok", score
    assert score.value is not None
    return score.value


def test_error_is_the_share_of_the_gradients_that_is_wrong() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 20, 31, 3), dtype=np.float32)
    assert gradient_error(one, one) == 0
    assert gradient_error(one, one + np.float32(0.3)) < 1e-5  # blind to brightness
    assert gradient_error(one, np.zeros_like(one)) == pytest.approx(1, abs=0.01)
    assert gradient_error(one / 4, other / 4) == pytest.approx(gradient_error(one, other), rel=0.01)  # and to contrast

    def gradients(values: np.ndarray) -> float:
        kernel = np.array([-1, 1])  # at i: values[i] - values[i - 1]
        steps = [correlate1d(values.astype(float), kernel, axis=axis) for axis in (0, 1)]
        return float(np.abs(steps[0][1:]).mean() + np.abs(steps[1][:, 1:]).mean())

    assert gradient_error(one, other) == pytest.approx(gradients(one - other) / (gradients(one) + 0.001), rel=1e-5)
    assert gradient_error(np.full_like(one, 0.5), np.full_like(one, 0.4)) == 0


@pytest.mark.usefixtures("stand_ins")
def test_what_the_decoder_made_scores_higher() -> None:
    detector = Reconstruction(model="rounding")
    pixels = photograph().pixels()
    made = np.repeat(np.repeat(pixels[::8, ::8], 8, axis=0), 8, axis=1)
    assert value(detector, made) == pytest.approx(0, abs=1e-4)
    assert value(detector, pixels) < -0.001


@pytest.mark.usefixtures("stand_ins")
def test_only_the_centre_counts_in_a_large_picture() -> None:
    pixels = photograph().pixels()
    height, width = pixels.shape[:2]
    top, left = (height - 128) // 2, (width - 128) // 2
    detector = Reconstruction(model="rounding", side=128)
    assert value(detector, pixels) == value(detector, pixels[top : top + 128, left : left + 128])
    assert value(detector, pixels) != value(Reconstruction(model="rounding"), pixels)


@pytest.mark.usefixtures("stand_ins")
def test_failures_are_coded() -> None:
    [small] = Reconstruction(model="rounding").score([picture(31, 200)])
    assert (small.value, small.status, small.code) == (None, "error", "E_TOO_SMALL")
    [nan] = Reconstruction(model="failing").score([picture()])
    assert (nan.value, nan.status, nan.code) == (None, "error", "E_NOT_FINITE")
    with pytest.raises(ValueError, match="model must be one of washvae, taef2, rounding, failing, got 'sdxl'"):
        Reconstruction(model="sdxl")
    with pytest.raises(ValueError, match=r"side must be in 32\.\.2048, got 8"):
        Reconstruction(side=8)


@pytest.mark.usefixtures("stand_ins")
def test_name_says_which_model_and_size() -> None:
    assert Reconstruction().info.name == "reconstruction"
    assert Reconstruction(model="rounding", side=128).info.name == "reconstruction-rounding-128"
    assert len(Reconstruction().info.weights_sha256.split()) == 2
    info = Reconstruction(model="taef2").info
    assert info.name == "reconstruction-taef2" and info.licence == "MIT" and len(info.weights_sha256.split()) == 2
    assert Reconstruction(model="rounding").missing() in ("", "pip install onnxruntime")


def test_twins_of_taef2_are_told_from_their_originals(shared, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    if not (shared / "weights" / "taef2_encoder.pth").is_file():
        pytest.skip("no weights of TAEF2")
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(shared / "weights"))
    detector = Reconstruction(side=128)
    original = photograph().pixels()[96:224, 128:256]
    twin = vae.named("taef2").round_trip(original.astype(np.float32) / 255)
    assert value(detector, np.rint(twin * 255).astype(np.uint8)) > value(detector, original)
