"""Graphs on pictures of any size in bounded memory: in tiles whose results together are the untiled result.

Each tile is run with as much of its surroundings as its result depends on, so that there are no seams to be blended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.neural import onnx

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Part:
    """One graph: ``(1, channels, height, width)`` float32 to the same.

    Attributes:
        graph: serialised ONNX, height and width free.
        before: values per side of a cell that go in: 1, or the model's factor where pixels go in.
        after: values per side of a cell that come out.
        reach: how many cells beyond its own a result depends on; None where it depends on the whole picture, which is
            then never tiled: right for a graph that works on cells only.
    """

    graph: bytes
    before: int
    after: int
    reach: int | None = None


def run(part: Part, values: np.ndarray, most: int) -> np.ndarray:
    """One part on ``(channels, height, width)``, in tiles of at most so many cells a side."""
    import numpy as np

    # No arena: it would keep the memory of the largest tile for as long as the process lives.
    session = onnx.session(part.graph, arena=False)
    before, after = part.before, part.after
    height, width = values.shape[1] // before, values.shape[2] // before
    result = None
    for top, bottom, first, last in cuts(height, part.reach, most):
        for left, right, start, end in cuts(width, part.reach, most):
            tile = values[None, :, first * before : last * before, start * before : end * before]
            made: np.ndarray = onnx.first_output(session, np.ascontiguousarray(tile))[0]
            if (first, last, start, end) == (0, height, 0, width):
                return made
            if result is None:
                result = np.empty((made.shape[0], height * after, width * after), np.float32)
            inside = made[:, (top - first) * after : (bottom - first) * after]
            inside = inside[:, :, (left - start) * after : (right - start) * after]
            result[:, top * after : bottom * after, left * after : right * after] = inside
    assert result is not None
    return result


def cuts(size: int, reach: int | None, most: int) -> Iterator[tuple[int, int, int, int]]:
    """Cuts one side, in cells, into even tiles: begin and end of each, and begin and end with its surroundings."""
    count = 1 if reach is None or size <= most else -(-size // (most - 2 * reach))
    for index in range(count):
        begin, end = size * index // count, size * (index + 1) // count
        yield begin, end, max(0, begin - (reach or 0)), min(size, end + (reach or 0))
