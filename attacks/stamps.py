"""Times and random identifiers that a program stamps on a file it writes, set to fixed ones.

An attack gives the same bytes for the same input. GIMP, darktable, ImageMagick and others write the clock and fresh
UUIDs beside the picture; these alone are overwritten, each by a text of equal length, so that no offset moves.
"""

from __future__ import annotations

import re
import zlib

#: 2026-01-01 00:00:00 UTC: every digit of a stamped time becomes this one's.
_FIXED = "20260101000000"
_TIMES = re.compile(rb"20\d\d([-:])\d\d\1\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?")
_UUIDS = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
_MICROSECONDS = re.compile(rb'(?<=TimeStamp=")\d{16}(?=")|(?<=TimeStamp>)\d{16}(?=<)')


def fixed_stamps(data: bytes, source: bytes) -> bytes:
    """The file with every time and UUID that was not in its source replaced by a fixed one.

    Args:
        data: an image file; chunks of a PNG get their checksums anew, other formats have none over metadata.
            Stamps inside compressed chunks stay.
        source: the file it was made from, whose own times and identifiers are left alone.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _fixed_png(data, source)
    return _fixed_text(data, source)


def _fixed_text(data: bytes, source: bytes) -> bytes:
    def time(found: re.Match[bytes]) -> bytes:
        digits = iter(_FIXED)
        text = found[0].decode()
        return found[0] if found[0] in source else re.sub(r"\d", lambda _: next(digits, "0"), text).encode()

    def zeros(found: re.Match[bytes]) -> bytes:
        return found[0] if found[0] in source else re.sub(rb"[0-9A-Fa-f]", b"0", found[0])

    return _MICROSECONDS.sub(zeros, _UUIDS.sub(zeros, _TIMES.sub(time, data)))


def _fixed_png(data: bytes, source: bytes) -> bytes:
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        kind, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
        if kind in (b"tEXt", b"iTXt", b"eXIf"):
            changed = _fixed_text(body, source)
        elif kind == b"tIME" and body not in source:
            changed = bytes((0x07, 0xEA, 1, 1, 0, 0, 0))
        else:
            changed = body
        checksum = data[end - 4 : end] if changed == body else zlib.crc32(kind + changed).to_bytes(4, "big")
        parts.append(data[at : at + 8] + changed + checksum)
        at = end
    return b"".join(parts) + data[at:]
