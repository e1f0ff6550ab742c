"""TAEF2, a small autoencoder distilled from that of FLUX.2 (https://github.com/madebyollin/taesd), as ONNX graphs.

Eight pixels a side become one cell of 32 channels. Group normalisation makes three blocks of the encoder and three of
the decoder look at the whole picture; they work on cells, not pixels, and so stand in graphs of their own: all else
can be run tile by tile.
"""

from __future__ import annotations

import functools
from pathlib import Path

from bench.neural import pth
from bench.neural.graph import Graph, Parameters

WIDTH = 64
#: Channels of a cell.
LATENT = 32


@functools.cache
def encoder(checkpoint: Path) -> tuple[bytes, bytes]:
    """Two graphs: ``(1, 3, 8 h, 8 w)`` float32 RGB in 0..1 to ``(1, 64, h, w)``, and that to ``(1, 32, h, w)``.

    Args:
        checkpoint: the file ``taef2_encoder.pth``.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(pth.read(checkpoint))
    near = Graph(parameters, 3)
    x = _block(near, near.conv(near.input, "0", (3, WIDTH)), "1")
    for layer in (2, 6):
        x = near.conv(x, f"{layer}", (WIDTH, WIDTH), stride=2, bias=False)
        x = _blocks(near, x, layer + 1)
    x = near.conv(x, "10", (WIDTH, WIDTH), stride=2, bias=False)
    far = Graph(parameters, WIDTH)
    y = far.conv(_blocks(far, far.input, 11, pooled=True), "14", (WIDTH, LATENT))
    parameters.finish()
    return near.model(x), far.model(y)


@functools.cache
def decoder(checkpoint: Path) -> tuple[bytes, bytes]:
    """Two graphs: ``(1, 32, h, w)`` float32 to ``(1, 64, h, w)``, and that to ``(1, 3, 8 h, 8 w)`` RGB, about 0..1.

    Args:
        checkpoint: the file ``taef2_decoder.pth``.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(pth.read(checkpoint))
    far = Graph(parameters, LATENT)
    three = far.constant([3.0])
    x = far.op("Mul", far.op("Tanh", far.op("Div", far.input, three)), three)
    x = _blocks(far, far.relu(far.conv(x, "1", (LATENT, WIDTH))), 3, pooled=True)
    near = Graph(parameters, WIDTH)
    y = near.conv(near.double(near.input), "7", (WIDTH, WIDTH), bias=False)
    for layer in (8, 13):
        y = near.conv(near.double(_blocks(near, y, layer)), f"{layer + 4}", (WIDTH, WIDTH), bias=False)
    y = near.conv(_block(near, y, "18"), "19", (WIDTH, 3))
    parameters.finish()
    return far.model(x), near.model(y)


def _blocks(graph: Graph, x: str, first: int, pooled: bool = False) -> str:
    """Three blocks, numbered from ``first``."""
    for layer in range(first, first + 3):
        x = _block(graph, x, f"{layer}", pooled)
    return x


def _block(graph: Graph, x: str, key: str, pooled: bool = False) -> str:
    """Three convolutions and what came in; ``pooled`` blocks first add what the whole picture is like."""
    if pooled:
        y = graph.conv(x, f"{key}.pool.0", (WIDTH, 4 * WIDTH), 1, bias=False)
        y = graph.relu(graph.group_norm(y, f"{key}.pool.1", 4 * WIDTH, 4))
        x = graph.op("Add", x, graph.conv(y, f"{key}.pool.3", (4 * WIDTH, WIDTH), 1, bias=False))
    y = graph.relu(graph.conv(x, f"{key}.conv.0", (WIDTH, WIDTH)))
    y = graph.relu(graph.conv(y, f"{key}.conv.2", (WIDTH, WIDTH)))
    y = graph.conv(y, f"{key}.conv.4", (WIDTH, WIDTH))
    return graph.relu(graph.op("Add", y, x))
