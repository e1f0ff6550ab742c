"""DnCNN for noise of sigma 25, as an ONNX graph from its published checkpoint.

Zhang et al., "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising" (IEEE TIP 2017,
https://arxiv.org/abs/1608.03981); the checkpoint is that of KAIR, which has no batch normalisation.
"""

from __future__ import annotations

import functools
from pathlib import Path

from bench.neural import pth
from bench.neural.graph import Graph, Parameters

LAYERS, WIDTH = 17, 64


@functools.cache
def model(checkpoint: Path) -> bytes:
    """The network: ``(1, 1, height, width)`` float32, black 0 to white 1, with noise of sigma 25 / 255, to without.

    Args:
        checkpoint: the file ``dncnn_25.pth``.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(pth.read(checkpoint))
    graph = Graph(parameters, 1)
    x = graph.input
    for layer in range(LAYERS):
        last = layer == LAYERS - 1
        x = graph.conv(x, f"model.{2 * layer}", (WIDTH if layer else 1, 1 if last else WIDTH))
        x = x if last else graph.relu(x)
    parameters.finish()
    return graph.model(graph.op("Sub", graph.input, x), (1, 1, "height", "width"))
