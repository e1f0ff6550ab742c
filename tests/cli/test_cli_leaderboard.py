"""The boards over published runs, and a detector added to them as docs/submit.md says."""

import hashlib
import json
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from bench.analysis import render, tables
from bench.cli import cli
from bench.files import write_whole
from bench.harness.plan import adjusted, load_suite, make_plan
from bench.harness.samples import load_dataset
from bench.records import load

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs/submit.md").read_text("utf-8")

SUITE = """
name = "small"
description = "two attacks"
attacks = ["Identity()", "Jpeg(quality=50)", "Png()"]
bundles = ["metadata"]
detectors = ["declared", "header"]
regimes = ["native"]
alphas = [0.1]
"""


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCS, re.S)


def measured(tools, folder: Path, out: Path, *more: str) -> Path:
    """A run of the small suite, with these detectors instead where there are any."""
    suite = adjusted(load_suite(str(folder / "small.toml")), detectors=list(more) or None)
    tools.measure(make_plan(suite, load_dataset(folder / "datasets/few")), out)
    return out


def write_tables(run: Path) -> None:
    for name, table in tables.make(load(run)).items():
        write_whole(run / "tables" / f"{name}.csv", render.to_csv(table))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, tools) -> Path:
    """A folder with a suite, a data set of 46 pictures, a published run of both, and what it exports."""
    folder = tmp_path_factory.mktemp("boards")
    (folder / "small.toml").write_text(SUITE, "utf-8")
    counts = {"train": 5, "calibration": 10, "test": 12}
    entries = [{"truth": t, "split": s} for s, n in counts.items() for t in ("human", "ai") for _ in range(n)]
    tools.make_dataset(folder / "datasets/few", entries)
    run = measured(tools, folder, folder / "results/few-small")
    write_tables(run)
    shutil.rmtree(run / "records")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["export", "small.toml", "--dataset", "few", "--out", "exported", "--jobs", "0", "--quiet"]
        patch.setattr(sys, "argv", ["washtest", *words])
        done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def submitted(workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the workplace with the card and scores of the docs; gives the card."""
    folder = Path(shutil.copytree(workplace, tmp_path / "work"))
    monkeypatch.chdir(folder)
    (script,) = [text for text in blocks("python") if text.startswith("# score.py")]
    Path("score.py").write_text(script, "utf-8")
    (command,) = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python ")]
    monkeypatch.setattr(sys, "argv", shlex.split(command)[1:])
    runpy.run_path("score.py", run_name="__main__")
    (text,) = blocks("toml")
    name = text.split("\n", 1)[0].removeprefix("# ")
    revision = json.loads(Path("results/few-small/run.json").read_text("utf-8"))["dataset"]["revision"]
    here = {"quick": "small.toml", "mini": "few", "34aa179c501bf6ad": revision}
    here["<of the file>"] = hashlib.sha256(Path(name).with_suffix(".csv").read_bytes()).hexdigest()
    for said, ours in here.items():
        text = text.replace(f'"{said}"', f'"{ours}"')
    Path(name).write_text(text, "utf-8")
    return Path(name)


def rescored(card: Path, frame: pd.DataFrame) -> None:
    """Other scores, and their digest in the card."""
    path = card.with_suffix(".csv")
    frame.to_csv(path, index=False)
    text = re.sub(
        'sha256 = ".*"', f'sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"', card.read_text("utf-8")
    )
    card.write_text(text, "utf-8")


def test_a_board_over_published_runs_links_each_of_them(workplace: Path, tmp_path: Path, washtest) -> None:
    results = Path(shutil.copytree(workplace / "results", tmp_path / "results"))
    (results / "notes.md").write_text("not a run", "utf-8")
    (results / "empty").mkdir()
    done = washtest("leaderboard", results)
    assert (done.code, done.err) == (0, "")
    page, text = ((results / f"leaderboard.{ending}").read_text("utf-8") for ending in ("html", "md"))
    assert 'href="few-small/run.json"' in page and "(few-small/run.json)" in text
    assert "Compare within one heading only" in page and "Compare within one heading only" in text
    assert "default-src 'none'" in page and "src=" not in page
    for shown in (page, text):
        assert "gb45438 (xmp)" in shown and "is the baseline" in shown and "FPR ≤ 10 %" in shown


def test_the_commands_of_the_docs_add_a_detector(submitted: Path, washtest) -> None:
    lines = [line for block in blocks("sh")[1:] for line in block.splitlines()]
    answers = [washtest(*shlex.split(line)[1:], *(["--jobs", "0"] if "check" in line else [])) for line in lines]
    assert [answer.code for answer in answers] == [0, 0, 0], [answer.err for answer in answers]
    header, *rows = [line.split("\t") for line in answers[0].out.splitlines()]
    (row,) = [dict(zip(header, row, strict=True)) for row in rows]
    assert (row["detector"], row["authors"]) == ("my-detector", "A. Author")
    assert (row["regime"], row["alpha"]) == ("native", "0.1")
    assert 0 <= float(row["fpr"]) <= 1 and row["header_auc"]
    board = Path("results/leaderboard.md").read_text("utf-8")
    assert "[my\\-detector](https://example.org/my-detector)" in board or "[my-detector](https" in board
    assert "submissions/my-detector/run.json" in board and " of 3 |" in board


def test_the_figures_are_those_of_a_run_with_the_same_scores(submitted: Path, washtest, tools) -> None:
    assert washtest("submission", "check", submitted, "--add", "--jobs", "0").code == 0
    run = measured(tools, Path.cwd(), Path("out"), "header", str(submitted.with_suffix(".csv")))
    write_tables(run)
    for name in ("detector_errors", "thresholds", "robustness"):
        ours, theirs = (
            pd.read_csv(folder / f"tables/{name}.csv") for folder in (submitted.with_suffix(""), Path("out"))
        )
        pd.testing.assert_frame_equal(ours, theirs, obj=name)


def problems(answer) -> str:
    assert answer.code == 2 and answer.out == ""
    return answer.err


def test_scores_that_do_not_fit_are_one_line_each(submitted: Path, washtest) -> None:
    def check(frame: pd.DataFrame) -> list[str]:
        rescored(submitted, frame)
        return problems(washtest("submission", "check", submitted, "--jobs", "0", "--quiet")).splitlines()

    good = pd.read_csv(submitted.with_suffix(".csv"))
    views = pd.read_csv(Path("exported/manifest.csv"))
    assert len(good) == len(views)
    (missing, calibration) = check(good.iloc[0:0])
    assert f"{len(good)} of {len(good)} ids have no score" in missing and "calibration split" in calibration
    (unknown,) = check(pd.concat([good, pd.DataFrame({"id": ["0" * 32], "score": [1.0]})]))
    assert "1 ids are of no file of this suite" in unknown
    twice, number, odd = check(
        pd.concat([good, good[:2], pd.DataFrame({"id": ["xyz", "1" * 32], "score": [0.5, float("nan")]})])
    )[:3]
    assert "1 keys are no ids" in twice and "2 ids stand there twice" in number and "1 ids have no number" in odd


def test_a_card_that_is_wrong_is_refused_before_anything_is_measured(submitted: Path, washtest) -> None:
    good = submitted.read_text("utf-8")

    def check(said: str, ours: str) -> str:
        assert said in good
        submitted.write_text(good.replace(said, ours), "utf-8")
        return problems(washtest("submission", "check", submitted, "--jobs", "0"))

    for said, ours, told in (
        ('name = "my-detector"', 'name = "header"', "taken by a built-in detector"),
        ('name = "my-detector"', 'name = "other"', "must be that of the file"),
        ("https://", "javascript:", "must start with https://"),
        ('["A. Author"]', "[]", "authors must be a list"),
        ('version = "1.0"', "", "version is missing"),
        ('version = "1.0"', 'version = "1.0"\ncolour = "red"', "colour is no key"),
        ('scores = "my', 'scores = "../my', "beside the card"),
        ('scores = "my', 'scores = "no', "No such file"),
        ('sha256 = "', 'sha256 = "00', "64 hexadecimal digits"),
        ('suite = "small.toml"', 'suite = "quik"', "Did you mean quick"),
        ('dataset = "few"', 'dataset = "fewer"', "unknown data set"),
        ('revision = "', 'revision = "0', "was scored, here is"),
        ("name =", "name", "cannot be read"),
    ):
        assert told in check(said, ours), told
    assert not Path("runs").exists()
    other = re.sub('sha256 = "..', 'sha256 = "00', good)
    submitted.write_text(other, "utf-8")
    assert "the card says" in problems(washtest("submission", "check", submitted))


def test_a_folder_that_says_something_else_is_a_problem(submitted: Path, washtest) -> None:
    assert washtest("submission", "check", submitted, "--add", "--jobs", "0", "--quiet").code == 0
    table = submitted.with_suffix("") / "tables/robustness.csv"
    table.write_text(table.read_text("utf-8").replace("my-detector,native", "my-detector,better"), "utf-8")
    assert "is not what these scores give" in problems(washtest("submission", "check", submitted, "--quiet"))


def test_runs_that_cannot_be_shown_are_named(submitted: Path, washtest) -> None:
    run = Path("results/few-small/run.json")
    run.write_text(run.read_text("utf-8").replace('"finished": "', '"finished": null, "x": "'), "utf-8")
    done = washtest("leaderboard")
    assert done.code == 0 and "few-small is unfinished" in done.err and "my-detector is not measured yet" in done.err
    assert "No finished run" in Path("results/leaderboard.html").read_text("utf-8")
    run.write_text("{", "utf-8")
    broken = washtest("leaderboard")
    assert broken.code == 2 and len(broken.err.splitlines()) == 1
    for none in ("nowhere", run.parent):  # a run is not a folder of runs
        assert washtest("leaderboard", none).code == 2
    assert not (run.parent / "leaderboard.md").exists()
