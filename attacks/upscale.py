"""Super-resolution: a picture shrunk, and enlarged again by a network that invents the detail which went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import check_choice, check_range, curve
from attacks.controls import OCTAVES, ResizeBack, octaves, shrunk
from attacks.geometry import resized
from bench import weights
from bench.errors import CodedError
from bench.media import Media
from bench.neural import onnx, realesr, tiles
from bench.settings import settings
from bench.tools import opencv_version, package_version

if TYPE_CHECKING:
    import numpy as np

MODELS = ("realesr-animevideov3",)
#: Side of a tile of the shrunk picture with its surroundings; the result of one has four times that.
TILE = 256
#: The picture is mirrored so far beyond its edges before the network sees it, as its own program does.
EDGE = 10


@settings
class SuperResolve:
    """Shrink, then enlarge to the old size with a super-resolution network.

    Attributes:
        factor: old side over the side in between, 1..4. Shrunk by averaging as its control ``ResizeBack``; the network
            always makes four times the side, which is averaged down to the old size.
        by: the network: realesr-animevideov3, Real-ESRGAN's small one, trained for drawn video and sharp on anything
            (``washtest weights fetch realesr-animevideov3``).
    """

    factor: float = 2.0
    by: str = MODELS[0]

    axis = OCTAVES
    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 1, realesr.SCALE)
        check_choice("by", self.by, MODELS)

    @property
    def family(self) -> str:
        """One curve per network."""
        return curve("super-resolve", self, "factor")

    @property
    def severity(self) -> float:
        """Octaves down and up again."""
        return octaves(self.factor)

    @property
    def channel(self) -> str:
        """The network with the digest of its weights, and the libraries."""
        made = f"real:{self.by} {self._digest()}, onnxruntime {package_version('onnxruntime')}"
        return f"{made}, OpenCV {opencv_version()}"

    @property
    def control(self) -> ResizeBack:
        """The same shrinking, enlarged without a network."""
        return ResizeBack(scale=round(1 / self.factor, 6))

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return onnx.missing(self.by)

    def versions(self) -> dict[str, str]:
        """The digest of the network's weights."""
        return {self.by: self._digest()}

    def _digest(self) -> str:
        return weights.named(self.by).files[0].sha256[:16]

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture at its old size.

        Raises:
            CodedError: ``E_NOT_FINITE`` where the network gives NaN or infinity.
            Unavailable: ``E_WEIGHTS_MISSING``, ``E_WEIGHTS_DIGEST``, ``E_PACKAGE_MISSING``.
        """
        import numpy as np

        file = weights.named(self.by).files[0]
        part = tiles.Part(realesr.model(weights.path(self.by, file.name)), 1, realesr.SCALE, reach=realesr.REACH)
        pixels = media.pixels()
        small = np.pad(shrunk(pixels, 1 / self.factor), [(EDGE, EDGE), (EDGE, EDGE), (0, 0)], mode="reflect")
        large = tiles.run(part, small.transpose(2, 0, 1).astype(np.float32) / np.float32(255), TILE)
        cut = realesr.SCALE * EDGE
        large = large[:, cut:-cut, cut:-cut].transpose(1, 2, 0)
        if not np.isfinite(large).all():
            raise CodedError("E_NOT_FINITE", f"{self.by} gave NaN or infinity")
        rounded = np.clip(large * 255 + 0.5, 0, 255).astype(np.uint8)
        return Media.from_pixels(resized(rounded, pixels.shape[1], pixels.shape[0], "area"))
