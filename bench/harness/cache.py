"""What slow attacks made, kept between runs: one file a result, named by everything that decides its content.

Reading a result back costs as much as a cheap attack, so attacks say themselves that they are slow (``attacks.base``).
A name holds what the attack reads of the file, its settings, the state of the generator that it is given, the versions
of the packages and programs it works with, and the code it is made of: a change of any of them is another name, and
what is no longer asked for goes when room is needed. Failures are not kept.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import json
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from attacks import Attack
from attacks.truth import performed
from bench import containers
from bench.errors import CodedError
from bench.files import cache_folder, replacing
from bench.harness.cache_files import FORM, Attacked, make_room, packed, unpacked
from bench.harness.plan import tool_versions, versions
from bench.media import Media

if TYPE_CHECKING:
    import numpy as np

#: Names the folder; otherwise it lies in the user's cache.
VARIABLE = "WASHTEST_CACHE"
#: Bytes that all results together may take, unless a run is told otherwise.
LIMIT = 4 << 30
#: The folder is looked through again when a process has written this share of the limit.
WRITTEN_SHARE = 1 / 64
#: The code that no attack can reach, as the layers of ``pyproject.toml`` have it.
NOT_BELOW_ATTACKS = ("analysis", "cli", "detectors", "harness", "labels", "suites")


@dataclass
class Cache:
    """The kept results of the slow attacks of a run; any number of processes may use one folder at once.

    Attributes:
        folder: of the results.
        made_of: ``repr`` of each slow attack -> versions and code that its results depend on.
        limit: bytes that all files together may take. A process notices what others write when it looks again, so it
            can be exceeded by ``WRITTEN_SHARE`` for each of them.
    """

    folder: Path
    made_of: dict[str, str]
    limit: int = LIMIT
    _written: float = field(default=float("inf"), repr=False)

    def name(self, attack: Attack, media: Media, rng: np.random.Generator) -> str:
        """Of the file of a result, hexadecimal; "" where it is not one to be kept."""
        made_of = self.made_of.get(repr(attack))
        content = made_of and _content(media, getattr(attack, "reads", "file"))
        if not made_of or not content:
            return ""
        chance = json.dumps(rng.bit_generator.state, sort_keys=True, default=str)
        return hashlib.sha256("\x1f".join((str(FORM), content, repr(attack), chance, made_of)).encode()).hexdigest()

    def get(self, name: str) -> Attacked | None:
        """A kept result; one whose checksum does not hold is removed."""
        path = self._path(name)
        try:
            found = unpacked(name, path.read_bytes())
            if found is None:
                path.unlink()
            else:
                os.utime(path)  # the time of its last use
        except OSError:
            return None
        return found

    def put(self, name: str, made: Attacked, seconds: float) -> None:
        """Keep a result, whole or not at all; a disk that refuses it costs the next run some time and this one nothing.

        Args:
            name: of the result.
            made: to be kept.
            seconds: that it took.
        """
        if made.mask is not None and (made.mask.dtype != "uint8" or made.mask.ndim != 2):
            return  # no mask as it should be, which a file would change
        content = packed(name, made, seconds)
        if len(content) > self.limit:
            return
        path = self._path(name)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
            self._written += len(content)
            if self._written >= self.limit * WRITTEN_SHARE:
                make_room(self.folder, self.limit)
                self._written = 0.0

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


def cache_for(attacks: Iterable[Attack], limit: int = LIMIT, folder: Path | None = None) -> Cache | None:
    """The cache that a run with these attacks uses, None where none of them is slow.

    Args:
        attacks: of the run.
        limit: bytes.
        folder: instead of the user's.
    """
    made_of = {
        repr(attack): found for attack in attacks if getattr(attack, "slow", False) and (found := _made_of(attack))
    }
    return Cache(folder or results_folder(), made_of, limit) if made_of else None


def attacked(cache: Cache | None, attack: Attack, media: Media, rng: np.random.Generator) -> Attacked:
    """What an attack makes of a file: read back where it was kept, else made now, and kept where that is worth it.

    Args:
        cache: of the run, or None.
        attack: slow or not, given its targets.
        media: to be attacked.
        rng: for this alone; a result that is read back leaves it as it was.

    Raises:
        CodedError: as the attack.
    """
    name = cache.name(attack, media, rng) if cache else ""
    if cache is None or not name:
        return Attacked(*performed(attack, media, rng))
    if (found := cache.get(name)) is not None:
        return found
    start = time.perf_counter()
    made = Attacked(*performed(attack, media, rng))
    cache.put(name, made, time.perf_counter() - start)
    return made


def results_folder() -> Path:
    """The folder that ``WASHTEST_CACHE`` names, or ``washtest/attacked`` in the user's cache."""
    named = os.environ.get(VARIABLE)
    return Path(named).absolute() if named else cache_folder("attacked")


def _content(media: Media, reads: str) -> str:
    """What an attack reads of a file: ``pixels``, the file as it is ``shown``, or all of it.

    "" for all of a signed file: its bytes are others in every run, and its results would only take room.
    """
    if reads == "pixels" or media.fresh:  # to ask a fresh one for its bytes would encode it, which the records show
        return f"{'fresh' if media.fresh and reads != 'pixels' else 'pixels'} {media.once(_pixel_digest)}"
    if reads == "shown":
        return f"shown {media.mime} {media.once(_shown_digest)}"
    return "" if media.once(_is_signed) else f"file {media.mime} {media.sha256}"


def _pixel_digest(media: Media) -> str:
    pixels = media.pixels()
    return f"{pixels.shape} {hashlib.sha256(pixels.data).hexdigest()}"


def _is_signed(media: Media) -> bool:
    try:
        return containers.c2pa_store(media.data) is not None
    except CodedError:
        return False


def _shown_digest(media: Media) -> str:
    """Of the file without its C2PA manifest, which no viewer draws and whose signature is another in every run."""
    try:
        data = containers.remove(media.data, ("c2pa",))
    except CodedError:
        return media.sha256
    return hashlib.sha256(data).hexdigest()


def _made_of(attack: Attack) -> str:
    """Everything but the file, the settings and chance that decides what an attack makes; "" where that is unknown."""
    code = _sources(attack)
    if code is None:
        return ""
    facts = versions() | tool_versions(attack)
    facts |= {"channel": attack.channel, "machine": f"{platform.system()} {platform.machine()}", "code": _code()}
    return json.dumps([facts, code], sort_keys=True)


def _sources(attack: Attack) -> list[str] | None:
    """Digests of the modules of other people's attacks, steps of a chain included; None where one has no file."""
    found = []
    for step in getattr(attack, "attacks", ()):
        inner = _sources(step)
        if inner is None:
            return None
        found += inner
    if type(attack).__module__.partition(".")[0] == "attacks":
        return found
    try:
        return [*found, hashlib.sha256(Path(inspect.getfile(type(attack))).read_bytes()).hexdigest()]
    except (OSError, TypeError):
        return None


@functools.cache
def _code() -> str:
    """A digest of this project's attacks and of all that they are built upon."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for folder in (root / "attacks", root / "bench"):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).parts[0]
            if path.suffix in (".py", ".toml") and not (folder.name == "bench" and inside in NOT_BELOW_ATTACKS):
                digest.update(f"{path.relative_to(root).as_posix()}\x1f".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
