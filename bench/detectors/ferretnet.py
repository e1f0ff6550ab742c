"""FerretNet-S: a published detector of 126,289 parameters that looks at how pixels depend on their neighbours.

Liang et al., "FerretNet: Efficient Synthetic Image Detection via Local Pixel Dependencies" (NeurIPS 2025,
https://arxiv.org/abs/2509.20890), trained on four classes of ProGAN. It sees the central 256 x 256 pixels only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench import weights
from bench.detectors.base import DetectorInfo, Score, checked, no_verdict
from bench.errors import CodedError
from bench.media import Media
from bench.neural import ferretnet, onnx
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

WEIGHTS = weights.named("ferretnet-s")
#: Of CLIP's training pictures, RGB in 0..1; the published test transform normalises with them.
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def model_input(pixels: np.ndarray) -> np.ndarray:
    """The centre of a picture as FerretNet-S takes it, ``(1, 3, 256, 256)`` float32.

    A side shorter than 256 pixels is filled up with black, evenly on both ends. Halves are rounded as torchvision's
    ``CenterCrop`` does, with which the published figures were made.

    Args:
        pixels: ``(height, width, 3)`` uint8.
    """
    import numpy as np

    side = ferretnet.SIDE
    missing = [max(0, side - size) for size in pixels.shape[:2]]
    padded = np.pad(pixels, [*((m // 2, m - m // 2) for m in missing), (0, 0)]) if any(missing) else pixels
    top, left = (round((size - side) / 2) for size in padded.shape[:2])
    square = padded[top : top + side, left : left + side].astype(np.float32) / np.float32(255)
    normal = (square - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


@settings
class FerretNetS:
    """FerretNet-S, window 3, zero-masked median; the score is its logit."""

    info = DetectorInfo(
        "ferretnet-s", version="1", reads="pixels", licence=WEIGHTS.licence, weights_sha256=WEIGHTS.files[0].sha256,
        default_threshold=0.0,
    )  # fmt: skip

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return onnx.missing(WEIGHTS.name)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The logit of "synthetic"; above 0 its makers call a picture synthetic."""
        return [self._score(media) for media in batch]

    def _score(self, media: Media) -> Score:
        try:
            file = weights.path(WEIGHTS.name, WEIGHTS.files[0].name)
            session = onnx.session(ferretnet.model(file))
            return checked(onnx.first_output(session, model_input(media.pixels()))[0, 0])
        except CodedError as error:
            return no_verdict(error)
