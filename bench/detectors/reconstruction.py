"""Reconstruction error: a picture that a generator's decoder made comes back from such a decoder nearly unchanged.

After Ricker, Lukovnikov and Fischer, "AEROBLADE: Training-Free Detection of Latent Diffusion Images Using Autoencoder
Reconstruction Error" (CVPR 2024, https://arxiv.org/abs/2401.17879). Two things differ: the autoencoder is a small one,
not that of the generator in question, and their distance (the second layer of LPIPS with VGG16) is replaced by the
gradient error below, which needs no weights. Published figures are therefore not to be expected of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench import weights
from bench.detectors.base import DetectorInfo, Score, checked, no_verdict
from bench.errors import CodedError
from bench.media import Media
from bench.neural import vae
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Sides in pixels under which a picture has too few gradients, and above which a score takes many seconds.
SMALLEST, LARGEST = 32, 2048
#: A quarter of a grey level: keeps the error of a flat picture, which has no gradients, from being divided by 0.
FLAT = 0.001


def gradient_error(pixels: np.ndarray, remade: np.ndarray) -> float:
    """The share of a picture's gradients that is wrong in its copy; 0 for an equal copy, about 1 for a flat one.

    The sum of absolute differences of neighbouring values, of the error over that of the picture: edges and texture
    count and brightness does not, and a picture full of texture, where every autoencoder errs more, is not taken for
    a photograph because of it.

    Args:
        pixels: ``(height, width, 3)`` float32 in 0..1.
        remade: the same, from the autoencoder.
    """
    return _gradients(pixels - remade) / (_gradients(pixels) + FLAT)


def _gradients(values: np.ndarray) -> float:
    import numpy as np

    return float(sum(np.abs(np.diff(values, axis=axis)).mean(dtype=np.float64) for axis in (0, 1)))


@settings
class Reconstruction:
    """How little an autoencoder changes the picture; no training.

    Attributes:
        model: name of the autoencoder, see ``bench.neural.vae``.
        side: side of the centre that is looked at, pixels, 32..2048; smaller pictures are taken whole.
    """

    model: str = "washvae"
    side: int = 256

    def __post_init__(self) -> None:
        names = [known.name for known in vae.VAES]
        if self.model not in names:
            raise ValueError(f"model must be one of {', '.join(names)}, got {self.model!r}")
        if not SMALLEST <= self.side <= LARGEST:
            raise ValueError(f"side must be in {SMALLEST}..{LARGEST}, got {self.side}")

    @property
    def info(self) -> DetectorInfo:
        """Named after its settings where these are not the default, so that two can stand in one run."""
        changed = [f"{value}" for value, usual in ((self.model, type(self).model), (self.side, type(self).side)) if
                   value != usual]  # fmt: skip
        used = vae.named(self.model)
        return DetectorInfo(
            "-".join(["reconstruction", *changed]), version="1", reads="pixels",
            licence=weights.named(used.weights).licence if used.weights else "Apache-2.0",
            weights_sha256=" ".join(used.digests),
        )  # fmt: skip

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return vae.named(self.model).missing()

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """Minus the gradient error of the centre's round trip: at most 0, nearer to 0 = more AI."""
        return [self._score(media) for media in batch]

    def _score(self, media: Media) -> Score:
        import numpy as np

        try:
            pixels = media.pixels()
            height, width = pixels.shape[:2]
            if min(height, width) < SMALLEST:
                raise CodedError("E_TOO_SMALL", f"{width}x{height} pixels; reconstruction needs {SMALLEST} a side")
            top, left = (max(0, size - self.side) // 2 for size in (height, width))
            centre = pixels[top : top + self.side, left : left + self.side].astype(np.float32) / np.float32(255)
            return checked(-gradient_error(centre, vae.named(self.model).round_trip(centre)))
        except CodedError as error:
            return no_verdict(error)
