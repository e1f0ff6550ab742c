"""Charts drawn by several processes: matplotlib holds Python's lock, so threads would not help.

Workers are forked, so that the records and tables need not be sent, and take the next kind of chart from a pipe that
ends when all are taken: none can be left waiting. What no worker delivered, because it was killed or its chart could
not be drawn, this process draws itself, and raises what there is to raise.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from bench.analysis.garbage import few_collections

T = TypeVar("T")


def spread(work: Callable[[str], T], names: Sequence[str], jobs: int | None = None) -> Iterator[T]:
    """``work(name)`` for each name, in their order.

    Args:
        work: depends on nothing but the name; its result can be pickled.
        names: at most 256.
        jobs: worker processes; 0 for none, None for one per processor that this process may use. Systems that do not
            fork have none.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(available if jobs is None else jobs, len(names))
    with few_collections():
        forks = "fork" in multiprocessing.get_all_start_methods()
        found = _by_workers(work, names, workers) if workers > 1 and forks else {}
        for number, name in enumerate(names):
            yield found.pop(number) if number in found else work(name)


def _by_workers(work: Callable[[str], T], names: Sequence[str], workers: int) -> dict[int, T]:
    """Results by place in ``names``; those that no worker delivered are missing."""
    context: Any = multiprocessing.get_context("fork")
    take, give = os.pipe()
    os.write(give, bytes(range(len(names))))
    os.close(give)
    pipes: dict[Connection, BaseProcess] = {}
    found: dict[int, T] = {}
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_draw, args=(work, names, take, theirs, (*pipes, ours)), daemon=True)
            with warnings.catch_warnings():
                # Python warns of forking while other threads run; ours are idle pools that workers do without.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            theirs.close()
            pipes[ours] = process
        open_pipes = list(pipes)
        while open_pipes:
            for pipe in wait(open_pipes):
                assert isinstance(pipe, Connection)
                try:
                    number, result = pickle.loads(pipe.recv_bytes())
                    found[number] = result
                except (EOFError, OSError):
                    open_pipes.remove(pipe)
    finally:
        os.close(take)
        for pipe, process in pipes.items():
            pipe.close()
            if process.is_alive():
                process.kill()
            process.join()
    return found


def _draw(
    work: Callable[[str], T], names: Sequence[str], take: int, pipe: Connection, inherited: Sequence[Connection]
) -> None:
    """A worker's life: one name after the other, until none is left, one fails or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once and in silence
    for other in inherited:
        other.close()  # held open, it would keep the pipe of a dead parent writable
    try:
        while number := os.read(take, 1):
            pipe.send_bytes(pickle.dumps((number[0], work(names[number[0]]))))
    except BaseException:
        os._exit(1)  # this process's parent draws it again, and says what is wrong
