"""Detectors that learn are fitted once per run and regime, on the train split, and kept in the run's folder.

A resumed run must score with the very same model, so the fitted arrays are stored (``bench.tensors``) and used again.
``train`` fits one detector by itself, for a model file that other runs can use (``bench.harness.models``).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import tensors
from bench.detectors.base import Arrays, Detector, DetectorInfo, Score, Trainable, ask
from bench.errors import CodedError, Unavailable, UserError
from bench.harness.augmentation import Augmentation
from bench.harness.engines.base import Engine
from bench.harness.plan import Plan, Suite, generator_for
from bench.harness.regimes import in_regime
from bench.harness.samples import Dataset, Sample
from bench.media import Media

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

#: Fewest train files of each class that a fit is worth anything with.
MIN_CLASS = 5


@dataclass(frozen=True)
class Untrained:
    """Stands in for a detector that could not be fitted: every score is ``unavailable``, with the reason."""

    info: DetectorInfo
    reason: str

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """No verdict."""
        return [Score(None, "unavailable", "E_UNTRAINED", self.reason)] * len(batch)


@dataclass(frozen=True)
class Fitted:
    """The detectors of one regime, ready to score.

    Attributes:
        detectors: in the suite's order.
        trained: name -> number of train files by class, for those that were fitted.
        problems: one line for each that could not be.
        seconds_a_file: of a processor, for the rows of one train file in all regimes, without what a worker does once;
            0 where they were not made now.
    """

    detectors: tuple[Detector, ...]
    trained: dict[str, dict[str, int]]
    problems: tuple[str, ...]
    seconds_a_file: float = 0.0


def fit_all(plan: Plan, folder: Path, engine: Engine, progress: Callable[[str], None]) -> dict[str, Fitted]:
    """Fit, or load, every detector that learns, for each regime.

    Args:
        plan: of the run.
        folder: of the run; models are kept in ``models/``.
        engine: spreads the decoding and the feature extraction.
        progress: told what is being done.
    """
    learners = [d for d in plan.suite.detectors if isinstance(d, Trainable)]
    train = [s for s in plan.samples if s.split == "train" and s.truth in ("human", "ai")]
    found: dict[str, Fitted] = {}
    missing = [
        (regime, d)
        for regime in plan.suite.regimes
        for d in learners
        if not model_path(folder, regime, d.info.name).is_file()
    ]
    rows: dict[tuple[str, str], list[tuple[np.ndarray, bool]]] = {}
    failures: dict[tuple[str, str], CodedError] = {}
    each = 0.0
    if missing and train:
        progress(f"fitting {', '.join(dict.fromkeys(d.info.name for _, d in missing))} on {len(train)} train files")
        extract = functools.partial(_timed_rows_of, plan.suite)
        extracted: dict[int, Any] = dict(engine.run(extract, train))
        good = {index: made for index, made in sorted(extracted.items()) if not isinstance(made, CodedError)}
        # The first file of each worker bears the imports and the opening of models.
        spent = sorted(seconds for _, seconds in good.values())[: -max(1, engine.jobs or 1)]
        each = sum(spent) / max(1, len(spent))
        for index, (made, _) in good.items():
            for key, part in made.items():
                if isinstance(part, Unavailable):
                    failures[key] = part
                else:
                    rows.setdefault(key, []).append((part, train[index].truth == "ai"))
        jobs = [(d, regime, rows.get((regime, d.info.name), [])) for regime, d in missing]
        for index, model in engine.run(_fit, jobs):
            learner, regime, _ = jobs[index]
            if isinstance(model, CodedError):
                failures[regime, learner.info.name] = model
            elif model is not None:
                tensors.save(model_path(folder, regime, learner.info.name), model, {"detector": repr(learner)})
    counts = {truth: sum(s.truth == truth for s in train) for truth in ("human", "ai")}
    for regime in plan.suite.regimes:
        ready: list[Detector] = []
        trained, problems = {}, []
        for detector in plan.suite.detectors:
            if not isinstance(detector, Trainable):
                ready.append(detector)
                continue
            if model_path(folder, regime, detector.info.name).is_file():
                ready.append(detector.with_model(load_model(folder, regime, detector.info.name)))
                trained[detector.info.name] = {"n_human": counts["human"], "n_ai": counts["ai"]}
                continue
            at = regime, detector.info.name
            reason = _reason(detector.info.name, counts, [is_ai for _, is_ai in rows.get(at, [])], failures.get(at))
            ready.append(Untrained(detector.info, reason))
            problems.append(reason)
        found[regime] = Fitted(tuple(ready), trained, tuple(dict.fromkeys(problems)), each)
    return found


def _reason(name: str, counts: dict[str, int], used: list[bool], failure: CodedError | None) -> str:
    """Why a detector could not be fitted; starts with its name."""
    if failure is not None:
        return f"{name} could not be fitted: {failure}"
    there = f"there are {counts['human']} human and {counts['ai']} ai"
    if len(used) < sum(counts.values()):
        there += f", of which {used.count(False)} and {used.count(True)} could be used"
    return f"{name} needs {MIN_CLASS} train files of each class to be fitted; {there}"


def _rows_of(
    suite: Suite, sample: Sample, augmentation: Augmentation | None = None
) -> dict[tuple[str, str], np.ndarray | Unavailable]:
    """The training rows of one file for every regime and learner, or what a learner lacks on this machine."""
    import numpy as np

    media = sample.media
    found: dict[tuple[str, str], np.ndarray | Unavailable] = {}
    for regime in suite.regimes:
        part = in_regime(media, regime)
        for detector in suite.detectors:
            if isinstance(detector, Trainable):
                rng = generator_for(suite.seed, media.sha256, f"train:{regime}:{detector!r}")
                at = regime, detector.info.name
                try:
                    rows = [detector.training_rows(part, rng)]
                    for copy in augmentation(part, rng) if augmentation else ():
                        rows.append(detector.training_rows(copy, rng))
                    found[at] = np.concatenate(rows)
                except Unavailable as missing:
                    found[at] = missing
                except CodedError:
                    continue  # too small or unreadable: it teaches nothing; its own test rows carry the code
    return found


def _timed_rows_of(suite: Suite, sample: Sample) -> tuple[dict[tuple[str, str], np.ndarray | Unavailable], float]:
    """The rows of ``_rows_of``, and the processor's seconds that they took."""
    begun = time.process_time()
    return _rows_of(suite, sample), time.process_time() - begun


