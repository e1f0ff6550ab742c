"""GIF block by block: split, join, header facts and XMP (GIF89a; XMP specification part 3, section 1.1.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bench.containers.model import MAX_METADATA_BYTES, MAX_PARTS, Header, Packet, check_size
from bench.errors import CodedError

MIME = "image/gif"
_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_XMP_APPLICATION = b"\x0bXMP DataXMP"
#: The packet is not cut into sub-blocks; 257 bytes that count down lead a reader of sub-blocks to the terminator.
_MAGIC_TRAILER = 257
_TRAILER_BYTES = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
_APPLICATION, _COMMENT = 0xFF, 0xFE
_KINDS = {_XMP_APPLICATION: "xmp", b"\x0bC2PA_GIF": "c2pa", b"\x0bICCRGBG1": "icc"}
#: Application extensions that say how often the frames are shown.
_LOOPS = (b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0")
#: Pseudo introducer of ``split``: whatever follows the trailer.
REST = -1


class Block(NamedTuple):
    """One block: its introducer, label (extensions), and where it and its content lie."""

    introducer: int
    label: int
    start: int
    body: int
    end: int


def walk(data: bytes) -> Iterator[Block]:
    """Every block behind the global colour table, the trailer last.

    Raises:
        CodedError: ``E_TRUNCATED`` when the data ends before the trailer, ``E_CORRUPT`` for an unknown block.
    """
    if data[:4] != b"GIF8" or len(data) < 13:
        raise CodedError("E_CORRUPT", "GIF signature is missing")
    position = 13 + _table(data[10])
    for _ in range(MAX_PARTS):
        if position >= len(data):
            raise CodedError("E_TRUNCATED", f"GIF ends at byte {len(data)} without its trailer")
        introducer, start = data[position], position
        if introducer == _TRAILER:
            yield Block(introducer, 0, start, start + 1, start + 1)
            return
        if introducer == _EXTENSION:
            label = data[start + 1] if start + 1 < len(data) else 0
            body = start + 2
        elif introducer == _IMAGE:
            packed = data[start + 9] if start + 9 < len(data) else 0
            label, body = 0, start + 11 + _table(packed)
        else:
            raise CodedError("E_CORRUPT", f"GIF block {introducer:#04x} at byte {start}")
        position = _after_sub_blocks(data, body)
        yield Block(introducer, label, start, body, position)
    raise CodedError("E_CORRUPT", f"GIF with more than {MAX_PARTS} blocks")


@dataclass(frozen=True, slots=True)
class Part:
    """One block with every byte that belongs to it."""

    introducer: int
    raw: bytes


def split(data: bytes) -> tuple[bytes, list[Part]]:
    """The head (signature, screen, global colours) and the blocks, what follows the trailer last.

    ``join`` gives the same bytes back. Raises as ``walk`` does.
    """
    blocks = list(walk(data))
    parts = [Part(block.introducer, data[block.start : block.end]) for block in blocks]
    end = blocks[-1].end
    return data[: blocks[0].start], parts + ([Part(REST, data[end:])] if end < len(data) else [])


def join(head: bytes, parts: list[Part]) -> bytes:
    """Head and blocks as a file."""
    return head + b"".join(part.raw for part in parts)


def _table(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int) -> int:
    size = len(data)
    while position < size:
        length = data[position]
        position += 1 + length
        if length == 0:
            return position
    raise CodedError("E_TRUNCATED", f"GIF ends at byte {size} in a block")


def header(data: bytes) -> Header:
    """Size, palette, transparency, whether there is more than one frame, and whether the trailer is reached.

    Raises:
        CodedError: ``E_TRUNCATED`` or ``E_CORRUPT`` when the screen descriptor cannot be read.
    """
    blocks = walk(data)
    width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    frames, alpha, complete = 0, False, True
    try:
        for block in blocks:
            if block.introducer == _IMAGE:
                frames += 1
            elif block.introducer == _EXTENSION and block.label == 0xF9 and block.end - block.body >= 5:
                alpha = alpha or bool(data[block.body + 1] & 1)
    except CodedError as error:
        if len(data) < 13:
            raise error
        complete = False
    check_size(MIME, width, height)
    return Header(
        mime=MIME,
        width=width,
        height=height,
        alpha=alpha,
        palette=True,
        animated=frames > 1,
        complete=complete and frames > 0,
    )


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """The packets of the ``XMP DataXMP`` application extensions; and what went wrong on the way."""
    packets: list[Packet] = []
    failure: CodedError | None = None
    try:
        for block in walk(data):
            if block.label == 0xFF and data.startswith(_XMP_APPLICATION, block.body):
                start, stop = block.body + len(_XMP_APPLICATION), block.end - 1 - _MAGIC_TRAILER
                if start < stop <= start + MAX_METADATA_BYTES:
                    packets.append(Packet("gif-xmp", data[start:stop]))
                else:
                    failure = CodedError("E_METADATA", f"XMP extension at byte {block.start} is too short or too long")
    except CodedError as error:
        failure = error
    return packets, failure


def set_xmp(data: bytes, payload: bytes) -> bytes:
    """The file with this packet and no other, as a GIF89a: in the old one's place, else behind the leading extensions.

    Raises:
        CodedError: ``E_METADATA`` for a packet with a zero byte, which would end the extension for other readers,
            ``E_TOO_LARGE`` for one that would not be read back, or as ``walk`` for a broken file.
    """
    if b"\0" in payload:
        raise CodedError("E_METADATA", "an XMP packet in a GIF has no zero byte")
    if not 0 < len(payload) <= MAX_METADATA_BYTES:
        raise CodedError("E_TOO_LARGE", f"a GIF's XMP has 1 to {MAX_METADATA_BYTES} bytes, got {len(payload)}")
    new = b"\x21\xff" + _XMP_APPLICATION + payload + _TRAILER_BYTES
    blocks = list(walk(data))
    old = [b for b in blocks if b.label == 0xFF and data.startswith(_XMP_APPLICATION, b.body)]
    at = old[0].start if old else next(b.start for b in blocks if b.label != 0xFF)
    out, start = [b"GIF89a", data[6:at], new], at
    for block in old:
        out.append(data[start : block.start])
        start = block.end
    return b"".join((*out, data[start:]))


def remove(data: bytes, kinds: Collection[str]) -> bytes:
    """The file without metadata of these kinds; ``all`` leaves frames, loop counts and plain text, and no trailer.

    Raises:
        CodedError: as ``walk`` for a broken file.
    """
    out, at = [], 0
    for block in walk(data):
        kind = "comments" if block.label == _COMMENT else None
        if block.label == _APPLICATION:
            kind = next((name for start, name in _KINDS.items() if data.startswith(start, block.body)), None)
            if kind is None and "all" in kinds and not data.startswith(_LOOPS, block.body):
                kind = "all"
        if kind in kinds:
            out.append(data[at : block.start])
            at = block.end
        elif block.introducer == _TRAILER and "all" in kinds:
            out.append(data[at : block.end])
            at = len(data)
    return b"".join((*out, data[at:]))
