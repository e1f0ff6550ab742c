"""A run divided over machines: which part of the samples each of them measures.

The parts need no coordinator: each machine is told its number and works out its own samples. ``washtest merge`` puts
the run folders together again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from bench.errors import UserError


@dataclass(frozen=True)
class Shard:
    """One part of a run.

    Attributes:
        index: of this part, 1..of.
        of: number of parts.
    """

    index: int
    of: int

    def __str__(self) -> str:
        return f"{self.index} of {self.of}"

    def holds(self, family: str) -> bool:
        """Whether this part measures a family; by its name alone, and whole, since effects are paired by family."""
        digest = hashlib.sha256(f"shard:{family}".encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) % self.of == self.index - 1


def parse_shard(text: str) -> Shard:
    """``2/8`` as the second of eight parts.

    Raises:
        UserError: anything else, with what is meant.
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UserError(f"shard must be i/n with i in 1..n, such as 2/8, got {text!r}")
    return Shard(int(found[1]), int(found[2]))
