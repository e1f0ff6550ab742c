"""RIFF as a list of chunks, and WebP in it: split, join, header facts and XMP, without touching the image data.

WebP after RFC 9649 (container, lossless) and RFC 6386 section 9.1 (the lossy frame header).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bench.containers import tiff
from bench.containers.model import MAX_METADATA_BYTES, MAX_PARTS, Header, Packet, check_size
from bench.errors import CodedError

MIME = "image/webp"
#: Pseudo type of ``walk``: whatever follows the RIFF form.
TRAILER = b""
_ICC, _ALPHA, _EXIF, _XMP, _ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02
_FLAGS = {b"ICCP": _ICC, b"ALPH": _ALPHA, b"EXIF": _EXIF, b"XMP ": _XMP, b"ANIM": _ANIMATION}

_KINDS = {b"ICCP": "icc", b"EXIF": "exif", b"XMP ": "xmp", b"XMP\0": "xmp", b"C2PA": "c2pa"}
_SHOWN = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"))


class Span(NamedTuple):
    """Where one chunk lies: ``data[start:end]`` is all of it with padding, ``data[body:body + size]`` its content."""

    kind: bytes
    start: int
    body: int
    size: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk with every byte that belongs to it: type, length, content, padding."""

    kind: bytes
    raw: bytes

    @property
    def payload(self) -> bytes:
        """The content without padding."""
        return self.raw[8 : 8 + int.from_bytes(self.raw[4:8], "little")]


def walk(data: bytes) -> Iterator[Span]:
    """Every chunk of the form in order, and the trailer if there is one.

    Raises:
        CodedError: ``E_TRUNCATED`` when the form or a chunk reaches past the end, ``E_CORRUPT`` for no RIFF or too many
            chunks. What was yielded before stands.
    """
    if data[:4] != b"RIFF" or len(data) < 12:
        raise CodedError("E_CORRUPT", "RIFF signature is missing")
    position, size = 12, len(data)
    stop = 8 + int.from_bytes(data[4:8], "little")
    for _ in range(MAX_PARTS):
        if position + 8 > min(stop, size):
            break
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        kind = data[position : position + 4]
        end = position + 8 + length
        if end > size:
            raise CodedError("E_TRUNCATED", f"RIFF chunk {kind!r} at byte {position} reaches past the end")
        if end > stop:
            raise CodedError("E_CORRUPT", f"RIFF chunk {kind!r} at byte {position} reaches past the form")
        end = min(end + (length & 1), size)
        yield Span(kind, position, position + 8, length, end)
        position = end
    else:
        raise CodedError("E_CORRUPT", f"RIFF with more than {MAX_PARTS} chunks")
    if stop > size:
        raise CodedError("E_TRUNCATED", f"RIFF form of {stop} bytes in {size}")
    if position < size:
        yield Span(TRAILER, position, position, size - position, size)


def split(data: bytes) -> tuple[bytes, list[Chunk]]:
    """The 12 bytes of the form's head and its chunks, a trailer last; ``join`` gives the same bytes back."""
    return data[:12], [Chunk(s.kind, data[s.start : s.end]) for s in walk(data)]


def join(head: bytes, chunks: list[Chunk]) -> bytes:
    """Head and chunks as a file; the form's size stays as the head says."""
    return head + b"".join(chunk.raw for chunk in chunks)


def chunk(kind: bytes, payload: bytes) -> Chunk:
    """A new chunk, padded to an even length."""
    return Chunk(kind, kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) & 1))


