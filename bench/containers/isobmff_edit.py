"""An XMP item written into a HEIC or AVIF file; coded data stay, and every offset in the file stays right.

The packet goes into an ``mdat`` of its own at the end. ``meta`` grows by the item's entries, so what lies behind it
moves: the places of other items and the chunk offsets of an image sequence are written anew. After ISO/IEC 23008-12,
annex A.3, and 14496-12, sections 8.11 and 8.7.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.containers import isobmff
from bench.containers.isobmff import XMP_TYPE, Box, Location, Meta, box
from bench.containers.model import MAX_METADATA_BYTES, apart
from bench.errors import CodedError

#: Boxes with offsets that are not written anew here; they occur in streamed video, not in image files.
_STREAMED = (b"moof", b"mfra", b"sidx")
_SEQUENCE = (b"trak", b"mdia", b"minf", b"stbl")
_MOVE = Callable[[int], int]


def set_xmp(data: bytes, payload: bytes) -> bytes:
    """The file with this packet as the only XMP item of its primary image.

    Raises:
        CodedError: ``E_CORRUPT`` or ``E_TRUNCATED`` for a broken file, ``E_UNSUPPORTED`` for one whose offsets cannot
            be kept right, ``E_TOO_LARGE`` for a packet that would not be read back.
    """
    if not 0 < len(payload) <= MAX_METADATA_BYTES:
        raise CodedError("E_TOO_LARGE", f"an XMP item has 1 to {MAX_METADATA_BYTES} bytes here, got {len(payload)}")
    boxes, meta = isobmff.find_meta(data)
    if meta is None or not meta.primary or meta.child(b"iloc") is None or meta.child(b"iinf") is None:
        raise CodedError("E_CORRUPT", "no meta box with a primary item and the tables of items")
    old = [i for i in meta.infos if i.kind == b"mime" and i.content_type == XMP_TYPE and meta.describes_primary(i.id)]
    data, boxes = forget(data, boxes, meta, {info.id for info in old})
    item = old[0].id if old else max([1, *(i.id for i in meta.infos), *(p.id for p in meta.locations)]) + 1
    if item > 0xFFFF:
        raise CodedError("E_UNSUPPORTED", f"item numbers up to {item - 1}: none of 16 bits is free behind them")
    return _Writer(data, boxes, meta, item, {info.id for info in old}, payload).file()


def forget(data: bytes, boxes: list[Box], meta: Meta, old: set[int]) -> tuple[bytes, list[Box]]:
    """The bytes of these items blanked where no other item uses them; one in an ``mdat`` of its own is cut off."""
    places = [span for item in old for span in _spans(data, meta, item)]
    if not places:
        return data, boxes
    used = [span for where in meta.locations if where.id not in old for span in _spans(data, meta, where.id)]
    alone = apart(places, used)
    last = boxes[-1]
    if len(boxes) > 1 and last.kind == b"mdat" and places == alone == [(last.body, last.end)]:
        return data[: last.start], boxes[:-1]
    out = bytearray(data)
    source = meta.child(b"idat")
    homes = [(b.body, b.end) for b in boxes if b.kind == b"mdat"] + ([(source.body, source.end)] if source else [])
    elsewhere, at = [], 0
    for begin, end in sorted(homes):
        elsewhere.append((at, begin))
        at = max(at, end)
    for begin, end in apart(alone, [*elsewhere, (at, len(data))]):
        out[begin:end] = bytes(end - begin)
    return bytes(out), boxes


def _spans(data: bytes, meta: Meta, item: int) -> list[tuple[int, int]]:
    try:
        return isobmff.spans(data, meta, item)
    except CodedError:
        return []


class _Writer:
    """One file with its new item, put together."""

    def __init__(self, data: bytes, boxes: list[Box], meta: Meta, item: int, old: set[int], payload: bytes) -> None:
        self.data, self.boxes, self.meta, self.payload = data, boxes, meta, payload
        self.item, self.old = item, old
        version, offset, length, _, index = meta.iloc
        wide = len(data) + len(payload) > 0xFFFF_0000
        self.sizes = (version, 8 if wide else max(offset, 4), 8 if wide else max(length, 4), index)

    def file(self) -> bytes:
        tables = {b"iinf": self._iinf(), b"iref": self._iref(), b"iloc": self._iloc(lambda place: place, 0)}
        children = [(child, tables.pop(child.kind, None)) for child in self.meta.children]
        if b"iref" in tables:
            children.append((Box(b"iref", -1, -1, -1), tables[b"iref"]))
        # Sizes are known now, so places are too; then the table of places is made once more with them.
        head = self.meta.box.start + 8
        at, kept = head + 4, [(0, self.meta.box.start, 0)]
        for child, new in children:
            if new is None:
                kept.append((child.start, child.end, at - child.start))
            at += len(new) if new is not None else child.end - child.start
        delta = at - self.meta.box.end
        kept.append((self.meta.box.end, len(self.data) + 1, delta))
        if delta and any(b.kind in _STREAMED for b in self.boxes):
            raise CodedError("E_UNSUPPORTED", "a fragmented file: its offsets are not written anew")

        def move(place: int) -> int:
            for begin, end, by in kept:
                if begin <= place < end:
                    return place + by
            raise CodedError("E_UNSUPPORTED", f"an item lies in a table, at byte {place}")

        iloc = self._iloc(move, len(self.data) + delta + 8)
        body = b"".join(
            iloc if child.kind == b"iloc" and new is not None else new if new is not None else self._raw(child)
            for child, new in children
        )
        meta = box(b"meta", self.data[self.meta.box.body : self.meta.box.body + 4] + body)
        rest = b"".join(self._moved(b, move) for b in self.boxes if b.start >= self.meta.box.end)
        front = b"".join(self._moved(b, move) for b in self.boxes if b.end <= self.meta.box.start)
        return b"".join((front, meta, rest, box(b"mdat", self.payload)))

    def _raw(self, place: Box) -> bytes:
        return self.data[place.start : place.end]

    def _iinf(self) -> bytes:
        """Entries as they are, without those of old packets, and one for the new."""
        place = self.meta.child(b"iinf")
        assert place is not None
        full = self.data[place.body : place.body + 4]
        new = box(
            b"infe",
            b"\x02\0\0\x01" + self.item.to_bytes(2, "big") + b"\0\0mimeXMP\0" + XMP_TYPE + b"\0",
        )
        entries = [self._raw(info.box) for info in self.meta.infos if info.id not in self.old]
        at = next((n for n, info in enumerate(self.meta.infos) if info.id in self.old), len(entries))
        entries.insert(min(at, len(entries)), new)
        if len(entries) > 0xFFFF and not full[0]:
            raise CodedError("E_UNSUPPORTED", "no item more fits into iinf")
        count = len(entries).to_bytes(4 if full[0] else 2, "big")
        return box(b"iinf", full + count + b"".join(entries))

    def _iref(self) -> bytes:
        """References as they are, without those of old packets, and one from the new to the primary image."""
        width = 4 if self.meta.iref_version else 2
        references = [r for r in self.meta.references if r.source not in self.old]
        entries = [(r.kind, r.source, r.targets) for r in references]
        entries.append((b"cdsc", self.item, (self.meta.primary,)))
        if not self.meta.iref_version and self.meta.primary > 0xFFFF:
            raise CodedError("E_UNSUPPORTED", f"iref of 16 bits cannot name the primary item {self.meta.primary}")
        out = [bytes((self.meta.iref_version, 0, 0, 0))]
        for kind, source, targets in entries:
            numbers = b"".join(target.to_bytes(width, "big") for target in targets)
            out.append(box(kind, source.to_bytes(width, "big") + len(targets).to_bytes(2, "big") + numbers))
        return box(b"iref", b"".join(out))

    def _iloc(self, move: _MOVE, at: int) -> bytes:
        """Every item's place as it will be; base offsets are folded into those of the extents."""
        version, offset_size, length_size, index_size = self.sizes
        id_size = 4 if version == 2 else 2
        out = [bytes((version, 0, 0, 0, offset_size << 4 | length_size, index_size))]
        locations = [where for where in self.meta.locations if where.id not in self.old]
        locations.append(Location(self.item, 0, 0, ((0, at, len(self.payload)),)))
        if len(locations) > 0xFFFF and version < 2:
            raise CodedError("E_UNSUPPORTED", "no item more fits into iloc")
        out.append(len(locations).to_bytes(id_size, "big"))
        for where in locations:
            here = where.method == 0 and where.reference == 0
            out.append(where.id.to_bytes(id_size, "big"))
            out.append(where.method.to_bytes(2, "big") if version else b"")
            out.append(where.reference.to_bytes(2, "big") + len(where.extents).to_bytes(2, "big"))
            for index, offset, length in where.extents:
                if here and not length:
                    raise CodedError("E_UNSUPPORTED", f"item {where.id} reaches to the end of the file, which moves")
                place = move(offset) if here and where.id != self.item else offset
                if place >> 8 * offset_size or length >> 8 * length_size:
                    raise CodedError("E_UNSUPPORTED", f"the place of item {where.id} needs more than its bytes")
                out.append(index.to_bytes(index_size, "big"))
                out.append(place.to_bytes(offset_size, "big") + length.to_bytes(length_size, "big"))
        return box(b"iloc", b"".join(out))

    def _moved(self, place: Box, move: _MOVE) -> bytes:
        """A box of the file: its chunk offsets moved, its size written where it was "to the end"."""
        raw = bytearray(self._raw(place))
        if place.kind == b"moov":
            for table in _chunk_tables(self.data, place, 0):
                self._move_chunks(raw, table, place.start, move)
        if raw[:4] == b"\0\0\0\0":
            if len(raw) > 0xFFFF_FFFF:
                raise CodedError("E_UNSUPPORTED", "the last box is longer than a size of 32 bits")
            raw[:4] = len(raw).to_bytes(4, "big")
        return bytes(raw)

    def _move_chunks(self, raw: bytearray, table: Box, start: int, move: _MOVE) -> None:
        width = 4 if table.kind == b"stco" else 8
        count = int.from_bytes(self.data[table.body + 4 : table.body + 8], "big")
        if table.body + 8 + count * width > table.end:
            raise CodedError("E_CORRUPT", f"chunk table at byte {table.start} is shorter than its count")
        for at in range(table.body + 8, table.body + 8 + count * width, width):
            moved = move(int.from_bytes(self.data[at : at + width], "big"))
            if moved >> 8 * width:
                raise CodedError("E_UNSUPPORTED", "a chunk offset needs more than its bytes")
            raw[at - start : at - start + width] = moved.to_bytes(width, "big")


def _chunk_tables(data: bytes, place: Box, depth: int) -> Iterator[Box]:
    """The chunk offset tables of an image sequence."""
    for child in isobmff.walk(data, place.body, place.end):
        if child.kind in (b"stco", b"co64"):
            yield child
        elif child.kind in (b"meta", b"mvex"):
            raise CodedError(
                "E_UNSUPPORTED", f"a sequence with {child.kind.decode()}: its offsets are not written anew"
            )
        elif child.kind in _SEQUENCE and depth < len(_SEQUENCE):
            yield from _chunk_tables(data, child, depth + 1)
