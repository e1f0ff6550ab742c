"""How much of the picture an attack left: PSNR and SSIM against the picture before it.

SSIM is our own because the reference implementation costs more than everything else done to a view; the tests hold
it against scikit-image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Gaussian window of Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (IEEE
#: TIP 2004): 11 taps, sigma 1.5; and its two stabilising constants for 8-bit values.
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(reference: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio over all channels in dB, infinite for equal pictures."""
    import cv2

    error = cv2.norm(reference, other, cv2.NORM_L2SQR) / reference.size
    if error == 0:
        return float("inf")
    import math

    return 10 * math.log10(255**2 / error)


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
    x = cv2.cvtColor(reference, cv2.COLOR_RGB2GRAY).astype(np.float32)
    y = cv2.cvtColor(other, cv2.COLOR_RGB2GRAY).astype(np.float32)

    def smooth(values: np.ndarray) -> np.ndarray:
        blurred: np.ndarray = cv2.GaussianBlur(values, (WINDOW, WINDOW), SIGMA)
        return blurred

    mean_x, mean_y = smooth(x), smooth(y)
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    variances = smooth(x * x + y * y) - squares
    covariance = smooth(x * y) - product
    similarity = ((2 * product + C1) * (2 * covariance + C2)) / ((squares + C1) * (variances + C2))
    edge = WINDOW // 2  # where the window would reach over the border
    return float(similarity[edge : similarity.shape[0] - edge, edge : similarity.shape[1] - edge].mean())
