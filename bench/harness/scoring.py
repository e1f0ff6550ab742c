"""The scores of one sample's views, asked for in batches where a detector prefers them.

A detector that takes several files at once gets views of all attacks, labels and regimes together, as many as it asks
for; the pictures that wait for that are bounded, so that memory does not grow with the number of attacks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from bench.detectors.base import Detector, Score, ask
from bench.media import Media

#: Pictures wait for a full batch until they have so many pixels together (3 bytes each, and their files).
MAX_WAITING = 64_000_000


class Scoring:
    """Collects the rows of the table ``scores`` for one sample.

    Args:
        rows: where the rows go.
        repeat: whether detectors are asked again about the first view.
    """

    def __init__(self, rows: list[dict[str, Any]], repeat: bool = False) -> None:
        self.rows = rows
        self._repeat = repeat
        self._first: tuple[str, Media, Sequence[Detector]] | None = None
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
        if self._repeat and self._first is None:
            self._first = key, media, detectors
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

    def repeat(self) -> None:
        """Ask each detector that had an answer about the first view for two more, where that was wanted.

        Both are answers about this file alone, read anew: what was answered first may have come out of a batch, whose
        sums are rounded in another order, or out of what the file's other readers had computed.
        """
        if self._first is None:
            return
        key, media, detectors = self._first
        rows = {row["detector"]: row for row in self.rows if row["key"] == key and row["status"] in ("ok", "abstain")}
        again = [Media(media.data, media.mime) for _ in range(2)]
        for detector in detectors:
            if row := rows.get(detector.info.name):
                one, other = (ask(detector, [copy])[0] for copy in again)
                row["repeat_difference"] = _difference(one, other)

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


def _difference(one: Score, other: Score) -> float:
    """Between two answers; infinite where only one of them has a value or they failed in different ways."""
    if one.value is not None and other.value is not None:
        return abs(one.value - other.value)
    return 0.0 if (one.status, one.code) == (other.status, other.code) else math.inf
