"""Bring your own data, from the command line."""

from pathlib import Path

import pytest

from bench.harness.samples import load_dataset


@pytest.fixture
def photos(tmp_path: Path, tools) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(tools.encode(tools.texture(number)))
    return folder


def test_import_check_and_run_of_ones_own_folders(washtest, photos: Path, tmp_path: Path, tools) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for number in range(6):
        (made / f"{number}.png").write_bytes(tools.encode(tools.texture(100 + number), ".png"))
    into = tmp_path / "set"
    answer = washtest(
        "dataset", "import", photos, "--truth", "human", "--source", "mine", "--into", into, "--licence", "CC0-1.0"
    )
    assert (answer.code, answer.out) == (0, f"6 added, 0 there already, 0 refused: {into / 'samples.csv'}\n")
    answer = washtest(
        "dataset", "import", made, "--truth", "ai", "--source", "sd", "--generator", "SD 1.5", "--into", into
    )
    assert answer.code == 0
    answer = washtest("dataset", "check", into, "--jobs", 0, "--json")
    assert answer.code == 0
    report = answer.json
    assert {"dataset", "revision", "counts", "problems", "cautions", "header_auc", "header_features"} <= set(report)
    assert report["problems"] == []
    assert report["header_auc"] == 1  # one class is JPEG, the other PNG
    assert any("format bias" in line for line in report["cautions"])
    assert sum(sum(by.values()) for by in report["counts"].values()) == 12


def test_import_names_what_it_refused_and_exits_with_1(washtest, photos: Path, tmp_path: Path) -> None:
    (photos / "page.jpg").write_text("<html><body>404</body></html>")
    answer = washtest("dataset", "import", photos, "--truth", "human", "--source", "mine", "--into", tmp_path / "set")
    assert answer.code == 1
    assert "not added: page.jpg: E_UNIDENTIFIED" in answer.err
    assert answer.out.startswith("6 added, 0 there already, 1 refused")


def test_check_of_a_leak_names_it_and_exits_with_1(washtest, tiny_copy: Path, tools) -> None:
    rows = tools.read_rows(tiny_copy)
    (tiny_copy / rows[-2]["path"]).write_bytes((tiny_copy / rows[0]["path"]).read_bytes())
    rows[-2]["sha256"] = rows[0]["sha256"]
    tools.write_rows(tiny_copy, rows)
    answer = washtest("dataset", "check", tiny_copy, "--jobs", 0)
    assert answer.code == 1
    assert f"problem\tleak: {rows[0]['id']} (train) and {rows[-2]['id']} (test): the same file" in answer.out
    assert answer.out.splitlines()[0].split("\t") == ["split", "human", "ai", "ai_edited"]
    assert f"problem\tcontradiction: {rows[0]['id']} (human)" in answer.out and "2 problems" in answer.out


def test_twins_make_an_aligned_set(washtest, photos: Path) -> None:
    washtest("dataset", "import", photos, "--truth", "human", "--source", "mine")
    answer = washtest("dataset", "twins", photos, "--attack", "Blur(sigma=1)", "--seed", 2)
    assert answer.code == 0
    edits = sum(s.split == "test" for s in load_dataset(photos).samples if s.truth == "human")
    assert answer.out == f"6 twins, {edits} edits: {photos / 'samples.csv'}\n"
    answer = washtest("dataset", "twins", photos, "--no-edits", "--attack", "Blur")
    assert answer.out == f"6 twins, 0 edits: {photos / 'samples.csv'}\n"
    assert {s.truth for s in load_dataset(photos).samples} == {"human", "ai"}


def test_edits_of_a_folder_of_photographs(washtest, photos: Path) -> None:
    washtest("dataset", "import", photos, "--truth", "human", "--source", "mine")
    table = photos / "samples.csv"
    tested = sum(s.split == "test" for s in load_dataset(photos).samples)
    answer = washtest("dataset", "edits", photos, "--method", "washvae", "--area", 0.1, "--area", 0.3)
    assert (answer.code, answer.out) == (0, f"{tested} edits: {table}\n")
    assert {s.generator for s in load_dataset(photos).samples if s.truth == "ai_edited"} <= {
        "Edit(area=0.1)", "Edit(area=0.3)"
    }  # fmt: skip
    for wrong, why in (
        (("--method", "photoshop"), "method must be one of washvae"),
        (("--area", 2), "area must be in 0.01..0.7, got 2"),
        (("--method", "splice"), "donor must be a path for method 'splice'"),
        (("--method", "Jpeg(quality=50)"), "leaves a photograph a photograph"),
    ):
        answer = washtest("dataset", "edits", photos, *wrong)
        assert answer.code == 2 and why in answer.err and answer.err.count("\n") == 1
