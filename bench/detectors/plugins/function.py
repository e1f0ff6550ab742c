"""A bare function from paths to scores, as other people's detectors come."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.containers import EXTENSIONS
from bench.detectors.base import DetectorInfo, Score, checked
from bench.errors import CodedError, coded
from bench.media import Media
from bench.weights import digest_of


@dataclass(frozen=True, repr=False)
class CallableDetector:
    """A bare ``list[path] -> list[float]`` as a detector; higher = more AI.

    Attributes:
        name: how it was named on the command line (``module:attr`` or ``file.py:attr``).
        function: gets paths of files with the right extension, returns one number each.
        batch: files per call.
    """

    name: str
    function: Callable[[list[str]], Sequence[float]] = field(compare=False)  # imported again, it is another object
    batch: int = 32

    def __repr__(self) -> str:
        return self.name

    @property
    def info(self) -> DetectorInfo:
        """Named as it was asked for; its version is the digest of the file that it stands in."""
        return DetectorInfo(self.name, _version(self.function), reads="both", licence="unknown", batch=self.batch)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The function's numbers; an exception, a wrong count, NaN or no number is an error, never a verdict."""
        with as_files(batch) as paths:
            try:
                with _kept_quiet():
                    values = list(self.function([str(path) for path in paths]))
                if len(values) != len(batch):
                    raise CodedError("E_LENGTH", f"{self.name} returned {len(values)} scores for {len(batch)} files")
            except (Exception, SystemExit) as error:
                failure = coded(error)
                # The name of the private folder is another each time, and one kind of failure should read as one.
                said = failure.detail.replace(f"{paths[0].parent}/", "") if paths else failure.detail
                return [Score(None, "error", failure.code, said)] * len(batch)
        return [checked(value) for value in values]


@contextlib.contextmanager
def as_files(batch: Sequence[Media]) -> Iterator[list[Path]]:
    """The files of a batch in a folder of their own, named by their place and their type; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="washtest-", ignore_cleanup_errors=True) as folder:
        paths = [Path(folder) / f"{i:06d}{EXTENSIONS[media.mime]}" for i, media in enumerate(batch)]
        for path, media in zip(paths, batch, strict=True):
            path.write_bytes(media.data)
        yield paths


@contextlib.contextmanager
def _kept_quiet() -> Iterator[None]:
    """What it prints is not our output: it goes to standard error, from C libraries and child processes too."""
    with contextlib.ExitStack() as undo:
        undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # no such descriptors: nothing to keep quiet
            saved = os.dup(1)
            undo.callback(os.close, saved)
            undo.callback(os.dup2, saved, 1)
            os.dup2(2, 1)
        yield


def _version(function: object) -> str:
    """The digest of the source file, so that a run is not resumed with a function that was changed."""
    try:
        source = inspect.getsourcefile(inspect.unwrap(function))  # type: ignore[arg-type]
    except TypeError:  # an object that is called, or one built into Python
        source = inspect.getsourcefile(type(function)) if type(function).__module__ != "builtins" else None
    return f"file {digest_of(Path(source))[:12]}" if source and Path(source).is_file() else "unknown"
