"""LaMa: what is under a mask is invented from what is around it.

Suvorov et al., "Resolution-robust large mask inpainting with Fourier convolutions" (WACV 2022). Not shipped: the export
of its big model as one ONNX file is fetched with ``washtest weights fetch lama``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import CodedError
from bench.neural import onnx

if TYPE_CHECKING:
    import numpy as np

#: Side of the square that the export takes; a larger region comes back softer than its surroundings.
SIDE = 512


def inpainted(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The region with the masked part invented; also what is not masked went through the model.

    Args:
        pixels: ``(SIDE, SIDE, 3)`` uint8, the region with its surroundings.
        mask: ``(SIDE, SIDE)`` uint8, 255 where to invent.

    Raises:
        CodedError: ``E_NOT_FINITE``.
        Unavailable: the weights are missing or altered.
    """
    import numpy as np

    planes = pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255
    made = onnx.run("lama", "lama_fp32.onnx", planes, (mask > 0).astype(np.float32)[None, None])[0]
    if not np.isfinite(made).all():
        raise CodedError("E_NOT_FINITE", "lama gave NaN or infinity")
    # This export gives 0..255.
    rounded: np.ndarray = np.clip(made.transpose(1, 2, 0) + 0.5, 0, 255).astype(np.uint8)
    return rounded