def _still(data: bytes, span: Span) -> tuple[int, int, bool] | None:
    """Width, height and alpha of a VP8 or VP8L bitstream; None when its signature is wrong."""
    at = span.body
    if span.kind == b"VP8 " and span.size >= 10 and data[at + 3 : at + 6] == b"\x9d\x01\x2a":
        width, height = (
            int.from_bytes(data[at + 6 : at + 8], "little"),
            int.from_bytes(data[at + 8 : at + 10], "little"),
        )
        return width & 0x3FFF, height & 0x3FFF, False
    if span.kind == b"VP8L" and span.size >= 5 and data[at] == 0x2F:
        packed = int.from_bytes(data[at + 1 : at + 5], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, bool(packed >> 28 & 1)
    return None


def header(data: bytes) -> Header:
    """The facts of VP8X or of the only bitstream, and whether every chunk is there.

    Raises:
        CodedError: ``E_TRUNCATED`` or ``E_CORRUPT`` when no size can be reached.
    """
    size: tuple[int, int] | None = None
    alpha = animated = image = False
    complete = True
    block: bytes | None = None
    icc: bytes | None = None
    failure: CodedError | None = None
    try:
        for span in walk(data):
            if span.kind == b"VP8X" and span.size >= 10 and size is None:
                flags, at = data[span.body], span.body
                alpha, animated = bool(flags & _ALPHA), bool(flags & _ANIMATION)
                size = (
                    int.from_bytes(data[at + 4 : at + 7], "little") + 1,
                    int.from_bytes(data[at + 7 : at + 10], "little") + 1,
                )
            elif span.kind in (b"VP8 ", b"VP8L"):
                still = _still(data, span)
                image = image or still is not None
                if still is not None and size is None:
                    size, alpha = still[:2], still[2]
            elif span.kind == b"ANMF":
                image = True
            elif span.kind == b"ICCP" and icc is None:
                icc = data[span.body : span.body + span.size]
            elif span.kind == b"EXIF" and block is None:
                block = data[span.body : span.body + span.size].removeprefix(b"Exif\0\0")
    except CodedError as error:
        failure, complete = error, False
    if size is None:
        raise failure or CodedError("E_CORRUPT", "WebP without an image")
    check_size(MIME, *size)
    return Header(
        mime=MIME,
        width=size[0],
        height=size[1],
        channels=4 if alpha else 3,
        alpha=alpha,
        animated=animated,
        orientation=tiff.orientation(block),
        icc=icc or None,
        complete=complete and image,
    )


def exif(data: bytes) -> bytes | None:
    """The EXIF chunk's TIFF block; None where there is none.

    Raises:
        CodedError: as ``walk`` when none was met before the walk failed.
    """
    for span in walk(data):
        if span.kind == b"EXIF":
            return data[span.body : span.body + span.size].removeprefix(b"Exif\0\0")
    return None


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """Every ``XMP `` chunk; and what went wrong on the way."""
    packets: list[Packet] = []
    failure: CodedError | None = None
    try:
        for span in walk(data):
            if span.kind not in (b"XMP ", b"XMP\0"):
                continue
            if span.size > MAX_METADATA_BYTES:
                failure = CodedError("E_METADATA", f"XMP chunk of {span.size} bytes; the limit is {MAX_METADATA_BYTES}")
            else:
                packets.append(Packet("webp-xmp", data[span.body : span.body + span.size]))
    except CodedError as error:
        failure = error
    return packets, failure


def set_xmp(data: bytes, payload: bytes) -> bytes:
    """The file with this packet and no other; a simple file becomes an extended one (VP8X).

    The packet takes the old one's place, else it stands last, as RFC 9649 section 2.7 orders the chunks.

    Raises:
        CodedError: as ``walk`` for a broken file; ``E_CORRUPT`` when there is no image; ``E_TOO_LARGE`` past 4 GiB.
    """
    return _with_chunk(data, (b"XMP ", b"XMP\0"), payload)


def set_exif(data: bytes, block: bytes) -> bytes:
    """The file with this EXIF block and no other, before the XMP packet if there is one; else as ``set_xmp``."""
    return _with_chunk(data, (b"EXIF",), block)


def remove(data: bytes, kinds: Collection[str]) -> bytes:
    """The file without metadata of these kinds; ``all`` leaves the picture's chunks only, and no trailer.

    Raises:
        CodedError: as ``walk`` for a broken file.
    """
    out: list[bytes] = []
    gone, trailer = 0, b""
    for span in walk(data):
        kind = _KINDS.get(span.kind)
        if kind in kinds or ("all" in kinds and kind is None and span.kind not in _SHOWN):
            gone |= _FLAGS.get(span.kind[:3] + b" ", 0) if kind == "xmp" else _FLAGS.get(span.kind, 0)
        elif span.kind == TRAILER:
            trailer = data[span.start :]
        else:
            out.append(data[span.start : span.end] + b"\0" * ((span.end - span.start) & 1))
    if out and out[0][:4] == b"VP8X" and len(out[0]) > 8:
        out[0] = out[0][:8] + bytes((out[0][8] & ~gone,)) + out[0][9:]
    body = b"WEBP" + b"".join(out)
    return b"".join((b"RIFF", len(body).to_bytes(4, "little"), body, trailer))


def get_c2pa(data: bytes) -> bytes | None:
    """The C2PA manifest store of its chunk; None where there is none. Raises as ``walk`` does."""
    return next((data[s.body : s.body + s.size] for s in walk(data) if s.kind == b"C2PA"), None)


def put_c2pa(data: bytes, store: bytes) -> bytes:
    """The file with this C2PA manifest store and no other, in a chunk behind all others (C2PA specification 2.2, A.3).

    A simple file stays one: the store has no flag in VP8X.

    Raises:
        CodedError: as ``walk`` for a broken file.
    """
    out = remove(data, ("c2pa",))
    end = 8 + int.from_bytes(out[4:8], "little")
    body = out[8:end] + chunk(b"C2PA", store).raw
    return b"".join((b"RIFF", len(body).to_bytes(4, "little"), body, out[end:]))


def _with_chunk(data: bytes, kinds: tuple[bytes, ...], payload: bytes) -> bytes:
    """The file with one metadata chunk of the first of these types, in place of all that it has of them."""
    spans = list(walk(data))
    form = [span for span in spans if span.kind != TRAILER]
    tail = data[spans[-1].start :] if spans and spans[-1].kind == TRAILER else b""
    new = chunk(kinds[0], payload).raw
    flag = _FLAGS[kinds[0]]
    out: list[bytes] = []
    placed = False
    replaces = any(span.kind in kinds for span in form)
    if not form or form[0].kind != b"VP8X" or form[0].size < 10:
        out.append(_extended_header(data, form, flag))
    for span in form:
        raw = data[span.start : span.end]
        if span.kind == b"VP8X" and span.start == 12 and span.size >= 10:
            raw = raw[:8] + bytes((raw[8] | flag,)) + raw[9:]
        elif span.kind in kinds:
            raw = b"" if placed else new
            placed = True
        elif span.kind == b"XMP " and not replaces and not placed:
            out.append(new)
            placed = True
        out.append(raw if len(raw) % 2 == 0 else raw + b"\0")
    body = b"".join((b"WEBP", *out, b"" if placed else new))
    if len(body) > 0xFFFF_FFF6:
        raise CodedError("E_TOO_LARGE", f"a WebP holds at most 4294967286 bytes, got {len(body)}")
    return b"".join((b"RIFF", len(body).to_bytes(4, "little"), body, tail))


def _extended_header(data: bytes, form: list[Span], flags: int) -> bytes:
    """The VP8X chunk for a file that has none: the flags of what is there and comes, and the bitstream's own size."""
    size: tuple[int, int] | None = None
    for span in form:
        flags |= _FLAGS.get(span.kind, 0)
        still = _still(data, span)
        if still is not None and size is None:
            size = still[:2]
            flags |= _ALPHA if still[2] else 0
    if size is None:
        raise CodedError("E_CORRUPT", "WebP without an image")
    check_size(MIME, *size)
    canvas = (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")
    return chunk(b"VP8X", bytes((flags, 0, 0, 0)) + canvas).raw
