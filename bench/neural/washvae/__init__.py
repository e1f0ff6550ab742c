"""washvae: the project's own small VAE, trained here on freely licensed photographs and shipped in the package."""

from __future__ import annotations

DOWNSCALE = 8
LATENT_CHANNELS = 16
