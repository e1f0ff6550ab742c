"""The detector that believes what the file says: AI if any label declares it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.detectors.base import DetectorInfo, Score
from bench.labels import METADATA, read_all
from bench.labels.base import Label
from bench.media import Media


@dataclass(frozen=True)
class Declared:
    """1 when any label in the file's metadata declares AI, else 0. False negatives are washed-off labels.

    A label whose own integrity check fails (a C2PA manifest replayed onto other content) declares nothing.

    Attributes:
        labels: whose readings count.
    """

    labels: tuple[Label, ...] = METADATA

    info = DetectorInfo("declared", version="2", reads="file", default_threshold=0.5)

    def __repr__(self) -> str:
        return "Declared()" if self.labels == METADATA else f"Declared(labels={self.labels!r})"

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """One score per file; a file on which a reader failed and none declared AI has no verdict."""
        return [self._score(media) for media in batch]

    def _score(self, media: Media) -> Score:
        readings = read_all(media, self.labels)
        if any(reading.declares_ai and reading.state != "broken" for reading in readings):
            return Score(1.0)
        failed = next((reading for reading in readings if reading.state == "error"), None)
        if failed is not None:
            return Score(None, "error", failed.code, failed.detail)
        return Score(0.0)
