"""The ensemble: fitted without looking at what it is judged on, and without a verdict where a member has none."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from bench.detectors.base import Arrays, DetectorInfo, Score, Trainable
from bench.detectors.ensemble import FILE, FOLDS, Ensemble, _folds
from bench.detectors.header import HeaderDetector
from bench.detectors.residual import Residual
from bench.detectors.spectrum import Spectrum
from bench.errors import CodedError
from bench.harness import registry
from bench.media import Media


@dataclass(frozen=True)
class Memory:
    """Knows by heart what it was fitted on and nothing else."""

    model: Arrays | None = field(default=None, repr=False, compare=False)

    info = DetectorInfo("memory", "1", "pixels")

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        return media.pixels()[:1, :1, 0].astype(float)

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> "Memory":
        return replace(self, model={"known": features[is_ai, 0]})

    def with_model(self, model: Arrays) -> "Memory":
        return replace(self, model=model)

    def values(self, rows: np.ndarray) -> np.ndarray:
        assert self.model is not None
        return np.isin(rows[:, 0], self.model["known"]).astype(float)

    def score(self, batch):
        return [Score(float(self.values(self.training_rows(m, np.random.default_rng()))[0])) for m in batch]


@dataclass(frozen=True)
class Brightness:
    """The first pixel's red; fails in the way it is told to above 250."""

    failing: str = "error"

    info = DetectorInfo("brightness", "1", "pixels")

    def score(self, batch):
        values = [float(media.pixels()[0, 0, 0]) for media in batch]
        return [Score(None, self.failing, "E_BRIGHT") if value > 250 else Score(value) for value in values]  # type: ignore[arg-type]


def flat(value: int) -> Media:
    return Media.from_pixels(np.full((4, 4, 3), value, np.uint8))


def fitted(ensemble: Ensemble, values: list[int], is_ai: list[bool]) -> Ensemble:
    parts = [ensemble.training_rows(flat(v), np.random.default_rng(v)) for v in values]
    return ensemble.fit(np.concatenate(parts), np.repeat(is_ai, [len(part) for part in parts]))


VALUES, TRUTH = [*range(0, 40, 2), *range(101, 141, 2)], [False] * 20 + [True] * 20


def test_member_that_only_remembers_gets_no_weight() -> None:
    ensemble = fitted(Ensemble(of=(Memory(), Brightness())), VALUES, TRUTH)
    assert ensemble.model is not None
    assert len(ensemble.model["0_known"]) == 20  # fitted on everything in the end
    assert np.isinf(ensemble.model["spreads"][0])  # but judged where it knew nothing: always 0
    centre, spread = ensemble.model["centres"][1], ensemble.model["spreads"][1]
    known, other = ensemble.score([flat(101), flat(90)])
    assert known.value == pytest.approx((101 - centre) / spread / 2)
    assert other.value == pytest.approx((90 - centre) / spread / 2)
    assert (centre, spread) == (pytest.approx(np.mean(VALUES)), pytest.approx(np.std(VALUES[:20])))


def test_no_file_lies_in_two_folds_and_both_classes_lie_in_all() -> None:
    files = np.repeat(np.random.default_rng(0).random(30), 4)
    is_ai = np.repeat(np.arange(30) % 3 == 0, 4)
    fold = _folds(files, is_ai)
    assert all(len(set(fold[files == one])) == 1 for one in files)
    for truth in (False, True):
        assert set(fold[is_ai == truth]) == set(range(FOLDS))


@pytest.mark.parametrize("status", ["error", "unavailable", "abstain"])
def test_without_one_members_verdict_there_is_none(status: str) -> None:
    ensemble = fitted(Ensemble(of=(Memory(), Brightness(failing=status))), VALUES, TRUTH)
    good, bad = ensemble.score([flat(20), flat(255)])
    assert good.status == "ok" and good.value is not None
    assert (bad.value, bad.status, bad.code) == (None, status, "E_BRIGHT") and "brightness" in bad.detail
    with pytest.raises(CodedError, match=r"E_MEMBER.*brightness"):
        ensemble.training_rows(flat(255), np.random.default_rng(0))


def test_rows_of_one_file_carry_one_number(tools) -> None:
    ensemble = Ensemble(of=(HeaderDetector(), Residual(copies=2)))
    rows = ensemble.training_rows(Media.from_bytes(tools.encode(tools.texture(1))), np.random.default_rng(4))
    assert len(rows) == 1 + 3 and len(set(rows[:, FILE])) == 1


def test_members_are_fitted_as_they_are_alone(tools) -> None:
    files = [Media.from_bytes(tools.encode(tools.texture(n), (".jpg", ".png")[n % 2])) for n in range(12)]
    ensemble = Ensemble(of=(HeaderDetector(), Spectrum(copies=0)))
    parts = [ensemble.training_rows(file, np.random.default_rng(n)) for n, file in enumerate(files)]
    whole = ensemble.fit(np.concatenate(parts), np.repeat(np.arange(12) % 2 == 1, 2))
    alone = Spectrum(copies=0)
    rows = np.concatenate([alone.training_rows(file, np.random.default_rng(0)) for file in files])
    model = alone.fit(rows, np.arange(12) % 2 == 1).model
    assert whole.model is not None and model is not None
    assert all(np.array_equal(whole.model[f"1_{name}"], array) for name, array in model.items())


@pytest.mark.parametrize(
    ("of", "message"),
    [((Spectrum(),), "two or more"), ((Spectrum(), Spectrum(copies=1)), "each detector once"), ((1, 2), "two or more")],
)
def test_members_are_checked(of, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ensemble(of=of)


def test_learner_without_values_cannot_be_a_member() -> None:
    class Opaque(Memory):
        info = DetectorInfo("opaque", "1", "pixels")
        values = None  # type: ignore[assignment]

    opaque = Opaque()
    assert isinstance(opaque, Trainable)

    class Plain:
        info, model = DetectorInfo("plain", "1", "pixels"), None
        training_rows = fit = with_model = score = Memory.score

    with pytest.raises(ValueError, match="plain cannot be a member"):
        Ensemble(of=(Spectrum(), Plain()))


def test_ensemble_is_written_as_text_and_read_back() -> None:
    made = registry.detector("Ensemble(of=(spectrum, Residual(copies=2)))")
    assert made == Ensemble(of=(Spectrum(), Residual(copies=2)))
    assert registry.detector(repr(made)) == made
    assert made.info.version == "1 of spectrum 1, residual 1"
