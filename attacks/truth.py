"""What a picture is after an attack: most leave that alone, an edit makes a photograph an AI-edited picture.

Such an attack has two methods more: ``truth_after(truth)`` says what it makes of a file of this truth, and
``with_mask(media, rng)`` gives the file that a call gives, with a mask of what in it was generated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import Attack
from bench.errors import NotApplicable
from bench.media import Media

if TYPE_CHECKING:
    import numpy as np


def truth_after(attack: Attack, truth: str) -> str:
    """``human``, ``ai`` or ``ai_edited``: what a file of this truth is once it went through.

    Raises:
        NotApplicable: ``E_TRUTH``: the attack is none for such files.
    """
    says = getattr(attack, "truth_after", None)
    return str(says(truth)) if says else truth


def performed(attack: Attack, media: Media, rng: np.random.Generator) -> tuple[Media, np.ndarray | None]:
    """The attacked file, and where it was generated: ``(height, width)`` uint8, 255 there; None where nothing was.

    The mask is of the picture as it was edited; later steps of a chain may have scaled or cut it.

    Raises:
        CodedError: as the attack.
    """
    perform = getattr(attack, "with_mask", None)
    if perform is None:
        return attack(media, rng), None
    attacked, mask = perform(media, rng)
    return attacked, mask


def only(truth: str, wanted: str, after: str) -> str:
    """What files of the one truth that an edit is for become.

    Raises:
        NotApplicable: ``E_TRUTH``.
    """
    if truth != wanted:
        raise NotApplicable("E_TRUTH", f"this edit is made of {wanted} files, not of {truth} ones")
    return after
