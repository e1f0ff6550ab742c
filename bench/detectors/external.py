"""Other people's detectors, as they come: a function from paths to scores."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.containers import EXTENSIONS
from bench.detectors.base import DetectorInfo, Score, checked
from bench.errors import coded
from bench.media import Media


@dataclass(frozen=True, repr=False)
class CallableDetector:
    """A bare ``list[path] -> list[float]`` as a detector; higher = more AI.

    Attributes:
        name: how it was named on the command line (``module:attr`` or ``file.py:attr``).
        function: gets paths of files with the right extension, returns one number each.
    """

    name: str
    function: Callable[[list[str]], Sequence[float]]

    def __repr__(self) -> str:
        return self.name

    @property
    def info(self) -> DetectorInfo:
        """Named as it was asked for; its version and licence are not known here."""
        return DetectorInfo(self.name, version="unknown", reads="both", licence="unknown")

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The function's numbers; an exception, a wrong count, NaN or no number is an error, never a verdict."""
        with tempfile.TemporaryDirectory(prefix="washtest-") as folder:
            paths = [Path(folder) / f"{i:06d}{EXTENSIONS[media.mime]}" for i, media in enumerate(batch)]
            for path, media in zip(paths, batch, strict=True):
                path.write_bytes(media.data)
            try:
                with contextlib.redirect_stdout(sys.stderr):  # what it prints is not our output
                    values = list(self.function([str(path) for path in paths]))
            except (Exception, SystemExit) as error:
                failure = coded(error)
                return [Score(None, "error", failure.code, failure.detail)] * len(batch)
        if len(values) != len(batch):
            detail = f"{self.name} returned {len(values)} scores for {len(batch)} files"
            return [Score(None, "error", "E_LENGTH", detail)] * len(batch)
        return [checked(value) for value in values]
