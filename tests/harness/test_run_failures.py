"""What fails in a run is coded rows: files, detectors, attacks, readers, workers, and learners that cannot learn."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.detectors.base import DetectorInfo, Score
from bench.errors import CodedError, Unavailable
from bench.harness.training import MIN_CLASS
from bench.media import Media


def codes(tools: Any, out: Path, sample: str) -> dict[str, set[Any]]:
    """The status and code of every row of one sample."""
    run = tools.records(out)
    keys = set(run.views[run.views["sample"] == sample]["key"])
    return {
        "views": set(zip(*(run.views[run.views["key"].isin(keys)][c] for c in ("status", "code")), strict=True)),
        "readings": set(
            zip(*(run.readings[run.readings["key"].isin(keys)][c] for c in ("state", "code")), strict=True)
        ),
        "scores": set(zip(*(run.scores[run.scores["key"].isin(keys)][c] for c in ("status", "code")), strict=True)),
    }


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda path, tools: path.write_bytes(tools.encode(tools.texture(99))), "E_CHANGED"),
        (lambda path, tools: path.unlink(), "E_MISSING"),
        (lambda path, tools: path.write_bytes(b""), "E_EMPTY"),
        (lambda path, tools: path.write_bytes(b"<html><body>404</body></html>"), "E_UNIDENTIFIED"),
        (lambda path, tools: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "E_TRUNCATED"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_file_that_cannot_be_used_is_coded_rows_and_the_run_goes_on(
    tiny_copy: Path, tools, tmp_path: Path, fault, code: str
) -> None:
    rows = tools.read_rows(tiny_copy)
    victim = next(row for row in rows if row["split"] == "test")
    if code not in ("E_CHANGED", "E_MISSING"):
        victim["sha256"] = ""
        tools.write_rows(tiny_copy, rows)
    fault(tiny_copy / victim["path"], tools)
    outcome = tools.measure(tools.plan(tiny_copy), tmp_path / "run")
    assert codes(tools, tmp_path / "run", victim["id"]) == {
        "views": {("error", code)},
        "readings": {("error", code)},
        "scores": {("error", code)},
    }
    # 2 views, each looked for 2 labels and scored by 1 detector
    assert outcome.failed_cells == 2 * (1 + 2 + 1)
    run = tools.records(tmp_path / "run")
    assert (run.views[run.views["sample"] != victim["id"]]["status"] == "ok").all()
    assert str(tmp_path) not in "".join(run.views["detail"].dropna())


@dataclass(frozen=True)
class Odd:
    """A detector that does what it is told to on every third file."""

    what: Any
    info = DetectorInfo("odd", "1", "both")

    def score(self, batch: Any) -> list[Score]:
        if len(batch[0].data) % 3:
            return [Score(0.5)]
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        (RuntimeError("bad weights"), "error", "E_RUNTIMEERROR"),
        (SystemExit(3), "error", "E_SYSTEMEXIT"),
        ([Score(float("nan"))], "error", "E_NOT_FINITE"),
        ([Score(None)], "error", "E_NOT_A_NUMBER"),
        ([0.5], "error", "E_SCORE"),
        ([], "error", "E_LENGTH"),
        ([Score(None, "abstain", "", "no face")], "abstain", ""),
        (Unavailable("E_WEIGHTS", "no weights"), "unavailable", "E_WEIGHTS"),
    ],
    ids=str,
)
def test_detector_that_misbehaves_costs_only_its_own_cells(
    tiny: Path, tools, tmp_path: Path, what, status: str, code: str
) -> None:
    plan = tools.plan(tiny)
    plan = replace(plan, suite=replace(plan.suite, detectors=(*plan.suite.detectors, Odd(what))))
    tools.measure(plan, tmp_path / "run")
    run = tools.records(tmp_path / "run")
    odd = run.scores[run.scores["detector"] == "odd"]
    bad = odd[odd["status"] != "ok"]
    assert len(odd) == len(run.views)
    assert 0 < len(bad) < len(odd)
    assert set(bad["status"]) == {status}
    assert set(bad["code"]) == {code}
    assert bad["value"].isna().all()
    assert (run.scores[run.scores["detector"] == "declared"]["status"] == "ok").all()
    assert (run.views["status"] == "ok").all()


@dataclass(frozen=True)
class Faulty:
    """An attack that fails, each time in the way it is told to."""

    how: Any
    family, severity, axis, channel = "faulty", 1.0, "none", "simulated:a fault"

    def __call__(self, media: Media, rng: np.random.Generator) -> Any:
        if isinstance(self.how, BaseException):
            raise self.how
        return self.how


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        (CodedError("E_ENCODE", "too large"), "error", "E_ENCODE"),
        (ZeroDivisionError("by zero"), "error", "E_ZERODIVISIONERROR"),
        (Unavailable("E_TOOL", "no such tool here"), "unavailable", "E_TOOL"),
        (Media(b"<html>", "image/png"), "error", "E_UNIDENTIFIED"),
        (None, "error", "E_ATTRIBUTEERROR"),
    ],
    ids=str,
)
def test_attack_that_fails_is_a_row_in_every_table(
    tiny: Path, tools, tmp_path: Path, how, status: str, code: str
) -> None:
    plan = tools.plan(tiny)
    attacks = (*plan.suite.attacks[:1], Faulty(how))
    plan = replace(plan, suite=replace(plan.suite, attacks=attacks))
    tools.measure(plan, tmp_path / "run")
    run = tools.records(tmp_path / "run")
    failed = run.views[run.views["attack_family"] == "faulty"]
    assert len(failed) == 7
    assert set(failed["status"]) == {status} and set(failed["code"]) == {code}
    assert set(run.readings[run.readings["key"].isin(failed["key"])]["state"]) == {status}
    assert set(run.scores[run.scores["key"].isin(failed["key"])]["status"]) == {status}
    assert (run.views[run.views["attack"] == "Identity()"]["status"] == "ok").all()


@dataclass(frozen=True)
class Reader:
    """A label whose reader does what it is told to."""

    what: Any
    name, position = "reader", "nowhere"

    def applies(self, mime: str) -> bool:
        return mime != "image/png"

    def expected(self, claim: Any) -> dict[str, str]:
        return {}

    def write(self, media: Media, claim: Any) -> Media:
        return media

    def read(self, media: Media) -> Any:
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what


@pytest.mark.parametrize(
    ("what", "state"),
    [(ValueError("odd file"), "error"), (Unavailable("E_TOOL", "not here"), "unavailable"), (None, "error")],
    ids=str,
)
def test_reader_that_fails_has_not_found_nothing(tiny: Path, tools, tmp_path: Path, what, state: str) -> None:
    from bench.harness.plan import Bundle

    plan = tools.plan(tiny)
    suite = replace(plan.suite, bundles=(Bundle("metadata", (*plan.suite.labels, Reader(what))),))
    tools.measure(replace(plan, suite=suite), tmp_path / "run")
    run = tools.records(tmp_path / "run")
    reader = run.readings[run.readings["label"] == "reader"].merge(run.views, on="key", suffixes=("", "_view"))
    labelled = reader[reader["written"].astype(bool)]
    assert set(labelled[labelled["source_mime"] == "image/png"]["state"]) <= {"not_applicable"}
    assert set(labelled[labelled["source_mime"] != "image/png"]["state"]) == {state}
    assert set(run.readings[run.readings["label"] == "iptc"]["state"]) <= {"intact", "absent"}


def test_class_without_train_samples_leaves_learners_unavailable_with_the_reason(
    tiny_copy: Path, tools, tmp_path: Path
) -> None:
    rows = [row for row in tools.read_rows(tiny_copy) if (row["split"], row["truth"]) != ("train", "ai")]
    tools.write_rows(tiny_copy, rows)
    outcome = tools.measure(tools.plan(tiny_copy, detectors=["declared", "header"]), tmp_path / "run")
    reason = f"header needs {MIN_CLASS} train files of each class to be fitted; there are 5 human and 0 ai"
    assert outcome.warnings == [reason]
    assert outcome.failed_cells == 0
    run = tools.records(tmp_path / "run")
    header = run.scores[run.scores["detector"] == "header"]
    assert set(header["status"]) == {"unavailable"}
    assert set(header["code"]) == {"E_UNTRAINED"}
    assert set(header["detail"]) == {reason}
    assert header["value"].isna().all()
    described = {d["name"]: (d["status"], d["code"], d["detail"]) for d in run.header["detectors"]}
    assert described["header"] == ("unavailable", "E_UNTRAINED", reason)
    again = tools.measure(tools.plan(tiny_copy, detectors=["declared", "header"]), tmp_path / "run")
    assert again.warnings == [reason]


def test_unreadable_train_files_are_not_counted_as_used(tiny_copy: Path, tools, tmp_path: Path) -> None:
    victims = [row for row in tools.read_rows(tiny_copy) if (row["split"], row["truth"]) == ("train", "ai")][:2]
    for row in victims:
        (tiny_copy / row["path"]).unlink()
    outcome = tools.measure(tools.plan(tiny_copy, detectors=["header"]), tmp_path / "run")
    assert outcome.warnings == [
        "header needs 5 train files of each class to be fitted; there are 5 human and 5 ai, "
        "of which 5 and 3 could be used"
    ]


@dataclass(frozen=True)
class Unfit:
    """A learner whose fit fails."""

    model: Any = None
    info = DetectorInfo("unfit", "1", "both")

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        return np.zeros((1, 2), np.float32)

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> Any:
        raise ValueError("singular")

    def with_model(self, model: Any) -> Any:
        return self

    def score(self, batch: Any) -> list[Score]:
        return [Score(0.0)]


def test_fit_that_fails_says_why(tiny: Path, tools, tmp_path: Path) -> None:
    plan = tools.plan(tiny)
    plan = replace(plan, suite=replace(plan.suite, detectors=(Unfit(),)))
    outcome = tools.measure(plan, tmp_path / "run")
    assert outcome.warnings == ["unfit could not be fitted: E_VALUEERROR: singular"]


@dataclass(frozen=True)
class Hanging:
    """Takes a minute over one sample, no time over the others; kills its worker over another."""

    family, severity, axis, channel = "hanging", 1.0, "none", "simulated:a fault"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        import os
        import signal
        import time

        if media.mime == "image/png":
            time.sleep(60)
        if media.mime == "image/webp":
            os.kill(os.getpid(), signal.SIGKILL)
        return media


def test_sample_that_hangs_or_kills_its_worker_is_coded_in_every_cell(tiny: Path, tools, tmp_path: Path) -> None:
    plan = tools.plan(tiny)
    plan = replace(plan, suite=replace(plan.suite, attacks=(plan.suite.attacks[0], Hanging())))
    tools.measure(plan, tmp_path / "run", jobs=2, time_limit=0.5)
    views = tools.records(tmp_path / "run").views
    views = views[views["split"] == "test"]
    found = {
        Path(s.path).suffix: set(views[views["sample"] == s.id]["code"].fillna(""))
        for s in plan.samples
        if s.split == "test"
    }
    assert found == {".png": {"E_TIMEOUT"}, ".webp": {"E_CRASH"}, ".jpg": {""}}
