"""A run measures everything once, resumes to the very same records, and turns every fault into a coded row."""

import json
import math
import pickle
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.recompress import Jpeg
from bench import records
from bench.detectors.base import DetectorInfo, Score
from bench.errors import CodedError, Unavailable, UserError
from bench.harness.store import Store
from bench.harness.training import MIN_CLASS
from bench.media import Media

EVERYTHING = {"attacks": ["Jpeg(quality=60)", "Noise", "Resize"], "detectors": ["declared", "header", "spectrum"],
              "regimes": ["native", "canonical"]}  # fmt: skip


@pytest.fixture(scope="session")
def finished(tiny: Path, tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of everything, by two workers; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    tools.measure(tools.plan(tiny, **EVERYTHING), out, jobs=2)
    return out


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()
    }


def test_every_planned_cell_has_its_row(finished: Path, tiny: Path, tools) -> None:
    run = tools.records(finished)
    plan = tools.plan(tiny, **EVERYTHING)
    assert sorted(run.views["key"]) == sorted(view.key for task in plan.tasks for view in task.views)
    assert set(run.views["status"]) == {"ok"}
    test = run.views[run.views["split"] == "test"]
    for cell in run.header["planned"]:
        views = test[(test["attack"] == cell["attack"]) & (test["regime"] == cell["regime"])]["key"]
        rows = {"view": run.views, "label": run.readings, "detector": run.scores}[cell["kind"]]
        if cell["kind"] == "label":
            rows = rows[rows["label"] + ":" + rows["position"] == cell["subject"]]
        if cell["kind"] == "detector":
            rows = rows[rows["detector"] == cell["subject"]]
        assert rows["key"].isin(views).sum() == cell["n"]


