"""What the classical detectors share: the part of a picture they look at, its planes, and copies to learn from.

Everything here that takes a ``Media`` is meant for ``Media.once``, so that two detectors of one run compute it once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from bench.detectors.base import Score, Trainable, no_verdict
from bench.errors import CodedError
from bench.media import Media

if TYPE_CHECKING:
    import numpy as np

#: Longest side of the centre that is analysed, pixels: bounds the cost of a large photograph.
MAX_SIDE = 1024
#: The side of JPEG's blocks.
BLOCK = 8
#: Side under which no statistics are made, pixels: four blocks.
LEAST_SIDE = 32
#: JPEG qualities from which training copies are drawn, as in the training of Synthbuster (Bammey 2023).
QUALITIES = (60, 100)
#: Factors from which the size of training copies is drawn; the other half of the copies keeps its size.
SCALES = (0.5, 1.0)


@runtime_checkable
class Learner(Trainable, Protocol):
    """A trainable detector whose score is a function of one row of features."""

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The scores of feature rows ``(n, features)`` by the fitted model, ``(n,)`` float64."""


def scores(learner: Learner, features: Callable[[Media], np.ndarray], batch: Sequence[Media]) -> list[Score]:
    """The scores of a learner whose features are a function of the file; a failure is coded, never a verdict."""
    found = []
    for media in batch:
        if learner.model is None:
            found.append(Score(None, "unavailable", "E_UNTRAINED", f"{learner.info.name} has no fitted model"))
            continue
        try:
            found.append(Score(float(learner.values(media.once(features)[None])[0])))
        except CodedError as error:
            found.append(no_verdict(error))
    return found


class Cross(NamedTuple):
    """The cross-difference of a picture's centre.

    Attributes:
        values: ``|x(i,j) + x(i+1,j+1) - x(i,j+1) - x(i+1,j)|``, ``(rows, columns, 3)`` int16, 0..510.
        top, left: where the centre lies in the picture, pixels.
    """

    values: np.ndarray
    top: int
    left: int


def cross_difference(media: Media) -> Cross:
    """The difference of neighbouring differences, of at most 1024 x 1024 pixels: a picture without its content.

    Rows and columns are whole multiples of 16.

    Raises:
        CodedError: ``E_TOO_SMALL`` under 17 pixels a side.
    """
    import cv2

    pixels = media.pixels()
    height, width = pixels.shape[:2]
    if min(height, width) < 17:
        raise CodedError("E_TOO_SMALL", f"{width}x{height} pixels; harmonics of period 16 need 17 a side")
    rows, columns = (min(side - 1, MAX_SIDE) // 16 * 16 for side in (height, width))
    top, left = (height - 1 - rows) // 2, (width - 1 - columns) // 2
    part = pixels[top : top + rows + 1, left : left + columns + 1]
    vertical = cv2.subtract(part[1:], part[:-1], dtype=cv2.CV_16S)  # exact in 16 bits
    return Cross(cv2.absdiff(vertical[:, 1:], vertical[:, :-1]), top, left)


def centre(media: Media) -> np.ndarray:
    """At most 1024 x 1024 pixels of the middle, on the grid of 8 x 8 blocks that starts at the picture's corner.

    Returns:
        ``(rows, columns, 3)`` uint8, both multiples of 8.

    Raises:
        CodedError: ``E_TOO_SMALL`` under 32 pixels a side.
    """
    pixels = media.pixels()
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise CodedError("E_TOO_SMALL", f"{width}x{height} pixels; statistics need {LEAST_SIDE} a side")
    rows, columns = (min(side, MAX_SIDE) // BLOCK * BLOCK for side in (height, width))
    top, left = (height - rows) // 2 // BLOCK * BLOCK, (width - columns) // 2 // BLOCK * BLOCK
    return pixels[top : top + rows, left : left + columns]


def luma(media: Media) -> np.ndarray:
    """The Y of JFIF of the centre, ``(rows, columns)`` uint8."""
    import cv2

    grey: np.ndarray = cv2.cvtColor(media.once(centre), cv2.COLOR_RGB2GRAY)
    return grey


def check_copies(copies: int) -> None:
    """Refuse a number of augmented copies that would never end.

    Raises:
        ValueError: it is outside 0..20.
    """
    if not 0 <= copies <= 20:
        raise ValueError(f"copies must be in 0..20, got {copies}")


def training_rows(
    media: Media, features: Callable[[Media], np.ndarray], copies: int, resize: bool, rng: np.random.Generator
) -> np.ndarray:
    """The features of a picture as it is and of ``copies`` re-encoded ones.

    Args:
        media: the picture.
        features: of a file, ``(k,)``.
        copies: how many, each saved as JPEG 4:2:0 of a random quality 60..100.
        resize: whether every second copy is first scaled by a random factor 0.5..1.
        rng: draws qualities and factors.

    Returns:
        ``(1 + copies, k)``.
    """
    import cv2
    import numpy as np

    bgr = cv2.cvtColor(media.pixels(), cv2.COLOR_RGB2BGR)
    rows = [features(media)]
    for number, quality in enumerate(rng.integers(QUALITIES[0], QUALITIES[1] + 1, copies)):
        copy = bgr
        if resize and number % 2:
            scale = rng.uniform(*SCALES)
            size = [max(LEAST_SIDE, round(side * scale)) for side in bgr.shape[1::-1]]
            copy = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", copy, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
        decoded: np.ndarray = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)  # type: ignore[assignment]
        rows.append(features(Media.from_pixels(decoded)))
    return np.stack(rows)
