"""Regeneration: a picture passed through a generator's autoencoder, which keeps its content and makes its signal anew.

After Zhao et al., "Invisible Image Watermarks Are Provably Removable Using Generative AI" (NeurIPS 2024,
https://arxiv.org/abs/2306.01953): encode, disturb the latent, decode. WAVES (An et al., ICML 2024,
https://arxiv.org/abs/2401.08573) calls it Regen-KLVAE, and rinsing where it is repeated (there with a diffusion model,
2 and 4 times). ``attacks.diffusion`` has regeneration by diffusion, ``attacks.codec`` that by learned compression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import Attack, Identity, check_choice, check_range, curve
from attacks.controls import OCTAVES, SMALLEST, ResizeBack, detour, octaves
from bench.media import Media
from bench.neural import vae
from bench.settings import settings
from bench.tools import opencv_version, package_version

if TYPE_CHECKING:
    import numpy as np

#: Most round trips, and the strongest noise in the latent, whose own deviation is about 1.
MOST_PASSES, MOST_NOISE = 20, 5.0


@settings
class _Autoencoded:
    """What both attacks share: the settings of the way through an autoencoder, and the way itself."""

    model: str = "washvae"
    scale: float = 1.0
    latent_noise: float = 0.0
    passes: int = 1

    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_choice("model", self.model, tuple(known.name for known in vae.VAES))
        check_range("scale", self.scale, SMALLEST, 1)
        check_range("latent_noise", self.latent_noise, 0, MOST_NOISE)
        check_range("passes", self.passes, 1, MOST_PASSES)

    @property
    def channel(self) -> str:
        """The model with the digest of its weights, and the libraries."""
        made = f"real:autoencoder {self.model} {vae.named(self.model).version()}"
        return f"{made}, onnxruntime {package_version('onnxruntime')}, OpenCV {opencv_version()}"

    @property
    def control(self) -> Attack:
        """The same detour without the autoencoder; nothing at all where the size stays."""
        return Identity() if self.scale == 1 else ResizeBack(scale=self.scale)

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return vae.named(self.model).missing()

    def versions(self) -> dict[str, str]:
        """The digest of the model's weights."""
        return {f"autoencoder {self.model}": vae.named(self.model).version()}

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The regenerated picture, in its own size.

        Raises:
            CodedError: ``E_NOT_FINITE`` where the model gives NaN or infinity.
            Unavailable: ``E_WEIGHTS_MISSING``, ``E_WEIGHTS_DIGEST``, ``E_PACKAGE_MISSING``.
        """
        model = vae.named(self.model)

        def regenerated(pixels: np.ndarray) -> np.ndarray:
            for _ in range(self.passes):
                pixels = model.round_trip(pixels, rng, self.latent_noise)
            return pixels

        return Media.from_pixels(detour(media.pixels(), self.scale, regenerated))


@settings
class Regenerate(_Autoencoded):
    """Through an autoencoder and back: shrink, encode, disturb the latent, decode, enlarge.

    Any size; above 1024 pixels a side in tiles without seams. No metadata of the source are left.

    Attributes:
        model: the autoencoder: washvae (part of the package) or taef2 (``washtest weights fetch taef2``).
        scale: side that the autoencoder sees over the picture's own side, 0.05..1. Averaged down, cubic up, as its
            control ``ResizeBack`` does.
        latent_noise: standard deviation of the white noise added to the latent, in units of the latent, whose own is
            about 1; 0..5.
        passes: round trips in a row at that size, without rounding to 8 bits in between, 1..20.
    """

    @property
    def axis(self) -> str:
        """The noise where there is any, else the scale."""
        return "noise in the latent, standard deviation" if self.latent_noise else OCTAVES

    @property
    def family(self) -> str:
        """One curve per model and number of passes along the scale, and one per scale along the noise."""
        if self.latent_noise:
            return curve("regenerate noisy", self, "latent_noise")
        return curve("regenerate", self, "scale")

    @property
    def severity(self) -> float:
        """As the axis says."""
        return self.latent_noise or octaves(self.scale)


@settings
class Rinse(_Autoencoded):
    """Rinsing: regeneration repeated; ``Regenerate`` with several passes, on a curve along their number.

    Attributes:
        model: as for ``Regenerate``.
        scale: as for ``Regenerate``.
        latent_noise: as for ``Regenerate``, added in each pass.
        passes: round trips in a row, 1..20.
    """

    passes: int = 3

    axis = "passes"

    @property
    def family(self) -> str:
        """One curve per model, scale and noise."""
        return curve("rinse", self, "passes")

    @property
    def severity(self) -> float:
        """How often."""
        return float(self.passes)
