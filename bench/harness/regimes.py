"""The two regimes in which detectors are compared: files as they came, and every class made alike first."""

from __future__ import annotations

from bench.errors import CodedError
from bench.media import MAX_PIXELS, Media

REGIMES = ("native", "canonical")

#: Side in pixels of the canonical square. Small, so that nearly every file is shrunk to it: enlarging some and
#: shrinking others would leave traces that differ between the classes.
CANONICAL_SIDE = 256
#: JPEG quality of the canonical file, at 4:4:4.
CANONICAL_QUALITY = 95


def in_regime(media: Media, regime: str) -> Media:
    """The file as the regime has it.

    ``native``: as it is. ``canonical``: decoded, the short side scaled to 256 pixels (area average when shrinking,
    cubic when enlarging), the centre square cropped out, encoded as JPEG 95 4:4:4: one format, one size, no metadata.

    Raises:
        CodedError: when the file cannot be decoded; ``E_TOO_LARGE`` for a strip that scaling would blow up.
    """
    if regime == "native":
        return media
    import cv2

    pixels = media.pixels()
    height, width = pixels.shape[:2]
    scale = CANONICAL_SIDE / min(height, width)
    size = (max(CANONICAL_SIDE, round(width * scale)), max(CANONICAL_SIDE, round(height * scale)))
    if size[0] * size[1] > MAX_PIXELS:
        raise CodedError("E_TOO_LARGE", f"{width}x{height} pixels are too narrow for a square of {CANONICAL_SIDE}")
    scaled = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (size[1] - CANONICAL_SIDE) // 2, (size[0] - CANONICAL_SIDE) // 2
    square = scaled[top : top + CANONICAL_SIDE, left : left + CANONICAL_SIDE]
    parameters = [cv2.IMWRITE_JPEG_QUALITY, CANONICAL_QUALITY]
    parameters += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(square, cv2.COLOR_RGB2BGR), parameters)
    return Media(data.tobytes(), "image/jpeg")
