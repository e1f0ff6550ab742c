"""Kills runs and their workers at random moments and holds their tables against those of a run left alone.

``python tests/faults/kills.py DATASET FOLDER N [SEED]`` prints a line for each of N kills and ends with 1 where a table
differs or a temporary file was left behind. Everything is imported once and each run is a fork, so that a kill costs
little more than the run.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from bench.harness.engines.local import LocalEngine, pin_threads

pin_threads()
import cv2  # noqa: E402

from bench.analysis import pipeline  # noqa: E402
from bench.detectors.base import DetectorInfo, Score  # noqa: E402
from bench.harness import store  # noqa: E402
from bench.harness.plan import Bundle, Plan, Suite, adjusted, make_plan  # noqa: E402
from bench.harness.run import Progress, run_plan  # noqa: E402
from bench.harness.samples import load_dataset  # noqa: E402
from bench.labels import GB45438, IPTC  # noqa: E402

SILENT = Progress(lambda text: None, lambda total, done: None, lambda views, errors: None, lambda: None)


@dataclass(frozen=True)
class Slow:
    """Takes its time, so that a run lasts long enough to be killed in it."""

    info = DetectorInfo("slow", "1", "both")

    def score(self, batch):
        time.sleep(0.01)
        return [Score(float(len(media.data) % 97)) for media in batch]


def small_plan(dataset: Path) -> Plan:
    bundle = Bundle("metadata", (GB45438(), IPTC()))  # C2PA signs with the clock and a salt
    changes = {"attacks": ["Jpeg(quality=60)", "Noise", "Blur"], "detectors": ["declared", "header"]}
    suite = adjusted(Suite("made-up", "", (), (bundle,)), regimes=["native"], **changes)
    return make_plan(replace(suite, detectors=(*suite.detectors, Slow())), load_dataset(dataset))


def start(plan: Plan, out: Path) -> int:
    """A run with two workers and its tables, in a process of its own; returns its id."""
    if pid := os.fork():
        return pid
    os.setsid()
    code = 1
    try:
        run_plan(plan, out, LocalEngine(2), SILENT, "washtest run made-up")
        for name, text in pipeline.render_tables(out).items():
            pipeline.write_table(out, name, "csv", text)
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def tables(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "tables").glob("*.csv"))}


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def killed(plan: Plan, out: Path, lasts: float, chance: random.Random) -> str:
    """One run, killed once itself or in one worker, then finished; returns what was killed and when."""
    pid, moment = start(plan, out), chance.uniform(0, lasts)
    time.sleep(moment)
    victim = chance.choice(["run", "worker"])
    workers = [] if victim == "run" else children(pid)
    with contextlib.suppress(ProcessLookupError):  # a worker that has just left by itself
        os.kill(chance.choice(workers) if workers else pid, signal.SIGKILL)
    if workers:
        _, status = os.waitpid(pid, 0)
        assert status == 0, "the run did not survive its worker"
    else:
        os.waitpid(pid, 0)
        _, status = os.waitpid(start(plan, out), 0)
        assert status == 0, "the run was not resumed"
    return f"{'worker' if workers else 'run'} after {moment:.2f} s"


def main(dataset: Path, folder: Path, n: int, seed: int = 0) -> int:
    cv2.setNumThreads(1)
    store.SHARD_VIEWS = 5
    plan = small_plan(dataset)
    for name in ("warm", "undisturbed"):  # the first run loads what runs load late
        begun = time.monotonic()
        _, status = os.waitpid(start(plan, folder / name), 0)
        assert status == 0
    lasts = time.monotonic() - begun
    expected = tables(folder / "undisturbed")
    assert len(expected) > 10 and tables(folder / "warm") == expected
    print(f"undisturbed: {lasts:.2f} s, {len(expected)} tables, {sum(map(len, expected.values()))} bytes", flush=True)
    different = 0
    for number in range(n):
        out = folder / f"run-{number}"
        what = killed(plan, out, lasts, random.Random(f"{seed}-{number}"))
        wrong = [name for name in {**expected, **tables(out)} if tables(out).get(name) != expected.get(name)]
        wrong += [f"{path.name} left over" for path in out.rglob(".*") if path.is_file()]
        different += bool(wrong)
        print(f"{number}: {what}: {', '.join(wrong) or 'the same tables'}", flush=True)
    print(f"{n} kills, {different} with other tables or files left over")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])))
