"""The adapters of models that are not shipped, with stand-ins of the same interface in their place."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from attacks import diffusion, fill
from attacks.edit import Edit
from bench import weights
from bench.errors import CodedError, Unavailable
from bench.media import Media

PIXELS = np.full((90, 130, 3), 200, np.uint8)
MASK = np.zeros((90, 130), np.uint8)
MASK[30:60, 40:90] = 255
RNG = np.random.default_rng(0)


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
    made = fill.fill("lama", PIXELS, MASK, RNG)
    assert made.shape == PIXELS.shape and made.dtype == np.uint8
    assert (made[35:55, 45:85] == 20).all() and (made[:25] == 200).all()
    media = Media.from_pixels(np.tile(PIXELS, (2, 2, 1)))
    shown, mask = Edit(area=0.2, method="lama").with_mask(media, np.random.default_rng(0))
    assert shown.pixels()[mask > 0].min() == 20 and (shown.pixels()[mask == 0] == 200).all()


def test_lama_that_gives_nan_is_an_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(weights, "path", lambda name, file: stand_in(tmp_path / file, float("nan")))
    with pytest.raises(CodedError, match="E_NOT_FINITE"):
        fill.fill("lama", PIXELS, MASK, RNG)


def test_weights_that_are_missing_or_altered_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "none")
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_MISSING.*washtest weights fetch lama"):
        fill.fill("lama", PIXELS, MASK, RNG)
    (tmp_path / "lama_fp32.onnx").write_bytes(b"something else")
    with pytest.raises(Unavailable, match="E_WEIGHTS_DIGEST"):
        fill.fill("lama", PIXELS, MASK, RNG)


@pytest.fixture
def pipeline(monkeypatch):
    """Stand-ins for torch and for a loaded pipeline, which paints the masked part in the grey level of its seed."""

    class Generator:
        def __init__(self, device: str) -> None:
            assert device == "cpu"

        def manual_seed(self, seed: int) -> int:
            return seed

    def painted(*, prompt, image, mask_image, height, width, generator, **settings):
        assert image.size == mask_image.size == (width, height) == (512, 512)
        made = np.array(image) / 255
        made[np.array(mask_image) > 0] = generator % 100 / 255
        return types.SimpleNamespace(images=[made])

    torch = types.ModuleType("torch")
    torch.__dict__["Generator"] = Generator
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(diffusion, "load", lambda kind, model: painted)


def test_diffusion_paints_the_region_and_is_seeded(pipeline) -> None:
    made = fill.fill("diffusion", PIXELS, MASK, np.random.default_rng(1))
    inside = made[35:55, 45:85]
    assert made.shape == PIXELS.shape and inside.max() < 100 and np.ptp(inside) <= 1 and (made[:25] == 200).all()
    assert np.array_equal(made, fill.fill("diffusion", PIXELS, MASK, np.random.default_rng(1)))
    assert not np.array_equal(made, fill.fill("diffusion", PIXELS, MASK, np.random.default_rng(2)))


def test_packages_that_are_missing_are_named(monkeypatch) -> None:
    monkeypatch.setattr(diffusion, "package_version", lambda name: None)
    assert Edit(method="diffusion").missing() == "pip install 'washtest[diffusion]'"
    with pytest.raises(Unavailable, match=r"E_PACKAGE_MISSING.*washtest\[diffusion\]"):
        Edit(method="diffusion")(Media.from_pixels(PIXELS), np.random.default_rng(0))
