"""The command that compares: two runs or detectors of one, for people, programs and CI, mistakes in one line."""

import contextlib
import csv
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.harness.plan import Bundle
from bench.labels import GB45438

BRIGHT = "bright.py:score"


@pytest.fixture(scope="module")
def runs(tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``before``: every AI file is told by its brightness; ``after``: the same detector is blind."""
    base = tmp_path_factory.mktemp("compare")
    counts = {"calibration": 20, "test": 12}
    entries = []
    for split, n in counts.items():
        for truth in ("human", "ai"):
            for _ in range(n):
                pixels = tools.texture(len(entries)) // 4 + (170 if truth == "ai" else 0)
                entries.append({"truth": truth, "split": split, "pixels": pixels.astype("uint8")})
    data = tools.make_dataset(base / "set", entries)
    for name, formula in (("before", "mean"), ("after", "std")):
        (base / name).mkdir()
        line = f"    return [float(cv2.imread(path, 0).{formula}() > 128) for path in paths]"
        (base / name / "bright.py").write_text(f"import cv2\n\n\ndef score(paths):\n{line}\n", "utf-8")
        with contextlib.chdir(base / name):
            plan = tools.plan(
                data, detectors=[BRIGHT, "header", "declared"], alphas=(0.05,),
                objects={"bundles": (Bundle("metadata", (GB45438(),)),)},
            )  # fmt: skip
            tools.measure(plan, base / "runs" / name)
    return base / "runs"


@pytest.fixture
def pair(runs: Path) -> tuple[Path, Path]:
    return runs / "before", runs / "after"


def rows(text: str) -> list[dict[str, str]]:
    head, *lines = [line.split("\t") for line in text.splitlines()]
    assert all(len(line) == len(head) for line in lines)
    return [dict(zip(head, line, strict=True)) for line in lines]


def test_rows_are_tab_separated_and_say_what_turned(washtest, pair) -> None:
    answer = washtest("compare", *pair)
    assert answer.code == 0
    found = {(row["subject"], row["attack"], row["measure"]): row for row in rows(answer.out)}
    misses = found[BRIGHT, "Identity()", "fnr"]
    assert (misses["before"], misses["after"], misses["turned_worse"]) == ("0", "1", "12")
    assert found["gb45438:xmp", "Identity()", "survived"]["difference"] == "0"
    assert "Two runs on the same 24 test files" in answer.err
    assert "note: detector bright.py:score: " in answer.err
    assert "24 answers turned (24 worse, 0 better, 0 other)" in answer.err


def test_ci_is_told_by_the_exit_code(washtest, pair) -> None:
    answer = washtest("compare", *pair, "--fail-if-worse", 5)
    assert answer.code == 3
    assert "worse: bright.py:score fnr under Identity() (native): 0 % -> 100 %, +100 points" in answer.err
    assert washtest("compare", *pair, "--fail-if-worse", 100).code == 0
    assert washtest("compare", *reversed(pair), "--fail-if-worse", 5).code == 0
    assert washtest("compare", pair[0], pair[0], "--fail-if-worse", 0).code == 0
    assert washtest("compare", *pair, "--fail-if-worse", 5, "--detector", "header").code == 0


def test_only_what_is_asked_for(washtest, pair) -> None:
    assert {row["subject"] for row in rows(washtest("compare", *pair, "--detector", "header").out)} == {"header"}
    assert {row["kind"] for row in rows(washtest("compare", *pair, "--label", "gb45438").out)} == {"label"}
    both = rows(washtest("compare", *pair, "--label", "gb45438", "--detector", BRIGHT).out)
    assert {row["subject"] for row in both} == {"gb45438:xmp", BRIGHT}


def test_json_holds_the_ledger_and_what_is_worse(washtest, pair) -> None:
    found = washtest("compare", *pair, "--format", "json", "--fail-if-worse", 5).json
    assert {row["measure"] for row in found["worse"]} == {"fnr", "auc"} and found["fail_if_worse"] == 5
    assert len(found["ledger"]) == 24 and {row["change"] for row in found["ledger"]} == {"worse"}
    assert found["ledger"][0]["before"] == "flagged" and found["ledger"][0]["score_before"] == 1.0
    assert next(row for row in found["comparison"] if row["measure"] == "auc")["turned_worse"] is None


def test_files_are_written_with_the_ledger(washtest, pair, tmp_path: Path) -> None:
    assert washtest("compare", *pair, "--out", tmp_path / "new" / "folder").code == 0
    ledger = list(csv.DictReader(io.StringIO((tmp_path / "new" / "folder" / "ledger.csv").read_text("utf-8"))))
    assert len(ledger) == 24 and {row["subject"] for row in ledger} == {BRIGHT}
    assert (tmp_path / "new" / "folder" / "comparison.csv").read_text("utf-8").startswith("kind,subject,")


@pytest.mark.parametrize(("kind", "begins"), [("csv", "kind,"), ("md", "Two runs"), ("html", "<table")])
def test_other_formats(washtest, pair, kind: str, begins: str) -> None:
    answer = washtest("compare", *pair, "--format", kind)
    assert answer.code == 0 and answer.out.startswith(begins)
    if kind == "html":
        HTMLParser().feed(answer.out)


def test_detectors_of_one_run_side_by_side(washtest, pair) -> None:
    answer = washtest("compare", "--detectors", BRIGHT, "header", pair[0], "--baseline", "header")
    assert answer.code == 0
    first, second = answer.out.split("\n\n")
    assert [row["detector"] for row in rows(first)] == [BRIGHT, "header"]
    assert {(row["detector_a"], row["detector_b"]) for row in rows(second)} == {(BRIGHT, "header")}
    assert "each detector against header" in answer.err
    found = washtest("compare", "--detectors", pair[0], "--json").json
    assert len(found["detectors"]) == 3 and len(found["pairs"]) == 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["before"], "compare takes two runs, got 1"),
        (["before", "after", "after"], "compare takes two runs, got 3"),
        (["before", "nowhere"], "holds no run"),
        (["before", "after", "--detector", "brigth.py:score"], "Did you mean bright.py:score?"),
        (["before", "after", "--label", "c2pa"], "Available: gb45438"),
        (["before", "after", "--baseline", "header"], "--baseline compares detectors of one run"),
        (["--detectors", BRIGHT, "before"], "two detectors or more"),
        (["--detectors", "brigth.py:score", "header", "before"], "Did you mean bright.py:score?"),
        (["--detectors", "before", "--fail-if-worse", "5"], "compare two runs"),
    ],
)
def test_mistakes_are_one_line(washtest, runs: Path, arguments: list[str], says: str) -> None:
    folders = ("before", "after", "nowhere")
    answer = washtest("compare", *[runs / word if word in folders else word for word in arguments])
    assert answer.code == 2 and answer.out == ""
    assert says in answer.err and len(answer.err.splitlines()) == 1
