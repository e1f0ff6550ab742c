"""JPEG XL files: the header, and metadata boxes in and out; nothing here decodes pixels.

Boxes after ISO/IEC 18181-2. A naked codestream has no place for metadata: it is put into a container before any are
written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bench.containers import isobmff, jxl_codestream
from bench.containers.isobmff import Box
from bench.containers.jxl_codestream import NAKED, Codestream
from bench.containers.model import MAX_METADATA_BYTES, Header, Packet, check_size
from bench.errors import CodedError, Unavailable

MIME = "image/jxl"
SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
BROTLI_INSTALL = "pip install 'washtest[jxl]'"

_FILE_TYPE = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
#: Kinds of metadata by the type of their box; a colour profile is part of the codestream.
_KINDS = {b"xml ": "xmp", b"Exif": "exif", b"jumb": "c2pa"}
_PICTURE = (b"JXL ", b"ftyp", b"jxll", b"jxli", b"jxlc", b"jxlp")
_JPEG = b"jbrd"  # what gives the JPEG file back that this one was made of, by way of the boxes beside it
#: Real headers take some tens of bytes; many extra channels with long names would take more than this.
_HEADER_BYTES = 4096


def is_naked(data: bytes) -> bool:
    """Whether it is a codestream without a container, where metadata have no place."""
    return data.startswith(NAKED)


def codestream(data: bytes) -> Codestream:
    """The header of the file's codestream.

    Raises:
        CodedError: ``E_TRUNCATED`` when it ends too early, ``E_CORRUPT`` for no codestream or one that breaks its
            standard.
    """
    return jxl_codestream.parse(_head(data))


def _head(data: bytes) -> bytes:
    """The first bytes of the codestream, wherever it lies."""
    if is_naked(data):
        return data[:_HEADER_BYTES]
    head = b""
    try:
        for place in isobmff.walk(data):
            if place.kind in (b"jxlc", b"jxlp"):
                head += data[place.body + (4 if place.kind == b"jxlp" else 0) : place.end][:_HEADER_BYTES]
            if place.kind == b"jxlc" or len(head) >= _HEADER_BYTES:
                break
    except CodedError:
        # A box that is cut off still has its first bytes.
        head = head or _cut_head(data)
        if not head:
            raise
    if not head:
        raise CodedError("E_TRUNCATED", f"JPEG XL file of {len(data)} bytes ends without its codestream")
    return head[:_HEADER_BYTES]


def _cut_head(data: bytes) -> bytes:
    end = 0
    try:
        for place in isobmff.walk(data):
            end = place.end
    except CodedError:
        pass
    kind, long = data[end + 4 : end + 8], data[end : end + 4] == b"\0\0\0\1"
    body = end + (16 if long else 8) + (4 if kind == b"jxlp" else 0)
    return data[body : body + _HEADER_BYTES] if kind in (b"jxlc", b"jxlp") else b""


def header(data: bytes) -> Header:
    """Size, depth, orientation and channels; complete when the boxes hold a whole codestream.

    A naked codestream does not tell whether it is whole: the decoder does. An ICC profile is coded in the codestream
    and stays there, so ``icc`` is None: ``Codestream.transfer`` tells whether pixels need conversion.

    Raises:
        CodedError: as ``codestream``; ``E_UNIDENTIFIED`` for no pixels.
    """
    found = codestream(data)
    check_size(MIME, found.width, found.height)
    return Header(
        mime=MIME,
        width=found.width,
        height=found.height,
        bits=found.bits,
        channels=(1 if found.grey else 3) + found.alpha,
        alpha=found.alpha,
        animated=found.animated,
        orientation=found.orientation,
        complete=_complete(data),
    )


def _complete(data: bytes) -> bool:
    if is_naked(data):
        return True
    last = False
    try:
        for place in isobmff.walk(data):
            if place.kind == b"jxlp":
                last = last or data[place.body : place.body + 1] >= b"\x80"
            last = last or place.kind == b"jxlc"
    except CodedError:
        return False
    return last


def _blocks(data: bytes, kind: bytes) -> Iterator[tuple[Box, bool]]:
    """Boxes of this type, plain or squeezed (``brob``): the box, and whether it is squeezed.

    Raises:
        CodedError: as ``isobmff.walk``.
    """
    for place in () if is_naked(data) else isobmff.walk(data):
        if place.kind == kind:
            yield place, False
        elif place.kind == b"brob" and data[place.body : place.body + 4] == kind:
            yield place, True


def _content(data: bytes, place: Box, squeezed: bool) -> bytes:
    """A box's content, at most ``MAX_METADATA_BYTES`` of it.

    Raises:
        CodedError: ``E_METADATA``; ``Unavailable`` (``E_NO_BROTLI``) for a squeezed box without the package.
    """
    if not squeezed:
        if place.end - place.body > MAX_METADATA_BYTES:
            raise CodedError("E_METADATA", f"box {place.kind!r} is over the limit of {MAX_METADATA_BYTES} bytes")
        return data[place.body : place.end]
    try:
        import brotli
    except ImportError:
        raise Unavailable(
            "E_NO_BROTLI", f"Brotli-compressed metadata need the package brotli: {BROTLI_INSTALL}"
        ) from None
    stream, rest, out = brotli.Decompressor(), data[place.body + 4 : place.end], b""
    try:
        while len(out) <= MAX_METADATA_BYTES and not stream.is_finished():
            more = stream.process(rest, output_buffer_limit=MAX_METADATA_BYTES + 1 - len(out))
            if not more and not rest:
                break
            out, rest = out + more, b""
    except brotli.error as error:
        raise CodedError("E_METADATA", f"compressed metadata cannot be read: {error}") from None
    if len(out) > MAX_METADATA_BYTES:
        raise CodedError("E_METADATA", f"compressed metadata expand past {MAX_METADATA_BYTES} bytes")
    if not stream.is_finished():
        raise CodedError("E_METADATA", "compressed metadata end early")
    return out


def read_xmp(data: bytes) -> tuple[list[Packet], CodedError | None]:
    """The packets of ``xml `` boxes, the first first, and what kept others from being read."""
    packets: list[Packet] = []
    failure: CodedError | None = None
    left = MAX_METADATA_BYTES
    try:
        for place, squeezed in _blocks(data, b"xml "):
            if left < 0:
                raise CodedError("E_METADATA", f"XMP boxes of more than {MAX_METADATA_BYTES} bytes")
            try:
                payload = _content(data, place, squeezed)
            except CodedError as error:
                failure = failure or error
                left -= MAX_METADATA_BYTES // 16
                continue
            left -= len(payload)
            packets.append(Packet("jxl-brob" if squeezed else "jxl-xml", payload))
    except CodedError as error:
        failure = failure or error
    return packets, failure


def exif(data: bytes) -> bytes | None:
    """The TIFF structure of the first ``Exif`` box; None where there is none.

    Raises:
        CodedError: as ``isobmff.walk``, or ``E_METADATA`` for a box that cannot be read or has no TIFF header;
            ``Unavailable`` (``E_NO_BROTLI``) for a squeezed one without the package.
    """
    for place, squeezed in _blocks(data, b"Exif"):
        raw = _content(data, place, squeezed)
        start = 4 + int.from_bytes(raw[:4], "big")
        if start >= len(raw):
            raise CodedError("E_METADATA", f"EXIF box of {len(raw)} bytes has no TIFF header")
        return raw[start:]
    return None


def contained(data: bytes) -> bytes:
    """The file as a container; a naked codestream gets one, in which the picture is the same."""
    return SIGNATURE + _FILE_TYPE + isobmff.box(b"jxlc", data) if is_naked(data) else data


def set_xmp(data: bytes, payload: bytes) -> bytes:
    """The file with this packet as its only XMP box.

    Raises:
        CodedError: ``E_TOO_LARGE`` for a packet that would not be read back, ``E_TRUNCATED`` or ``E_CORRUPT`` for
            a broken file.
    """
    return _with(data, b"xml ", payload)


def set_exif(data: bytes, block: bytes) -> bytes:
    """The file with this TIFF structure as its only EXIF box. Raises as ``set_xmp``."""
    return _with(data, b"Exif", bytes(4) + block)


def remove(data: bytes, kinds: Collection[str]) -> bytes:
    """The file without metadata of these kinds, squeezed or not; ``all`` leaves the boxes of the picture alone.

    Where a box goes, so does what would give the original JPEG file back, which needs it.

    Raises:
        CodedError: as ``isobmff.walk`` for a broken file.
    """
    if is_naked(data):
        return data
    parts: list[bytes] = []
    jpeg: list[int] = []
    gone = False
    for place in isobmff.walk(data):
        squeezed = place.kind == b"brob"
        box = data[place.body : place.body + 4] if squeezed else place.kind
        kind = _KINDS.get(box)
        if kind in kinds or ("all" in kinds and kind is None and box not in _PICTURE):
            gone = True
            continue
        if box == _JPEG:
            jpeg.append(len(parts))
        parts.append(data[place.start : place.end])
    return b"".join(part for i, part in enumerate(parts) if not (gone and i in jpeg))


def _with(data: bytes, kind: bytes, payload: bytes) -> bytes:
    if not 0 < len(payload) <= MAX_METADATA_BYTES:
        raise CodedError("E_TOO_LARGE", f"a box here holds 1 to {MAX_METADATA_BYTES} bytes, got {len(payload)}")
    data = contained(data)
    if not _complete(data):
        raise CodedError("E_TRUNCATED", "the JPEG XL file ends before its codestream does")
    old = {place.start for place, _ in _blocks(data, kind)}
    parts = []
    for place in isobmff.walk(data):
        if place.start in old:
            continue
        raw = data[place.start : place.end]
        if raw[:4] == bytes(4):  # "to the end of the file", which it no longer reaches
            raw = isobmff.box(place.kind, data[place.body : place.end])
        parts.append(raw)
    return b"".join([*parts, isobmff.box(kind, payload)])
