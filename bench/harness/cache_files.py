"""The files that results of slow attacks are kept in: what is in one, and how many there may be.

Each starts with a checksum, so that a torn or altered file is noticed and its result made again. A file holds data
and no code. Only files with a name of ours are ever removed, whatever else lies in the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.media import Media

if TYPE_CHECKING:
    import numpy as np

#: Of the form of a file; part of every name.
FORM = 1
#: Where room is needed, the results unused for longest go until this share of the limit is taken.
KEPT_SHARE = 0.9
#: Bytes of the checksum.
CHECKSUM = 32


@dataclass(frozen=True)
class Attacked:
    """What an attack made.

    Attributes:
        media: the file.
        mask: where it was generated, as ``attacks.truth.performed`` gives it.
        saved: seconds that making it took, where that was in an earlier run; None where it was made now.
    """

    media: Media
    mask: np.ndarray | None
    saved: float | None = None


def packed(name: str, made: Attacked, seconds: float) -> bytes:
    """Checksum, a line of facts, the file (pixels that were never encoded as PNG), the mask as PNG."""
    media = made.media
    # Not by asking this one for its bytes: whether they exist stands in the records.
    data = media.data if media.encoded else Media.from_pixels(media.pixels()).data
    mask = b"" if made.mask is None else _png(made.mask)
    facts = {"mime": media.mime, "fresh": media.fresh, "encoded": media.encoded, "seconds": seconds, "bytes": len(data)}
    content = json.dumps(facts).encode() + b"\n" + data + mask
    return _checksum(name, content) + content


def unpacked(name: str, data: bytes) -> Attacked | None:
    """What a file holds, None where it is not what was written under this name."""
    checksum, content = data[:CHECKSUM], data[CHECKSUM:]
    if checksum != _checksum(name, content):
        return None
    line, _, rest = content.partition(b"\n")
    facts = json.loads(line)
    file, mask = rest[: facts["bytes"]], rest[facts["bytes"] :]
    media = Media(file, facts["mime"])
    if not facts["encoded"]:
        media = Media.from_pixels(media.pixels())
    media.fresh = facts["fresh"]
    return Attacked(media, _plane(mask) if mask else None, facts["seconds"])


def _checksum(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + content).digest()


def _png(mask: np.ndarray) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", mask)[1])


def _plane(data: bytes) -> Any:
    import cv2
    import numpy as np

    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


def refusal(folder: Path) -> str:
    """Why nothing can be kept in a folder, or "" where something can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return "" if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        return error.strerror or str(error)


def kept(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The results in a folder, temporary files included; anything else in it is not ours."""
    for parent in folder.glob("[0-9a-f][0-9a-f]"):
        with contextlib.suppress(OSError):
            for path in parent.iterdir():
                if re.fullmatch(r"\.?[0-9a-f]{64}(\.\d+)?", path.name):
                    with contextlib.suppress(OSError):  # another process was faster
                        yield path, path.lstat()


def make_room(folder: Path, limit: int) -> int:
    """Remove the results unused for longest where all together take more than ``limit`` bytes; returns what is left."""
    found = sorted(kept(folder), key=lambda entry: entry[1].st_mtime_ns)
    total = sum(stat.st_size for _, stat in found)
    aim = limit * KEPT_SHARE if total > limit else limit
    for path, stat in found:
        if total <= aim:
            break
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            total -= stat.st_size
    return total
