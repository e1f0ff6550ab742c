"""Published detectors by their pinned weights, run by onnxruntime: torch is not needed, and no code of theirs is run.

A network is built from its checkpoint in memory. Weights whose SHA-256 is not known are never run.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import weights
from bench.detectors.base import DetectorInfo, Score, checked, no_verdict
from bench.detectors.cards import Card, card
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np

#: Largest difference of a logit from its golden value that another version of onnxruntime may make.
TOLERANCE = 1e-2
CLIP_FILE = "clip-vit-large-patch14.safetensors"


@settings
class Published:
    """A published detector; its score is the raw logit, higher = more AI, 0 the authors' own threshold of one half.

    Attributes:
        name: ``cnndetection``, ``npr``, ``universalfakedetect``, ``community-forensics`` or ``drct``.
        file: other weights for the same network: their name in the folder ``WASHTEST_WEIGHTS``.
        sha256: that ``file`` must have; there is no default.
    """

    name: str = "cnndetection"
    file: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        card(self.name)
        if self.file and (Path(self.file).name != self.file or not self.file.isprintable()):
            raise ValueError(f"file must be a bare name of a file in the folder WASHTEST_WEIGHTS, got {self.file!r}")
        if bool(self.file) != bool(self.sha256):
            raise ValueError("state both file and the sha256 that it must have, or neither")
        if self.sha256 and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"sha256 must be 64 hexadecimal digits in lower case, got {self.sha256!r}")

    @property
    def card(self) -> Card:
        """What is known of it."""
        return card(self.name)

    @property
    def info(self) -> DetectorInfo:
        """Named after the file where it is not the published one."""
        known = self.card
        name = f"{self.name}:{Path(self.file).stem}" if self.file else self.name
        sha256 = self.sha256 or next((f.sha256 for f in _files(known) if f.name == known.file), "")
        licence = "unknown" if self.file else known.licence
        return DetectorInfo(
            name, version="1", reads="pixels", licence=licence, weights_sha256=sha256, default_threshold=0.0
        )

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        from bench.neural import onnx

        if self.name not in MODELS:
            return "a card of your own: docs/published-detectors.md"
        if package_version("onnx") is None:
            return "pip install 'washtest[neural]'"
        return onnx.missing("" if self.file else self.card.weights)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The logits."""
        return [self._score(media) for media in batch]

    def _score(self, media: Media) -> Score:
        try:
            return checked(self._logit(media.pixels()))
        except CodedError as error:
            return no_verdict(error)

    def _logit(self, pixels: np.ndarray) -> float:
        from bench.neural import onnx

        opened = _opened(self, os.getpid())
        if isinstance(opened, CodedError):
            raise opened
        return float(onnx.first_output(opened, self.card.preprocessing(pixels)[None])[0, 0])


def golden_picture() -> np.ndarray:
    """The picture of the self-test, ``(512, 512, 3)`` uint8, by formula so that anyone can make it again."""
    import numpy as np

    y, x = np.mgrid[:512, :512]
    planes = [(x * 7 + y * 13) % 256, (x * y // 31 + x) % 256, (x // 16 + y // 16) % 2 * 160 + (x ^ y) % 64]
    return np.stack(planes, axis=-1).astype(np.uint8)


@functools.lru_cache(maxsize=4)
def _opened(detector: Published, process: int) -> Any:
    """The session, or why there is none; tried once in each process."""
    from bench.neural import onnx

    try:
        build = MODELS.get(detector.name)
        if build is None:
            raise Unavailable("E_WEIGHTS_UNPINNED", f"{detector.name}: {detector.card.digest}; {detector.card.notes}")
        opened = onnx.session(build(detector))
        if detector.card.golden is not None and not detector.file:
            ready = detector.card.preprocessing(golden_picture())[None]
            found = float(onnx.first_output(opened, ready)[0, 0])
            if not abs(found - detector.card.golden) <= TOLERANCE:
                detail = f"{detector.name} gives {found:.4f} for the test picture, not {detector.card.golden:.4f}"
                raise CodedError("E_GOLDEN", detail)
        return opened
    except CodedError as error:
        return error


def _files(known: Card) -> tuple[weights.File, ...]:
    return weights.named(known.weights).files if known.weights else ()


def _file(detector: Published) -> Path:
    """The detector's own weights, their digest checked."""
    if detector.file:
        return weights.stated(detector.file, detector.sha256)
    return weights.path(detector.card.weights, detector.card.file)


def _cnndetection(detector: Published) -> bytes:
    from bench.neural import resnet

    return resnet.cnndetection(_file(detector), 224)


def _npr(detector: Published) -> bytes:
    from bench.neural import resnet

    return resnet.npr(_file(detector))


def _universal(detector: Published) -> bytes:
    from bench.neural import vit

    return vit.universal_fake_detect(weights.path(detector.card.weights, CLIP_FILE), _file(detector))


def _community(detector: Published) -> bytes:
    from bench.neural import vit

    return vit.community_forensics(_file(detector))


#: Detectors whose network can be built here.
MODELS = {
    "cnndetection": _cnndetection, "npr": _npr, "universalfakedetect": _universal, "community-forensics": _community,
}  # fmt: skip
