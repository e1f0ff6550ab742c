"""Attacks one after the other: what happens to a picture between two people is rarely one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attacks.base import Attack
from attacks.truth import performed, truth_after
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np


@settings
class Chain:
    """Each attack works on the file that the one before it left.

    Attributes:
        attacks: at least one, in order.
    """

    attacks: tuple[Attack, ...]

    family = "chain"
    severity = 0.0
    axis = "none (chains have no common scale)"

    def __post_init__(self) -> None:
        steps = self.attacks
        if not isinstance(steps, tuple) or not steps or not all(isinstance(step, Attack) for step in steps):
            raise ValueError(f"attacks must be a tuple of one or more attacks, got {steps!r}")

    @property
    def channel(self) -> str:
        """Simulated as soon as one step is."""
        kinds = [attack.channel.partition(":") for attack in self.attacks]
        simulated = any(kind == "simulated" for kind, _, _ in kinds)
        return ("simulated:" if simulated else "real:") + " + ".join(dict.fromkeys(what for _, _, what in kinds))

    @property
    def slow(self) -> bool:
        """As soon as one step is, unless another asks a detector, whose answers are no part of its settings."""
        return any(getattr(step, "slow", False) for step in self.attacks) and not self.asks

    @property
    def asks(self) -> bool:
        """Whether a step asks a detector."""
        return any(getattr(step, "asks", hasattr(step, "bind")) for step in self.attacks)

    @property
    def reads(self) -> str:
        """What its first step looks at; the others see what that one made."""
        return getattr(self.attacks[0], "reads", "file")

    def bind(self, detectors: Mapping[str, Any]) -> Chain:
        """With those steps given their targets that ask a detector (``attacks.adversarial``)."""
        bound = (step.bind(detectors) if hasattr(step, "bind") else step for step in self.attacks)
        return Chain(tuple(bound))

    def truth_after(self, truth: str) -> str:
        """What its steps, one after the other, make of a file of this truth."""
        for attack in self.attacks:
            truth = truth_after(attack, truth)
        return truth

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The file after the last step."""
        return self.with_mask(media, rng)[0]

    def with_mask(self, media: Media, rng: np.random.Generator) -> tuple[Media, np.ndarray | None]:
        """The file after the last step, and the mask of the step that edited it, None where none did."""
        mask = None
        for attack in self.attacks:
            media, made = performed(attack, media, rng)
            mask = mask if made is None else made
        return media, mask
