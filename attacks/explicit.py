"""Removing an explicit label: the visible mark in a corner, as somebody does who sees where it stands.

Whether it is gone is not for the attack to say: the reader of the label ``visible`` looks whether it is still legible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks import fill, masks
from attacks.base import check_choice, check_range, curve
from bench import __version__
from bench.errors import NotApplicable
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np

CORNERS = ("bottom-right", "bottom-left", "top-right", "top-left")
HOW = ("crop", "blur", *fill.METHODS)
#: Marks are not drawn smaller for pictures whose shortest side is under this, pixels (``bench.labels.visible_draw``).
LEAST_SIDE = 200


@settings
class RemoveVisible:
    """Take the mark out of a corner: crop it away, blur it, or fill its box with new content.

    Cropping takes the strip at the upper or lower edge, or the one at the side where that costs less. All else happens
    inside the box, and no pixel outside it changes. The default box holds the label ``visible`` as it is written;
    longer wordings need a wider one. The corner of every file is treated alike, marked or not, and what that makes of
    a photograph is too little to call it AI-edited: its truth stays.

    Attributes:
        how: crop, blur, telea or navier-stokes (classical inpainting), lama or diffusion (neural inpainting), washvae
            or taef2 (the box through an autoencoder).
        corner: bottom-right, bottom-left, top-right or top-left. The wrong one is the control: the same damage beside
            the mark.
        width: of the box, as a share of the picture's shortest side (which counts as 200 pixels at least), 0.01..1.
        height: of the box, likewise.
        sigma: of the blur, likewise, 0..0.5; the characters are 0.05 high.
    """

    how: str = "crop"
    corner: str = "bottom-right"
    width: float = 0.28
    height: float = 0.125
    sigma: float = 0.03

    severity = 0.0
    axis = "none (ways of removal have no common scale)"
    reads = "pixels"

    def __post_init__(self) -> None:
        check_choice("how", self.how, HOW)
        check_choice("corner", self.corner, CORNERS)
        check_range("width", self.width, 0.01, 1)
        check_range("height", self.height, 0.01, 1)
        check_range("sigma", self.sigma, 0, 0.5)

    @property
    def family(self) -> str:
        """One for each way."""
        return curve("remove visible", self)

    @property
    def channel(self) -> str:
        """The model or library."""
        if self.how == "crop":
            return f"real:washtest {__version__}, rows or columns cut off"
        return f"real:OpenCV {opencv_version()} GaussianBlur" if self.how == "blur" else fill.channel(self.how)

    @property
    def slow(self) -> bool:
        """Whether a model is run."""
        return self.how in fill.NEURAL

    @property
    def gpu(self) -> bool:
        """Whether it uses a GPU where there is one."""
        return self.how == "diffusion"

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return fill.missing(self.how) if self.how in fill.METHODS else ""

    def versions(self) -> dict[str, str]:
        """Digests of the model's weights."""
        return fill.versions(self.how)

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture without its mark.

        Raises:
            NotApplicable: ``E_TOO_SMALL``: the box would be the whole picture.
            Unavailable: what the way of removal needs is missing.
            CodedError: ``E_NOT_FINITE`` from a model.
        """
        import cv2

        pixels = media.pixels()
        height, width = pixels.shape[:2]
        side = max(min(height, width), LEAST_SIDE)
        high, wide = max(1, round(self.height * side)), max(1, round(self.width * side))
        if high >= height or wide >= width:
            raise NotApplicable("E_TOO_SMALL", f"{width}x{height} pixels; the mark's box takes {wide}x{high}")
        rows = slice(height - high, height) if self.corner.startswith("bottom") else slice(0, high)
        columns = slice(width - wide, width) if self.corner.endswith("right") else slice(0, wide)
        if self.how == "crop":
            if high * width <= wide * height:
                kept = pixels[: rows.start] if rows.start else pixels[rows.stop :]
            else:
                kept = pixels[:, : columns.start] if columns.start else pixels[:, columns.stop :]
            return Media.from_pixels(kept)
        result = pixels.copy()
        if self.how == "blur":
            # Of the picture, not of the box, whose edge would then show as a line.
            if self.sigma:
                result[rows, columns] = cv2.GaussianBlur(pixels, (0, 0), self.sigma * side)[rows, columns]
            return Media.from_pixels(result)
        mask = pixels[..., 0] * 0
        mask[rows, columns] = 255
        around = masks.box_around(mask, fill.margin(self.how, mask))
        made = fill.fill(self.how, pixels[around], mask[around], rng)
        result[around] = masks.blend(pixels[around], made, mask[around], border=1.0)
        return Media.from_pixels(result)
