"""Model files: fitted once, used by other runs, and refused where they would judge what they have seen."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bench import tensors
from bench.detectors.base import DetectorInfo, Score
from bench.detectors.spectrum import Spectrum
from bench.errors import Unavailable, UserError
from bench.harness import models, registry, training
from bench.harness.augmentation import Augmentation
from bench.harness.engines.local import LocalEngine
from bench.harness.models import Pretrained
from bench.harness.samples import load_dataset
from bench.media import Media

ENGINE = LocalEngine(0)


@pytest.fixture(scope="module")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of ``Spectrum(copies=1)``, fitted on the train split of ``tiny``."""
    path = tmp_path_factory.mktemp("models") / "mine.safetensors"
    write(path, tiny)
    return path


def write(path: Path, folder: Path, detector=Spectrum(copies=1), augmentation=None) -> str:  # noqa: B008
    dataset = load_dataset(folder)
    made = training.train(detector, dataset, ENGINE, augmentation=augmentation)
    return models.save(
        path, made.detector, dataset, made.taught, made.rows, regime="native", augmentation=augmentation, seed=0
    )


def rewritten(path: Path, target: Path, arrays=None, **facts: str) -> Path:
    """The model file with other metadata or arrays."""
    there, said = tensors.decoded(path.read_bytes())
    tensors.save(target, there | (arrays or {}), said | facts)
    return target


def test_same_training_gives_the_same_bytes(model: Path, tiny: Path, tmp_path: Path) -> None:
    digest = write(tmp_path / "again.safetensors", tiny)
    assert (tmp_path / "again.safetensors").read_bytes() == model.read_bytes()
    assert registry.detector(f"spectrum@{model}").sha256 == digest


def test_model_file_scores_as_the_run_s_own_fit(model: Path, tiny: Path, tools, tmp_path: Path) -> None:
    plan = tools.plan(tiny, detectors=["Spectrum(copies=1)", f"spectrum@{model}"])
    assert tools.measure(plan, tmp_path / "run").warnings == []
    records = tools.records(tmp_path / "run")
    scores = records.scores.pivot(index="key", columns="detector", values="value")
    # The run fits with its own seed, 0, as the file was.
    assert len(scores) and (scores["spectrum"] == scores["spectrum@mine"]).all()
    described = next(d for d in records.header["detectors"] if d["name"] == "spectrum@mine")
    assert described["model"]["dataset"] == "tiny" and described["model"]["n_human"] == "5"
    assert described["weights_sha256"] == registry.detector(f"spectrum@{model}").sha256
    assert str(model.parent) not in json.dumps(records.header)


