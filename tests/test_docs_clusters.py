"""Every command of docs/clusters.md is run as the page has it: by its shell first, then by washtest."""

import os
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import records
from bench.analysis.pipeline import render_tables

PAGE = (Path(__file__).resolve().parents[1] / "docs/clusters.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.S)
#: Instead of the suite's own: the smallest run that has all parts.
SMALL = ["--attack", "Jpeg(quality=60)", "--detector", "declared", "--bundle", "gb45438", "--regime", "native"]


def blocks(kind: str, having: str = "") -> list[str]:
    return [text for name, text in BLOCKS if name == kind and having in text]


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., list[list[str]]]:
    """Runs a script with a ``washtest`` that notes how it was called, and gives back these calls."""
    stub = tmp_path / "bin" / "washtest"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" > {shlex.quote(str(tmp_path))}/call-$$\n')
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)

    def play(script: str, **environment: str) -> list[list[str]]:
        path = f"{stub.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-eu", "-c", script], cwd=tmp_path, env=os.environ | {"PATH": path} | environment,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = [path.read_text().split("\0")[:-1] for path in tmp_path.glob("call-*")]
        for path in tmp_path.glob("call-*"):
            path.unlink()
        return sorted(found)

    return play


@pytest.fixture
def call(washtest, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """Runs a call of washtest in an empty folder on a small data set; pages and charts are left out."""
    monkeypatch.chdir(tmp_path)
    for module in ("runs", "merging"):
        monkeypatch.setattr(f"bench.cli.{module}.judged", lambda folder, say, illustrate=None: 0)

    def run(words: list[str]) -> None:
        if words[0] != "merge":
            words = [*words, "--dataset", str(tiny), *SMALL, "--jobs", "0" if words[0] == "run" else "1"]
        answer = washtest(*(word.replace("/tmp/bucket", f"{tmp_path}/bucket") for word in words))
        assert answer.code == 0, answer.err

    return run


def tables(*folders: str) -> list[dict[str, str]]:
    return [render_tables(Path(folder)) for folder in folders]


def shards(calls: list[list[str]]) -> list[str]:
    return sorted(words[words.index("--shard") + 1] for words in calls)


EVERY = ["1/4", "2/4", "3/4", "4/4"]


@pytest.mark.parametrize("program", ["xargs", "parallel"])
def test_lines_for_one_machine_start_every_shard(program: str, shell) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} on PATH")
    (block,) = blocks("sh", program)
    calls = shell(block)
    assert shards(calls) == EVERY
    assert [words[-1] for words in calls] == [f"runs/part-{i}" for i in (1, 2, 3, 4)]


def test_slurm_script_and_merge_give_the_run(shell, call, tiny: Path) -> None:
    (script,) = blocks("bash", "SBATCH")
    jobs = [shell(script, SLURM_ARRAY_TASK_ID=str(i), SLURM_CPUS_PER_TASK="2") for i in (1, 2, 3, 4)]
    calls = [words for job in jobs for words in job]
    assert shards(calls) == EVERY
    for words in calls:
        call(words)
    (merge,) = blocks("sh", "merge runs/part-1")
    call(shell(merge)[0])
    call(["run", "quick", "--out", "runs/one"])
    whole, one = tables("runs/whole", "runs/one")
    assert whole == one
    assert records.read_header(Path("runs/whole"))["finished"]


def test_slurm_lines_are_valid_and_merge_what_the_array_writes(shell) -> None:
    (submit,) = blocks("slurm")
    subprocess.run(["bash", "-n", "-c", submit], check=True, timeout=20)
    (wrapped,) = re.findall(r"--wrap '(.*?)'", submit)
    room = "mkdir -p runs/part-1 runs/part-2\n"
    assert shell(room + wrapped) == [["merge", "runs/part-1", "runs/part-2", "--out", "runs/whole"]]
    if shutil.which("sbatch"):
        options = subprocess.run(["sbatch", "--help"], capture_output=True, text=True, timeout=20).stdout
        assert all(name in options for name in re.findall(r"--(?:parsable|dependency|wrap)", submit))


def test_snakefile_starts_every_shard_and_merges(shell, tmp_path: Path) -> None:
    (snakefile,) = blocks("python", "# Snakefile")
    if shutil.which("snakemake"):
        (tmp_path / "Snakefile").write_text(snakefile)
        (command,) = blocks("snakemake")
        said = subprocess.run([*shlex.split(command), "--dry-run", "--printshellcmds"], cwd=tmp_path, text=True,
                              capture_output=True, timeout=60)  # fmt: skip
        assert said.returncode == 0, said.stderr
        lines = [line.strip() for line in said.stdout.splitlines() if line.strip().startswith("washtest ")]
        assert shards([shlex.split(line) for line in lines if "--shard" in line]) == EVERY
    merge, part = re.findall(r'shell: "(.*)"', snakefile)
    reports = " ".join(f"runs/part-{i}/report.html" for i in (1, 2))
    assert shell(merge.format(input=reports)) == [["merge", "runs/part-1", "runs/part-2", "--out", "runs/whole"]]
    line = part.replace("{wildcards.i}", "3").format(threads=2)
    assert shards(shell(line)) == ["3/4"]


def test_single_shard_and_plan_run(shell, call) -> None:
    for having in ("--shard 2/8", "washtest plan"):
        (block,) = blocks("sh", having)
        (words,) = shell(block)
        call(words)


def test_copies_at_urls_are_merged(shell, call) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    (block,) = blocks("sh", "--mirror")
    (words,) = shell(block)
    call(words)
    call([word.replace("1/2", "2/2").replace("part-1", "part-2") for word in words])
    (merge,) = blocks("sh", "bucket/part-*'")
    call(shell(merge)[0])
    call(["run", "quick", "--out", "runs/one"])
    whole, one = tables("runs/whole", "runs/one")
    assert whole == one


def test_ray_lines_have_options_that_ray_knows() -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    (block,) = blocks("ray")
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    assert {word for word in shlex.split(block) if word.startswith("--")} <= known
