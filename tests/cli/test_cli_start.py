"""The command line itself: quick to start, documented, and helpful with what is mistyped."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bench import __version__
from bench.cli import cli

HEAVY = (
    "numpy",
    "cv2",
    "pandas",
    "matplotlib",
    "sklearn",
    "scipy",
    "PIL",
    "pyarrow",
    "skimage",
    "torch",
    "jinja2",
    "tqdm",
)


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        *(["list", kind] for kind in ("attacks", "platforms", "labels", "bundles", "detectors", "suites", "datasets")),
    ],
    ids=" ".join,
)
def test_answers_without_loading_anything_heavy(arguments: list[str], tools) -> None:
    code = (
        "import atexit, json, sys\n"
        f"sys.argv = ['washtest', *{arguments!r}]\n"
        f"atexit.register(lambda: print('LOADED', [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))\n"
        "from bench.__main__ import main\nmain()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tools.root)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr.strip() == "LOADED []"


#: What a list does without: workers, programs, temporary folders, digests of weights, checkpoints, the network.
NEEDLESS = ("multiprocessing", "subprocess", "tempfile", "asyncio", "hashlib", "zipfile", "pickletools", "http.client")
#: Answers of ``washtest list``, with what it started, what it read of weights, and what it loaded of the above.
WATCHED = f"""
import sys
found = []
def watch(event, arguments):
    name = str(arguments[0]) if arguments else ""
    if event in ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec"):
        found.append(f"{{event}} {{name}}")
    if event == "open" and name.endswith((".onnx", ".pth", ".bin", ".safetensors", ".pt")):
        found.append(f"read {{name}}")
sys.addaudithook(watch)
from bench.cli import cli
cli.main(sys.argv[1:], "washtest", standalone_mode=False)
print(found + [name for name in {NEEDLESS!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("kind", ["attacks", "platforms", "labels", "bundles", "detectors", "published", "suites"])
def test_list_starts_no_program_and_reads_no_weights(kind: str, tools, tmp_path: Path) -> None:
    # A program of every name that a list could wish to ask for its version.
    for name in ("cjpeg", "mozjpeg-cjpeg", "chromium"):
        (tmp_path / name).write_text("#!/bin/sh\necho mozjpeg version 4.1.5 >&2\n")
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"PYTHONPATH": str(tools.root), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "list", kind], capture_output=True, text=True, env=environment, timeout=60
    )
    assert (done.returncode, done.stderr.strip()) == (0, "[]"), done.stderr
    assert done.stdout.strip()


def test_version_is_the_packages(washtest) -> None:
    assert washtest("--version").out == f"washtest {__version__}\n"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_of_every_command_has_an_example_of_it(washtest, path: tuple[str, ...]) -> None:
    answer = washtest(*path, "--help")
    assert answer.code == 0
    assert "Example" in answer.out
    examples = [line.strip() for line in answer.out.partition("Example")[2].splitlines()]
    assert any(line.startswith(f"washtest {' '.join(path)}") for line in examples)
    first = ALL[path].help
    assert (first and first.splitlines()[0].endswith((".", ",", ":"))) or len(first.splitlines()[0]) > 20


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    unexplained = [p.opts for p in ALL[path].params if isinstance(p, click.Option) and not (p.help or p.show_default)]
    assert unexplained == []


def test_bare_command_shows_what_there_is(washtest) -> None:
    answer = washtest()
    assert answer.code == 2
    assert all(path[0] in answer.err for path in ALL)


#: What a person may get wrong: the arguments, and what the one line says.
MISTAKES = {
    "runn": "unknown command 'runn'. Did you mean run?",
    "dataset chek": "unknown command 'chek'. Did you mean check?",
    "run quik": "unknown suite 'quik'. Did you mean quick? Available: ",
    "run --dataset mni": "unknown data set 'mni'. Did you mean mini?",
    "run --attack Jpge": "unknown attack 'Jpge'. Did you mean Jpeg",
    "run --attack Jpeg(quality=0)": "quality must be in 1..100, got 0",
    "run --detector spectrm": "unknown detector 'spectrm'. Did you mean spectrum?",
    "run --bundle gb4538": "Did you mean gb45438?",
    "run --regime nativ": "unknown regime 'nativ'. Did you mean native?",
    "run --dataset {tmp}": "has no samples.csv; make one with: washtest dataset import",
    "run --dataset {file}": "is not a folder; a data set is a folder with a samples.csv",
    "run --dataset {tiny} --out {file}": "cannot be written",
    "tables {tmp}": "holds no run (no run.json); make one with: washtest run --out",
    "charts {tmp}": "holds no run",
    "report {tmp}": "holds no run",
    "attack Jpge {jpg} {tmp}/o.jpg": "unknown attack 'Jpge'",
    "attack Jpeg(qualty=5) {jpg} {tmp}/o.jpg": "unknown parameter of Jpeg 'qualty'. Did you mean quality?",
    "attack Jpeg {tmp}/none.jpg {tmp}/o.jpg": "E_MISSING",
    "attack Jpeg {text} {tmp}/o.jpg": "E_UNIDENTIFIED: not a known image",
    "attack Jpeg {jpg} {tmp}/o.png": "Jpeg(quality=90) gives image/jpeg; let OUT end in .jpg, not .png",
    "attack Jpeg {jpg} {tmp}/no/such/o.jpg": "cannot be written: No such file or directory",
    "label gb4538 {jpg} {tmp}/o.jpg": "unknown label 'gb4538'. Did you mean gb45438?",
    "label gb45438 {jpg} {tmp}/o.jpg --position iptc": "unknown position of gb45438 'iptc'. Available: xmp",
    "label gb45438 {jpg} {tmp}/o.jpg --claim {tmp}/none.json": "cannot be read as JSON",
    "label gb45438 {jpg} {tmp}/o.jpg --claim {text}": "cannot be read as JSON",
    "label gb45438 {bmp} {tmp}/o.bmp": "E_NOT_APPLICABLE",
    "detect spectrm {jpg}": "unknown detector 'spectrm'. Did you mean spectrum?",
    "detect spectrum {jpg}": "learns from a train split; name a run with --run",
    "detect spectrum {jpg} --run {tmp}": "holds no fitted spectrum",
    "detect {tmp}/none.py:score {jpg}": "no such file",
    "dataset check {tmp}": "has no samples.csv",
    "dataset twins nowhere": "unknown data set 'nowhere'",
    "dataset import {tmp}/none --truth ai --source x": "does not exist",
    "dataset import {tmp} --truth ai --source a/b": "source must be letters, digits",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_mistake_is_answered_in_one_line_with_exit_code_2(
    washtest, tmp_path: Path, tiny: Path, tools, command: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(tools.encode(tools.texture(1)))
    (tmp_path / "a.bmp").write_bytes(tools.encode(tools.texture(1), ".bmp"))
    (tmp_path / "a.txt").write_text("only text, nothing else in here")
    names = {
        "tmp": tmp_path,
        "tiny": tiny,
        "jpg": tmp_path / "a.jpg",
        "bmp": tmp_path / "a.bmp",
        "text": tmp_path / "a.txt",
    }
    answer = washtest(*(part.format(file=names["text"], **names) for part in command.split(" ")))
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("washtest: ")
    assert answer.err.count("\n") == 1
    assert MISTAKES[command] in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "attakcs"), "'attakcs' is not one of 'attacks'"),
        (("run", "--jbos", "2"), "--jobs"),
        (("run", "--jobs", "many"), "'many' is not a valid integer"),
        (("run", "--limit", "0"), "0 is not in the range"),
        (("attack", "Jpeg"), "Missing argument 'IN'"),
        (
            ("dataset", "import", "x", "--truth", "robot", "--source", "s"),
            "'robot' is not one of 'human', 'ai', 'ai_edited'",
        ),
    ],
)
def test_wrong_usage_shows_the_usage(washtest, arguments: tuple[str, ...], said: str) -> None:
    answer = washtest(*arguments)
    assert answer.code == 2
    assert said in answer.err
    assert "Usage: washtest" in answer.err


