"""The scheme of the PyPI package ``blind-watermark`` (0.4.4, MIT), in its default settings.

Haar LL band of all three YUV planes, blocks of 4x4; the DCT coefficients of each block are shuffled by a password, and
the two largest singular values of that carry the bit, as in ``dwt``. Votes are parted by 1-D k-means. The package's
examples undo crops and scaling with the original's size and place; a platform does not know them, so here a picture is
read as it was received.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from bench.errors import NotApplicable
from bench.labels.base import Claim, Reading
from bench.labels.watermarks import blocks as b
from bench.labels.watermarks import common
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Quantisation steps of the first and second singular value.
STEPS = (36, 20)


@settings
class BlindWatermark:
    """The default mode of ``blind-watermark``, bits and pixels equal to the package's.

    Attributes:
        length: bits of the message, 1..256.
        password: seed of both shuffles, of the message and of the coefficients.
    """

    length: int = 32
    password: int = 1

    name = "blindWatermark"
    position = "pixels"
    touches_pixels = True

    def __post_init__(self) -> None:
        common.check_length(self.length)
        if not 0 <= self.password < 2**32:
            raise ValueError(f"password must be in 0..{2**32 - 1}, got {self.password}")

    def applies(self, mime: str) -> bool:
        """JPEG, PNG and WebP."""
        return mime in common.MIMES

    def expected(self, claim: Claim) -> dict[str, str]:
        """The message's first bits."""
        return {"bits": claim.bits(self.length)}

    def write(self, media: Media, claim: Claim) -> Media:
        """The marked picture as a new file; see ``common.write``.

        Raises:
            NotApplicable: ``E_TOO_SMALL`` when there are not more blocks of 8 x 8 pixels than bits, or as
                ``common.write``.
        """
        return common.write(self, media, claim, lambda pixels, bits: _embed(pixels, bits, self.password))

    def read(self, media: Media) -> Reading:
        """The decoded bits, at the size the picture has now."""
        return common.read(self, media, lambda pixels: _extract(pixels, self.length, self.password))

    def votes(self, media: Media) -> np.ndarray:
        """What each block of each plane says, ``(votes per bit, bits)`` in 0..1; see ``common.rows``."""
        import numpy as np

        planes = _votes(media.pixels(), self.length, self.password)
        shuffled = np.concatenate([common.rows(votes, self.length) for votes in planes])
        return shuffled[:, np.argsort(_places(self.length, self.password))]


def _planes(pixels: np.ndarray, length: int) -> np.ndarray:
    """YUV as float32, ``(height, width, 3)``, a black row or column added where a side is odd."""
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    if ((height + 1) // 2 // b.SIDE) * ((width + 1) // 2 // b.SIDE) <= length:
        raise NotApplicable("E_TOO_SMALL", f"{width}x{height} pixels have no more than {length} blocks")
    # In BGR, as the package does it: the order of the sum decides its last digit.
    yuv = cv2.cvtColor(pixels[..., ::-1].astype(np.float32), cv2.COLOR_BGR2YUV)
    even: np.ndarray = cv2.copyMakeBorder(yuv, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return even


@functools.lru_cache(maxsize=4)
def _shuffles(password: int, n: int) -> np.ndarray:
    """For each block, the order of its 16 coefficients: ``(n, 16)``."""
    import numpy as np

    order = np.random.RandomState(password).random(size=(n, b.SIDE**2)).argsort(axis=1)
    order.flags.writeable = False
    return order


def _decomposed(blocks: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import numpy as np

    flat = np.ascontiguousarray(b.dct(blocks)).reshape(len(blocks), -1)
    return np.linalg.svd(np.take_along_axis(flat, order, axis=1).reshape(blocks.shape))


def _embed(pixels: np.ndarray, bits: np.ndarray, password: int) -> np.ndarray:
    import cv2
    import numpy as np

    message = bits.copy()
    np.random.RandomState(password).shuffle(message)
    yuv = _planes(pixels, len(bits))
    for channel in range(3):
        bands = b.analyse(yuv[..., channel])
        blocks = b.split(bands.low)
        order = _shuffles(password, len(blocks))
        u, s, v = _decomposed(blocks, order)
        repeated = np.resize(message, len(blocks))
        for i, step in enumerate(STEPS):
            s[:, i] = b.requantised(s[:, i], step, repeated)
        flat = (u @ (s[:, :, None] * v)).reshape(len(blocks), -1)
        ordered = np.empty_like(flat)
        np.put_along_axis(ordered, order, flat, axis=1)
        b.put(bands.low, b.idct(ordered.reshape(blocks.shape)))
        yuv[..., channel] = b.synthesise(bands)
    bgr = cv2.cvtColor(yuv[: pixels.shape[0], : pixels.shape[1]], cv2.COLOR_YUV2BGR)
    # Rounded as OpenCV does when it writes a picture of floats.
    return np.ascontiguousarray(np.rint(np.clip(bgr, 0, 255)).astype(np.uint8)[..., ::-1])


def _votes(pixels: np.ndarray, length: int, password: int) -> list[np.ndarray]:
    """For each plane, what each block says: 0, 1/4, 3/4 or 1, the first singular value counting three times."""
    yuv = _planes(pixels, length)
    votes = []
    for channel in range(3):
        blocks = b.split(b.analyse(yuv[..., channel]).low)
        s = _decomposed(blocks, _shuffles(password, len(blocks)))[1]
        first, second = (s[:, i] % step > step / 2 for i, step in enumerate(STEPS))
        votes.append((first * 3 + second) / 4)
    return votes


def _places(length: int, password: int) -> np.ndarray:
    """Which bit of the message each bit that was embedded is, ``(length,)``."""
    import numpy as np

    place = np.arange(length)
    np.random.RandomState(password).shuffle(place)
    return place


def _extract(pixels: np.ndarray, length: int, password: int) -> np.ndarray:
    import numpy as np

    votes = _votes(pixels, length, password)
    of = np.arange(len(votes[0])) % length
    shares = np.bincount(of, weights=np.sum(votes, axis=0), minlength=length) / (3 * np.bincount(of, minlength=length))
    message = np.empty(length, bool)
    message[_places(length, password)] = _upper_class(shares)
    return message


def _upper_class(values: np.ndarray) -> np.ndarray:
    """Which values belong to the upper of two classes (1-D k-means that starts from the extremes)."""
    import numpy as np

    low, high = values.min(), values.max()
    if low == high:
        return np.zeros(len(values), bool)
    for _ in range(300):
        threshold = (low + high) / 2
        upper = values > threshold
        low, high = values[~upper].mean(), values[upper].mean()
        if abs((low + high) / 2 - threshold) < 1e-6:
            break
    return values > (low + high) / 2  # type: ignore[no-any-return]
