"""Attacks that ask a detector: black boxes, of which only the scores (or only the verdicts) are seen.

An attack names its target and is given it by whoever runs it (``bind``); it never looks one up itself, and one without
its target is ``unavailable``. The result is the very file that was last asked about: lossless pixels, no metadata.
All files are treated alike, human ones too: what is measured is how far a score can be brought down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Protocol

from attacks.base import check_range, curve
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Area of the squares as a share of the picture at first, and the queries at which it is halved: the figures that the
#: authors' programs use for 10,000 queries, divided by ten. They do not depend on the budget, so that a larger budget
#: only continues a smaller one.
FIRST_SHARE, HALVED_AT = 0.8, (1, 5, 20, 100, 200, 400, 600, 800)


class Target(Protocol):
    """What an attack needs of a detector."""

    def score(self, batch: Sequence[Media]) -> Sequence[Any]:
        """One score per file with ``value``, ``status``, ``code`` and ``detail``; higher = more AI."""


@settings
class SquareAttack:
    """Random squares of ±eps that are kept when the score falls: Square Attack, L-infinity.

    After Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random search" (ECCV
    2020, arXiv 1912.00049), algorithms 1 and 2: vertical stripes first, then squares that shrink. The untouched picture
    stays where nothing lowers the score. Every query of the budget is used.

    Attributes:
        target: the detector's name, one of those that the run scores with.
        eps: most that any value changes, in steps of 8 bits, 1..64 (8 keeps at least 30.1 dB PSNR).
        queries: how often the detector is asked, 1..100000.
        detector: given by ``bind``.
    """

    target: str = "spectrum"
    eps: int = 8
    queries: int = 200
    detector: Target | None = field(default=None, repr=False, compare=False)

    axis = "largest change of a value, 8-bit steps"
    channel = "real:Square Attack, L-infinity, on the detector's own scores"

    def __post_init__(self) -> None:
        check_range("eps", self.eps, 1, 64)
        check_range("queries", self.queries, 1, 100_000)

    @property
    def family(self) -> str:
        """One curve per target and budget."""
        return curve("square attack", replace(self, detector=None), "eps")

    @property
    def severity(self) -> float:
        """Its bound."""
        return float(self.eps)

    def bind(self, detectors: Mapping[str, Target]) -> SquareAttack:
        """With its target, where it is among these (by name)."""
        return replace(self, detector=detectors.get(self.target))

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture with the lowest score that was found."""
        import numpy as np

        ask = _Asked(self.target, self.detector, self.queries)
        clean = media.pixels().astype(np.int16)
        height, width = clean.shape[:2]
        best = media.pixels().copy()
        lowest = ask.first(best)
        for query in range(1, self.queries):
            if query == 1:
                place = (slice(0, height), slice(0, width))
                change = rng.choice([-self.eps, self.eps], (1, width, 3))
            else:
                share = FIRST_SHARE / 2 ** sum(query > at for at in HALVED_AT)
                side = min(height, width, max(1, round(math.sqrt(share * height * width))))
                top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
                place = (slice(top, top + side), slice(left, left + side))
                change = rng.choice([-self.eps, self.eps], (1, 1, 3))
            before = best[place].copy()
            best[place] = np.clip(clean[place] + change, 0, 255).astype(np.uint8)
            score = ask(best)
            if score is not None and score < lowest:
                lowest = score
            else:
                best[place] = before
        return Media.from_pixels(best)


