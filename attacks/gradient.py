"""Projected gradient descent on a detector that gives its gradient: the strongest of the attacks that know the model.

No framework is needed here: the detector is asked. One of torch answers in three lines::

    def gradient(self, pixels):                                  # float32 (height, width, 3), 0..255
        x = torch.from_numpy(pixels).requires_grad_()
        score = self.model(x.permute(2, 0, 1)[None] / 255).squeeze()
        return float(score), torch.autograd.grad(score, x)[0].numpy()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from attacks.base import check_range, curve
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np


@settings
class GradientAttack:
    """Steps against the gradient of the score, each put back into the bound: PGD, L-infinity.

    After Madry et al., "Towards deep learning models resistant to adversarial attacks" (ICLR 2018, arXiv 1706.06083):
    a random start within the bound, steps of 2.5 eps / steps by the sign of the gradient. The untouched picture stays
    where nothing lowers the score. Lossless pixels, no metadata.

    Attributes:
        target: the detector's name, one of those that the run scores with; it must offer ``gradient(pixels)``.
        eps: most that any value changes, in steps of 8 bits, 1..64 (8 keeps at least 30.1 dB PSNR).
        steps: how often the gradient is asked for, 1..10000.
        detector: given by ``bind``.
    """

    target: str = "spectrum"
    eps: int = 8
    steps: int = 40
    detector: Any = field(default=None, repr=False, compare=False)

    axis = "largest change of a value, 8-bit steps"
    channel = "real:projected gradient descent, L-infinity, on the detector's own gradient"

    def __post_init__(self) -> None:
        check_range("eps", self.eps, 1, 64)
        check_range("steps", self.steps, 1, 10_000)

    @property
    def family(self) -> str:
        """One curve per target and number of steps."""
        return curve("gradient attack", replace(self, detector=None), "eps")

    @property
    def severity(self) -> float:
        """Its bound."""
        return float(self.eps)

    def bind(self, detectors: Mapping[str, Any]) -> GradientAttack:
        """With its target, where it is among these (by name)."""
        return replace(self, detector=detectors.get(self.target))

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture with the lowest score that was found.

        Raises:
            Unavailable: ``E_NO_TARGET``, ``E_NO_GRADIENT``.
            CodedError: ``E_GRADIENT`` when the answer is no number with a finite gradient of the picture's shape.
        """
        import numpy as np

        if self.detector is None:
            raise Unavailable(
                "E_NO_TARGET", f"detector {self.target} is not among those of this run; add --detector {self.target}"
            )
        if not hasattr(self.detector, "gradient"):
            raise Unavailable("E_NO_GRADIENT", f"detector {self.target} gives no gradient: it lacks gradient(pixels)")
        clean = media.pixels().astype(np.float32)
        low, high = np.maximum(clean - self.eps, 0), np.minimum(clean + self.eps, 255)
        best, lowest = media.pixels().copy(), self._ask(clean)[0]
        point = np.clip(clean + rng.uniform(-self.eps, self.eps, clean.shape).astype(np.float32), low, high)
        stride = 2.5 * self.eps / self.steps
        for _ in range(self.steps):
            point = np.clip(point - stride * np.sign(self._ask(point)[1]), low, high)
        # What a file holds is whole numbers, and what is measured is the file.
        found = np.rint(point)
        if self._ask(found)[0] < lowest:
            best = found.astype(np.uint8)
        return Media.from_pixels(best)

    def _ask(self, pixels: np.ndarray) -> tuple[float, np.ndarray]:
        import numpy as np

        score, gradient = self.detector.gradient(pixels)
        gradient = np.asarray(gradient, np.float32)
        if gradient.shape != pixels.shape or not np.isfinite(gradient).all() or not np.isfinite(score):
            raise CodedError(
                "E_GRADIENT", f"{self.target} gave a gradient of shape {gradient.shape}, or one not finite"
            )
        return float(score), gradient
