"""Models built as ONNX graphs against the same architectures in torch, with the published weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from bench.errors import CodedError
from bench.neural import dncnn, ferretnet, onnx, pth, taef2
from bench.neural.graph import Graph, Parameters


@pytest.fixture
def weights(shared: Path) -> Path:
    folder = shared / "weights"
    if not (folder / "taef2_encoder.pth").is_file():
        pytest.skip(f"no weights in {folder}")
    return folder


def through(graphs: tuple[bytes, ...], values: np.ndarray) -> np.ndarray:
    for graph in graphs:
        values = onnx.first_output(onnx.session(graph), values)
    return values


def torch_blocks(torch: Any) -> Callable[..., Any]:
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, pooled: bool = False) -> None:
            super().__init__()
            layers = [nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()]
            self.conv = nn.Sequential(*layers, nn.Conv2d(64, 64, 3, padding=1))
            self.pool = None
            if pooled:
                wide = (nn.Conv2d(64, 256, 1, bias=False), nn.GroupNorm(4, 256), nn.ReLU())
                self.pool = nn.Sequential(*wide, nn.Conv2d(256, 64, 1, bias=False))

        def forward(self, x: Any) -> Any:
            x = x if self.pool is None else x + self.pool(x)
            return torch.relu(self.conv(x) + x)

    return Block


def torch_taef2(torch: Any) -> tuple[Any, Any]:
    nn, block = torch.nn, torch_blocks(torch)

    def conv(before: int, after: int, **more: Any) -> Any:
        return nn.Conv2d(before, after, 3, padding=1, **more)

    class Clamp(nn.Module):
        def forward(self, x: Any) -> Any:
            return 3 * torch.tanh(x / 3)

    down = [[conv(64, 64, stride=2, bias=False), *(block(pooled) for _ in range(3))] for pooled in (0, 0, 1)]
    encoder = nn.Sequential(conv(3, 64), block(), *down[0], *down[1], *down[2], conv(64, 32))
    up = [[*(block(p) for _ in range(3)), nn.Upsample(scale_factor=2), conv(64, 64, bias=False)] for p in (1, 0, 0)]
    decoder = nn.Sequential(Clamp(), conv(32, 64), nn.ReLU(), *up[0], *up[1], *up[2], block(), conv(64, 3))
    return encoder, decoder


def loaded(torch: Any, module: Any, path: Path, key: str = "") -> Any:
    state = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(state[key] if key else state, strict=True)
    return module.float().eval()


@pytest.mark.parametrize("size", [(8, 8), (64, 104), (256, 200)])
def test_taef2_is_torchs(size: tuple[int, int], weights: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    files = weights / "taef2_encoder.pth", weights / "taef2_decoder.pth"
    encoder, decoder = (loaded(torch, m, f) for m, f in zip(torch_taef2(torch), files, strict=True))
    pixels = np.random.default_rng(1).random((1, 3, *size), dtype=np.float32)
    with torch.inference_mode():
        latent = encoder(torch.from_numpy(pixels))
        back = decoder(latent).numpy()
    ours = through(taef2.encoder(files[0]), pixels)
    assert ours.shape == (1, taef2.LATENT, size[0] // 8, size[1] // 8)
    assert np.abs(ours - latent.numpy()).max() < 5e-5  # of values up to 4
    assert np.abs(through(taef2.decoder(files[1]), latent.numpy()) - back).max() < 5e-5


def test_dncnn_is_torchs(weights: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    nn = torch.nn
    layers = [nn.Conv2d(1 if i == 0 else 64, 1 if i == 16 else 64, 3, padding=1) for i in range(17)]
    model = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))[:-1]
    state = torch.load(weights / "dncnn_25.pth", map_location="cpu", weights_only=True)
    model.load_state_dict({key.removeprefix("model."): values for key, values in state.items()}, strict=True)
    pixels = np.random.default_rng(2).random((1, 1, 41, 70), dtype=np.float32)
    with torch.inference_mode():
        expected = pixels - model(torch.from_numpy(pixels)).numpy()
    assert np.abs(through((dncnn.model(weights / "dncnn_25.pth"),), pixels) - expected).max() < 1e-5


def torch_ferretnet(torch: Any) -> Any:
    nn = torch.nn

    class Dilated(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            shared = {"stride": stride, "groups": before, "bias": False}
            self.conv1 = nn.Conv2d(before, after, 3, padding=1, **shared)
            self.conv2 = nn.Conv2d(before, after, 3, padding=2, dilation=2, **shared)
            self.conv3 = nn.Conv2d(after, after, 1, bias=False)

        def forward(self, x: Any) -> Any:
            return self.conv3(self.conv1(x) + self.conv2(x))

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            separable = nn.Sequential()
            separable.add_module("depth_wise", nn.Conv2d(after, after, 3, padding=1, groups=after, bias=False))
            separable.add_module("point_wise", nn.Conv2d(after, after, 1, bias=False))
            norms = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
            self.layers = nn.Sequential(Dilated(before, after, stride), norms[0], nn.ReLU(), separable, norms[1])
            shape = nn.Conv2d(before, after, 1, stride=stride), nn.BatchNorm2d(after)
            self.shortcut = nn.Sequential(*shape) if before != after else nn.Identity()

        def forward(self, x: Any) -> Any:
            return torch.relu(self.layers(x) + self.shortcut(x))

    class FerretNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cbr1 = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
            self.cbr2 = nn.Sequential(
                nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()
            )
            stages = [nn.Sequential(Block(w, 2 * w, 2), Block(2 * w, 2 * w, 1)) for w in (32, 64)]
            self.feature = nn.Sequential(*stages, nn.Conv2d(128, 128, 1, bias=False))
            self.logit = nn.Sequential(nn.Dropout(0.2), nn.Linear(128, 1))

        def forward(self, x: Any) -> Any:
            windows = nn.functional.unfold(nn.functional.pad(x, (1, 1, 1, 1)), 3).view(*x.shape[:2], 9, -1).clone()
            windows[:, :, 4] = 0
            x = x - windows.median(dim=2).values.view(x.shape)
            return self.logit(self.feature(self.cbr2(self.cbr1(x))).mean(dim=(2, 3)))

    return FerretNet()


def test_ferretnet_is_torchs(weights: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    path = weights / "ferretnet-s-median-3.pth"
    model = loaded(torch, torch_ferretnet(torch), path, "model")
    assert sum(values.numel() for values in model.parameters()) == 126_289
    rng = np.random.default_rng(3)
    for pixels in (rng.normal(0, 1, (1, 3, 256, 256)), np.round(rng.normal(0, 1, (1, 3, 256, 256)))):  # ties, too
        with torch.inference_mode():
            expected = float(model(torch.from_numpy(pixels.astype(np.float32))))
        [[ours]] = through((ferretnet.model(path),), pixels.astype(np.float32))
        assert ours == pytest.approx(expected, abs=1e-3, rel=1e-4)


def test_every_array_must_be_used_and_have_its_shape() -> None:
    def model(**arrays: np.ndarray) -> bytes:
        parameters = Parameters(arrays)
        graph = Graph(parameters, 3)
        x = graph.conv(graph.input, "a", (3, 2))
        parameters.finish()
        return graph.model(x)

    weight, bias = np.zeros((2, 3, 3, 3), np.float16), np.ones(2, np.float16)
    pixels = np.zeros((1, 3, 5, 7), np.float32)
    assert (through((model(**{"a.weight": weight, "a.bias": bias}),), pixels) == np.ones((1, 2, 5, 7))).all()
    for arrays, said in (
        ({"a.weight": weight}, "no a.bias"),
        ({"a.weight": weight[:1], "a.bias": bias}, r"a.weight has the shape \(1, 3, 3, 3\), not \(2, 3, 3, 3\)"),
        ({"a.weight": weight, "a.bias": bias, "b": bias}, "1 arrays are left over: b"),
        ({"a.weight": weight, "a.bias": bias * np.nan}, "a.bias holds numbers that are not finite"),
    ):
        with pytest.raises(CodedError, match=f"E_CHECKPOINT: .*{said}"):
            model(**arrays)


def test_a_checkpoint_of_another_model_is_refused(weights: Path) -> None:
    with pytest.raises(CodedError, match=r"E_CHECKPOINT: the checkpoint has no 0\.weight"):
        taef2.encoder(weights / "taef2_decoder.pth")
    with pytest.raises(CodedError, match="E_CHECKPOINT: the checkpoint is refused: it has no entry 'model'"):
        ferretnet.model(weights / "dncnn_25.pth")
    assert len(pth.read(weights / "taef2_decoder.pth")) > 10
