"""Two published detectors that are vision transformers, as ONNX graphs from their checkpoints.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021, https://arxiv.org/abs/2010.11929).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import tensors
from bench.errors import CodedError
from bench.neural import pth
from bench.neural.graph import Graph, Parameters

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Shape:
    """The sizes of a vision transformer.

    Attributes:
        side: of the input, pixels.
        patch: side of a patch, pixels.
        width: of a token.
        depth: number of blocks.
        heads: of the attention.
        epsilon: of the layer normalisation.
    """

    side: int
    patch: int
    width: int
    depth: int
    heads: int
    epsilon: float

    @property
    def tokens(self) -> int:
        """Patches, and the one that stands for the picture."""
        return (self.side // self.patch) ** 2 + 1


#: ViT-S/16 for 384 pixels as timm has it, and the image encoder of CLIP ViT-L/14.
COMMUNITY_FORENSICS = Shape(384, 16, 384, 12, 6, 1e-6)
CLIP = Shape(224, 14, 1024, 24, 16, 1e-5)
#: Length of CLIP's image features.
CLIP_FEATURES = 768
#: What CLIP's file holds beside the image encoder.
NOT_THE_IMAGE = ("text_model.", "text_projection.", "logit_scale", "vision_model.embeddings.position_ids")


@functools.cache
def community_forensics(checkpoint: Path, shape: Shape = COMMUNITY_FORENSICS) -> bytes:
    """Community Forensics: ``(1, 3, 384, 384)`` float32 in RGB, normalised, to the logit ``(1, 1)``.

    Park and Owens, "Community Forensics: Using Thousands of Generators to Train Fake Image Detectors" (CVPR 2025,
    https://arxiv.org/abs/2411.04125).

    Args:
        checkpoint: the published ``model.safetensors``.
        shape: of the network.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(_read(checkpoint))
    graph = Graph(parameters, 3, (shape.side, shape.side))
    net = _Transformer(graph, parameters, shape)
    x = net.patches("vit.patch_embed.proj", bias=True)
    width = shape.width
    cls, position = (
        parameters.take(f"vit.{key}", 1, n, width) for key, n in (("cls_token", 1), ("pos_embed", shape.tokens))
    )
    x = graph.op("Add", graph.op("Concat", graph.constant(cls), x, axis=1), graph.constant(position))
    for number in range(shape.depth):
        key = f"vit.blocks.{number}"
        weight, bias = net.weights(f"{key}.attn.qkv", width, 3 * width)
        thirds = [(weight[:, i * width : (i + 1) * width], bias[i * width : (i + 1) * width]) for i in range(3)]
        x = graph.op("Add", x, net.attention(net.norm(x, f"{key}.norm1"), thirds, f"{key}.attn.proj"))
        x = graph.op("Add", x, net.feed_forward(net.norm(x, f"{key}.norm2"), f"{key}.mlp", net.gelu))
    logit = net.linear(net.first_token(net.norm(x, "vit.norm")), *net.weights("vit.head", width, 1))
    parameters.finish()
    return graph.model(logit, (1, 1))


@functools.cache
def universal_fake_detect(clip: Path, head: Path, shape: Shape = CLIP, features: int = CLIP_FEATURES) -> bytes:
    """UniversalFakeDetect: ``(1, 3, 224, 224)`` float32 in RGB, normalised as for CLIP, to the logit ``(1, 1)``.

    Ojha, Li and Lee, "Towards Universal Fake Image Detectors that Generalize Across Generative Models" (CVPR 2023,
    https://arxiv.org/abs/2302.10174): one linear layer on the image features of CLIP.

    Args:
        clip: ``model.safetensors`` of CLIP, in the names of Hugging Face's transformers.
        head: ``fc_weights.pth``.
        shape: of the image encoder.
        features: that it gives.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    arrays = {key: array for key, array in _read(clip).items() if not key.startswith(NOT_THE_IMAGE)}
    parameters = Parameters(arrays | {f"head.{key}": array for key, array in pth.read(head).items()})
    graph = Graph(parameters, 3, (shape.side, shape.side))
    net = _Transformer(graph, parameters, shape)
    at, width = "vision_model.embeddings", shape.width
    x = net.patches(f"{at}.patch_embedding", bias=False)
    cls = parameters.take(f"{at}.class_embedding", width).reshape(1, 1, width)
    position = parameters.take(f"{at}.position_embedding.weight", shape.tokens, width)
    x = graph.op("Add", graph.op("Concat", graph.constant(cls), x, axis=1), graph.constant(position[None]))
    x = net.norm(x, "vision_model.pre_layrnorm")  # so it is spelt there
    for number in range(shape.depth):
        key = f"vision_model.encoder.layers.{number}"
        thirds = [net.weights(f"{key}.self_attn.{part}_proj", width, width) for part in "qkv"]
        attended = net.attention(net.norm(x, f"{key}.layer_norm1"), thirds, f"{key}.self_attn.out_proj")
        x = graph.op("Add", x, attended)
        x = graph.op("Add", x, net.feed_forward(net.norm(x, f"{key}.layer_norm2"), f"{key}.mlp", net.quick_gelu))
    x = net.norm(net.first_token(x), "vision_model.post_layernorm")
    projection = parameters.take("visual_projection.weight", features, width)
    x = graph.op("MatMul", x, graph.constant(projection.T))
    logit = net.linear(x, *net.weights("head", features, 1))
    parameters.finish()
    return graph.model(logit, (1, 1))


def _read(checkpoint: Path) -> Mapping[str, np.ndarray]:
    try:
        return tensors.decoded(checkpoint.read_bytes())[0]
    except ValueError as error:
        raise CodedError("E_CHECKPOINT", f"the checkpoint is refused: {error}") from None


@dataclass(frozen=True)
class _Transformer:
    """The parts that both have; every method returns the name of a value of shape ``(1, tokens, width)``."""

    graph: Graph
    parameters: Parameters
    shape: Shape

    def patches(self, key: str, bias: bool) -> str:
        """One token for each patch."""
        graph, patch, width = self.graph, self.shape.patch, self.shape.width
        names = [graph.constant(self.parameters.take(f"{key}.weight", width, 3, patch, patch))]
        if bias:
            names.append(graph.constant(self.parameters.take(f"{key}.bias", width)))
        x = graph.op("Conv", graph.input, *names, kernel_shape=[patch] * 2, strides=[patch] * 2)
        flat = graph.op("Reshape", x, graph.constant([1, width, -1], "int64"))
        return graph.op("Transpose", flat, perm=[0, 2, 1])

    def weights(self, key: str, before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights ``(before, after)`` and bias of a linear layer."""
        return self.parameters.take(f"{key}.weight", after, before).T, self.parameters.take(f"{key}.bias", after)

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """``x weight + bias``."""
        return self.graph.op("Add", self.graph.op("MatMul", x, self.graph.constant(weight)), self.graph.constant(bias))

    def norm(self, x: str, key: str) -> str:
        """Layer normalisation over the width."""
        names = [
            self.graph.constant(self.parameters.take(f"{key}.{part}", self.shape.width)) for part in ("weight", "bias")
        ]
        return self.graph.op("LayerNormalization", x, *names, axis=-1, epsilon=self.shape.epsilon)

    def attention(self, x: str, thirds: list[tuple[np.ndarray, np.ndarray]], output: str) -> str:
        """Self-attention; ``thirds`` are the layers of query, key and value."""
        graph, width, heads = self.graph, self.shape.width, self.shape.heads
        split = graph.constant([1, -1, heads, width // heads], "int64")
        perms = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])  # keys are turned, to be multiplied with
        query, key, value = (
            graph.op("Transpose", graph.op("Reshape", self.linear(x, *third), split), perm=perm)
            for third, perm in zip(thirds, perms, strict=True)
        )
        scaled = graph.op("Mul", graph.op("MatMul", query, key), graph.constant((width // heads) ** -0.5))
        mixed = graph.op("MatMul", graph.op("Softmax", scaled, axis=-1), value)
        joined = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
        joined = graph.op("Reshape", joined, graph.constant([1, -1, width], "int64"))
        return self.linear(joined, *self.weights(output, width, width))

    def feed_forward(self, x: str, key: str, activation: Callable[[str], str]) -> str:
        """Two linear layers, the middle four times as wide."""
        width = self.shape.width
        x = activation(self.linear(x, *self.weights(f"{key}.fc1", width, 4 * width)))
        return self.linear(x, *self.weights(f"{key}.fc2", 4 * width, width))

    def gelu(self, x: str) -> str:
        """``x Phi(x)`` with the error function (Hendrycks and Gimpel 2016)."""
        graph = self.graph
        tail = graph.op("Erf", graph.op("Mul", x, graph.constant(0.5**0.5)))
        return graph.op("Mul", graph.op("Mul", x, graph.constant(0.5)), graph.op("Add", tail, graph.constant(1.0)))

    def quick_gelu(self, x: str) -> str:
        """``x sigmoid(1.702 x)``, as CLIP has it."""
        graph = self.graph
        return graph.op("Mul", x, graph.op("Sigmoid", graph.op("Mul", x, graph.constant(1.702))))

    def first_token(self, x: str) -> str:
        """The token that stands for the picture, ``(1, width)``."""
        return self.graph.op("Gather", x, self.graph.constant(0, "int64"), axis=1)
