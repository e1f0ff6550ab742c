"""Fields written into and taken out of a TIFF structure (a file, BigTIFF too, or an EXIF block) in its place.

New values and a directory that grows go to the end, so every offset that is in there, of strips, other directories
and maker notes, stays right. A field written before is cut off the end again when it stands there, so writing twice
gives what writing once gives; elsewhere its old value is blanked.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from bench.containers import photoshop, tiff
from bench.containers.model import apart
from bench.containers.tiff import Directory, Layout
from bench.errors import CodedError

BYTE, ASCII, SHORT, LONG, UNDEFINED = 1, 2, 3, 4, 7
_BIG_LONG = 18  # IFD8
_GPS_IFD, _INTEROP_IFD, _SUB_IFDS = 0x8825, 0xA005, 0x014A
_POINTERS = (tiff.EXIF_IFD, _GPS_IFD, _INTEROP_IFD, _SUB_IFDS)

_PHOTOSHOP = 0x8649
#: Fields of any page by the kind of metadata they hold; those without a kind are no part of the picture either.
_KINDS = {
    **dict.fromkeys((0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298), "exif"),
    **dict.fromkeys(range(0x9C9B, 0x9CA0), "exif"),
    tiff.EXIF_IFD: "exif", _GPS_IFD: "exif", tiff.XMP: "xmp", 0x83BB: "iptc-iim", 0x8773: "icc", 0xCD41: "c2pa",
    0x935C: "all", 0xC4A5: "all",
}  # fmt: skip


class Value(NamedTuple):
    """What to write: the field's type (2 ASCII, 7 undefined, one byte an item; 3 SHORT, two) and its bytes."""

    kind: int
    data: bytes


def text(value: str) -> Value:
    """An ASCII field; other characters go in as UTF-8, as most writers do."""
    return Value(ASCII, value.encode("utf-8", "replace") + b"\0")


def set_xmp(data: bytes, payload: bytes) -> bytes:
    """The file with this packet in tag 700 of its first directory (XMP specification part 3, section 1.1.7).

    Raises:
        CodedError: as ``set_fields``.
    """
    return set_fields(data, {tiff.XMP: Value(BYTE, payload)})


def set_fields(
    block: bytes | None, fields: Mapping[int, Value], exif_fields: Mapping[int, Value] | None = None
) -> bytes:
    """The structure with these fields in its first directory, and in its Exif directory, which is made when needed.

    Args:
        block: the structure; None starts a new little-endian one.
        fields: by tag, for the first directory.
        exif_fields: by tag, for the Exif directory.

    Raises:
        CodedError: ``E_CORRUPT`` or ``E_TRUNCATED`` for a structure whose directories cannot be read, ``E_TOO_LARGE``
            past 4 GiB.
    """
    out = bytearray(b"II*\0\0\0\0\0" if block is None else block)
    how = tiff.layout(out)
    if how is None:
        raise CodedError("E_CORRUPT", f"a TIFF structure cannot begin with {bytes(out[:4])!r}")
    editor = _Editor(out, how)
    editor.forget(editor.main(), fields)
    if exif_fields:
        editor.forget(editor.exif(), exif_fields)
        if editor.exif() is None:
            fields = {**fields, tiff.EXIF_IFD: Value(_BIG_LONG if how.big else LONG, bytes(how.word))}
    editor.grow_main(fields)
    if exif_fields:
        editor.grow_exif(exif_fields)
    editor.fill(editor.main(), {tag: value for tag, value in fields.items() if tag != tiff.EXIF_IFD})
    if exif_fields:
        editor.fill(editor.exif(), exif_fields)
    if not how.big and len(out) > 0xFFFF_FFFF:
        raise CodedError("E_TOO_LARGE", f"a TIFF holds at most 4294967295 bytes, got {len(out)}")
    return bytes(out)


