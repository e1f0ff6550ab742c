"""Edits confined to part of a picture: what is generated, and what is not, stands in one file.

Chinese and European rules speak of content that was generated *or edited* by AI, so an edit by a model makes a
photograph ``ai_edited``. Classical inpainting and copying within the picture are edits by hand: their result stays
``human``, and a detector that flags them sees the editing, not a model. They are the controls of the neural methods:
same masks, same borders.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attacks import fill, masks
from attacks.base import check_choice, check_range
from attacks.truth import only
from bench import __version__
from bench.errors import CodedError, NotApplicable, Unavailable
from bench.media import Media
from bench.settings import settings
from bench.tools import distribution_folder

if TYPE_CHECKING:
    import numpy as np

#: Beside those of ``attacks.fill``: part of another picture, and of the same one.
METHODS = (*fill.METHODS, "splice", "copy-move")
#: Of edits by hand.
BY_HAND = (*fill.CLASSICAL, "copy-move")
#: Shorter sides (pixels) leave no room for a region with a border.
LEAST_SIDE = 16
#: What ``Patch`` takes its photograph from where none is given: a portrait of NASA's in the public domain, part of
#: scikit-image.
PHOTOGRAPH = ("scikit-image", "skimage/data/astronaut.png")


@settings
class Edit:
    """An AI edit of part of a photograph: an object-shaped region gets new content, with a soft border inside it.

    Every pixel outside the region stays bit for bit; no metadata are left, as with all pixel attacks. The result is
    ``ai_edited``; with ``telea``, ``navier-stokes`` and ``copy-move``, which use no model, it stays ``human``. Only
    human files are edited.

    Attributes:
        area: share of the picture that the region covers, 0.01..0.7.
        method: washvae or taef2 (the region through an autoencoder: the same content, the model's signal), lama or
            diffusion (neural inpainting), splice (part of an AI picture), telea or navier-stokes (classical
            inpainting), copy-move (the same place of the mirrored picture).
        donor: for splice: the path of an AI picture, or of a folder of them, of which each photograph gets one.
    """

    area: float = 0.2
    method: str = "washvae"
    donor: str = ""

    axis = "share of the picture edited"
    reads = "pixels"

    def __post_init__(self) -> None:
        check_range("area", self.area, 0.01, 0.7)
        check_choice("method", self.method, METHODS)
        if (self.method == "splice") != bool(self.donor):
            raise ValueError(f"donor must be a path for method 'splice' and '' for others, got {self.donor!r}")

    @property
    def family(self) -> str:
        """One curve per method."""
        return f"edit {self.method}" + (f" of {Path(self.donor).name}" if self.donor else "")

    @property
    def severity(self) -> float:
        """The share."""
        return self.area

    @property
    def channel(self) -> str:
        """The model or library."""
        return fill.channel(self.method) if self.method in fill.METHODS else f"real:washtest {__version__}, blended"

    @property
    def slow(self) -> bool:
        """Whether a model is run."""
        return self.method in fill.NEURAL

    @property
    def gpu(self) -> bool:
        """Whether it uses a GPU where there is one."""
        return self.method == "diffusion"

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return fill.missing(self.method) if self.method in fill.METHODS else ""

    def versions(self) -> dict[str, str]:
        """Digests of the model's weights, and of the donor's files."""
        return fill.versions(self.method) | _digest(self.donor)

    def truth_after(self, truth: str) -> str:
        """``ai_edited``, or ``human`` where no model had a hand in it; other files are none to edit."""
        return only(truth, "human", "human" if self.method in BY_HAND else "ai_edited")

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The edited picture.

        Raises:
            CodedError: as ``with_mask``.
        """
        return self.with_mask(media, rng)[0]

    def with_mask(self, media: Media, rng: np.random.Generator) -> tuple[Media, np.ndarray]:
        """The edited picture, and where it was edited, ``(height, width)`` uint8 of 0 and 255.

        Raises:
            NotApplicable: ``E_TOO_SMALL``.
            Unavailable: what the method needs is missing.
            CodedError: ``E_NOT_FINITE`` from a model, or as ``Media.pixels`` of a donor.
        """
        pixels, mask = media.pixels(), _region(media, self.area, rng)
        box = masks.box_around(mask, 32 if self.method not in fill.METHODS else fill.margin(self.method, mask))
        if self.method == "splice":
            made = _cut(_donor(Path(self.donor), rng), pixels[box].shape, rng)
        elif self.method == "copy-move":
            made = pixels[:, ::-1][box]
        else:
            made = fill.fill(self.method, pixels[box], mask[box], rng)
        return _set(pixels, box, made, mask), mask


@settings
class Patch:
    """The reverse of ``Edit``: part of a photograph set into an AI picture, which is ``ai_edited`` then.

    Its edited area is the share that is still generated. Only AI files are patched.

    Attributes:
        area: share of the picture that the photograph covers, 0.01..0.7.
        donor: path of the photograph, or of a folder of them; "" takes one of scikit-image's.
    """

    area: float = 0.2
    donor: str = ""

    axis = "share of the picture covered by a photograph"
    channel = f"real:washtest {__version__}, blended"

    def __post_init__(self) -> None:
        check_range("area", self.area, 0.01, 0.7)

    @property
    def family(self) -> str:
        """One curve per donor."""
        return "patch" + (f" of {Path(self.donor).name}" if self.donor else "")

    @property
    def severity(self) -> float:
        """The share."""
        return self.area

    def versions(self) -> dict[str, str]:
        """Which donor files there are."""
        return _digest(self.donor)

    def truth_after(self, truth: str) -> str:
        """``ai_edited`` of AI files; others are none to patch."""
        return only(truth, "ai", "ai_edited")

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The patched picture.

        Raises:
            CodedError: as ``with_mask``.
        """
        return self.with_mask(media, rng)[0]

    def with_mask(self, media: Media, rng: np.random.Generator) -> tuple[Media, np.ndarray]:
        """The patched picture, and where it is generated still.

        Raises:
            NotApplicable: ``E_TOO_SMALL``.
            Unavailable: ``E_NO_DONOR``.
            CodedError: as ``Media.pixels`` of a donor.
        """
        pixels, mask = media.pixels(), _region(media, self.area, rng)
        box = masks.box_around(mask, 32)
        package, file = PHOTOGRAPH
        donor = Path(self.donor) if self.donor else (distribution_folder(package) or Path()) / file
        return _set(pixels, box, _cut(_donor(donor, rng), pixels[box].shape, rng), mask), 255 - mask


def _region(media: Media, area: float, rng: np.random.Generator) -> np.ndarray:
    width, height = media.size
    if min(width, height) < LEAST_SIDE:
        raise NotApplicable("E_TOO_SMALL", f"{width}x{height} pixels; a region needs {LEAST_SIDE} a side")
    return masks.edit_mask(height, width, area, rng)


def _set(pixels: np.ndarray, box: masks.Box, made: np.ndarray, mask: np.ndarray) -> Media:
    result = pixels.copy()
    result[box] = masks.blend(pixels[box], made, mask[box])
    return Media.from_pixels(result)


def _files(donor: Path) -> list[Path]:
    """The donor, or the files of the folder that it is, by name."""
    return sorted(path for path in donor.iterdir() if path.is_file()) if donor.is_dir() else [donor]


def _donor(donor: Path, rng: np.random.Generator) -> np.ndarray:
    files = _files(donor)
    try:
        return Media.read(files[int(rng.integers(len(files)))]).pixels()
    except (CodedError, ValueError) as error:
        why = error.detail if isinstance(error, CodedError) else "an empty folder"
        raise Unavailable("E_NO_DONOR", f"{donor}: {why}; give the path of a picture or of a folder of them") from None


def _digest(donor: str) -> dict[str, str]:
    """What the donor holds, for the keys of a run; nothing where there is none."""
    if not donor or not Path(donor).exists():
        return {}
    import hashlib

    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(Path(donor))]
    return {f"donor {Path(donor).name}": hashlib.sha256("".join(digests).encode()).hexdigest()[:16]}


def _cut(donor: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Part of a picture, as large as asked; it is only scaled where it is too small."""
    import cv2

    height, width = shape[:2]
    scale = max(height / donor.shape[0], width / donor.shape[1])
    if scale > 1:
        size = (max(width, round(donor.shape[1] * scale)), max(height, round(donor.shape[0] * scale)))
        donor = cv2.resize(donor, size, interpolation=cv2.INTER_CUBIC)
    top = int(rng.integers(donor.shape[0] - height + 1))
    left = int(rng.integers(donor.shape[1] - width + 1))
    return donor[top : top + height, left : left + width]
