"""The scores of one sample's views, asked for in batches where a detector prefers them.

A detector that takes several files at once gets views of all attacks, labels and regimes together, as many as it asks
for; the pictures that wait for that are bounded, so that memory does not grow with the number of attacks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bench.detectors.base import Detector, ask
from bench.media import Media

#: Pictures wait for a full batch until they have so many pixels together (3 bytes each, and their files).
MAX_WAITING = 64_000_000


class Scoring:
    """Collects the rows of the table ``scores`` for one sample.

    Args:
        rows: where the rows go.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self._waiting: dict[int, list[tuple[str, Media]]] = {}
        self._detectors: dict[int, Detector] = {}
        self._pixels = 0

    def add(self, key: str, media: Media, detectors: Sequence[Detector]) -> None:
        """Have a view scored, now or when enough others wait with it.

        Args:
            key: of the view.
            media: what came out of the attack, decoded.
            detectors: that look at it.
        """
        waits = False
        for detector in detectors:
            most = detector.info.batch
            if most <= 1:
                self._ask(detector, [(key, media)])
                continue
            # Two regimes share a detector that is not fitted, so its views may go together.
            waiting = self._waiting.setdefault(id(detector), [])
            self._detectors[id(detector)] = detector
            waiting.append((key, media))
            if len(waiting) >= most:
                self._ask(detector, self._waiting.pop(id(detector)))
            waits |= id(detector) in self._waiting
        if waits:
            width, height = media.size
            self._pixels += width * height
            if self._pixels >= MAX_WAITING:
                self.finish()
        elif not self._waiting:
            self._pixels = 0

    def finish(self) -> None:
        """Ask about everything that still waits."""
        for place in list(self._waiting):
            self._ask(self._detectors[place], self._waiting.pop(place))
        self._pixels = 0

    def _ask(self, detector: Detector, views: list[tuple[str, Media]]) -> None:
        start = time.perf_counter()
        scores = ask(detector, [media for _, media in views])
        seconds = (time.perf_counter() - start) / len(views)
        name = detector.info.name
        for (key, _), score in zip(views, scores, strict=True):
            self.rows.append(
                {
                    "key": key,
                    "detector": name,
                    "value": score.value,
                    "status": score.status,
                    "seconds": seconds,
                    "code": score.code,
                    "detail": score.detail,
                }
            )
