"""PNG as a list of chunks: split, join, header facts, text and XMP as they are; ``png_edit`` writes.

Structure after the PNG specification, third edition, sections 5 and 11. Metadata is read before and after the image
data (ExifTool writes behind it). A chunk whose checksum is wrong is never read as if it were sound.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bench.containers import tiff
from bench.containers.model import MAX_METADATA_BYTES, MAX_PARTS, Header, Packet, check_size, inflate
from bench.errors import CodedError

MIME = "image/png"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Pseudo type of ``walk``: whatever follows IEND.
TRAILER = b""
XMP_KEYWORD = b"XML:com.adobe.xmp"
RAW_XMP = b"Raw profile type xmp"
RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
TEXT = (b"tEXt", b"zTXt", b"iTXt")
#: Compressed texts that cannot be read, after which no other is tried: each may have cost as much as the largest one.
_MOST_UNREADABLE = 16
_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


class Span(NamedTuple):
    """Where one chunk lies: ``data[start:end]`` is all of it, ``data[body:body + size]`` its content."""

    kind: bytes
    start: int
    body: int
    size: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk with every byte that belongs to it: length, type, content, checksum."""

    kind: bytes
    raw: bytes

    @property
    def payload(self) -> bytes:
        """The content."""
        return self.raw[8:-4]


def walk(data: bytes) -> Iterator[Span]:
    """Every chunk in order behind the signature, and the trailer if there is one; checksums are not looked at.

    Raises:
        CodedError: ``E_TRUNCATED`` when the data ends before IEND, ``E_CORRUPT`` for no PNG, an impossible chunk type
            or too many chunks. What was yielded before stands.
    """
    if data[:8] != SIGNATURE:
        raise CodedError("E_CORRUPT", "PNG signature is missing")
    position, size = 8, len(data)
    for _ in range(MAX_PARTS):
        if position + 12 > size:
            raise CodedError("E_TRUNCATED", f"PNG ends at byte {size} without IEND")
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if not kind.isalpha():
            raise CodedError("E_CORRUPT", f"PNG chunk type {kind!r} at byte {position}")
        end = position + 12 + length
        if end > size:
            raise CodedError("E_TRUNCATED", f"PNG chunk {kind.decode()} at byte {position} reaches past the end")
        yield Span(kind, position, position + 8, length, end)
        position = end
        if kind == b"IEND":
            if position < size:
                yield Span(TRAILER, position, position, size - position, size)
            return
    raise CodedError("E_CORRUPT", f"PNG with more than {MAX_PARTS} chunks")


def sound(data: bytes, span: Span) -> bool:
    """Whether the chunk's checksum is right."""
    view = memoryview(data)[span.start + 4 : span.end - 4]
    return zlib.crc32(view) == int.from_bytes(data[span.end - 4 : span.end], "big")


def split(data: bytes) -> list[Chunk]:
    """The chunks behind the signature, a trailer last; ``join`` gives the same bytes back. Raises as ``walk`` does."""
    return [Chunk(s.kind, data[s.start : s.end]) for s in walk(data)]


def join(chunks: list[Chunk]) -> bytes:
    """The chunks as a file."""
    return SIGNATURE + b"".join(chunk.raw for chunk in chunks)


def chunk(kind: bytes, payload: bytes) -> Chunk:
    """A new chunk with its checksum.

    Raises:
        CodedError: ``E_TOO_LARGE`` for a payload over 2^31 - 1 bytes.
    """
    if len(payload) > 0x7FFF_FFFF:
        raise CodedError("E_TOO_LARGE", f"a PNG chunk holds at most 2147483647 bytes, got {len(payload)}")
    checksum = zlib.crc32(payload, zlib.crc32(kind))
    return Chunk(kind, len(payload).to_bytes(4, "big") + kind + payload + checksum.to_bytes(4, "big"))


def header(data: bytes) -> Header:
    """The facts of IHDR and its companions, and whether every critical chunk is there and sound.

    Raises:
        CodedError: ``E_CORRUPT`` for an IHDR that is missing, misplaced or has a wrong checksum, ``E_TRUNCATED`` when
            the data ends in it, ``E_UNIDENTIFIED`` for a side of 0.
    """
    spans = walk(data)
    first = next(spans)
    if first.kind != b"IHDR" or first.size != 13 or not sound(data, first):
        raise CodedError("E_CORRUPT", "PNG without a sound IHDR at its beginning")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bits, colour = data[24], data[25]
    check_size(MIME, width, height)
    if colour not in _CHANNELS or bits not in (1, 2, 4, 8, 16):
        raise CodedError("E_CORRUPT", f"PNG colour type {colour} with {bits} bits")
    alpha, animated, complete, image = colour in (4, 6), False, True, False
    block: bytes | None = None
    icc: bytes | None = None
    notes: list[str] = []
    try:
        for span in spans:
            if span.kind in (b"IDAT", b"PLTE", b"IEND"):
                if complete and not sound(data, span):
                    notes.append(f"the checksum of {span.kind.decode()} at byte {span.start} is wrong")
                    complete = False
                image = image or span.kind == b"IDAT"
            elif span.kind != TRAILER and not sound(data, span):
                # Not part of the picture; but whatever this chunk was, nobody can say any more.
                notes.append(f"the checksum of {span.kind.decode()} at byte {span.start} is wrong")
            elif span.kind == b"tRNS":
                alpha = True
            elif span.kind == b"acTL":
                animated = animated or not image
            elif span.kind == b"eXIf" and block is None:
                block = data[span.body : span.body + span.size]
            elif span.kind == b"iCCP" and icc is None:
                try:
                    icc = _profile(data[span.body : span.body + span.size])
                except CodedError as error:
                    notes.append(f"the ICC profile is unusable: {error.detail}")
    except CodedError:
        complete = False
    return Header(
        mime=MIME,
        width=width,
        height=height,
        bits=bits,
        channels=_CHANNELS[colour],
        alpha=alpha,
        palette=colour == 3,
        animated=animated,
        orientation=tiff.orientation(block),
        icc=icc,
        complete=complete and image,
        notes=tuple(notes),
    )


