"""Regeneration by diffusion: noise in the latent, taken away by a published text-to-image model (package diffusers).

Regen-Diff of WAVES (An et al., ICML 2024, https://arxiv.org/abs/2401.08573) after Zhao et al. (NeurIPS 2024,
https://arxiv.org/abs/2306.01953). Nothing is downloaded here: models come from the cache that ``hf download`` fills, at
the pinned revision, or are said to be missing. ``inpainted`` repaints a part of a picture with the same machinery.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.base import check_choice, check_range, curve
from attacks.controls import enlarged
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np

INSTALL = "pip install 'washtest[diffusion]'"


@dataclass(frozen=True)
class Model:
    """A published model.

    Attributes:
        repository: its name on the Hugging Face hub.
        revision: the commit that is used.
        multiple: sides that it takes are multiples of this.
        sized: whether its pipeline is told the size, and makes its own default one else.
    """

    repository: str
    revision: str
    multiple: int = 8
    sized: bool = False

    def command(self) -> str:
        """What downloads it."""
        return f"hf download {self.repository} --revision {self.revision}"


#: Licences: CreativeML OpenRAIL-M, CreativeML OpenRAIL++-M, Apache-2.0 (behind a form). They are the user's to accept.
MODELS = {
    "sd15": Model("stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"),
    "sdxl": Model("stabilityai/stable-diffusion-xl-base-1.0", "462165984030d82259a11f4367a4eed129e94a7b"),
    "flux": Model("black-forest-labs/FLUX.1-schnell", "741f7c3ce8b383c54771c7003378a50191e9efe9", 16, True),
}
INPAINTERS = {
    "sd15": Model(
        "stable-diffusion-v1-5/stable-diffusion-inpainting", "8a4288a76071f7280aedbdb3253bdb9e9d5d84bb", 8, True
    ),
    "sdxl": Model(
        "diffusers/stable-diffusion-xl-1.0-inpainting-0.1", "115134f363124c53c7d878647567d04daf26e41e", 8, True
    ),
}
#: Names of the classes of diffusers that find the pipeline which fits a model.
IMAGE_TO_IMAGE, INPAINTING = "AutoPipelineForImage2Image", "AutoPipelineForInpainting"


@settings
class DiffusionRegenerate:
    """Noise to a part of a diffusion model's schedule, then its way back to a picture; no prompt, no guidance.

    Attributes:
        model: sd15, sdxl or flux (schnell), at a pinned revision from the local cache.
        strength: how far along the schedule the noise goes, 0.01..1; 1 keeps nothing of the picture.
        steps: of the whole schedule, 1..1000; about strength x steps of them are run.
    """

    model: str = "sd15"
    strength: float = 0.1
    steps: int = 50

    axis = "strength, share of the noise schedule"
    slow = True
    reads = "pixels"
    gpu = True  # it uses one where there is one

    def __post_init__(self) -> None:
        check_choice("model", self.model, tuple(MODELS))
        check_range("strength", self.strength, 0.01, 1)
        check_range("steps", self.steps, 1, 1000)
        if self.strength * self.steps < 1:
            raise ValueError(f"strength x steps must be at least 1, got {self.strength:g} x {self.steps}")

    @property
    def family(self) -> str:
        """One curve per model and number of steps."""
        return curve("diffusion", self, "strength")

    @property
    def severity(self) -> float:
        """The strength."""
        return self.strength

    @property
    def channel(self) -> str:
        """The model's revision."""
        known = MODELS[self.model]
        return f"real:{known.repository} {known.revision[:12]} by diffusers, image to image"

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return missing(MODELS[self.model])

    def versions(self) -> dict[str, str]:
        """Of the packages that run the model, and the model's revision."""
        return versions(MODELS[self.model])

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The regenerated picture, in its own size.

        Raises:
            CodedError: ``E_MODEL_OUTPUT`` where the pipeline gives no picture of the size asked for.
            Unavailable: ``E_PACKAGE_MISSING``, ``E_WEIGHTS_MISSING``.
        """
        known = MODELS[self.model]
        pipeline = load(IMAGE_TO_IMAGE, known)
        image = fitted(media.pixels(), known.multiple)
        made = _run(pipeline, known, image, rng, strength=self.strength, num_inference_steps=self.steps)
        height, width = media.pixels().shape[:2]
        return Media.from_pixels(enlarged(made, width, height))


def inpainted(
    pixels: np.ndarray, mask: np.ndarray, model: str, rng: np.random.Generator, *, prompt: str = "",
    strength: float = 1.0, steps: int = 50,
) -> np.ndarray:  # fmt: skip
    """The picture with a region painted anew; what lies outside it has been through the model's autoencoder, too.

    Args:
        pixels: ``(height, width, 3)`` uint8.
        mask: ``(height, width)``, true where to paint.
        model: of ``INPAINTERS``.
        rng: of the noise.
        prompt: what to paint.
        strength: as for ``DiffusionRegenerate``.
        steps: likewise.

    Returns:
        ``(height, width, 3)`` uint8.

    Raises:
        CodedError: ``E_MODEL_OUTPUT``.
        Unavailable: ``E_PACKAGE_MISSING``, ``E_WEIGHTS_MISSING``.
    """
    import cv2
    import numpy as np

    known = INPAINTERS[model]
    pipeline = load(INPAINTING, known)
    image = fitted(pixels, known.multiple)
    height, width = image.shape[:2]
    region = cv2.resize(np.where(mask, 255, 0).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    made = _run(pipeline, known, image, rng, mask=region, prompt=prompt, strength=strength, num_inference_steps=steps)
    return enlarged(made, pixels.shape[1], pixels.shape[0])


def fitted(pixels: np.ndarray, multiple: int) -> np.ndarray:
    """Scaled up to the next sides that are multiples of this, and at least eight of them: models take no others."""
    height, width = (max(8, -(-size // multiple)) * multiple for size in pixels.shape[:2])
    return enlarged(pixels, width, height)


def missing(model: Model) -> str:
    """The command that gets what a model needs, or ""."""
    if any(package_version(name) is None for name in ("diffusers", "torch", "transformers")):
        return INSTALL
    return "" if _cached(model) else model.command()


def versions(model: Model) -> dict[str, str]:
    """Of the packages, and the revision."""
    packages = {name: package_version(name) or "missing" for name in ("diffusers", "torch", "transformers")}
    return packages | {model.repository: model.revision[:12]}


def _cached(model: Model) -> bool:
    """Whether the hub's cache holds this revision; looked up by hand, since importing the hub's package is slow."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    folder = cache / f"models--{model.repository.replace('/', '--')}" / "snapshots" / model.revision
    return (folder / "model_index.json").is_file()


