"""What a run will do is decided, named and checked before it starts."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UserError
from bench.harness.plan import Suite, adjusted, generator_for, load_suite, make_plan, suite_files
from bench.harness.samples import load_dataset


def keys(plan) -> list[str]:
    return [view.key for task in plan.tasks for view in task.views]


def test_keys_are_unique_and_known_before_the_run(tiny: Path, tools) -> None:
    plan = tools.plan(tiny, attacks=["Jpeg", "Blur", "Png"], regimes=["native", "canonical"])
    found = keys(plan)
    assert len(set(found)) == len(found)
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in found)
    assert found == keys(tools.plan(tiny, attacks=["Jpeg", "Blur", "Png"], regimes=["native", "canonical"]))


def test_train_samples_are_only_fitted_on_and_calibration_ones_only_seen_clean(tiny: Path, tools) -> None:
    plan = tools.plan(tiny, attacks=["Jpeg", "Blur"], regimes=["native", "canonical"])
    views = {
        split: {len(t.views) for t in plan.tasks if t.sample.split == split}
        for split in ("train", "calibration", "test")
    }
    assert views == {"train": set(), "calibration": {2}, "test": {6}}
    assert {v.attack for t in plan.tasks if t.sample.split == "calibration" for v in t.views} == {0}
    assert {v.bundle for t in plan.tasks if t.sample.truth == "human" for v in t.views} == {"none"}
    assert {v.bundle for t in plan.tasks if t.sample.truth != "human" for v in t.views} == {"metadata"}


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"bundles": ["gb45438"]}, {"attacks": ["Jpeg(quality=61)"]}, {"regimes": ["canonical"]}],
    ids=lambda change: next(iter(change)),
)
def test_key_changes_with_whatever_changes_the_view(tiny: Path, tools, change: dict) -> None:
    before, after = keys(tools.plan(tiny)), keys(tools.plan(tiny, **change))
    if "attacks" in change:  # the clean views stay what they were
        assert set(before) & set(after) and set(before) != set(after)
    else:
        assert not set(before) & set(after)


def test_key_changes_with_versions_that_change_pixels(tiny: Path, tools, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(tools.plan(tiny))
    monkeypatch.setattr("bench.harness.plan.opencv_version", lambda: "9.9.9")
    assert not set(before) & set(keys(tools.plan(tiny)))


def test_keys_do_not_depend_on_where_the_data_set_lies(
    tiny_copy: Path, tmp_path: Path, tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row | {"sha256": ""} for row in tools.read_rows(tiny_copy)]
    tools.write_rows(tiny_copy, rows)
    there = tools.plan(tiny_copy)
    monkeypatch.chdir(tmp_path)
    here = tools.plan(Path("tiny"))
    assert keys(here) == keys(there)
    assert here.settings() == there.settings()
    shutil.copytree(tiny_copy, tmp_path / "elsewhere" / "tiny")
    assert keys(tools.plan(tmp_path / "elsewhere" / "tiny")) == keys(there)


def test_planned_counts_are_those_of_the_views(tiny: Path, tools) -> None:
    plan = tools.plan(tiny, attacks=["Jpeg"], detectors=["declared", "header"], regimes=["native", "canonical"])
    planned = {(p["kind"], p["subject"], p["attack"], p["regime"]): p["n"] for p in plan.planned()}
    assert set(planned.values()) == {7}  # 3 human, 3 ai, 1 edited
    assert len(planned) == (1 + 2 + 2) * 2 * 2


def test_second_bundle_is_about_labels_only(tiny: Path, tools) -> None:
    plan = tools.plan(tiny, bundles=["metadata", "iptc"], regimes=["native", "canonical"])
    views = [view for task in plan.tasks if task.sample.truth == "ai" for view in task.views]
    assert {(v.bundle, v.regime, v.scored) for v in views} == {
        ("metadata", "native", True), ("metadata", "canonical", True), ("iptc", "native", False),
    }  # fmt: skip


def test_human_work_is_searched_for_every_label_whatever_the_bundles(tiny: Path, tools) -> None:
    for bundles in (["metadata"], ["metadata", "none"], ["none", "metadata"], ["gb45438", "iptc"]):
        suite = tools.plan(tiny, bundles=bundles).suite
        expected = ["gb45438", "iptc"] + (["c2pa"] if "metadata" in bundles else [])
        assert [label.name for label in suite.read_in("none")] == expected


def test_plan_without_test_samples_is_refused(tiny_copy: Path, tools) -> None:
    rows = [row for row in tools.read_rows(tiny_copy) if row["split"] != "test"]
    tools.write_rows(tiny_copy, rows)
    with pytest.raises(UserError, match=r"no sample in the test split \(14 samples chosen\); add samples"):
        tools.plan(tiny_copy)


def test_identity_comes_first_and_nothing_twice() -> None:
    suite = adjusted(
        Suite("s", "", ()), attacks=["Jpeg(75)", "Identity()", "Jpeg(quality=75)", "Blur(sigma=1)", "Blur"]
    )
    assert [repr(a) for a in suite.attacks] == ["Identity()", "Jpeg(quality=75)", "Blur(sigma=1.0)"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attacks": ["Jpge"]}, "unknown attack 'Jpge'. Did you mean Jpeg"),
        ({"bundles": ["gb4538"]}, "Did you mean gb45438?"),
        ({"bundles": []}, "bundles must name at least one"),
        ({"detectors": ["spectre"]}, "Did you mean spectrum"),
        ({"detectors": ["spectrum", "Spectrum(copies=1)"]}, "detector spectrum is named twice with different settings"),
        ({"regimes": ["nativ"]}, "unknown regime 'nativ'. Did you mean native?"),
        ({"regimes": []}, "regimes must name at least one of native, canonical"),
        ({"alphas": []}, "alphas must be numbers between 0 and 1, got []"),
        ({"alphas": [0.05, 5]}, "alphas must be numbers between 0 and 1"),
        ({"alphas": ["x"]}, "alphas must be numbers between 0 and 1"),
        ({"seed": -1}, "seed must be a whole number of 0 or more, got -1"),
        ({"seed": True}, "seed must be a whole number of 0 or more"),
    ],
)
def test_wrong_setting_is_refused(change: dict, said: str) -> None:
    with pytest.raises(UserError) as raised:
        adjusted(Suite("s", "", ()), **change)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("attacks = [", "cannot be read"),
        ("atacks = []", "unknown key in mine.toml 'atacks'. Did you mean attacks"),
        ("attacks = 'Jpeg'", "attacks must be a list of texts"),
        ("attacks = [5]", "attacks must be a list of texts"),
        ("alphas = 0.05", "alphas must be a list of numbers"),
        ("attacks = ['Jpeg(quality=0)']", "quality must be in 1..100, got 0"),
        ("seed = 'x'", "seed must be a whole number"),
    ],
)
def test_wrong_suite_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError) as raised:
        load_suite(str(path))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_suite_file_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("attacks = ['Jpeg(quality=40)']\nregimes = ['native']\nseed = 5\nalphas = [0.1]\n")
    suite = load_suite(str(path))
    assert (suite.name, suite.seed, suite.alphas, suite.regimes) == ("mine", 5, (0.1,), ("native",))
    assert [repr(a) for a in suite.attacks] == ["Identity()", "Jpeg(quality=40)"]


def test_unknown_suite_is_answered_with_what_is_near() -> None:
    with pytest.raises(UserError, match=r"unknown suite 'quik'. Did you mean quick\?"):
        load_suite("quik")


def test_shipped_suites_load_and_describe_themselves(tiny: Path) -> None:
    assert {"quick", "standard"} <= set(suite_files())
    for name in suite_files():
        suite = load_suite(name)
        assert suite.name == name
        assert suite.description
        assert make_plan(suite, load_dataset(tiny)).tasks


def test_chance_belongs_to_one_seed_sample_and_attack() -> None:
    def draw(*parts) -> list[int]:
        return generator_for(*parts).integers(0, 2**63, 4).tolist()

    first = draw(0, "ab", "Noise()")
    assert draw(0, "ab", "Noise()") == first
    others = [draw(1, "ab", "Noise()"), draw(0, "ac", "Noise()"), draw(0, "ab", "Blur()"), draw(0, "a", "bNoise()")]
    assert all(other != first for other in others)
    # Golden: a published run can be repeated.
    assert generator_for(0, "ab", "Noise()").integers(0, 1000, 3).tolist() == [465, 637, 182]
    assert isinstance(generator_for(0, "", ""), np.random.Generator)


def test_tasks_are_made_when_asked_for_and_are_the_same_each_time(tiny: Path, tools) -> None:
    tasks = tools.plan(tiny, attacks=["Png", "Blur"]).tasks
    assert list(tasks) == list(tasks) == [tasks[i] for i in range(len(tasks))]
    assert list(tasks[2:5]) == list(tasks)[2:5]
    assert tasks.n_views == sum(len(task.views) for task in tasks)
    done = {view.key for task in tasks[:3] for view in task.views}
    assert list(tasks.without(done)) == list(tasks[3:]) and list(tasks.without(set())) == list(tasks)
    half = {view.key for view in tasks[0].views[:-1]}  # a sample is measured whole
    assert list(tasks.without(half)) == list(tasks)
