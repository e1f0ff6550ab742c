"""Reads the files of a ZIP or tar archive that somebody else packed, without ever unpacking it to disk.

The names of all members are judged before any of them is read, and one that is not a plain file of its own below the
archive's top refuses the archive: whoever packs ``../x`` or a link once is not to be trusted with the rest. Contents
are then handed out one at a time, in memory, so that nothing of an archive lands anywhere under a name it chose.
"""

from __future__ import annotations

import contextlib
import functools
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from bench.errors import UserError
from bench.settings import settings

if TYPE_CHECKING:
    import tarfile
    import zipfile

#: First bytes of the kinds that are read; a plain tar has ``ustar`` at 257 instead.
ZIP, GZIP, BZIP2, XZ = b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
#: No tar header asks for more at once; contents are read in smaller pieces.
STEP = 1 << 20


@settings
class Limits:
    """What an archive may hold.

    Attributes:
        files: members, folders included.
        file_bytes: of one file, unpacked.
        total_bytes: of all files, unpacked.
        ratio: unpacked to packed bytes. Pictures hardly shrink (JPEG about 1:1, flat BMP some 50:1); DEFLATE alone
            reaches 1032:1 (https://zlib.net/zlib_tech.html), and members that overlap have no bound.
        allowance: unpacked bytes that are allowed at any ratio, since small archives may be of flat pictures.
    """

    files: int = 1_000_000
    file_bytes: int = 1 << 30
    total_bytes: int = 1 << 40
    ratio: int = 100
    allowance: int = 1 << 26


@dataclass(frozen=True)
class Member:
    """A file of an archive.

    Attributes:
        name: checked: relative, no ``..``.
        data: its content.
    """

    name: PurePosixPath
    data: bytes


@dataclass(frozen=True)
class _Entry:
    """What an archive says of a member: ``kind`` is file, folder or whatever else it is."""

    name: str
    kind: str
    size: int


def is_archive(path: Path) -> bool:
    """Whether the first bytes are those of an archive that ``members`` reads; the name does not matter."""
    return bool(_kind(path))


def members(path: Path, limits: Limits = Limits()) -> Iterator[Member]:  # noqa: B008  (frozen)
    """The files of an archive in its order; folders are left out.

    Raises:
        UserError: at the first step, before any content is read: a name that leaves the archive's folder, that is
            taken twice (also where letter case or Unicode normalisation alone differ, which one file system tells
            apart and the next does not), a link or device, an encrypted file, more than ``limits`` allows. Later: the
            archive is damaged.
    """
    kind = _kind(path)
    if not kind:
        raise UserError(f"{path} is no ZIP or tar archive (gzip, bzip2 and xz are read too)")
    with _refusals(path):
        yield from (_zip(path, limits) if kind == "zip" else _tar(path, kind, limits))


def _kind(path: Path) -> str:
    """zip, tar, gzip, bzip2, xz, or "" for what is no archive."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        start = file.read(512)
    for magic, kind in ((ZIP, "zip"), (b"PK\x05\x06", "zip"), (GZIP, "gzip"), (BZIP2, "bzip2"), (XZ, "xz")):
        if start.startswith(magic):
            return kind
    return "tar" if start[257:262] == b"ustar" else ""


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """One clear line for whatever the readers of the standard library raise on damaged archives."""
    import lzma
    import struct
    import tarfile
    import zipfile
    import zlib

    damaged = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, struct.error, EOFError, OSError)
    try:
        yield
    except (*damaged, ValueError, RecursionError, MemoryError, NotImplementedError, RuntimeError) as error:
        why = str(error) or type(error).__name__
        raise UserError(f"{path} cannot be read: {why}; pack it again, or unpack it and import the folder") from None


def _checked(path: Path, entries: Iterator[_Entry], limits: Limits) -> dict[str, PurePosixPath]:
    """The names of the files, by the names that the archive has for them.

    Raises:
        UserError: as ``members``.
    """
    packed = path.stat().st_size
    most = min(limits.total_bytes, limits.allowance + limits.ratio * packed)
    names: dict[str, PurePosixPath] = {}
    taken: dict[str, str] = {}
    total = 0

    def refuse(why: str) -> UserError:
        return UserError(f"{path} is refused: {why}; unpack it yourself if you trust it, and import the folder")

    for number, entry in enumerate(entries, 1):
        if number > limits.files:
            raise refuse(f"it holds more than {limits.files:,} members")
        shown = repr(entry.name if len(entry.name) <= 80 else entry.name[:77] + "...")
        if why := _fault(entry.name):
            raise refuse(f"the name {shown} {why}")
        name = PurePosixPath(entry.name)
        if entry.kind == "folder":
            continue
        if entry.kind != "file":
            raise refuse(f"{shown} is a {entry.kind}")
        if not name.parts:
            raise refuse(f"the name {shown} is empty")
        if not 0 <= entry.size <= limits.file_bytes:  # less than nothing would make a reader go backwards for ever
            raise refuse(f"{shown} is {entry.size:,} bytes, the limit is {limits.file_bytes:,}")
        total += entry.size
        if total > most:
            raise refuse(f"its {packed:,} bytes would become more than {most:,}")
        folded = _folded(name)
        if folded in taken:
            same = "twice" if taken[folded] == entry.name else f"and {taken[folded]!r}, one name on some disks"
            raise refuse(f"it holds {shown} {same}")
        taken[folded] = entry.name
        names[entry.name] = name
    for name in names.values():
        for folder in name.parents[:-1]:
            if (folded := _folded(folder)) in taken:
                raise refuse(f"{taken[folded]!r} is a file there and a folder too")
    return names


def _folded(name: PurePosixPath) -> str:
    """Equal for names that some file system takes for one: whatever the letter case and the Unicode normalisation."""
    # Decomposed twice, since case folding can compose what was apart.
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", str(name)).casefold())


def _fault(name: str) -> str:
    """What is wrong with a member's name, or ""."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if "\0" in name or "\\" in name:
        return "holds a NUL or a backslash"
    if name.startswith("/") or (name[1:2] == ":" and name[0].isalpha()):
        return "is absolute"
    return "leaves the archive's folder" if ".." in name.split("/") else ""


