"""Libraries that save pictures in this process, called as their documentation shows: read, then write.

Each function takes the bytes of a file, its type and the words of the metadata option, and gives the new file's bytes.
"""

from __future__ import annotations

import io
import warnings

from bench.containers import EXTENSIONS
from bench.errors import CodedError, Unavailable


def skimage_save(data: bytes, mime: str, options: tuple[str, ...]) -> bytes:
    """``skimage.io.imsave(path, skimage.io.imread(path))``: all metadata go. It takes no streams, hence the file."""
    import tempfile
    from pathlib import Path

    from skimage.io import imread, imsave

    with tempfile.TemporaryDirectory(prefix="washtest-") as folder:
        source, target = (Path(folder) / f"{name}{EXTENSIONS[mime]}" for name in ("in", "out"))
        source.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of low contrast, and of lossy formats
            try:
                imsave(target, imread(source), check_contrast=False)
            except Exception as error:  # its plug-ins raise whatever the libraries behind them do
                raise CodedError("E_ENCODE", f"scikit-image: {error}".replace(f"{folder}/", "")) from None
        return target.read_bytes()


def imageio_save(data: bytes, mime: str, options: tuple[str, ...]) -> bytes:
    """``imageio.v3.imwrite(path, imageio.v3.imread(path))``: all metadata go; of an animation all frames stay."""
    import imageio.v3

    out = io.BytesIO()
    extension = EXTENSIONS[mime]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            imageio.v3.imwrite(out, imageio.v3.imread(data, extension=extension), extension=extension)
        except Exception as error:  # as above
            raise CodedError("E_ENCODE", f"imageio: {error}") from None
    return out.getvalue()


def pyvips_save(data: bytes, mime: str, options: tuple[str, ...]) -> bytes:
    """``Image.new_from_buffer(data, "").write_to_buffer(".jpg")``: metadata stay, or go with ``keep="none"``."""
    import pyvips

    try:
        image = pyvips.Image.new_from_buffer(data, "")
        written: bytes = image.write_to_buffer(EXTENSIONS[mime], **({"keep": options[0]} if options else {}))
    except pyvips.Error as error:
        raise CodedError("E_ENCODE", f"pyvips: {error}") from None
    return written


def opencv_save(data: bytes, mime: str, options: tuple[str, ...]) -> bytes:
    """``cv2.imencodeWithMetadata(".jpg", *cv2.imdecodeWithMetadata(data))``, which OpenCV 5 has."""
    import cv2
    import numpy as np

    if not hasattr(cv2, "imdecodeWithMetadata"):
        known = f"OpenCV {cv2.__version__} hands no metadata out"
        raise Unavailable("E_TOOL_MISSING", f"{known}: pip install 'opencv-python-headless>=5'")
    try:
        image, kinds, metadata = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), flags=cv2.IMREAD_COLOR)
        if image is None:
            raise CodedError("E_DECODE", f"OpenCV does not read this {mime}")
        done, written = cv2.imencodeWithMetadata(EXTENSIONS[mime], image, kinds, metadata)
    except cv2.error as error:
        raise CodedError("E_ENCODE", f"OpenCV: {error}") from None
    if not done:
        raise CodedError("E_ENCODE", f"OpenCV does not write this picture as {mime}")
    return bytes(written)
