"""AVIF, HEIC and JPEG XL: the picture encoded anew, nothing else kept. Two of them need optional packages."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from attacks.base import check_choice, check_range, curve
from attacks.recompress import SUBSAMPLINGS
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np

_JXL_INSTALL = "pip install 'washtest[jxl]'"
#: Not among the project's extras: its wheels bundle x265, which is GPL-2.0-or-later.
_HEIC_INSTALL = "pip install pillow-heif"
#: libavif writes longer sides, and reads none by default (AVIF_DEFAULT_IMAGE_DIMENSION_LIMIT).
_AVIF_SIDE = 32768


@settings
class Avif:
    """AVIF by libavif and the AV1 encoder in Pillow's wheels, on one thread.

    Attributes:
        quality: libavif's scale, 0..100.
        subsampling: of chroma: 4:4:4, 4:2:2 or 4:2:0.
        speed: of the encoder, 0 (slowest, smallest) to 10.
    """

    quality: int = 75
    subsampling: str = "4:2:0"
    speed: int = 6

    axis = "100 − AVIF quality"
    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 0, 100)
        check_choice("subsampling", self.subsampling, SUBSAMPLINGS)
        check_range("speed", self.speed, 0, 10)

    @property
    def family(self) -> str:
        """One curve per subsampling and speed."""
        return curve("avif", self, "quality")

    @property
    def severity(self) -> float:
        """100 - quality."""
        return 100.0 - self.quality

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:libavif in Pillow {package_version('pillow')}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new AVIF file.

        Raises:
            CodedError: ``E_ENCODE`` for more than 32,768 pixels a side, which libavif refuses to read; ``Unavailable``
                (``E_NO_ENCODER``) where this Pillow does not write AVIF.
        """
        from PIL import Image

        Image.init()
        if "AVIF" not in Image.SAVE:
            raise Unavailable("E_NO_ENCODER", "this Pillow does not write AVIF: pip install --upgrade pillow")
        pixels = media.pixels()
        if max(pixels.shape) > _AVIF_SIDE:
            raise CodedError("E_ENCODE", f"image/avif: {pixels.shape[1]}x{pixels.shape[0]}; the limit is {_AVIF_SIDE}")
        out = io.BytesIO()
        try:
            Image.fromarray(pixels).save(
                out, "AVIF", quality=self.quality, subsampling=self.subsampling, speed=self.speed, max_threads=1
            )
        except (OSError, ValueError) as error:
            raise CodedError("E_ENCODE", f"image/avif: {error}") from None
        return Media(out.getvalue(), "image/avif")


@settings
class Heic:
    """HEIC by libheif and x265 in the package pillow-heif, at its default preset and chroma 4:2:0.

    Attributes:
        quality: libheif's scale, 0..100.
    """

    quality: int = 75

    family = "heic"
    axis = "100 − HEIC quality"
    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 0, 100)

    @property
    def severity(self) -> float:
        """100 - quality."""
        return 100.0 - self.quality

    @property
    def channel(self) -> str:
        """The package, as far as it is installed."""
        return f"real:libheif in pillow-heif {package_version('pillow-heif') or '(not installed)'}"

    def missing(self) -> str:
        """How to get the package where it is not installed."""
        return "" if package_version("pillow-heif") else _HEIC_INSTALL

    def versions(self) -> dict[str, str]:
        """Of the package."""
        return {"pillow-heif": package_version("pillow-heif") or "missing"}

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new HEIC file.

        Raises:
            CodedError: ``E_ENCODE`` for a picture that x265 refuses, such as a strip of 1 x 5000 pixels;
                ``Unavailable`` (``E_NO_ENCODER``) without pillow-heif.
        """
        try:
            import pillow_heif
        except ImportError:
            raise Unavailable("E_NO_ENCODER", f"writing HEIC needs the package pillow-heif: {_HEIC_INSTALL}") from None
        pixels = media.pixels()
        out = io.BytesIO()
        try:
            picture = pillow_heif.from_bytes("RGB", pixels.shape[1::-1], pixels.tobytes())
            picture.save(out, quality=self.quality)
        except (OSError, RuntimeError, ValueError) as error:
            raise CodedError("E_ENCODE", f"image/heic: {error}") from None
        return Media(out.getvalue(), "image/heic")


@settings
class JpegXl:
    """JPEG XL by libjxl in the package imagecodecs, a naked codestream, on one thread.

    Attributes:
        distance: Butteraugli distance aimed at, 0..25: 0 is lossless, 1 what libjxl calls visually lossless.
        effort: of the encoder, 1 (fastest) to 9; libjxl's own default is 7.
    """

    distance: float = 1.0
    effort: int = 7

    axis = "Butteraugli distance"
    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_range("distance", self.distance, 0, 25)
        check_range("effort", self.effort, 1, 9)

    @property
    def family(self) -> str:
        """One curve per effort."""
        return curve("jpeg-xl", self, "distance")

    @property
    def severity(self) -> float:
        """The distance."""
        return self.distance

    @property
    def channel(self) -> str:
        """The package, as far as it is installed."""
        return f"real:libjxl in imagecodecs {package_version('imagecodecs') or '(not installed)'}"

    def missing(self) -> str:
        """How to get the package where it is not installed."""
        return "" if package_version("imagecodecs") else _JXL_INSTALL

    def versions(self) -> dict[str, str]:
        """Of the package."""
        return {"imagecodecs": package_version("imagecodecs") or "missing"}

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new JPEG XL file.

        Raises:
            CodedError: ``E_ENCODE``; ``Unavailable`` (``E_NO_ENCODER``) without imagecodecs.
        """
        try:
            import imagecodecs
        except ImportError:
            raise Unavailable("E_NO_ENCODER", f"JPEG XL needs the package imagecodecs: {_JXL_INSTALL}") from None
        how = {"lossless": True} if self.distance == 0 else {"distance": self.distance}
        try:
            data = imagecodecs.jpegxl_encode(
                media.pixels(), effort=self.effort, numthreads=1, usecontainer=False, **how
            )
        except ImportError:  # imagecodecs was built without libjxl
            raise Unavailable("E_NO_ENCODER", f"this imagecodecs lacks libjxl: {_JXL_INSTALL}") from None
        except (RuntimeError, ValueError) as error:
            raise CodedError("E_ENCODE", f"image/jxl: {error}") from None
        return Media(bytes(data), "image/jxl")