def _zip(path: Path, limits: Limits) -> Iterator[Member]:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
        names = _checked(path, map(_zip_entry, found), limits)
        for info in found:
            if info.orig_filename not in names:
                continue
            with archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
            if len(data) != info.file_size:
                raise zipfile.BadZipFile(f"{info.orig_filename!r} is not of the size it states")
            yield Member(names[info.orig_filename], data)


def _zip_entry(info: zipfile.ZipInfo) -> _Entry:
    mode = info.external_attr >> 16  # of Unix; zero from other systems
    kind = "folder" if info.is_dir() else "file"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "link" if stat.S_ISLNK(mode) else "special file"
    elif info.flag_bits & 1:
        kind = "file under a password"
    # ``filename`` ends at the first NUL, and so hides what the archive really says.
    return _Entry(info.orig_filename, kind, info.file_size)


class _Stepwise:
    """A stream for ``tarfile`` that gives no more at once than a header may take.

    A tar header may state that gigabytes of text belong to it, which ``tarfile`` would read into memory.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= STEP:
            raise ValueError(f"a header of {size:,} bytes")
        return self._stream.read(size)


def _opened(path: Path, kind: str) -> Any:
    import bz2
    import gzip
    import lzma

    if kind == "gzip":
        return gzip.open(path)
    if kind == "bzip2":
        return bz2.open(path)
    return lzma.open(path) if kind == "xz" else path.open("rb")


def _tar(path: Path, kind: str, limits: Limits) -> Iterator[Member]:
    import tarfile

    with _opened(path, kind) as stream:
        # Twice from the start: all names are judged before the first content is handed out.
        with tarfile.open(fileobj=_Stepwise(stream), mode="r:") as archive:  # type: ignore[call-overload]
            names = _checked(path, map(_tar_entry, archive), limits)
            end = archive.offset
        # ``tarfile`` takes a damaged header for the end.
        stream.seek(end)
        block = stream.read(512)
        if len(block) < 512 or any(block):
            raise tarfile.ReadError("it ends early or is damaged in the middle")
        stream.seek(0)
        with tarfile.open(fileobj=_Stepwise(stream), mode="r:") as archive:  # type: ignore[call-overload]
            for info in archive:
                if info.name not in names:
                    continue
                content = archive.extractfile(info)
                assert content is not None  # a plain file
                data = b"".join(iter(functools.partial(content.read, STEP), b""))
                if len(data) != info.size:
                    raise tarfile.ReadError(f"{info.name!r} is not of the size it states")
                yield Member(names[info.name], data)


def _tar_entry(info: tarfile.TarInfo) -> _Entry:
    kind = "folder" if info.isdir() else "file" if info.isreg() and not info.issparse() else "special file"
    if info.issym() or info.islnk():
        kind = "link"
    return _Entry(info.name, kind, info.size)
