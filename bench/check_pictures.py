"""The pictures that the contract checks are run on: textures, the same every time."""

from __future__ import annotations

import functools

from bench.media import Media

FORMATS = ("image/jpeg", "image/png", "image/webp")


@functools.cache
def picture(width: int = 96, height: int = 72, seed: int = 7, cell: int = 8, grain: float = 6) -> Media:
    """A textured colour picture, lossless, the same every time: patches of ``cell`` pixels with grain (sigma)."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(2, height // cell), max(2, width // cell), 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return Media.from_pixels(np.clip(smooth + rng.normal(0, grain, smooth.shape), 0, 255).astype(np.uint8))


def photograph() -> Media:
    """A picture with the size and the smoothness that watermarks need (their packages refuse under 256 x 256)."""
    return picture(384, 320, cell=32, grain=3)


@functools.cache
def encoded(mime: str, smooth: bool = False) -> Media:
    """``picture()``, or the smooth ``photograph()``, as a file of this type."""
    import cv2

    options = {
        "image/jpeg": (".jpg", []),
        "image/png": (".png", []),
        "image/webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 90]),
    }
    extension, parameters = options[mime]
    _, data = cv2.imencode(extension, (photograph() if smooth else picture()).pixels()[..., ::-1], parameters)
    return Media(data.tobytes(), mime)
