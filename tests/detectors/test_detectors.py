"""Detectors against the libraries they stand in for, and against what other people's code may return."""

import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.containers import Header
from bench.detectors import DETECTORS, forest, linear
from bench.detectors.base import Detector, DetectorInfo, Score, Trainable, ask
from bench.detectors.declared import Declared
from bench.detectors.header import FEATURES, HeaderDetector, header_features
from bench.detectors.plugins.function import CallableDetector
from bench.detectors.spectrum import Spectrum, spectrum_features
from bench.errors import CodedError, Unavailable
from bench.labels.base import Claim
from bench.labels.gb45438 import GB45438
from bench.labels.iptc import IPTC
from bench.media import Media


def spectrum_of(pixels: np.ndarray) -> np.ndarray:
    return spectrum_features(Media.from_pixels(pixels))


@pytest.fixture(scope="module")
def two_classes() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    is_ai = np.arange(120) % 3 == 0
    features = rng.normal(0, 1, (120, 7)).astype(np.float32)
    features[is_ai, :2] += 1.2
    features[:, 6] = np.round(features[:, 6])  # ties on a threshold
    return features, is_ai


def test_forest_gives_the_numbers_of_scikit_learn(two_classes: tuple[np.ndarray, np.ndarray]) -> None:
    features, is_ai = two_classes
    theirs = RandomForestClassifier(40, min_samples_leaf=2, class_weight="balanced", random_state=3).fit(
        features, is_ai
    )
    ours = forest.fit(features, is_ai, trees=40, seed=3)
    asked = np.concatenate([features, features[::-1] * 1.5, np.random.default_rng(1).normal(0, 3, (50, 7))])
    assert np.abs(forest.score(ours, asked) - theirs.predict_proba(asked)[:, 1]).max() < 1e-12
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in ours.values())


def test_linear_gives_the_numbers_of_scikit_learn(two_classes: tuple[np.ndarray, np.ndarray]) -> None:
    features, is_ai = two_classes
    features = np.concatenate([features * 30 + 5, np.full((len(features), 1), 7, np.float32)], axis=1)  # one constant
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced"))
    theirs.fit(features.astype(float), is_ai)
    ours = linear.fit(features, is_ai)
    assert np.abs(linear.score(ours, features) - theirs.decision_function(features)).max() < 1e-4
    assert ours["weights"][-1] == 0


def test_forest_of_one_leaf_scores_its_share() -> None:
    model = forest.fit(np.zeros((10, 3), np.float32), np.arange(10) < 5, trees=5)
    assert forest.score(model, np.zeros((2, 3), np.float32)) == pytest.approx([0.5, 0.5], abs=0.2)


@pytest.mark.parametrize("detector", [d for d in DETECTORS if isinstance(d, Trainable)], ids=repr)
def test_learner_is_deterministic_and_needs_fitting(detector: Trainable, tools) -> None:
    if command := getattr(detector, "missing", str)():
        pytest.skip(f"{detector.info.name} cannot run here; {command}")
    files = [Media.from_bytes(tools.encode(tools.texture(n), (".jpg", ".png")[n % 2])) for n in range(12)]
    assert detector.score(files[:1])[0].status == "unavailable"
    assert detector.model is None
    models = []
    for _ in range(2):
        parts = [detector.training_rows(file, np.random.default_rng(n)) for n, file in enumerate(files)]
        is_ai = np.concatenate([np.full(len(part), n % 2 == 1) for n, part in enumerate(parts)])
        models.append(detector.fit(np.concatenate(parts), is_ai))
    first, second = (model.model for model in models)
    assert first is not None and second is not None
    assert all(np.array_equal(first[name], second[name]) for name in first)
    scores = models[0].score(files)
    assert [score.value for score in scores] == [score.value for score in models[1].score(files)]
    assert [score.value for score in detector.with_model(first).score(files)] == [score.value for score in scores]
    assert np.mean([s.value for s in scores[1::2]]) > np.mean([s.value for s in scores[::2]])  # it learnt its own files


