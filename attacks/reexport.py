"""Re-export: the file is opened and saved by a library as people call it, with the metadata options it documents.

What stays of the metadata is the tool's own doing; nothing is copied for it and nothing removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.containers import EXTENSIONS
from bench.errors import CodedError
from bench.media import PILLOW_FORMATS, Media
from bench.settings import settings
from bench.tools import opencv_version, package_version

if TYPE_CHECKING:
    import numpy as np


@settings
class PillowSave:
    """``Image.open(file).save(file)`` in the same format with default settings.

    Attributes:
        keep_metadata: also pass on what ``Image.open`` found: ``exif=``, ``icc_profile=`` and ``xmp=``, as Pillow
            documents for its savers (PNG's has no ``xmp=``, so XMP is lost there).
    """

    keep_metadata: bool = False

    family = "pillow"
    severity = 0.0
    axis = "none (default settings)"

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:Pillow {package_version('pillow')}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The file as Pillow saves it."""
        import io

        from PIL import Image

        out = io.BytesIO()
        try:
            with Image.open(io.BytesIO(media.data), formats=PILLOW_FORMATS) as image:
                options: dict[str, Any] = {}
                if self.keep_metadata:
                    options = {k: image.info[k] for k in ("exif", "icc_profile", "xmp") if k in image.info}
                image.save(out, format=image.format, **options)
        except (OSError, ValueError, SyntaxError, KeyError) as error:
            raise CodedError("E_ENCODE", f"Pillow: {error}") from None
        return Media.from_bytes(out.getvalue())


@settings
class OpenCVSave:
    """``cv2.imwrite(file, cv2.imread(file))`` in the same format with default settings (JPEG 95, WebP lossless)."""

    family = "opencv"
    severity = 0.0
    axis = "none (default settings)"

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The file as OpenCV saves it."""
        import cv2
        import numpy as np

        try:
            decoded = cv2.imdecode(np.frombuffer(media.data, np.uint8), cv2.IMREAD_COLOR)
            if decoded is None:
                raise CodedError("E_DECODE", f"OpenCV does not read this {media.mime}")
            done, data = cv2.imencode(EXTENSIONS[media.mime], decoded)
        except (cv2.error, KeyError) as error:
            raise CodedError("E_ENCODE", f"OpenCV: {error}") from None
        if not done:
            raise CodedError("E_ENCODE", f"OpenCV does not write this picture as {media.mime}")
        return Media(data.tobytes(), media.mime)
