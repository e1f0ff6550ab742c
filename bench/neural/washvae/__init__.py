"""washvae: the project's own small VAE, trained here on freely licensed photographs and shipped in the package.

Two ONNX graphs with weights stored in half and computed in single precision. ``encoder()`` takes RGB in [0, 1],
``(N, 3, H, W)`` float32 with sides that are multiples of ``DOWNSCALE``, and gives the posterior's mean, ``(N,
LATENT_CHANNELS, H/8, W/8)``, scaled to mean 0 and variance 1 in each channel over the training photographs;
``decoder()`` takes that and gives RGB in [0, 1]. ``card.md`` says what they were trained on and what they reach.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from bench.errors import Unavailable

DOWNSCALE = 8
LATENT_CHANNELS = 16
#: How many cells beyond its own a cell of the latent, or the pixels of a cell, depend on: whoever runs a picture in
#: tiles must give each tile so much of its surroundings to get what the whole picture would have given.
ENCODER_REACH, DECODER_REACH = 8, 13

FOLDER = Path(__file__).parent
#: What the export measured, and the SHA-256 that each graph must have.
MEASURED = FOLDER / "measured.json"
GRAPHS = ("encoder.onnx", "decoder.onnx")


def encoder() -> bytes:
    """The serialised graph from pixels to latent; raises as ``decoder``."""
    return _graph("encoder.onnx")


def decoder() -> bytes:
    """The serialised graph from latent to pixels.

    Raises:
        Unavailable: ``E_WEIGHTS_MISSING`` where the installation lacks the file, ``E_WEIGHTS_DIGEST`` where it is not
            the one that was shipped.
    """
    return _graph("decoder.onnx")


def digests() -> tuple[str, ...]:
    """SHA-256 that the graphs must have, in the order of ``GRAPHS``.

    Raises:
        Unavailable: ``E_WEIGHTS_MISSING`` where the installation lacks the list.
    """
    pinned = _measured("sha256")
    return tuple(str(pinned[name]) for name in GRAPHS)


def version() -> str:
    """What names these weights in tables: 16 hexadecimal digits of the SHA-256 of both graphs, one after the other.

    Written down at the export, so that naming them reads none of them; "missing" where the installation lacks it.
    """
    try:
        return str(_measured("version"))
    except Unavailable:
        return "missing"


def _measured(name: str) -> Any:
    try:
        return json.loads(MEASURED.read_text("utf-8"))[name]
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(
            "E_WEIGHTS_MISSING", f"washvae's digests cannot be read ({error}); install washtest again"
        ) from None


@functools.lru_cache(maxsize=len(GRAPHS))
def _graph(name: str) -> bytes:
    import hashlib

    pinned = digests()[GRAPHS.index(name)]
    try:
        graph = (FOLDER / name).read_bytes()
    except OSError as error:
        raise Unavailable(
            "E_WEIGHTS_MISSING", f"washvae's {name} cannot be read ({error}); install washtest again"
        ) from None
    digest = hashlib.sha256(graph).hexdigest()
    if digest != pinned:
        raise Unavailable(
            "E_WEIGHTS_DIGEST",
            f"{FOLDER / name} has SHA-256 {digest[:16]}..., not {pinned[:16]}...; install washtest again",
        )
    return graph
