"""Torch checkpoints (``.pth``) as plain named arrays, without torch and without running what is in them.

A checkpoint is a pickle, and a pickle is a program. Here it is read by a small interpreter that knows the dozen
opcodes of a state dict, builds dicts, tuples and tensors, and can call nothing: a name it does not expect ends it.
Both layouts are read: the zip of torch 1.6 and later, and the row of pickles before it (``torch.save`` is the
reference, https://pytorch.org/docs/stable/notes/serialization.html).
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bench.errors import CodedError

if TYPE_CHECKING:
    import numpy as np

#: Largest file that is read, in bytes: the arrays are views of it, so this also bounds the memory.
MAX_BYTES = 1 << 30
MAX_DIMENSIONS = 8
#: First value of a checkpoint that is no zip.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
STORAGES = {
    "torch HalfStorage": "<f2",
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch ByteStorage": "|u1",
    "torch CharStorage": "|i1",
    "torch ShortStorage": "<i2",
    "torch IntStorage": "<i4",
    "torch LongStorage": "<i8",
    "torch BoolStorage": "|b1",
}
ORDERED_DICT = "collections OrderedDict"
REBUILD = "torch._utils _rebuild_tensor_v2"
_MARK = object()


@dataclass(frozen=True)
class _Global:
    """A name in the pickle; never the thing of that name."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """``numel`` values that lie elsewhere in the file."""

    dtype: str
    key: str
    numel: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(source: Path | bytes, key: str = "") -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name, each a read-only view of the file's bytes in its own dtype.

    Args:
        source: the file, or its content.
        key: entry of the checkpoint that holds the state dict; "" where the checkpoint is one.

    Raises:
        CodedError: ``E_CHECKPOINT``: no checkpoint, a damaged one, or one that holds anything but tensors.
    """
    import zipfile

    try:
        found, load = _opened(_content(source))
        if key:
            if not isinstance(found, dict) or key not in found:
                _refuse(f"it has no entry {key!r}")
            found = found[key]
        if not isinstance(found, dict):
            _refuse("it holds no dict of tensors")
        # Read once each: a thousand tensors that share a storage must not cost a thousand times its size.
        load = functools.cache(load)
        return {name: _array(name, tensor, load) for name, tensor in found.items()}
    except (ValueError, TypeError, LookupError, EOFError, OverflowError, RuntimeError, zipfile.BadZipFile) as error:
        raise CodedError("E_CHECKPOINT", f"the checkpoint is damaged: {error}") from None


def _refuse(why: str) -> NoReturn:
    raise CodedError("E_CHECKPOINT", f"the checkpoint is refused: {why}")


def _said(value: Any) -> str:
    """A value in a message; never its insides, which may refer to each other without end."""
    return repr(value)[:80] if isinstance(value, str | int | float) else getattr(value, "name", type(value).__name__)


def _content(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    if (size := source.stat().st_size) > MAX_BYTES:
        _refuse(f"{size:,} bytes; the limit is {MAX_BYTES:,}")
    return source.read_bytes()


def _opened(content: bytes) -> tuple[Any, Callable[[_Storage], np.ndarray]]:
    """What the pickle says, and where to find the storages it speaks of."""
    return _open_zip(content) if content[:4] == b"PK\3\4" else _open_legacy(content)


def _open_zip(content: bytes) -> tuple[Any, Callable[[_Storage], np.ndarray]]:
    import zipfile

    import numpy as np

    archive = zipfile.ZipFile(io.BytesIO(content))
    members = {info.filename: info for info in archive.infolist()}
    # Torch stores without compression, so that members are no larger than the file; a bomb is neither.
    if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
        _refuse("a member of the zip is compressed")
    if sum(info.file_size for info in archive.infolist()) > len(content):
        _refuse("the members of the zip are larger than the file")
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        _refuse(f"the zip has {len(pickles)} members */data.pkl")
    root = pickles[0].removesuffix("data.pkl")
    if root + "byteorder" in members and archive.read(root + "byteorder") != b"little":
        _refuse("its numbers are not little-endian")

    def load(storage: _Storage) -> np.ndarray:
        return np.frombuffer(archive.read(f"{root}data/{storage.key}"), storage.dtype)

    return _Interpreter(io.BytesIO(archive.read(pickles[0]))).run(), load


def _open_legacy(content: bytes) -> tuple[Any, Callable[[_Storage], np.ndarray]]:
    import numpy as np

    stream = io.BytesIO(content)
    if _Interpreter(stream).run() != LEGACY_MAGIC or _Interpreter(stream).run() != LEGACY_PROTOCOL:
        _refuse("it is no torch checkpoint")
    system = _Interpreter(stream).run()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        _refuse("its numbers are not little-endian")
    interpreter = _Interpreter(stream)
    found = interpreter.run()
    places: dict[str, tuple[int, int]] = {}
    for key in _Interpreter(stream).run():
        if not isinstance(key, str) or key not in interpreter.storages:
            _refuse(f"it holds a storage {_said(key)} that nothing uses")
        storage = interpreter.storages[key]
        numel, start = int.from_bytes(stream.read(8), "little"), stream.tell()
        end = start + numel * np.dtype(storage.dtype).itemsize
        if numel != storage.numel or end > len(content):
            _refuse(f"storage {key} has {numel} values, not {storage.numel}, or ends beyond the file")
        places[key] = (start, end)
        stream.seek(end)

    def load(storage: _Storage) -> np.ndarray:
        start, end = places[storage.key]
        return np.frombuffer(content[start:end], storage.dtype)

    return found, load


def _array(name: str, tensor: object, load: Callable[[_Storage], np.ndarray]) -> np.ndarray:
    """A tensor's values, once all that it says of them fits its storage."""
    import numpy as np

    if not isinstance(tensor, _Tensor):
        _refuse(f"{name[:80]} is {_said(tensor)}, no tensor")
    shape, strides, storage = tensor.shape, tensor.strides, tensor.storage
    values = load(storage)
    if len(values) != storage.numel:
        _refuse(f"storage {storage.key} has {len(values)} values, not {storage.numel}")
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS or min((*shape, *strides, tensor.offset, 0)) < 0:
        _refuse(f"{name} has shape {shape}, strides {strides} and offset {tensor.offset}")
    # No more elements than the storage has: a stride of 0 would make gigabytes out of one value.
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    count: int = math.prod(shape)
    if count > storage.numel or (count and last >= storage.numel):
        _refuse(f"{name} of shape {shape}, strides {strides} and offset {tensor.offset} leaves its storage")
    if not count:
        return np.empty(shape, storage.dtype)
    steps = tuple(stride * values.itemsize for stride in strides)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], shape, steps, writeable=False)


