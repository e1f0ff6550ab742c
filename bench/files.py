"""Files that are there whole or not at all, and one clear line when a disk refuses them."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from bench.errors import UserError


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write below a folder into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            mend = "free some space and run the same command again: it goes on where it stopped"
            raise UserError(f"no space left on the disk of {folder}; {mend}") from None
        raise UserError(f"{folder} cannot be written ({error.strerror or error}); choose another --out") from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``; renamed onto it when the block ends well, removed when it does not.

    Of a process that is killed it stays; ``clear_leftovers`` removes it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; those of living ones stay."""
    for path in folder.glob(".*.*"):
        number = path.name.rpartition(".")[2]
        if number.isdecimal() and path.is_file() and not _alive(int(number)):
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":  # where this signal would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # somebody else's
    return True


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file through a temporary one beside it; its folder is made where it is missing.

    Args:
        path: of the file.
        content: text is written as UTF-8 with the line ends it has.

    Raises:
        UserError: it cannot be written.
    """
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            # A name that is no UTF-8 becomes an escape, which JSON reads back.
            data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
            temporary.write_bytes(data)


def save(path: Path, data: bytes) -> None:
    """Write a file that the user named, whole or not at all; a pipe or a device is written to as it is.

    Raises:
        UserError: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        with replacing(path.resolve()) as temporary:  # what a link points to is replaced, not the link
            temporary.write_bytes(data)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from None


def cache_folder(kind: str) -> Path:
    """Where files of a kind are kept for this user between runs: ``washtest/<kind>`` in the user's cache."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "washtest" / kind
