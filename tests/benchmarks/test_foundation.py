"""Speed and memory of the main job, as ratios measured in one run; printed, and held against their targets.

Run with ``make bench``. Not part of the test run: a shared machine's noise is no reason for a red build.
"""

from __future__ import annotations

import gc
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.bench

ROOT = Path(__file__).resolve().parents[2]
WASHTEST = [sys.executable, "-m", "bench"]


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n  {text}")


def wall(command: list[str], repeats: int = 1, **options: object) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, **options)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def test_harness_adds_little_to_the_bare_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    """All of ``measure`` against the sum of what it must call: decode, label, attack, quality, read, score."""
    import cv2
    import numpy as np

    from bench.harness.measure import Bench, claim_for, measure
    from bench.harness.plan import load_suite, make_plan
    from bench.harness.quality import psnr, ssim
    from bench.harness.regimes import in_regime
    from bench.harness.samples import find_dataset, load_dataset
    from bench.labels import write_bundle
    from bench.media import Media

    cv2.setNumThreads(1)
    suite = load_suite("quick")
    plan = make_plan(suite, load_dataset(find_dataset("mini")))
    tasks = [task for task in plan.tasks if task.sample.split == "test" and task.sample.truth == "ai"][:8]
    detectors = _fitted(suite.detectors)
    bench = Bench("bench", suite, dict.fromkeys(suite.regimes, detectors))

    def harness() -> None:
        for task in tasks:
            measure(bench, task)

    def bare() -> None:
        for task in tasks:
            media = Media.from_bytes(task.sample.path.read_bytes())
            media.pixels()
            claim = claim_for(task.sample)
            for regime in suite.regimes:
                base = in_regime(media, regime)
                clean = base.pixels()
                labelled = base.spliced(write_bundle(base, suite.labels, claim).data)
                for attack in suite.attacks:
                    attacked = attack(labelled, np.random.default_rng(0))
                    shown = attacked.pixels()
                    if shown.shape == clean.shape:
                        psnr(clean, shown)
                        ssim(clean, shown)
                    for label in suite.labels:
                        label.read(attacked)
                    for detector in detectors:
                        detector.score([attacked])

    ratios = []
    harness(), bare()
    for _ in range(7):
        gc.collect()
        times = []
        for function in (harness, bare):
            start = time.process_time()
            function()
            times.append(time.process_time() - start)
        ratios.append(times[0] / times[1])
    ratio = statistics.median(ratios)
    say(capsys, f"harness / bare kernels, CPU: {ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    assert ratio <= 1.10


def _fitted(detectors: tuple[object, ...]) -> tuple[object, ...]:
    from bench.checks import _fitted as fit

    return tuple(fit(detector) for detector in detectors)


def test_two_processes_against_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ratios = []
    for i in range(3):
        one, two = (_measuring_time(tmp_path / f"{i}-{jobs}", jobs) for jobs in (1, 2))
        ratios.append(one / two)
    ratio = statistics.median(ratios)
    say(capsys, f"one process / two processes, wall of the measuring part: {ratio:.2f}")
    assert ratio >= 1.7


def _measuring_time(out: Path, jobs: int) -> float:
    """Wall seconds of fitting and measuring, without the start-up and the charts that one process does anyway."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from bench.harness.engines.local import LocalEngine, pin_threads; pin_threads()\n"
        "from bench.harness.plan import load_suite, make_plan\n"
        "from bench.harness.run import Progress, run_plan\n"
        "from bench.harness.samples import find_dataset, load_dataset\n"
        "import numpy, cv2, pyarrow.parquet\n"
        "plan = make_plan(load_suite('quick'), load_dataset(find_dataset('mini')))\n"
        "silent = Progress(lambda t: None, lambda n, d: None, lambda v, e: None, lambda: None)\n"
        "start = time.perf_counter()\n"
        "run_plan(plan, Path(sys.argv[1]), LocalEngine(int(sys.argv[2])), silent, 'bench')\n"
        "print(time.perf_counter() - start)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(out), str(jobs)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return float(done.stdout)


def test_memory_does_not_grow_with_the_number_of_samples(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    peaks = {}
    for n in (100, 1000):
        data = _many(tmp_path / f"data{n}", n)
        command = [*WASHTEST, "run", "quick", "--dataset", str(data), "--out", str(tmp_path / f"run{n}"), "-q"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)  # the largest of the process and its workers
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks[n] = usage.ru_maxrss / 1024
    ratio = peaks[1000] / peaks[100]
    say(
        capsys,
        f"peak memory, MB: {peaks[100]:.0f} at 100 samples, {peaks[1000]:.0f} at 1000 ({ratio:.2f})",
    )
    assert ratio <= 1.10


def _many(folder: Path, n: int) -> Path:
    """A data set of n rows on the files of mini, each row its own sample; all in the test split but a few."""
    import csv

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


def test_a_finished_run_resumes_quickly(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = [*WASHTEST, "run", "quick", "--out", str(tmp_path / "run"), "-q"]
    first = wall(command)
    again = wall(command, repeats=3)
    say(capsys, f"quick on mini: {first:.1f} s; again, finished: {again:.2f} s")
    assert again <= 2.0


@pytest.mark.parametrize(
    "arguments", ["--help", "--version", "list attacks", "list suites", "list detectors", "list labels"]
)
def test_start_up(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    ratios = []
    wall([*WASHTEST, *arguments.split()], env=environment)
    for _ in range(9):
        bare = wall([sys.executable, "-c", "pass"], repeats=3, env=environment)
        ratios.append(wall([*WASHTEST, *arguments.split()], repeats=3, env=environment) / bare)
    ratio = statistics.median(ratios)
    say(capsys, f"washtest {arguments} / python -c pass: {ratio:.1f}")
    assert ratio <= 5
