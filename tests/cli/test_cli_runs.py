"""The main job from the command line: records, tables, charts and report, exit codes, interruption."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import records

ARGUMENTS = (
    "--attack",
    "Jpeg(quality=60)",
    "--attack",
    "Blur",
    "--detector",
    "declared",
    "--detector",
    "header",
    "--jobs",
    "2",
)


def start(tools, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """The command in a process and a session of its own."""
    environment = os.environ | {"PYTHONPATH": str(tools.root)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "bench", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def first(tiny: Path, tools, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str, str]:
    """A run from the command line: its folder, exit code, output and errors; not to be changed."""
    out = tmp_path_factory.mktemp("cli") / "run"
    process = start(tools, "run", "quick", "--dataset", tiny, "--out", out, *ARGUMENTS)
    said, errors = process.communicate(timeout=120)
    return out, process.returncode, said, errors


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_run_ends_with_tables_charts_and_the_report(first) -> None:
    out, code, said, errors = first
    assert code == 0, errors
    assert "Traceback" not in errors
    assert said.splitlines() == [
        f"report\t{out / 'report.html'}",
        f"tables\t{out / 'tables'}",
        f"charts\t{out / 'charts'}",
    ]
    assert (out / "report.html").stat().st_size > 10_000
    assert {"label_survival", "detector_errors", "coverage", "failures"} <= {
        p.stem for p in (out / "tables").glob("*.csv")
    }
    assert {p.suffix for p in (out / "charts").iterdir()} == {".svg", ".png"}
    assert rows(out / "tables" / "failures.csv") == []


def test_tables_say_what_recompression_does(first) -> None:
    survival = {(r["label"], r["attack"], r["mime"]): r for r in rows(first[0] / "tables" / "label_survival.csv")}
    for (_, attack, _), row in survival.items():
        assert float(row["survived_rate"]) == (1 if attack == "Identity()" else 0)
    done = [r for r in rows(first[0] / "tables" / "coverage.csv")]
    assert done
    assert all(
        int(r["done"]) == int(r["planned"]) - int(r["error"]) - int(r["unavailable"]) - int(r["not_applicable"])
        for r in done
    )


def test_records_hold_the_command_without_this_machines_paths(first, tools) -> None:
    header = records.read_header(first[0])
    assert header["command"].startswith("washtest run quick --dataset ")
    assert sys.executable not in str(header)


def test_same_command_again_measures_nothing(first, tiny: Path, washtest) -> None:
    out = first[0]
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("*") if p.is_file()}
    answer = washtest("run", "quick", "--dataset", tiny, "--out", out, *ARGUMENTS, "--quiet")
    assert answer.code == 0
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("*") if p.is_file()} == before


def test_other_settings_in_the_same_folder_are_refused(first, tiny: Path, washtest) -> None:
    answer = washtest("run", "quick", "--dataset", tiny, "--out", first[0], "--seed", 5, "--quiet")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "holds a run with other settings" in answer.err


def test_tables_are_made_again_from_the_records(first, washtest) -> None:
    out = first[0]
    before = (out / "tables" / "label_survival.csv").read_bytes()
    (out / "tables" / "label_survival.csv").write_text("changed by hand")
    answer = washtest("tables", out)
    assert answer.code == 0
    assert str(out / "tables" / "label_survival.csv") in answer.out.splitlines()
    assert (out / "tables" / "label_survival.csv").read_bytes() == before


@pytest.mark.parametrize(("kind", "begins"), [("csv", "label,"), ("md", "|"), ("latex", "\\begin"), ("html", "<table")])
def test_tables_are_printed_in_every_format(first, washtest, kind: str, begins: str) -> None:
    answer = washtest("tables", first[0], "--format", kind, "--only", "label_survival", "--print")
    assert answer.code == 0
    assert begins in answer.out
    assert "gb45438" in answer.out or "gb\\_" in answer.out


def test_unknown_table_and_chart_are_answered_with_what_is_near(first, washtest) -> None:
    answer = washtest("tables", first[0], "--only", "label_survivl")
    assert answer.code == 2
    assert "unknown table 'label_survivl'. Did you mean label_survival" in answer.err
    answer = washtest("charts", first[0], "--only", "severty")
    assert answer.code == 2
    assert "Did you mean severity" in answer.err
    assert answer.err.count("\n") == 1


def test_a_chart_asked_for_that_the_run_has_nothing_for_is_named(first, washtest) -> None:
    answer = washtest("charts", first[0], "--only", "controls", "--only", "label_survival", "--format", "svg")
    assert (answer.code, answer.err) == (0, "note: controls is not drawn: this run has nothing for it\n")


def test_charts_and_report_are_made_again(first, washtest, tmp_path: Path) -> None:
    out = first[0]
    answer = washtest("charts", out, "--only", "label_survival", "--format", "svg")
    assert answer.code == 0
    assert answer.out.splitlines()
    assert all(Path(line).suffix == ".svg" and Path(line).is_file() for line in answer.out.splitlines())
    (out / "report.html").unlink()
    answer = washtest("report", out)
    assert answer.out.strip() == str(out / "report.html")
    assert (out / "report.html").is_file()


def test_models_of_a_run_score_any_file(first, tiny: Path, washtest) -> None:
    answer = washtest("detect", "header", tiny / "files" / "human-00.jpg", "--run", first[0], "--json")
    assert answer.code == 0
    assert 0 <= answer.json[0]["value"] <= 1


def test_failed_cells_are_named_and_exit_code_is_1(tiny_copy: Path, tools, washtest, tmp_path: Path) -> None:
    victim = next(row for row in tools.read_rows(tiny_copy) if row["split"] == "test")
    (tiny_copy / victim["path"]).unlink()
    out = tmp_path / "run"
    arguments = ("run", "quick", "--dataset", tiny_copy, "--out", out, *ARGUMENTS, "--regime", "native", "--quiet")
    answer = washtest(*arguments)
    assert answer.code == 1
    assert f"see {out / 'tables' / 'failures.csv'}" in answer.err
    failures = rows(out / "tables" / "failures.csv")
    assert {r["code"] for r in failures} == {"E_MISSING"}
    assert victim["id"] in {r["sample"] for r in failures}
    assert str(tmp_path) not in (out / "tables" / "failures.csv").read_text("utf-8")
    assert washtest(*arguments).code == 1  # and again, when nothing is left to measure


def test_leak_is_refused_before_anything_is_written(tiny_copy: Path, tools, washtest, tmp_path: Path) -> None:
    table = tools.read_rows(tiny_copy)
    table[-2]["sha256"] = table[0]["sha256"]
    tools.write_rows(tiny_copy, table)
    answer = washtest("run", "quick", "--dataset", tiny_copy, "--out", tmp_path / "run", "--quiet")
    assert answer.code == 2
    assert table[0]["id"] in answer.err and table[-2]["id"] in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_default_folder_is_named_after_suite_and_data_set(
    tiny_copy: Path, washtest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tiny_copy / "dataset.toml").write_text('name = "../../else where"\n')
    suite = tmp_path / "my.toml"
    suite.write_text("attacks = ['Png']\ndetectors = ['declared']\nregimes = ['native']\n")
    work = tmp_path / "a" / "b" / "c"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    assert washtest("run", suite, "--dataset", tiny_copy, "--jobs", 0, "--quiet").code == 0
    assert [path.name for path in work.iterdir()] == ["runs"]
    assert [path.name for path in (work / "runs").iterdir()] == ["my-.._.._else_where"]
    # What the command line changes is another run and lies elsewhere; the same command finds it again.
    for _ in range(2):
        assert washtest("run", suite, "--dataset", tiny_copy, "--jobs", 0, "--quiet", "--seed", 3).code == 0
    assert len(list((work / "runs").iterdir())) == 2


SLOW = """
import time

