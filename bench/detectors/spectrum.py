"""Periodic traces that generators and resampling leave in the spectrum.

After Bammey, "Synthbuster: Towards Detection of Diffusion Model Generated Images" (IEEE OJSP 2023): a cross-difference
filter whitens the picture; the Fourier magnitudes at the harmonics of period 16 show the grid of an upsampling
decoder, and of JPEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from bench.detectors import forest
from bench.detectors.base import Arrays, DetectorInfo, Score
from bench.errors import CodedError, coded
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

PERIOD = 16
#: Half of the plane of harmonics, 9 x 17 per channel: a real signal's other half mirrors it.
FEATURES = 9 * 17 * 3
#: Longest side of the centre that is analysed, pixels: bounds the cost of a large photograph.
MAX_SIDE = 1024
#: JPEG qualities from which each training picture's augmented copies are drawn, as in the paper's training.
AUGMENT_QUALITIES = (60, 100)


def spectrum_features(pixels: np.ndarray) -> np.ndarray:
    """Log magnitudes at the harmonics of period 16, ``(459,)`` float32.

    The Fourier coefficient of an ``N``-periodic signal at ``k N / 16`` equals the 16-point transform of the signal
    folded modulo 16, so the full transform is never needed. Magnitudes are in units of what white noise of the same
    energy would give, which makes them independent of the picture's size.

    Args:
        pixels: ``(height, width, 3)`` uint8, at least 17 pixels a side.

    Raises:
        CodedError: ``E_TOO_SMALL``.
    """
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    rows = min(height - 1, MAX_SIDE) // PERIOD * PERIOD
    columns = min(width - 1, MAX_SIDE) // PERIOD * PERIOD
    if rows < PERIOD or columns < PERIOD:
        raise CodedError("E_TOO_SMALL", f"{width}x{height} pixels; spectrum needs {PERIOD + 1} a side")
    top, left = (height - 1 - rows) // 2, (width - 1 - columns) // 2
    part = pixels[top : top + rows + 1, left : left + columns + 1]
    # |x(i,j) + x(i+1,j+1) - x(i,j+1) - x(i+1,j)|: the difference of differences, exact in 16 bits.
    vertical = cv2.subtract(part[1:], part[:-1], dtype=cv2.CV_16S)
    cross = cv2.absdiff(vertical[:, 1:], vertical[:, :-1])
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
        if not 0 <= self.copies <= 20:
            raise ValueError(f"copies must be in 0..20, got {self.copies}")

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        """The picture as it is, and ``copies`` JPEG copies of random quality 60..100."""
        import cv2
        import numpy as np

        pixels = media.pixels()
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        rows = [spectrum_features(pixels)]
        for quality in rng.integers(AUGMENT_QUALITIES[0], AUGMENT_QUALITIES[1] + 1, self.copies):
            _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
            copy: np.ndarray = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)  # type: ignore[assignment]
            rows.append(spectrum_features(copy))
        return np.stack(rows)

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> Spectrum:
        """The forest."""
        return replace(self, model=forest.fit(features, is_ai))

    def with_model(self, model: Arrays) -> Spectrum:
        """With a forest fitted earlier."""
        return replace(self, model=model)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The share of AI in the leaves that the picture ends in, 0..1; raw, not calibrated."""
        return [self._score(media) for media in batch]

    def _score(self, media: Media) -> Score:
        if self.model is None:
            return Score(None, "unavailable", "E_UNTRAINED", "spectrum has no fitted model")
        try:
            return Score(float(forest.score(self.model, spectrum_features(media.pixels())[None])[0]))
        except CodedError as error:
            failure = coded(error)
            return Score(None, "error", failure.code, failure.detail)
