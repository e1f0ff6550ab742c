"""What a detector is: something that gives each file a raw score, higher meaning more AI.

``Detector`` is a protocol. A detector that learns also has the two methods of ``Trainable``; the harness fits it on
the train split and hands the fitted copy to the workers. Scores are raw float64 and uncalibrated: thresholds are
made later, from the calibration split, by ``bench.analysis``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from bench.errors import CodedError, Unavailable, coded
from bench.media import Media

if TYPE_CHECKING:
    import numpy as np

#: A fitted model as plain named arrays: it can be stored without pickle and holds no code.
Arrays = Mapping[str, "np.ndarray"]


@dataclass(frozen=True)
class DetectorInfo:
    """Who the detector is.

    Attributes:
        name: as in tables and on the command line.
        version: changes whenever scores may change.
        reads: ``pixels``, ``file`` (headers and metadata only) or ``both``.
        modality: ``image``.
        licence: of code and weights.
        weights_sha256: "" for none.
        default_threshold: the vendor's own; flagged means score > threshold.
        probability: whether the score claims to be a probability.
        batch: most files that it is given at once; more than 1 where that is cheaper.
    """

    name: str
    version: str
    reads: Literal["pixels", "file", "both"]
    modality: str = "image"
    licence: str = "Apache-2.0"
    weights_sha256: str = ""
    default_threshold: float | None = None
    probability: bool = False
    batch: int = 1

    def __post_init__(self) -> None:
        for field in ("name", "version"):
            if not isinstance(text := getattr(self, field), str) or not text or not text.isprintable():
                raise ValueError(f"{field} must be a text of one line, not empty, got {text!r}")
        if self.reads not in ("pixels", "file", "both"):
            raise ValueError(f"reads must be pixels, file or both, got {self.reads!r}")
        if self.default_threshold is not None and not _finite(self.default_threshold):
            raise ValueError(f"default_threshold must be a finite number, got {self.default_threshold!r}")
        if not isinstance(self.batch, int) or self.batch < 1:
            raise ValueError(f"batch must be a whole number of 1 or more, got {self.batch!r}")


def _finite(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)


@dataclass(frozen=True)
class Score:
    """One verdict: ``value`` is None unless ``status`` is ``ok``."""

    value: float | None
    status: Literal["ok", "abstain", "error", "unavailable"] = "ok"
    code: str = ""
    detail: str = ""


def checked(value: object) -> Score:
    """A number as a score; anything else, a text too, NaN and infinity as a coded error."""
    try:
        single = value.item() if hasattr(value, "item") else value  # arrays and tensors of one element
        if isinstance(single, str | bytes | bytearray):
            raise TypeError
        number = float(single)  # type: ignore[arg-type]
    except Exception:  # whatever the conversion of somebody's own type raises
        return Score(None, "error", "E_NOT_A_NUMBER", f"the score is of type {type(value).__name__}, no number")
    if not math.isfinite(number):
        return Score(None, "error", "E_NOT_FINITE", f"the score is {number}")
    return Score(number)


def no_verdict(error: BaseException) -> Score:
    """What a failure of one file, or something missing on this machine, says about it: a code, never a number."""
    failure = coded(error)
    return Score(None, "unavailable" if isinstance(failure, Unavailable) else "error", failure.code, failure.detail)


@runtime_checkable
class Detector(Protocol):
    """Scores encoded files."""

    @property
    def info(self) -> DetectorInfo:
        """Who it is and what it reads."""

    def score(self, batch: Sequence[Media]) -> Sequence[Score]:
        """One score per file, in order; higher = more AI."""


@runtime_checkable
class Trainable(Detector, Protocol):
    """A detector that is fitted on the train split before it scores."""

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        """The feature rows that one training file yields, ``(k, features)`` (k > 1 with augmentation)."""

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> Trainable:
        """A fitted copy; ``features`` is ``(n, features)``, ``is_ai`` is ``(n,)`` bool. Deterministic."""

    @property
    def model(self) -> Arrays | None:
        """The fitted state as plain arrays, or None before ``fit``."""

    def with_model(self, model: Arrays) -> Trainable:
        """A copy that uses this state."""


def ask(detector: Detector, batch: Sequence[Media]) -> list[Score]:
    """One sound score per file, whatever the detector does.

    An exception, a wrong count, something that is no ``Score``, NaN and infinity are errors with a code: never a
    verdict, and never the loss of what other detectors say about the same file. Files of a batch that got no verdict
    for an error are asked about again, each alone, so that one bad file costs no other its verdict; a detector that
    does not answer (``E_TIMEOUT``, ``E_CONNECTION``) twice in a row is not asked again.
    """
    scores = _asked(detector, batch)
    silent = 0
    for i, score in enumerate(scores if len(batch) > 1 else ()):
        if score.status == "error" and silent < 2:
            scores[i] = _asked(detector, batch[i : i + 1])[0]
            silent = silent + 1 if scores[i].code in ("E_TIMEOUT", "E_CONNECTION") else 0
    return scores


def _asked(detector: Detector, batch: Sequence[Media]) -> list[Score]:
    name = detector.info.name
    try:
        scores = list(detector.score(batch))
        if len(scores) != len(batch):
            raise CodedError("E_LENGTH", f"{name} returned {len(scores)} scores for {len(batch)} files")
        return [_sound(name, score) for score in scores]
    except (Exception, SystemExit) as error:
        return [no_verdict(error)] * len(batch)


def _sound(name: str, score: object) -> Score:
    if not isinstance(score, Score) or score.status not in ("ok", "abstain", "error", "unavailable"):
        return Score(None, "error", "E_SCORE", f"{name} returned {score!r}, which is no Score")
    if score.status == "ok":
        sound = checked(score.value)
        return sound if sound.status != "ok" else replace(score, value=sound.value)
    return score if score.value is None else replace(score, value=None)
