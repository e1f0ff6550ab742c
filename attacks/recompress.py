"""Recompression: the picture is decoded and encoded anew, and nothing but its pixels goes into the new file.

All metadata are lost here, as in a converter that copies none. ``attacks.reexport`` saves through applications as
they come, some of which keep some metadata. What goes in is ``Media.pixels``: upright, sRGB, 8 bits, opaque, one frame,
whatever the source was; a picture that the format cannot hold is ``E_ENCODE``.

Here are OpenCV's JPEG, WebP and PNG; ``attacks.recompress_jpeg`` has further JPEG encoders, ``recompress_modern`` AVIF,
HEIC and JPEG XL, ``recompress_palette`` the formats with a palette.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.base import check_range
from bench.errors import CodedError
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version

if TYPE_CHECKING:
    import numpy as np

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


def encode(pixels: np.ndarray, extension: str, mime: str, parameters: list[int]) -> Media:
    """Pixels through OpenCV's encoder for this extension.

    Raises:
        CodedError: ``E_ENCODE`` where the format cannot hold the picture (a JPEG or WebP that is too large).
    """
    import cv2

    return Media(encode_bgr(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), extension, mime, parameters).tobytes(), mime)


def encode_bgr(bgr: np.ndarray, extension: str, mime: str, parameters: list[int]) -> np.ndarray:
    """The file's bytes as an array, from channels in OpenCV's order. Raises as ``encode``."""
    import cv2

    try:
        done, data = cv2.imencode(extension, bgr, parameters)
    except cv2.error as error:
        raise CodedError("E_ENCODE", f"{mime}: {error}") from None
    if not done:
        height, width = bgr.shape[:2]
        raise CodedError("E_ENCODE", f"{mime} cannot hold {width}x{height} pixels")
    coded: np.ndarray = data
    return coded


@settings
class Jpeg:
    """JPEG by libjpeg-turbo.

    Attributes:
        quality: IJG scale, 1..100.
        subsampling: of chroma: 4:4:4, 4:2:2 or 4:2:0.
        progressive: progressive instead of baseline scans.
    """

    quality: int = 90
    subsampling: str = "4:2:0"
    progressive: bool = False

    axis = "100 − JPEG quality"

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)
        if self.subsampling not in SUBSAMPLINGS:
            raise ValueError(f"subsampling must be one of {', '.join(SUBSAMPLINGS)}, got {self.subsampling!r}")

    @property
    def family(self) -> str:
        """One curve per subsampling and scan order."""
        subsampling = "" if self.subsampling == "4:2:0" else f" {self.subsampling}"
        return f"jpeg{subsampling}{' progressive' if self.progressive else ''}"

    @property
    def severity(self) -> float:
        """100 - quality."""
        return 100.0 - self.quality

    @property
    def channel(self) -> str:
        """The encoder."""
        return f"real:libjpeg-turbo in OpenCV {opencv_version()}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new JPEG file."""
        return encode(media.pixels(), ".jpg", "image/jpeg", self.parameters())

    def parameters(self) -> list[int]:
        """The settings as OpenCV takes them."""
        import cv2

        factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{self.subsampling.replace(':', '')}")
        parameters = [cv2.IMWRITE_JPEG_QUALITY, self.quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
        return [*parameters, cv2.IMWRITE_JPEG_PROGRESSIVE, int(self.progressive)]


@settings
class WebP:
    """Lossy WebP by libwebp, method 4.

    Attributes:
        quality: 1..100.
    """

    quality: int = 80

    family = "webp"
    axis = "100 − WebP quality"

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)

    @property
    def severity(self) -> float:
        """100 - quality."""
        return 100.0 - self.quality

    @property
    def channel(self) -> str:
        """The encoder."""
        return f"real:libwebp in OpenCV {opencv_version()}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new WebP file."""
        import cv2

        return encode(media.pixels(), ".webp", "image/webp", [cv2.IMWRITE_WEBP_QUALITY, self.quality])


@settings
class WebPLossless:
    """Lossless WebP by libwebp, at OpenCV's own effort: the pixels stay, the metadata go."""

    family = "webp-lossless"
    severity = 0.0
    axis = "none (lossless)"
    slow = True
    reads = "pixels"

    @property
    def channel(self) -> str:
        """The encoder."""
        return f"real:libwebp in OpenCV {opencv_version()}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new WebP file."""
        import cv2

        # OpenCV takes every quality over 100 for lossless.
        return encode(media.pixels(), ".webp", "image/webp", [cv2.IMWRITE_WEBP_QUALITY, 101])


@settings
class Png:
    """A new PNG file: the pixels stay, the metadata go.

    Attributes:
        compression: zlib level, 0..9; the file's size depends on it, the pixels do not.
    """

    compression: int = 1

    family = "png"
    severity = 0.0
    axis = "none (lossless)"

    def __post_init__(self) -> None:
        check_range("compression", self.compression, 0, 9)

    @property
    def channel(self) -> str:
        """The encoder."""
        return f"real:libpng in OpenCV {opencv_version()}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new PNG file."""
        import cv2

        return encode(media.pixels(), ".png", "image/png", [cv2.IMWRITE_PNG_COMPRESSION, self.compression])
