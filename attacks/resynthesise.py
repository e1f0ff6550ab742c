"""Regeneration without a neural model: the fine signal is destroyed and made anew by classical means.

``attacks.regenerate`` has those that pass the picture through an autoencoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import check_range
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Side in pixels under which non-local means has no patches to compare and the picture is only resampled.
MIN_SIDE = 16


@settings
class Resynthesise:
    """Denoise and resynthesise: shrink, drown in noise, re-make from similar patches, enlarge, invent new detail.

    The four steps of regeneration attacks (destroy the fine signal, then rebuild a likely picture; Zhao et al.,
    "Invisible Image Watermarks Are Provably Removable Using Generative AI", NeurIPS 2024) with classical means:
    non-local means (Buades et al., CVPR 2005) instead of a denoising network, and band-limited noise of the
    original's local energy instead of a generator's detail.

    Attributes:
        sigma: standard deviation of the noise added, black 0 to white 1, 0..0.5.
        scale: side at which the picture is re-made / its own side, 0.1..1.
        detail: strength of the invented detail, 0..2; 1 restores the original's local energy.
    """

    sigma: float = 0.04
    scale: float = 0.5
    detail: float = 0.7

    family = "resynthesise"
    axis = "noise sigma, black 0 to white 1"
    channel = "simulated:regeneration without a neural model (non-local means at reduced scale, synthetic detail)"

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0, 0.5)
        check_range("scale", self.scale, 0.1, 1)
        check_range("detail", self.detail, 0, 2)

    @property
    def severity(self) -> float:
        """The noise's sigma."""
        return self.sigma

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """A picture of the same content and size."""
        import cv2
        import numpy as np

        pixels = media.pixels()
        height, width = pixels.shape[:2]
        size = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        small += rng.standard_normal(small.shape, dtype=np.float32) * (self.sigma * 255)
        noisy = np.clip(small + 0.5, 0, 255).astype(np.uint8)
        if min(size) >= MIN_SIDE and self.sigma > 0:
            strength = 0.9 * self.sigma * 255
            noisy = cv2.fastNlMeansDenoisingColored(noisy, None, strength, strength, 5, 13)
        remade = cv2.resize(noisy, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        lost = cv2.cvtColor(np.abs(pixels.astype(np.float32) - remade), cv2.COLOR_RGB2GRAY)
        energy = np.sqrt(cv2.GaussianBlur(lost * lost, (0, 0), 2.0))
        fresh = rng.standard_normal((height, width), dtype=np.float32)
        fresh -= cv2.GaussianBlur(fresh, (0, 0), 1.0)  # only the band that the detour over the small size lost
        deviation = float(fresh.std()) or 1.0
        remade += (fresh * energy * (self.detail / deviation))[..., None]
        return Media.from_pixels(np.clip(remade + 0.5, 0, 255).astype(np.uint8))
