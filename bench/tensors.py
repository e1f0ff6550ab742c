"""Named arrays in a file, in the safetensors format: data and nothing else, so that no model file can hold code.

The format (https://github.com/huggingface/safetensors, "Format"): eight bytes with the length of a JSON header,
little-endian; the header, which gives each array its ``dtype``, ``shape`` and ``data_offsets`` and may hold texts under
``__metadata__``; then the arrays' bytes, one after the other. What is written here is the same for the same content:
names in order, no padding but the header's, no dates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.files import write_whole

if TYPE_CHECKING:
    import numpy as np

#: The format's own names of the types that are read and written, and numpy's.
DTYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
#: The format's limit for its header, bytes.
MAX_HEADER = 100_000_000
SUFFIX = ".safetensors"


def encoded(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The file.

    Args:
        arrays: of booleans or numbers, any shape.
        metadata: texts that go into the header.

    Raises:
        ValueError: an array of a type that the format does not have.
    """
    import numpy as np

    names = {np.dtype(code): name for name, code in DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    parts: list[bytes] = []
    at = 0
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        little = array.dtype.newbyteorder("<")
        if little not in names:
            raise ValueError(f"array {name} is of dtype {array.dtype}; safetensors holds booleans and numbers")
        part = array.astype(little).tobytes()  # in C order
        header[name] = {"dtype": names[little], "shape": list(array.shape), "data_offsets": [at, at + len(part)]}
        parts.append(part)
        at += len(part)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the arrays start at a multiple of eight
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def decoded(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of a file; every length in it is held against what is there.

    Raises:
        ValueError: it is not such a file, or a damaged one.
    """
    header, start = _header(data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata are no texts")
    arrays = {}
    end = 0
    for name, entry in sorted(header.items(), key=_offsets):
        arrays[name], end = _array(data, start, end, name, entry)
    if start + end != len(data):
        raise ValueError(f"it has {len(data)} bytes and should have {start + end}")
    return arrays, metadata


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(MAX_HEADER, len(data) - 8):
        raise ValueError("it is no safetensors file, or was cut short")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise ValueError("its header is no JSON") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header, 8 + length


def _offsets(item: tuple[str, Any]) -> tuple[int, int]:
    name, entry = item
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(value) is int for value in offsets)):
        raise ValueError(f"array {name} has no data_offsets")
    return offsets[0], offsets[1]


def _array(data: bytes, start: int, expected: int, name: str, entry: dict[str, Any]) -> tuple[np.ndarray, int]:
    """One array; it begins where the one before it ended."""
    import math

    import numpy as np

    code, shape = DTYPES.get(str(entry.get("dtype"))), entry.get("shape")
    if code is None:
        raise ValueError(f"array {name} is of the unknown dtype {str(entry.get('dtype'))[:20]}")
    sides = shape if isinstance(shape, list) and len(shape) <= 32 else [-1]
    if not all(type(side) is int and 0 <= side < 1 << 48 for side in sides):
        raise ValueError(f"array {name} has no shape")
    begin, end = _offsets((name, entry))
    bytes_needed = math.prod(sides) * np.dtype(code).itemsize
    if begin != expected or end - begin != bytes_needed or start + end > len(data):
        raise ValueError(f"array {name} does not lie where its shape says")
    return np.frombuffer(data, code, math.prod(sides), start + begin).reshape(sides), end


def save(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write the file, whole or not at all.

    Raises:
        ValueError: as ``encoded``.
        UserError: it cannot be written.
    """
    write_whole(path, encoded(arrays, metadata))
