"""Photoshop's image resources, where JPEG and TIFF keep IPTC-IIM: blocks and data sets, split and joined.

After Adobe Photoshop File Formats Specification, "Image Resource Blocks", and IPTC-NAA IIM 4.2, chapter 3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from bench.errors import CodedError

#: What an APP13 segment with image resources begins with.
SIGNATURE = b"Photoshop 3.0\0"
IPTC = 0x0404
#: Resources that are metadata of another kind: IIM and its digest, EXIF, XMP, a profile.
KINDS = {IPTC: "iptc-iim", 0x0425: "iptc-iim", 0x0422: "exif", 0x0423: "exif", 0x0424: "xmp", 0x040F: "icc"}


class Resource(NamedTuple):
    """One block: its number, every byte of it, and its content."""

    number: int
    raw: bytes
    payload: bytes


class DataSet(NamedTuple):
    """One field of IIM: record and number (2:116 is the copyright notice), and its content."""

    record: int
    number: int
    raw: bytes
    value: bytes


def split(data: bytes) -> Iterator[Resource]:
    """The blocks in order; padding behind the last one belongs to none.

    Raises:
        CodedError: ``E_METADATA`` for what is no sequence of blocks. What was yielded before stands.
    """
    at = 0
    while len(data) - at >= 12:
        if data[at : at + 4] not in (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"):
            if data[at:].strip(b"\0"):
                raise CodedError("E_METADATA", f"no image resource block at byte {at} of {len(data)}")
            return
        body = at + 6 + (data[at + 6] + 2) // 2 * 2 + 4  # the name and its length take an even number of bytes
        size = int.from_bytes(data[body - 4 : body], "big")
        if body + size > len(data):
            raise CodedError("E_METADATA", f"image resource block at byte {at} reaches past the end")
        end = body + size + (size & 1)
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        yield Resource(number, data[at:end].ljust(end - at, b"\0"), data[body : body + size])
        at = end


def resource(number: int, payload: bytes) -> bytes:
    """A new block without a name."""
    head = b"8BIM" + number.to_bytes(2, "big") + b"\0\0" + len(payload).to_bytes(4, "big")
    return head + payload + b"\0" * (len(payload) & 1)


def without(data: bytes, kinds: Collection[str]) -> bytes:
    """The blocks that hold none of these kinds of metadata (``all``: what is of no kind). Raises as ``split`` does."""
    return b"".join(found.raw for found in split(data) if KINDS.get(found.number, "all") not in kinds)


def data_sets(payload: bytes) -> Iterator[DataSet]:
    """The fields of an IIM block, as far as they can be read; extended lengths (over 32767 bytes) end the walk."""
    at = 0
    while payload[at : at + 1] == b"\x1c" and at + 5 <= len(payload):
        size = int.from_bytes(payload[at + 3 : at + 5], "big")
        end = at + 5 + size
        if size > 0x7FFF or end > len(payload):
            return
        yield DataSet(payload[at + 1], payload[at + 2], payload[at:end], payload[at + 5 : end])
        at = end