def test_spectrum_is_the_full_transform_at_the_harmonics_of_sixteen(tools) -> None:
    pixels = tools.texture(4, 16 * 4 + 1, 16 * 6 + 1)
    x = pixels.astype(float)
    cross = np.abs(x[:-1, :-1] + x[1:, 1:] - x[:-1, 1:] - x[1:, :-1])
    rows, columns = cross.shape[:2]
    full = np.abs(np.fft.fft2(cross, axes=(0, 1))) / (math.sqrt(rows * columns) * (cross.std(axis=(0, 1)) + 1e-3))
    picked = [full[k * rows // 16, (m * columns // 16) % columns] for k in range(9) for m in range(-8, 9)]
    expected = np.log(np.array(picked) + 1e-3).ravel()
    assert np.abs(spectrum_of(pixels) - expected).max() < 1e-4


def test_spectrum_shows_a_period_that_divides_sixteen(tools) -> None:
    plain = tools.texture(5, 129, 129)
    grid = plain.copy()
    grid[::8, ::8] = np.clip(grid[::8, ::8].astype(int) + 40, 0, 255)
    gain = (spectrum_of(grid) - spectrum_of(plain)).reshape(9, 17, 3).mean(axis=2)
    on_the_grid = gain[2:7:2, 2:15:2]  # multiples of 1/8, the Nyquist frequency left out
    assert on_the_grid.min() > 0.5
    assert np.median(gain) < 0.2


def test_spectrum_of_a_large_picture_is_that_of_its_centre(tools) -> None:
    large = tools.texture(6, 1500, 1400)
    top, left = (1500 - 1 - 1024) // 2, (1400 - 1 - 1024) // 2
    assert np.array_equal(spectrum_of(large), spectrum_of(large[top : top + 1025, left : left + 1025]))


@pytest.mark.parametrize("shape", [(1, 1), (16, 300), (300, 16)])
def test_picture_too_small_for_a_spectrum_is_coded(shape: tuple[int, int]) -> None:
    with pytest.raises(CodedError, match="E_TOO_SMALL") as raised:
        spectrum_of(np.zeros((*shape, 3), np.uint8))
    assert f"{shape[1]}x{shape[0]}" in raised.value.detail


def test_flat_picture_has_a_finite_spectrum() -> None:
    assert np.isfinite(spectrum_of(np.full((33, 33, 3), 200, np.uint8))).all()


def test_number_of_copies_is_checked() -> None:
    with pytest.raises(ValueError, match=r"copies must be in 0\.\.20, got -1"):
        Spectrum(copies=-1)


def test_header_features_say_format_size_and_quality() -> None:
    header = Header("image/jpeg", 512, 256, jpeg_quality=95.0, jpeg_subsampling="4:2:0", jpeg_progressive=True)
    named = dict(zip(FEATURES, header_features(header).tolist(), strict=True))
    assert named == {
        "jpeg": 1, "png": 0, "webp": 0, "other": 0, "log2_width": 9, "log2_height": 8, "log2_aspect": 1, "square": 0,
        "multiple_of_8": 1, "multiple_of_64": 1, "jpeg_quality": 95, "chroma_444": 0, "chroma_420": 1, "progressive": 1,
        "alpha": 0, "palette": 0, "bits": 8,
    }  # fmt: skip
    other = dict(zip(FEATURES, header_features(Header("image/avif", 100, 100)).tolist(), strict=True))
    assert (other["other"], other["square"], other["multiple_of_8"], other["jpeg_quality"]) == (1, 1, 0, 0)


def test_header_detector_never_looks_at_pixels(tools) -> None:
    data = tools.encode(tools.texture(1))
    broken = Media.from_bytes(data[: len(data) * 2 // 3])  # the header is whole, the picture is not
    model = forest.fit(np.stack([header_features(broken.header)] * 8), np.arange(8) < 4)
    assert HeaderDetector().with_model(model).score([broken])[0].status == "ok"


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_declared_believes_any_label(tools, extension: str) -> None:
    plain = Media.from_bytes(tools.encode(tools.texture(2), extension))
    assert Declared().score([plain]) == [Score(0.0)]
    for label in (GB45438(), IPTC()):
        assert Declared().score([label.write(plain, Claim())]) == [Score(1.0)]


def test_declared_does_not_take_a_human_source_type_for_ai(tools) -> None:
    plain = Media.from_bytes(tools.encode(tools.texture(2)))
    assert Declared().score([IPTC().write(plain, Claim(source_type="digitalCapture"))]) == [Score(0.0)]


def test_declared_has_no_verdict_where_a_reader_failed(tools) -> None:
    class Failing:
        name, position = "failing", "nowhere"

        def read(self, media: Media) -> Any:
            from bench.labels.base import Reading

            return Reading("failing", "nowhere", "error", code="E_METADATA", detail="unparseable")

    plain = Media.from_bytes(tools.encode(tools.texture(2)))
    score = Declared((Failing(), IPTC())).score([plain])[0]  # type: ignore[arg-type]
    assert (score.value, score.status, score.code) == (None, "error", "E_METADATA")
    labelled = IPTC().write(plain, Claim())
    assert Declared((Failing(), IPTC())).score([labelled]) == [Score(1.0)]  # type: ignore[arg-type]


def test_function_gets_files_and_its_numbers_come_back_in_order(tools) -> None:
    seen = []

    def sizes(paths: list[str]) -> list[float]:
        from pathlib import Path

        seen.extend(Path(path) for path in paths)
        return [Path(path).stat().st_size for path in paths]

    files = [Media.from_bytes(tools.encode(tools.texture(n), e)) for n, e in enumerate((".jpg", ".png", ".webp"))]
    scores = CallableDetector("mine:sizes", sizes).score(files)
    assert [score.value for score in scores] == [len(file.data) for file in files]
    assert [path.suffix for path in seen] == [".jpg", ".png", ".webp"]
    assert not any(path.exists() for path in seen)


def leaving(paths: list[str]) -> list[float]:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (lambda paths: [0.5], "E_LENGTH"),
        (lambda paths: [float("nan")] * len(paths), "E_NOT_FINITE"),
        (lambda paths: [float("inf")] * len(paths), "E_NOT_FINITE"),
        (lambda paths: [None] * len(paths), "E_NOT_A_NUMBER"),
        (lambda paths: ["high"] * len(paths), "E_NOT_A_NUMBER"),
        (lambda paths: "1" * len(paths), "E_NOT_A_NUMBER"),
        (lambda paths: [10**5000] * len(paths), "E_NOT_A_NUMBER"),
        (lambda paths: np.zeros((len(paths), 2)), "E_NOT_A_NUMBER"),
        (lambda paths: 1 / 0, "E_ZERODIVISIONERROR"),
        (lambda paths: None, "E_TYPEERROR"),
        (leaving, "E_SYSTEMEXIT"),
    ],
)
def test_function_that_misbehaves_gives_errors_and_never_a_verdict(
    function: Callable[..., Any], code: str, tools
) -> None:
    files = [Media.from_bytes(tools.encode(tools.texture(n))) for n in range(2)]
    scores = CallableDetector("mine:bad", function).score(files)
    assert [(score.value, score.status, score.code) for score in scores] == [(None, "error", code)] * 2


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 1, 1)])
def test_function_may_return_an_array_and_print(
    tools, capfd: pytest.CaptureFixture[str], shape: tuple[int, ...]
) -> None:
    def chatty(paths: list[str]) -> np.ndarray:
        print("loading weights")
        subprocess.run(["echo", "and what it starts"], check=True)
        return np.linspace(0, 1, len(paths), dtype=np.float32).reshape(shape)

    files = [Media.from_bytes(tools.encode(tools.texture(n))) for n in range(3)]
    assert [score.value for score in CallableDetector("mine:chatty", chatty).score(files)] == [0, 0.5, 1]
    said = capfd.readouterr()
    assert said.out == ""  # standard output is for results
    assert "loading weights" in said.err and "and what it starts" in said.err
    print("ours")
    assert capfd.readouterr().out == "ours\n"


