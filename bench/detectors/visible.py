"""The detector that reads: AI if a visible label as of GB 45438-2025 clause 5 is legible in the picture."""

from __future__ import annotations

from collections.abc import Sequence

from bench.detectors.base import DetectorInfo, Score
from bench.labels.base import Reading
from bench.labels.visible import Visible
from bench.media import Media
from bench.settings import settings


def _read(media: Media) -> Reading:
    return Visible().read(media)


@settings
class VisibleDetector:
    """1 when the OCR reader of the label ``visible`` reads a lawful wording, else 0; remains of one are no declaration.

    Means something where the bundle ``visible`` is the suite's first, as for watermarks. Needs RapidOCR
    (``pip install 'washtest[visible]'``); without it every score is ``unavailable``.
    """

    info = DetectorInfo("visible", version="1", reads="pixels", default_threshold=0.5)

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return Visible().missing()

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """One score per file; a picture too small to hold a character has none."""
        return [self._score(media) for media in batch]

    def _score(self, media: Media) -> Score:
        reading = media.once(_read)
        if reading.state in ("error", "unavailable"):
            return Score(None, reading.state, reading.code, reading.detail)
        if reading.state == "not_applicable":
            return Score(None, "abstain", reading.code, reading.detail)
        return Score(1.0 if reading.declares_ai else 0.0)
