"""Where an edit is made and how it is set into the picture: object-shaped masks, boxes around them, soft borders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Rows and columns of a picture.
Box = tuple[slice, slice]


def edit_mask(height: int, width: int, area: float, rng: np.random.Generator) -> np.ndarray:
    """A blob that covers this share of the picture, or a little less; a large one is cut off by the borders.

    Never more, so that an edit of 5 % stands in the bin of those up to 5 %.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        area: share of the picture, 0..0.7.
        rng: decides place and shape.

    Returns:
        ``(height, width)`` uint8, 255 where edited.
    """
    import cv2
    import numpy as np

    # A circle deformed by three harmonics, then scaled until the drawn area is right.
    angles = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    shape = np.ones_like(angles)
    for k in (2, 3, 5):
        shape += rng.uniform(0.04, 0.16) / math.sqrt(k - 1) * np.cos(k * angles + rng.uniform(0, 2 * np.pi))
    stretch = rng.uniform(0.8, 1.25)
    x, y = shape * np.cos(angles) * width * stretch, shape * np.sin(angles) * height / stretch
    place = rng.uniform(0.3, 0.7, 2)
    low, high = 0.0, 1.5
    mask = np.zeros((height, width), np.uint8)
    best = mask.copy()
    for _ in range(20):
        scale = (low + high) / 2
        points = np.stack([x * scale + place[0] * width, y * scale + place[1] * height], axis=1)
        mask[:] = 0
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255)
        if mask.mean() <= area * 255:
            low, best = scale, mask.copy()
        else:
            high = scale
    return best


def box_around(mask: np.ndarray, margin: int) -> Box:
    """The smallest box that holds all that is white, with so many pixels around it where the picture has them."""
    import cv2

    left, top, wide, high = cv2.boundingRect(mask)
    rows = slice(max(0, top - margin), min(mask.shape[0], top + high + margin))
    return rows, slice(max(0, left - margin), min(mask.shape[1], left + wide + margin))


def blend(original: np.ndarray, remade: np.ndarray, mask: np.ndarray, border: float = 2.0) -> np.ndarray:
    """The remade picture where the mask is white, the original elsewhere, with a soft border inside the mask.

    Args:
        original: ``(height, width, 3)`` uint8; left bit for bit outside the mask.
        remade: of the same shape.
        mask: ``(height, width)`` uint8.
        border: sigma of the transition, pixels.
    """
    import cv2
    import numpy as np

    inner = cv2.erode(mask, np.ones((5, 5), np.uint8))
    weight = (mask > 0).astype(np.float32)
    if inner.any():  # else too small for a border
        weight *= cv2.GaussianBlur(inner.astype(np.float32) / 255, (0, 0), border)
    weight = weight[..., None]
    mixed: np.ndarray = np.round(original * (1 - weight) + remade * weight).astype(np.uint8)
    return mixed
