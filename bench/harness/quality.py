"""How much of the picture an attack left: PSNR and SSIM against the picture before it.

SSIM is our own because the reference implementation costs more than everything else done to a view; the tests hold
it against scikit-image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Gaussian window of Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (IEEE
#: TIP 2004): 11 taps, sigma 1.5; and its two stabilising constants for 8-bit values.
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
#: Rows computed at a time: what is computed of them stays in the processor's cache.
STRIP = 64


def psnr(reference: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio over all channels in dB, infinite for equal pictures."""
    import cv2

    error = cv2.norm(reference, other, cv2.NORM_L2SQR) / reference.size
    return float("inf") if error == 0 else 10 * math.log10(255**2 / error)


def ssim(reference: np.ndarray, other: np.ndarray) -> float | None:
    """Mean structural similarity of the grey pictures, -1..1; None where a side is shorter than the window.

    Args:
        reference: ``(height, width, 3)`` uint8.
        other: of the same shape.
    """
    import cv2
    import numpy as np

    if min(reference.shape[:2]) < WINDOW:
        return None
    x = cv2.cvtColor(reference, cv2.COLOR_RGB2GRAY)
    y = cv2.cvtColor(other, cv2.COLOR_RGB2GRAY)
    height, width = x.shape
    edge = WINDOW // 2  # where the window would reach over the border
    total, buffers = 0.0, np.empty((5, STRIP + 2 * edge, width), np.float32)
    for top in range(0, height - 2 * edge, STRIP):
        strip = slice(top, top + STRIP + 2 * edge)
        similarity = _similarity(x[strip], y[strip], buffers)
        total += cv2.sumElems(similarity[:, edge : width - edge])[0]
    mean: float = total / ((height - 2 * edge) * (width - 2 * edge))
    return mean


def _similarity(x: np.ndarray, y: np.ndarray, buffers: np.ndarray) -> np.ndarray:
    """SSIM around each pixel of a strip, equation 13 of the paper; not in the rows that the window reaches over.

    Args:
        x: a grey picture, ``(rows, width)`` uint8.
        y: the other, of the same shape.
        buffers: ``(5, at least rows, width)`` float32, overwritten; the result is a view of one.

    Returns:
        ``(rows - WINDOW + 1, width)`` float32; the first and last ``WINDOW // 2`` columns depend on what lies outside.
    """
    import cv2

    rows, edge = len(x), WINDOW // 2
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_32F)
    squares, products, mean_x, mean_y, spare = buffers[:, :rows]

    cv2.multiply(x, x, squares, dtype=cv2.CV_32F)
    squares += cv2.multiply(y, y, spare, dtype=cv2.CV_32F)
    cv2.multiply(x, y, products, dtype=cv2.CV_32F)
    for values, smooth in ((x, mean_x), (y, mean_y), (squares, spare), (products, squares)):
        cv2.sepFilter2D(values, cv2.CV_32F, kernel, kernel, smooth)
    covariance, product, mean_x, mean_y, variances = buffers[:, edge : rows - edge]

    # In place, since memory asked for anew costs more than what is computed in it:
    # (2 product + C1) (2 covariance + C2) / ((mean_x^2 + mean_y^2 + C1) (variances + C2)).
    cv2.multiply(mean_x, mean_y, product)
    covariance -= product
    mean_x *= mean_x
    mean_y *= mean_y
    mean_x += mean_y
    variances -= mean_x
    product *= 2
    product += C1
    covariance *= 2
    covariance += C2
    product *= covariance
    mean_x += C1
    variances += C2
    mean_x *= variances
    product /= mean_x
    similarity: np.ndarray = product
    return similarity
