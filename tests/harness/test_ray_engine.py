"""A run on a Ray cluster is the same run: whoever dies, hangs or is lost on the way, its tables stay the same.

One cluster of two machines (made of processes here) serves all tests.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="ray is not installed")

from bench.analysis.pipeline import render_tables
from bench.detectors.base import DetectorInfo, Score
from bench.errors import CodedError, UserError
from bench.harness import machines
from bench.harness.engines.ray import RayEngine, _join, _ray, gpu_share
from bench.harness.run import Progress, run_plan

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Ray's cluster of processes is tested on Linux only")


@dataclass(frozen=True)
class Cluster:
    """Its address, whose workers its second machine runs, and what ends that machine as a power cut would."""

    address: str
    second: int
    lose_the_second: Callable[[], None]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    ray = _ray()
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster as Processes

    made = Processes(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    second = made.add_node(num_cpus=2)
    ray._private.worker._worker_logs_enabled = False
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    raylet = second.all_processes["raylet"][0].process.pid
    yield Cluster(made.address, raylet, lambda: made.remove_node(second, allow_graceful=False))
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def engine(cluster: Cluster) -> Iterator[RayEngine]:
    """Three workers on two machines, kept between tests."""
    with RayEngine(3, time_limit=60) as made:
        yield made


def results(engine: RayEngine, function: Any, tasks: list[Any]) -> list[Any]:
    return [result for _, result in sorted(engine.run(function, tasks), key=lambda pair: pair[0])]


def odd(number: int) -> int:
    if number == 2:
        raise CodedError("E_TRUNCATED", "cut off")
    if number == 3:
        raise ValueError("three\nis bad")
    return number * number


def test_results_are_those_of_a_plain_loop_and_exceptions_become_codes(engine: RayEngine) -> None:
    found = results(engine, odd, list(range(20)))
    assert found[4:] == [n * n for n in range(4, 20)]
    assert (found[2].code, found[2].detail) == ("E_TRUNCATED", "cut off")
    assert (found[3].code, found[3].detail) == ("E_VALUEERROR", "three is bad")
    assert results(engine, odd, []) == []
    assert engine.crashes == 0


def threads(_: int) -> tuple[Any, ...]:
    import cv2

    return cv2.getNumThreads(), *(os.environ[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL"))


def test_workers_use_one_thread_per_library_and_work_in_the_folder_of_the_driver(engine: RayEngine) -> None:
    assert results(engine, threads, [0]) == [(1, "1", "1", "1")]
    assert results(engine, lambda _: Path.cwd(), [0]) == [Path.cwd()]


class Trouble:
    """Does what the task says, and leaves a file for each try of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, task: str) -> str:
        (self.folder / f"{task}-{time.monotonic_ns()}").touch()
        tries = len(list(self.folder.glob(f"{task}-*")))
        if task == "die once" and tries == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "leave":
            os._exit(7)
        if task == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if task == "hang":
            time.sleep(60)
        return task


def test_lost_tasks_are_tried_once_more_and_then_coded_as_on_one_machine(engine: RayEngine, tmp_path: Path) -> None:
    tasks = ["a", "die once", "stop", "hang", "leave", "b"]
    engine.time_limit, before = 1.0, engine.crashes
    try:
        found = dict(zip(tasks, results(engine, Trouble(tmp_path), tasks), strict=True))
    finally:
        engine.time_limit = 60
    assert [found[name] for name in ("a", "b", "die once")] == ["a", "b", "die once"]
    lost = ("E_CRASH", "the worker died (its process or its machine was lost), twice")
    late = ("E_TIMEOUT", "took more than 1 s, twice")
    for name, code in (("leave", lost), ("hang", late), ("stop", late)):
        assert (found[name].code, found[name].detail) == code
        assert len(list(tmp_path.glob(f"{name}-*"))) == 2
    assert engine.crashes == before + 7


class Marking:
    """Scores slowly enough to be caught at it, and leaves the number of its process in a folder."""

    info = DetectorInfo("marking", "1", "file")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return "Marking()"

    def score(self, batch: Any) -> list[Score]:
        (self.folder / str(os.getpid())).touch()
        time.sleep(0.05)
        return [Score(float(len(media.data) % 97)) for media in batch]


