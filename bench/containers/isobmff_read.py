"""Metadata of HEIC and AVIF files, and whether such a file is whole, by the tables that ``isobmff`` takes apart."""

from __future__ import annotations

from bench.containers.isobmff import XMP_TYPE, content, find_meta, read_meta, spans, walk
from bench.containers.model import MAX_METADATA_BYTES, Packet
from bench.errors import CodedError

#: The ``uuid`` box of files that are no item files (XMP specification part 3, section 1.2.7).
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
#: XMP items that cannot be read, after which no other is tried: each may have cost as much as the largest one.
_MOST_UNREADABLE = 16


def check(data: bytes) -> None:
    """Make sure that the file has its pictures: items or a movie, and every item's bytes inside the file.

    Raises:
        CodedError: ``E_TRUNCATED`` for a file that ends before that, or as ``find_meta``.
    """
    boxes, meta = find_meta(data)
    if meta is None and all(box.kind != b"moov" for box in boxes):
        raise CodedError("E_TRUNCATED", f"file of {len(data)} bytes ends without its meta box")
    if meta is None:
        return
    for item in meta.places:
        try:
            spans(data, meta, item)
        except CodedError as error:
            if error.code == "E_TRUNCATED":
                raise


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """The packets of the XMP items, those of the primary image first, and of ``uuid`` boxes; and what went wrong."""
    packets: list[Packet] = []
    others: list[Packet] = []
    failure: CodedError | None = None
    left = MAX_METADATA_BYTES
    try:
        for found in walk(data):
            if found.kind == b"uuid" and data.startswith(XMP_UUID, found.body):
                others.append(Packet("isobmff-uuid", data[found.body + 16 : found.end][:MAX_METADATA_BYTES]))
            if found.kind != b"meta" or packets:
                continue
            meta = read_meta(data, found)
            items = {item.id: item for item in meta.infos if item.kind == b"mime" and item.content_type == XMP_TYPE}
            for item in items.values():
                if left < 0:  # many items that name the same bytes
                    raise CodedError("E_METADATA", f"XMP items of more than {MAX_METADATA_BYTES} bytes")
                main = meta.describes_primary(item.id)
                try:
                    payload = content(data, meta, item)
                except CodedError as error:
                    failure = failure or error
                    left -= MAX_METADATA_BYTES // _MOST_UNREADABLE
                    continue
                left -= len(payload)
                (packets if main else others).append(Packet("isobmff-item" if main else "isobmff-other", payload))
    except CodedError as error:
        failure = failure or error
    return packets + others, failure


def exif(data: bytes) -> bytes | None:
    """The TIFF structure of the primary image's EXIF item; None where there is none.

    Raises:
        CodedError: as ``find_meta`` and ``content``, or ``E_METADATA`` for an item without its TIFF header.
    """
    _, meta = find_meta(data)
    for item in meta.infos if meta else ():
        if meta is not None and item.kind == b"Exif" and meta.describes_primary(item.id):
            raw = content(data, meta, item)
            start = 4 + int.from_bytes(raw[:4], "big")
            if start >= len(raw):
                raise CodedError("E_METADATA", f"EXIF item of {len(raw)} bytes has no TIFF header")
            return raw[start:].removeprefix(b"Exif\0\0")
    return None
