"""``@settings``: a frozen dataclass whose ``repr`` is short enough to be its name in tables and charts."""

from __future__ import annotations

import numbers
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

KINDS = {"int": "a whole number", "float": "a number", "bool": "True or False", "str": "a text"}


@dataclass_transform(frozen_default=True)
def settings(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass that names itself by what matters.

    ``repr`` shows the first parameter always and the others where they differ from their default, so that
    ``eval(repr(x)) == x`` holds and ``Jpeg(quality=90)`` does not read ``Jpeg(quality=90, subsampling='4:2:0',
    progressive=False)`` in every row.

    A parameter declared ``int``, ``float``, ``bool`` or ``str`` must be one, since ``Jpeg(quality=50.5)`` or
    ``Jpeg(progressive='no')`` would else run and mean something else. A whole number given for a ``float`` becomes one:
    ``Blur(sigma=1)`` and ``Blur(sigma=1.0)`` are one setting and must have one name.

    A class that inherits from such a class is decorated with ``settings`` again, not with ``dataclass``. An ``__eq__``,
    ``__hash__`` or ``__repr__`` that a class defines itself is kept.

    Raises:
        ValueError: when such a class is made with a parameter of another kind.
    """
    own = getattr(cls, "__post_init__", None)

    def __post_init__(self: Any) -> None:
        _check_kinds(self)
        if own is not None:
            own(self)

    cls.__post_init__ = __post_init__  # type: ignore[attr-defined]
    # Methods that all such classes share: those that ``dataclass`` compiles for each would be a fifth of the time that
    # a list of the hundred attacks takes.
    made: Any = dataclass(repr=False, eq=False, match_args=False)(cls)
    made.__setattr__, made.__delattr__ = _set_once, _keep
    if "__eq__" not in cls.__dict__:
        made.__eq__ = _equal
    if cls.__dict__.get("__hash__") is None:  # Python puts None there where a class has an ``__eq__`` of its own
        made.__hash__ = _hash
    if "__repr__" not in cls.__dict__:
        made.__repr__ = _short_repr
    return made  # type: ignore[no-any-return]


def _set_once(self: Any, name: str, value: object) -> None:
    """``__init__`` sets every field, and after that nothing can be set."""
    if name in self.__dict__ or name not in self.__dataclass_fields__:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _keep(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name) for field in fields(self) if field.compare)


def _equal(self: Any, other: object) -> Any:
    return _compared(self) == _compared(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    hashed = (field for field in fields(self) if (field.compare if field.hash is None else field.hash))
    return hash(tuple(getattr(self, field.name) for field in hashed))


def _check_kinds(self: Any) -> None:
    for field in fields(self):
        kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
        if kind not in KINDS:
            continue
        value = getattr(self, field.name)
        if not isinstance(value, bool):
            # Numbers of numpy too, whose repr would not be readable back.
            if kind == "int" and isinstance(value, numbers.Integral):
                value = int(value)
            elif kind == "float" and isinstance(value, numbers.Real):
                value = float(value)
            object.__setattr__(self, field.name, value)
        if type(value).__name__ != kind:
            raise ValueError(f"{field.name} must be {KINDS[kind]}, got {value!r}")


def _short_repr(self: Any) -> str:
    shown = [f for f in fields(self) if f.repr]
    parts = []
    for i, field in enumerate(shown):
        value = getattr(self, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if i == 0 or value != default:
            parts.append(f"{field.name}={value!r}")
    return f"{type(self).__name__}({', '.join(parts)})"
