"""Scores that were made elsewhere: a CSV file keyed by the content of the files that were scored.

``sha256,score`` names each file by the SHA-256 of its bytes; ``id,score`` by ``content_id``, which ``washtest export``
gives the files that it writes. The latter holds for a run's own files even where their bytes differ from run to run,
as a C2PA signature makes them. A file that the table does not name is an error, never a verdict.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.detectors.base import DetectorInfo, Score
from bench.detectors.plugins.rows import read_scores
from bench.errors import CodedError, UserError
from bench.media import Media
from bench.weights import digest_of

#: Hexadecimal digits of each kind of key.
DIGITS = {"sha256": 64, "id": 32}


def content_id(media: Media) -> str:
    """What names a file by what is seen in it: format, size and decoded pixels, not its metadata; 32 digits."""
    pixels = media.pixels()
    digest = hashlib.sha256(f"{media.mime} {pixels.shape[1]}x{pixels.shape[0]} ".encode())
    digest.update(pixels.data)
    return digest.hexdigest()[:32]


@dataclass(frozen=True, repr=False)
class TableDetector:
    """Looks the score up.

    Attributes:
        path: of the table, as the user gave it.
        info: named after the file; its version is the table's digest.
        key: ``sha256`` or ``id``.
        scores: by key.
    """

    path: str
    info: DetectorInfo
    key: str
    scores: Mapping[bytes, Score] = field(compare=False)

    def __repr__(self) -> str:
        return self.path

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """What the table says about each file."""
        return [self._score(media) for media in batch]

    def _score(self, media: Media) -> Score:
        key = media.sha256 if self.key == "sha256" else content_id(media)
        missing = Score(
            None, "error", "E_NO_SCORE", f"{Path(self.path).name} has no score for {self.key} {key[:16]}..."
        )
        return self.scores.get(bytes.fromhex(key), missing)


def read_table(text: str) -> TableDetector:
    """The detector of a table.

    Raises:
        UserError: no such file, no such columns, a key that is no digest, or one with two different scores.
    """
    path = Path(text)
    scores: dict[bytes, Score] = {}
    kind = ""
    try:
        digest = digest_of(path)
        with path.open(encoding="utf-8", newline="") as file:
            for kind, key, score in read_scores(file, tuple(DIGITS)):
                if not re.fullmatch(rf"[0-9a-fA-F]{{{DIGITS[kind]}}}", key):
                    raise UserError(f"{text}: {key[:80]!r} is no {kind}, which has {DIGITS[kind]} hexadecimal digits")
                if scores.setdefault(bytes.fromhex(key), score) != score:
                    raise UserError(f"{text}: {kind} {key} has two different scores")
    except FileNotFoundError:
        raise UserError(f"{text}: no such file") from None
    except OSError as error:
        raise UserError(f"{text} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{text} is no UTF-8 text: {error}") from None
    except CodedError as error:
        raise UserError(f"{text}: {error.detail}") from None
    if not scores:
        raise UserError(f"{text} holds no scores")
    name = re.sub(r"[^\w.+-]", "-", path.stem, flags=re.ASCII).lstrip("-.+")[:64] or "scores"
    info = DetectorInfo(name, f"file {digest[:12]}", reads="both", licence="unknown", batch=256)
    return TableDetector(text, info, kind, scores)
