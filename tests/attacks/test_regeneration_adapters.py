"""Diffusion and learned codecs: what they ask for, with stand-ins that have the interface of the real ones."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from attacks import codec, diffusion
from attacks.codec import LearnedCodec
from attacks.diffusion import INPAINTERS, MODELS, DiffusionRegenerate, inpainted
from bench.errors import CodedError, Unavailable
from bench.harness.quality import psnr
from bench.media import Media

torch = pytest.importorskip("torch", reason="torch is not installed")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Pipeline:
    """Takes what diffusers' pipelines take and gives what they give: the picture with a little seeded noise."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.safety_checker = "blackens"

    def set_progress_bar_config(self, disable: bool) -> None:
        self.asked["silent"] = disable

    def to(self, device: str) -> Pipeline:
        return self

    def __call__(
        self, prompt, image, strength, num_inference_steps, guidance_scale, generator, output_type, mask_image=None,
        height=None, width=None,
    ):  # fmt: skip
        self.asked |= {"prompt": prompt, "strength": strength, "steps": num_inference_steps, "height": height,
                       "checker": self.safety_checker, "guidance": guidance_scale, "size": image.size}  # fmt: skip
        made = np.asarray(image).astype(np.float32) / 255
        made += 0.02 * torch.randn(made.shape, generator=generator).numpy()
        if mask_image is not None:
            made[np.asarray(mask_image) > 0] = 0.25
        return SimpleNamespace(images=made[None])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a stand-in in the place of diffusers, its models in the cache; gives what it was asked for."""
    said: dict[str, Any] = {}

    def from_pretrained(repository: str, **options: Any) -> Pipeline:
        said.update({"repository": repository, **options})
        return Pipeline(said)

    kinds = {kind: SimpleNamespace(from_pretrained=from_pretrained) for kind in
             (diffusion.IMAGE_TO_IMAGE, diffusion.INPAINTING)}  # fmt: skip
    monkeypatch.setitem(sys.modules, "diffusers", SimpleNamespace(**kinds))
    monkeypatch.setattr(diffusion, "missing", lambda model: "")
    diffusion.load.cache_clear()
    yield said
    diffusion.load.cache_clear()


@pytest.mark.parametrize("model", sorted(MODELS))
def test_image_to_image_is_asked_for_a_pinned_local_model(model: str, asked: dict[str, Any], tools) -> None:
    media = Media.from_pixels(tools.texture(1, 130, 150))
    made = DiffusionRegenerate(model=model, strength=0.2, steps=20)(media, rng())
    known = MODELS[model]
    assert (asked["repository"], asked["revision"]) == (known.repository, known.revision)
    assert asked["local_files_only"] is True and asked["use_safetensors"] is True and asked["silent"] is True
    assert (asked["prompt"], asked["strength"], asked["steps"]) == ("", 0.2, 20)
    assert asked["guidance"] == 0 and asked["checker"] is None
    assert asked["size"] == ((160, 144) if known.multiple == 16 else (152, 136))
    assert asked["height"] == (144 if model == "flux" else None)  # its pipeline makes 1024 x 1024 of anything else
    assert made.size == media.size and psnr(media.pixels(), made.pixels()) > 25
    assert DiffusionRegenerate(model=model, strength=0.2, steps=20)(media, rng()) == made


def test_a_single_pixel_is_scaled_to_what_the_model_takes(asked: dict[str, Any]) -> None:
    media = Media.from_pixels(np.full((1, 1, 3), 90, np.uint8))
    assert DiffusionRegenerate()(media, rng()).size == (1, 1)
    assert asked["size"] == (64, 64)


@pytest.mark.parametrize("model", sorted(INPAINTERS))
def test_inpainting_gets_the_mask_and_the_prompt(model: str, asked: dict[str, Any], tools) -> None:
    pixels = tools.texture(2, 70, 90)
    mask = np.zeros((70, 90), bool)
    mask[20:40, 30:60] = True
    made = inpainted(pixels, mask, model, rng(), prompt="a cat")
    assert asked["revision"] == INPAINTERS[model].revision and asked["prompt"] == "a cat" and asked["height"] == 72
    assert made.shape == pixels.shape and np.abs(made[22:38, 33:57].astype(int) - 64).max() <= 2
    assert psnr(pixels[:15], made[:15]) > 25


def test_a_pipeline_that_gives_something_else_is_coded(asked: dict[str, Any], monkeypatch, tools) -> None:
    media = Media.from_pixels(tools.texture(1))
    for images in (np.zeros((1, 8, 8, 3)), np.full((1, 64, 64, 3), np.nan)):
        monkeypatch.setattr(Pipeline, "__call__", lambda self, images=images, **options: SimpleNamespace(images=images))
        with pytest.raises(CodedError, match="E_MODEL_OUTPUT"):
            DiffusionRegenerate()(media, rng())


def test_a_model_that_is_not_in_the_cache_is_unavailable(monkeypatch: pytest.MonkeyPatch, tools) -> None:
    media = Media.from_pixels(tools.texture(1))
    diffusion.load.cache_clear()
    monkeypatch.setattr(diffusion, "package_version", lambda *names: None)
    assert DiffusionRegenerate().missing() == "pip install 'washtest[diffusion]'"
    with pytest.raises(Unavailable, match=r"E_PACKAGE_MISSING.*pip install 'washtest\[diffusion\]'"):
        DiffusionRegenerate()(media, rng())
    monkeypatch.setattr(diffusion, "package_version", lambda *names: "1")
    monkeypatch.setattr(diffusion, "_cached", lambda model: False)
    for name, known in MODELS.items():
        assert DiffusionRegenerate(model=name).missing() == known.command()
        with pytest.raises(Unavailable, match=f"E_WEIGHTS_MISSING.*hf download {known.repository} --revision"):
            DiffusionRegenerate(model=name)(media, rng())


def test_half_a_download_is_unavailable_too(asked: dict[str, Any], monkeypatch, tools) -> None:
    def incomplete(*arguments: Any, **options: Any) -> None:
        raise OSError("no file named diffusion_pytorch_model.safetensors")

    monkeypatch.setattr(sys.modules["diffusers"].AutoPipelineForImage2Image, "from_pretrained", incomplete)
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_MISSING.*hf download"):
        DiffusionRegenerate()(Media.from_pixels(tools.texture(1)), rng())


def test_settings_that_would_run_no_step_are_refused() -> None:
    with pytest.raises(ValueError, match="strength x steps"):
        DiffusionRegenerate(strength=0.01, steps=50)
    assert (
        DiffusionRegenerate(strength=0.3).family == DiffusionRegenerate().family != DiffusionRegenerate("flux").family
    )
    assert DiffusionRegenerate("sdxl").versions()["stabilityai/stable-diffusion-xl-base-1.0"] == "462165984030"


# Codecs ------------------------------------------------------------------------------------------------------------


class Codec:
    """Rounds to 16 steps, on sides that are multiples of 64 only."""

    def __call__(self, x):
        assert x.shape[0] == 1 and x.shape[2] % 64 == x.shape[3] % 64 == 0
        return {"x_hat": (x * 15).round() / 15, "likelihoods": {}}

    def eval(self) -> Codec:
        return self


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Any, Path]:
    """A stand-in for CompressAI with one codec, and the file that its weights belong into."""
    content = b"weights"
    name = f"bmshj2018-factorized-prior-3-{hashlib.sha256(content).hexdigest()[:8]}.pth.tar"
    image = SimpleNamespace(
        model_urls={"bmshj2018-factorized": {"mse": {3: f"scheme:/models/v1/{name}"}}},
        bmshj2018_factorized=lambda quality, pretrained, progress: Codec(),
    )
    monkeypatch.setitem(sys.modules, "compressai", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "compressai.zoo", SimpleNamespace(image=image))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    file = tmp_path / "checkpoints" / name
    file.parent.mkdir()
    file.write_bytes(content)
    codec.load.cache_clear()
    yield image, file
    codec.load.cache_clear()


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (100, 130)], ids=str)
def test_a_codec_keeps_the_size(size: tuple[int, int], zoo, tools) -> None:
    media = Media.from_pixels(rng().integers(0, 256, (*size, 3), dtype=np.uint8))
    made = LearnedCodec()(media, rng())
    assert made.size == media.size
    assert 0 < np.abs(made.pixels().astype(int) - media.pixels()).max() <= 9


def test_weights_of_a_codec_are_never_downloaded(zoo, tools) -> None:
    media = Media.from_pixels(tools.texture(1))
    zoo[1].write_bytes(b"something else")
    with pytest.raises(Unavailable, match="E_WEIGHTS_DIGEST"):
        LearnedCodec()(media, rng())
    zoo[1].unlink()
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_MISSING.*as codec; codec.3, pretrained=True"):
        LearnedCodec()(media, rng())


def test_a_codec_that_gives_nan_is_coded(zoo, monkeypatch, tools) -> None:
    monkeypatch.setattr(Codec, "__call__", lambda self, x: {"x_hat": x * float("nan")})
    with pytest.raises(CodedError, match="E_NOT_FINITE"):
        LearnedCodec()(Media.from_pixels(tools.texture(1)), rng())


def test_a_missing_codec_package_says_what_to_install(monkeypatch, tools) -> None:
    codec.load.cache_clear()
    monkeypatch.setitem(sys.modules, "compressai", None)
    monkeypatch.setitem(sys.modules, "compressai.zoo", None)
    with pytest.raises(Unavailable, match=r"E_PACKAGE_MISSING.*pip install --no-deps compressai"):
        LearnedCodec()(Media.from_pixels(tools.texture(1)), rng())
    with pytest.raises(ValueError, match=r"quality must be in 1\.\.6"):
        LearnedCodec(model="cheng2020-attn", quality=7)
    assert LearnedCodec(quality=1).severity > LearnedCodec(quality=8).severity == 1


def test_model_in_the_hubs_cache_is_found_where_the_hub_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = next(iter(diffusion.MODELS.values()))
    hub = pytest.importorskip("huggingface_hub", reason="huggingface-hub is not installed")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert not diffusion._cached(model)
    folder = tmp_path / f"models--{model.repository.replace('/', '--')}" / "snapshots" / model.revision
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    assert diffusion._cached(model)
    found = hub.try_to_load_from_cache(
        model.repository, "model_index.json", cache_dir=tmp_path, revision=model.revision
    )
    assert isinstance(found, str) and Path(found).samefile(folder / "model_index.json")
