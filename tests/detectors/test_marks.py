"""The decoders of watermarks and of the visible label as detectors."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.detectors.visible import VisibleDetector
from bench.detectors.watermark import WATERMARKS, WatermarkDetector, agreement, consistency
from bench.harness import registry
from bench.labels import BUNDLES
from bench.labels.base import Claim, Reading
from bench.labels.visible import Visible
from bench.media import Media

SCHEMES = ("dwtDct", "dwtDctSvd", "blindWatermark")
MESSAGE = "3c96a5" + "5a" * 29


@pytest.fixture(scope="module")
def photograph(tools) -> Media:
    return Media.from_pixels(tools.texture(3, 320, 352))


@pytest.mark.parametrize("k", [2, 7, 40])
def test_consistency_is_epsilon_squared_of_an_analysis_of_variance(k: int) -> None:
    votes = (np.random.default_rng(k).random((k, 32)) < np.linspace(0.1, 0.9, 32)).astype(float)
    f = stats.f_oneway(*votes.T).statistic
    n, between = votes.size, 31
    eta = f * between / (f * between + n - 32)
    assert consistency(votes) == pytest.approx(1 - (1 - eta) * (n - 1) / (n - 32))


def test_consistency_of_nothing_of_chance_and_of_a_message() -> None:
    assert consistency(np.ones((50, 32))) == consistency(np.zeros((50, 32))) == 0
    rng = np.random.default_rng(0)
    by_chance = [consistency((rng.random((60, 32)) < 0.3).astype(float)) for _ in range(200)]
    assert abs(np.mean(by_chance)) < 0.003
    assert consistency(np.tile(rng.permutation(32) % 2, (60, 1)).astype(float)) == 1
    assert consistency(np.array([[0.0, 1.0, 0.5, 1.0]])) == 0.75  # one vote for each bit: how sure it is


def test_agreement_is_a_correlation_and_nothing_for_constant_bits() -> None:
    rng = np.random.default_rng(1)
    votes = rng.random((9, 32))
    bits = np.array([int(bit) for bit in Claim(message=MESSAGE).bits(32)])
    assert agreement(votes, MESSAGE) == pytest.approx(np.corrcoef(votes.mean(axis=0), bits)[0, 1])
    assert agreement(np.ones((9, 32)), MESSAGE) == agreement(np.zeros((9, 32)), MESSAGE) == 0
    assert agreement(np.tile(bits, (9, 1)).astype(float), MESSAGE) == pytest.approx(1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_votes_are_what_the_reader_decides_by(scheme: str, photograph: Media) -> None:
    label = WATERMARKS[scheme]
    marked = label.write(photograph, Claim(message=MESSAGE))
    read = label.read(marked).fields["bits"]
    votes = label.votes(marked)
    assert votes.shape[1] == 32 and votes.min() >= 0 and votes.max() <= 1
    decided = "".join("01"[int(mean > 0.5)] for mean in votes.mean(axis=0))
    assert sum(a != b for a, b in zip(decided, read, strict=True)) <= 1  # the reader also counts the last, partial turn


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marked_picture_scores_higher_with_and_without_its_message(scheme: str, photograph: Media) -> None:
    marked = WATERMARKS[scheme].write(photograph, Claim(message=MESSAGE))
    for detector in (WatermarkDetector(scheme), WatermarkDetector(scheme, message=MESSAGE)):
        plain, found = (score.value for score in detector.score([photograph, marked]))
        assert plain is not None and found is not None
        assert found > plain + 0.25
    other = WatermarkDetector(scheme, message="c3695a" + "a5" * 29).score([marked])[0].value
    assert other is not None and other < -0.4  # every bit is the other one


def test_small_picture_is_abstained_from_and_a_short_message_is_an_error(tools, photograph: Media) -> None:
    small = Media.from_pixels(tools.texture(1, 40, 40))
    assert [s.status for s in WatermarkDetector().score([small, photograph])] == ["abstain", "ok"]
    assert WatermarkDetector(message="ff").score([photograph])[0].code == "E_MESSAGE"
    for bad in ({"label": "gb45438"}, {"message": "xy"}, {"message": "abc"}):
        with pytest.raises(ValueError, match="must be"):
            WatermarkDetector(**bad)


def test_scheme_whose_weights_are_missing_is_unavailable(
    photograph: Media, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("bench.weights.locate", lambda *_: None)
    score = WatermarkDetector("rivaGan").score([photograph])[0]
    assert (score.value, score.status) == (None, "unavailable") and score.code


def test_list_says_what_a_detector_lacks(monkeypatch: pytest.MonkeyPatch, washtest) -> None:
    monkeypatch.setattr("bench.labels.visible_ocr.missing", lambda: "pip install something")
    rows = {row["name"]: row for row in washtest("list", "detectors", "--json").json}
    assert (rows["visible"]["available"], rows["visible"]["install"]) == (False, "pip install something")
    assert rows["watermark-dwtDctSvd"]["available"] and rows["ensemble"]["available"]
    assert WatermarkDetector("dwtDct").missing() == ""


def test_detectors_are_named_on_the_command_line() -> None:
    assert registry.detector("watermark-dwtDctSvd") == registry.detector("WatermarkDetector") == WatermarkDetector()
    assert registry.detector("WatermarkDetector(label='dwtDct')").info.name == "watermark-dwtDct"
    assert registry.detector("visible") == VisibleDetector()


def test_run_whose_first_bundle_is_the_watermark_tells_marked_from_unmarked(tools, tmp_path) -> None:
    counts = {"calibration": 3, "test": 4}
    entries = [
        {"truth": truth, "split": split, "pixels": tools.texture(40 * (truth == "ai") + 7 * n + len(split), 256, 272)}
        for split, count in counts.items()
        for truth in ("human", "ai")
        for n in range(count)
    ]
    plan = tools.plan(
        tools.make_dataset(tmp_path / "set", entries), bundles=["dwtDctSvd"],
        detectors=["watermark-dwtDctSvd"], attacks=["Jpeg(quality=80)"],
    )  # fmt: skip
    tools.measure(plan, tmp_path / "out")
    records = tools.records(tmp_path / "out")
    table = records.scores.merge(records.views[["key", "truth", "bundle", "attack", "split"]], on="key")
    assert set(table.status) == {"ok"} and set(table.detector) == {"watermark-dwtDctSvd"}
    assert set(table.bundle[table.truth == "ai"]) == {"dwtDctSvd"}
    threshold = table.value[(table.split == "calibration") & (table.truth == "human")].max()
    test = table[table.split == "test"]
    assert (test.value[test.truth == "ai"] > threshold + 0.2).all()
    assert len(test) == 2 * 2 * counts["test"]


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (Reading("visible", "bottom-right", "present", True), (1.0, "ok")),
        (Reading("visible", "bottom-right", "residue"), (0.0, "ok")),
        (Reading("visible", "bottom-right", "absent"), (0.0, "ok")),
        (Reading("visible", "bottom-right", "error", code="E_DECODE"), (None, "error")),
        (Reading("visible", "bottom-right", "unavailable", code="E_NO_OCR"), (None, "unavailable")),
        (Reading("visible", "bottom-right", "not_applicable", code="E_TOO_SMALL"), (None, "abstain")),
    ],
)
def test_visible_detector_says_what_its_reader_says(
    reading: Reading, expected: tuple[float | None, str], photograph: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Visible, "read", lambda self, media: reading)
    score = VisibleDetector().score([Media.from_pixels(photograph.pixels())])[0]  # a file that nobody has read yet
    assert (score.value, score.status) == expected


def test_visible_label_that_was_written_is_flagged(photograph: Media) -> None:
    label = Visible()
    if missing := label.missing():
        pytest.skip(f"no OCR here: {missing}")
    (bundle,) = BUNDLES["visible"]
    marked = replace(label, height=0.08).write(photograph, Claim())
    assert bundle == label
    assert [score.value for score in VisibleDetector().score([photograph, marked])] == [0.0, 1.0]
