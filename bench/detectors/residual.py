"""The statistics of what high-pass filters leave of a picture: noise, sensor, interpolation, decoder.

After Fridrich and Kodovsky, "Rich Models for Steganalysis of Digital Images" (IEEE TIFS 2012): residuals of linear
predictors, quantised and truncated, as co-occurrences of three neighbours. Across the colour channels, after Goljan,
Fridrich and Cogranne, "Rich Model for Steganalysis of Color Images" (WIFS 2014): a camera's interpolation ties them,
a generator's decoder ties them in its own way. Far fewer features than the rich model: one quantisation step for each
predictor, three neighbours instead of four.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from bench.detectors import common, linear
from bench.detectors.base import Arrays, DetectorInfo, Score
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Residuals are cut off at this many quantisation steps (T of the paper).
TRUNCATION = 2
LEVELS = 2 * TRUNCATION + 1
#: Predictors along one direction, with their quantisation steps (powers of two, so that the division is exact).
ALONG = (((-1, 1), 1), ((1, -2, 1), 2), ((1, -3, 3, -1), 4))
#: The predictor from all eight neighbours (Ker and Boehme 2008) and its step.
SQUARE = (((-1, 2, -1), (2, -4, 2), (-1, 2, -1)), 4)


def residual_features(media: Media) -> np.ndarray:
    """Shares of the co-occurrences, and correlations between the channels' residuals, float32.

    Raises:
        CodedError: ``E_TOO_SMALL`` under 32 pixels a side, or as ``Media.pixels``.
    """
    import cv2
    import numpy as np

    grey = media.once(common.luma)
    parts = []
    for weights, step in ALONG:
        row: np.ndarray = np.array([weights], np.float32)
        across, down = _residual(grey, row, step), _residual(grey, row.T, step)
        parts.append(_shares(_neighbours(across, 1) + _neighbours(down, 0), 2))
        parts.append(_shares(_neighbours(across, 0) + _neighbours(down, 1), 2))
    kernel = np.array(SQUARE[0], np.float32)
    square = _residual(grey, kernel, SQUARE[1])
    parts.append(_shares(_neighbours(square, 1) + _neighbours(square, 0), 2))
    colour = _codes(*cv2.split(_residual(media.once(common.centre), kernel, SQUARE[1])))
    parts += [_shares(colour, 1), _correlations(colour)]
    return np.concatenate(parts).astype(np.float32)


def _residual(plane: np.ndarray, kernel: np.ndarray, step: int) -> np.ndarray:
    """Quantised and truncated residuals, 0..4 uint8 with 2 for none; a margin of two pixels is cut off."""
    import cv2
    import numpy as np

    # Saturation to 8 bits rounds and cuts the lower end off in the same pass.
    filtered = cv2.filter2D(plane, cv2.CV_8U, kernel / step, delta=TRUNCATION)
    inner: np.ndarray = np.minimum(filtered, np.uint8(2 * TRUNCATION))[2:-2, 2:-2]
    return inner


def _neighbours(residual: np.ndarray, axis: int) -> np.ndarray:
    """Counts of three neighbours in this direction, ``(125,)``."""
    n = residual.shape[axis] - 2
    parts = (residual[i : i + n] if axis == 0 else residual[:, i : i + n] for i in range(3))
    return _codes(*parts)


def _codes(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Counts of the triples, ``(125,)`` float64."""
    import cv2
    import numpy as np

    codes = (first * np.uint8(LEVELS) + second) * np.uint8(LEVELS) + third
    counts: np.ndarray = cv2.calcHist([codes], [0], None, [LEVELS**3], [0, LEVELS**3]).ravel().astype(np.float64)
    return counts


@functools.cache
def _classes(symmetries: int) -> np.ndarray:
    """The class of each triple: those that differ by sign (1), by sign or direction (2) are one."""
    import numpy as np

    triples = np.indices((LEVELS,) * 3).reshape(3, -1)
    same = [triples, 2 * TRUNCATION - triples]
    if symmetries == 2:
        same += [triples[::-1], 2 * TRUNCATION - triples[::-1]]
    lowest = np.min([(one[0] * LEVELS + one[1]) * LEVELS + one[2] for one in same], axis=0)
    return np.unique(lowest, return_inverse=True)[1]


def _shares(counts: np.ndarray, symmetries: int) -> np.ndarray:
    """Square roots of the shares: of counts, the root has a spread that does not depend on the share."""
    import numpy as np

    shares: np.ndarray = np.sqrt(np.bincount(_classes(symmetries), weights=counts) / max(1.0, counts.sum()))
    return shares


def _correlations(counts: np.ndarray) -> np.ndarray:
    """Of red and green, green and blue, red and blue, from the counts of their triples; 0 where one is constant."""
    import numpy as np

    shares = counts / max(1.0, counts.sum())
    triples = np.indices((LEVELS,) * 3).reshape(3, -1)
    apart = triples - (triples * shares).sum(axis=1, keepdims=True)
    moments = (apart * shares) @ apart.T
    spread = np.sqrt(np.maximum(np.diag(moments), 1e-9))
    matrix: np.ndarray = moments / np.outer(spread, spread)
    return matrix[[0, 1, 0], [1, 2, 2]]


@settings
class Residual:
    """A logistic regression on the high-pass statistics, fitted on the train split and on re-encoded copies of it.

    Attributes:
        copies: augmented copies of each training picture, 0..20: JPEG 60..100, every second one made smaller first.
    """

    copies: int = 4
    model: Arrays | None = field(default=None, repr=False, compare=False)

    info = DetectorInfo("residual", version="1", reads="pixels")

    def __post_init__(self) -> None:
        common.check_copies(self.copies)

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        """The picture as it is, and ``copies`` re-encoded ones."""
        return common.training_rows(media, residual_features, self.copies, True, rng)

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> Residual:
        """The weights."""
        return replace(self, model=linear.fit(features, is_ai))

    def with_model(self, model: Arrays) -> Residual:
        """With weights fitted earlier."""
        return replace(self, model=model)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The log-odds of AI of each row."""
        return linear.score(self.model or {}, rows)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The log-odds of AI; raw, not calibrated."""
        return common.scores(self, residual_features, batch)