def remove(data: bytes, kinds: Collection[str]) -> bytes:
    """The TIFF without metadata of these kinds in any of its pages; nothing else moves, what is gone is blanked.

    ``exif`` is the Exif and GPS directories and the texts of the first one (description, maker, software, artist,
    copyright, dates); the orientation stays. ``all`` also takes Photoshop's and printers' own fields.

    Raises:
        CodedError: as ``tiff.chain`` for a structure that cannot be walked, ``E_METADATA`` for image resources that
            cannot be parsed.
    """
    out = bytearray(data)
    how = tiff.layout(out)
    if how is None:
        raise CodedError("E_CORRUPT", f"a TIFF structure cannot begin with {data[:4]!r}")
    ranges: list[tuple[int, int]] = []
    seen: set[int] = set()
    for page in list(tiff.chain(data, how)):
        gone = [entry for entry in page.entries if _KINDS.get(entry.tag, "") in kinds]
        for entry in page.entries:
            if entry.tag == _PHOTOSHOP and entry.start + entry.size <= len(out):
                kept = photoshop.without(data[entry.start : entry.start + entry.size], kinds)
                out[entry.start : entry.start + entry.size] = kept.ljust(entry.size, b"\0")
                if not kept:
                    gone.append(entry)
        for entry in gone:
            ranges += _reached(data, how, entry, seen)
        _compact(out, how, page, {entry.at for entry in gone})
    for begin, end in sorted(apart(set(ranges), _used(out, how, set())), reverse=True):
        if end <= len(out):
            out[begin:end] = bytes(end - begin) if end < len(out) else b""
    return bytes(out)


def _reached(data: bytes, how: Layout, entry: tiff.Entry, seen: set[int]) -> Iterator[tuple[int, int]]:
    """The ranges that a field takes beside its entry: its value, the directories it points to, and theirs.

    A directory is walked once, however many fields point to it: ``seen`` has the offsets of those that were.
    """
    waiting = [entry]
    while waiting:
        entry = waiting.pop()
        if entry.size > how.word:
            yield entry.start, entry.start + entry.size
        for offset in tiff.numbers(data, how, entry)[:1] if entry.tag in _POINTERS else ():
            if offset not in seen and len(seen) < tiff.MAX_DIRECTORIES:
                seen.add(offset)
                found = tiff.directory(data, how, offset)
                waiting += found.entries
                yield found.offset, found.end


