"""Published detectors: their networks against torch with weights made up here, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest

from bench import tensors, weights
from bench.detectors import cards, published
from bench.detectors.base import ask
from bench.detectors.cards import CARDS
from bench.detectors.published import Published, golden_picture
from bench.errors import CodedError
from bench.harness import registry
from bench.media import Media
from bench.neural import onnx, resnet, vit

PICTURE = Media.from_pixels(golden_picture()[:300, :420].copy())
SMALL = vit.Shape(32, 8, 24, 2, 3, 1e-6)


@pytest.fixture(scope="module")
def torch():
    """Torch as the reference; the networks themselves do without."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return pytest.importorskip("torch", reason="torch is not installed")


def residual(torch, stages: int, kernel: int, head: str):
    """A ResNet-50 of torch's own layers, with so many of its four stages."""
    nn = torch.nn

    class Bottleneck(nn.Module):
        def __init__(self, before: int, middle: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(before, middle, 1, bias=False), nn.BatchNorm2d(middle)
            self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(middle)
            self.conv3, self.bn3 = nn.Conv2d(middle, 4 * middle, 1, bias=False), nn.BatchNorm2d(4 * middle)
            if stride != 1 or before != 4 * middle:
                layers = nn.Conv2d(before, 4 * middle, 1, stride, bias=False), nn.BatchNorm2d(4 * middle)
                self.downsample = nn.Sequential(*layers)

        def forward(self, x):
            y = torch.relu(self.bn1(self.conv1(x)))
            y = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(y)))))
            return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))

    net, before = nn.Module(), 64
    net.conv1, net.bn1 = nn.Conv2d(3, 64, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(64)
    for stage, count in enumerate((3, 4, 6, 3)[:stages]):
        blocks = []
        for block in range(count):
            blocks.append(Bottleneck(before, 64 << stage, 2 if stage and not block else 1))
            before = 256 << stage
        setattr(net, f"layer{stage + 1}", nn.Sequential(*blocks))
    setattr(net, head, nn.Linear(before, 1))

    def forward(x):
        x = nn.functional.max_pool2d(torch.relu(net.bn1(net.conv1(x))), 3, 2, 1)
        for stage in range(stages):
            x = getattr(net, f"layer{stage + 1}")(x)
        return getattr(net, head)(x.mean((2, 3)))

    scramble(torch, net)
    return net.eval(), forward


def scramble(torch, net) -> None:
    """Statistics and scales away from 0 and 1, so that one that is left out shows."""
    torch.manual_seed(0)
    for name, tensor in net.state_dict().items():
        if tensor.dtype.is_floating_point and ("bn" in name or "downsample.1" in name or "norm" in name):
            tensor.copy_(
                torch.rand_like(tensor) + 0.5 if name.endswith(("weight", "var")) else torch.randn_like(tensor) / 9
            )


def test_cnndetection_is_a_residual_network_of_fifty_layers(torch, tmp_path: Path) -> None:
    net, forward = residual(torch, 4, 7, "fc")
    torch.save({"model": net.state_dict(), "total_steps": 5}, tmp_path / "net.pth")
    x = np.random.default_rng(0).normal(0, 1, (1, 3, 96, 96)).astype(np.float32)
    with torch.no_grad():
        expected = forward(torch.from_numpy(x)).numpy()
    found = onnx.first_output(onnx.session(resnet.cnndetection(tmp_path / "net.pth", 96)), x)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def npr_weights(torch, path: Path):
    net, forward = residual(torch, 2, 3, "fc1")
    entries = net.state_dict().values()  # as many as in the published file
    assert (len(entries), sum(entry.numel() for entry in entries)) == (146, 1_447_897)
    torch.save(net.state_dict(), path)

    def with_residual(x):
        half = torch.nn.functional.interpolate(x, scale_factor=0.5, mode="nearest", recompute_scale_factor=True)
        back = torch.nn.functional.interpolate(half, scale_factor=2, mode="nearest", recompute_scale_factor=True)
        return forward((x - back) * 2.0 / 3.0)

    return with_residual


@pytest.mark.parametrize("size", [(64, 48), (2, 2), (130, 34)])
def test_npr_looks_at_what_upsampling_leaves(torch, tmp_path: Path, size: tuple[int, int]) -> None:
    forward = npr_weights(torch, tmp_path / "net.pth")
    x = np.random.default_rng(1).normal(0, 1, (1, 3, *size)).astype(np.float32)
    with torch.no_grad():
        expected = forward(torch.from_numpy(x)).numpy()
    found = onnx.first_output(onnx.session(resnet.npr(tmp_path / "net.pth")), x)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def transformer(torch, shape: vit.Shape, activation):
    """Torch's own encoder layers, normalised first."""
    width = shape.width
    layers = [
        torch.nn.TransformerEncoderLayer(
            width, shape.heads, 4 * width, 0.0, activation, shape.epsilon, batch_first=True, norm_first=True
        )
        for _ in range(shape.depth)
    ]
    net = torch.nn.ModuleDict({"layers": torch.nn.ModuleList(layers), "norm": torch.nn.LayerNorm(width, shape.epsilon)})
    net["patch"] = torch.nn.Conv2d(3, width, shape.patch, shape.patch)
    scramble(torch, net)
    for layer in layers:  # zero in torch's beginning
        torch.nn.init.normal_(layer.self_attn.in_proj_bias)
        torch.nn.init.normal_(layer.self_attn.out_proj.bias)
    return net.eval()


def test_community_forensics_is_a_vision_transformer(torch, tmp_path: Path) -> None:
    net = transformer(torch, SMALL, "gelu")
    cls, position = torch.randn(1, 1, SMALL.width), torch.randn(1, SMALL.tokens, SMALL.width)
    head = torch.nn.Linear(SMALL.width, 1)
    state = {"cls_token": cls, "pos_embed": position, "head.weight": head.weight, "head.bias": head.bias}
    names = {"self_attn.in_proj_": "attn.qkv.", "self_attn.out_proj": "attn.proj"}
    names |= {"linear1": "mlp.fc1", "linear2": "mlp.fc2"}
    for name, tensor in net.state_dict().items():
        for theirs, timms in names.items():
            name = name.replace(theirs, timms)
        state[name.replace("layers", "blocks").replace("patch.", "patch_embed.proj.")] = tensor
    arrays = {f"vit.{name}": tensor.detach().numpy() for name, tensor in state.items()}
    assert len(arrays) == 8 + 12 * SMALL.depth  # of depth 12: the 152 of the published file
    tensors.save(tmp_path / "net.safetensors", arrays, {})
    x = torch.randn(1, 3, SMALL.side, SMALL.side)
    with torch.no_grad():
        y = torch.cat([cls, net["patch"](x).flatten(2).transpose(1, 2)], 1) + position
        for layer in net["layers"]:
            y = layer(y)
        expected = head(net["norm"](y)[:, 0]).numpy()
    found = onnx.first_output(onnx.session(vit.community_forensics(tmp_path / "net.safetensors", SMALL)), x.numpy())
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_universal_fake_detect_is_clip_and_a_line(torch, tmp_path: Path) -> None:
    net = transformer(torch, SMALL, lambda x: x * torch.sigmoid(1.702 * x))
    net["patch"].bias.data.zero_()
    width, at = SMALL.width, "vision_model.encoder.layers"
    cls, position = torch.randn(width), torch.randn(SMALL.tokens, width)
    before, after = torch.nn.LayerNorm(width, SMALL.epsilon), net["norm"]
    projection, head = torch.randn(10, width), torch.nn.Linear(10, 1)
    state = {
        "vision_model.embeddings.class_embedding": cls, "vision_model.embeddings.patch_embedding.weight":
        net["patch"].weight, "vision_model.embeddings.position_embedding.weight": position,
        "vision_model.pre_layrnorm.weight": before.weight, "vision_model.pre_layrnorm.bias": before.bias,
        "vision_model.post_layernorm.weight": after.weight, "vision_model.post_layernorm.bias": after.bias,
        "visual_projection.weight": projection, "logit_scale": torch.ones(1), "text_projection.weight": projection,
        "text_model.embeddings.position_ids": torch.zeros(1),
    }  # fmt: skip
    for number, layer in enumerate(net["layers"]):
        parts = {"layer_norm1": layer.norm1, "layer_norm2": layer.norm2, "mlp.fc1": layer.linear1,
                 "mlp.fc2": layer.linear2, "self_attn.out_proj": layer.self_attn.out_proj}  # fmt: skip
        for name, part in parts.items():
            state |= {f"{at}.{number}.{name}.weight": part.weight, f"{at}.{number}.{name}.bias": part.bias}
        for third, part in enumerate("qkv"):
            rows = slice(third * width, (third + 1) * width)
            state[f"{at}.{number}.self_attn.{part}_proj.weight"] = layer.self_attn.in_proj_weight[rows]
            state[f"{at}.{number}.self_attn.{part}_proj.bias"] = layer.self_attn.in_proj_bias[rows]
    tensors.save(tmp_path / "clip.safetensors", {name: t.detach().numpy() for name, t in state.items()}, {})
    torch.save(head.state_dict(), tmp_path / "head.pth")
    x = torch.randn(1, 3, SMALL.side, SMALL.side)
    with torch.no_grad():
        y = before(torch.cat([cls[None, None], net["patch"](x).flatten(2).transpose(1, 2)], 1) + position)
        for layer in net["layers"]:
            y = layer(y)
        expected = head(after(y[:, 0]) @ projection.T).numpy()
    model = vit.universal_fake_detect(tmp_path / "clip.safetensors", tmp_path / "head.pth", SMALL, 10)
    assert onnx.first_output(onnx.session(model), x.numpy()) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_checkpoint_of_another_network_is_refused(torch, tmp_path: Path) -> None:
    npr_weights(torch, tmp_path / "npr.pth")
    with pytest.raises(CodedError, match="E_CHECKPOINT"):
        resnet.cnndetection(tmp_path / "npr.pth", 96)
    tensors.save(tmp_path / "x.safetensors", {"vit.cls_token": np.zeros((1, 1, 24), np.float32)}, {})
    with pytest.raises(CodedError, match="E_CHECKPOINT: the checkpoint has no vit"):
        vit.community_forensics(tmp_path / "x.safetensors", SMALL)
    (tmp_path / "y.safetensors").write_bytes(b"\x80\x02.")
    with pytest.raises(CodedError, match="E_CHECKPOINT: the checkpoint is refused"):
        vit.community_forensics(tmp_path / "y.safetensors", SMALL)


def test_own_weights_run_with_the_digest_that_is_stated(torch, tmp_path: Path, monkeypatch) -> None:
    forward = npr_weights(torch, tmp_path / "mine.pth")
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    digest = weights.digest_of(tmp_path / "mine.pth")
    detector = registry.detector(f"Published(name='npr', file='mine.pth', sha256='{digest}')")
    assert (detector.info.name, detector.info.licence, detector.missing()) == ("npr:mine", "unknown", "")
    score = ask(detector, [PICTURE])[0]
    ready = detector.card.preprocessing(PICTURE.pixels())
    with torch.no_grad():
        assert score.value == pytest.approx(float(forward(torch.from_numpy(ready[None]))), rel=1e-3, abs=1e-3)
    other = Published(name="npr", file="mine.pth", sha256="0" * 64)
    assert [s.code for s in ask(other, [PICTURE])] == ["E_WEIGHTS_DIGEST"]


def test_golden_score_that_differs_is_an_error_and_no_verdict(torch, tmp_path: Path, monkeypatch) -> None:
    from dataclasses import replace

    npr_weights(torch, tmp_path / "model_epoch_last_3090.pth")
    digest = weights.digest_of(tmp_path / "model_epoch_last_3090.pth")
    pinned = weights.named("npr")
    made_up = replace(pinned, files=(replace(pinned.files[0], sha256=digest),))
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(weights, "WEIGHTS", (made_up,))
    for golden, code in ((None, ""), (1e6, "E_GOLDEN")):
        monkeypatch.setattr(cards, "CARDS", tuple(replace(c, golden=golden) for c in CARDS))
        published._opened.cache_clear()
        score = ask(Published(name="npr"), [PICTURE])[0]
        assert score.code == code and (score.value is None) == bool(code)
    published._opened.cache_clear()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_without_weights_it_says_what_to_do(card, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("WASHTEST_WEIGHTS", raising=False)
    published._opened.cache_clear()
    detector = registry.detector(card.name)
    score = ask(detector, [PICTURE])[0]
    assert score.status == "unavailable" and detector.missing()
    assert "washtest weights fetch" in score.detail or "sha256 unknown" in score.detail
    published._opened.cache_clear()


def test_every_card_stands_in_the_docs(tools) -> None:
    text = (tools.root / "docs" / "published-detectors.md").read_text("utf-8")
    for card in CARDS:
        sha256 = Published(name=card.name).info.weights_sha256
        assert all(part in text for part in (f"`{card.name}`", card.file, card.licence.split(" (")[0], sha256[:16]))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_card_is_whole_and_pinned(card) -> None:
    told = (card.paper, card.source, card.licence, card.digest, card.architecture, card.figures, card.notes)
    assert all(text and "\n" not in text for text in told)
    assert re.search(r"https://", card.paper) and re.search(r"@[0-9a-f]{7}", card.source)
    if card.weights:
        files = weights.named(card.weights).files
        assert card.file in {file.name for file in files}
        assert all(len(file.sha256) == 64 and file.bytes for file in files)
        assert all(re.search(r"[0-9a-f]{40}", file.place) for file in files if "dropbox" not in file.place)
    else:
        assert "sha256 unknown" in card.digest
    assert card.preprocessing(golden_picture()).shape[0] == 3


def test_list_prints_what_is_not_known(washtest) -> None:
    rows = {row["name"]: row for row in washtest("list", "published", "--json").json}
    assert set(rows) == {card.name for card in CARDS}
    assert rows["drct"]["sha256"] == "unknown" and {row["golden"] for row in rows.values()} == {"unknown"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"name": "nonesuch"}, "name must be one of cnndetection, npr"),
        ({"file": "a.pth"}, "state both file and the sha256"),
        ({"file": "../a.pth", "sha256": "0" * 64}, "must be a bare name"),
        ({"file": "a.pth", "sha256": "xyz"}, "64 hexadecimal digits"),
    ],
)
def test_unsound_settings_are_refused(values, why) -> None:
    with pytest.raises(ValueError, match=why):
        Published(**values)


def test_test_picture_is_what_it_was() -> None:
    picture = golden_picture()
    assert picture.shape == (512, 512, 3)
    assert Media.from_pixels(picture).pixels().sum() == int(picture.sum()) == SUM


#: Of the formula's values.
SUM = 95529858
