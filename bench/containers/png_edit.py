"""PNG metadata written: XMP, text and EXIF in chunks before the image data, which stay as they are.

After the PNG specification, third edition, sections 11.3.3 (text) and 11.3.4.5 (eXIf).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

from bench.containers import png
from bench.containers.png import RAW_EXIF, RAW_XMP, TEXT, XMP_KEYWORD, Span
from bench.errors import CodedError

#: Chunks that decide how the pixels are coded and shown; everything else is metadata. pHYs is their shape on paper.
_SHOWN = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"cHRM", b"sRGB", b"sBIT",
     b"cICP", b"mDCV", b"cLLI", b"pHYs")
)  # fmt: skip
#: Keywords of texts that hold other metadata (ImageMagick's hexadecimal profiles).
_RAW_KINDS = {
    XMP_KEYWORD: "xmp",
    RAW_XMP: "xmp",
    RAW_EXIF[0]: "exif",
    RAW_EXIF[1]: "exif",
    b"Raw profile type iptc": "iptc-iim",
    b"Raw profile type 8bim": "iptc-iim",
    b"Raw profile type icc": "icc",
    b"Raw profile type icm": "icc",
}
_CHUNK_KINDS = {b"eXIf": "exif", b"caBX": "c2pa", b"iCCP": "icc"}


def remove(data: bytes, kinds: Collection[str]) -> bytes:
    """The file without metadata of these kinds; ``all`` leaves the chunks that code and show the picture.

    ``png-text`` is every text that holds none of the other kinds; a PNG has no ``comments`` beside them.

    Raises:
        CodedError: as ``walk`` for a broken file.
    """
    out = [png.SIGNATURE]
    for span in png.walk(data):
        kind = _CHUNK_KINDS.get(span.kind)
        if span.kind in TEXT:
            kind = _RAW_KINDS.get(_keyword(data, span) or b"", "png-text")
        if not (kind in kinds or ("all" in kinds and kind is None and span.kind not in _SHOWN)):
            out.append(data[span.start : span.end])
    return b"".join(out)


def set_xmp(data: bytes, payload: bytes, place: Literal["png-itxt", "png-text"] = "png-itxt") -> bytes:
    """The file with this packet, and no other.

    Args:
        data: the file.
        payload: the packet.
        place: the standard's uncompressed iTXt, or the tEXt that some writers use.

    Raises:
        CodedError: as ``walk`` for a broken file; ``E_CORRUPT`` when there is no image data.
    """
    if place == "png-text":
        new = png.chunk(b"tEXt", XMP_KEYWORD + b"\0" + payload)
    else:
        new = png.chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + payload)
    return _with_chunk(data, new, lambda span: _keyword(data, span) in (XMP_KEYWORD, RAW_XMP))


def set_text(data: bytes, keyword: str, text: str) -> bytes:
    """The file with this text as the only one of its keyword: tEXt where Latin-1 holds it, else iTXt.

    Raises:
        CodedError: ``E_CLAIM`` for a keyword that PNG does not allow or a text with a zero byte; else as ``set_xmp``.
    """
    name = keyword.encode("latin-1", "replace")
    if not 1 <= len(name) <= 79 or not all(32 <= b < 127 or b >= 161 for b in name) or name != name.strip():
        raise CodedError("E_CLAIM", f"a PNG keyword has 1 to 79 printable Latin-1 characters, got {keyword[:80]!r}")
    if "\0" in text:
        raise CodedError("E_CLAIM", f"a PNG text has no zero byte: {text[:60]!r}")
    try:
        new = png.chunk(b"tEXt", name + b"\0" + text.encode("ascii"))
    except UnicodeEncodeError:
        # Readers disagree on whether a tEXt is Latin-1 or UTF-8; an iTXt is UTF-8.
        new = png.chunk(b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8", "replace"))
    return _with_chunk(data, new, lambda span: _keyword(data, span) == name)


def set_exif(data: bytes, block: bytes) -> bytes:
    """The file with this EXIF block in eXIf, and in no raw profile text. Raises as ``set_xmp``."""
    return _with_chunk(
        data, png.chunk(b"eXIf", block), lambda span: span.kind == b"eXIf" or _keyword(data, span) in RAW_EXIF
    )


def get_c2pa(data: bytes) -> bytes | None:
    """The C2PA manifest store of the caBX chunk; None where there is none. Raises as ``walk`` does."""
    return next((data[s.body : s.body + s.size] for s in png.walk(data) if s.kind == b"caBX"), None)


def put_c2pa(data: bytes, store: bytes) -> bytes:
    """The file with this C2PA manifest store and no other, right behind IHDR. Raises as ``walk`` does."""
    out = remove(data, ("c2pa",))
    spans = png.walk(out)
    end = next(spans).end
    return out[:end] + png.chunk(b"caBX", store).raw + out[end:]


def _keyword(data: bytes, span: Span) -> bytes | None:
    return (
        data[span.body : min(span.body + span.size, span.body + 80)].split(b"\0", 1)[0] if span.kind in TEXT else None
    )


def _with_chunk(data: bytes, new: png.Chunk, replaces: Callable[[Span], bool]) -> bytes:
    out, at, placed = [], 0, False
    for span in png.walk(data):
        if span.kind == b"IDAT" and not placed:
            out += [data[at : span.start], new.raw]
            at, placed = span.start, True
        elif replaces(span):
            out.append(data[at : span.start])
            at = span.end
    if not placed:
        raise CodedError("E_CORRUPT", "PNG without image data")
    return b"".join((*out, data[at:]))
