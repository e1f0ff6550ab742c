"""What a run needs of each machine that works on it, and whether two machines would give the same results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attacks import Attack
from bench.harness.plan import Suite, tool_versions, versions


def facts(suite: Suite, folder: str) -> dict[str, str]:
    """What results depend on beside the code, in words; two machines with equal facts may share a run.

    Args:
        suite: what is measured.
        folder: of the data set.

    Returns:
        Name -> what is here: versions, the list of samples, and what each attack and detector lacks, if anything.
    """
    found = {f"version of {name}": version for name, version in versions().items()}
    for attack in suite.attacks:
        found |= {f"version of {name}": version for name, version in tool_versions(attack).items()}
    found[f"data set {folder}"] = _revision(folder)
    for thing in (*suite.attacks, *suite.detectors):
        missing = getattr(thing, "missing", str)()
        found[f"{thing!r}"] = f"unavailable ({missing})" if missing else "available"
    return found


def _revision(folder: str) -> str:
    """Of the list of samples, as ``load_dataset`` states it."""
    try:
        return hashlib.sha256((Path(folder) / "samples.csv").read_bytes()).hexdigest()[:16]
    except OSError:
        return "missing"


def wants_gpu(suite: Suite) -> bool:
    """Whether an attack or a detector uses a GPU where there is one: those say so by ``gpu = True``."""
    parts: list[Any] = [*suite.detectors]
    for attack in suite.attacks:
        parts += _steps(attack)
    return any(getattr(part, "gpu", False) for part in parts)


def _steps(attack: Attack) -> Iterator[Attack]:
    """The attack, and where it is a chain, what it is made of."""
    yield attack
    for step in getattr(attack, "attacks", ()):
        yield from _steps(step)
