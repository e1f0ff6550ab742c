"""The network of washvae, as torch modules: needed to train and to export, never to run the shipped model.

Both halves are a linear map of 8x8 patches plus a residual network. The linear map starts as the principal components
of the training patches, which is already a transform coder, so that a short training on a CPU only has to learn what a
linear map cannot do. Nothing works at full resolution: pixels are folded into channels first (Shi et al. 2016,
arXiv:1609.05158), which makes a round trip about 50,000 multiplications per pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.neural.washvae import DOWNSCALE, LATENT_CHANNELS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

# Channels at a quarter and at an eighth of the size, and residual blocks there: 1.9 million parameters.
QUARTER, EIGHTH = 64, 112
ENCODER_BLOCKS = (2, 2)
DECODER_BLOCKS = (4, 3)
# Of the posterior at the start: its standard deviation is then 5 % of the latent's.
LOG_VARIANCE = -6.0


def build() -> Any:
    """Encoder and decoder, untrained, as a ``torch.nn.ModuleDict`` with these two names.

    The encoder takes RGB in [0, 1] ``(N, 3, H, W)``, sides multiples of 8, and gives mean and log-variance of the
    posterior one after the other, ``(N, 32, H/8, W/8)``; the decoder takes a latent ``(N, 16, H/8, W/8)`` and gives
    RGB, not clipped. The last convolution of each residual path is zero, so the linear maps are what runs at first.
    """
    from torch import nn

    folded = 3 * DOWNSCALE**2
    encoder = [
        *(nn.PixelUnshuffle(4), nn.Conv2d(48, QUARTER, 3, padding=1)),
        *(_residual(QUARTER) for _ in range(ENCODER_BLOCKS[0])),
        *(nn.PixelUnshuffle(2), nn.Conv2d(4 * QUARTER, EIGHTH, 1)),
        *(_residual(EIGHTH) for _ in range(ENCODER_BLOCKS[1])),
        _zeroed(nn.Conv2d(EIGHTH, 2 * LATENT_CHANNELS, 3, padding=1)),
    ]
    decoder = [
        nn.Conv2d(LATENT_CHANNELS, EIGHTH, 3, padding=1),
        *(_residual(EIGHTH) for _ in range(DECODER_BLOCKS[0])),
        *(nn.Conv2d(EIGHTH, 4 * QUARTER, 1), nn.PixelShuffle(2)),
        *(_residual(QUARTER) for _ in range(DECODER_BLOCKS[1])),
        *(_zeroed(nn.Conv2d(QUARTER, 48, 3, padding=1)), nn.PixelShuffle(4)),
    ]
    to_latent = nn.Sequential(nn.PixelUnshuffle(DOWNSCALE), nn.Conv2d(folded, 2 * LATENT_CHANNELS, 1))
    to_pixels = nn.Sequential(nn.Conv2d(LATENT_CHANNELS, folded, 1), nn.PixelShuffle(DOWNSCALE))
    return nn.ModuleDict({"encoder": _sum(to_latent, encoder), "decoder": _sum(to_pixels, decoder)})


def start_from_components(network: Any, patches: np.ndarray) -> None:
    """Set the linear maps to the principal components of these patches, each scaled to variance 1 in the latent.

    Args:
        network: from ``build``.
        patches: float, ``(patches, 192)``, in the order of ``torch.nn.PixelUnshuffle``: channel, row, column.
    """
    import numpy as np
    import torch

    mean = patches.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(patches - mean, rowvar=False))
    largest = np.argsort(-variances)[:LATENT_CHANNELS]
    deviations, vectors = np.sqrt(variances[largest]), vectors[:, largest]
    encode, decode = network["encoder"].linear[1], network["decoder"].linear[0]
    with torch.no_grad():
        encode.weight.zero_()
        encode.weight[:LATENT_CHANNELS, :, 0, 0] = torch.from_numpy((vectors / deviations).T)
        encode.bias[:LATENT_CHANNELS] = torch.from_numpy(-(mean @ vectors) / deviations)
        encode.bias[LATENT_CHANNELS:] = LOG_VARIANCE
        decode.weight[:, :, 0, 0] = torch.from_numpy(vectors * deviations)
        decode.bias[:] = torch.from_numpy(mean)


def read(checkpoint: Path) -> dict[str, Any]:
    """What a training saved: the states of the network (``trained``, ``averaged``) and of the training.

    Raises:
        ClickException: the file is no such checkpoint.
    """
    import pickle

    import click
    import torch

    try:
        saved: dict[str, Any] = torch.load(checkpoint, weights_only=True)
        build().load_state_dict(saved["averaged"])
    except (RuntimeError, pickle.UnpicklingError, EOFError, LookupError, TypeError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise click.ClickException(f"{checkpoint} is no checkpoint of washvae: {said[:200]}") from None
    return saved


def _residual(channels: int) -> Any:
    from torch import nn

    class Residual(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.ReLU(),
                _zeroed(nn.Conv2d(channels, channels, 3, padding=1)),
            )

        def forward(self, x: Any) -> Any:
            return x + self.body(x)

    return Residual()


def _sum(linear: Any, residual: list[Any]) -> Any:
    from torch import nn

    class Sum(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear = linear
            self.residual = nn.Sequential(*residual)

        def forward(self, x: Any) -> Any:
            return self.linear(x) + self.residual(x)

    return Sum()


def _zeroed(layer: Any) -> Any:
    """A layer that gives nothing at first: training starts from what stands beside it."""
    from torch import nn

    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