@dataclass
class _Interpreter:
    """Runs one pickle: a stack machine that makes dicts, lists, tuples, numbers, texts and tensors, and calls nothing.

    The stream is left behind the pickle's end.
    """

    stream: io.BytesIO
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    storages: dict[str, _Storage] = field(default_factory=dict)

    def run(self) -> Any:
        """The object that the pickle describes."""
        import pickletools

        for opcode, argument, _ in pickletools.genops(self.stream):
            if opcode.name == "STOP":
                return self.stack.pop()
            self._step(opcode.name, argument)
        raise EOFError("a pickle without an end")

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        match name:
            case "PROTO":
                pass
            case "MARK":
                stack.append(_MARK)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                stack.append(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
            case "TUPLE":
                stack.append(tuple(self._marked()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self._taken(int(name[-1]))))
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "SETITEM" | "SETITEMS":
                self._set_items(self._taken(2) if name == "SETITEM" else self._marked())
            case "APPEND" | "APPENDS":
                added = self._taken(1) if name == "APPEND" else self._marked()
                self._top(list).extend(added)
            case "GLOBAL":
                stack.append(_Global(argument))
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case "REDUCE":
                called, arguments = self._taken(2)
                stack.append(self._made(called, arguments))
            case "BUILD":
                # A state dict's own attributes (versions of its modules): nothing that values depend on.
                stack.pop()
                self._top(dict)
            case _:
                _refuse(f"its pickle has the opcode {name}")

    def _taken(self, count: int) -> list[Any]:
        taken = [self.stack.pop() for _ in range(count)][::-1]
        if any(value is _MARK for value in taken):
            raise ValueError("a mark where a value belongs")
        return taken

    def _marked(self) -> list[Any]:
        """Everything above the last mark, which goes too."""
        taken = []
        while (value := self.stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def _top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"no {kind.__name__} to put something into")
        return self.stack[-1]

    def _set_items(self, pairs: list[Any]) -> None:
        keys = pairs[::2]
        if not all(isinstance(key, str) for key in keys):
            raise ValueError("a key that is no text")
        self._top(dict).update(zip(keys, pairs[1::2], strict=True))

    def _storage(self, identity: Any) -> _Storage:
        """``("storage", type, key, device, numel)``, before torch 1.6 with a sixth entry that must be None."""
        if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
            _refuse("a persistent id that is no storage")
        kind, key, _, numel, *view = identity[1:]
        if not isinstance(kind, _Global) or kind.name not in STORAGES:
            _refuse(f"a storage of kind {_said(kind)}; known: {', '.join(STORAGES)}")
        if not isinstance(key, str) or type(numel) is not int or view not in ([], [None]):
            _refuse(f"a storage with the key {_said(key)} and the size {_said(numel)}, or a view of one")
        storage = _Storage(STORAGES[kind.name], key, numel)
        if self.storages.setdefault(key, storage) != storage:
            _refuse(f"two different storages with the key {key}")
        return storage

    def _made(self, called: Any, arguments: Any) -> Any:
        """What a call would give, for the two that a state dict needs."""
        if called == _Global(ORDERED_DICT) and arguments == ():
            return {}
        if called != _Global(REBUILD):
            _refuse(f"it asks for {_said(called)}")
        storage, offset, shape, strides = arguments[:4]
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or not all(type(number) is int for number in numbers):
            _refuse("a tensor that is not made of a storage and whole numbers")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))
