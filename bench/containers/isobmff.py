"""ISO base media files with image items (HEIC, AVIF): boxes split and joined, and metadata items read.

Boxes after ISO/IEC 14496-12, sections 4.2 and 8.11 (``meta``, ``iinf``, ``iloc``, ``iref``); XMP and EXIF as items
after ISO/IEC 23008-12, annex A. Nothing is read past the box that holds it, and no table is longer than its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from bench.containers.model import MAX_METADATA_BYTES, MAX_PARTS, inflate
from bench.errors import CodedError

XMP_TYPE = b"application/rdf+xml"


class Box(NamedTuple):
    """Where one box lies: ``data[start:end]`` is all of it, ``data[body:end]`` its content."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """One box of the file with every byte that belongs to it."""

    kind: bytes
    raw: bytes


class Info(NamedTuple):
    """One ``infe``: an item's type and, for ``mime``, its content."""

    id: int
    kind: bytes
    content_type: bytes
    encoding: bytes
    box: Box


class Location(NamedTuple):
    """One item's place: ``method`` 0 is the file, 1 ``idat``, 2 another item; extents are (index, offset, length)."""

    id: int
    method: int
    reference: int
    extents: tuple[tuple[int, int, int], ...]


class Reference(NamedTuple):
    """One entry of ``iref``: an item says something (``cdsc``: describes) of others."""

    kind: bytes
    source: int
    targets: tuple[int, ...]


@dataclass
class Meta:
    """The file's ``meta`` box, taken apart."""

    box: Box
    children: list[Box]
    primary: int = 0
    infos: list[Info] = field(default_factory=list)
    locations: list[Location] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    #: Versions and field sizes as they stand: of iloc (version, offset, length, base, index), and of iref.
    iloc: tuple[int, int, int, int, int] = (0, 4, 4, 0, 0)
    iref_version: int = 0

    def child(self, kind: bytes) -> Box | None:
        """The first child of a type."""
        return next((box for box in self.children if box.kind == kind), None)

    def describes_primary(self, item: int) -> bool:
        """Whether the item says of itself that it describes the primary image, or says nothing."""
        return self._described.get(item, True)

    @cached_property
    def places(self) -> dict[int, Location]:
        """Each item's place, the first where there are several."""
        return {place.id: place for place in reversed(self.locations)}

    @cached_property
    def _described(self) -> dict[int, bool]:
        found: dict[int, bool] = {}
        for reference in self.references:
            if reference.kind == b"cdsc":
                found[reference.source] = found.get(reference.source, False) or self.primary in reference.targets
        return found


def walk(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[Box]:
    """The boxes between two offsets, in order; of the whole file by default.

    Raises:
        CodedError: ``E_TRUNCATED`` for a box that reaches past the end, ``E_CORRUPT`` for one shorter than its header
            or for too many. What was yielded before stands.
    """
    end = len(data) if stop is None else stop
    position = start
    for _ in range(MAX_PARTS):
        if position >= end:
            return
        if position + 8 > end:
            raise CodedError("E_TRUNCATED", f"box at byte {position} has no room for its header")
        size, kind, body = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8], 8
        if size == 1:
            size, body = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        elif size == 0:
            size = end - position
        if size < body:
            raise CodedError("E_CORRUPT", f"box {kind!r} at byte {position} of {size} bytes")
        if position + size > end:
            raise CodedError("E_TRUNCATED", f"box {kind!r} at byte {position} reaches past the end")
        yield Box(kind, position, position + body, position + size)
        position += size
    raise CodedError("E_CORRUPT", f"more than {MAX_PARTS} boxes")


def split(data: bytes) -> list[Part]:
    """The file's boxes; ``join`` gives the same bytes back. Raises as ``walk`` does."""
    return [Part(box.kind, data[box.start : box.end]) for box in walk(data)]


def join(parts: list[Part]) -> bytes:
    """The boxes as a file."""
    return b"".join(part.raw for part in parts)


def box(kind: bytes, payload: bytes) -> bytes:
    """A new box.

    Raises:
        CodedError: ``E_TOO_LARGE`` past 4 GiB.
    """
    if len(payload) > 0xFFFF_FFF7:
        raise CodedError("E_TOO_LARGE", f"a box here holds at most 4294967287 bytes, got {len(payload)}")
    return (len(payload) + 8).to_bytes(4, "big") + kind + payload


