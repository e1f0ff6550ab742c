"""Lines of text in a picture, by RapidOCR with the PP-OCR models in its wheel; nothing is downloaded.

RapidOCR (Apache-2.0, models too) takes its models from the network where they are missing, so their files are named
here, and a wheel without them counts as not installed.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.errors import Unavailable
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np

INSTALL = "pip install 'washtest[visible]'"
#: Shortest side (pixels) at which every picture is read: characters of 5 % are 37 pixels high then. At full size a
#: photograph takes up to ten times as long, and marks are missed in it that are read at this one.
SIDE = 736
#: Height of the bands along the upper and lower edge that can be read by themselves, as a share of the shortest side.
BAND = 0.25
#: A picture longer than this many times its width (or wider) is read in windows of this shape.
LONGEST = 3
#: Windows read of one picture, half of them from each end, where the corners are.
MOST_WINDOWS = 8


class Line(NamedTuple):
    """One line of text.

    Attributes:
        text: as read.
        left, top, right, bottom: of the box around it, in pixels.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float


def missing() -> str:
    """The command that gets what is still needed, or ""."""
    here = package_version("rapidocr") and package_version("onnxruntime", "onnxruntime-gpu")
    return "" if here else INSTALL


def need() -> None:
    """Refuse to go on where nothing can be read.

    Raises:
        Unavailable: ``E_NO_OCR``.
    """
    if missing():
        raise Unavailable("E_NO_OCR", f"RapidOCR or onnxruntime is not installed; run: {INSTALL}")


def lines(pixels: np.ndarray, bands: bool = False) -> list[Line]:
    """The text in a picture.

    Args:
        pixels: ``(height, width, 3)`` uint8 RGB.
        bands: read only the bands along the upper and the lower edge. Something large in the picture can hide a text
            from the detector that it finds when it sees the edge alone.

    Raises:
        Unavailable: ``E_NO_OCR``.
    """
    import cv2
    import numpy as np

    need()
    engine = _engine(os.getpid())
    side = min(pixels.shape[:2])
    scale = side / SIDE
    found = []
    for x, y, window in _bands(pixels, side) if bands else _windows(pixels, side):
        size = [max(32, round(length / scale)) for length in window.shape[1::-1]]
        scaled = cv2.resize(window, size, interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)
        result = engine(np.ascontiguousarray(scaled[..., ::-1]))
        for text, box in zip(result.txts or (), () if result.boxes is None else result.boxes, strict=True):
            (left, top), (right, bottom) = box.min(axis=0) * scale, box.max(axis=0) * scale
            found.append(Line(text, float(left + x), float(top + y), float(right + x), float(bottom + y)))
    return found


def _windows(pixels: np.ndarray, side: int) -> list[tuple[int, int, np.ndarray]]:
    """The picture, or parts of a long one, ``(x, y, pixels)``; they overlap by its shortest side, more than a mark."""
    height, width = pixels.shape[:2]
    long, length = max(height, width), LONGEST * side
    if long <= length:
        return [(0, 0, pixels)]
    starts = [*range(0, long - length, length - side), long - length]
    if len(starts) > MOST_WINDOWS:
        starts = starts[: MOST_WINDOWS // 2] + starts[-MOST_WINDOWS // 2 :]
    if width > height:
        return [(start, 0, pixels[:, start : start + length]) for start in starts]
    return [(0, start, pixels[start : start + length]) for start in starts]


def _bands(pixels: np.ndarray, side: int) -> list[tuple[int, int, np.ndarray]]:
    """The bands along the upper and the lower edge, in windows where they are long: ``(x, y, pixels)``."""
    height = pixels.shape[0]
    high = max(1, round(BAND * side))
    return [
        (x, y + top, window) for top in (0, height - high) for x, y, window in _windows(pixels[top : top + high], side)
    ]


@functools.lru_cache(maxsize=1)
def _engine(process: int) -> Any:
    """The engine of this process: its threads do not survive a fork."""
    try:
        import rapidocr
    except (ImportError, OSError) as error:
        raise Unavailable("E_NO_OCR", f"{error}; run: {INSTALL}") from None
    settings: dict[str, Any] = {"Global.log_level": "critical", "Global.use_cls": False}
    # Pictures come at the size that they are to be read at.
    settings |= {"Global.max_side_len": LONGEST * SIDE, "Det.limit_side_len": 32}
    for part in ("Det", "Rec"):
        settings[f"{part}.model_path"] = _model(part.lower())
    # Workers of a run ask for one thread in the usual way, which onnxruntime itself does not look at.
    if threads := int(os.environ.get("OMP_NUM_THREADS") or 0):
        settings["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
    return rapidocr.RapidOCR(params=settings)


def _model(part: str) -> str:
    spec = importlib.util.find_spec("rapidocr")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted((Path(folder) / "models").glob(f"PP-OCR*_{part}_*.onnx")):
            return str(path)
    raise Unavailable("E_NO_OCR", f"this version of RapidOCR has no {part} model in its wheel; run: {INSTALL}")