@pytest.fixture(scope="module")
def plan(tools, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A learner, a detector that leaves marks, and two attacks on datasets/mini."""
    made = tools.plan(tools.root / "datasets" / "mini", 70, detectors=["declared", "header"], regimes=["native"])
    marking = Marking(tmp_path_factory.mktemp("marks"))
    suite = replace(made.suite, detectors=(*made.suite.detectors, marking))
    return replace(made, suite=suite)


@pytest.fixture(scope="module")
def undisturbed(plan: Any, tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run on this machine alone."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    tools.measure(plan, out)
    return out


def test_machine_that_differs_is_refused_by_name(cluster: Cluster) -> None:
    process = os.getpid()
    with RayEngine(1, facts=lambda: {"version of numpy": f"2.{os.getpid() != process:d}"}) as engine:
        with pytest.raises(
            UserError, match=r"version of numpy is 2\.1 on \S+ of the Ray cluster and 2\.0 here; make them"
        ):
            list(engine.run(odd, [1]))


def test_facts_are_of_versions_data_and_what_is_missing(plan: Any) -> None:
    found = machines.facts(plan.suite, str(plan.dataset.folder))
    assert found[f"data set {plan.dataset.folder}"] == plan.dataset.revision
    assert found["version of numpy"] == plan.versions["numpy"]
    assert found["Marking()"] == "available"
    assert machines.facts(plan.suite, "nowhere")["data set nowhere"] == "missing"


def test_cluster_without_room_for_a_worker_is_said(cluster: Cluster) -> None:
    with RayEngine(1, start_limit=1.0) as engine:
        engine._options |= {"num_cpus": 64}
        with pytest.raises(UserError, match="no worker of the Ray cluster was ready within 1 s; look for"):
            list(engine.run(odd, [1]))


def test_command_of_the_page_on_clusters_runs_and_prints_nothing_of_ray(
    cluster: Cluster, tiny: Path, washtest, tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (tools.root / "docs/clusters.md").read_text("utf-8")
    (line,) = re.findall(r"^washtest (run .*--engine ray.*)$", page, re.M)
    monkeypatch.setattr("bench.cli.runs.judged", lambda folder, say, illustrate=None: 0)  # drawing takes seconds
    words = line.replace("auto", cluster.address).replace("runs/whole", f"{tmp_path}/whole").split()
    chosen = ["--attack", "Png", "--detector", "declared", "--bundle", "gb45438", "--jobs", "1", "--progress", "none"]
    answer = washtest(*words, "--dataset", tiny, *chosen)
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert tools.records(tmp_path / "whole").header["finished"]
    answer = washtest("run", "--address", "auto")
    assert (answer.code, answer.err) == (2, "washtest: --address auto is of a Ray cluster; add --engine ray\n")
    answer = washtest("run", "--engine", "ray", "--jobs", "0")
    assert answer.code == 2 and answer.err.startswith("washtest: --jobs 0 means no workers")


def test_nobody_at_the_address_is_said_at_once() -> None:
    with pytest.raises(
        UserError, match=r"no usable Ray cluster at 127\.0\.0\.1:9 \(.*refused\); start one with: ray start"
    ):
        _join("127.0.0.1:9", None)


@pytest.mark.parametrize(
    ("workers", "gpus", "share"), [(4, 0, 0.0), (1, 1, 1.0), (4, 1, 0.25), (5, 2, 1 / 3), (2, 8, 1.0), (4, 2, 0.5)]
)
def test_share_of_a_gpu_lets_all_workers_fit(workers: int, gpus: float, share: float) -> None:
    assert gpu_share(workers, gpus) == pytest.approx(share)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_killed_worker_and_lost_machine_change_nothing_in_the_tables(
    cluster: Cluster, engine: RayEngine, plan: Any, undisturbed: Path, tools, tmp_path: Path
) -> None:
    # The last test of the cluster: afterwards it has one machine.
    marks, killed, steps = plan.suite.detectors[-1].folder, [], iter(range(1000))
    for worker in list(engine._workers):
        engine._end(worker)  # three new ones do not fit on one machine of two processors
    before = engine.crashes
    for mark in marks.iterdir():
        mark.unlink()

    def disturb(views: int, errors: int) -> None:
        if not killed:
            pids = [int(mark.name) for mark in marks.iterdir()]
            on_first = [pid for pid in pids if parent(pid) != cluster.second]
            if 0 < len(on_first) < len(pids):  # both machines are at work
                os.kill(on_first[0], signal.SIGKILL)
                killed.append(on_first[0])
        elif next(steps) == 3:
            cluster.lose_the_second()

    progress = Progress(lambda text: None, lambda total, done: None, disturb, lambda: None)
    outcome = run_plan(plan, tmp_path / "run", engine, progress, "washtest run")
    assert (outcome.done, outcome.failed_cells) == (len(plan.tasks), 0)
    assert killed and next(steps) > 3
    assert engine.crashes >= before + 2
    tools.assert_same_records(tmp_path / "run", undisturbed)
    assert render_tables(tmp_path / "run") == render_tables(undisturbed)
    counts = tools.records(tmp_path / "run").header["counts"]
    assert counts["replaced_workers"] == engine.crashes
    assert counts["cpu_seconds"] > 0.1 * counts["busy_seconds"] > 0  # the workers' seconds, not only the driver's
