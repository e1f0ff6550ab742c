"""Programs as detectors: CSV in, CSV out, and every way in which a program can fail."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bench.detectors.base import Detector, _asked, ask
from bench.harness import registry
from bench.media import Media

HEAD = """
import csv, os, sys
rows = list(csv.DictReader(open(sys.argv[1]) if len(sys.argv) > 1 else sys.stdin))
out = open(sys.argv[2], "w") if len(sys.argv) > 2 else sys.stdout
"""
SIZES = (
    HEAD
    + """
print("id,score", file=out)
for row in rows:
    print(f"{row['id']},{os.path.getsize(row['path'])}", file=out)
"""
)


@pytest.fixture
def program(tmp_path: Path):
    """A card for a Python program; returns the detector."""

    def make(code: str, more: str = "", arguments: tuple[str, ...] = ()) -> Detector:
        (tmp_path / "score.py").write_text(code)
        command = json.dumps([sys.executable, "score.py", *arguments])
        (tmp_path / "card.toml").write_text(
            f'name = "mine"\nversion = "1"\nlicence = "MIT"\nbatch = 8\ncommand = {command}\n{more}'
        )
        return registry.detector(str(tmp_path / "card.toml"))

    return make


@pytest.fixture(scope="module")
def files(tools) -> list[Media]:
    return [Media.from_bytes(tools.encode(tools.texture(n), e)) for n, e in enumerate((".jpg", ".png", ".webp"))]


@pytest.mark.parametrize("arguments", [(), ("{in}",), ("{in}", "{out}")], ids=["streams", "in", "in and out"])
def test_program_scores_what_it_is_given(program, files: list[Media], arguments: tuple[str, ...]) -> None:
    scores = program(SIZES, arguments=arguments).score(files)
    assert [score.value for score in scores] == [len(file.data) for file in files]


def test_program_sees_its_folder_and_its_environment(program, files: list[Media], tmp_path: Path) -> None:
    (tmp_path / "weights.txt").write_text("0.75")
    code = (
        HEAD
        + """
print("id,score")
for row in rows:
    print(row["id"], float(open("weights.txt").read()) + float(os.environ["PLUS"]), sep=",")
"""
    )
    assert [score.value for score in program(code, 'env = {PLUS = "0.125"}').score(files)] == [0.875] * 3


def test_chatter_columns_and_statuses(program, files: list[Media]) -> None:
    code = """