def _fit(job: tuple[Trainable, str, list[tuple[np.ndarray, bool]]]) -> dict[str, np.ndarray] | None:
    import numpy as np

    detector, _, parts = job
    classes = [is_ai for _, is_ai in parts]
    if min(classes.count(True), classes.count(False)) < MIN_CLASS:
        return None
    features = np.concatenate([part for part, _ in parts])
    is_ai = np.concatenate([np.full(len(part), ai) for part, ai in parts])
    return dict(detector.fit(features, is_ai).model or {})


@dataclass(frozen=True)
class Trained:
    """One detector, fitted by itself.

    Attributes:
        detector: the fitted copy.
        taught: the train samples that gave rows.
        rows: number of rows, augmented copies included.
    """

    detector: Trainable
    taught: tuple[Sample, ...]
    rows: int


def train(
    detector: Trainable,
    dataset: Dataset,
    engine: Engine,
    *,
    regime: str = "native",
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> Trained:
    """Fit one detector on a data set's train split; no other split is looked at.

    Raises:
        UserError: too few files of a class, or what the detector needs is missing.
    """
    suite = Suite("train", "", (), detectors=(detector,), regimes=(regime,), seed=seed)
    train_split = [s for s in dataset.samples if s.split == "train" and s.truth in ("human", "ai")]
    counts = {truth: sum(s.truth == truth for s in train_split) for truth in ("human", "ai")}
    extract = functools.partial(_rows_of, suite, augmentation=augmentation)
    extracted: dict[int, Any] = dict(engine.run(extract, train_split))
    at = regime, detector.info.name
    found = {i: extracted[i].get(at) for i in sorted(extracted) if not isinstance(extracted[i], CodedError)}
    missing = next((part for part in found.values() if isinstance(part, Unavailable)), None)
    usable = [] if missing else [i for i, part in found.items() if part is not None]
    parts = [(found[i], train_split[i].truth == "ai") for i in usable]
    model = _fit((detector, regime, parts))
    if not model:
        raise UserError(_reason(detector.info.name, counts, [is_ai for _, is_ai in parts], missing))
    taught = tuple(train_split[i] for i in usable)
    return Trained(detector.with_model(model), taught, sum(len(part) for part, _ in parts))


def scores_of(detector: Detector, samples: Sequence[Sample], regime: str, engine: Engine) -> list[Score]:
    """One score per sample, in order; a file that cannot be read is an error with its code."""
    found: dict[int, Score] = {}
    for index, score in engine.run(functools.partial(_score_one, detector, regime), samples):
        found[index] = Score(None, "error", score.code, score.detail) if isinstance(score, CodedError) else score
    return [found[index] for index in range(len(samples))]


def _score_one(detector: Detector, regime: str, sample: Sample) -> Score:
    return ask(detector, [in_regime(sample.media, regime)])[0]


def model_path(folder: Path, regime: str, name: str) -> Path:
    """Where a run keeps the fitted state of one detector."""
    return folder / "models" / f"{regime}-{name}{tensors.SUFFIX}"


def load_model(folder: Path, regime: str, name: str) -> Arrays:
    """The fitted state of a detector, from a run's folder; holds no code.

    Raises:
        UserError: none there, or a damaged one.
    """
    path = model_path(folder, regime, name)
    try:
        return tensors.decoded(path.read_bytes())[0]
    except FileNotFoundError:
        raise UserError(f"{folder} holds no fitted {name} ({path.name}); run a suite with it first") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); remove {folder} and run again") from None