@settings
class BoundaryAttack:
    """Steps along the border between two verdicts: only "flagged" or "not flagged" is seen.

    After Brendel et al., "Decision-based adversarial attacks" (ICLR 2018, arXiv 1712.04248): from a picture that is not
    flagged (the picture blurred more and more, then noise), the border is found by bisection; random steps along it and
    towards the picture follow, longer while they succeed. What is still further off than the bound is drawn back to it,
    flagged or not. A picture that is not flagged stays as it is, and so does one for which no start was found.

    Attributes:
        target: the detector's name, one of those that the run scores with.
        threshold: flagged means a score above it.
        queries: how often the detector is asked at most, 1..100000.
        psnr: least to the picture, dB, 10..60.
        detector: given by ``bind``.
    """

    target: str = "spectrum"
    threshold: float = 0.5
    queries: int = 200
    psnr: float = 30.0
    detector: Target | None = field(default=None, repr=False, compare=False)

    axis = "queries"
    channel = "real:Boundary Attack on the detector's own verdicts"

    def __post_init__(self) -> None:
        check_range("queries", self.queries, 1, 100_000)
        check_range("psnr", self.psnr, 10, 60)

    @property
    def family(self) -> str:
        """One curve per target, threshold and bound."""
        return curve("boundary attack", replace(self, detector=None), "queries")

    @property
    def severity(self) -> float:
        """Its budget."""
        return float(self.queries)

    def bind(self, detectors: Mapping[str, Target]) -> BoundaryAttack:
        """With its target, where it is among these (by name)."""
        return replace(self, detector=detectors.get(self.target))

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The nearest picture found that is not flagged, within the bound."""
        import numpy as np

        ask = _Asked(self.target, self.detector, self.queries)
        if ask.first(media.pixels()) <= self.threshold:
            return Media.from_pixels(media.pixels())
        clean = media.pixels().astype(np.float32)

        def passes(picture: np.ndarray) -> bool:
            score = ask(np.clip(picture + 0.5, 0, 255).astype(np.uint8))
            return score is not None and score <= self.threshold

        found = next((start for start in _starts(media.pixels(), rng) if ask.left and passes(start)), None)
        if found is None:
            return Media.from_pixels(media.pixels())
        near, far = 0.0, 1.0  # shares of the way from the picture to the start
        for _ in range(min(10, ask.left)):
            middle = (near + far) / 2
            near, far = (near, middle) if passes(clean + middle * (found - clean)) else (middle, far)
        found = clean + far * (found - clean)
        along, towards = 0.1, 0.05
        while ask.left:
            offset = found - clean
            length = float(np.linalg.norm(offset))
            if length < 1:
                break
            step = rng.standard_normal(clean.shape, np.float32)
            step -= offset * (float((step * offset).sum()) / length**2)
            moved = offset + step * (along * length / max(1e-9, float(np.linalg.norm(step))))
            moved *= (1 - towards) * length / float(np.linalg.norm(moved))
            if passes(clean + moved):
                found, along, towards = clean + moved, min(0.5, along * 1.1), min(0.5, towards * 1.3)
            else:
                along, towards = max(1e-3, along * 0.95), max(1e-4, towards * 0.7)
        return Media.from_pixels(_within(clean, found, self.psnr))


def _starts(pixels: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Pictures that may not be flagged, the mildest first."""
    import cv2
    import numpy as np

    blurred = [cv2.GaussianBlur(pixels, (0, 0), sigma).astype(np.float32) for sigma in (1, 2, 4, 8)]
    noisy = [pixels + rng.normal(0, sigma, pixels.shape).astype(np.float32) for sigma in (8, 32)]
    return [*blurred, *noisy, rng.integers(0, 256, pixels.shape).astype(np.float32)]


def _within(clean: np.ndarray, found: np.ndarray, psnr: float) -> np.ndarray:
    """``found`` as 8 bits, drawn towards ``clean`` as far as the bound asks for."""
    import numpy as np

    most = 255 / 10 ** (psnr / 20)
    share = 1.0
    while True:
        result: np.ndarray = np.clip(clean + share * (found - clean) + 0.5, 0, 255).astype(np.uint8)
        error = math.sqrt(float(np.mean((result - clean) ** 2)))
        if error <= most:
            return result
        share *= min(0.98, most / error)


class _Asked:
    """A detector that is asked at most so often."""

    def __init__(self, name: str, detector: Target | None, queries: int) -> None:
        if detector is None:
            raise Unavailable("E_NO_TARGET", f"detector {name} is not among those of this run; add --detector {name}")
        self.name, self.detector, self.left = name, detector, queries

    def __call__(self, pixels: np.ndarray) -> float | None:
        """The score of these pixels; None where the detector gives none."""
        self.left -= 1
        return self._score(pixels)[0]

    def first(self, pixels: np.ndarray) -> float:
        """The score of the untouched picture.

        Raises:
            CodedError: the detector gives none.
        """
        self.left -= 1
        value, score = self._score(pixels)
        if value is None:
            kind = Unavailable if score.status == "unavailable" else CodedError
            raise kind(score.code or "E_NO_SCORE", f"{self.name} gives the picture no score: {score.detail}")
        return value

    def _score(self, pixels: np.ndarray) -> tuple[float | None, Any]:
        # A copy: what is asked about is changed in place afterwards, and the media would change with it.
        score = self.detector.score([Media.from_pixels(pixels.copy())])[0]
        return (float(score.value) if score.status == "ok" else None), score
