"""What an attack is: a file goes in, a file comes out.

``Attack`` is a protocol; an attack is a frozen dataclass whose fields are its parameters, whose ``repr`` is its name
everywhere, and whose chance comes from the generator passed in. Beside the call it says which severity curve it
belongs to (``family``), where on it (``severity``, larger is worse, ``axis`` names the unit), and by which
``channel`` it acts: ``real:<tool and version>`` or ``simulated:<of what>``.

An attack may say more of itself. ``slow = True``: its results are worth keeping between runs, since making one takes
ten times what reading it back does, or more; what it makes must depend on nothing but the file, its settings, the
generator and ``versions()``. ``reads``, for slow ones, is what of the file it looks at: ``"pixels"`` (and drops all
metadata), ``"shown"`` (the file as a viewer shows it: all but the C2PA manifest), or ``"file"`` where nothing is said.
Signed files have other bytes in every run, so the last finds their results again in the same run only.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bench.errors import CodedError
from bench.media import MAX_PIXELS, Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class Attack(Protocol):
    """A transform of an encoded file."""

    @property
    def family(self) -> str:
        """The curve it belongs to: attacks of one family differ in severity only."""

    @property
    def severity(self) -> float:
        """Position on that curve, in the unit ``axis`` names; larger means more damage."""

    @property
    def axis(self) -> str:
        """What severity measures, with its unit."""

    @property
    def channel(self) -> str:
        """``real:<tool version>`` or ``simulated:<of what>``."""

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The attacked file. Same media, same generator state: same bytes."""


@settings
class Identity:
    """Nothing happens: the clean reference that every effect is measured against. Metadata stay."""

    family = "identity"
    severity = 0.0
    axis = "none"
    channel = "real:no operation"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The same file."""
        return media


def check_size(width: int, height: int) -> None:
    """Refuse to make a picture that no ``Media`` may hold, before memory is asked for it.

    Raises:
        CodedError: ``E_TOO_LARGE``.
    """
    if width * height > MAX_PIXELS:
        raise CodedError("E_TOO_LARGE", f"the result would have {width}x{height} pixels; the limit is {MAX_PIXELS:,}")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ``ValueError`` in the house wording when a parameter is out of range (both ends allowed)."""
    if not low <= value <= high:
        raise ValueError(f"{name} must be in {low:g}..{high:g}, got {value:g}")


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise ``ValueError`` in the house wording when a parameter is none of those known."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")


def curve(name: str, attack: Any, *along: str) -> str:
    """A family's name: ``name`` and every parameter that is not at its default, those that severity follows left out.

    Attacks of one family then differ in severity only, e.g. ``rotate expand fill=255``.

    Args:
        name: of the curve at default settings.
        attack: a settings object.
        along: names of the parameters that move along the curve.
    """
    parts = [name]
    for field in fields(attack):
        value = getattr(attack, field.name)
        if field.name in along or value == field.default:
            continue
        number = f"{value:g}" if isinstance(value, float) else value
        parts.append(value if isinstance(value, str) else field.name if value is True else f"{field.name}={number}")
    return " ".join(parts)
