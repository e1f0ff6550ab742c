"""Workers on the machines of a Ray cluster (https://docs.ray.io), watched as the local ones are.

Ray places processes, moves tasks and results, and says when one of them or its machine is gone. What follows from
that is decided here and is the same as in ``bench.harness.engines.local``: one task a worker, a time limit for each, a
task that was lost is tried once more. So a run is the same run wherever its workers are.

Optional: ``pip install 'washtest[ray]'``.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from bench.errors import CodedError, UserError, coded
from bench.harness.engines.base import Lost, R, T
from bench.harness.engines.ray_worker import Facts, RayWorker, Surroundings

#: Seconds in which the first worker must be ready; a cluster that grows on demand needs minutes for a machine.
START_LIMIT = 600.0
#: A cluster on which so many workers in a row cannot start is not usable.
START_TRIES = 3


#: For a cluster's head to answer at all.
KNOCK_SECONDS = 10.0


@dataclass
class _Worker:
    """One actor. ``reply`` is what it is working on, None while it waits; ``task`` is None while it gets ready."""

    actor: Any
    reply: Any
    prepared: bool = False
    task: int | None = None
    deadline: float = float("inf")


@dataclass
class RayEngine:
    """Runs functions over many tasks on a Ray cluster; a context manager, which keeps the workers between runs.

    Attributes:
        jobs: workers, each with one processor; None: one for each processor of the cluster.
        time_limit: seconds that one task may take.
        memory_limit: bytes of address space that each worker may have beside what Ray maps, or None.
        address: of a running cluster (``auto``, ``HOST:6379``, ``ray://HOST:10001``), "" for workers on this machine.
        gpu: whether every worker needs a share of a GPU, where the cluster has any.
        facts: tells what must be equal on every machine; one that differs ends the run before it falsifies it.
        start_limit: seconds in which the first worker must be ready.
        private_descriptors: of no concern here: Ray's processes inherit none.
        crashes: how many workers had to be replaced.
    """

    jobs: int | None = None
    time_limit: float = 600.0
    memory_limit: int | None = None
    address: str = ""
    gpu: bool = False
    facts: Callable[[], Facts] = dict
    start_limit: float = START_LIMIT
    private_descriptors: tuple[int, ...] = ()
    crashes: int = 0
    _workers: list[_Worker] = field(default_factory=list)
    _expected: Facts = field(default_factory=dict)
    _surroundings: Any = None
    _function: Any = None
    _options: dict[str, Any] = field(default_factory=dict)
    _seconds: float = 0.0
    _failed_starts: int = 0
    _last_ready: float = 0.0
    _ours: bool = False

    # The cluster ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> RayEngine:
        """Join the cluster, or start one on this machine.

        Raises:
            UserError: Ray is missing, or no cluster answers.
        """
        ray = _ray()
        self._ours = not ray.is_initialized()
        if self._ours:
            _join(self.address, self.jobs)
        resources = ray.cluster_resources()
        self.jobs = self.jobs or max(1, int(resources.get("CPU", 1)))
        gpus = resources.get("GPU", 0) if self.gpu else 0
        self._options = {
            "num_cpus": 1, "num_gpus": gpu_share(self.jobs, gpus), "scheduling_strategy": "SPREAD",
            "max_restarts": 0, "max_task_retries": 0,
        }  # fmt: skip
        self._expected = self.facts()
        self._surroundings = ray.put(Surroundings.here(ray.cloudpickle.dumps(self.facts), self.memory_limit))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in list(self._workers):
            self._end(worker)
        self._surroundings = self._function = None
        if self._ours:
            _ray().shutdown()

    # The tasks --------------------------------------------------------------------------------------------------------

    def run(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R | CodedError]]:
        """Yield ``(index of task, result)`` as results come, in no particular order.

        Args:
            function: picklable; each worker gets it once, with the detectors and weights that it holds.
            tasks: picklable.

        Raises:
            UserError: no worker can start, or a machine differs from this one in what results depend on.
        """
        ray = _ray()
        self._function = ray.put(ray.cloudpickle.dumps(function))
        waiting = deque(range(len(tasks)))
        tries = [0] * len(tasks)
        self._last_ready = time.monotonic()
        try:
            for worker in self._workers:
                if worker.prepared:
                    worker.reply = worker.actor.load.remote(self._function)
            for _ in range(min(self.jobs or 1, len(tasks)) - len(self._workers)):
                self._start()
            while waiting or any(worker.task is not None for worker in self._workers):
                for worker in self._workers:
                    if worker.reply is None and waiting:
                        self._hand_out(worker, waiting.popleft(), tasks, tries)
                for worker in self._ready():
                    index = worker.task
                    result = self._take(worker)
                    if isinstance(result, Lost):
                        self._replace(worker)
                        if index is not None and tries[index] < 2:
                            waiting.appendleft(index)
                            continue
                        result = result.twice()
                    if index is not None:
                        yield index, result
        finally:
            for worker in [busy for busy in self._workers if busy.task is not None]:
                self._end(worker)

    def processor_seconds(self) -> float:
        """Used so far by this process and by the tasks that have ended, with the programs that they started."""
        return sum(os.times()[:4]) + self._seconds

    def _hand_out(self, worker: _Worker, index: int, tasks: Sequence[Any], tries: list[int]) -> None:
        tries[index] += 1
        worker.task = index
        worker.deadline = time.monotonic() + self.time_limit
        worker.reply = worker.actor.do.remote(tasks[index])

    def _ready(self) -> list[_Worker]:
        """The workers that have something to say, died, or ran out of time."""
        ray = _ray()
        working = {worker.reply: worker for worker in self._workers if worker.reply is not None}
        soonest = min(worker.deadline for worker in working.values())
        patience = max(0.0, min(soonest - time.monotonic(), 1.0))
        found, _ = ray.wait(list(working), timeout=patience)
        if len(working) > 1:
            found, _ = ray.wait(list(working), num_returns=len(working), timeout=0)
        now = time.monotonic()
        if any(worker.task is not None for worker in self._workers) or found:
            self._last_ready = now
        elif now - self._last_ready > self.start_limit:
            raise UserError(
                f"no worker of the Ray cluster was ready within {self.start_limit:g} s; look for free processors "
                "with ray status, or ask for fewer with --jobs"
            )
        late = [worker for worker in working.values() if worker.deadline <= now]
        return list({id(worker): worker for worker in [*(working[reply] for reply in found), *late]}.values())

    def _take(self, worker: _Worker) -> Any:
        """A worker's result, None where it has just become ready, or ``Lost``."""
        ray = _ray()
        errors = ray.exceptions
        try:
            answer = ray.get(worker.reply, timeout=0)
        except errors.GetTimeoutError:
            return Lost("E_TIMEOUT", f"took more than {self.time_limit:g} s")
        except errors.OutOfMemoryError:
            return Lost("E_MEMORY", "Ray ended the worker, its machine was short of memory")
        except errors.RayTaskError as error:  # it lives: its task, or what came of it, cannot travel
            if worker.task is None:
                raise UserError(f"a worker on {error.ip} cannot start: {_one_line(error.cause or error)}") from None
            answer = coded(error.cause or error), 0.0
        except errors.RayError as error:
            if worker.task is None:
                self._failed_starts += 1
                if self._failed_starts >= START_TRIES:
                    raise UserError(f"workers of the Ray cluster do not start: {_one_line(error)}") from None
            return Lost("E_CRASH", "the worker died (its process or its machine was lost)")
        self._failed_starts = 0
        working, worker.task, worker.reply, worker.deadline = worker.task is not None, None, None, float("inf")
        if working:
            result, seconds = answer
            self._seconds += seconds
            return result
        if not worker.prepared:
            self._compare(*answer)
            worker.prepared, worker.reply = True, worker.actor.load.remote(self._function)
        return None

    def _compare(self, machine: str, facts: Facts) -> None:
        """Refuse a machine whose results would not be those of this one.

        Raises:
            UserError: names the first difference.
        """
        for name in {**self._expected, **facts}:
            here, there = self._expected.get(name, "nothing"), facts.get(name, "nothing")
            if here != there:
                raise UserError(
                    f"{name} is {there} on {machine} of the Ray cluster and {here} here; make them equal, "
                    "or results would depend on the machine"
                )

    def _start(self) -> None:
        actor = _ray().remote(RayWorker).options(**self._options).remote()
        self._workers.append(_Worker(actor, actor.prepare.remote(self._surroundings)))

    def _replace(self, worker: _Worker) -> None:
        self.crashes += 1
        self._end(worker)
        self._start()

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        with contextlib.suppress(Exception):  # it is gone, or the cluster is
            _ray().kill(worker.actor, no_restart=True)


def gpu_share(workers: int, gpus: float) -> float:
    """The part of one GPU that each worker gets, so that all of them fit; 0 where there is none.

    Ray places an actor on one GPU, so five workers on two GPUs get a third each, not two fifths.
    """
    if gpus < 1:
        return 0.0
    return 1 / math.ceil(workers / int(gpus)) if workers > gpus else 1.0


def _ray() -> Any:
    """The package, without telemetry."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own imports
            import ray
    except ImportError as error:
        raise UserError(f"--engine ray needs Ray ({error}); run: pip install 'washtest[ray]'") from None
    return ray


def _join(address: str, jobs: int | None) -> None:
    """Connect to the cluster at an address, or start one on this machine that ends with this process."""
    ray = _ray()
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if not address:
        # On the loopback interface: whoever reaches a Ray cluster may run code on it.
        quiet |= {"address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1", "num_cpus": jobs}
    try:
        _knock(address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(**({"address": address} | quiet))
        # Ray prints on standard output, which is ours, when a worker is gone; what that led to stands in the records.
        ray._private.worker._worker_logs_enabled = False
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        where = f"no usable Ray cluster at {address}" if address else "Ray cannot start on this machine"
        mend = "; start one with: ray start --head" if address else ""
        raise UserError(f"{where} ({_one_line(error)}){mend}") from None


def _knock(address: str) -> None:
    """Whether anybody listens at ``HOST:PORT``; Ray itself would try for five minutes.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300]
