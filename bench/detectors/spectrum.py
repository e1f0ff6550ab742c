"""Periodic traces that generators and resampling leave in the spectrum.

After Bammey, "Synthbuster: Towards Detection of Diffusion Model Generated Images" (IEEE OJSP 2023): a cross-difference
filter whitens the picture; the Fourier magnitudes at the harmonics of period 16 show the grid of an upsampling
decoder, and of JPEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from bench.detectors import common, forest
from bench.detectors.base import Arrays, DetectorInfo, Score
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

PERIOD = 16
#: Half of the plane of harmonics, 9 x 17 per channel: a real signal's other half mirrors it.
FEATURES = 9 * 17 * 3


def spectrum_features(media: Media) -> np.ndarray:
    """Log magnitudes at the harmonics of period 16 of the cross-difference, ``(459,)`` float32.

    The Fourier coefficient of an ``N``-periodic signal at ``k N / 16`` equals the 16-point transform of the signal
    folded modulo 16, so the full transform is never needed. Magnitudes are in units of what white noise of the same
    energy would give, which makes them independent of the picture's size.

    Raises:
        CodedError: ``E_TOO_SMALL`` under 17 pixels a side, or as ``Media.pixels``.
    """
    import cv2
    import numpy as np

    cross = media.once(common.cross_difference).values
    rows, columns = cross.shape[:2]
    folded = cross.reshape(rows // PERIOD, PERIOD, columns // PERIOD, PERIOD * 3).sum(axis=0, dtype=np.int32)
    folded = folded.sum(axis=1).reshape(PERIOD, PERIOD, 3)
    _, deviation = cv2.meanStdDev(cross)
    harmonics = np.abs(np.fft.fft2(folded, axes=(0, 1))) / (np.sqrt(rows * columns) * (deviation[:, 0] + 1e-3))
    harmonics = np.fft.fftshift(harmonics, axes=1)  # columns from -8 to 7, then 8 = -8 again
    half = np.concatenate([harmonics[:9], harmonics[:9, :1]], axis=1)
    return np.log(half + 1e-3).astype(np.float32).ravel()


@settings
class Spectrum:
    """A random forest on the harmonics, fitted on the train split and JPEG copies of it.

    Attributes:
        copies: augmented copies of each training picture, 0..20.
    """

    copies: int = 3
    model: Arrays | None = field(default=None, repr=False, compare=False)

    info = DetectorInfo("spectrum", version="1", reads="pixels")

    def __post_init__(self) -> None:
        common.check_copies(self.copies)

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        """The picture as it is, and ``copies`` JPEG copies of random quality 60..100."""
        return common.training_rows(media, spectrum_features, self.copies, False, rng)

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> Spectrum:
        """The forest."""
        return replace(self, model=forest.fit(features, is_ai))

    def with_model(self, model: Arrays) -> Spectrum:
        """With a forest fitted earlier."""
        return replace(self, model=model)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The share of AI in the leaves that each row ends in."""
        return forest.score(self.model or {}, rows)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The share of AI in the leaves that the picture ends in, 0..1; raw, not calibrated."""
        return common.scores(self, spectrum_features, batch)