@functools.lru_cache(maxsize=1)
def load(kind: str, model: Model) -> Any:
    """The pipeline, from the local cache only; one at a time, since each takes gigabytes.

    Args:
        kind: ``IMAGE_TO_IMAGE`` or ``INPAINTING``.
        model: which.

    Raises:
        Unavailable: ``E_PACKAGE_MISSING``, ``E_WEIGHTS_MISSING`` with the command that gets it.
    """
    absent = f"{model.repository} at {model.revision[:12]} is not in the local cache; run: {model.command()}"
    if command := missing(model):
        if command == INSTALL:
            raise Unavailable("E_PACKAGE_MISSING", f"diffusers, torch or transformers is missing; run: {INSTALL}")
        raise Unavailable("E_WEIGHTS_MISSING", absent)
    import diffusers
    import torch

    card = torch.cuda.is_available()
    try:
        pipeline = getattr(diffusers, kind).from_pretrained(
            model.repository, revision=model.revision, local_files_only=True, use_safetensors=True,
            torch_dtype=torch.float16 if card else torch.float32,
        )  # fmt: skip
    except (OSError, ValueError) as error:  # only a part of it is there: either, by the part
        raise Unavailable("E_WEIGHTS_MISSING", absent) from error
    if hasattr(pipeline, "safety_checker"):
        pipeline.safety_checker = None  # it would paint what it takes offence at black, which is no regeneration
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to("cuda" if card else "cpu")


def _run(
    pipeline: Any, known: Model, image: np.ndarray, rng: np.random.Generator, *, mask: np.ndarray | None = None,
    prompt: str = "", **options: Any,
) -> np.ndarray:  # fmt: skip
    """What the pipeline makes of a picture, ``(height, width, 3)`` uint8 of the same size."""
    import numpy as np
    import torch
    from PIL import Image

    if mask is not None:
        options["mask_image"] = Image.fromarray(mask)
    if known.sized:
        options["height"], options["width"] = image.shape[:2]
    seeded = torch.Generator("cpu").manual_seed(int(rng.integers(2**63)))
    answer = pipeline(
        prompt=prompt, image=Image.fromarray(image), guidance_scale=0.0, generator=seeded, output_type="np",
        **options,
    )  # fmt: skip
    made = np.asarray(answer.images[0])
    if made.shape != image.shape or not np.isfinite(made).all():
        raise CodedError("E_MODEL_OUTPUT", f"the pipeline gave {made.shape}, not finite numbers of {image.shape}")
    rounded: np.ndarray = np.clip(made * 255 + 0.5, 0, 255).astype(np.uint8)
    return rounded
