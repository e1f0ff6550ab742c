"""Workers die, hang and raise; what they were given is done all the same, or ends in a code."""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bench.errors import CodedError
from bench.harness.engines.local import LocalEngine


def results(engine: LocalEngine, function: Any, tasks: list[Any]) -> list[Any]:
    return [result for _, result in sorted(engine.run(function, tasks), key=lambda pair: pair[0])]


def square(number: int) -> int:
    return number * number


def picky(number: int) -> int:
    if number == 2:
        raise CodedError("E_TRUNCATED", "cut off")
    if number == 3:
        raise ValueError("three\nis bad")
    return number


@pytest.mark.parametrize("jobs", [0, 1, 2, 5])
def test_results_are_those_of_a_plain_loop(jobs: int) -> None:
    assert results(LocalEngine(jobs), square, list(range(20))) == [n * n for n in range(20)]
    assert results(LocalEngine(jobs), square, []) == []


@pytest.mark.parametrize("jobs", [0, 2])
def test_exceptions_become_codes_and_cost_nobody_else(jobs: int) -> None:
    found = results(LocalEngine(jobs), picky, list(range(6)))
    assert [found[n] for n in (0, 1, 4, 5)] == [0, 1, 4, 5]
    assert (found[2].code, found[2].detail) == ("E_TRUNCATED", "cut off")
    assert (found[3].code, found[3].detail) == ("E_VALUEERROR", "three is bad")


def test_one_engine_runs_again_and_again() -> None:
    engine = LocalEngine(2)
    for _ in range(3):
        assert results(engine, square, [1, 2, 3]) == [1, 4, 9]
    assert engine.crashes == 0


class Dying:
    """Kills its own worker at task 1, as often as told; counts in a file, since workers share no memory."""

    def __init__(self, folder: Path, times: int) -> None:
        self.folder, self.times = folder, times

    def __call__(self, number: int) -> int:
        if number == 1:
            (self.folder / f"{time.monotonic_ns()}-{os.getpid()}").touch()
            if len(list(self.folder.iterdir())) <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        return number


def test_task_of_a_killed_worker_is_tried_once_more(tmp_path: Path) -> None:
    engine = LocalEngine(2)
    assert results(engine, Dying(tmp_path, 1), list(range(6))) == list(range(6))
    assert engine.crashes == 1


def test_task_that_kills_two_workers_is_coded_and_the_rest_is_done(tmp_path: Path) -> None:
    engine = LocalEngine(2)
    found = results(engine, Dying(tmp_path, 99), list(range(6)))
    assert (found[1].code, found[1].detail) == ("E_CRASH", "the worker died (signal SIGKILL), twice")
    assert found[:1] + found[2:] == [0, 2, 3, 4, 5]
    assert engine.crashes == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_killed_and_stopped_workers_are_noticed_in_time(tmp_path: Path) -> None:
    found = LocalEngine(2, time_limit=1.0).run(Dying(tmp_path, 1), [1])
    next(found)
    died = int(next(tmp_path.iterdir()).name.split("-")[0]) / 1e9
    assert time.monotonic() - died < 2  # noticed, replaced and done
    start = time.monotonic()
    stopped = results(LocalEngine(2, time_limit=0.5), lambda n: n and os.kill(os.getpid(), signal.SIGSTOP), [0, 1, 0])
    assert time.monotonic() - start < 4
    assert (stopped[1].code, stopped[0], stopped[2]) == ("E_TIMEOUT", 0, 0)


