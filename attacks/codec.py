"""Regeneration by learned compression: CompressAI's published codecs, which keep what they were trained to keep.

Regen-VAE of WAVES (An et al., ICML 2024, https://arxiv.org/abs/2401.08573) and of Zhao et al. (NeurIPS 2024,
https://arxiv.org/abs/2306.01953). Nothing is downloaded here. CompressAI (BSD-3-Clause-Clear) states that it needs
numpy 1, with which this project does not run, so it is installed without its dependencies and is no extra.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.base import check_choice, check_range, curve
from bench import weights
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np

INSTALL = "pip install --no-deps compressai && pip install einops pytorch-msssim torch torch-geometric torchvision"
PACKAGES = ("compressai", "torch")
#: Published codecs and their best quality; each quality is a network of its own, trained for squared error.
CODECS = {
    "bmshj2018-factorized": 8,
    "bmshj2018-hyperprior": 8,
    "mbt2018-mean": 8,
    "mbt2018": 8,
    "cheng2020-anchor": 6,
    "cheng2020-attn": 6,
}
BEST = max(CODECS.values())
#: The deepest of them halves the picture six times.
MULTIPLE = 64


@settings
class LearnedCodec:
    """A learned image codec: transform, rounding, and back, as its decoder would show it; no bits are written.

    Attributes:
        model: the codec, as CompressAI names it: bmshj2018-factorized, bmshj2018-hyperprior, mbt2018-mean, mbt2018,
            cheng2020-anchor or cheng2020-attn.
        quality: 1 (worst) to 8, for the cheng2020 codecs to 6.
    """

    model: str = "bmshj2018-factorized"
    quality: int = 3

    axis = f"{BEST + 1} - quality"
    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_choice("model", self.model, tuple(CODECS))
        check_range("quality", self.quality, 1, CODECS[self.model])

    @property
    def family(self) -> str:
        """One curve per codec."""
        return curve("codec", self, "quality")

    @property
    def severity(self) -> float:
        """Nine minus the quality."""
        return BEST + 1.0 - self.quality

    @property
    def channel(self) -> str:
        """The codec."""
        return f"real:{self.model} of CompressAI, quality {self.quality}, no entropy coding"

    def missing(self) -> str:
        """The command that gets what it needs, or ""; the weights are looked for when it runs."""
        return INSTALL if any(package_version(name) is None for name in PACKAGES) else ""

    def versions(self) -> dict[str, str]:
        """Of the packages that run it; CompressAI pins the weights by their digest."""
        return {name: package_version(name) or "missing" for name in PACKAGES}

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as it comes out of the codec, in its own size.

        Raises:
            CodedError: ``E_NOT_FINITE`` where the codec gives NaN or infinity.
            Unavailable: ``E_PACKAGE_MISSING``, ``E_WEIGHTS_MISSING``, ``E_WEIGHTS_DIGEST``.
        """
        import numpy as np

        codec = load(self.model, self.quality)
        import torch

        pixels = media.pixels()
        height, width = pixels.shape[:2]
        edges = [(0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0)]
        padded = np.pad(pixels, edges, mode="edge").transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        with torch.no_grad():
            made = codec(torch.from_numpy(padded))["x_hat"][0, :, :height, :width].numpy().transpose(1, 2, 0)
        if not np.isfinite(made).all():
            raise CodedError("E_NOT_FINITE", f"{self.model} gave NaN or infinity")
        return Media.from_pixels(np.clip(made * 255 + 0.5, 0, 255).astype(np.uint8))


@functools.lru_cache(maxsize=2)
def load(model: str, quality: int) -> Any:
    """The network, from the weights in torch's own cache only.

    Raises:
        Unavailable: ``E_PACKAGE_MISSING``, ``E_WEIGHTS_MISSING`` with the command that gets them, ``E_WEIGHTS_DIGEST``.
    """
    try:
        import torch
        from compressai.zoo import image
    except ImportError as error:
        raise Unavailable("E_PACKAGE_MISSING", f"CompressAI does not import ({error}); run: {INSTALL}") from None
    url = image.model_urls[model]["mse"][quality]
    name = url.rpartition("/")[2]
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not file.is_file():
        function = model.replace("-", "_")
        command = f"python -c 'from compressai.zoo import {function} as codec; codec({quality}, pretrained=True)'"
        raise Unavailable("E_WEIGHTS_MISSING", f"{name} is not in torch's cache; run: {command}")
    # Torch's convention: the name ends with the first digits of the file's SHA-256.
    pinned = re.search(r"-([0-9a-f]{8,})\.", name)
    if pinned is None or not weights.digest_of(file).startswith(pinned[1]):
        raise Unavailable("E_WEIGHTS_DIGEST", f"{file} is not the file that its name promises; remove it")
    codec = getattr(image, model.replace("-", "_"))(quality, pretrained=True, progress=False)
    return codec.eval()