def _compact(out: bytearray, how: Layout, page: Directory, gone: Collection[int]) -> None:
    """The directory in its own place without the entries that begin at ``gone``."""
    if not gone:
        return
    width = 20 if how.big else 12
    kept = b"".join(bytes(out[entry.at : entry.at + width]) for entry in page.entries if entry.at not in gone)
    new = struct.pack(how.tally, len(kept) // width) + kept + struct.pack(how.offset, page.next)
    out[page.offset : page.end] = new.ljust(page.end - page.offset, b"\0")


class _Editor:
    """A structure that is being changed; every method reads the directories as they stand."""

    def __init__(self, out: bytearray, how: Layout) -> None:
        self.out, self.how = out, how

    def main(self) -> Directory | None:
        offset = tiff.first(self.out, self.how)
        return self._whole(offset) if offset else None

    def exif(self) -> Directory | None:
        main = self.main()
        offset = self._pointer(main) if main else 0
        return self._whole(offset) if offset else None

    def _pointer(self, main: Directory) -> int:
        for entry in main.entries:
            if entry.tag == tiff.EXIF_IFD and entry.size <= self.how.word:
                return tiff.number(bytes(self.out[entry.start : entry.start + entry.size]), self.how)
        return 0

    def _whole(self, offset: int) -> Directory:
        found = tiff.directory(self.out, self.how, offset)
        if not found.whole:
            raise CodedError("E_TRUNCATED", f"TIFF directory at byte {offset} reaches past the end")
        return found

    def forget(self, where: Directory | None, tags: Collection[int]) -> None:
        """Make the values that will be replaced disappear where nothing else uses their bytes."""
        old = [e for e in where.entries if e.tag in tags and e.size > self.how.word] if where else []
        old = [e for e in old if e.start + e.size <= len(self.out)]
        if not old:
            return
        used = list(_used(self.out, self.how, {e.at for e in old}))
        for entry in sorted(old, key=lambda e: -e.start):
            end = entry.start + entry.size
            if any(a < end and entry.start < b for a, b in used):
                continue
            if len(self.out) - end <= (entry.size & 1):
                del self.out[entry.start :]
            else:
                self.out[entry.start : end] = bytes(entry.size)

    def grow_main(self, fields: Mapping[int, Value]) -> None:
        main = self.main()
        have = {entry.tag for entry in main.entries} if main else set()
        if main is None or not have.issuperset(fields):
            self._put(self.how.head, self._grown(main, [tag for tag in fields if tag not in have]))

    def grow_exif(self, fields: Mapping[int, Value]) -> None:
        exif, main = self.exif(), self.main()
        assert main is not None
        have = {entry.tag for entry in exif.entries} if exif else set()
        if exif is None or not have.issuperset(fields):
            pointer = next(entry for entry in main.entries if entry.tag == tiff.EXIF_IFD)
            # A pointer of another type than the layout's own is written anew, as wide as an offset.
            self._entry(pointer.at, tiff.EXIF_IFD, Value(_BIG_LONG if self.how.big else LONG, b""), 1)
            self._put(self._inline(pointer.at), self._grown(exif, [tag for tag in fields if tag not in have]))

    def _grown(self, old: Directory | None, tags: list[int]) -> bytes:
        """The directory with empty entries for these tags, its entries in order of their tags."""
        width = 20 if self.how.big else 12
        entries = [(e.tag, bytes(self.out[e.at : e.at + width])) for e in old.entries] if old else []
        blank = bytes(width - 2)
        entries += [(tag, struct.pack(self.how.order + "H", tag) + blank) for tag in tags]
        entries.sort(key=lambda pair: pair[0])
        if len(entries) > 0xFFFF and not self.how.big:
            raise CodedError("E_TOO_LARGE", "a TIFF directory holds at most 65535 fields")
        count = struct.pack(self.how.tally, len(entries))
        follower = struct.pack(self.how.offset, old.next if old else 0)
        return count + b"".join(raw for _, raw in entries) + follower

    def _put(self, pointer: int, directory: bytes) -> None:
        """The directory at the end, and its offset where ``pointer`` says."""
        struct.pack_into(self.how.offset, self.out, pointer, self._append(directory))

    def fill(self, where: Directory | None, fields: Mapping[int, Value]) -> None:
        """The values, in the entries that are there by now."""
        assert where is not None
        entries = {entry.tag: entry for entry in reversed(where.entries)}
        for tag, value in fields.items():
            at = entries[tag].at
            self._entry(at, tag, value, len(value.data) // (2 if value.kind == SHORT else 1))
            inline = self._inline(at)
            if len(value.data) <= self.how.word:
                self.out[inline : inline + self.how.word] = value.data.ljust(self.how.word, b"\0")
            else:
                struct.pack_into(self.how.offset, self.out, inline, self._append(value.data))

    def _entry(self, at: int, tag: int, value: Value, count: int) -> None:
        struct.pack_into(self.how.entry, self.out, at, tag, value.kind, count)

    def _inline(self, at: int) -> int:
        return at + (12 if self.how.big else 8)

    def _append(self, data: bytes) -> int:
        """Where these bytes stand, at the end and on an even offset (TIFF 6.0, section 2)."""
        self.out += b"\0" * (len(self.out) & 1)
        at = len(self.out)
        if not self.how.big and at > 0xFFFF_FFFF:
            raise CodedError("E_TOO_LARGE", "a TIFF holds at most 4294967295 bytes")
        self.out += data
        return at


def _used(block: bytearray, how: Layout, but: set[int]) -> Iterator[tuple[int, int]]:
    """The ranges that directories, their values and the image data take, but for the entries at these places."""
    yield 0, how.head + how.word
    waiting = [tiff.first(block, how)]
    seen: set[int] = set()
    while waiting and len(seen) < tiff.MAX_DIRECTORIES:
        offset = waiting.pop()
        if offset in seen or not offset:
            continue
        seen.add(offset)
        found = tiff.directory(block, how, offset)
        yield found.offset, found.end
        waiting.append(found.next)
        yield from tiff.image_data(block, how, found)
        for entry in found.entries:
            if entry.size > how.word and entry.at not in but:
                yield entry.start, entry.start + entry.size
            if entry.tag in _POINTERS:
                waiting += tiff.numbers(block, how, entry)[: tiff.MAX_DIRECTORIES]
