"""The value of a GB 45438-2025 file-metadata label (Annex E): reading it, judging it, writing it.

The same JSON stands in every place of every format; the places are in ``gb45438``.
"""

from __future__ import annotations

import contextlib
import difflib
import html
import json
import re
from dataclasses import dataclass
from typing import Any

from bench.errors import CodedError

#: The seven members in the order of Annex E.
MEMBERS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
#: "1" AI-generated, "2" may be, "3" suspected.
LABELS = ("1", "2", "3")

#: 0x21, 0x23-0x5B, 0x5D-0x7E and an escaped quotation mark, which is a bare one once the JSON is decoded.
_CHARACTERS = re.compile(r"[\x21-\x5b\x5d-\x7e]*")
#: "00", subject type, binding, 18 characters of subject, 5 of service (none, or 1 generate / 2 propagate + 4).
_PROVIDER = re.compile(r"00[0-9A-Z]{2}[0-9A-Z]{18}(?:00000|[12][0-9A-Z]{4})")
_LIKE_PROVIDER = re.compile(r"00[0-9A-Z]{18,}")
#: Misspellings seen in real files whose nearest member by letters is the wrong one.
_ALIASES = {"propagator": "ContentPropagator", "producer": "ContentProducer"}
_MOST_CHARACTERS = 1_000_000
_MOST_MEMBERS = 100


@dataclass(frozen=True)
class Value:
    """A label's value as read.

    Attributes:
        fields: the members with their right names that are there, each as a string.
        wrapped: stood inside ``{"AIGC": ...}``.
        violations: each departure from Annex E, one short sentence.
    """

    fields: dict[str, str]
    wrapped: bool
    violations: tuple[str, ...]

    @property
    def declares_ai(self) -> bool | None:
        """True for a ``Label`` of 1, 2 or 3; None for any other, which says nothing."""
        return True if self.fields.get("Label") in LABELS else None


def as_propagator(producer: str) -> str:
    """The producer's provider code with its service part saying "propagates" (2) in place of "generates" (1).

    Anything that is no provider code with such a part stays as it is.
    """
    if _PROVIDER.fullmatch(producer) and producer[22] == "1":
        return f"{producer[:22]}2{producer[23:]}"
    return producer


def serialise(fields: dict[str, str]) -> str:
    """The seven members as JSON in the standard's order, without spaces.

    Raises:
        CodedError: ``E_CLAIM`` for a value that Annex E does not allow.
    """
    for name in MEMBERS:
        if not _CHARACTERS.fullmatch(fields[name]):
            raise CodedError(
                "E_CLAIM", f"{name} must be printable ASCII without space and backslash, got {fields[name][:40]!r}"
            )
    for name in ("ContentProducer", "ProduceID"):
        if not fields[name]:
            raise CodedError("E_CLAIM", f"{name} must not be empty")
    if fields["Label"] not in LABELS:
        raise CodedError("E_CLAIM", f"Label must be one of {', '.join(LABELS)}, got {fields['Label'][:40]!r}")
    return json.dumps({name: fields[name] for name in MEMBERS}, separators=(",", ":"))


def parse(text: str) -> Value | None:
    """The value in this text, both shapes; None when it holds no JSON object with a member of Annex E."""
    violations: list[str] = []
    content = _load(text.strip(" \t\r\n\0\ufeff"), violations)
    wrapped = False
    if isinstance(content, _Pairs) and len(content.pairs) == 1 and content.pairs[0][0].upper() == "AIGC":
        wrapped = True
        content = content.pairs[0][1]
        if isinstance(content, str):
            violations.append("the wrapped value is a string, not an object")
            content = _load(content, violations)
    if not isinstance(content, _Pairs):
        return None
    fields = _members(content.pairs, violations)
    if fields is None:
        return None
    _judge(fields, violations)
    return Value({name: speakable(value) for name, value in fields.items()}, wrapped, tuple(map(speakable, violations)))


