"""Small WebP pictures of a view: the whole of it, and a part at full size where a change is too small to see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.media import Media

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

#: Longest side of a thumbnail and side of a detail, pixels.
LONGEST, DETAIL = 200, 128
#: WebP quality: the thumbnail only has to be recognised, the detail shows what an attack did.
QUALITY, DETAIL_QUALITY = 75, 88
#: Line around what was generated, RGB: told from any picture by its white border.
LINE, BORDER = (204, 0, 119), (255, 255, 255)


def thumbnail(pixels: np.ndarray, lines: Sequence[np.ndarray] = ()) -> bytes:
    """The whole picture, its longest side at most ``LONGEST``, with lines around parts of it.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        lines: of ``contours``, in pixels of the picture.
    """
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels.copy()
    drawn = [np.round(line * scale).astype(np.int32) for line in lines]
    for colour, thickness in ((BORDER, 3), (LINE, 1)):
        cv2.polylines(small, drawn, True, colour, thickness, cv2.LINE_AA)
    return _webp(small, QUALITY)


def detail(pixels: np.ndarray, focus: tuple[float, float]) -> bytes | None:
    """A square of the picture at full size; None where the thumbnail is at full size already.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        focus: its centre as shares of width and height, so that attacks that scale show the same thing.
    """
    height, width = pixels.shape[:2]
    if max(height, width) <= LONGEST:
        return None
    left = min(max(0, round(focus[0] * width) - DETAIL // 2), max(0, width - DETAIL))
    top = min(max(0, round(focus[1] * height) - DETAIL // 2), max(0, height - DETAIL))
    return _webp(pixels[top : top + DETAIL, left : left + DETAIL], DETAIL_QUALITY)


def focus_of(pixels: np.ndarray, mask: np.ndarray | None) -> tuple[float, float]:
    """Where to look closely: the border of the largest generated part, else the part of the picture with most edges.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        mask: ``(height, width)`` uint8, 255 where the picture was generated, or None.

    Returns:
        Shares of width and height.
    """
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    if mask is not None and (lines := contours(mask)):
        x, y = max(lines, key=cv2.contourArea).reshape(-1, 2)[0]
        return float(x) / width, float(y) / height
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    edges = cv2.boxFilter(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), -1, (DETAIL, DETAIL))
    y, x = np.unravel_index(int(edges.argmax()), edges.shape)
    return float(x) / width, float(y) / height


def contours(mask: np.ndarray) -> list[np.ndarray]:
    """Lines around the white parts of a mask, each ``(n, 1, 2)`` int32 in pixels."""
    import cv2
    import numpy as np

    found, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return list(found)


def read_mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The mask of a sample as ``(height, width)`` uint8 at the size of its picture.

    Raises:
        CodedError: as ``Media.read`` and ``pixels``.
    """
    import cv2

    mask: np.ndarray = cv2.cvtColor(Media.read(path).pixels(), cv2.COLOR_RGB2GRAY)
    if mask.shape != shape[:2]:
        mask = cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return mask


def _webp(pixels: np.ndarray, quality: int) -> bytes:
    import cv2

    done, data = cv2.imencode(".webp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])
    assert done
    return bytes(data)
