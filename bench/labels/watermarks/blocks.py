"""Haar bands and 4x4 blocks, all blocks of a picture at once, in the exact arithmetic of the packages we compare with.

The order of the floating-point operations is part of the result: marked pixels are cut off, not rounded, to whole
numbers, and most of them lie on a whole number, so that an error of 1e-14 changes them by one. The Haar steps are those
of PyWavelets (a multiplication by sqrt(1/2) for each axis, vertical first, in the type of the array) and the DCT is
OpenCV's own, by rows and then by columns. None of it fuses multiplications with additions, as on x86-64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

#: Side of a block.
SIDE = 4


class Bands(NamedTuple):
    """One level of the Haar transform, each band half as high and half as wide.

    Attributes:
        low: means in both directions (times 2).
        rows: differences between neighbouring rows.
        columns: differences between neighbouring columns.
        both: differences in both directions.
    """

    low: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    both: np.ndarray


def analyse(plane: np.ndarray) -> Bands:
    """The Haar bands of a plane of even height and width, float32 or float64."""
    half = plane.dtype.type(0.5**0.5)
    scaled = plane * half
    low, high = (scaled[1::2] + scaled[0::2]) * half, (scaled[0::2] - scaled[1::2]) * half
    return Bands(
        low[:, 1::2] + low[:, 0::2],
        high[:, 1::2] + high[:, 0::2],
        low[:, 0::2] - low[:, 1::2],
        high[:, 0::2] - high[:, 1::2],
    )


def synthesise(bands: Bands) -> np.ndarray:
    """The plane of these bands."""
    import numpy as np

    half = bands.low.dtype.type(0.5**0.5)
    low, rows, columns, both = (band * half for band in bands)
    height, width = low.shape
    means = np.empty((height, 2 * width), low.dtype)
    differences = np.empty_like(means)
    means[:, 0::2], means[:, 1::2] = low + columns, low - columns
    differences[:, 0::2], differences[:, 1::2] = rows + both, rows - both
    means *= half
    differences *= half
    plane = np.empty((2 * height, 2 * width), low.dtype)
    plane[0::2], plane[1::2] = means + differences, means - differences
    return plane


def split(band: np.ndarray) -> np.ndarray:
    """The whole blocks of a band, row by row: ``(n, 4, 4)``, a copy. What is left over at the edges is left out."""
    down, across = band.shape[0] // SIDE, band.shape[1] // SIDE
    whole = band[: down * SIDE, : across * SIDE]
    return whole.reshape(down, SIDE, across, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE).copy()


def put(band: np.ndarray, blocks: np.ndarray) -> None:
    """Write the blocks back to where ``split`` took them from."""
    down, across = band.shape[0] // SIDE, band.shape[1] // SIDE
    whole = blocks.reshape(down, across, SIDE, SIDE).swapaxes(1, 2)
    band[: down * SIDE, : across * SIDE] = whole.reshape(down * SIDE, across * SIDE)


def dct(blocks: np.ndarray) -> np.ndarray:
    """The 2-D DCT of each block."""
    return _by_axis(blocks, inverse=False)


def idct(blocks: np.ndarray) -> np.ndarray:
    """The blocks of these coefficients."""
    return _by_axis(blocks, inverse=True)


def _by_axis(blocks: np.ndarray, *, inverse: bool) -> np.ndarray:
    import cv2
    import numpy as np

    flags = cv2.DCT_ROWS | (cv2.DCT_INVERSE if inverse else 0)
    for _ in range(2):
        rows = np.ascontiguousarray(blocks).reshape(-1, SIDE)
        blocks = cv2.dct(rows, flags=flags).reshape(-1, SIDE, SIDE).swapaxes(1, 2)
    return blocks


def requantised(values: np.ndarray, step: int, bits: np.ndarray) -> np.ndarray:
    """Each value moved to the middle of the lower (bit 0) or upper (bit 1) half of its interval of width ``step``."""
    return (values // step + 0.25 + 0.5 * bits) * step
