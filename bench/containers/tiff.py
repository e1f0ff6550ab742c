"""Single fields of a TIFF structure (a TIFF file or an EXIF block), read without following chains.

Only the first directory and, on request, the Exif directory it names are read, so a file whose directories loop
cannot hold the reader; each wanted value is sliced once and must lie inside the block.
"""

from __future__ import annotations

import struct
from collections.abc import Collection

ORIENTATION = 0x0112
IMAGE_DESCRIPTION = 0x010E
XMP = 0x02BC
EXIF_IFD = 0x8769
USER_COMMENT = 0x9286

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


def byte_order(block: bytes) -> str | None:
    """``<`` or ``>`` for classic TIFF, None for anything else (BigTIFF included)."""
    return {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))


def fields(block: bytes, wanted: Collection[int], exif: bool = False) -> dict[int, bytes]:
    """The raw values of the wanted tags of the first directory, or of its Exif directory.

    Tags that are missing, or whose value lies outside the block, are left out. Never raises.
    """
    order = byte_order(block)
    if order is None or len(block) < 8:
        return {}
    offset = struct.unpack_from(order + "I", block, 4)[0]
    if exif:
        pointer = _directory(block, order, offset, (EXIF_IFD,)).get(EXIF_IFD, b"")
        if len(pointer) != 4:
            return {}
        offset = struct.unpack(order + "I", pointer)[0]
    return _directory(block, order, offset, wanted)


def _directory(block: bytes, order: str, offset: int, wanted: Collection[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if offset < 8 or offset + 2 > len(block):
        return found
    count = min(struct.unpack_from(order + "H", block, offset)[0], (len(block) - offset - 2) // 12)
    for index in range(count):
        at = offset + 2 + 12 * index
        tag, kind, items = struct.unpack_from(order + "HHI", block, at)
        if tag not in wanted or tag in found:
            continue
        size = _TYPE_BYTES.get(kind, 1) * items
        start = at + 8 if size <= 4 else struct.unpack_from(order + "I", block, at + 8)[0]
        if start + size <= len(block):
            found[tag] = bytes(block[start : start + size])
    return found


def orientation(block: bytes | None) -> int:
    """EXIF orientation 1..8; 1 where there is none or it is out of range."""
    if not block:
        return 1
    value = fields(block, (ORIENTATION,)).get(ORIENTATION, b"")
    number = struct.unpack_from((byte_order(block) or "<") + "H", value)[0] if len(value) >= 2 else 1
    return number if 1 <= number <= 8 else 1
