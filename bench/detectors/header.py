"""The confound baseline: how far one gets without looking at a single pixel.

If this detector separates the classes, the data set's formats and sizes differ between them, and a pixel detector
that does no better may have learnt the same thing. Every detector table prints its AUC beside the others'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from bench.containers import Header
from bench.detectors import common, forest
from bench.detectors.base import Arrays, DetectorInfo, Score
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

FEATURES = (
    "jpeg", "png", "webp", "other", "log2_width", "log2_height", "log2_aspect", "square", "multiple_of_8",
    "multiple_of_64", "jpeg_quality", "chroma_444", "chroma_420", "progressive", "alpha", "palette", "bits",
)  # fmt: skip


def header_features(header: Header) -> np.ndarray:
    """``FEATURES`` of one file, ``(17,)`` float32, from its header alone (not from the length of the file)."""
    import numpy as np

    width, height = header.width, header.height
    kinds = [header.mime == f"image/{kind}" for kind in ("jpeg", "png", "webp")]
    values = [
        *kinds,
        not any(kinds),
        np.log2(width),
        np.log2(height),
        abs(np.log2(width / height)),
        width == height,
        width % 8 == 0 and height % 8 == 0,
        width % 64 == 0 and height % 64 == 0,
        header.jpeg_quality or 0,
        header.jpeg_subsampling == "4:4:4",
        header.jpeg_subsampling == "4:2:0",
        header.jpeg_progressive,
        header.alpha,
        header.palette,
        header.bits,
    ]
    return np.array(values, np.float32)


def features_of(media: Media) -> np.ndarray:
    """``header_features`` of a file."""
    return header_features(media.header)


@settings
class HeaderDetector:
    """A random forest on format, size and JPEG quality, fitted on the train split."""

    model: Arrays | None = field(default=None, repr=False, compare=False)

    info = DetectorInfo("header", version="1", reads="file", default_threshold=0.5, probability=True)

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        """One row."""
        return features_of(media)[None]

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> HeaderDetector:
        """The forest."""
        return replace(self, model=forest.fit(features, is_ai))

    def with_model(self, model: Arrays) -> HeaderDetector:
        """With a forest fitted earlier."""
        return replace(self, model=model)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The share of AI in the leaves that each row ends in."""
        return forest.score(self.model or {}, rows)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The share of AI among training files with such a header, 0..1."""
        return common.scores(self, features_of, batch)
