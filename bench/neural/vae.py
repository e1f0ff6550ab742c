"""Variational autoencoders: a picture through a small set of numbers and back, at any size.

What the round trip loses is what regeneration attacks remove, and how much it loses is what reconstruction detectors
look at. Pictures above ``TILE`` pixels a side go through in tiles (``bench.neural.tiles``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import weights
from bench.errors import CodedError, unknown
from bench.neural import onnx, taef2, tiles, washvae
from bench.neural.tiles import Part

if TYPE_CHECKING:
    import numpy as np

#: Longest side of what is run at once, surroundings included, in pixels. TAEF2 then takes 0.9 GB, and for a picture of
#: twelve megapixels with its result and its cells 1.3 GB in all (measured).
TILE = 1024


@dataclass(frozen=True)
class Vae:
    """One autoencoder.

    Attributes:
        name: as in settings and tables.
        factor: side of the square of pixels that becomes one cell.
        channels: numbers in a cell.
        weights: name of the pinned weights, "" where the package ships the graphs.
        parts: gives the parts of the encoder and those of the decoder, in order.
    """

    name: str
    factor: int
    channels: int
    weights: str
    parts: Callable[[], tuple[tuple[Part, ...], tuple[Part, ...]]]

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of its files: what it computes is decided by them."""
        if not self.weights:
            return washvae.digests()
        return tuple(file.sha256 for file in weights.named(self.weights).files)

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return onnx.missing(self.weights)

    def version(self) -> str:
        """Digest of its weights, 16 hexadecimal digits: what it gives changes with them. Reads none of them."""
        if not self.weights:
            return washvae.version()
        import hashlib

        return hashlib.sha256("".join(self.digests).encode()).hexdigest()[:16]

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """The picture's latent, ``(channels, ceil(height / factor), ceil(width / factor))`` float32.

        Args:
            pixels: ``(height, width, 3)`` float32, RGB in 0..1, of any size; mirrored at its right and lower edge up
                to whole cells.

        Raises:
            CodedError: ``E_NOT_FINITE`` where the model gives NaN or infinity.
            Unavailable: weights or packages are missing.
        """
        import numpy as np

        edges = [(0, 0)] + [(0, -size % self.factor) for size in pixels.shape[:2]]
        planes = np.pad(pixels.transpose(2, 0, 1).astype(np.float32, copy=False), edges, mode="reflect")
        return self._through(self.parts()[0], planes)

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """The picture of a latent, ``(height, width, 3)`` float32 in 0..1, whole cells; raises as ``encode``."""
        import numpy as np

        planes = self._through(self.parts()[1], latent.astype(np.float32, copy=False))
        return np.clip(planes, 0, 1, out=planes).transpose(1, 2, 0)

    def round_trip(
        self, pixels: np.ndarray, rng: np.random.Generator | None = None, latent_noise: float = 0.0
    ) -> np.ndarray:
        """The picture, encoded and decoded, in its own size; raises as ``encode``.

        Args:
            pixels: as ``encode`` takes them.
            rng: of the noise; may be None where there is none.
            latent_noise: standard deviation of the white noise added to the latent, in units of the latent (whose own
                is about 0.7 to 1 over a photograph).
        """
        import numpy as np

        latent = self.encode(pixels)
        if latent_noise:
            if rng is None:
                raise ValueError("latent_noise needs an rng")
            latent += rng.standard_normal(latent.shape, dtype=np.float32) * np.float32(latent_noise)
        return self.decode(latent)[: pixels.shape[0], : pixels.shape[1]]

    def _through(self, parts: tuple[Part, ...], values: np.ndarray) -> np.ndarray:
        import numpy as np

        for part in parts:
            values = tiles.run(part, values, TILE // self.factor)
            if not np.isfinite(values).all():
                raise CodedError("E_NOT_FINITE", f"{self.name} gave NaN or infinity")
        return values


def _taef2() -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    into_cells, on_cells = taef2.encoder(weights.path("taef2", "taef2_encoder.pth"))
    from_latent, into_pixels = taef2.decoder(weights.path("taef2", "taef2_decoder.pth"))
    # Pixels that a result depends on: the sum of each convolution's reach at its own scale, 65 either way.
    return (
        (Part(into_cells, 8, 1, reach=9), Part(on_cells, 1, 1)),
        (Part(from_latent, 1, 1), Part(into_pixels, 1, 8, reach=9)),
    )


def _washvae() -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    factor = washvae.DOWNSCALE
    return (
        (Part(washvae.encoder(), factor, 1, reach=washvae.ENCODER_REACH),),
        (Part(washvae.decoder(), 1, factor, reach=washvae.DECODER_REACH),),
    )


#: In the order of the docs; each is made when it is first used.
VAES: tuple[Vae, ...] = (
    Vae("washvae", washvae.DOWNSCALE, washvae.LATENT_CHANNELS, "", _washvae),
    Vae("taef2", 8, taef2.LATENT, "taef2", _taef2),
)


def named(name: str) -> Vae:
    """The autoencoder of this name.

    Raises:
        UserError: there is none; says what there is.
    """
    found = next((vae for vae in VAES if vae.name == name), None)
    if found is None:
        raise unknown("autoencoder", name, [vae.name for vae in VAES])
    return found
