"""What is installed on this machine: packages with their versions, external programs.

Versions go into every attack's ``channel`` and every run's header, and ``washtest list`` must answer in a few
interpreter start-ups: so package versions are taken from the names of their ``.dist-info`` folders, which costs one
directory listing, where ``importlib.metadata`` costs more than the rest of the command. External programs are asked
for theirs when a run needs it, once in each process.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from bench.errors import CodedError

#: What one call of an external program may take: seconds of wall clock, bytes of address space, bytes of one file.
TIME_LIMIT, MEMORY_LIMIT, FILE_LIMIT = 60.0, 8 << 30, 4 << 30


@functools.cache
def _installed() -> dict[str, tuple[str, str]]:
    """Normalised distribution name -> (version, path of its dist-info folder); the first on ``sys.path`` wins."""
    found: dict[str, tuple[str, str]] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208  (pathlib is slower here, and this is the start-up path)
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info") and "-" in name:
                package, _, version = name.removesuffix(".dist-info").rpartition("-")
                found.setdefault(_normal(package), (version, f"{folder or '.'}/{name}"))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def package_version(*names: str) -> str | None:
    """The version of the first of these distributions that is installed, or None."""
    installed = _installed()
    return next((installed[_normal(n)][0] for n in names if _normal(n) in installed), None)


def distribution_folder(name: str) -> Path | None:
    """The folder that an installed distribution's files lie in (``site-packages``), or None."""
    found = _installed().get(_normal(name))
    return Path(found[1]).parent if found else None


def opencv_version() -> str:
    """OpenCV's version, whichever of its wheels is installed."""
    wheels = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
    return package_version(*wheels) or "of unknown version"


def distributions_with_entry_points(prefix: str) -> list[tuple[str, str, str]]:
    """Entry points of groups that start with ``prefix``: ``(group, name, "module:attr")``, without importing anything.

    Reads the ``entry_points.txt`` of each installed distribution; most have none of ours, and those are not parsed.
    """
    found, wanted = [], f"[{prefix}".encode()
    for _, folder in sorted(_installed().values()):
        try:
            with open(f"{folder}/entry_points.txt", "rb", buffering=0) as file:  # noqa: PTH123  (start-up path)
                content = file.read()
            if wanted not in content:
                continue
            text = content.decode()
        except (OSError, UnicodeDecodeError):
            continue
        group = ""
        for line in map(str.strip, text.splitlines()):
            if line.startswith("[") and line.endswith("]"):
                group = line[1:-1]
            elif "=" in line and group.startswith(prefix):
                name, _, target = line.partition("=")
                found.append((group, name.strip(), target.strip()))
    return found


def program(*names: str) -> str | None:
    """The path of the first of these programs that is on PATH, or None."""
    return next((path for name in names if (path := shutil.which(name))), None)


@functools.cache
def program_version(path: str, *flags: str) -> str:
    """The version that a program names when it is called with these flags, asked once in each process.

    Returns:
        The first text of its answer that has the form of a version number, or ``of unknown version``.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="washtest-") as folder:
        try:
            said = run_program([path, *flags], Path(folder), seconds=20, codes=range(256))
        except CodedError:
            said = ""
    found = re.search(r"\d+\.\d[\w.+-]*", said)
    return found[0] if found else "of unknown version"


def run_program(
    command: Sequence[str],
    folder: Path,
    *,
    seconds: float = TIME_LIMIT,
    memory: int = MEMORY_LIMIT,
    codes: Sequence[int] = (0,),
    home: Path | None = None,
) -> str:
    """Run an external program in a folder of its own, within limits, and wait for it.

    It gets an empty home, no standard input, one thread where it obeys the usual variables, the locale C.UTF-8 and
    the zone UTC: neither this user's settings nor the machine's change what it makes. Whatever it leaves running is
    killed with its process group; what leaves that group too ends with the processor time that it was given, which is
    that of all processors over ``seconds``. No file may grow beyond ``FILE_LIMIT``, and no core is dumped.

    Args:
        command: program and arguments; relative paths are inside ``folder``.
        folder: private to this call; what the program says is kept there while it runs.
        seconds: of wall clock.
        memory: bytes of address space (``RLIMIT_AS``), each of its processes on its own; not limited on macOS.
        codes: exit codes that mean success.
        home: instead of an empty one inside ``folder``.

    Returns:
        What it printed, both streams, at most 64 KiB of each.

    Raises:
        CodedError: ``E_TOOL_TIMEOUT``, ``E_TOOL`` (exit code or signal, with its last line), ``E_TOOL_START``.
    """
    import subprocess

    name = Path(command[0]).name
    home = home or folder / "home"
    home.mkdir(exist_ok=True)
    # Set by a shell between fork and exec, since Python's own hook for this is unsafe in a process that has threads.
    # It gets the command as its arguments, which it does not interpret. Files are counted in blocks of 512 bytes.
    processors = int(seconds + 1) * (os.cpu_count() or 1)
    limits = f'ulimit -c 0; ulimit -t {processors}; ulimit -f {FILE_LIMIT >> 9}; ulimit -v "$0" 2>/dev/null; exec "$@"'
    limited = ["/bin/sh", "-c", limits, str(memory >> 10), *command]
    with (folder / "said.out").open("w+b") as out, (folder / "said.err").open("w+b") as err:
        try:
            code = call(limited, folder, _environment(folder, home), seconds, subprocess.DEVNULL, out, err)
        except OSError as error:
            raise CodedError("E_TOOL_START", f"{name}: {error.strerror or error}") from None
        except subprocess.TimeoutExpired:
            raise CodedError("E_TOOL_TIMEOUT", f"{name} ran longer than {seconds:g} s") from None
        out.seek(0)
        err.seek(0)
        said = [_text(stream.read(1 << 16), folder) for stream in (out, err)]
    if code not in codes:
        raise CodedError(
            "E_TOOL", f"{name} {ended(code)}: {last_line(said[1]) or last_line(said[0]) or 'without a word'}"
        )
    return "\n".join(said)


def call(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    stdin: int | BinaryIO,
    stdout: int | BinaryIO,
    stderr: int | BinaryIO,
) -> int:
    """Run a program and wait for it; whatever it leaves running is killed with its process group.

    Returns:
        Its exit code, minus the signal that ended it.

    Raises:
        OSError: it cannot be started.
        subprocess.TimeoutExpired: it took longer than ``seconds``, and was killed.
    """
    import contextlib
    import signal
    import subprocess

    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    )
    try:
        return process.wait(seconds)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ended(code: int) -> str:
    """How a program ended, in words."""
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"


def last_line(said: str) -> str:
    """The line that most likely says what went wrong: the last that speaks of an error, else the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|fail|cannot|can't|unable|invalid|not ", line, re.I)]
    return (telling or lines or [""])[-1]


def _text(said: bytes, folder: Path) -> str:
    """Without the name of the private folder, which is another each time."""
    return said.decode("utf-8", "replace").replace(f"{folder}/", "").replace(str(folder), ".")


def _environment(folder: Path, home: Path) -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "NODE_PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if
            name in os.environ}  # fmt: skip
    threads = ("OMP_NUM_THREADS", "MAGICK_THREAD_LIMIT", "VIPS_CONCURRENCY")
    return (
        kept
        | dict.fromkeys(threads, "1")
        | {"HOME": str(home), "TMPDIR": str(folder), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        | {"SOURCE_DATE_EPOCH": "1767225600"}  # 2026-01-01; some tools stamp this instead of the clock
    )
