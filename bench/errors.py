"""The two kinds of failure this project knows: a mistake a person can mend, and a fact worth a row.

A ``UserError`` ends the command with one line and exit code 2. A ``CodedError`` ends one cell of the grid: the run
goes on, and the code stands in the records where the value would have been.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from typing import Literal


class UserError(Exception):
    """Bad usage or input: says what is wrong, where, and how to mend it, in one line."""


class CodedError(Exception):
    """A failure of one sample, attack, reader or detector.

    Attributes:
        code: stable, upper case, starts with ``E_`` (``E_EMPTY``, ``E_TRUNCATED``, ``E_UNIDENTIFIED``, ...).
        detail: one line for people.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = " ".join(detail.split())[:300]
        super().__init__(f"{code}: {self.detail}" if self.detail else code)

    def __reduce__(self) -> tuple[type[CodedError], tuple[str, str]]:
        return type(self), (self.code, self.detail)


class Unavailable(CodedError):
    """Something is missing on this machine (a tool, a weight, a fitted model): not a failure of the thing measured."""


class NotApplicable(CodedError):
    """The thing asked for cannot exist in this file (a picture too small for a mark): no failure and no loss."""


def state_of(error: CodedError) -> Literal["unavailable", "not_applicable", "error"]:
    """How a failure stands in the records."""
    if isinstance(error, Unavailable):
        return "unavailable"
    return "not_applicable" if isinstance(error, NotApplicable) else "error"


def coded(error: BaseException) -> CodedError:
    """Any exception as a coded one: known codes stay, the rest become ``E_<Type>`` with the message."""
    if isinstance(error, CodedError):
        return error
    if _out_of_memory(error):
        return CodedError("E_MEMORY", str(error) or "out of memory")
    return CodedError(f"E_{type(error).__name__.upper()}", str(error))


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The answer to an unknown name: what is near, and what exists."""
    import difflib

    names = list(known)
    folded = {n.lower(): n for n in names}
    near = [folded[n] for n in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return UserError(f"unknown {kind} {name!r}.{hint} Available: {', '.join(names) or 'none'}.")


def _out_of_memory(error: BaseException) -> bool:
    """Whether memory was refused: to Python, or to a C++ library, which says so in words of its own."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if type(error).__name__ == "OutOfMemoryError":  # torch's own, on a card
        return True
    return bool(re.search(r"bad[_ ]alloc|Insufficient memory|[Ff]ailed to allocate", str(error)))
