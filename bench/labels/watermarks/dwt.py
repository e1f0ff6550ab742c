"""dwtDct and dwtDctSvd, as the PyPI package ``invisible-watermark`` (0.2.0, MIT) defines them.

Quantisation index modulation (Chen and Wornell, 2001) in the Haar LL band of the U plane, one bit for each block of
4x4 coefficients, the message repeated over the blocks and read by vote. Bits and pixels equal the package's, which
includes what looks like its mistakes: the detail bands are exchanged when the picture is put together again, and
values outside 0..255 wrap around.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.errors import NotApplicable
from bench.labels.base import Claim, Reading
from bench.labels.watermarks import blocks as b
from bench.labels.watermarks import common
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Quantisation step, the package's default for the U plane (it marks no other).
STEP = 36

#: The package refuses pictures of fewer pixels.
SMALLEST = 256 * 256


@settings
class _Haar:
    """What both schemes share: a message in the pixels, as bits."""

    length: int = 32

    position = "pixels"
    touches_pixels = True

    def __post_init__(self) -> None:
        common.check_length(self.length)

    def applies(self, mime: str) -> bool:
        """JPEG, PNG and WebP."""
        return mime in common.MIMES

    def expected(self, claim: Claim) -> dict[str, str]:
        """The message's first bits."""
        return {"bits": claim.bits(self.length)}


@settings
class DwtDct(_Haar):
    """Watermark in the largest coefficient (but the first) of each block of the Haar LL band; no DCT, for all its name.

    It loses bits without any attack, since that largest coefficient may be another one after rounding to 8 bits.

    Attributes:
        length: bits of the message, 1..256.
    """

    name = "dwtDct"

    def write(self, media: Media, claim: Claim) -> Media:
        """The marked picture as a new file; see ``common.write``.

        Raises:
            NotApplicable: ``E_TOO_SMALL`` under 256 x 256 pixels in area, or as ``common.write``.
        """
        return common.write(self, media, claim, lambda pixels, bits: _embed(pixels, bits, _set_largest))

    def read(self, media: Media) -> Reading:
        """The decoded bits."""
        return common.read(self, media, lambda pixels: _extract(pixels, self.length, _largest))

    def votes(self, media: Media) -> np.ndarray:
        """What each block says, ``(blocks per bit, bits)`` of 0 and 1; see ``common.rows``."""
        return common.rows(_votes(media.pixels(), self.length, _largest), self.length)


@settings
class DwtDctSvd(_Haar):
    """Watermark in the largest singular value of the DCT of each block of the Haar LL band.

    Attributes:
        length: bits of the message, 1..256.
    """

    name = "dwtDctSvd"

    def write(self, media: Media, claim: Claim) -> Media:
        """The marked picture as a new file; see ``common.write``.

        Raises:
            NotApplicable: ``E_TOO_SMALL`` under 256 x 256 pixels in area, or as ``common.write``.
        """
        return common.write(self, media, claim, lambda pixels, bits: _embed(pixels, bits, _set_singular))

    def read(self, media: Media) -> Reading:
        """The decoded bits."""
        return common.read(self, media, lambda pixels: _extract(pixels, self.length, _singular))

    def votes(self, media: Media) -> np.ndarray:
        """What each block says, ``(blocks per bit, bits)`` of 0 and 1; see ``common.rows``."""
        return common.rows(_votes(media.pixels(), self.length, _singular), self.length)


def _plane(pixels: np.ndarray, length: int) -> tuple[np.ndarray, tuple[slice, slice]]:
    """YUV, and the part whose sides are multiples of 4."""
    import cv2

    common.check_area(pixels, SMALLEST)
    height, width = (side // b.SIDE * b.SIDE for side in pixels.shape[:2])
    if (height // 8) * (width // 8) < length:
        raise NotApplicable("E_TOO_SMALL", f"{width}x{height} pixels have fewer than {length} blocks")
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV), (slice(height), slice(width))


def _embed(pixels: np.ndarray, bits: np.ndarray, mark: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    import cv2
    import numpy as np

    yuv, part = _plane(pixels, len(bits))
    bands = b.analyse(yuv[..., 1][part].astype(np.float64))
    marked = b.split(bands.low)
    b.put(bands.low, mark(marked, np.resize(bits, len(marked))))
    exchanged = b.Bands(bands.low, rows=bands.columns, columns=bands.rows, both=bands.both)
    # Through int32, so that the wrap-around is the same on every machine.
    yuv[..., 1][part] = b.synthesise(exchanged).astype(np.int32).astype(np.uint8)
    return cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB)  # type: ignore[no-any-return]


def _votes(pixels: np.ndarray, length: int, values: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Whether each block lies in the upper half of its interval, ``(blocks,)`` bool."""
    import numpy as np

    yuv, part = _plane(pixels, length)
    upper: np.ndarray = values(b.split(b.analyse(yuv[..., 1][part].astype(np.float64)).low)) % STEP > STEP / 2
    return upper


def _extract(pixels: np.ndarray, length: int, values: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    import numpy as np

    upper = _votes(pixels, length, values)
    of = np.arange(len(upper)) % length
    votes = np.bincount(of, weights=upper, minlength=length) / np.bincount(of, minlength=length)
    return votes * 255 > 127


def _largest_at(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the largest coefficient but the first, in magnitude: ``(block, coefficient)``."""
    import numpy as np

    return np.arange(len(flat)), np.abs(flat[:, 1:]).argmax(axis=1) + 1


def _set_largest(blocks: np.ndarray, bits: np.ndarray) -> np.ndarray:
    import numpy as np

    flat = blocks.reshape(len(blocks), -1)
    at = _largest_at(flat)
    moved = b.requantised(np.abs(flat[at]), STEP, bits)
    flat[at] = np.where(flat[at] >= 0, moved, -moved)
    return flat


def _largest(blocks: np.ndarray) -> np.ndarray:
    import numpy as np

    flat = blocks.reshape(len(blocks), -1)
    return np.abs(flat[_largest_at(flat)])  # type: ignore[no-any-return]


def _set_singular(blocks: np.ndarray, bits: np.ndarray) -> np.ndarray:
    import numpy as np

    u, s, v = np.linalg.svd(b.dct(blocks))
    s[:, 0] = b.requantised(s[:, 0], STEP, bits)
    return b.idct(u @ (s[:, :, None] * v))


def _singular(blocks: np.ndarray) -> np.ndarray:
    import numpy as np

    # With the vectors, which are not needed: LAPACK takes another way without them, and its last digit differs.
    return np.linalg.svd(b.dct(blocks))[1][:, 0]
