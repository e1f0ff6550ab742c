"""The shapes every container module answers with, and the bounds they all keep on hostile input."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from bench.errors import CodedError

#: Most bytes that one file's compressed metadata may expand to, all its blocks together.
MAX_METADATA_BYTES = 4 * 1024 * 1024
#: Most segments or chunks that are walked in one file; real files have thousands at most.
MAX_PARTS = 500_000
#: Largest main XMP packet of a JPEG: one APP1 segment holds no more (XMP specification part 3, section 1.1.3.1).
MAX_JPEG_XMP_BYTES = 65_502

#: What can be removed from a file, each by itself; ``all`` also takes what is none of these (see each ``remove``).
METADATA_KINDS = ("exif", "xmp", "iptc-iim", "c2pa", "icc", "png-text", "comments")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself before anything is decoded.

    Attributes:
        mime: by content, e.g. ``image/jpeg``.
        width, height: in pixels as stored, before any EXIF orientation.
        bits: per channel (per index for a palette).
        channels: colour and alpha channels per pixel, the palette expanded; a PNG ``tRNS`` counts in ``alpha`` only.
        alpha: whether any pixel can be transparent.
        palette: colours are indices into a table.
        animated: more than one frame.
        orientation: EXIF orientation, 1..8; 1 where there is none.
        icc: the profile, or None where there is none or it is unusable (then ``notes`` says so).
        jpeg_quality: quality 1..100 whose IJG luminance table is nearest to the file's.
        jpeg_subsampling: ``4:4:4``, ``4:2:0``, ...; None for other formats and grey.
        jpeg_progressive: a progressive frame (SOF2, 6, 10, 14).
        complete: the structure reaches its end marker; true where that cannot be known.
        notes: what was unusable and left out, one short sentence each.
    """

    mime: str
    width: int
    height: int
    bits: int = 8
    channels: int = 3
    alpha: bool = False
    palette: bool = False
    animated: bool = False
    orientation: int = 1
    icc: bytes | None = None
    jpeg_quality: float | None = None
    jpeg_subsampling: str | None = None
    jpeg_progressive: bool = False
    complete: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Packet:
    """One XMP packet, as bytes, and the place it was found in (``jpeg-app1``, ``png-itxt``, ``webp-xmp``, ...)."""

    place: str
    payload: bytes


def inflate(data: bytes, limit: int = MAX_METADATA_BYTES) -> bytes:
    """The zlib stream's content, at most ``limit`` bytes of it.

    Raises:
        CodedError: ``E_METADATA`` when it is not zlib, ends early or expands past the limit.
    """
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise CodedError("E_METADATA", f"compressed metadata cannot be read: {error}") from error
    if len(out) > limit:
        raise CodedError("E_METADATA", f"compressed metadata expands past {limit} bytes")
    if not stream.eof:
        raise CodedError("E_METADATA", "compressed metadata ends early")
    return out


def check_size(mime: str, width: int, height: int) -> None:
    """Refuse an image without pixels.

    Raises:
        CodedError: ``E_UNIDENTIFIED`` when a side is zero or negative.
    """
    if width <= 0 or height <= 0:
        raise CodedError("E_UNIDENTIFIED", f"{mime} of {width} x {height} pixels")


def apart(ranges: Iterable[tuple[int, int]], used: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those ranges ``(begin, end)`` that share no byte with any of the used ones, in time near linear in both."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(span for span in used if span[0] < span[1]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    ends = [end for _, end in merged]
    out = []
    for begin, end in ranges:
        at = bisect_right(ends, begin)
        if at == len(merged) or merged[at][0] >= end:
            out.append((begin, end))
    return out