def test_views_say_what_was_done_to_what(finished: Path, tiny: Path, tools) -> None:
    views = tools.records(finished).views.set_index(["sample", "attack", "regime"])
    clean = views.xs("Identity()", level="attack")
    assert (clean["psnr"] == math.inf).all()
    assert clean["ssim"].between(0.999, 1.001).all()
    assert set(clean["channel"]) == {"real:no operation"}
    jpeg = views.xs("Jpeg(quality=60)", level="attack")
    assert (jpeg["mime"] == "image/jpeg").all()
    assert jpeg["psnr"].between(15, 60).all()
    assert (jpeg["bytes"] > 100).all()
    assert jpeg["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    smaller = views.xs("Resize(scale=0.5)", level="attack").xs("native", level="regime")
    assert (smaller["width"] == 32).all() and (smaller["height"] == 24).all()
    assert smaller["psnr"].isna().all() and smaller["bytes"].isna().all()  # another size; never encoded
    assert set(views.xs("canonical", level="regime")["source_mime"]) == {"image/jpeg"}
    assert set(views.xs("native", level="regime")["source_mime"]) == {"image/jpeg", "image/png", "image/webp"}


def test_labels_are_intact_on_clean_files_absent_from_human_ones_and_gone_after_recompression(
    finished: Path, tools
) -> None:
    run = tools.records(finished)
    merged = run.readings.merge(run.views, on="key", suffixes=("_reading", ""))
    clean = merged[merged["attack"] == "Identity()"]
    assert set(clean[clean["truth"] != "human"]["state"]) == {"intact"}
    assert clean[clean["truth"] != "human"]["declares_ai"].all()
    assert set(merged[merged["truth"] == "human"]["state"]) == {"absent"}
    assert set(merged[merged["attack"] == "Jpeg(quality=60)"]["state"]) == {"absent"}
    written = merged.groupby("truth")["written"].mean()
    assert written.to_dict() == {"ai": 1, "ai_edited": 1, "human": 0}


def test_declared_detector_is_right_on_clean_files_and_blind_after_recompression(finished: Path, tools) -> None:
    run = tools.records(finished)
    merged = run.scores[run.scores["detector"] == "declared"].merge(run.views, on="key", suffixes=("_score", ""))
    clean = merged[merged["attack"] == "Identity()"]
    assert (clean["value"] == (clean["truth"] != "human")).all()
    assert (merged[merged["attack"] != "Identity()"]["value"] == 0).all()


def test_header_tells_what_was_run_on_what(finished: Path, tools) -> None:
    header = records.read_header(finished)
    assert header["finished"] >= header["started"]
    assert header["dataset"]["counts"] == {"human": 10, "ai": 10, "ai_edited": 1}
    assert header["dataset"]["splits"]["train"] == {"human": 5, "ai": 5, "ai_edited": 0}
    assert header["attacks"][0]["name"] == "Identity()"
    assert header["counts"]["tasks"] == 11
    trained = {d["name"]: d["trained"] for d in header["detectors"]}
    assert trained["declared"] is None
    assert trained["spectrum"] == {r: {"n_human": 5, "n_ai": 5} for r in ("native", "canonical")}
    assert {d["status"] for d in header["detectors"]} == {"ok"}
    assert header["warnings"] == []
    assert str(finished.parent) not in json.dumps(header)


@pytest.mark.parametrize("jobs", [0, 1])
def test_records_do_not_depend_on_the_number_of_workers(
    finished: Path, tiny: Path, tools, tmp_path: Path, jobs: int
) -> None:
    tools.measure(tools.plan(tiny, **EVERYTHING), tmp_path / "run", jobs=jobs)
    tools.assert_same_records(finished, tmp_path / "run")
    for model in (finished / "models").iterdir():
        assert (tmp_path / "run" / "models" / model.name).read_bytes() == model.read_bytes()


def test_second_run_measures_nothing_and_changes_no_file(finished: Path, tiny: Path, tools) -> None:
    before = content(finished)
    outcome = tools.measure(tools.plan(tiny, **EVERYTHING), finished, jobs=2)
    assert (outcome.done, outcome.skipped) == (0, 11)
    assert content(finished) == before


def test_lost_shard_is_measured_again_to_the_same_records(
    finished: Path, tiny: Path, tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.harness.store.SHARD_VIEWS", 8)
    monkeypatch.setattr("bench.harness.store.JOINED_VIEWS", 8)
    plan = tools.plan(tiny, **EVERYTHING)
    out = tmp_path / "run"
    tools.measure(plan, out)
    tools.assert_same_records(finished, out)
    shards = records.shard_files(out, "views")
    assert len(shards) > 2
    shards[0].write_bytes(b"torn")
    records.shard_files(out, "scores")[1].unlink()
    outcome = tools.measure(plan, out)
    assert 0 < outcome.done < 11
    assert outcome.done + outcome.skipped == 11
    tools.assert_same_records(finished, out)


def test_lost_model_is_fitted_again_only_when_something_is_to_be_scored(
    finished: Path, tiny: Path, tools, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(out / "models")
    tools.measure(tools.plan(tiny, **EVERYTHING), out)
    assert not (out / "models").exists()
    for shard in records.shard_files(out, "views"):
        shard.unlink()
    tools.measure(tools.plan(tiny, **EVERYTHING), out)
    tools.assert_same_records(finished, out)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 3}, "seed: 0 there, 3 now"),
        ({"attacks": ["Blur"]}, "attacks"),
        ({"detectors": ["header"]}, "detectors"),
        ({"regimes": ["canonical"]}, "regimes"),
        ({"limit": 12}, "samples"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_folder_of_another_run_is_not_written_into(tiny: Path, tools, tmp_path: Path, change: dict, named: str) -> None:
    out = tmp_path / "run"
    tools.measure(tools.plan(tiny, limit=15), out)
    before = content(out)
    with pytest.raises(UserError) as raised:
        tools.measure(tools.plan(tiny, **({"limit": 15} | change)), out)
    assert named in str(raised.value)
    assert "holds a run with other settings" in str(raised.value)
    assert "choose another --out, or remove that folder" in str(raised.value)
    assert content(out) == before


def test_two_runs_at_once_on_one_folder_are_refused(tiny: Path, tools, tmp_path: Path) -> None:
    with Store(tmp_path / "run"), pytest.raises(UserError, match="is being written by another run"):
        tools.measure(tools.plan(tiny), tmp_path / "run")


def test_same_file_in_two_splits_is_a_leak_that_names_both(tiny_copy: Path, tools, tmp_path: Path) -> None:
    rows = tools.read_rows(tiny_copy)
    train, test = rows[0], rows[-2]
    shutil.copyfile(tiny_copy / train["path"], tiny_copy / test["path"])
    test["sha256"] = train["sha256"]
    tools.write_rows(tiny_copy, rows)
    with pytest.raises(UserError) as raised:
        tools.measure(tools.plan(tiny_copy), tmp_path / "run")
    message = str(raised.value)
    assert f"{train['id']} (train) = {test['id']} (test)" in message
    assert "give them one family" in message
    assert not (tmp_path / "run").exists()


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


def test_damaged_model_is_refused_and_not_unpickled(finished: Path, tiny: Path, tools, tmp_path: Path) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "run"))
    records.shard_files(out, "views")[0].unlink()
    model = out / "models" / "native-header.safetensors"
    model.write_bytes(pickle.dumps(Jpeg()))
    with pytest.raises(UserError, match=r"native-header\.safetensors is damaged"):
        tools.measure(tools.plan(tiny, **EVERYTHING), out)
    model.write_bytes(b"short")
    with pytest.raises(UserError, match=r"native-header\.safetensors is damaged"):
        tools.measure(tools.plan(tiny, **EVERYTHING), out)


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


def test_header_of_another_schema_says_what_to_do(tiny: Path, tools, tmp_path: Path) -> None:
    out = tmp_path / "run"
    tools.measure(tools.plan(tiny), out)
    header = json.loads((out / "run.json").read_text())
    for version, said in (
        (0, "run the suite again into a new folder"),
        (99, "upgrade washtest to read it"),
        ("x", "cannot be read"),
    ):
        (out / "run.json").write_text(json.dumps(header | {"schema_version": version}))
        with pytest.raises(UserError, match=said):
            tools.measure(tools.plan(tiny), out)