@pytest.mark.parametrize("kind", ["attacks", "labels", "bundles", "detectors", "suites", "datasets"])
def test_lists_have_the_same_keys_for_every_kind(washtest, kind: str) -> None:
    rows = washtest("list", kind, "--json").json
    assert rows
    for row in rows:
        assert list(row) == ["name", "family", "channel", "available", "install"]
        assert row["available"] is True or row["install"]
        assert row["name"]
    lines = washtest("list", kind).out.splitlines()
    assert lines[0].split("\t") == ["name", "family", "channel", "available", "install"]
    assert [line.split("\t")[0] for line in lines[1:]] == [row["name"] for row in rows]


def test_list_names_are_understood_again(washtest) -> None:
    from bench.harness import registry

    for row in washtest("list", "attacks", "--json").json:
        assert repr(registry.attack(row["name"])) == row["name"]
    for row in washtest("list", "detectors", "--json").json:
        assert registry.detector(row["name"]).info.name == row["name"]
    for row in washtest("list", "labels", "--json").json:
        assert registry.label(row["name"]).name == row["name"]


def test_doctor_says_what_is_here(washtest) -> None:
    answer = washtest("doctor", "--json")
    assert answer.code == 0
    rows = answer.json
    assert {row["kind"] for row in rows} == {"python", "package", "codec", "program", "re-export", "weights"}
    assert {"numpy", "opencv-python-headless", "pillow"} <= {
        row["name"] for row in rows if row["available"] and row["version"]
    }
    assert {row["name"] for row in rows if row["kind"] == "codec" and row["available"]} == {"JPEG", "PNG", "WebP"}
    assert all(row["install"] for row in rows if not row["available"])
    assert washtest("doctor").out.splitlines()[0].split("\t") == list(rows[0])


def test_doctor_fails_where_something_needed_is_missing(washtest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.harness.doctor.package_version", lambda *names: None)
    answer = washtest("doctor", "--json")
    assert answer.code == 1
    missing = next(row for row in answer.json if row["name"] == "numpy")
    assert (missing["available"], missing["install"]) == (False, "pip install numpy")


def test_reader_that_leaves_early_is_no_error(tools) -> None:
    environment = os.environ | {"PYTHONPATH": str(tools.root)}
    command = f"{sys.executable} -m bench list attacks --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=environment, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_error_of_the_system_is_one_line(washtest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer = washtest("run", "--dataset", "x" * 5000)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert json.dumps(answer.err)