def test_settings_of_the_file_are_taken_and_others_refused(model: Path) -> None:
    assert registry.detector(f"spectrum@{model}").detector.copies == 1
    assert registry.detector(f"Spectrum(copies=1)@{model}").name == "spectrum@mine"
    with pytest.raises(UserError, match=r"holds Spectrum\(copies=1\), not Spectrum\(copies=2\)"):
        registry.detector(f"Spectrum(copies=2)@{model}")
    with pytest.raises(UserError, match=r"holds Spectrum\(copies=1\), not HeaderDetector\(\)"):
        registry.detector(f"header@{model}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{model}", "write the detector's name before its model: NAME@"),
        ("declared@{model}", "declared does not learn"),
        ("spectrm@{model}", "Did you mean spectrum"),
        ("spectrum@{folder}/none.safetensors", "cannot be read: No such file"),
        ("spectrum@{folder}/cut.safetensors", "is no model file: array"),
        ("spectrum@{folder}/pickle.safetensors", "is no model file: it is no safetensors file"),
        ("spectrum@{folder}/foreign.safetensors", r"is no model file of washtest \(it lacks format\)"),
        ("spectrum@{folder}/future.safetensors", "is of the format 'washtest model 9'"),
        ("spectrum@{folder}/version.safetensors", "was fitted for spectrum version 0, this is 1; train it again"),
        ("spectrum@{folder}/changed.safetensors", "is damaged: its content is not that of its SHA-256"),
        ("spectrum@{folder}/code.safetensors", "holds evil.py:attr, not Spectrum"),
        ("spectrum@{folder}/values.safetensors", "unknown parameter of Spectrum 'speed'"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(model: Path, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "cut.safetensors").write_bytes(model.read_bytes()[:-9])
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04\x95" + bytes(40))
    tensors.save(tmp_path / "foreign.safetensors", {"x": np.zeros(3)}, {})
    rewritten(model, tmp_path / "future.safetensors", format="washtest model 9")
    rewritten(model, tmp_path / "version.safetensors", detector_version="0")
    rewritten(model, tmp_path / "changed.safetensors", {"model.share": np.ones(4)})
    rewritten(model, tmp_path / "code.safetensors", detector="evil.py:attr")
    rewritten(model, tmp_path / "values.safetensors", detector="Spectrum(speed=3)")
    with pytest.raises(UserError, match=why) as raised:
        registry.detector(text.format(model=model, folder=tmp_path))
    assert "\n" not in str(raised.value)


def test_resume_refuses_a_changed_model(model: Path, tiny: Path, tools, tmp_path: Path) -> None:
    file = Path(shutil.copy(model, tmp_path / "m.safetensors"))
    tools.measure(tools.plan(tiny, detectors=[f"spectrum@{file}"]), tmp_path / "run")
    file.unlink()
    write(file, tiny, augmentation=Augmentation(jpeg=(60, 90)))
    with pytest.raises(UserError, match="holds a run with other settings"):
        tools.measure(tools.plan(tiny, detectors=[f"spectrum@{file}"]), tmp_path / "run")


def moved(tiny: Path, tools, target: Path, **changes: str) -> Path:
    """The data set with its train files in the test split, under the same name."""
    folder = Path(shutil.copytree(tiny, target / "tiny"))
    rows = tools.read_rows(folder)
    swapped = {"train": "test", "test": "train", "calibration": "calibration"}
    tools.write_rows(folder, [row | {"split": swapped[row["split"]]} | changes for row in rows])
    return folder


@pytest.mark.parametrize("sha256", [{}, {"sha256": ""}], ids=["stated", "not stated"])
def test_model_is_not_judged_by_the_files_that_it_learnt_from(model, tiny, tools, tmp_path, sha256) -> None:
    plan = tools.plan(moved(tiny, tools, tmp_path, **sha256), detectors=[f"spectrum@{model}"])
    with pytest.raises(UserError, match=r"spectrum@mine was fitted on 10 files .*e\.g\. human-00"):
        tools.measure(plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_families_that_the_model_knows_stand_in_the_warnings(model, tiny, tools, tmp_path) -> None:
    folder = moved(tiny, tools, tmp_path)
    rows = tools.read_rows(folder)
    for number, row in enumerate(rows):  # other files of the same families
        file = folder / row["path"]
        data = tools.encode(tools.texture(500 + number), file.suffix)
        file.write_bytes(data)
        row["sha256"] = Media.from_bytes(data).sha256
    tools.write_rows(folder, rows)
    warnings = tools.measure(tools.plan(folder, detectors=[f"spectrum@{model}"]), tmp_path / "run").warnings
    assert [line for line in warnings if "families of 10 calibration and test samples" in line] == warnings


def test_training_looks_at_the_train_split_alone(tiny_copy: Path, model: Path, tools, tmp_path: Path) -> None:
    for row in tools.read_rows(tiny_copy):
        if row["split"] != "train" or row["truth"] == "ai_edited":
            (tiny_copy / row["path"]).unlink()
    write(tmp_path / "m.safetensors", tiny_copy)
    assert (tmp_path / "m.safetensors").read_bytes() == model.read_bytes()


def test_augmentation_adds_rows_of_resized_jpegs(tiny: Path) -> None:
    dataset = load_dataset(tiny)
    bare = training.train(Spectrum(copies=0), dataset, ENGINE)
    more = training.train(Spectrum(copies=0), dataset, ENGINE, augmentation=Augmentation((60, 90), (0.5, 2.0), 3))
    assert (bare.rows, more.rows) == (10, 40)
    source = Media.from_bytes((tiny / "files" / "human-00.jpg").read_bytes())
    copies = Augmentation(jpeg=(30, 40), resize=(0.5, 0.7), copies=4)(source, np.random.default_rng(0))
    assert {copy.mime for copy in copies} == {"image/jpeg"}
    assert all(0.45 < copy.size[0] / source.size[0] < 0.75 and copy.header.jpeg_quality <= 40 for copy in copies)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "name jpeg, resize or both"),
        ({"jpeg": (90, 60)}, "jpeg must be two numbers in 1..100, the lower first"),
        ({"resize": (0.0, 1.0)}, "resize must be two numbers in 0.01..4"),
        ({"jpeg": (60, 90), "copies": 0}, r"copies must be in 1\.\.20, got 0"),
    ],
)
def test_augmentation_out_of_range_is_refused(values, why) -> None:
    with pytest.raises(ValueError, match=why):
        Augmentation(**values)


