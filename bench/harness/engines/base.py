"""What every engine is: something that runs one function over many tasks, whatever happens to its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bench.errors import CodedError, coded

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Spreads tasks over workers.

    Attributes:
        private_descriptors: file descriptors that workers must not keep open (a lock on the run folder).
        crashes: how many workers had to be replaced.
    """

    private_descriptors: tuple[int, ...]
    crashes: int

    @property
    def jobs(self) -> int | None:
        """Workers; None before an engine knows how many it gets."""

    def run(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R | CodedError]]:
        """Yield ``(index of task, result)`` as results come, in no particular order.

        A task whose worker dies or overruns its time is tried once more; then its result is a ``CodedError``.
        """

    def processor_seconds(self) -> float:
        """Used so far by this process and by every worker that has ended, with the programs that they started."""


def attempt(function: Callable[[T], R], task: T) -> R | CodedError:
    """The function's result, or its exception as a coded one."""
    try:
        return function(task)
    except Exception as error:
        return coded(error)


@dataclass(frozen=True)
class Lost:
    """Instead of a result: the worker is gone, or was ended at the time limit. A task is lost once, then coded."""

    code: str
    detail: str

    def twice(self) -> CodedError:
        """The result of a task that was lost again."""
        return CodedError(self.code, f"{self.detail}, twice")
