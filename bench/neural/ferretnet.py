"""FerretNet-S with the median of 3 x 3, as an ONNX graph from its published checkpoint.

Liang et al., "FerretNet: Efficient Synthetic Image Detection via Local Pixel Dependencies" (NeurIPS 2025,
https://arxiv.org/abs/2509.20890).
"""

from __future__ import annotations

import functools
from pathlib import Path

from bench.neural import pth
from bench.neural.graph import Graph, Parameters

#: Height and width of the input.
SIDE = 256
WIDTH = 32
#: Exchanges that leave the median of nine values in place 4 (Smith, "Implementing Median Filters in
#: XC4000E FPGAs", Xcell 23, 1996): each puts the smaller of two values into the first place.
MEDIAN_OF_NINE = (
    (1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3), (5, 8), (4, 7), (3, 6), (1, 4),
    (2, 5), (4, 7), (4, 2), (6, 4), (4, 2),
)  # fmt: skip


@functools.cache
def model(checkpoint: Path) -> bytes:
    """The network: ``(1, 3, 256, 256)`` float32 in RGB, normalised, to the logit ``(1, 1)``, higher = more AI.

    Args:
        checkpoint: the file ``ferretnet-s-median-3.pth``.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(pth.read(checkpoint, "model"))
    graph = Graph(parameters, 3, (SIDE, SIDE))
    x = graph.op("Sub", graph.input, _median(graph))
    x = graph.relu(graph.batch_norm(graph.conv(x, "cbr1.0", (3, WIDTH // 2), bias=False), "cbr1.1", WIDTH // 2))
    x = graph.conv(x, "cbr2.0", (WIDTH // 2, WIDTH), stride=2, bias=False)
    x = graph.relu(graph.batch_norm(x, "cbr2.1", WIDTH))
    for stage, channels in enumerate((WIDTH, 2 * WIDTH)):
        x = _block(graph, x, f"feature.{stage}.0", channels, 2 * channels, stride=2)
        x = _block(graph, x, f"feature.{stage}.1", 2 * channels, 2 * channels, stride=1)
    x = graph.conv(x, "feature.2", (4 * WIDTH, 4 * WIDTH), 1, bias=False)
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x))
    weight, bias = parameters.take("logit.1.weight", 1, 4 * WIDTH), parameters.take("logit.1.bias", 1)
    x = graph.op("Gemm", x, graph.constant(weight), graph.constant(bias), transB=1)
    parameters.finish()
    return graph.model(x, (1, 1))


def _median(graph: Graph) -> str:
    """The median of each pixel's 3 x 3 neighbourhood, zero beyond the edge, and with zero in the pixel's own place."""
    padded = graph.op("Pad", graph.input, graph.constant([0, 0, 1, 1, 0, 0, 1, 1], "int64"))
    places = []
    for row in range(3):
        for column in range(3):
            start = graph.constant([row, column], "int64")
            end = graph.constant([row + SIDE, column + SIDE], "int64")
            places.append(graph.op("Slice", padded, start, end, graph.constant([2, 3], "int64")))
    places[4] = graph.constant([[[[0.0]]]])
    for first, second in MEDIAN_OF_NINE:
        pair = places[first], places[second]
        places[first], places[second] = graph.op("Min", *pair), graph.op("Max", *pair)
    return places[4]


def _block(graph: Graph, x: str, key: str, before: int, after: int, stride: int) -> str:
    """Two depthwise convolutions of different dilation, a separable one, and the shortcut."""
    layers = f"{key}.layers"
    near = graph.conv(x, f"{layers}.0.conv1", (before, after), stride=stride, groups=before, bias=False)
    far = graph.conv(x, f"{layers}.0.conv2", (before, after), stride=stride, dilation=2, groups=before, bias=False)
    y = graph.conv(graph.op("Add", near, far), f"{layers}.0.conv3", (after, after), 1, bias=False)
    y = graph.relu(graph.batch_norm(y, f"{layers}.1", after))
    y = graph.conv(y, f"{layers}.3.depth_wise", (after, after), groups=after, bias=False)
    y = graph.conv(y, f"{layers}.3.point_wise", (after, after), 1, bias=False)
    y = graph.batch_norm(y, f"{layers}.4", after)
    if stride != 1 or before != after:
        x = graph.conv(x, f"{key}.shortcut.0", (before, after), 1, stride=stride)
        x = graph.batch_norm(x, f"{key}.shortcut.1", after)
    return graph.relu(graph.op("Add", y, x))