def speakable(value: str) -> str:
    """The text with half surrogate pairs, which JSON can name and no file can hold, spelt out."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True)
class _Pairs:
    """A JSON object that keeps its order and its duplicates."""

    pairs: list[tuple[str, Any]]


def _load(text: str, violations: list[str]) -> Any:
    """The first JSON value of the text, after whatever undoes the escapes and prefixes seen in real files."""
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    candidates = [(text, "")]
    with contextlib.suppress(ValueError):  # a character reference of thousands of digits
        candidates.append((html.unescape(text), "the JSON is escaped twice"))
    for candidate, violation in candidates:
        begin = candidate.find("{")
        if begin < 0 or len(candidate) > _MOST_CHARACTERS:
            continue
        try:
            value, end = decoder.raw_decode(candidate, begin)
        except (ValueError, RecursionError):
            continue
        if violation:
            violations.append(violation)
        if begin or candidate[end:].strip(" \t\r\n\0"):
            violations.append("other text stands beside the JSON")
        return value
    return None


def _members(pairs: list[tuple[str, Any]], violations: list[str]) -> dict[str, str] | None:
    """The members with their right names; None when neither a right nor a misspelt one is there."""
    if len(pairs) > _MOST_MEMBERS:
        violations.append(f"{len(pairs)} members; only the first {_MOST_MEMBERS} were looked at")
        pairs = pairs[:_MOST_MEMBERS]
    names = [name for name, _ in pairs]
    fields: dict[str, str] = {}
    missing = [name for name in MEMBERS if name not in names]
    known = False
    for name, value in pairs:
        if name not in MEMBERS:
            meant = _meant(name, missing)
            if meant:
                missing.remove(meant)
            known = known or meant is not None
            violations.append(
                f"{name[:40]} is misspelt {meant}" if meant else f"{name[:40]} is not a member of Annex E"
            )
            continue
        known = True
        if name in fields:
            violations.append(f"{name} occurs more than once")
        if not isinstance(value, str):
            violations.append(f"{name} is not a string")
        fields[name] = value if isinstance(value, str) else _plain(value)
    violations += [f"{name} is missing" for name in missing]
    ordered = [name for name in dict.fromkeys(names) if name in MEMBERS]
    if ordered != [name for name in MEMBERS if name in ordered]:
        violations.append(f"the members are out of order: {', '.join(ordered)}")
    return fields if known else None


def _meant(name: str, missing: list[str]) -> str | None:
    alias = _ALIASES.get(name[:40].lower())
    if alias in missing:
        return alias
    folded = {m.lower(): m for m in missing}
    near = difflib.get_close_matches(name[:40].lower(), folded, n=1, cutoff=0.7)
    return folded[near[0]] if near else None


def _plain(value: Any) -> str:
    try:
        return json.dumps(value, default=lambda pairs: dict(pairs.pairs))[:1000]
    except RecursionError:
        return "..."


def _judge(fields: dict[str, str], violations: list[str]) -> None:
    """The rules on the values themselves."""
    for name, value in fields.items():
        if not _CHARACTERS.fullmatch(value):
            violations.append(f"{name} has characters outside printable ASCII, a space or a backslash: {value[:40]!r}")
        if name in ("ContentProducer", "ContentPropagator") and _LIKE_PROVIDER.fullmatch(value):
            if not _PROVIDER.fullmatch(value):
                violations.append(f"{name} looks like a provider code and is not well formed: {value[:40]!r}")
    if "Label" in fields and fields["Label"] not in LABELS:
        violations.append(f"Label must be 1, 2 or 3, got {fields['Label'][:40]!r}")
    for name in ("ContentProducer", "ProduceID"):
        if fields.get(name) == "":
            violations.append(f"{name} is empty")
    for name, first in (("ContentPropagator", "ContentProducer"), ("PropagateID", "ProduceID")):
        if fields.get(name) == "":
            violations.append(f"{name} is empty; the first write repeats {first}")
