"""Directories of a TIFF structure (a TIFF or BigTIFF file, or an EXIF block): single fields, and bounded walks.

``fields`` reads the first directory and, on request, the Exif directory it names, without following chains; ``chain``
follows the pages and refuses a loop. Each wanted value is sliced once and must lie inside the block. Structure after
TIFF 6.0, section 2; BigTIFF after the libtiff design note.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple

from bench.containers.model import MAX_METADATA_BYTES, Packet
from bench.errors import CodedError

ORIENTATION = 0x0112
IMAGE_DESCRIPTION = 0x010E
MAKE = 0x010F
SOFTWARE = 0x0131
ARTIST = 0x013B
XMP = 0x02BC
EXIF_IFD = 0x8769
USER_COMMENT = 0x9286

#: Most directories that are walked in one file.
MAX_DIRECTORIES = 4096

#: Tags that hold offsets of data outside any directory, and those that hold its lengths.
_DATA = {0x0111: 0x0117, 0x0144: 0x0145, 0x0201: 0x0202}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


class Layout(NamedTuple):
    """How numbers are stored: byte order, and the formats of an entry count, an entry and an offset."""

    order: str
    big: bool

    @property
    def word(self) -> int:
        """Bytes of an offset, and of a value that stands in its entry."""
        return 8 if self.big else 4

    @property
    def tally(self) -> str:
        """Format of the number of entries."""
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:
        """Format of tag, type and number of values."""
        return self.order + ("HHQ" if self.big else "HHI")

    @property
    def offset(self) -> str:
        """Format of an offset."""
        return self.order + ("Q" if self.big else "I")

    @property
    def head(self) -> int:
        """Where the offset of the first directory stands."""
        return 8 if self.big else 4


class Entry(NamedTuple):
    """One field: ``block[at:]`` is its entry, ``block[start:start + size]`` its value, which may lie outside."""

    tag: int
    kind: int
    items: int
    at: int
    start: int
    size: int


class Directory(NamedTuple):
    """One directory: its place, its entries, the offset of the next one, and whether all of it is there."""

    offset: int
    end: int
    entries: tuple[Entry, ...]
    next: int
    whole: bool
    cut: bool  # not even its entries are all there


def layout(block: bytes | bytearray) -> Layout | None:
    """The structure's layout, None for what is no TIFF."""
    kind = bytes(block[:4])
    if kind in (b"II*\0", b"MM\0*"):
        return Layout("<" if kind[:1] == b"I" else ">", False)
    if kind in (b"II+\0", b"MM\0+") and bytes(block[4:8]) in (b"\x08\0\0\0", b"\0\x08\0\0"):
        return Layout("<" if kind[:1] == b"I" else ">", True)
    return None


def byte_order(block: bytes) -> str | None:
    """``<`` or ``>``; None for what is no TIFF."""
    found = layout(block)
    return found.order if found else None


def first(block: bytes | bytearray, how: Layout) -> int:
    """The offset of the first directory, 0 where the block is too short to have one."""
    return struct.unpack_from(how.offset, block, how.head)[0] if len(block) >= how.head + how.word else 0


def fields(block: bytes, wanted: Collection[int], exif: bool = False, strict: bool = False) -> dict[int, bytes]:
    """The raw values of the wanted tags of the first directory, or of its Exif directory.

    Tags that are missing are left out; so is what lies outside the block, unless ``strict``.

    Raises:
        CodedError: with ``strict``, ``E_METADATA`` for a block, directory or value that is not there to be read.
    """
    how = layout(block)
    if how is None:
        if strict:
            raise CodedError("E_METADATA", f"EXIF cannot begin with {bytes(block[:4])!r}")
        return {}
    offset = first(block, how)
    if exif:
        pointer = _values(block, how, offset, (EXIF_IFD,), strict).get(EXIF_IFD)
        if pointer is None:
            return {}
        offset = number(pointer, how)
        if strict and not offset:
            raise CodedError("E_METADATA", f"the Exif directory's place is no offset: {pointer[:8]!r}")
    return _values(block, how, offset, wanted, strict)


def number(value: bytes, how: Layout) -> int:
    """The unsigned number that a value of 2, 4 or 8 bytes is; 0 for another size."""
    return int.from_bytes(value, "little" if how.order == "<" else "big") if len(value) in (2, 4, 8) else 0


def _values(block: bytes, how: Layout, offset: int, wanted: Collection[int], strict: bool = False) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if not offset:
        return found
    place = directory(block, how, offset, wanted)
    for entry in place.entries:
        if entry.start + entry.size <= len(block):
            found.setdefault(entry.tag, bytes(block[entry.start : entry.start + entry.size]))
        elif strict:
            raise CodedError("E_METADATA", f"EXIF tag {entry.tag:#06x} of {entry.size} bytes reaches past the end")
    if strict and place.cut and len(found) < len(wanted):
        raise CodedError("E_METADATA", f"EXIF directory at byte {offset} reaches past the end")
    return found