def greedy(kind: str) -> int:
    size = 40_000
    if kind == "numpy":
        return int(np.ones((size, size, 3), np.uint8)[0, 0, 0])
    if kind == "opencv":
        return int(cv2.resize(np.ones((8, 8, 3), np.uint8), (size, size))[0, 0, 0])
    if kind == "python":
        return len(bytearray(3 * size * size))
    return 0


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit that Linux keeps")
def test_task_that_wants_more_memory_than_its_worker_may_have_is_coded() -> None:
    kinds = ["none", "numpy", "none", "opencv", "python", "none"]
    engine = LocalEngine(1, memory_limit=4 << 30)
    found = results(engine, greedy, kinds)
    codes = [one.code if isinstance(one, CodedError) else one for one in found]
    assert codes == [0, "E_MEMORY", 0, "E_MEMORY", "E_MEMORY", 0]
    assert engine.crashes == 0


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit that Linux keeps")
def test_limit_of_a_worker_is_not_that_of_its_parent() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    engine = LocalEngine(1, memory_limit=3 << 30)
    assert results(engine, lambda n: resource.getrlimit(resource.RLIMIT_AS)[0], [1]) == [3 << 30]
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def leaving(number: int) -> int:
    if number == 1:
        os._exit(7)
    return number


def test_worker_that_leaves_is_a_crash_with_its_exit_code() -> None:
    assert results(LocalEngine(2), leaving, [0, 1, 2])[1].detail == "the worker died (exit code 7), twice"


def sleepy(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_hanging_task_is_ended_at_its_limit_and_the_others_go_on() -> None:
    engine = LocalEngine(2, time_limit=0.4)
    start = time.monotonic()
    found = results(engine, sleepy, [60, 0, 0.01, 0.02, 0])
    assert time.monotonic() - start < 5  # two tries of 0.4 s, and not 60
    assert (found[0].code, found[0].detail) == ("E_TIMEOUT", "took more than 0.4 s, twice")
    assert found[1:] == [0, 0.01, 0.02, 0]


def test_results_of_any_size_come_back() -> None:
    found = results(LocalEngine(2), lambda n: np.full(300_000, n), [1, 2, 3])
    assert [int(array.sum()) for array in found] == [300_000, 600_000, 900_000]


def test_result_that_cannot_travel_is_coded() -> None:
    found = results(LocalEngine(1), lambda n: (lambda: n) if n == 1 else n, [0, 1, 2])
    assert found[0::2] == [0, 2]
    assert isinstance(found[1], CodedError)


def test_tasks_are_handed_out_one_at_a_time() -> None:
    # Memory must not grow with the number of tasks: a lazy sequence is asked for each only when a worker is free.
    class Lazy:
        asked = 0

        def __len__(self) -> int:
            return 30

        def __getitem__(self, index: int) -> int:
            Lazy.asked += 1
            return index

    engine = LocalEngine(2)
    for done, _ in enumerate(engine.run(square, Lazy()), 1):  # type: ignore[arg-type]
        assert Lazy.asked <= done + 2


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text()]


def test_no_worker_outlives_a_loop_that_is_left_early() -> None:
    engine = LocalEngine(2)
    for _, _ in engine.run(square, list(range(50))):
        pids = [worker.process.pid for worker in engine._workers]
        break
    deadline = time.monotonic() + 5
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(pids) == []


def denoise(number: int) -> int:
    cv2.fastNlMeansDenoisingColored(np.full((64, 64, 3), number, np.uint8), None, 3, 3, 5, 7)
    return number


def test_workers_run_after_opencv_used_threads_in_this_process() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        denoise(1)
        cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (0, 0), 3)
        assert results(LocalEngine(2, time_limit=5), denoise, [1, 2, 3, 4]) == [1, 2, 3, 4]
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_ctrl_c_reaches_workers_through_their_parent_only() -> None:
    # A terminal sends SIGINT to the whole group; a worker that obeyed would lose its task before the parent decides.
    found = results(LocalEngine(2), lambda n: os.kill(os.getpid(), signal.SIGINT) or n, [1, 2, 3])
    assert found == [1, 2, 3]


def test_engine_runs_beside_other_threads() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert results(LocalEngine(2), square, [1, 2, 3]) == [1, 4, 9]
    finally:
        stop.set()
        thread.join()


def _swallows_an_interrupt(task: int) -> int:
    """As a C library's callback does, in which an exception goes no further."""
    if task == 1:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    return task


def test_interrupt_that_a_library_swallows_still_ends_the_run() -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    done = []
    try:
        with pytest.raises(KeyboardInterrupt):
            for index, _ in LocalEngine(0).run(_swallows_an_interrupt, range(3)):
                done.append(index)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == [0]
