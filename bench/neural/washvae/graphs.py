"""The trained network as two ONNX graphs: weights stored in half precision, computed in single, any height and width.

Folding pixels into channels before a convolution is the same as a convolution with a larger kernel and stride, which
is how the graphs say it: onnxruntime then does in one node what torch's unfolding does in many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.neural.washvae import DOWNSCALE, LATENT_CHANNELS

if TYPE_CHECKING:
    import numpy as np

# What onnxruntime 1.20, the oldest that is asked for, certainly reads.
OPSET, IR_VERSION = 17, 9


def encoder(half: Any, mean: np.ndarray, deviation: np.ndarray) -> bytes:
    """The encoder's posterior mean, standardised: ``pixels`` to ``latent``.

    Args:
        half: the encoder of ``network.build``.
        mean: of each channel of the posterior mean over photographs, ``(16,)``.
        deviation: its standard deviation, likewise.
    """
    graph = _Graph("pixels")
    linear = graph.convolve("pixels", half.linear[1], unfold=DOWNSCALE, outputs=LATENT_CHANNELS)
    value = graph.run("pixels", list(half.residual)[:-1])
    value = graph.convolve(value, half.residual[-1], outputs=LATENT_CHANNELS)
    graph.add("Add", [linear, value], output="posterior")
    graph.add("Sub", ["posterior", graph.constant("mean", mean.reshape(1, -1, 1, 1))], output="centred")
    graph.add("Div", ["centred", graph.constant("deviation", deviation.reshape(1, -1, 1, 1))], output="latent")
    return graph.serialised("latent", 3, LATENT_CHANNELS)


def decoder(half: Any, mean: np.ndarray, deviation: np.ndarray) -> bytes:
    """The decoder from a standardised latent: ``latent`` to ``pixels``; arguments as for ``encoder``."""
    graph = _Graph("latent")
    graph.add("Mul", ["latent", graph.constant("deviation", deviation.reshape(1, -1, 1, 1))], output="scaled")
    graph.add("Add", ["scaled", graph.constant("mean", mean.reshape(1, -1, 1, 1))], output="posterior")
    linear = graph.run("posterior", list(half.linear))
    graph.add("Add", [linear, graph.run("posterior", list(half.residual))], output="unclipped")
    limits = [graph.constant("black", _scalar(0)), graph.constant("white", _scalar(1))]
    graph.add("Clip", ["unclipped", *limits], output="pixels")
    return graph.serialised("pixels", LATENT_CHANNELS, 3)


def _scalar(value: float) -> np.ndarray:
    import numpy as np

    return np.array(value, np.float32)


class _Graph:
    """Nodes and constants, in the order in which they are added."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """A node; gives the name of its value."""
        from onnx import helper

        output = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, name: str, array: np.ndarray) -> str:
        """A constant as it is."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def run(self, value: str, layers: list[Any]) -> str:
        """Layers of the network one after the other."""
        from torch import nn

        unfold = 1
        for layer in layers:
            if isinstance(layer, nn.PixelUnshuffle):
                unfold = layer.downscale_factor
            elif isinstance(layer, nn.Conv2d):
                value, unfold = self.convolve(value, layer, unfold), 1
            elif isinstance(layer, nn.PixelShuffle):
                value = self.add("DepthToSpace", [value], blocksize=layer.upscale_factor, mode="CRD")
            elif isinstance(layer, nn.ReLU):
                value = self.add("Relu", [value])
            else:
                value = self.add("Add", [value, self.run(value, list(layer.body))])
        return value

    def convolve(self, value: str, layer: Any, unfold: int = 1, outputs: int | None = None) -> str:
        """A convolution, of pixels unfolded before it where ``unfold`` is above 1, of its first outputs only."""
        weight = layer.weight.detach().contiguous()[:outputs]
        count, channels, side, _ = weight.shape
        # Channels in the order of PixelUnshuffle (channel, row, column) become rows and columns of the kernel.
        weight = weight.reshape(count, channels // unfold**2, unfold, unfold, side, side).permute(0, 1, 4, 2, 5, 3)
        weight = weight.reshape(count, channels // unfold**2, side * unfold, side * unfold)
        return self.add(
            "Conv",
            [value, self._half(weight), self._half(layer.bias.detach()[:outputs])],
            strides=[unfold] * 2,
            pads=[side // 2 * unfold] * 4,
        )

    def _half(self, tensor: Any) -> str:
        """A constant stored in half precision; onnxruntime widens it once, when it loads the graph."""
        import numpy as np
        from onnx import TensorProto

        stored = self.constant(f"half{len(self.constants)}", tensor.numpy().astype(np.float16))
        return self.add("Cast", [stored], to=TensorProto.FLOAT)

    def serialised(self, result: str, channels_in: int, channels_out: int) -> bytes:
        """The graph as a checked ONNX file."""
        import onnx
        from onnx import TensorProto, helper

        ends = [
            helper.make_tensor_value_info(
                name, TensorProto.FLOAT, ["batch", channels, f"{name}_height", f"{name}_width"]
            )
            for name, channels in ((self.source, channels_in), (result, channels_out))
        ]
        graph = helper.make_graph(self.nodes, "washvae", ends[:1], ends[1:], self.constants)
        model = helper.make_model(
            graph, producer_name="washtest", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content
