"""Neural inpainting: what is under a mask is invented from what is around it.

Two adapters of models that this package does not ship: LaMa as an ONNX file (pinned, ``washtest weights fetch lama``),
and a Stable Diffusion inpainting pipeline of the package diffusers, which is only ever loaded from the local cache.
Both work at 512 x 512; a larger region comes back softer than its surroundings.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.errors import CodedError, Unavailable
from bench.neural import onnx
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

#: Side of what both models take.
SIDE = 512
#: The checkpoint of the diffusion pipeline and its revision; its licence (CreativeML OpenRAIL-M) is the user's to read.
MODEL = "stable-diffusion-v1-5/stable-diffusion-inpainting"
REVISION = "8a4288a76071f7280aedbdb3253bdb9e9d5d84bb"
FETCH = f"hf download {MODEL} --revision {REVISION} --include '*.json' '*.txt' '*.fp16.safetensors'"
INSTALL = "pip install 'washtest[diffusion]'"
STEPS = 30

#: ``(picture, mask, seed) -> picture``, each ``SIDE`` pixels square.
Pipeline = Callable[["Image.Image", "Image.Image", int], "Image.Image"]


def lama(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """LaMa's picture: Suvorov et al., "Resolution-robust large mask inpainting with Fourier convolutions" (WACV 2022).

    Args:
        pixels: ``(height, width, 3)`` uint8, the region with its surroundings.
        mask: ``(height, width)`` uint8, 255 where to invent.

    Returns:
        Of the shape of ``pixels``; also what is not masked went through the model.

    Raises:
        CodedError: ``E_NOT_FINITE``.
        Unavailable: the weights are missing or altered.
    """
    import numpy as np

    small, hole = _square(pixels, mask)
    planes = small.transpose(2, 0, 1)[None].astype(np.float32) / 255
    made = onnx.run("lama", "lama_fp32.onnx", planes, (hole > 0).astype(np.float32)[None, None])[0]
    if not np.isfinite(made).all():
        raise CodedError("E_NOT_FINITE", "lama gave NaN or infinity")
    # This export gives 0..255.
    return _back(np.clip(made.transpose(1, 2, 0) + 0.5, 0, 255).astype(np.uint8), pixels)


def diffusion(pixels: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray:
    """What Stable Diffusion 1.5 inpainting puts there, without a prompt; arguments and result as of ``lama``.

    Raises:
        Unavailable: ``E_PACKAGE_MISSING``, ``E_WEIGHTS_MISSING``.
    """
    import numpy as np
    from PIL import Image

    small, hole = _square(pixels, mask)
    made = _pipeline()(Image.fromarray(small), Image.fromarray(hole), seed)
    return _back(np.asarray(made.convert("RGB")), pixels)


def missing_diffusion() -> str:
    """The command that gets the packages of ``diffusion``, or ""; whether the checkpoint is here shows when it runs."""
    return "" if all(map(package_version, ("diffusers", "torch", "transformers"))) else INSTALL


@functools.lru_cache(maxsize=1)
def _pipeline() -> Pipeline:
    if missing_diffusion():
        raise Unavailable("E_PACKAGE_MISSING", f"diffusers, torch or transformers is not installed; run: {INSTALL}")
    import torch
    from diffusers import AutoPipelineForInpainting

    try:
        pipeline: Any = AutoPipelineForInpainting.from_pretrained(
            MODEL,
            revision=REVISION,
            variant="fp16",
            use_safetensors=True,
            torch_dtype=torch.float32,
            local_files_only=True,
            safety_checker=None,  # it answers with a black picture
            requires_safety_checker=False,
        )
    except (OSError, ValueError) as error:
        raise Unavailable("E_WEIGHTS_MISSING", f"{type(error).__name__}: {MODEL} is not here; run: {FETCH}") from None
    pipeline.set_progress_bar_config(disable=True)

    def run(picture: Image.Image, mask: Image.Image, seed: int) -> Image.Image:
        made = pipeline(
            prompt="",
            image=picture,
            mask_image=mask,
            height=SIDE,
            width=SIDE,
            num_inference_steps=STEPS,
            generator=torch.Generator("cpu").manual_seed(seed),
        )
        shown: Image.Image = made.images[0]
        return shown

    return run


def _square(pixels: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import cv2

    smaller = max(pixels.shape[:2]) > SIDE
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return small, cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)


def _back(made: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    import cv2

    if made.shape[:2] == pixels.shape[:2]:
        return made
    smaller = max(pixels.shape[:2]) < SIDE
    back: np.ndarray = cv2.resize(
        made, pixels.shape[1::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )
    return back
