"""A linear probe on what an image classifier sees: EfficientNet-Lite0, trained on ImageNet, left as it is.

Frozen features with a linear layer are the baseline that a detector with its own training has to beat (Ojha, Li and
Lee, CVPR 2023, https://arxiv.org/abs/2302.10174, do it with CLIP). The features say much about content: such a probe
learns what the AI pictures of its train split show as readily as how they were made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from bench.detectors import common, linear
from bench.detectors.base import Arrays, DetectorInfo, Score
from bench.errors import CodedError
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

WEIGHTS, FILE = "efficientnet-lite0", "efficientnet-lite0-57934424.pth"
DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
#: Short side to which the whole picture is scaled before its centre is looked at, pixels.
SHORT_SIDE = 256
#: Largest ratio of the sides of a picture that is looked at: a longer strip would be scaled up without bound.
MAX_RATIO = 64
#: Where the crops at native resolution lie: shares of the way down and to the right.
PLACES = ((0.5, 0.5), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))


def backbone_features(media: Media) -> np.ndarray:
    """The network's features of the whole picture, scaled, and their mean over up to five crops that are not.

    Scaling destroys the traces of generation and of resampling; crops alone do not see the picture. The spread over
    the crops is left out: in small pictures they overlap, so that it tells the size.

    Args:
        media: the picture.

    Returns:
        ``(2560,)`` float32.

    Raises:
        CodedError: ``E_SHAPE``: the picture is a strip; or as ``weights.path`` and ``pth.read``.
    """
    import cv2
    import numpy as np

    pixels = media.pixels()
    height, width = pixels.shape[:2]
    if max(height, width) > MAX_RATIO * min(height, width):
        raise CodedError("E_SHAPE", f"{width}x{height} pixels; the sides may differ by a factor of {MAX_RATIO}")
    scale = SHORT_SIDE / min(height, width)
    size = max(SHORT_SIDE, round(width * scale)), max(SHORT_SIDE, round(height * scale))
    whole = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    features = [_features(crop) for crop in _crops(pixels, PLACES)]
    return np.concatenate([_features(next(_crops(whole, PLACES[:1]))), np.mean(features, axis=0)])


def _crops(pixels: np.ndarray, places: Sequence[tuple[float, float]]) -> Iterator[np.ndarray]:
    """The different ones among these crops, each ``(224, 224, 3)``; small pictures are continued by their mirror."""
    import cv2

    from bench.neural.efficientnet import SIDE

    height, width = pixels.shape[:2]
    more_rows, more_columns = max(0, SIDE - height), max(0, SIDE - width)
    if more_rows or more_columns:
        rows = more_rows // 2, more_rows - more_rows // 2
        columns = more_columns // 2, more_columns - more_columns // 2
        pixels = cv2.copyMakeBorder(pixels, *rows, *columns, cv2.BORDER_REFLECT_101)
        height, width = pixels.shape[:2]
    corners = [(round((height - SIDE) * down), round((width - SIDE) * right)) for down, right in places]
    for top, left in dict.fromkeys(corners):
        yield pixels[top : top + SIDE, left : left + SIDE]


def _features(crop: np.ndarray) -> np.ndarray:
    import numpy as np

    from bench import weights
    from bench.neural import efficientnet, onnx

    values = (crop.astype(np.float32) - np.float32(efficientnet.MEAN)) / np.float32(efficientnet.DEVIATION)
    opened = onnx.session(efficientnet.model(weights.path(WEIGHTS, FILE)))
    found: np.ndarray = onnx.first_output(opened, np.ascontiguousarray(values.transpose(2, 0, 1))[None])[0]
    return found


@settings
class Backbone:
    """Logistic regression on frozen features of EfficientNet-Lite0, fitted on the train split and copies of it.

    Attributes:
        copies: augmented copies of each training picture, 0..20: JPEG of random quality 60..100, every second one
            first scaled by a random factor 0.5..1.
    """

    copies: int = 2
    model: Arrays | None = field(default=None, repr=False, compare=False)

    info = DetectorInfo("backbone", version="1", reads="pixels", weights_sha256=DIGEST, default_threshold=0.0)

    def __post_init__(self) -> None:
        common.check_copies(self.copies)

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        from bench.neural import onnx

        return onnx.missing(WEIGHTS)

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        """The picture as it is, and ``copies`` re-encoded ones."""
        return common.training_rows(media, backbone_features, self.copies, True, rng)

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> Backbone:
        """The regression."""
        return replace(self, model=linear.fit(features, is_ai))

    def with_model(self, model: Arrays) -> Backbone:
        """With weights fitted earlier."""
        return replace(self, model=model)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The log-odds of AI of each row."""
        return linear.score(self.model or {}, rows)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The log-odds of AI; raw, not calibrated."""
        return common.scores(self, backbone_features, batch)
