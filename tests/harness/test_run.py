"""A run measures everything once, resumes to the very same records, and writes into no other run's folder."""

import json
import math
import pickle
import shutil
from pathlib import Path

import pytest

from attacks.recompress import Jpeg
from bench import records
from bench.errors import UserError
from bench.harness.store import Store

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