def _profile(payload: bytes) -> bytes:
    name = payload.find(b"\0")
    if not 1 <= name <= 79 or payload[name + 1 : name + 2] != b"\0":
        raise CodedError("E_METADATA", "iCCP has no name or an unknown compression")
    return inflate(payload[name + 2 :])


def _texts(
    data: bytes, keywords: Collection[bytes] | None
) -> tuple[list[tuple[Span, bytes, bytes]], CodedError | None]:
    """Span, keyword and content of each text chunk, and the first thing that went wrong on the way."""
    found: list[tuple[Span, bytes, bytes]] = []
    failure: CodedError | None = None
    left = MAX_METADATA_BYTES
    try:
        for span in walk(data):
            if span.kind not in TEXT:
                continue
            cut = data.find(b"\0", span.body, min(span.body + span.size, span.body + 80))
            if cut < 0 or not sound(data, span):
                detail = f"PNG {span.kind.decode()} at byte {span.start} has no keyword or a wrong checksum"
                failure = failure or CodedError("E_CORRUPT", detail)
                continue
            keyword = data[span.body : cut]
            if keywords is not None and keyword not in keywords:
                continue
            try:
                text = _text(span.kind, data[cut + 1 : span.body + span.size], left)
            except CodedError as error:
                failure = failure or error
                left -= MAX_METADATA_BYTES // _MOST_UNREADABLE
            else:
                left -= len(text) if span.kind != b"tEXt" else 0
                found.append((span, keyword, text))
            if left <= 0:
                raise CodedError("E_METADATA", f"compressed metadata expands past {MAX_METADATA_BYTES} bytes")
    except CodedError as error:
        failure = failure or error
    return found, failure


def _text(kind: bytes, rest: bytes, limit: int) -> bytes:
    """The content of a text chunk behind its keyword."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        if rest[:1] != b"\0":
            raise CodedError("E_METADATA", "zTXt with an unknown compression")
        return inflate(rest[1:], limit)
    fields = rest[2:].split(b"\0", 2)
    if len(fields) != 3 or rest[0] > 1 or (rest[0] == 1 and rest[1] != 0):
        raise CodedError("E_METADATA", "iTXt lacks its fields or has an unknown compression")
    return inflate(fields[2], limit) if rest[0] else fields[2]


def read_text(data: bytes, keywords: Collection[str] | None = None) -> tuple[list[tuple[str, str]], CodedError | None]:
    """Keyword and text of each text chunk, or of those with one of these keywords; and what went wrong on the way.

    Text is decoded as UTF-8 where it is that (many writers put it into tEXt, too), else as Latin-1 in tEXt and zTXt;
    broken UTF-8 in iTXt keeps its bytes as surrogate escapes.
    """
    wanted = None if keywords is None else {k.encode("latin-1", "replace") for k in keywords}
    found, failure = _texts(data, wanted)
    return [(keyword.decode("latin-1"), _decode(span.kind, text)) for span, keyword, text in found], failure


def _decode(kind: bytes, text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("utf-8", "surrogateescape") if kind == b"iTXt" else text.decode("latin-1")


def _raw_profile(text: bytes) -> bytes | None:
    """The bytes of ImageMagick's hexadecimal ``Raw profile type`` text: name, length, then digits in lines."""
    fields = text.split(None, 2)
    if len(fields) != 3:
        return None
    try:
        return bytes.fromhex(b"".join(fields[2].split()).decode("ascii"))
    except ValueError:
        return None


def exif(data: bytes) -> bytes | None:
    """The EXIF block of eXIf, or of ImageMagick's raw profile text; None where there is none.

    Raises:
        CodedError: when none can be read and it is not certain that there is none.
    """
    failure: CodedError | None = None
    for span in walk(data):
        if span.kind == b"eXIf":
            if sound(data, span):
                return data[span.body : span.body + span.size].removeprefix(b"Exif\0\0")
            failure = CodedError("E_CORRUPT", f"PNG eXIf at byte {span.start} has a wrong checksum")
    texts, broken = _texts(data, RAW_EXIF)
    failure = failure or broken
    for _, _, text in texts:
        raw = _raw_profile(text)
        # ImageMagick puts a JPEG's prefix before the block, RawTherapee does not.
        if raw is not None and raw.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")):
            return raw.removeprefix(b"Exif\0\0")
        failure = failure or CodedError("E_METADATA", "raw EXIF profile is not EXIF in hexadecimal")
    if failure is not None:
        raise failure
    return None


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """Every packet stored as text, in the standard iTXt or elsewhere; and what went wrong on the way."""
    found, failure = _texts(data, (XMP_KEYWORD, RAW_XMP))
    packets: list[Packet] = []
    for span, keyword, text in found:
        if keyword == RAW_XMP:
            raw = _raw_profile(text)
            if raw is None:
                failure = failure or CodedError("E_METADATA", "raw XMP profile is not hexadecimal")
            else:
                packets.append(Packet("png-text", raw))
            continue
        plain = span.kind == b"iTXt" and data[span.body + len(keyword) + 1] == 0
        packets.append(Packet("png-itxt" if plain else "png-text", text))
    return packets, failure
