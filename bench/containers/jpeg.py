"""JPEG as a list of segments: split, join, header facts and XMP as they are; ``jpeg_edit`` writes.

Structure after ITU-T T.81 Annex B; XMP in APP1 after the XMP specification part 3, section 1.1.3. Like libjpeg, the
walk skips stray bytes between segments and survives a length below 2; it never reads past the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from bench.containers import jpeg_tables, tiff
from bench.containers.model import MAX_METADATA_BYTES, MAX_PARTS, Header, Packet, check_size
from bench.errors import CodedError

MIME = "image/jpeg"
SOI, EOI, SOS, DQT, COM, APP0, APP1, APP2 = 0xD8, 0xD9, 0xDA, 0xDB, 0xFE, 0xE0, 0xE1, 0xE2
#: Pseudo markers of ``walk``: entropy-coded data, and whatever follows the end marker.
SCAN, TRAILER = 0, -1

EXIF_SIGNATURE = b"Exif\0\0"
XMP_SIGNATURE = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_SIGNATURE = b"http://ns.adobe.com/xmp/extension/\0"
_ICC_SIGNATURE = b"ICC_PROFILE\0"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset(range(0xD0, 0xD8)) | {0x01}


class Span(NamedTuple):
    """Where one segment lies: ``data[start:end]`` is all of it, ``data[body:end]`` its content."""

    marker: int
    start: int
    body: int
    end: int
    bogus: bool = False  # its length was below 2, so where its content ends is not known


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment with every byte that belongs to it, marker, length and fill bytes included."""

    marker: int
    raw: bytes
    head: int

    @property
    def payload(self) -> bytes:
        """The content behind marker and length."""
        return self.raw[self.head :]


def walk(data: bytes, to_scan: bool = False) -> Iterator[Span]:
    """Every segment in order, covering every byte; with ``to_scan`` it ends before the first scan.

    Raises:
        CodedError: ``E_TRUNCATED`` when the data ends before the end marker, ``E_CORRUPT`` for no JPEG or too many
            segments. What was yielded before stands.
    """
    if data[:2] != b"\xff\xd8":
        raise CodedError("E_CORRUPT", "JPEG does not begin with SOI")
    yield Span(SOI, 0, 2, 2)
    position, size = 2, len(data)
    for _ in range(MAX_PARTS):
        start = position
        marker, position = _next_marker(data, position)
        if marker == EOI:
            yield Span(EOI, start, position, position)
            if position < size:
                yield Span(TRAILER, position, position, size)
            return
        if marker in _BARE or marker == SOI:
            yield Span(marker, start, position, position)
            continue
        if to_scan and marker == SOS:
            return
        length = int.from_bytes(data[position : position + 2], "big")
        if position + max(length, 2) > size:
            raise CodedError("E_TRUNCATED", f"JPEG segment FF{marker:02X} at byte {start} reaches past the end")
        if length < 2:
            position += 2
            yield Span(marker, start, position, position, True)
            continue
        yield Span(marker, start, position + 2, position + length)
        position += length
        if marker == SOS:
            end = _scan_end(data, position)
            if end > position:
                yield Span(SCAN, position, position, end)
            position = end
    raise CodedError("E_CORRUPT", f"JPEG with more than {MAX_PARTS} segments")


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """The next marker at or after ``position`` and the position behind it; stray and fill bytes are skipped."""
    size = len(data)
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise CodedError("E_TRUNCATED", "JPEG ends without its end marker")
        while position < size and data[position] == 0xFF:
            position += 1
        if position >= size:
            raise CodedError("E_TRUNCATED", "JPEG ends without its end marker")
        position += 1
        if data[position - 1]:
            return data[position - 1], position


def _scan_end(data: bytes, position: int) -> int:
    """Where the entropy-coded data that begins at ``position`` ends: at a marker other than RSTn, or at the end."""
    size = len(data)
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= size:
            return size
        follower = data[position + 1]
        if follower == 0xFF:
            position += 1
        elif follower == 0 or 0xD0 <= follower <= 0xD7:
            position += 2
        else:
            return position


def split(data: bytes) -> list[Segment]:
    """The file as segments; ``join`` gives the same bytes back. Raises as ``walk`` does."""
    return [Segment(s.marker, data[s.start : s.end], s.body - s.start) for s in walk(data)]


def join(segments: list[Segment]) -> bytes:
    """The segments as a file."""
    return b"".join(segment.raw for segment in segments)


def segment(marker: int, payload: bytes) -> Segment:
    """A new segment.

    Raises:
        CodedError: ``E_TOO_LARGE`` for a payload over 65,533 bytes.
    """
    if len(payload) > 65_533:
        raise CodedError("E_TOO_LARGE", f"a JPEG segment holds at most 65533 bytes, got {len(payload)}")
    return Segment(marker, bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload, 4)


