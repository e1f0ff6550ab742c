"""Which run writes to a mirror: an object beside its records that is written again and again while the run goes on.

Object stores have no locks, and not all that fsspec reaches can create an object only where there is none. So a run
that finds a claim watches it: one that changes is of a run at work, one that does not for a minute was left by a run
that died. Clocks of other machines are not asked. Two runs that come within ``SETTLE`` seconds see each other's claim
when they look again; a run that gave no sign for longer than ``SILENT`` seconds, since its machine slept or its network
was cut, notices that it was taken over and stops.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.errors import UserError
from bench.harness.places import place, reaching, read, without_secrets

#: The object in the run's folder.
NAME = "writer.json"
#: Seconds between two signs of a run, and without any before another takes over.
BEAT, SILENT = 10.0, 60.0
#: Seconds between writing a claim and looking whether another came at the same time; longer than a write takes.
SETTLE = 1.0


class Claim:
    """One run's claim on a mirror.

    Args:
        url: of the mirror.
        owner: one word for the run's folder: the same run, started again there, need not wait for itself.
    """

    def __init__(self, url: str, owner: str) -> None:
        self._given, self.url, self._owner = url, without_secrets(url), owner
        self._files, root = place(url)
        self._root, self._path = root, f"{root}/{NAME}"
        self._lost: bytes | None = None
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="washtest-mirror", daemon=True)

    def take(self, say: Callable[[str], None]) -> None:
        """Claim the mirror, and keep the claim until ``release``.

        Args:
            say: told that this waits.

        Raises:
            UserError: another run is writing there, or the place cannot be written.
        """
        with reaching(self.url):
            self._await_silence(say)
            self._write(self._files)
            time.sleep(SETTLE)
            self._refuse(self._read(self._files))
        self._thread.start()

    def check(self) -> None:
        """Nothing, while the claim stands.

        Raises:
            UserError: another run took over.
        """
        if self._lost is not None:
            raise UserError(
                f"{self.url} was taken over by another run{_described(self._lost)}, since this one gave no sign for "
                f"{SILENT:g} s; what is measured is on this disk, and the same command goes on when that one has ended"
            )

    def release(self) -> None:
        """Give the mirror free; where that fails, it is free when the claim has been silent for long enough."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(BEAT)
        with contextlib.suppress(Exception):
            if self._is_own(self._read(self._files)):
                self._files.rm_file(self._path)

    def _await_silence(self, say: Callable[[str], None]) -> None:
        """Return when nobody else claims the mirror, or whoever did has given no sign for ``SILENT`` seconds."""
        first = self._read(self._files)
        if first is None or self._is_own(first):
            return
        say(f"{self.url} was claimed by another run{_described(first)}; waiting {SILENT:g} s for a sign of it")
        until = time.monotonic() + SILENT
        while time.monotonic() < until:
            time.sleep(min(1.0, BEAT / 4))
            found = self._read(self._files)
            if found is None:
                return
            if found != first:
                self._refuse(found)

    def _refuse(self, found: bytes | None) -> None:
        if found is not None and not self._is_own(found):
            raise UserError(
                f"{self.url} is being written by another run{_described(found)}; wait for it or choose another --mirror"
            )

    def _keep(self) -> None:
        """Give a sign every ``BEAT`` seconds, in a thread of its own: one sample may take minutes."""
        while not self._ended.wait(BEAT):
            # What cannot be reached now is said by the run's own next write.
            with contextlib.suppress(Exception):
                files, _ = place(self._given)  # not all kinds can be shared by threads; fsspec keeps one for each
                found = self._read(files)
                # Nothing in it is what a full disk leaves of our own; who is just writing looks again and sees ours.
                if found and not self._is_own(found):
                    self._lost = found
                    return
                self._write(files)

    def _read(self, files: Any) -> bytes | None:
        try:
            return read(files, self._path)
        except FileNotFoundError:
            return None

    def _write(self, files: Any) -> None:
        self._beats += 1
        claim = {"owner": self._owner, "host": platform.node(), "process": os.getpid(), "beat": self._beats}
        files.makedirs(self._root, exist_ok=True)
        files.pipe_file(self._path, json.dumps(claim).encode())

    def _is_own(self, found: bytes | None) -> bool:
        return found is not None and _parsed(found).get("owner") == self._owner


def _parsed(found: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        claim = json.loads(found)
        if isinstance(claim, dict):
            return claim
    return {}  # not written by us, or just being written: somebody's all the same


def _described(found: bytes) -> str:
    """Who it is, as far as that can be printed: whoever may write to the place chose the words."""
    claim = _parsed(found)
    host, process = claim.get("host"), claim.get("process")
    named = isinstance(host, str) and re.fullmatch(r"[\w.-]{1,253}", host) and isinstance(process, int)
    return f" (process {process} on {host})" if named else ""