def directory(block: bytes | bytearray, how: Layout, offset: int, wanted: Collection[int] | None = None) -> Directory:
    """The directory at an offset with all its entries or the wanted ones; what does not fit into the block is left out.

    Never raises; ``whole`` says whether something was left out.
    """
    width, count_width = (20, 8) if how.big else (12, 2)
    if offset < 8 or offset + count_width > len(block):
        return Directory(offset, offset, (), 0, False, True)
    declared = struct.unpack_from(how.tally, block, offset)[0]
    room = (len(block) - offset - count_width) // width
    entries = []
    at = offset + count_width
    for _ in range(min(declared, room)):
        tag, kind, count = struct.unpack_from(how.entry, block, at)
        if wanted is None or tag in wanted:
            size = _TYPE_BYTES.get(kind, 1) * count
            inline = at + width - how.word
            start = inline if size <= how.word else struct.unpack_from(how.offset, block, inline)[0]
            entries.append(Entry(tag, kind, count, at, start, size))
        at += width
    whole = declared <= room and at + how.word <= len(block)
    follower = struct.unpack_from(how.offset, block, at)[0] if whole else 0
    return Directory(offset, at + how.word, tuple(entries), follower, whole, declared > room)


def chain(block: bytes | bytearray, how: Layout) -> Iterator[Directory]:
    """The directories of the pages in order.

    Raises:
        CodedError: ``E_TRUNCATED`` for a directory that reaches past the end, ``E_CORRUPT`` for a loop, for more than
            4096 of them, or for directories or fields that share their bytes so that they would never be read to the
            end. What was yielded before stands.
    """
    seen: set[int] = set()
    taken = 0
    offset = first(block, how)
    while offset or not seen:
        if offset in seen or len(seen) >= MAX_DIRECTORIES:
            raise CodedError("E_CORRUPT", f"TIFF directories loop at byte {offset} or are more than {MAX_DIRECTORIES}")
        seen.add(offset)
        found = directory(block, how, offset)
        if not found.whole:
            raise CodedError("E_TRUNCATED", f"TIFF directory at byte {offset} reaches past the end")
        taken += found.end - found.offset
        values = sum(entry.size for entry in found.entries if how.word < entry.size <= len(block))
        if taken > len(block) or values > 4 * len(block):
            raise CodedError("E_CORRUPT", f"TIFF directory at byte {offset} shares its bytes with others")
        yield found
        offset = found.next


def check_bounds(block: bytes) -> None:
    """Refuse a structure that no reader gets to the end of; one that is cut off passes, and what is no TIFF.

    Raises:
        CodedError: ``E_CORRUPT``, as ``chain``.
    """
    how = layout(block)
    try:
        for _ in chain(block, how) if how else ():
            pass
    except CodedError as error:
        if error.code == "E_CORRUPT":
            raise


def numbers(block: bytes | bytearray, how: Layout, entry: Entry) -> tuple[int, ...]:
    """The unsigned numbers of a field of type SHORT, LONG or their kin; none where it is another or lies outside."""
    width = entry.size // entry.items if entry.items else 0
    if width not in (2, 4, 8) or entry.start + entry.size > len(block):
        return ()
    code = {2: "H", 4: "I", 8: "Q"}[width]
    return struct.unpack_from(f"{how.order}{entry.items}{code}", block, entry.start)


def image_data(block: bytes | bytearray, how: Layout, page: Directory) -> Iterator[tuple[int, int]]:
    """Begin and end of each strip, tile or embedded JPEG of a page."""
    by_tag = {entry.tag: entry for entry in page.entries}
    for tag, lengths in _DATA.items():
        if tag in by_tag and lengths in by_tag:
            pairs = zip(numbers(block, how, by_tag[tag]), numbers(block, how, by_tag[lengths]), strict=False)
            yield from ((start, start + size) for start, size in pairs)


def inside(block: bytes, how: Layout, page: Directory) -> bool:
    """Whether the image data of a page lie inside the block."""
    return all(end <= len(block) for _, end in image_data(block, how, page))


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """The packet of tag 700 of each page, the first page's first; and what went wrong on the way."""
    packets: list[Packet] = []
    failure: CodedError | None = None
    how = layout(data)
    if how is None:
        return [], CodedError("E_CORRUPT", "TIFF header is damaged")
    left = MAX_METADATA_BYTES
    try:
        for page in chain(data, how):
            for entry in page.entries:
                if entry.tag != XMP:
                    continue
                if entry.start + entry.size > len(data):
                    failure = failure or CodedError(
                        "E_TRUNCATED", f"XMP tag of {entry.size} bytes reaches past the end"
                    )
                elif entry.size > left:
                    detail = f"XMP tags of more than {MAX_METADATA_BYTES} bytes; that is the limit"
                    failure = failure or CodedError("E_METADATA", detail)
                else:
                    left -= entry.size
                    place = "tiff-700" if page.offset == first(data, how) else "tiff-page"
                    packets.append(Packet(place, data[entry.start : entry.start + entry.size]))
    except CodedError as error:
        failure = failure or error
    return packets, failure


def orientation(block: bytes | None) -> int:
    """EXIF orientation 1..8; 1 where there is none or it is out of range."""
    if not block:
        return 1
    value = fields(block, (ORIENTATION,)).get(ORIENTATION, b"")
    turned = struct.unpack_from((byte_order(block) or "<") + "H", value)[0] if len(value) >= 2 else 1
    return turned if 1 <= turned <= 8 else 1