def header(data: bytes) -> Header:
    """The facts in front of the first scan, and whether the end marker is there.

    Raises:
        CodedError: ``E_TRUNCATED`` or ``E_CORRUPT`` when no frame header can be reached.
    """
    frame: Span | None = None
    tables: dict[int, tuple[int, ...]] = {}
    icc: dict[int, bytes] = {}
    icc_count = 0
    block: bytes | None = None
    reached, last = len(data), SOI
    failure: CodedError | None = None
    try:
        for span in walk(data, to_scan=True):
            reached, last = span.end, span.marker
            if span.marker in _FRAMES and frame is None:
                frame = span
            elif span.marker == DQT:
                tables.update(jpeg_tables.parse(data[span.body : span.end]))
            elif span.marker == APP1 and block is None and data.startswith(EXIF_SIGNATURE, span.body):
                block = data[span.body + 6 : span.end]
            elif span.marker == APP2 and data.startswith(_ICC_SIGNATURE, span.body) and span.end - span.body >= 14:
                icc[data[span.body + 12]] = data[span.body + 14 : span.end]
                icc_count = data[span.body + 13]
    except CodedError as error:
        failure = error
    if frame is None or frame.end - frame.body < 6:
        raise failure or CodedError("E_CORRUPT", "JPEG without a frame header")
    bits, height, width, count = jpeg_tables.frame_size(data, frame.body)
    check_size(MIME, width, height)
    parts = data[frame.body + 6 : min(frame.end, frame.body + 6 + 3 * count)]
    if count == 0 or len(parts) < 3 * count:
        raise CodedError("E_CORRUPT", f"JPEG frame header with {count} components in {len(parts)} bytes")
    profile = b"".join(icc[i] for i in sorted(icc)) if len(icc) == icc_count else b""
    progressive = frame.marker in (0xC2, 0xC6, 0xCA, 0xCE)
    return Header(
        mime=MIME,
        width=width,
        height=height,
        bits=bits,
        channels=count,
        orientation=tiff.orientation(block),
        icc=profile or None,
        jpeg_quality=jpeg_tables.quality(tables[parts[2]]) if parts[2] in tables else None,
        jpeg_subsampling=jpeg_tables.subsampling(parts),
        jpeg_progressive=progressive,
        # An end marker in front of any scan is a damaged one: what lies behind it was not looked at.
        complete=failure is None and last not in (EOI, TRAILER) and _ends(data, reached, count, progressive),
        notes=() if len(icc) == icc_count else ("the ICC profile lacks a part",),
    )


def _ends(data: bytes, scan: int, components: int, progressive: bool) -> bool:
    """Whether the end marker follows the first scan, whose header begins at ``scan``.

    A sequential frame with all components in its first scan has no other, and FF D9 can be nothing else in there; so
    the usual file needs no walk. In front of further scans stand tables, in which these bytes can occur.
    """
    if not progressive and data[scan : scan + 2] == b"\xff\xda" and data[scan + 4 : scan + 5] == bytes((components,)):
        return data.rfind(b"\xff\xd9", scan) >= 0
    try:
        return any(span.marker == EOI for span in walk(data))
    except CodedError:
        return False


def exif(data: bytes) -> bytes | None:
    """The first EXIF block, without its signature; None where the walk meets none."""
    for span in walk(data, to_scan=True):
        if span.marker == APP1 and data.startswith(EXIF_SIGNATURE, span.body):
            return data[span.body + 6 : span.end]
    return None


def app_payloads(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of every APPn and COM segment before the first scan."""
    for span in walk(data, to_scan=True):
        if 0xE0 <= span.marker <= 0xEF or span.marker == COM:
            yield span.marker, data[span.body : span.end]


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """The main packets, then the extended ones put together by GUID; and what went wrong on the way."""
    packets: list[Packet] = []
    parts: dict[bytes, dict[int, bytes]] = {}
    lengths: dict[bytes, int] = {}
    failure: CodedError | None = None
    try:
        for span in walk(data, to_scan=True):
            if span.bogus:
                failure = CodedError(
                    "E_CORRUPT", f"JPEG segment FF{span.marker:02X} at byte {span.start} has no length"
                )
            if span.marker != APP1:
                continue
            if data.startswith(XMP_SIGNATURE, span.body):
                packets.append(Packet("jpeg-app1", data[span.body + len(XMP_SIGNATURE) : span.end]))
            elif data.startswith(EXTENDED_SIGNATURE, span.body) and span.end - span.body >= 75:
                at = span.body + len(EXTENDED_SIGNATURE)
                guid = data[at : at + 32]
                lengths[guid] = int.from_bytes(data[at + 32 : at + 36], "big")
                offset = int.from_bytes(data[at + 36 : at + 40], "big")
                parts.setdefault(guid, {})[offset] = data[at + 40 : span.end]
    except CodedError as error:
        failure = error
    for guid, pieces in parts.items():
        payload = b"".join(pieces[offset] for offset in sorted(pieces))
        offsets = sorted(pieces)
        joined = all(a + len(pieces[a]) == b for a, b in pairwise(offsets))
        if offsets[0] == 0 and joined and len(payload) == lengths[guid] and len(payload) <= MAX_METADATA_BYTES:
            packets.append(Packet("jpeg-extended", payload))
        else:
            failure = CodedError("E_METADATA", f"extended XMP {guid!r} is incomplete or too large")
    return packets, failure
