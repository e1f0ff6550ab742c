"""Smaller copies: a picture fitted to a side in pixels, and the web copies and thumbnails that are made so.

Only pixels go in and come out of a fit: no metadata of the source are left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attacks.base import check_choice, check_range, curve
from attacks.chain import Chain
from attacks.geometry import FILTERS, resized
from attacks.recompress import Jpeg
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np

_LARGEST = 16384


@settings
class ResizeTo:
    """Shrunk until one side has so many pixels, in proportion; a picture that is small enough stays as it is.

    Attributes:
        side: of the picture afterwards in pixels, at most; 1..16384.
        edge: which side that is: long or short.
        filter: OpenCV's resampling: nearest, linear, cubic, area or lanczos4. Only ``area`` averages when shrinking;
            the others sample without antialiasing. The other side keeps at least one pixel.
    """

    side: int = 768
    edge: str = "long"
    filter: str = "area"

    axis = "log2(16384 / pixels of the side)"

    def __post_init__(self) -> None:
        check_range("side", self.side, 1, _LARGEST)
        check_choice("edge", self.edge, ("long", "short"))
        check_choice("filter", self.filter, FILTERS)

    @property
    def family(self) -> str:
        """One curve per side and filter."""
        return curve("resize-to", self, "side")

    @property
    def severity(self) -> float:
        """Octaves under the largest side; what is left of a picture depends on its own size too."""
        return math.log2(_LARGEST / self.side)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} resize"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture at its new size."""
        pixels = media.pixels()
        height, width = pixels.shape[:2]
        given = max(width, height) if self.edge == "long" else min(width, height)
        scale = min(1.0, self.side / given)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return Media.from_pixels(resized(pixels, *size, self.filter))


#: The copies of the detector papers' grids: 768 pixels at JPEG 60 for the web, 256 at JPEG 75 as a thumbnail.
WEB_COPY = Chain(attacks=(ResizeTo(side=768), Jpeg(quality=60)))
THUMBNAIL = Chain(attacks=(ResizeTo(side=256), Jpeg(quality=75)))