def score(paths):
    time.sleep(0.1)
    return [0.5] * len(paths)
"""


def test_interrupted_run_exits_with_130_and_the_same_command_finishes_it(tiny: Path, tools, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    out = tmp_path / "run"
    arguments = (
        "run",
        "quick",
        "--dataset",
        tiny,
        "--out",
        out,
        "--attack",
        "Png",
        "--detector",
        f"{tmp_path}/slow.py:score",
        "--jobs",
        2,
    )
    process = start(tools, *arguments)
    assert process.stderr is not None
    seen = ""
    deadline = time.monotonic() + 60
    while "1/11" not in seen and "2/11" not in seen and time.monotonic() < deadline:
        seen += os.read(process.stderr.fileno(), 1000).decode()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"washtest: interrupted; the same command goes on where {out} stopped" in errors
    assert "Traceback" not in seen + errors
    done = tools.records(out).views["sample"].nunique()
    assert done >= 1
    process = start(tools, *arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert tools.records(out).views["sample"].nunique() == 11


def test_second_run_on_the_folder_waits_for_nobody(tiny: Path, tools, washtest, tmp_path: Path) -> None:
    from bench.harness.store import Store

    with Store(tmp_path / "run"):
        answer = washtest("run", "quick", "--dataset", tiny, "--out", tmp_path / "run", "--quiet")
    assert answer.code == 2
    assert "is being written by another run" in answer.err
