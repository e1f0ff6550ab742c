"""The adapters of models that are not shipped, with stand-ins of the same interface in their place."""

import importlib.machinery
import sys
import types
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from attacks.edit import Edit
from bench import weights
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.neural import inpainting

PIXELS = np.full((90, 130, 3), 200, np.uint8)
MASK = np.zeros((90, 130), np.uint8)
MASK[30:60, 40:90] = 255


def stand_in(path: Path, fill: float) -> Path:
    """A model with LaMa's inputs and range: what is masked becomes ``fill`` of 0..255."""
    onnx = pytest.importorskip("onnx")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    image, mask, made = (
        helper.make_tensor_value_info(name, float32, [1, channels, 512, 512])
        for name, channels in (("image", 3), ("mask", 1), ("output", 3))
    )
    constants = [helper.make_tensor(name, float32, [], [value]) for name, value in (("white", 255.0), ("fill", fill))]
    nodes = [
        helper.make_node("Mul", ["image", "white"], ["whole"]),
        helper.make_node("Cast", ["mask"], ["hole"], to=onnx.TensorProto.BOOL),
        helper.make_node("Where", ["hole", "fill", "whole"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "lama", [image, mask], [made], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_lama_is_given_its_square_and_gives_the_region_back(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(weights, "path", lambda name, file: stand_in(tmp_path / file, 20.0))
    made = inpainting.lama(PIXELS, MASK)
    assert made.shape == PIXELS.shape and made.dtype == np.uint8
    assert (made[35:55, 45:85] == 20).all() and (made[:25] == 200).all()
    media = Media.from_pixels(np.tile(PIXELS, (2, 2, 1)))
    shown, mask = Edit(area=0.2, method="lama").with_mask(media, np.random.default_rng(0))
    assert shown.pixels()[mask > 0].min() == 20 and (shown.pixels()[mask == 0] == 200).all()


def test_lama_that_gives_nan_is_an_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(weights, "path", lambda name, file: stand_in(tmp_path / file, float("nan")))
    with pytest.raises(CodedError, match="E_NOT_FINITE"):
        inpainting.lama(PIXELS, MASK)


def test_weights_that_are_missing_or_altered_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "none")
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_MISSING.*washtest weights fetch lama"):
        inpainting.lama(PIXELS, MASK)
    (tmp_path / "lama_fp32.onnx").write_bytes(b"something else")
    with pytest.raises(Unavailable, match="E_WEIGHTS_DIGEST"):
        inpainting.lama(PIXELS, MASK)


class Generator:
    """Of torch, as far as the adapter uses it."""

    def __init__(self, device: str) -> None:
        assert device == "cpu"

    def manual_seed(self, seed: int) -> int:
        return seed


class Pipeline:
    """Of diffusers: paints the masked part in the grey level of its seed."""

    calls: ClassVar[list[dict]] = []

    @classmethod
    def from_pretrained(cls, model: str, **settings) -> "Pipeline":
        cls.calls.append({"model": model} | settings)
        return cls()

    def set_progress_bar_config(self, disable: bool) -> None:
        assert disable

    def __call__(self, *, prompt, image, mask_image, height, width, num_inference_steps, generator):
        from PIL import Image

        assert image.size == mask_image.size == (width, height) == (512, 512)
        made = np.array(image)
        made[np.array(mask_image) > 0] = generator % 100
        return types.SimpleNamespace(images=[Image.fromarray(made)])


@pytest.fixture
def diffusers(monkeypatch):
    """Stand-ins for the packages."""
    modules = {
        "torch": types.SimpleNamespace(float32="float32", Generator=Generator),
        "diffusers": types.SimpleNamespace(AutoPipelineForInpainting=Pipeline),
    }
    for name, attributes in modules.items():
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__dict__.update(vars(attributes))
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(inpainting, "missing_diffusion", str)
    monkeypatch.setattr(Pipeline, "calls", [])
    inpainting._pipeline.cache_clear()
    yield Pipeline
    inpainting._pipeline.cache_clear()


def test_diffusion_is_seeded_and_loaded_from_the_cache_only(diffusers) -> None:
    made = inpainting.diffusion(PIXELS, MASK, 142)
    assert made.shape == PIXELS.shape and abs(int(made[45, 65, 0]) - 42) <= 1 and (made[:25] == 200).all()
    assert np.array_equal(made, inpainting.diffusion(PIXELS, MASK, 142))
    (call,) = diffusers.calls  # loaded once
    assert call["local_files_only"] is True and call["use_safetensors"] is True
    assert call["revision"] == inpainting.REVISION


def test_a_checkpoint_that_is_not_here_says_what_to_run(diffusers, monkeypatch) -> None:
    def gone(model: str, **settings) -> None:
        raise OSError("We couldn't connect to the hub")

    monkeypatch.setattr(diffusers, "from_pretrained", gone)
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_MISSING.*hf download .* --revision"):
        inpainting.diffusion(PIXELS, MASK, 0)


def test_packages_that_are_missing_are_named(monkeypatch) -> None:
    monkeypatch.setattr(inpainting, "package_version", lambda name: None)
    inpainting._pipeline.cache_clear()
    with pytest.raises(Unavailable, match=r"E_PACKAGE_MISSING.*washtest\[diffusion\]"):
        inpainting.diffusion(PIXELS, MASK, 0)
    assert Edit(method="diffusion").missing() == "pip install 'washtest[diffusion]'"
