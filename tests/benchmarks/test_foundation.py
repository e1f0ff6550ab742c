"""Speed and memory of the main job: the harness, its workers, its memory, its start and its resuming."""

from __future__ import annotations

import csv
import gc
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.figures import PEAK, ROOT, in_turns, ratio

pytestmark = pytest.mark.bench

WASHTEST = [sys.executable, "-m", "bench"]
#: Byte code is kept, as on the machines of people: without it every start compiles everything.
USUAL = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def start(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=USUAL)


def test_harness_adds_little_to_the_bare_kernels(figure, tmp_path: Path) -> None:
    """``run_plan`` in this process against what it must call: decode, label, attack, quality, read, score."""
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
    plan = replace(plan, tasks=plan.tasks[2::6])
    silent = Progress(lambda t: None, lambda n, d: None, lambda v, e: None, lambda: None)
    ready, target = tmp_path / "fitted", tmp_path / "run"
    # Fitted models are kept with the run: both sides start from them.
    fitted = fit_all(plan, ready, LocalEngine(0), lambda text: None)

    def harness() -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(ready, target)
        run_plan(plan, target, LocalEngine(0), silent, "bench")

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


#: Runs a suite without judging it, then once more where nothing is left to do: arguments are the data set, the folder,
#: the number of workers and how much of the suite. Prints wall seconds of both, and the number of records.
MEASURE = """
import sys, time
from pathlib import Path
from bench.harness.engines.local import LocalEngine, pin_threads
pin_threads()
import cv2, numpy, pyarrow.parquet as parquet
from bench.harness.plan import adjusted, load_suite, make_plan
from bench.harness.run import Progress, run_plan
from bench.harness.samples import load_dataset

silent = Progress(lambda t: None, lambda n, d: None, lambda v, e: None, lambda: None)
data, out, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
few = {"attacks": ["Jpeg(quality=75)"], "detectors": ["declared", "header", "spectrum"]}
times = []
for _ in range(2):
    start = time.perf_counter()
    plan = make_plan(adjusted(load_suite("quick"), **(few if sys.argv[4] == "few" else {})), load_dataset(data))
    run_plan(plan, out, LocalEngine(jobs), silent, "bench")
    times.append(time.perf_counter() - start)
shards = (out / "records").rglob("*.parquet")
records = sum(parquet.read_metadata(path).num_rows for path in shards)
"""


@dataclass(frozen=True)
class Measured:
    """What a run of ``MEASURE`` took: seconds, MiB (of the largest process), its records, its exit code."""

    wall: float
    processor: float
    inner: float
    again: float
    records: float
    peak: float
    code: int


def measured(data: Path, out: Path, jobs: int, suite: str = "whole") -> Measured:
    begun = time.perf_counter()
    code = MEASURE + PEAK + "print(*times, records, peak)"
    command = [sys.executable, "-c", code, str(data), str(out), str(jobs), suite]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=USUAL) as process:
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    # An abort while the interpreter leaves spoils no measurement; it is counted, never hidden.
    assert len(said.split()) == 4, f"it ended with {process.returncode} before its work was done"
    wall = time.perf_counter() - begun
    return Measured(wall, usage.ru_utime + usage.ru_stime, *map(float, said.split()), process.returncode)


def spun(processes: int) -> float:
    """Wall seconds of a fixed amount of counting, split over so many processes that share nothing."""
    begun = time.perf_counter()
    code = f"for _ in range({60_000_000 // processes}): pass"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    assert [process.wait() for process in running] == [0] * processes
    return time.perf_counter() - begun


def test_two_workers_against_one_and_resuming(figure, tmp_path: Path) -> None:
    """The whole process, start-up included, on more than 60 pictures; its measuring alone; and once more, finished."""
    data = _many(tmp_path / "data", 60)
    pairs, spins = [], []
    for number in range(3):
        spins.append(spun(2) / spun(1))
        pairs.append([measured(data, tmp_path / f"{number}-{jobs}", jobs) for jobs in (1, 2)])
    # Without a second idle processor no program can be faster with two workers: what two processes that share nothing
    # gain at this moment stands beside what ours do.
    figure("two processes that only count / one, wall", median(spins))
    figure("two workers / one, wall of measuring", median(two.inner / one.inner for one, two in pairs), "<= 0.6")
    figure("two workers / one, wall with start-up", median(two.wall / one.wall for one, two in pairs), "<= 0.65")
    figure("two workers / one, CPU", median(two.processor / one.processor for one, two in pairs), "<= 1.08")
    again = median(one.again / one.records * 1e5 for pair in pairs for one in pair)
    figure("runs that ended in an abort after their work", sum(one.code != 0 for pair in pairs for one in pair), "<= 0")
    figure("resuming a finished run, s per 1e5 records", again, "<= 0.5", f"from {pairs[0][0].records:,.0f} records")


def test_memory_does_not_grow_with_the_number_of_samples(figure, tmp_path: Path) -> None:
    peaks = [measured(_many(tmp_path / f"data{n}", n), tmp_path / f"{n}", 1, "few").peak for n in (200, 2000)]
    said = f"{peaks[0]:.0f} and {peaks[1]:.0f} MiB"
    figure("peak memory at 2,000 samples / at 200", peaks[1] / peaks[0], "<= 1.1", said)


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


@pytest.mark.parametrize(
    "arguments", ["--help", "--version", *(f"list {kind}" for kind in ("attacks", "detectors", "labels", "suites"))]
)
def test_start_up(arguments: str, figure) -> None:
    """Nothing heavy is loaded: ``tests/cli/test_cli_start.py`` holds every command to that."""
    works = {
        "bare": lambda: start([sys.executable, "-c", "pass"]),
        "ours": lambda: start([*WASHTEST, *arguments.split()]),
    }
    spent = in_turns(works, 15, time.perf_counter)
    figure(f"washtest {arguments} / python -c pass, wall", ratio(spent, "ours", "bare"), "<= 5")
