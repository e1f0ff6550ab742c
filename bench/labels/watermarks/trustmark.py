"""TrustMark (Bui, Agarwal and Collomosse, 2023, arXiv:2311.18297), variant Q, from Adobe's ONNX files.

The models are not in any package and were not at hand where this adapter was written: its steps follow the published
implementations, and its tests run it on stand-ins. All 100 raw bits are the message; the error correction that the
published tools spend 39 of them on is left out, so that bit accuracy means the same as for the other watermarks.
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

WEIGHTS = "trustmark-q"
LENGTH = 100
#: Side of the square that both models take.
SIDE = 256
#: Pictures longer than this many times their width (or wider) are marked in their central square only.
LONGEST = 2.0


@settings
class TrustMark:
    """Adobe's watermark for pictures of any size, variant Q.

    Attributes:
        strength: factor on the residual that is added to the picture.
    """

    strength: float = 1.0

    name = "trustMark"
    position = "pixels"
    touches_pixels = True

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 10:
            raise ValueError(f"strength must be above 0 and at most 10, got {self.strength}")

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return onnx.missing(WEIGHTS)

    def applies(self, mime: str) -> bool:
        """JPEG, PNG and WebP."""
        return mime in common.MIMES

    def expected(self, claim: Claim) -> dict[str, str]:
        """The message's first 100 bits."""
        return {"bits": claim.bits(LENGTH)}

    def write(self, media: Media, claim: Claim) -> Media:
        """The marked picture as a new file; see ``common.write``.

        Raises:
            Unavailable: onnxruntime or the weights are missing.
            CodedError: as ``common.write``.
        """
        return common.write(self, media, claim, lambda pixels, bits: _embed(pixels, bits, self.strength))

    def read(self, media: Media) -> Reading:
        """The decoded bits."""
        return common.read(self, media, lambda pixels: _logits(pixels) > 0)

    def votes(self, media: Media) -> np.ndarray:
        """What the decoder says of each bit, ``(1, bits)`` in 0..1: the logistic function of its logits."""
        import numpy as np

        return 1 / (1 + np.exp(-_logits(media.pixels())[None].astype(np.float64)))


def _part(pixels: np.ndarray) -> tuple[slice, slice]:
    """The part that is marked: all of it, or the central square of a very long picture."""
    height, width = pixels.shape[:2]
    if max(height, width) <= LONGEST * min(height, width):
        return slice(height), slice(width)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return slice(top, top + side), slice(left, left + side)


def _square(part: np.ndarray) -> np.ndarray:
    """The models' input: ``(1, 3, 256, 256)`` in -1..1, RGB, shrunk with Pillow's anti-aliased bilinear filter."""
    import numpy as np
    from PIL import Image

    small = Image.fromarray(part).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    planes = np.asarray(small, np.float32).transpose(2, 0, 1)[None]
    return np.ascontiguousarray(planes / np.float32(127.5) - np.float32(1))


def _embed(pixels: np.ndarray, bits: np.ndarray, strength: float) -> np.ndarray:
    import cv2
    import numpy as np

    part = _part(pixels)
    cover = _square(pixels[part])
    marked = onnx.run(WEIGHTS, "encoder_Q.onnx", cover, bits[None].astype(np.float32))
    residual = (np.clip(marked, -1, 1) - cover)[0].transpose(1, 2, 0)
    residual -= residual.mean(axis=(0, 1), keepdims=True)  # no change of colour as a whole
    height, width = pixels[part].shape[:2]
    wide = cv2.resize(residual, (width, height), interpolation=cv2.INTER_LINEAR)
    result = pixels.copy()
    moved = pixels[part].astype(np.float32) + wide * np.float32(127.5 * strength)
    result[part] = np.clip(np.rint(moved), 0, 255).astype(np.uint8)
    return result


def _logits(pixels: np.ndarray) -> np.ndarray:
    logits = onnx.run(WEIGHTS, "decoder_Q.onnx", _square(pixels[_part(pixels)]))
    return logits[0]  # type: ignore[no-any-return]
