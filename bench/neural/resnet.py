"""Two published detectors that are residual networks, as ONNX graphs from their checkpoints.

He et al., "Deep Residual Learning" (CVPR 2016, https://arxiv.org/abs/1512.03385), ResNet-50 with the stride on the
3 x 3 convolution, as torch's own implementation has it.
"""

from __future__ import annotations

import functools
from pathlib import Path

from bench.neural import pth
from bench.neural.graph import Graph, Parameters

#: Blocks of the four stages, and how many times wider a block's output is than its middle.
BLOCKS, EXPANSION = (3, 4, 6, 3), 4


@functools.cache
def cnndetection(checkpoint: Path, side: int) -> bytes:
    """CNNDetection: ``(1, 3, side, side)`` float32 in RGB, normalised, to the logit ``(1, 1)``, higher = more AI.

    Wang et al., "CNN-Generated Images Are Surprisingly Easy to Spot... for Now" (CVPR 2020): a whole ResNet-50.

    Args:
        checkpoint: whose entry ``model`` is the state dict.
        side: of the input, pixels.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(pth.read(checkpoint, "model"))
    graph = Graph(parameters, 3, (side, side))
    x = graph.relu(graph.batch_norm(graph.conv(graph.input, "conv1", (3, 64), 7, stride=2, bias=False), "bn1", 64))
    return _finished(graph, parameters, _stages(graph, _max_pool(graph, x), len(BLOCKS)), 512 * EXPANSION, "fc")


@functools.cache
def npr(checkpoint: Path) -> bytes:
    """NPR: ``(1, 3, height, width)`` float32 in RGB, normalised, both even, to the logit ``(1, 1)``.

    Tan et al., "Rethinking the Up-Sampling Operations in CNN-based Generative Network for Generalizable Deepfake
    Detection" (CVPR 2024): what is left of each 2 x 2 cell when its first pixel is taken off, through the first two
    stages of a ResNet-50.

    Args:
        checkpoint: a state dict.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(pth.read(checkpoint))
    graph = Graph(parameters, 3)
    ends = graph.constant([2**31 - 1] * 2, "int64")
    axes, steps = graph.constant([2, 3], "int64"), graph.constant([2, 2], "int64")
    first = graph.op("Slice", graph.input, graph.constant([0, 0], "int64"), ends, axes, steps)
    x = graph.op("Mul", graph.op("Sub", graph.input, graph.double(first)), graph.constant(2 / 3))
    x = graph.relu(graph.batch_norm(graph.conv(x, "conv1", (3, 64), 3, stride=2, bias=False), "bn1", 64))
    return _finished(graph, parameters, _stages(graph, _max_pool(graph, x), 2), 128 * EXPANSION, "fc1")


def _max_pool(graph: Graph, x: str) -> str:
    return graph.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


def _stages(graph: Graph, x: str, count: int) -> str:
    before = 64
    for stage in range(count):
        middle = 64 << stage
        for block in range(BLOCKS[stage]):
            stride = 2 if stage and not block else 1
            x = _bottleneck(graph, x, f"layer{stage + 1}.{block}", before, middle, stride)
            before = middle * EXPANSION
    return x


def _bottleneck(graph: Graph, x: str, key: str, before: int, middle: int, stride: int) -> str:
    """Narrow, convolve, widen; plus the input, brought to shape where it has another."""
    after = middle * EXPANSION
    y = graph.conv(x, f"{key}.conv1", (before, middle), 1, bias=False)
    y = graph.relu(graph.batch_norm(y, f"{key}.bn1", middle))
    y = graph.conv(y, f"{key}.conv2", (middle, middle), 3, stride=stride, bias=False)
    y = graph.relu(graph.batch_norm(y, f"{key}.bn2", middle))
    y = graph.batch_norm(graph.conv(y, f"{key}.conv3", (middle, after), 1, bias=False), f"{key}.bn3", after)
    if before != after or stride != 1:
        x = graph.conv(x, f"{key}.downsample.0", (before, after), 1, stride=stride, bias=False)
        x = graph.batch_norm(x, f"{key}.downsample.1", after)
    return graph.relu(graph.op("Add", y, x))


def _finished(graph: Graph, parameters: Parameters, x: str, channels: int, key: str) -> bytes:
    """Average and one linear layer; everything in the checkpoint must have been used."""
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x))
    names = [graph.constant(parameters.take(f"{key}.weight", 1, channels))]
    names.append(graph.constant(parameters.take(f"{key}.bias", 1)))
    x = graph.op("Gemm", x, *names, transB=1)
    parameters.finish()
    return graph.model(x, (1, 1))
