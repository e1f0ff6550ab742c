"""Where the files of a data set were first published: origins as ``samples.csv`` writes them, and what is made of them.

=========================================  =======================================================================
``github:OWNER/REPO@COMMIT:PATH``          the file at that commit
``npm:NAME@VERSION:PATH``                  the file in that package
``deb:PACKAGE==VERSION:PATH``              the file in that Debian package, whose address, size and digest the data
                                           set's card pins: ``[archives."deb:PACKAGE==VERSION"]``
=========================================  =======================================================================

A recipe says what was done to the file: ``tile:2x2:X,Y`` (a quarter of a contact sheet, counted from the top left) or
``over:GREY`` (transparency laid over that grey), each stored as PNG by Pillow. The digest in ``samples.csv`` is of the
result, so a recipe that gives other bytes is a failure and never another picture.
"""

from __future__ import annotations

import io
import re
import tarfile
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.errors import CodedError

_GITHUB = re.compile(r"github:(?P<repository>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{7,40}):(?P<path>.+)")
_NPM = re.compile(r"npm:(?P<name>(?:@[\w.-]+/)?[\w.-]+)@(?P<version>[\w.+-]+):(?P<path>.+)")
_DEB = re.compile(r"(?P<archive>deb:[a-z0-9.+-]+==[\w.+:~-]+):(?P<path>.+)")

#: Pixels of a contact sheet that are decoded at most.
MAX_PIXELS = 64_000_000

#: The header of each member of an ar archive, which a .deb is (deb(5)): name 16, ..., size in bytes at 48, 10 digits.
_AR, _AR_HEADER = b"!<arch>\n", 60
_TARS = {"data.tar.xz": "r|xz", "data.tar.gz": "r|gz", "data.tar": "r|"}


@dataclass(frozen=True)
class Archive:
    """A pinned archive that holds several files.

    Attributes:
        name: as origins write it.
        url: https.
        bytes: its size.
        sha256: its digest.
    """

    name: str
    url: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Origin:
    """Where one file comes from: a URL of its own, or a path in an archive."""

    path: str
    url: str = ""
    archive: Archive | None = None


def archives(card: Mapping[str, Any]) -> dict[str, Archive]:
    """The archives that a data set's card pins, by name; entries that are no pins are left out."""
    found = {}
    for name, pin in (card.get("archives") or {}).items():
        try:
            found[name] = Archive(name, str(pin["url"]), int(pin["bytes"]), str(pin["sha256"]))
        except (KeyError, TypeError, ValueError):
            continue
    return found


def parse(text: str, pinned: Mapping[str, Archive]) -> Origin:
    """An origin of ``samples.csv``.

    Raises:
        CodedError: ``E_ORIGIN``: no scheme that can be followed, or an archive without a pin.
    """
    if found := _GITHUB.fullmatch(text):
        base = f"https://raw.githubusercontent.com/{found['repository']}/{found['commit']}/"
        return Origin(found["path"], base + urllib.parse.quote(found["path"]))
    if found := _NPM.fullmatch(text):
        base = f"https://cdn.jsdelivr.net/npm/{found['name']}@{found['version']}/"
        return Origin(found["path"], base + urllib.parse.quote(found["path"]))
    if found := _DEB.fullmatch(text):
        if found["archive"] not in pinned:
            raise CodedError("E_ORIGIN", f"dataset.toml pins no archive {found['archive']}")
        return Origin(found["path"], archive=pinned[found["archive"]])
    raise CodedError("E_ORIGIN", f"{text or 'no origin'}: known are github:, npm: and deb: with a commit or version")


def members(archive: Path, wanted: Mapping[str, int]) -> Iterator[tuple[str, bytes]]:
    """The files of a Debian package at these paths, in the order they lie there; others are passed over, none unpacked.

    Args:
        archive: the .deb.
        wanted: path without a leading slash -> most bytes that are read of it.

    Raises:
        CodedError: ``E_ARCHIVE``: it cannot be read. A path that is a link, too large or missing is
            not given.
    """
    try:
        with archive.open("rb") as file:
            mode, length = _find_data(file)
            with tarfile.open(fileobj=_Window(file, length), mode=mode) as tar:  # type: ignore[call-overload]
                for member in tar:
                    name = member.name.removeprefix("./")
                    if name in wanted and member.isreg() and member.size <= wanted[name]:
                        stream = tar.extractfile(member)
                        yield name, stream.read(wanted[name]) if stream else b""
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise CodedError("E_ARCHIVE", f"{archive.name} cannot be read: {error}") from None


def _find_data(file: IO[bytes]) -> tuple[str, int]:
    """Moves to the start of the tar archive of a package's files; how it is opened, and its length."""
    if file.read(len(_AR)) != _AR:
        raise ValueError("it is no Debian package")
    while len(header := file.read(_AR_HEADER)) == _AR_HEADER:
        name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), int(header[48:58])
        if name in _TARS:
            return _TARS[name], size
        file.seek(size + size % 2, 1)
    raise ValueError(f"it has none of {', '.join(_TARS)}")


class _Window(io.RawIOBase):
    """The next bytes of a file, as a stream of their own."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file, self._left = file, length

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def cook(data: bytes, recipe: str) -> bytes:
    """What a recipe makes of a file; none leaves it as it is.

    Raises:
        CodedError: ``E_RECIPE``: unknown, or not for this file.
    """
    if not recipe:
        return data
    tile, over = re.fullmatch(r"tile:2x2:([01]),([01])", recipe), re.fullmatch(r"over:(\d{1,3})", recipe)
    if not tile and not over:
        raise CodedError("E_RECIPE", f"{recipe!r} is neither tile:2x2:X,Y nor over:GREY")
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise CodedError("E_RECIPE", f"a picture of {picture.width}x{picture.height} is not decoded")
            if tile:
                width, height = picture.width // 2, picture.height // 2
                left, top = int(tile[1]) * width, int(tile[2]) * height
                made = picture.convert("RGB").crop((left, top, left + width, top + height))
            else:
                grey = int(over[1]) if over else 0
                made = Image.new("RGBA", picture.size, (grey, grey, grey, 255))
                made = Image.alpha_composite(made, picture.convert("RGBA")).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise CodedError("E_RECIPE", f"{recipe}: the file cannot be decoded: {error}") from None
    out = io.BytesIO()
    made.save(out, "PNG")
    return out.getvalue()
