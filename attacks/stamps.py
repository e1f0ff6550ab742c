"""Times and random identifiers that a program stamps on a file it writes, set to fixed ones.

An attack gives the same bytes for the same input. GIMP, darktable and others write the clock and fresh UUIDs beside
the picture; these alone are overwritten, each by a text of equal length, so that no offset moves.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

#: 2026-01-01 00:00:00 UTC, which every stamped time becomes.
_FIXED = "20260101000000"
_TIME = re.compile(rb"20\d\d([-:])\d\d\1\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?")
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
#: GIMP's own: microseconds since 1970, as an attribute or an element.
_MICROSECONDS = re.compile(rb'(?<=TimeStamp=")\d{16}(?=")|(?<=TimeStamp>)\d{16}(?=<)')
#: Of an ICC profile's header, six 16-bit numbers before its signature (ICC.1:2022, 7.2).
_ICC_TIME = re.compile(rb"\x07[\xe0-\xff]\x00[\x01-\x0c]\x00[\x01-\x1f](?:\x00[\x00-\x3c]){3}(?=acsp)")
_RAW_PROFILE = re.compile(rb"(\n\w+\n *\d+\n)([0-9a-f\n]+)", re.I)
#: Compressed PNG text beyond this many bytes holds no stamp.
_LONGEST_TEXT = 1 << 22

Fix = Callable[[bytes], bytes]


def fixed_stamps(data: bytes, source: bytes, start: float, end: float) -> bytes:
    """The file with the times between two moments, and the UUIDs that its source lacks, replaced by fixed ones.

    Args:
        data: an image file; PNG chunks are looked into where they are compressed, and get their checksums anew.
        source: the file it was made from.
        start: seconds since 1970, UTC.
        end: likewise; two seconds more are granted at each side.
    """
    known: set[bytes] = set()

    def collect(text: bytes) -> bytes:
        known.update(_UUID.findall(text), _MICROSECONDS.findall(text))
        return text

    def now(*numbers: int) -> bool:
        try:
            moment = datetime(*numbers, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]
        except ValueError:
            return False
        return start - 2 <= moment <= end + 2

    def time(found: re.Match[bytes]) -> bytes:
        if not now(*map(int, re.findall(rb"\d+", found[0])[:6])):
            return found[0]
        digits = iter(_FIXED)
        return re.sub(rb"\d", lambda _: next(digits, "0").encode(), found[0])

    def icc_time(found: re.Match[bytes]) -> bytes:
        numbers = [int.from_bytes(found[0][i : i + 2], "big") for i in range(0, 12, 2)]
        return bytes.fromhex("07ea00010001000000000000") if now(*numbers) else found[0]

    def zeros(found: re.Match[bytes]) -> bytes:
        return found[0] if found[0] in known else re.sub(rb"[0-9A-Fa-f]", b"0", found[0])

    def fixed(text: bytes) -> bytes:
        return _MICROSECONDS.sub(zeros, _UUID.sub(zeros, _ICC_TIME.sub(icc_time, _TIME.sub(time, text))))

    def png_time(body: bytes) -> bytes:
        stamped = len(body) == 7 and now(int.from_bytes(body[:2], "big"), *body[2:])
        return bytes((0x07, 0xEA, 1, 1, 0, 0, 0)) if stamped else body

    _everywhere(source, collect, collect)
    return _everywhere(data, fixed, png_time)


def _everywhere(data: bytes, fixed: Fix, png_time: Fix) -> bytes:
    """The file fixed; a PNG, chunk by chunk of its metadata."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return fixed(data)
    ways: dict[bytes, Fix] = {b"tEXt": fixed, b"iTXt": fixed, b"eXIf": fixed, b"tIME": png_time}
    ways |= dict.fromkeys((b"zTXt", b"iCCP"), lambda body: _compressed(body, fixed))
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
        changed = ways[kind](body) if kind in ways and end <= len(data) else body
        if changed == body:
            parts.append(data[at:end])
        else:
            parts += [len(changed).to_bytes(4, "big"), kind, changed, zlib.crc32(kind + changed).to_bytes(4, "big")]
        at = end
    return b"".join(parts) + data[at:]


def _compressed(body: bytes, fixed: Fix) -> bytes:
    """A chunk of keyword, method and compressed text; its text may be EXIF in hexadecimal (ImageMagick's way)."""
    keyword, _, rest = body.partition(b"\0")
    try:
        reader = zlib.decompressobj()
        text = reader.decompress(rest[1:], _LONGEST_TEXT)
    except zlib.error:
        return body
    if reader.unconsumed_tail:
        return body
    changed = _RAW_PROFILE.sub(lambda found: found[1] + _in_hexadecimal(found[2], fixed), fixed(text))
    return body if changed == text else keyword + b"\0" + rest[:1] + zlib.compress(changed, 9)


def _in_hexadecimal(text: bytes, fixed: Fix) -> bytes:
    """The digits of the fixed bytes, in lines as they were."""
    digits = text.replace(b"\n", b"")
    if len(digits) % 2:
        return text
    changed = iter(fixed(bytes.fromhex(digits.decode())).hex().encode())
    return bytes(byte if byte == 10 else next(changed) for byte in text)