@dataclass(frozen=True)
class Lacking:
    """Learns, but what it needs is not on this machine."""

    model = None
    info = DetectorInfo("lacking", "1", "pixels")

    def training_rows(self, media, rng):
        raise Unavailable("E_WEIGHTS_MISSING", "run: washtest weights fetch lacking")

    def fit(self, features, is_ai):
        return self

    def with_model(self, model):
        return self

    def score(self, batch):
        return [Score(None, "unavailable", "E_WEIGHTS_MISSING")] * len(batch)


def test_what_cannot_be_trained_says_why(tiny: Path, tools, tmp_path: Path) -> None:
    few = tools.make_dataset(tmp_path / "few", [{"truth": "human", "split": "train"}] * 3)
    with pytest.raises(UserError, match=r"spectrum needs 5 train files of each class .* there are 3 human and 0 ai"):
        training.train(Spectrum(), load_dataset(few), ENGINE)
    with pytest.raises(UserError, match="lacking could not be fitted: E_WEIGHTS_MISSING: run: washtest weights fetch"):
        training.train(Lacking(), load_dataset(tiny), ENGINE)


def test_detector_that_lacks_something_does_not_spoil_the_others(tiny: Path, tools, tmp_path: Path) -> None:
    plan = tools.plan(tiny, objects={"detectors": (Spectrum(), Lacking())})
    warnings = tools.measure(plan, tmp_path / "run").warnings
    assert warnings == ["lacking could not be fitted: E_WEIGHTS_MISSING: run: washtest weights fetch lacking"]
    statuses = tools.records(tmp_path / "run").scores.groupby("detector")["status"].unique()
    assert list(statuses["spectrum"]) == ["ok"] and list(statuses["lacking"]) == ["unavailable"]


def test_command_reports_what_it_has_seen_and_not(washtest, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    command = ("train", "spectrum", "--dataset", tiny, "--out", out, "--jpeg", 60, 90, "--jobs", 0)
    answer = washtest(*command, "--json")
    assert answer.code == 0, answer.err
    seen, unseen = answer.json["splits"]
    assert (seen["split"], seen["n_human"], seen["n_ai"]) == ("train, as learnt", 5, 5)
    assert (unseen["split"], unseen["n_human"], unseen["families"]) == ("calibration, not seen", 2, 4)
    assert 0 <= unseen["auc_low"] <= unseen["auc"] <= unseen["auc_high"] <= 1
    assert answer.json["sha256"] == registry.detector(f"spectrum@{out}").sha256
    again = washtest(*command)
    assert again.code == 2 and "is there already" in again.err
    file = tiny / "files" / "human-00.jpg"
    scored = washtest("detect", "spectrum", file, "--model", out, "--json").json[0]
    assert scored["detector"] == "spectrum@m" and scored["status"] == "ok"
    assert washtest("detect", f"spectrum@{out}", file, "--json").json[0] == scored


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["declared"], "declared does not learn; those that do: header, spectrum"),
        (["spectrum", "--out", "m.npz"], "let the model file end in .safetensors: m.safetensors"),
        (["spectrum", "--jpeg", "90", "10"], "augmentation: jpeg must be two numbers"),
        (["spectrum", "--copies", "3"], "--copies says how many; say of what kind with --jpeg or --resize"),
        (["spectrum", "--dataset", "nonesuch"], "nonesuch"),
        (["spectrum@m.safetensors"], "cannot be read"),
    ],
)
def test_command_says_in_one_line_what_is_wrong(washtest, arguments, why) -> None:
    answer = washtest("train", *arguments)
    assert answer.code == 2 and why in answer.err and len(answer.err.strip().splitlines()) == 1


def test_pretrained_is_a_value(model: Path) -> None:
    first, second = (registry.detector(f"spectrum@{model}") for _ in range(2))
    assert isinstance(first, Pretrained) and first == second and hash(first) == hash(second)
