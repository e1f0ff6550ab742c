"""Controls: what attacks do around their model, without the model.

An attack that works on a smaller picture, or on a noisy one, has damaged it before its model is asked. Such attacks
have a property ``control``: the attack that does the rest of it, so that the model's own share can be read off.
``ResizeBack`` is that of a detour through a smaller size; for added noise it is ``attacks.tone.Noise``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from attacks.base import check_range
from attacks.geometry import resized
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np

#: What severity measures where a picture takes a detour through a smaller size.
OCTAVES = "|log2 of the scale in between|"
#: Smallest scale of a detour.
SMALLEST = 0.05


def shrunk(pixels: np.ndarray, scale: float) -> np.ndarray:
    """The picture at this scale by averaging (OpenCV's ``area``); at least one pixel."""
    height, width = pixels.shape[:2]
    return resized(pixels, max(1, round(width * scale)), max(1, round(height * scale)), "area")


def enlarged(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture back at its old size (OpenCV's ``cubic``)."""
    return resized(pixels, width, height, "cubic")


def detour(pixels: np.ndarray, scale: float, inside: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Shrink, do something there, enlarge to the old size.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        scale: side inside over the picture's own side, at most 1.
        inside: takes and gives float32 in 0..1, RGB, of the size inside.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    import numpy as np

    height, width = pixels.shape[:2]
    small = shrunk(pixels, scale).astype(np.float32)
    small /= 255
    back = enlarged(np.ascontiguousarray(inside(small)), width, height)
    rounded: np.ndarray = np.clip(back * 255 + 0.5, 0, 255).astype(np.uint8)
    return rounded


def octaves(scale: float) -> float:
    """The severity of a detour: how often the sides are halved, as ``Resize`` counts."""
    return abs(math.log2(scale))


@settings
class ResizeBack:
    """Shrunk and enlarged to the old size: the control of attacks whose model sees a smaller picture.

    Attributes:
        scale: side in between over the old side, 0.05..1. Shrunk by averaging (OpenCV's ``area``), enlarged by
            ``cubic``, as those attacks do.
    """

    scale: float = 0.5

    family = "resize-back"
    axis = OCTAVES

    def __post_init__(self) -> None:
        check_range("scale", self.scale, SMALLEST, 1)

    @property
    def severity(self) -> float:
        """Octaves down and up again."""
        return octaves(self.scale)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} resize, no model"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture at its old size."""
        return Media.from_pixels(detour(media.pixels(), self.scale, lambda small: small))
