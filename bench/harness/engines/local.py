"""Worker processes on one machine, watched.

Each worker holds one task at a time and the parent hands out the next when a result comes, so memory does not grow
with the number of tasks. A worker that dies or overruns its time is replaced and its task tried once more; then the
task's result is a ``CodedError``. The standard pools hang or lose what is pending when a worker is killed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.errors import CodedError, coded
from bench.harness.engines.base import Lost, R, T, attempt

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from types import FrameType

#: Every library that would start threads of its own; one a worker is fastest, and then results do not depend on it.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def pin_threads() -> None:
    """One thread per library in this process and its children; call before numpy is imported."""
    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, "1")
    # OpenCV prints what it also raises or returns, over the progress bar; every failure is a row with its code.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: int | None = None
    deadline: float = float("inf")


@dataclass
class LocalEngine:
    """Runs one function over many tasks.

    Attributes:
        jobs: worker processes; 0 runs in this process (for profilers and debuggers: nothing is watched then).
        time_limit: seconds that one task may take.
        memory_limit: bytes of address space that each worker may have, its libraries included, or None; where the
            system knows such limits. A task that wants more ends in ``E_MEMORY``, or in ``E_CRASH`` where a library
            does not survive being refused.
        private_descriptors: file descriptors that workers must not keep open (a lock on the run folder).
        crashes: how many workers had to be replaced.
    """

    jobs: int
    time_limit: float = 600.0
    memory_limit: int | None = None
    private_descriptors: tuple[int, ...] = ()
    crashes: int = 0
    _workers: list[_Worker] = field(default_factory=list)

    def run(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R | CodedError]]:
        """Yield ``(index of task, result)`` as results come, in no particular order.

        Args:
            function: a module-level function or a ``functools.partial`` of one.
            tasks: picklable.
        """
        if self.jobs == 0:
            with _noted_interrupts() as interrupts:
                for index, task in enumerate(tasks):
                    result = attempt(function, task)
                    if interrupts:  # it fell into a library's callback, where an exception goes no further
                        raise KeyboardInterrupt
                    yield index, result
            return
        waiting = deque(range(len(tasks)))
        tries = [0] * len(tasks)
        try:
            for _ in range(min(self.jobs, len(tasks))):
                self._start(function)
            while waiting or any(worker.task is not None for worker in self._workers):
                for worker in self._workers:
                    if worker.task is None and waiting:
                        self._hand_out(worker, waiting.popleft(), tasks, tries)
                for worker in self._ready():
                    held = worker.task
                    result = self._take(worker)
                    if isinstance(result, Lost):
                        self._replace(worker, function)
                        if held is not None and tries[held] < 2:
                            waiting.appendleft(held)
                            continue
                        result = result.twice()
                    if held is not None:
                        yield held, result
        finally:
            self._stop()

    def processor_seconds(self) -> float:
        """Used so far by this process and by the workers that have ended, with the programs that they started."""
        return sum(os.times()[:4])

    def _hand_out(self, worker: _Worker, index: int, tasks: Sequence[Any], tries: list[int]) -> None:
        tries[index] += 1
        worker.task = index
        worker.deadline = time.monotonic() + self.time_limit
        try:
            worker.pipe.send(tasks[index])
        except OSError:
            pass  # it died between two tasks; its sentinel says so at once

    def _ready(self) -> list[_Worker]:
        """The workers that have something to say, died, or ran out of time."""
        signs: dict[Any, _Worker] = {worker.pipe: worker for worker in self._workers}
        signs |= {worker.process.sentinel: worker for worker in self._workers}
        soonest = min(worker.deadline for worker in self._workers)
        found = multiprocessing.connection.wait(signs, timeout=max(0.0, min(soonest - time.monotonic(), 1.0)))
        now = time.monotonic()
        late = [worker for worker in self._workers if worker.deadline <= now]
        return list({id(worker): worker for worker in [*(signs[sign] for sign in found), *late]}.values())

    def _take(self, worker: _Worker) -> Any:
        """A worker's result, or ``Lost``."""
        try:
            if worker.pipe.poll():
                result = worker.pipe.recv()
                worker.task, worker.deadline = None, float("inf")
                return result
        except (EOFError, OSError):
            pass
        if worker.process.is_alive() and worker.deadline <= time.monotonic():
            return Lost("E_TIMEOUT", f"took more than {self.time_limit:g} s")
        worker.process.join(1.0)
        return Lost("E_CRASH", f"the worker died ({_exit_reason(worker.process.exitcode)})")

    def _start(self, function: Callable[[Any], Any]) -> None:
        fork = "fork" in multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("fork" if fork else "spawn")
        ours, theirs = context.Pipe()
        # A forked child holds copies of everything open here: of the other workers' pipes, which would keep those
        # workers waiting after this process is killed, and of the lock, which would outlive it.
        inherited = (
            (*self.private_descriptors, ours.fileno(), *(w.pipe.fileno() for w in self._workers)) if fork else ()
        )
        arguments = (function, theirs, inherited, os.getpid(), self.memory_limit)
        process = context.Process(target=_work, args=arguments, daemon=True)
        with _no_opencv_threads(), warnings.catch_warnings():
            # Python warns of forking while other threads run; ours are idle pools, and workers pin theirs to one.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))

    def _replace(self, worker: _Worker, function: Callable[[Any], Any]) -> None:
        self.crashes += 1
        self._workers.remove(worker)
        _end(worker)
        self._start(function)

    def _stop(self) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an idle worker reads the end of its pipe and leaves
        for worker in self._workers:
            if worker.task is None:
                worker.process.join(1.0)
            _end(worker)
        self._workers.clear()


@contextlib.contextmanager
def _no_opencv_threads() -> Iterator[None]:
    """OpenCV's pool of threads put away while we fork: a child would wait for threads that it does not have."""
    cv2 = sys.modules.get("cv2")
    if cv2 is None:
        yield
        return
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _end(worker: _Worker) -> None:
    if worker.process.is_alive():
        worker.process.kill()
    worker.process.join()
    worker.pipe.close()


def _exit_reason(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        try:
            return f"signal {signal.Signals(-exitcode).name}"
        except ValueError:
            return f"signal {-exitcode}"
    return f"exit code {exitcode}"


@contextlib.contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Every Ctrl-C goes into the list, beside raising ``KeyboardInterrupt`` as it does by default."""
    noted: list[int] = []
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield noted  # somebody else decides what an interrupt does here
        return

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, usual)


def _follow(parent: int) -> None:
    """Leave within a second of the parent's death, in the middle of a task too."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def limit_memory(size: int) -> None:
    """From here on, allocations beyond this address space fail; programs that are started set limits of their own."""
    try:
        import resource
    except ImportError:
        return  # no such limits on this system
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    with contextlib.suppress(OSError, ValueError):  # macOS refuses, or a lower hard limit is set already
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))


def _work(
    function: Callable[[Any], Any], pipe: Connection, inherited: tuple[int, ...], parent: int, memory: int | None
) -> None:
    """A worker's life: a task, a result, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent alone decides
    for descriptor in inherited:
        try:
            os.close(descriptor)
        except OSError:
            pass
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    pin_threads()
    import cv2

    cv2.setNumThreads(1)
    if memory is not None:
        limit_memory(memory)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(attempt(function, task))
        except OSError:
            return
        except Exception as error:  # a result that cannot be pickled; nothing of it has been sent
            pipe.send(coded(error))
