"""JPEG XL: what a codestream says of itself, and metadata boxes in and out; nothing here decodes pixels.

The codestream's header after ISO/IEC 18181-1 (annexes on the image header: ``SizeHeader``, ``ImageMetadata``,
``ColourEncoding``); boxes after ISO/IEC 18181-2. A naked codestream has no place for metadata: it is put into a
container before any are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.containers import isobmff
from bench.containers.isobmff import Box
from bench.containers.model import MAX_METADATA_BYTES, Header, Packet, check_size
from bench.errors import CodedError, Unavailable

MIME = "image/jxl"
NAKED = b"\xff\x0a"
SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
BROTLI_INSTALL = "pip install 'washtest[jxl]'"

_FILE_TYPE = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
#: Real headers take some tens of bytes; many extra channels with long names would take more than this.
_HEADER_BYTES = 4096
_MOST_EXTRA = 256
_ALPHA, _SPOT, _CFA = 0, 2, 5
_RGB, _GREY = 0, 1
_D65 = _SRGB_PRIMARIES = 1
_TRANSFERS = {8: "linear", 13: "srgb"}
#: Width by height for each value of ``ratio`` (ISO/IEC 18181-1, ``SizeHeader``).
_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True, slots=True)
class Codestream:
    """What stands before the first frame.

    Attributes:
        width, height: in pixels as stored, before ``orientation``.
        bits: per sample.
        grey: one colour channel instead of three.
        alpha: whether there is an alpha channel.
        associated: colours are multiplied with alpha.
        animated: a sequence of frames.
        orientation: 1..8 as in EXIF; every decoder applies it, and an EXIF block's own orientation says nothing.
        transfer: ``srgb`` or ``linear`` for samples of white point D65, in sRGB primaries or grey; "" for every other
            colour space, an ICC profile included.
    """

    width: int
    height: int
    bits: int = 8
    grey: bool = False
    alpha: bool = False
    associated: bool = False
    animated: bool = False
    orientation: int = 1
    transfer: str = "srgb"


class _Bits:
    """Numbers from the lowest bit of each byte upwards."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def u(self, count: int) -> int:
        if count > self.left:
            raise CodedError("E_TRUNCATED", "the JPEG XL codestream ends inside its header")
        found = self.value & (1 << count) - 1
        self.value >>= count
        self.left -= count
        return found

    def pick(self, *ways: tuple[int, int]) -> int:
        """``U32``: two bits choose one of four (offset, number of bits)."""
        offset, count = ways[self.u(2)]
        return offset + self.u(count)

    def enum(self) -> int:
        return self.pick((0, 0), (1, 0), (2, 4), (18, 6))


def codestream(data: bytes) -> Codestream:
    """The header of the file's codestream.

    Raises:
        CodedError: ``E_TRUNCATED`` when it ends too early, ``E_CORRUPT`` for no codestream or one that breaks its
            standard.
    """
    head = _head(data)
    if not head.startswith(NAKED):
        raise CodedError("E_CORRUPT", "the JPEG XL codestream has no signature")
    bits = _Bits(head[2:])
    height, width = _size(bits)
    if bits.u(1):
        return Codestream(width, height)
    orientation, animated = 1, False
    if bits.u(1):
        orientation, animated = _extra_fields(bits)
    depth = _depth(bits)
    bits.u(1)
    alpha = associated = False
    count = bits.pick((0, 0), (1, 0), (2, 4), (1, 12))
    if count > _MOST_EXTRA:
        raise CodedError("E_CORRUPT", f"JPEG XL with {count} extra channels")
    for _ in range(count):
        is_alpha, multiplied = _extra_channel(bits)
        alpha, associated = alpha or is_alpha, associated or multiplied
    bits.u(1)
    grey, transfer = _colour(bits)
    return Codestream(width, height, depth, grey, alpha, associated, animated, orientation, transfer)


def _head(data: bytes) -> bytes:
    """The first bytes of the codestream, wherever it lies."""
    if data.startswith(NAKED):
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


def _size(bits: _Bits) -> tuple[int, int]:
    """Height and width."""
    ways = ((1, 9), (1, 13), (1, 18), (1, 30))
    eighths = bits.u(1)
    height = 8 * (1 + bits.u(5)) if eighths else bits.pick(*ways)
    ratio = bits.u(3)
    if ratio:
        over, under = _RATIOS[ratio]
        return height, height * over // under
    return height, 8 * (1 + bits.u(5)) if eighths else bits.pick(*ways)


def _extra_fields(bits: _Bits) -> tuple[int, bool]:
    """Orientation, and whether it is a sequence."""
    orientation = 1 + bits.u(3)
    if bits.u(1):
        _size(bits)
    if bits.u(1):
        ways = ((16, 0), (32, 0), (1, 5), (33, 9)) if bits.u(1) else ((1, 6), (65, 8), (321, 10), (1345, 12))
        bits.pick(*ways)
        if not bits.u(3):
            bits.pick(*ways)
    animated = bool(bits.u(1))
    if animated:
        bits.pick((100, 0), (1000, 0), (1, 10), (1, 30))
        bits.pick((1, 0), (1001, 0), (1, 8), (1, 10))
        bits.pick((0, 0), (0, 3), (0, 16), (0, 32))
        bits.u(1)
    return orientation, animated


def _depth(bits: _Bits) -> int:
    if bits.u(1):
        depth = bits.pick((32, 0), (16, 0), (24, 0), (1, 6))
        bits.u(4)
        return depth
    return bits.pick((8, 0), (10, 0), (12, 0), (1, 6))


def _extra_channel(bits: _Bits) -> tuple[bool, bool]:
    """Whether it is alpha, and whether colours are multiplied with it."""
    if bits.u(1):
        return True, False
    kind = bits.enum()
    _depth(bits)
    bits.pick((0, 0), (3, 0), (4, 0), (1, 3))
    bits.u(8 * bits.pick((0, 0), (0, 4), (16, 5), (48, 10)))
    associated = bool(bits.u(1)) if kind == _ALPHA else False
    if kind == _SPOT:
        bits.u(64)
    elif kind == _CFA:
        bits.pick((1, 0), (0, 2), (3, 4), (19, 8))
    return kind == _ALPHA, associated


def _colour(bits: _Bits) -> tuple[bool, str]:
    """Whether it is grey, and ``Codestream.transfer``."""
    if bits.u(1):
        return False, "srgb"
    profile, space = bits.u(1), bits.enum()
    grey = space == _GREY
    if profile or space not in (_RGB, _GREY) or bits.enum() != _D65:
        return grey, ""
    if not grey and bits.enum() != _SRGB_PRIMARIES:
        return grey, ""
    gamma = bits.u(1)
    return grey, "" if gamma else _TRANSFERS.get(bits.enum(), "")


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
    if data.startswith(NAKED):
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
    for place in () if data.startswith(NAKED) else isobmff.walk(data):
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
    return SIGNATURE + _FILE_TYPE + isobmff.box(b"jxlc", data) if data.startswith(NAKED) else data


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
