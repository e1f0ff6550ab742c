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
#: Shortest side (pixels) at which a larger picture is read; the engine enlarges smaller ones to it. Characters of 5 % are
#: 37 pixels high then; at full size a photograph takes ten times as long and marks are missed that are read at this one.
SIDE = 736
#: A picture longer than this many times its width (or wider) is read in square-ish windows: the engine reduces what is
#: longer than 2000 pixels, and the characters of a long strip would be lost in that.
LONGEST = 3
#: Windows read of one picture, half of them from each end.
MOST_WINDOWS = 12


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


def lines(pixels: np.ndarray) -> list[Line]:
    """The text in a picture, ``(height, width, 3)`` uint8 RGB.

    Raises:
        Unavailable: ``E_NO_OCR``.
    """
    import cv2
    import numpy as np

    need()
    engine = _engine(os.getpid())
    scale = max(1.0, min(pixels.shape[:2]) / SIDE)
    found = []
    for x, y, window in _windows(pixels):
        if scale > 1:
            size = (round(window.shape[1] / scale), round(window.shape[0] / scale))
            window = cv2.resize(window, size, interpolation=cv2.INTER_AREA)
        result = engine(np.ascontiguousarray(window[..., ::-1]))
        for text, box in zip(result.txts or (), () if result.boxes is None else result.boxes, strict=True):
            (left, top), (right, bottom) = box.min(axis=0) * scale + (x, y), box.max(axis=0) * scale + (x, y)
            found.append(Line(text, float(left), float(top), float(right), float(bottom)))
    return found


def _windows(pixels: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """The picture, or parts of a long one that overlap by its shortest side: ``(x, y, pixels)``."""
    height, width = pixels.shape[:2]
    short, long = sorted((height, width))
    if long <= LONGEST * short:
        return [(0, 0, pixels)]
    length, step = LONGEST * short, (LONGEST - 1) * short
    starts = [*range(0, long - length, step), long - length]
    if len(starts) > MOST_WINDOWS:
        starts = starts[: MOST_WINDOWS // 2] + starts[-MOST_WINDOWS // 2 :]
    if width > height:
        return [(start, 0, pixels[:, start : start + length]) for start in starts]
    return [(0, start, pixels[start : start + length]) for start in starts]


@functools.lru_cache(maxsize=1)
def _engine(process: int) -> Any:
    """The engine of this process: its threads do not survive a fork."""
    try:
        import rapidocr
    except (ImportError, OSError) as error:
        raise Unavailable("E_NO_OCR", f"{error}; run: {INSTALL}") from None
    settings: dict[str, Any] = {"Global.log_level": "critical", "Global.use_cls": False}
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
