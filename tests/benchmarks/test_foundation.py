"""Speed and memory of the main job: the harness, its workers, its memory, its start and its resuming."""

from __future__ import annotations

import csv
import gc
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest
from tests.benchmarks.figures import ROOT, in_turns, ratio

pytestmark = pytest.mark.bench

WASHTEST = [sys.executable, "-m", "bench"]
#: Byte code is kept, as on the machines of people: without it every start compiles everything.
USUAL = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def start(command: list[str], **options: object) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=USUAL, **options)


def used(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MiB of a command with all its workers (the peak of the largest of them)."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=USUAL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def test_harness_adds_little_to_the_bare_kernels(figure, tmp_path: Path) -> None:
    """``run_plan`` in this process against the sum of what it must call: decode, label, attack, quality, read, score."""
    import cv2

    from bench.harness.engines.local import LocalEngine
    from bench.harness.measure import claim_for
    from bench.harness.plan import generator_for, load_suite, make_plan
    from bench.harness.quality import psnr, ssim
    from bench.harness.regimes import in_regime
    from bench.harness.run import Progress, run_plan
    from bench.harness.samples import find_dataset, load_dataset
    from bench.harness.training import fit_all
    from bench.labels import write_bundle
    from bench.media import Media

    cv2.setNumThreads(1)
    suite = load_suite("quick")
    plan = make_plan(suite, load_dataset(find_dataset("mini")))
    silent = Progress(lambda t: None, lambda n, d: None, lambda v, e: None, lambda: None)
    ready, shutil_target = tmp_path / "fitted", tmp_path / "run"
    # Fitted models are kept with the run: both sides start from them.
    fitted = fit_all(plan, ready, LocalEngine(0), lambda text: None)

    def harness() -> None:
        shutil.rmtree(shutil_target, ignore_errors=True)
        shutil.copytree(ready, shutil_target)
        run_plan(plan, shutil_target, LocalEngine(0), silent, "bench")

    def bare() -> None:
        for task in plan.tasks:
            media = Media.from_bytes(task.sample.path.read_bytes())
            media.pixels()
            claim, made = claim_for(task.sample), {}
            for view in task.views:
                place = (view.regime, view.bundle)
                labels = suite.read_in(view.bundle)
                if place not in made:
                    base = in_regime(media, view.regime)
                    written = view.bundle != "none" and labels
                    made[place] = base, (base.spliced(write_bundle(base, labels, claim).data) if written else base)
                base, labelled = made[place]
                attack = suite.attacks[view.attack]
                attacked = attack(labelled, generator_for(suite.seed, media.sha256, repr(attack)))
                clean, shown = base.pixels(), attacked.pixels()
                if shown.shape == clean.shape:
                    psnr(clean, shown)
                    ssim(clean, shown)
                for label in labels:
                    label.read(attacked)
                for detector in fitted[view.regime].detectors if view.scored else ():
                    detector.score([attacked])

    gc.collect()
    spent = in_turns({"harness": harness, "bare": bare}, 3)
    figure("serial harness / bare kernels, CPU", ratio(spent, "harness", "bare"), "<= 1.05")


def test_two_workers_against_one(figure, tmp_path: Path) -> None:
    """The whole command, start-up and report included, on 60 pictures and more; then the measuring alone."""
    data = _many(tmp_path / "data", 96)
    whole: dict[int, list[tuple[float, float, float]]] = {1: [], 2: []}
    alone: dict[int, list[float]] = {1: [], 2: []}
    for number in range(3):
        for jobs in (1, 2):
            out = tmp_path / f"{number}-{jobs}"
            options = ["--dataset", str(data), "--out", str(out), "--jobs", str(jobs), "-q", "--no-report"]
            whole[jobs].append(used([*WASHTEST, "run", "quick", *options]))
            alone[jobs].append(_measuring(tmp_path / f"alone-{number}-{jobs}", data, jobs))
            shutil.rmtree(out)
    walls, processors = ([b[i] / a[i] for a, b in zip(whole[1], whole[2], strict=True)] for i in (0, 1))
    inner = median(b / a for a, b in zip(alone[1], alone[2], strict=True))
    figure("two workers / one, wall of measuring", inner, "<= 0.6")
    figure("two workers / one, wall with start-up", median(walls), "<= 0.65")
    figure("two workers / one, CPU", median(processors), "<= 1.08")


def _measuring(out: Path, data: Path, jobs: int) -> float:
    """Wall seconds of fitting and measuring, without the start-up that one process does anyway."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from bench.harness.engines.local import LocalEngine, pin_threads; pin_threads()\n"
        "from bench.harness.plan import load_suite, make_plan\n"
        "from bench.harness.run import Progress, run_plan\n"
        "from bench.harness.samples import load_dataset\n"
        "import numpy, cv2, pyarrow.parquet\n"
        "plan = make_plan(load_suite('quick'), load_dataset(Path(sys.argv[3])))\n"
        "silent = Progress(lambda t: None, lambda n, d: None, lambda v, e: None, lambda: None)\n"
        "start = time.perf_counter()\n"
        "run_plan(plan, Path(sys.argv[1]), LocalEngine(int(sys.argv[2])), silent, 'bench')\n"
        "print(time.perf_counter() - start)\n"
    )
    command = [sys.executable, "-c", code, str(out), str(jobs), str(data)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=USUAL)
    return float(done.stdout)


def test_memory_does_not_grow_with_the_number_of_samples(figure, tmp_path: Path) -> None:
    peaks = {}
    for n in (200, 2000):
        data = _many(tmp_path / f"data{n}", n)
        options = ["--dataset", str(data), "--out", str(tmp_path / f"run{n}"), "-q", "--no-report"]
        peaks[n] = used([*WASHTEST, "run", "quick", *options])[2]
    said = f"{peaks[200]:.0f} and {peaks[2000]:.0f} MiB"
    figure("peak memory at 2,000 samples / at 200", peaks[2000] / peaks[200], "<= 1.1", said)


def _many(folder: Path, n: int) -> Path:
    """A data set of n rows on the files of mini, each row its own sample; all in the test split but a few."""
    mini = ROOT / "datasets" / "mini"
    with (mini / "samples.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["truth"] != "ai_edited"]
    (folder / "files").mkdir(parents=True)
    with (folder / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path", "truth", "source", "family", "split"])
        for i in range(n):
            row = rows[i % len(rows)]
            name = f"files/{i}{Path(row['path']).suffix}"
            shutil.copyfile(mini / row["path"], folder / name)
            split = row["split"] if i < len(rows) and row["split"] != "test" else "test"
            writer.writerow([f"s{i}", name, row["truth"], row["source"], f"f{i}", split])
    return folder


@pytest.mark.parametrize("arguments", ["--help", "--version", "list attacks", "list detectors"])
def test_start_up(arguments: str, figure) -> None:
    """Nothing heavy is loaded: ``tests/cli/test_cli_start.py`` holds every command to that."""
    works = {
        "bare": lambda: start([sys.executable, "-c", "pass"]),
        "ours": lambda: start([*WASHTEST, *arguments.split()]),
    }
    spent = in_turns(works, 15, time.perf_counter)
    figure(f"washtest {arguments} / python -c pass, wall", ratio(spent, "ours", "bare"), "<= 5")
