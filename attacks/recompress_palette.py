"""Files with a palette: 8-bit PNG and GIF by Pillow. Colours are lost, then coding is lossless; metadata are lost.

``attacks.colour.Palette`` does the same to pixels alone; here the file is one of indices, as image optimisers and
converters write it.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from attacks.base import check_choice, check_range, curve
from bench.errors import CodedError
from bench.media import Media
from bench.settings import settings
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

#: Pillow's names, in its order: ``Image.Quantize.MEDIANCUT``, ``MAXCOVERAGE``, ``FASTOCTREE``.
ALGORITHMS = ("median-cut", "max-coverage", "octree")


def quantised(pixels: np.ndarray, colours: int, algorithm: str, dither: bool) -> Image.Image:
    """The picture as indices into a palette of its own.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        colours: at most so many, 2..256.
        algorithm: one of ``ALGORITHMS``.
        dither: Floyd-Steinberg error diffusion instead of the nearest colour.
    """
    from PIL import Image

    image = Image.fromarray(pixels)
    method = Image.Quantize(ALGORITHMS.index(algorithm))
    # Pillow dithers only onto a palette that it is given.
    reduced = image.quantize(colours, method, dither=Image.Dither.NONE)
    return image.quantize(palette=reduced, dither=Image.Dither.FLOYDSTEINBERG) if dither else reduced


def _saved(image: Image.Image, kind: str) -> Media:
    out = io.BytesIO()
    try:
        image.save(out, kind)
    except (OSError, ValueError, OverflowError, SystemError) as error:
        raise CodedError("E_ENCODE", f"image/{kind.lower()}: {error}") from None
    return Media(out.getvalue(), f"image/{kind.lower()}")


@settings
class _Palette:
    """What both formats share: the settings of the palette, and what they are called."""

    colours: int = 256
    algorithm: str = "median-cut"
    dither: bool = True

    axis = "8 − log2 of the number of colours"
    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_range("colours", self.colours, 2, 256)
        check_choice("algorithm", self.algorithm, ALGORITHMS)

    @property
    def severity(self) -> float:
        """Bits of the index that are missing to 8."""
        return 8 - math.log2(self.colours)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:Pillow {package_version('pillow')} Image.quantize"

    def _quantised(self, media: Media) -> Image.Image:
        return quantised(media.pixels(), self.colours, self.algorithm, self.dither)


@settings
class PngPalette(_Palette):
    """An 8-bit PNG file with a palette.

    Attributes:
        colours: at most so many, 2..256.
        algorithm: that chooses them: median-cut, max-coverage or octree, as in Pillow.
        dither: Floyd-Steinberg error diffusion instead of the nearest colour.
    """

    @property
    def family(self) -> str:
        """One curve per algorithm, and without dithering."""
        return curve("png-palette", self, "colours")

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new PNG file."""
        return _saved(self._quantised(media), "PNG")


@settings
class Gif(_Palette):
    """A GIF file of one frame.

    Attributes:
        colours: at most so many, 2..256.
        algorithm: that chooses them: median-cut, max-coverage or octree, as in Pillow.
        dither: Floyd-Steinberg error diffusion instead of the nearest colour.
    """

    @property
    def family(self) -> str:
        """One curve per algorithm, and without dithering."""
        return curve("gif", self, "colours")

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new GIF file. Raises ``E_ENCODE`` beyond 65,535 pixels a side."""
        return _saved(self._quantised(media), "GIF")
