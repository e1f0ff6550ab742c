"""Noise, then a denoiser: what hides in the fine signal is drowned, and the denoiser rebuilds what is likely.

The denoisers only take noise of a known strength away; ``attacks.tone.Noise`` without one is the control.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from attacks.base import check_choice, check_range, curve
from attacks.tone import Noise
from bench import weights
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.neural import dncnn, onnx, tiles
from bench.settings import settings
from bench.tools import opencv_version, package_version

if TYPE_CHECKING:
    import numpy as np

DENOISERS = ("nlm", "wavelet", "tv", "dncnn")
INSTALL_WAVELETS = "pip install 'washtest[wavelets]'"
#: Side in pixels under which non-local means and wavelets have nothing to compare and only the noise is added.
SMALLEST = 16
#: Side of DnCNN's tiles with their surroundings, pixels; 64 channels of it take 67 MB. Each layer reaches a pixel.
DNCNN_TILE, DNCNN_REACH = 512, dncnn.LAYERS


@settings
class Denoise:
    """White noise, then a denoiser.

    Attributes:
        sigma: standard deviation of the noise added, black 0 to white 1, 0.001..0.5 (15 of 255 is 0.0588).
        by: ``nlm`` (non-local means, Buades et al., CVPR 2005, OpenCV's for colour), ``wavelet`` (BayesShrink, Chang
            et al., IEEE TIP 2000, in YCbCr), ``tv`` (total variation, Chambolle 2004), both scikit-image's, or
            ``dncnn`` (DnCNN-25 channel by channel: it takes noise of 25 of 255, sigma 0.098, for granted whatever was
            added, and about forty seconds a megapixel; ``washtest weights fetch dncnn-25``).
    """

    sigma: float = 0.06
    by: str = "nlm"

    axis = Noise.axis
    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0.001, 0.5)
        check_choice("by", self.by, DENOISERS)

    @property
    def family(self) -> str:
        """One curve per denoiser."""
        return curve("denoise", self, "sigma")

    @property
    def severity(self) -> float:
        """The noise's sigma."""
        return self.sigma

    @property
    def channel(self) -> str:
        """The library, or the network with the digest of its weights."""
        if self.by == "nlm":
            return f"real:white noise, OpenCV {opencv_version()} fastNlMeansDenoisingColored"
        if self.by == "dncnn":
            return f"real:white noise, DnCNN-25 {_dncnn_version()}, onnxruntime {package_version('onnxruntime')}"
        return f"real:white noise, scikit-image {package_version('scikit-image')} denoise_{self.by}"

    @property
    def control(self) -> Noise:
        """The same noise, left as it is."""
        return Noise(sigma=self.sigma)

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        if self.by == "dncnn":
            return onnx.missing("dncnn-25")
        return INSTALL_WAVELETS if self.by == "wavelet" and package_version("PyWavelets") is None else ""

    def versions(self) -> dict[str, str]:
        """Of what only this denoiser needs."""
        if self.by == "dncnn":
            return {"dncnn-25": _dncnn_version()}
        return {"PyWavelets": package_version("PyWavelets") or "missing"} if self.by == "wavelet" else {}

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The denoised picture; under 16 pixels a side, where there is nothing to denoise by, the noisy one.

        Raises:
            CodedError: ``E_NOT_FINITE`` where the denoiser gives NaN or infinity.
            Unavailable: ``E_WEIGHTS_MISSING``, ``E_WEIGHTS_DIGEST``, ``E_PACKAGE_MISSING``.
        """
        if (command := self.missing()) and self.by == "wavelet":
            raise Unavailable("E_PACKAGE_MISSING", f"PyWavelets is not installed; run: {command}")
        noisy = self.control(media, rng).pixels()
        if self.by != "dncnn" and min(noisy.shape[:2]) < SMALLEST:
            return Media.from_pixels(noisy)
        return Media.from_pixels(_nlm(noisy, self.sigma) if self.by == "nlm" else _rounded(self._float(noisy)))

    def _float(self, noisy: np.ndarray) -> np.ndarray:
        """By the denoisers that work on ``(height, width, 3)`` float32 in 0..1."""
        import numpy as np

        values = noisy.astype(np.float32) / np.float32(255)
        return {"wavelet": _wavelet, "tv": _tv, "dncnn": _dncnn}[self.by](values, self.sigma)


def _nlm(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Patches of 5, searched in 13 x 13: half the time of OpenCV's own 7 in 21 x 21."""
    import cv2

    strength = 0.9 * sigma * 255
    done: np.ndarray = cv2.fastNlMeansDenoisingColored(noisy, None, strength, strength, 5, 13)
    return done


def _wavelet(noisy: np.ndarray, sigma: float) -> np.ndarray:
    from skimage.restoration import denoise_wavelet

    done: np.ndarray = denoise_wavelet(noisy, sigma=sigma, convert2ycbcr=True, channel_axis=-1)
    return done


def _tv(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """With the weight 1.2 sigma, about where photographs come nearest to themselves in PSNR at any sigma."""
    from skimage.restoration import denoise_tv_chambolle

    done: np.ndarray = denoise_tv_chambolle(noisy, weight=1.2 * sigma, channel_axis=-1)
    return done


def _dncnn(noisy: np.ndarray, sigma: float) -> np.ndarray:
    import numpy as np

    part = tiles.Part(dncnn.model(weights.path("dncnn-25", "dncnn_25.pth")), 1, 1, reach=DNCNN_REACH)
    done = [tiles.run(part, plane[None], DNCNN_TILE)[0] for plane in noisy.transpose(2, 0, 1)]
    return np.stack(done, axis=-1)


def _rounded(values: np.ndarray) -> np.ndarray:
    import numpy as np

    if not np.isfinite(values).all():
        raise CodedError("E_NOT_FINITE", "the denoiser gave NaN or infinity")
    rounded: np.ndarray = np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8)
    return rounded


@functools.cache
def _dncnn_version() -> str:
    """The pinned digest."""
    return weights.named("dncnn-25").files[0].sha256[:16]
