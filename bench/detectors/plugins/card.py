"""A detector described by a TOML file: who made it, what it takes, and how its answer is read.

The keys are flat. Which way in a card describes shows in one of them: ``model`` (a network), ``command`` (a program) or
``url`` (an HTTP endpoint). Paths are relative to the card.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.detectors.base import DetectorInfo
from bench.errors import UserError, unknown
from bench.settings import settings

if TYPE_CHECKING:
    from bench.detectors.base import Detector

T = TypeVar("T")

#: Largest card, bytes.
MAX_BYTES = 1 << 20


@settings
class About:
    """What every card says.

    Attributes:
        name: in tables, charts and file names: letters, digits, ``. _ + -``, at most 64.
        version: of the detector, by its maker; a digest of the card is added to it.
        licence: of code and weights; ``unknown`` if it is.
        reads: ``pixels``, ``file`` or ``both``.
        default_threshold: the vendor's own; flagged means score > threshold.
        probability: whether the score claims to be a probability.
        batch: most files per call, 1..1024.
    """

    name: str
    version: str
    licence: str
    reads: str = "both"
    default_threshold: Any = None
    probability: bool = False
    batch: int = 1

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,63}", self.name, re.ASCII):
            raise ValueError(f"name must be 1..64 letters, digits or . _ + -, got {self.name!r}")
        if not self.version.isprintable() or not self.licence.isprintable() or not (self.version and self.licence):
            raise ValueError("version and licence must be texts of one line, not empty")
        if self.reads not in ("pixels", "file", "both"):
            raise ValueError(f"reads must be pixels, file or both, got {self.reads!r}")
        default = self.default_threshold
        if default is not None and (type(default) not in (int, float) or not math.isfinite(default)):
            raise ValueError(f"default_threshold must be a finite number, got {default!r}")
        if not 1 <= self.batch <= 1024:
            raise ValueError(f"batch must be in 1..1024, got {self.batch}")


@dataclass
class Card:
    """The keys of a card, of which each part of a detector takes its own.

    Attributes:
        path: as the user gave it.
        digest: SHA-256 of the file, hexadecimal.
        keys: not taken yet.
        known: every key that was asked for so far.
    """

    path: str
    digest: str
    keys: dict[str, Any]
    known: list[str]

    @property
    def folder(self) -> Path:
        """That relative paths start from."""
        return Path(self.path).parent

    def take(self, kind: type[T], **given: Any) -> T:
        """An instance of a settings class from the keys that it has fields for; ``given`` are no keys.

        Raises:
            UserError: a key that it needs is missing, or has a value that it refuses.
        """
        values = dict(given)
        for field in fields(kind):  # type: ignore[arg-type]
            if field.name in given or not field.init:
                continue
            self.known.append(field.name)
            if field.name in self.keys:
                values[field.name] = self.keys.pop(field.name)
            elif field.default is MISSING and field.default_factory is MISSING:
                raise self.error(f"{field.name} is missing")
        try:
            return kind(**values)
        except (TypeError, ValueError) as error:
            raise self.error(str(error)) from None

    def info(self, weights_sha256: str = "", code_sha256: str = "", **defaults: Any) -> DetectorInfo:
        """Who the detector is; its version changes with the card and with what runs it."""
        about = self.take(About, **{key: value for key, value in defaults.items() if key not in self.keys})
        self.known.extend(defaults)
        digest = hashlib.sha256((self.digest + code_sha256).encode()).hexdigest() if code_sha256 else self.digest
        threshold = None if about.default_threshold is None else float(about.default_threshold)
        return DetectorInfo(
            about.name, f"{about.version}+{digest[:12]}", about.reads, licence=about.licence,  # type: ignore[arg-type]
            weights_sha256=weights_sha256, default_threshold=threshold, probability=about.probability,
            batch=about.batch,
        )  # fmt: skip

    def finish(self) -> None:
        """Refuse keys that nobody took.

        Raises:
            UserError: there is one; says what is near.
        """
        for key in self.keys:
            raise unknown(f"key in {self.path}", key, dict.fromkeys(self.known))

    def error(self, message: str) -> UserError:
        """A mistake in this card, in one line."""
        return UserError(f"{self.path}: {message}")


def read_card(text: str) -> Detector:
    """The detector that a card describes.

    Raises:
        UserError: no such file, no TOML, or a key that is missing, unknown or out of range; a model file that does not
            have the digest that the card states.
    """
    try:
        data = Path(text).read_bytes()
        if len(data) > MAX_BYTES:
            raise UserError(f"{text}: a card has at most {MAX_BYTES} bytes, this one {len(data)}")
        keys = tomllib.loads(data.decode("utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{text}: no such file") from None
    except OSError as error:
        raise UserError(f"{text} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise UserError(f"{text} is no TOML: {error}") from None
    card = Card(text, hashlib.sha256(data).hexdigest(), keys, ["model", "command", "url"])
    ways = [key for key in ("model", "command", "url") if key in keys]
    if len(ways) != 1:
        raise card.error(
            "a card has exactly one of model (a network), command (a program) and url (an HTTP endpoint); "
            f"this one has {' and '.join(ways) or 'none'}"
        )
    if ways == ["model"]:
        from bench.detectors.plugins import network as way
    elif ways == ["command"]:
        from bench.detectors.plugins import program as way  # type: ignore[no-redef]
    else:
        from bench.detectors.plugins import endpoint as way  # type: ignore[no-redef]
    made: Detector = way.from_card(card)
    card.finish()
    return made


def texts(value: object) -> bool:
    """Whether this is a table of texts."""
    return isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair)