class Made:
    """A third party's detector that returns what it is told to."""

    info = DetectorInfo("made", "1", "both")

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def score(self, batch: Any) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ([Score(0.25)], "ok", ""),
        ([Score(None, "abstain")], "abstain", ""),
        ([], "error", "E_LENGTH"),
        ([Score(1.0), Score(0.0)], "error", "E_LENGTH"),
        ([Score(float("nan"))], "error", "E_NOT_FINITE"),
        ([Score(None)], "error", "E_NOT_A_NUMBER"),
        ([0.5], "error", "E_SCORE"),
        ([Score(0.5, "fine")], "error", "E_SCORE"),  # type: ignore[arg-type]
        (None, "error", "E_TYPEERROR"),
        (RuntimeError("no memory on the card"), "error", "E_RUNTIMEERROR"),
        (MemoryError(), "error", "E_MEMORY"),
        (Unavailable("E_WEIGHTS", "no weights here"), "unavailable", "E_WEIGHTS"),
    ],
)
def test_whatever_a_detector_returns_is_one_sound_score(answer: Any, status: str, code: str, tools) -> None:
    media = Media.from_bytes(tools.encode(tools.texture(1)))
    (score,) = ask(Made(answer), [media])
    assert (score.status, score.code) == (status, code)
    assert (score.value is None) == (status != "ok")


def test_registered_detectors_are_what_they_say() -> None:
    names = [detector.info.name for detector in DETECTORS]
    assert len(set(names)) == len(names)
    assert all(isinstance(detector, Detector) for detector in DETECTORS)


def test_the_page_of_costs_has_every_detector() -> None:
    page = (Path(__file__).resolve().parents[2] / "results/detector-costs.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \|", page, re.M)
    assert rows == [(detector.info.name, detector.info.reads) for detector in DETECTORS]
