"""Which lines of the readers a corpus reaches, with nothing but the interpreter."""

import dis
import importlib
import inspect
import pkgutil
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lines(packages: tuple[str, ...]) -> Iterator[dict[str, set[int]]]:
    """The lines that run inside the block, by file."""
    reached: dict[str, set[int]] = {}
    files = {file for file, _ in _modules(packages)}

    def enter(frame: types.FrameType, event: str, _: object) -> object:
        file = frame.f_code.co_filename
        if file not in files:
            return None
        seen = reached.setdefault(file, set())

        def line(frame: types.FrameType, event: str, _: object) -> object:
            seen.add(frame.f_lineno)
            return line

        return line(frame, event, None)

    sys.settrace(enter)
    try:
        yield reached
    finally:
        sys.settrace(None)


def _modules(packages: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for package in packages:
        root = importlib.import_module(package)
        names = [package, *(f"{package}.{m.name}" for m in pkgutil.iter_modules(root.__path__))]
        found += [(str(importlib.import_module(name).__file__), name) for name in names]
    return found


def _executable(code: types.CodeType, inside: bool = False) -> set[int]:
    """Lines inside functions; those at module level run on import."""
    found = {number for _, number in dis.findlinestarts(code) if number} if inside else set()
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found |= _executable(inner, bool(inner.co_flags & inspect.CO_OPTIMIZED))  # not set for a class body
    return found


def table(reached: dict[str, set[int]], packages: tuple[str, ...]) -> str:
    """Lines reached of those that functions have, for each module, and the ones that were not."""
    rows = []
    for file, name in _modules(packages):
        there = _executable(compile(Path(file).read_text(encoding="utf-8"), file, "exec"))
        missed = sorted(there - reached.get(file, set()))
        rows.append(f"{name:32} {len(there) - len(missed):4} of {len(there):4}  missed: {missed[:40]}")
    return "\n".join(rows)
