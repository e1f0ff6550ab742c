"""JPEG XL decoded by libjxl, which comes in an optional package or as the program ``djxl``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.containers import jxl
from bench.containers.jxl_codestream import Codestream
from bench.errors import CodedError, Unavailable
from bench.tools import program, run_program

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

INSTALL = "pip install 'washtest[jxl]'"
DJXL_INSTALL = "apt install libjxl-tools"
#: Enough for the largest picture that is let through, on a busy core; a hang ends here.
_SECONDS = 120


def opened(data: bytes) -> Image.Image:
    """The first frame, upright, 8 bits a sample, alpha kept; in sRGB, or with the ICC profile of its colours.

    The package imagecodecs decodes pictures in sRGB, which are the rule, and linear samples in its primaries.
    Other colour spaces, and colours multiplied by alpha, need djxl, which hands the profile over: imagecodecs does not.
    Of 10 or more bits, integer samples are scaled to 8 and rounded; floating-point ones are cut to 0..1 before.

    Raises:
        CodedError: ``E_TRUNCATED``, ``E_DECODE`` or ``E_TOOL_TIMEOUT``; ``Unavailable`` (``E_NO_DECODER``) with the
            command that installs what is missing.
    """
    found = jxl.codestream(data)
    if found.transfer and not found.associated:
        return _imagecodecs(data, found)
    return _djxl(data, found.bits)


def _imagecodecs(data: bytes, found: Codestream) -> Image.Image:
    try:
        import imagecodecs
    except ImportError:
        raise Unavailable("E_NO_DECODER", f"JPEG XL needs the package imagecodecs: {INSTALL}") from None
    import numpy as np
    from PIL import Image

    try:
        # The container's other boxes are not the decoder's business, and a sequence is more than its first frame.
        samples = imagecodecs.jpegxl_decode(data, index=0 if found.animated else None, numthreads=1)
    except ImportError:  # imagecodecs was built without libjxl
        raise Unavailable("E_NO_DECODER", f"this imagecodecs lacks libjxl: {INSTALL}") from None
    except (imagecodecs.JpegxlError, ValueError, RuntimeError) as error:
        code = "E_TRUNCATED" if "NEED_MORE_INPUT" in str(error) else "E_DECODE"
        raise CodedError(code, f"imagecodecs: {error}") from None
    colours = 1 if found.grey else 3
    samples = samples[..., None] if samples.ndim == 2 else samples
    if samples.ndim != 3 or samples.shape[2] < colours:
        raise CodedError("E_DECODE", f"imagecodecs gave an array of {samples.shape}")
    # Depth maps and the like may follow: alpha is the one further channel that belongs to the picture.
    samples = samples[:, :, : colours + found.alpha]
    if samples.dtype != np.uint8 or found.transfer == "linear":
        samples = _eight_bits(samples, colours if found.transfer == "linear" else 0)
    return Image.fromarray(np.ascontiguousarray(samples[:, :, 0] if samples.shape[2] == 1 else samples))


def _eight_bits(samples: np.ndarray, linear: int) -> np.ndarray:
    """Samples of any kind as 8 bits; the first ``linear`` channels from light to sRGB (IEC 61966-2-1)."""
    import numpy as np

    whole = np.iinfo(samples.dtype).max if samples.dtype.kind == "u" else 1
    values = np.clip(np.nan_to_num(samples.astype(np.float32) / whole), 0, 1)
    light = values[:, :, :linear]
    values[:, :, :linear] = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(values * 255).astype(np.uint8)


def _djxl(data: bytes, bits: int) -> Image.Image:
    import tempfile

    from PIL import Image

    path = program("djxl")
    if path is None:
        raise Unavailable("E_NO_DECODER", f"JPEG XL in a colour space of its own needs djxl: {DJXL_INSTALL}")
    with tempfile.TemporaryDirectory(prefix="washtest-") as folder:
        source, target = Path(folder) / "in.jxl", Path(folder) / "out.png"
        source.write_bytes(data)
        command = [path, source.name, target.name, "--num_threads=1", f"--bits_per_sample={8 if bits <= 8 else 16}"]
        try:
            run_program(command, Path(folder), seconds=_SECONDS)
        except CodedError as error:
            raise error if error.code != "E_TOOL" else CodedError("E_DECODE", error.detail) from None
        if not target.is_file():
            raise CodedError("E_DECODE", "djxl wrote no picture")
        with Image.open(target, formats=("PNG",)) as image:
            image.load()
            return image
