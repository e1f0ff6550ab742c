"""Copies of training files as a platform would make them, so that a detector does not learn what a resize destroys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.geometry import Resize
from attacks.recompress import Jpeg
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np


@settings
class Augmentation:
    """Random resize, then random JPEG.

    Attributes:
        jpeg: lowest and highest quality, 1..100; None for no JPEG.
        resize: smallest and largest scale of both sides, 0.01..4; None for no resize.
        copies: of each training file, 1..20.
    """

    jpeg: tuple[int, int] | None = None
    resize: tuple[float, float] | None = None
    copies: int = 1

    def __post_init__(self) -> None:
        for name, pair, low, high in (("jpeg", self.jpeg, 1, 100), ("resize", self.resize, 0.01, 4)):
            if pair is not None and not low <= pair[0] <= pair[1] <= high:
                raise ValueError(f"{name} must be two numbers in {low:g}..{high:g}, the lower first, got {pair}")
        if self.jpeg is None and self.resize is None:
            raise ValueError("name jpeg, resize or both")
        if not 1 <= self.copies <= 20:
            raise ValueError(f"copies must be in 1..20, got {self.copies}")

    def __call__(self, media: Media, rng: np.random.Generator) -> list[Media]:
        """The copies.

        Raises:
            CodedError: the file cannot be decoded.
        """
        return [self._copy(media, rng) for _ in range(self.copies)]

    def _copy(self, media: Media, rng: np.random.Generator) -> Media:
        if self.resize is not None:
            scale = float(rng.uniform(*self.resize))
            media = Resize(scale=scale, filter="area" if scale < 1 else "cubic")(media, rng)
        if self.jpeg is not None:
            media = Jpeg(quality=int(rng.integers(self.jpeg[0], self.jpeg[1] + 1)))(media, rng)
        return media
