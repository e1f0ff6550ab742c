"""RivaGAN (Zhang, Xu, Cuesta-Infante and Veeramachaneni, 2019): a neural watermark of 32 bits, run by onnxruntime.

Encoder and decoder are the two ONNX files of the ``invisible-watermark`` wheel (MIT). The models were made for video:
a picture is one frame, ``(1, 3, 1, height, width)`` in -1..1, in BGR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.labels.base import Claim, Reading
from bench.labels.watermarks import common
from bench.media import Media
from bench.neural import onnx
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

WEIGHTS = "rivagan"
LENGTH = 32
#: The package refuses pictures of fewer pixels.
SMALLEST = 256 * 256


@settings
class RivaGan:
    """The neural watermark of ``invisible-watermark``.

    Attributes:
        threshold: the decoder's output above which a bit is 1; the package's default.
    """

    threshold: float = 0.52

    name = "rivaGan"
    position = "pixels"
    touches_pixels = True

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be in 0..1, got {self.threshold}")

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return onnx.missing(WEIGHTS)

    def applies(self, mime: str) -> bool:
        """JPEG, PNG and WebP."""
        return mime in common.MIMES

    def expected(self, claim: Claim) -> dict[str, str]:
        """The message's first 32 bits."""
        return {"bits": claim.bits(LENGTH)}

    def write(self, media: Media, claim: Claim) -> Media:
        """The marked picture as a new file; see ``common.write``.

        Raises:
            Unavailable: onnxruntime or the weights are missing.
            CodedError: ``E_TOO_SMALL`` under 256 x 256 pixels in area, or as ``common.write``.
        """
        return common.write(self, media, claim, _embed)

    def read(self, media: Media) -> Reading:
        """The decoded bits."""
        return common.read(self, media, lambda pixels: _extract(pixels) > self.threshold)

    def votes(self, media: Media) -> np.ndarray:
        """What the decoder says of each bit, ``(1, 32)`` in 0..1."""
        return _extract(media.pixels())[None].astype("float64")


def _frame(pixels: np.ndarray) -> np.ndarray:
    import numpy as np

    common.check_area(pixels, SMALLEST)
    planes = pixels[..., ::-1].transpose(2, 0, 1).astype(np.float32)
    return planes[None, :, None] / np.float32(127.5) - np.float32(1)


def _embed(pixels: np.ndarray, bits: np.ndarray) -> np.ndarray:
    import numpy as np

    marked = onnx.run(WEIGHTS, "rivagan_encoder.onnx", _frame(pixels), bits[None].astype(np.float32))
    bgr = (np.clip(marked[0, :, 0], -1, 1).transpose(1, 2, 0) + np.float32(1)) * np.float32(127.5)
    return np.ascontiguousarray(bgr.astype(np.uint8)[..., ::-1])


def _extract(pixels: np.ndarray) -> np.ndarray:
    """The decoder's 32 outputs, 0..1."""
    outputs: np.ndarray = onnx.run(WEIGHTS, "rivagan_decoder.onnx", _frame(pixels))[0]
    return outputs
