"""Real-ESRGAN's small model for four times the side, as an ONNX graph from its weights for ncnn.

``realesr-animevideov3`` (Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic
Data", ICCVW 2021, https://arxiv.org/abs/2107.10833): 3x3 convolutions at the size of the input, each with its PReLU,
then one that makes the sixteen pixels of each input pixel, added to the input enlarged by repetition.

The file has no names in it: array after array in the order of the layers, as https://github.com/Tencent/ncnn writes
them. A convolution is a word that says how its weights are stored, the weights, and the bias; a PReLU is its slopes.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import CodedError
from bench.neural.graph import Graph, Parameters

if TYPE_CHECKING:
    import numpy as np

#: Convolutions before the last one, their channels, and how many times the side grows.
LAYERS, WIDTH, SCALE = 17, 64, 4
#: Pixels of the input that a result depends on, either way: one for each convolution.
REACH = LAYERS + 1
#: ncnn's word before weights in half precision, and the one before those in single.
HALF, SINGLE = 0x01306B47, 0


@functools.cache
def model(weights: Path) -> bytes:
    """The network: ``(1, 3, height, width)`` float32, RGB in 0..1, to the same of four times the side.

    Args:
        weights: the file ``realesr-animevideov3-x4.bin``.

    Raises:
        CodedError: ``E_CHECKPOINT``.
        Unavailable: the package onnx is missing.
    """
    parameters = Parameters(_arrays(weights.read_bytes()))
    graph = Graph(parameters, 3)
    x = graph.input
    for layer in range(LAYERS):
        x = graph.conv(x, f"{layer}", (WIDTH if layer else 3, WIDTH))
        x = graph.op("PRelu", x, graph.constant(parameters.take(f"{layer}.slope", WIDTH).reshape(WIDTH, 1, 1)))
    x = graph.conv(x, f"{LAYERS}", (WIDTH, 3 * SCALE**2))
    parameters.finish()
    detail = graph.op("DepthToSpace", x, blocksize=SCALE, mode="CRD")
    enlarged = graph.op("Resize", graph.input, "", graph.constant([1, 1, SCALE, SCALE]), mode="nearest",
                        coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
    return graph.model(graph.op("Add", detail, enlarged), (1, 3, "height4", "width4"))


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    """Weights, biases and slopes by layer.

    Raises:
        CodedError: ``E_CHECKPOINT``: another file, or a damaged one.
    """
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    place = 0

    def take(count: int, kind: str) -> np.ndarray:
        nonlocal place
        end = place + count * np.dtype(kind).itemsize
        if end > len(content):
            raise CodedError("E_CHECKPOINT", f"the weights end after {len(content)} bytes, before {end}")
        values, place = np.frombuffer(content[place:end], kind), end
        return values

    for layer in range(LAYERS + 1):
        before, after = 3 if layer == 0 else WIDTH, 3 * SCALE**2 if layer == LAYERS else WIDTH
        stored = int(take(1, "<u4")[0])
        if stored not in (HALF, SINGLE):
            raise CodedError("E_CHECKPOINT", f"layer {layer} is stored in a way unknown here (0x{stored:08x})")
        count = after * before * 9
        weight = take(count, "<f2" if stored == HALF else "<f4")
        place += -place % 4  # the next array starts at a whole word
        arrays[f"{layer}.weight"] = weight.reshape(after, before, 3, 3)
        arrays[f"{layer}.bias"] = take(after, "<f4")
        if layer < LAYERS:
            arrays[f"{layer}.slope"] = take(WIDTH, "<f4")
    if place != len(content):
        raise CodedError("E_CHECKPOINT", f"{len(content) - place} bytes are left over behind the last layer")
    return arrays
