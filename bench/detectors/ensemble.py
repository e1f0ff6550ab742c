"""Several detectors as one: the mean of their scores, each in units of its own spread.

What is combined was never seen in fitting: a member that learns gives its training scores by cross-validation, since
on the very files that it was fitted on it would look far surer than it is. Calibration and test files play no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from bench.detectors.base import Arrays, Detector, DetectorInfo, Score, Trainable, ask
from bench.detectors.common import Learner
from bench.detectors.jpeg import JpegTraces
from bench.detectors.residual import Residual
from bench.detectors.spectrum import Spectrum
from bench.errors import CodedError
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Parts of the train files for the members' cross-validation.
FOLDS = 3
#: Columns before the features in a training row: number of the file, of the member, and of the features.
FILE, MEMBER, WIDTH, FEATURES = range(4)


@settings
class Ensemble:
    """The mean of the members' standardised scores; fitted on the train split with its members.

    A member that says one thing of all train files (``declared``: they carry no labels) has no weight. A file on which
    a member has no verdict has none here: a mean over the others would be another detector.

    Attributes:
        of: the members, two or more, each once: those that learn must be ``Learner``s, any other is asked as it is.
    """

    of: tuple[Detector, ...] = (Spectrum(), Residual(), JpegTraces())
    model: Arrays | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.of, tuple) or len(self.of) < 2 or not all(isinstance(m, Detector) for m in self.of):
            raise ValueError(f"of must be two or more detectors, got {self.of!r}")
        names = [member.info.name for member in self.of]
        if len(set(names)) < len(names):
            raise ValueError(f"of must name each detector once, got {', '.join(names)}")
        for member in self.of:
            if isinstance(member, Trainable) and not isinstance(member, Learner):
                raise ValueError(f"{member.info.name} cannot be a member: it learns, but has no values(rows)")

    @property
    def info(self) -> DetectorInfo:
        """Its version names the members', since its scores change with theirs."""
        members = [member.info for member in self.of]
        reads = {one.reads for one in members}
        version = "1 of " + ", ".join(f"{one.name} {one.version}" for one in members)
        return DetectorInfo("ensemble", version, reads=reads.pop() if len(reads) == 1 else "both")

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        """The members' rows one below the other, each with the file, the member and the number of its features.

        Raises:
            CodedError: ``E_MEMBER``: one of them has nothing to say about this file; or as their ``training_rows``.
        """
        import numpy as np

        file = rng.random()  # two files that draw one number of 2**53 would fall into one fold, no more
        parts = []
        for member, chance in zip(self.of, rng.spawn(len(self.of)), strict=True):
            if isinstance(member, Learner):
                parts.append(member.training_rows(media, chance).astype(np.float64))
            else:
                parts.append(np.array([[_value(member, media)]]))
        rows = np.zeros((sum(map(len, parts)), FEATURES + max(part.shape[1] for part in parts)))
        rows[:, FILE] = file
        start = 0
        for number, part in enumerate(parts):
            rows[start : start + len(part), MEMBER:FEATURES] = number, part.shape[1]
            rows[start : start + len(part), FEATURES : FEATURES + part.shape[1]] = part
            start += len(part)
        return rows

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> Ensemble:
        """The members fitted on all files; mean and spread of what each says of files that it was not fitted on."""
        import numpy as np

        model: dict[str, np.ndarray] = {}
        fold = _folds(features[:, FILE], is_ai)
        centres, spreads = [], []
        for number, member in enumerate(self.of):
            own = features[:, MEMBER] == number
            width = int(features[own, WIDTH][0])
            rows, classes, part = features[own, FEATURES : FEATURES + width], is_ai[own], fold[own]
            if isinstance(member, Learner):
                said = np.empty(len(rows))
                for one in range(FOLDS):
                    said[part == one] = _fitted(member, rows[part != one], classes[part != one]).values(
                        rows[part == one]
                    )
                whole = _fitted(member, rows, classes).model or {}
                model |= {f"{number}_{name}": array for name, array in whole.items()}
            else:
                said = rows[:, 0]
            # The mean of both classes' means, so that their numbers do not matter.
            groups = [said[classes], said[~classes]]
            centres.append(np.mean([group.mean() for group in groups]))
            spread = np.sqrt(np.mean([group.var() for group in groups]))
            spreads.append(spread if spread > 1e-9 else np.inf)
        return replace(self, model=model | {"centres": np.array(centres), "spreads": np.array(spreads)})

    def with_model(self, model: Arrays) -> Ensemble:
        """With members fitted earlier."""
        return replace(self, model=model)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The mean over members of score minus centre, over spread."""
        if self.model is None:
            return [Score(None, "unavailable", "E_UNTRAINED", "ensemble has no fitted model")] * len(batch)
        columns = [ask(member, batch) for member in self._members(self.model)]
        return [self._combined(said, self.model) for said in zip(*columns, strict=True)]

    def _members(self, model: Arrays) -> Iterator[Detector]:
        for number, member in enumerate(self.of):
            start = f"{number}_"
            own = {name.removeprefix(start): array for name, array in model.items() if name.startswith(start)}
            yield member.with_model(own) if isinstance(member, Learner) else member

    def _combined(self, said: Sequence[Score], model: Arrays) -> Score:
        for status in ("error", "unavailable", "abstain"):  # the gravest first
            for member, score in zip(self.of, said, strict=True):
                if score.status == status:
                    detail = f"{member.info.name}: {score.detail or score.status}"
                    return replace(score, value=None, code=score.code or "E_MEMBER", detail=detail)
        standardised = [
            ((score.value or 0.0) - centre) / spread
            for score, centre, spread in zip(said, model["centres"], model["spreads"], strict=True)
        ]
        return Score(float(sum(standardised) / len(standardised)))


def _value(member: Detector, media: Media) -> float:
    """What a member that does not learn says of a training file."""
    score = ask(member, [media])[0]
    if score.value is None:
        raise CodedError("E_MEMBER", f"{member.info.name}: {score.code or score.status} {score.detail}")
    return score.value


def _fitted(member: Learner, rows: np.ndarray, is_ai: np.ndarray) -> Learner:
    fitted = member.fit(rows, is_ai)
    assert isinstance(fitted, Learner)
    return fitted


def _folds(files: np.ndarray, is_ai: np.ndarray) -> np.ndarray:
    """The fold of each row: the files of each class take turns, so that no file lies in two."""
    import numpy as np

    fold = np.empty(len(files), int)
    for truth in (False, True):
        _, of = np.unique(files[is_ai == truth], return_inverse=True)
        fold[is_ai == truth] = of % FOLDS
    return fold