print("loading, please wait")
print("ID, model, Score, status")
print("000001, m, 0.5,")
print()
print("000000, m, , abstain")
print("000002, m, 0.25, failed: no face")
"""
    scores = program(code).score(files)
    assert [(s.value, s.status, s.code) for s in scores] == [
        (None, "abstain", ""), (0.5, "ok", ""), (None, "error", "E_REPORTED"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "codes"),
    [
        ("print('id,score\\n000000,0.5')", ["", "E_NO_SCORE", "E_NO_SCORE"]),
        ("print('id,score\\n000000,0.5\\n000000,0.5\\n000001,1')", ["E_DUPLICATE_ID", "", "E_NO_SCORE"]),
        ("print('id,score\\n0,0.5\\n000001,1\\n000002,2')", ["E_UNKNOWN_ID", "", ""]),
        ("print('id,score\\n000000,nan\\n000001,a\\n000002,')", ["E_NOT_FINITE", "E_NOT_A_NUMBER", "E_NOT_A_NUMBER"]),
        ("print('id,score\\n000000,0,5\\n000001\\n000002,inf')", ["E_OUTPUT", "E_OUTPUT", "E_NOT_FINITE"]),
        ("print('path,score')", ["E_OUTPUT"] * 3),
        ("pass", ["E_OUTPUT"] * 3),
        ("import sys; sys.stdout.buffer.write(bytes(range(256)) * 9)", ["E_OUTPUT"] * 3),
        ("print('x' * 5_000_000)", ["E_OUTPUT"] * 3),
        ("import sys; sys.exit(3)", ["E_EXIT"] * 3),
        ("1 / 0", ["E_EXIT"] * 3),
        ("raise MemoryError", ["E_MEMORY"] * 3),
        ("import os; os.kill(os.getpid(), 9)", ["E_EXIT"] * 3),
    ],
)  # fmt: skip
def test_program_that_fails_gives_errors_and_never_a_verdict(
    program, files: list[Media], code: str, codes: list[str]
) -> None:
    found = _asked(program(code), files)  # without the second question to each file alone
    assert [s.code for s in found] == codes
    assert all((s.status == "ok") == (s.value is not None) == (s.code == "") for s in found)


def test_failure_says_how_it_ended_and_its_last_line(program, files: list[Media]) -> None:
    (score,) = ask(program("import sys\nraise ValueError('no face in ' + 'x')"), files[:1])
    assert score.detail == "ended with code 1: ValueError: no face in x"
    (score,) = ask(program("import os; os.kill(os.getpid(), 9)"), files[:1])
    assert score.detail == "was ended by signal 9: without a word"
    (score,) = ask(program(HEAD + "raise ValueError(rows[0]['path'])"), files[:1])
    assert score.detail == "ended with code 1: ValueError: 000000.jpg"  # no private folder in it


def test_one_bad_file_costs_no_other_its_verdict(program, files: list[Media]) -> None:
    code = SIZES.replace("for row in rows:", "for row in rows:\n    assert not row['path'].endswith('png'), 'png'")
    scores = ask(program(code), files)
    assert [s.code for s in scores] == ["", "E_EXIT", ""]
    assert scores[2].value == len(files[2].data)


def test_hanging_program_is_cut_off_with_all_it_started(program, files: list[Media], tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    start = time.monotonic()
    (score,) = ask(program(code, "timeout = 0.8"), files[:1])
    assert (score.status, score.code, score.detail) == ("error", "E_TIMEOUT", "ran longer than 0.8 s")
    assert time.monotonic() - start < 5
    child = int((tmp_path / "child").read_text())
    for _ in range(50):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        if "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            break
        time.sleep(0.02)
    else:
        os.kill(child, signal.SIGKILL)
        raise AssertionError("what the program started is still running")


def test_program_that_hangs_every_time_is_not_asked_about_every_file(program, files: list[Media]) -> None:
    start = time.monotonic()
    scores = ask(program("import time; time.sleep(60)", "timeout = 0.3"), files * 4)
    assert [s.code for s in scores] == ["E_TIMEOUT"] * 12
    assert time.monotonic() - start < 4  # the batch and two files


def test_missing_program_is_unavailable(tmp_path: Path, files: list[Media]) -> None:
    card = tmp_path / "card.toml"
    about = 'name = "mine"\nversion = "1"\nlicence = "MIT"\n'
    for command, more, detail in (
        ("no-such-program", "", "no-such-program is not found; install no-such-program"),
        ("./score.sh", "", "./score.sh is not found; install ./score.sh"),
        ("sh", 'cwd = "nowhere"', "sh is not found; make the folder nowhere"),
    ):
        card.write_text(f'{about}command = ["{command}"]\n{more}\n')
        detector = registry.detector(str(card))
        (score,) = ask(detector, files[:1])
        assert (score.status, score.code, score.detail) == ("unavailable", "E_PROGRAM_MISSING", detail)
        assert detector.missing()


def test_file_that_is_no_program_is_coded(tmp_path: Path, files: list[Media]) -> None:
    script = tmp_path / "score.sh"
    script.write_text("no interpreter named")
    script.chmod(0o755)
    card = tmp_path / "card.toml"
    card.write_text('name = "mine"\nversion = "1"\nlicence = "MIT"\ncommand = ["./score.sh"]\n')
    (score,) = ask(registry.detector(str(card)), files[:1])
    assert (score.status, score.code) == ("error", "E_START")
