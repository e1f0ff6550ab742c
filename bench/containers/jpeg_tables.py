"""What a JPEG's quantisation tables and frame header say about how it was encoded."""

from __future__ import annotations

import struct
from functools import lru_cache

#: ITU-T T.81 Table K.1, in the zigzag order in which files store it.
_LUMINANCE = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40,
    26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
    56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip

_RATIOS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0", (4, 1): "4:1:1", (4, 2): "4:1:0"}


def parse(payload: bytes) -> dict[int, tuple[int, ...]]:
    """The tables of one DQT segment by their number, in zigzag order; stops at the first that is cut off."""
    tables: dict[int, tuple[int, ...]] = {}
    position = 0
    while position < len(payload):
        wide, number = payload[position] >> 4, payload[position] & 15
        size = 128 if wide else 64
        values = payload[position + 1 : position + 1 + size]
        if len(values) < size:
            break
        tables[number] = struct.unpack(">64H", values) if wide else tuple(values)
        position += 1 + size
    return tables


def frame_size(data: bytes, body: int) -> tuple[int, int, int, int]:
    """Bits, height, width and number of components of the frame header whose content begins at ``body``."""
    bits, height, width, count = struct.unpack_from(">BHHB", data, body)
    return bits, height, width, count


def subsampling(parts: bytes) -> str | None:
    """Chroma subsampling from the frame's component triples (id, sampling factors, table); None for grey."""
    factors = [(parts[i] >> 4, parts[i] & 15) for i in range(1, len(parts), 3)]
    if len(factors) < 3:
        return None
    (h, v), chroma = factors[0], factors[1:3]
    if chroma[0] == chroma[1] and all(chroma[0]) and h % chroma[0][0] == 0 and v % chroma[0][1] == 0:
        ratio = (h // chroma[0][0], v // chroma[0][1])
        if ratio in _RATIOS:
            return _RATIOS[ratio]
    return ",".join(f"{a}x{b}" for a, b in factors)


@lru_cache(maxsize=512)
def quality(table: tuple[int, ...]) -> float:
    """The quality 1..100 whose IJG luminance table (libjpeg ``jpeg_quality_scaling``) is nearest by absolute sum."""
    best = min(range(100, 0, -1), key=lambda q: sum(abs(a - b) for a, b in zip(table, ijg(q, max(table)), strict=True)))
    return float(best)


@lru_cache(maxsize=256)
def _scaled(level: int, limit: int) -> tuple[int, ...]:
    scale = 5000 // level if level < 50 else 200 - 2 * level
    return tuple(min(max((value * scale + 50) // 100, 1), limit) for value in _LUMINANCE)


def ijg(level: int, largest: int = 255) -> tuple[int, ...]:
    """The luminance table of a quality 1..100 in zigzag order, as libjpeg scales it for steps up to ``largest``."""
    return _scaled(level, 255 if largest <= 255 else 32_767)
