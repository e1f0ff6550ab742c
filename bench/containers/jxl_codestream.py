"""What a JPEG XL codestream says of itself before its first frame.

Bit by bit after ISO/IEC 18181-1 (``SizeHeader``, ``ImageMetadata``, ``ColourEncoding``). An ICC profile is coded with
the pixels' own entropy coder and stays where it is; that there is one is known.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.errors import CodedError

NAKED = b"\xff\x0a"

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


def parse(head: bytes) -> Codestream:
    """The header of a codestream that begins with these bytes.

    Raises:
        CodedError: ``E_TRUNCATED`` when it ends too early, ``E_CORRUPT`` for no codestream or one that breaks its
            standard.
    """
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
