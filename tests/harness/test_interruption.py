"""A run that is killed or interrupted at any moment leaves no process behind and resumes to the very same records."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.analysis import pipeline

#: Runs a plan in a process of its own: slow enough to be caught at it, and with a shard for every few views.
SCRIPT = """
import sys, time
from dataclasses import dataclass
from pathlib import Path

from bench.harness.engines.local import LocalEngine, pin_threads

pin_threads()
from bench.detectors.base import DetectorInfo, Score
from bench.harness import store
from bench.harness.plan import Bundle, Suite, adjusted, make_plan
from bench.harness.run import Progress, run_plan
from bench.harness.samples import load_dataset
from bench.labels import GB45438, IPTC
from dataclasses import replace

store.SHARD_VIEWS = 5


@dataclass(frozen=True)
class Slow:
    info = DetectorInfo("slow", "1", "both")

    def score(self, batch):
        time.sleep(0.02)
        return [Score(float(len(batch[0].data) % 97))]


dataset, out, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
attacks = ["Jpeg(quality=60)", "Noise", "Blur"]
unsigned = (Bundle("metadata", (GB45438(), IPTC())),)
suite = adjusted(Suite("made-up", "", (), unsigned), attacks=attacks, detectors=["declared"], regimes=["native"])
suite = replace(suite, detectors=(*suite.detectors, Slow()))
step = lambda views, errors: print("step", flush=True)
silent = Progress(lambda text: None, lambda total, done: None, step, lambda: None)
try:
    outcome = run_plan(make_plan(suite, load_dataset(dataset)), out, LocalEngine(jobs), silent, "washtest run made-up")
except KeyboardInterrupt:
    sys.exit(130)
print("done", outcome.done, outcome.skipped)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "run.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(scope="module")
def launch(script: Path, tiny: Path, tools):
    """Starts the script in a session of its own, as a terminal would."""

    def start(out: Path, jobs: int = 2) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(tools.root)}
        command = [sys.executable, str(script), str(tiny), str(out), str(jobs)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment)

    return start


@pytest.fixture(scope="module")
def undisturbed(launch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    process = launch(out)
    assert process.communicate(timeout=60)[0].endswith("done 11 0\n")
    return out


def members(session: int) -> list[int]:
    """The processes of a session that still run."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, _, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            except (OSError, ValueError):
                continue
            if int(of) == session and state != "Z":
                found.append(int(folder.name))
    return found


def wait_for_steps(process: subprocess.Popen[str], steps: int) -> None:
    assert process.stdout is not None
    for _ in range(steps):
        process.stdout.readline()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("moment", range(4))
def test_killed_run_leaves_nobody_and_resumes_at_once(
    launch, undisturbed: Path, tools, tmp_path: Path, moment: int
) -> None:
    chance = random.Random(moment)
    out = tmp_path / "run"
    process = launch(out)
    wait_for_steps(process, moment * 3)
    time.sleep(chance.uniform(0, 0.1))
    process.send_signal(signal.SIGTERM if moment == 3 else signal.SIGKILL)
    process.wait()
    resumed = launch(out)  # at once: no worker may still hold the lock
    deadline = time.monotonic() + 3
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(process.pid) == []
    said = resumed.communicate(timeout=60)[0].splitlines()[-1].split()
    assert said[0] == "done"
    assert int(said[1]) + int(said[2]) == 11
    tools.assert_same_records(out, undisturbed)
    assert pipeline.render_tables(out) == pipeline.render_tables(undisturbed)
    assert [path for path in out.rglob(".*") if path.is_file()] == []
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("jobs", [0, 2])
def test_interrupted_run_commits_what_it_has_and_resumes(
    launch, undisturbed: Path, tools, tmp_path: Path, jobs: int
) -> None:
    out = tmp_path / "run"
    process = launch(out, jobs)
    wait_for_steps(process, 3)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    said = launch(out).communicate(timeout=60)[0].splitlines()[-1].split()
    assert said[0] == "done"
    assert int(said[2]) >= 3  # what was finished before is not measured again
    tools.assert_same_records(out, undisturbed)


def test_killed_worker_of_a_run_is_replaced(launch, undisturbed: Path, tools, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = launch(out)
    wait_for_steps(process, 1)
    workers = [pid for pid in members(process.pid) if pid != process.pid]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    assert process.communicate(timeout=60)[0].endswith("done 11 0\n")
    tools.assert_same_records(out, undisturbed)


def test_kill_in_the_middle_of_a_long_task_leaves_no_worker(tmp_path: Path, tools) -> None:
    path = tmp_path / "long.py"
    path.write_text(
        "import time\nfrom bench.harness.engines.local import LocalEngine\n"
        "def long(n):\n    time.sleep(60)\n"
        "print('up', flush=True)\nlist(LocalEngine(2).run(long, [1, 2]))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tools.root)}
    process = subprocess.Popen(
        [sys.executable, path], stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )
    wait_for_steps(process, 1)
    deadline = time.monotonic() + 5
    while len(members(process.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 5
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(process.pid) == []
