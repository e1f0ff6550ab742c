"""ONNX graphs built by hand from named arrays, so that published torch weights run without torch.

``Parameters`` hands out the arrays of a checkpoint and knows which are left over; ``Graph`` adds one node after the
other. A model is then a function that reads like its architecture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.errors import CodedError, Unavailable

if TYPE_CHECKING:
    import numpy as np

#: Operator set and file version that every onnxruntime from 1.20 on takes.
OPSET, IR_VERSION = 17, 8
#: Torch's default for batch and group normalisation.
EPSILON = 1e-5


@dataclass
class Parameters:
    """The arrays of a checkpoint, each to be used, and none of another shape than the architecture says.

    Attributes:
        arrays: by key.
    """

    arrays: Mapping[str, np.ndarray]
    _used: set[str] = field(default_factory=set)

    def take(self, key: str, *shape: int) -> np.ndarray:
        """One array as float32.

        Raises:
            CodedError: ``E_CHECKPOINT``: it is not there, has another shape, or holds NaN or infinity.
        """
        import numpy as np

        if key not in self.arrays:
            raise CodedError("E_CHECKPOINT", f"the checkpoint has no {key}")
        array = self.arrays[key]
        if array.shape != shape:
            raise CodedError("E_CHECKPOINT", f"{key} has the shape {array.shape}, not {shape}")
        self._used.add(key)
        values = np.ascontiguousarray(array, np.float32).reshape(shape)
        if not np.isfinite(values).all():
            raise CodedError("E_CHECKPOINT", f"{key} holds numbers that are not finite")
        return values

    def finish(self) -> None:
        """Make sure that everything was used.

        Raises:
            CodedError: ``E_CHECKPOINT`` with what is left over.
        """
        if left := sorted(set(self.arrays) - self._used):
            raise CodedError("E_CHECKPOINT", f"{len(left)} arrays are left over: {', '.join(left[:5])}")


class Graph:
    """A graph with one float32 input ``(1, channels, height, width)``; height and width are free unless given.

    Every method adds nodes and returns the name of the value that they make.

    Args:
        parameters: where ``conv`` and the others take their weights from.
        channels: of the input.
        size: height and width of the input, or None for any.
    """

    input = "input"

    def __init__(self, parameters: Parameters, channels: int, size: tuple[int, int] | None = None) -> None:
        try:
            import onnx
        except ImportError:
            raise Unavailable(
                "E_PACKAGE_MISSING", "onnx is not installed; run: pip install 'washtest[neural]'"
            ) from None
        self._onnx = onnx
        self._parameters = parameters
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._shape: tuple[int | str, ...] = (1, channels, *(size or ("height", "width")))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One ONNX operator with one output."""
        output = f"v{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, values: Any, dtype: str = "float32") -> str:
        """An array of the graph's own."""
        import numpy as np

        name = f"c{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def conv(
        self, x: str, key: str, channels: tuple[int, int], kernel: int = 3, *, stride: int = 1, dilation: int = 1,
        groups: int = 1, bias: bool = True,
    ) -> str:  # fmt: skip
        """A convolution with zero padding that keeps the size (at stride 1).

        Args:
            x: its input.
            key: of the checkpoint, without ``.weight``.
            channels: in and out.
            kernel: side, odd.
            stride: in both directions.
            dilation: in both directions.
            groups: channels are convolved in so many groups.
            bias: whether it has one.
        """
        before, after = channels
        names = [self.constant(self._parameters.take(f"{key}.weight", after, before // groups, kernel, kernel))]
        if bias:
            names.append(self.constant(self._parameters.take(f"{key}.bias", after)))
        return self.op(
            "Conv", x, *names, kernel_shape=[kernel] * 2, strides=[stride] * 2, dilations=[dilation] * 2, group=groups,
            pads=[dilation * (kernel // 2)] * 4,
        )  # fmt: skip

    def batch_norm(self, x: str, key: str, channels: int) -> str:
        """Batch normalisation as in evaluation, with the running mean and variance."""
        self._parameters.take(f"{key}.num_batches_tracked")  # of use in training only
        parts = ("weight", "bias", "running_mean", "running_var")
        names = [self.constant(self._parameters.take(f"{key}.{part}", channels)) for part in parts]
        return self.op("BatchNormalization", x, *names, epsilon=EPSILON)

    def group_norm(self, x: str, key: str, channels: int, groups: int) -> str:
        """Group normalisation over the whole picture; ONNX has its own operator for it from opset 21 only."""
        shape = self.op("Shape", x)
        flat = self.op("Reshape", x, self.constant([0, groups, -1], "int64"))
        unit = self.op(
            "InstanceNormalization", flat, self.constant([1.0] * groups), self.constant([0.0] * groups), epsilon=EPSILON
        )
        back = self.op("Reshape", unit, shape)
        scale, shift = (self._parameters.take(f"{key}.{part}", channels) for part in ("weight", "bias"))
        scaled = self.op("Mul", back, self.constant(scale[:, None, None]))
        return self.op("Add", scaled, self.constant(shift[:, None, None]))

    def relu(self, x: str) -> str:
        """Negative values become 0."""
        return self.op("Relu", x)

    def double(self, x: str) -> str:
        """Twice as high and wide, each value four times."""
        return self.op(
            "Resize", x, "", self.constant([1, 1, 2, 2]), mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip

    def model(self, output: str, shape: Sequence[int | str] | None = None) -> bytes:
        """The graph that ends in this value, serialised and checked.

        Args:
            output: name of the value.
            shape: its shape where that is known; free otherwise.
        """
        helper, float32 = self._onnx.helper, self._onnx.TensorProto.FLOAT
        self._nodes.append(helper.make_node("Identity", [output], ["output"]))
        graph = helper.make_graph(
            self._nodes,
            "washtest",
            [helper.make_tensor_value_info(self.input, float32, self._shape)],
            [helper.make_tensor_value_info("output", float32, shape or (1, None, None, None))],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, producer_name="washtest", opset_imports=opsets, ir_version=IR_VERSION)
        self._onnx.checker.check_model(model)
        serialised: bytes = model.SerializeToString()
        return serialised