class _Cursor:
    """Numbers read one after another; what is not inside the box is an error."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def number(self, size: int) -> int:
        if self.at + size > self.end:
            raise CodedError("E_CORRUPT", f"box that ends at byte {self.end} is too short for its table")
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def text(self) -> bytes:
        """Up to the zero byte, or to the end where there is none."""
        stop = self.data.find(b"\0", self.at, self.end)
        begin, self.at = self.at, self.end if stop < 0 else stop + 1
        return self.data[begin : self.end if stop < 0 else stop]


def read_meta(data: bytes, place: Box) -> Meta:
    """The tables of a ``meta`` box.

    Raises:
        CodedError: ``E_CORRUPT`` or ``E_TRUNCATED`` for a table that does not fit its box.
    """
    meta = Meta(place, list(walk(data, min(place.body + 4, place.end), place.end)))
    for child in meta.children:
        cursor = _Cursor(data, child.body, child.end)
        if child.kind in (b"pitm", b"iinf", b"iloc", b"iref"):
            version = cursor.number(4) >> 24
        if child.kind == b"pitm":
            meta.primary = cursor.number(4 if version else 2)
        elif child.kind == b"iinf":
            cursor.number(4 if version else 2)
            meta.infos += (_info(data, b) for b in walk(data, cursor.at, child.end) if b.kind == b"infe")
        elif child.kind == b"iloc":
            _locations(meta, cursor, version)
        elif child.kind == b"iref":
            meta.iref_version = version
            for entry in walk(data, cursor.at, child.end):
                inner = _Cursor(data, entry.body, entry.end)
                source, count = inner.number(4 if version else 2), inner.number(2)
                targets = tuple(inner.number(4 if version else 2) for _ in range(count))
                meta.references.append(Reference(entry.kind, source, targets))
    return meta


def _info(data: bytes, place: Box) -> Info:
    cursor = _Cursor(data, place.body, place.end)
    version = cursor.number(4) >> 24
    item = cursor.number(4 if version > 2 else 2)
    cursor.number(2)
    kind = cursor.number(4).to_bytes(4, "big") if version >= 2 else b"mime"
    cursor.text()
    content, encoding = (cursor.text(), cursor.text()) if kind == b"mime" else (b"", b"")
    return Info(item, kind, content, encoding, place)


def _locations(meta: Meta, cursor: _Cursor, version: int) -> None:
    if version > 2:
        raise CodedError("E_UNSUPPORTED", f"iloc of version {version}")
    sizes = cursor.number(2)
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15 if version else 0
    if not {offset, length, base, index} <= {0, 4, 8}:
        raise CodedError("E_CORRUPT", f"iloc with fields of {offset}, {length}, {base} and {index} bytes")
    meta.iloc = (version, offset, length, base, index)
    for _ in range(cursor.number(4 if version == 2 else 2)):
        item = cursor.number(4 if version == 2 else 2)
        method = cursor.number(2) & 15 if version else 0
        reference, start, count = cursor.number(2), cursor.number(base), cursor.number(2)
        if count > 1 and not offset + length:
            raise CodedError("E_CORRUPT", f"item {item} has {count} extents without a place")
        extents = [(cursor.number(index), start + cursor.number(offset), cursor.number(length)) for _ in range(count)]
        meta.locations.append(Location(item, method, reference, tuple(extents)))


def spans(data: bytes, meta: Meta, item: int) -> list[tuple[int, int]]:
    """Begin and end of each extent of an item, as places in the file.

    Raises:
        CodedError: ``E_METADATA`` for an item without a place, ``E_TRUNCATED`` for one outside its source,
            ``E_UNSUPPORTED`` for one in another file or item.
    """
    place = meta.places.get(item)
    if place is None or not place.extents:
        raise CodedError("E_METADATA", f"item {item} has no place in the file")
    low, high = 0, len(data)
    if place.method == 1:
        source = meta.child(b"idat")
        low, high = (source.body, source.end) if source else (0, 0)
    elif place.method or place.reference:
        raise CodedError("E_UNSUPPORTED", f"item {item} lies in another file or item")
    found = []
    for _, offset, length in place.extents:
        begin = low + offset
        end = begin + length if length else high
        if end > high or begin > end:
            raise CodedError("E_TRUNCATED", f"item {item} reaches past the end")
        found.append((begin, end))
    return found


def content(data: bytes, meta: Meta, item: Info) -> bytes:
    """An item's bytes, inflated when they are deflated, at most ``MAX_METADATA_BYTES`` of them.

    Raises:
        CodedError: as ``spans``; ``E_METADATA`` for too many or another encoding.
    """
    places = spans(data, meta, item.id)
    if sum(end - begin for begin, end in places) > MAX_METADATA_BYTES:
        raise CodedError("E_METADATA", f"item {item.id} is over the limit of {MAX_METADATA_BYTES} bytes")
    raw = b"".join(data[begin:end] for begin, end in places)
    if item.encoding in (b"", b"identity"):
        return raw
    if item.encoding in (b"deflate", b"compress_zlib"):
        return inflate(raw)
    raise CodedError("E_UNSUPPORTED", f"item {item.id} is encoded as {item.encoding[:40]!r}")


def find_meta(data: bytes) -> tuple[list[Box], Meta | None]:
    """The file's boxes and its item tables; None for a file without.

    Raises:
        CodedError: as ``walk`` and ``read_meta``.
    """
    boxes = list(walk(data))
    place = next((b for b in boxes if b.kind == b"meta"), None)
    return boxes, read_meta(data, place) if place else None
