"""What a Ray worker is: a process that holds a function, with the detectors and weights in it, and is given tasks.

Ray moves only what can be pickled; what a run stands on beside that (its folder, the user's own files) is brought
along here, so that a worker on another machine finds what a forked one has anyway.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import CodedError, UserError
from bench.harness.engines.base import attempt
from bench.harness.engines.local import limit_memory, pin_threads
from bench.importing import FILE_MODULE, load_file

#: What must be equal on every machine of a run, in words: name -> what is there.
Facts = dict[str, str]


@dataclass(frozen=True)
class Surroundings:
    """Where a process works, as far as the results depend on it.

    Attributes:
        folder: the working directory, which relative names of data, weights and plug-ins start from.
        path: where modules are looked for.
        files: modules that were loaded from a file of the user's, by name.
        facts: pickled function that tells what must be equal on every machine.
        memory_limit: bytes of address space that a worker may have beside Ray's own, or None.
    """

    folder: str
    path: tuple[str, ...]
    files: dict[str, str]
    facts: bytes
    memory_limit: int | None = None

    @classmethod
    def here(cls, facts: bytes, memory_limit: int | None) -> Surroundings:
        """Those of this process."""
        found = {name: module for name, module in sys.modules.items() if name.startswith(FILE_MODULE)}
        files = {name: str(Path(str(module.__file__)).resolve()) for name, module in found.items()}
        folder = str(Path.cwd())
        return cls(folder, tuple(part or folder for part in sys.path), files, facts, memory_limit)

    def enter(self) -> Facts:
        """Make them those of this process, and tell how it is here.

        Raises:
            UserError: this machine lacks the folder.
        """
        pin_threads()  # numpy and OpenCV are not loaded yet
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise UserError(
                f"{self.folder} cannot be entered ({error.strerror}); start the run in a folder that all machines share"
            ) from None
        sys.path.extend(part for part in self.path if part not in sys.path)
        for name, path in self.files.items():
            load_file(Path(path), name)
        import cv2

        cv2.setNumThreads(1)
        if self.memory_limit is not None:
            limit_memory(self.memory_limit + _mapped())
        facts: Callable[[], Facts] = pickle.loads(self.facts)
        return facts()


class RayWorker:
    """One process of a cluster; lives as long as the run."""

    def __init__(self) -> None:
        self.function: Callable[[Any], Any] | None = None

    def prepare(self, surroundings: Surroundings) -> tuple[str, Facts]:
        """Called once, first; returns the machine's name and its facts."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C may reach all on this terminal; the driver decides
        return socket.gethostname(), surroundings.enter()

    def load(self, function: bytes) -> None:
        """Hold this function from now on."""
        self.function = pickle.loads(function)

    def do(self, task: Any) -> tuple[Any | CodedError, float]:
        """The function's result, and the processor seconds that it took, with the programs that it started."""
        assert self.function is not None
        begun = sum(os.times()[:4])
        result = attempt(self.function, task)
        return result, sum(os.times()[:4]) - begun


def _mapped() -> int:
    """Bytes of address space of this process: Ray's, most of it its store of objects."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (OSError, ValueError):
        return 0  # no such file, and no such limit, on this system
    return pages * os.sysconf("SC_PAGE_SIZE")
