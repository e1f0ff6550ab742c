"""JPEG twice with a shifted grid, and by encoders other than libjpeg-turbo. Metadata are lost, as in ``recompress``."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.base import check_choice, check_range, curve
from attacks.recompress import SUBSAMPLINGS, Jpeg, encode_bgr
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version, package_version, program, run_program

if TYPE_CHECKING:
    import numpy as np

#: Where mozjpeg's own build installs itself, beside PATH.
_CJPEG = ("mozjpeg-cjpeg", "cjpeg", "/opt/mozjpeg/bin/cjpeg")
_MOZJPEG = b"mozjpeg"
_MOZJPEG_INSTALL = "build github.com/mozilla/mozjpeg and put its cjpeg on PATH (Debian's is libjpeg-turbo's)"
#: Enough for the largest picture on a busy core; a hang ends here.
_SECONDS = 120


@settings
class DoubleJpeg:
    """JPEG, some rows and columns cut off above and left, JPEG again: two block grids that may not match.

    What a crop of a downloaded picture leaves when it is uploaded again. Both by libjpeg-turbo at 4:2:0.

    Attributes:
        quality: of the second compression, IJG scale, 1..100.
        first: of the first compression, 1..100.
        dx: columns cut off at the left between the two, 0..15. 0 and 8 keep the luma grid; with chroma at half
            resolution only 0 keeps both.
        dy: rows cut off above, likewise. At least one pixel is left of a smaller picture.
    """

    quality: int = 75
    first: int = 90
    dx: int = 4
    dy: int = 4

    axis = "100 − quality of the second JPEG"

    def __post_init__(self) -> None:
        for name, value in (("quality", self.quality), ("first", self.first)):
            check_range(name, value, 1, 100)
        for name, value in (("dx", self.dx), ("dy", self.dy)):
            check_range(name, value, 0, 15)

    @property
    def family(self) -> str:
        """One curve per first quality and shift."""
        return curve("double-jpeg", self, "quality")

    @property
    def severity(self) -> float:
        """100 - second quality."""
        return 100.0 - self.quality

    @property
    def channel(self) -> str:
        """The encoder."""
        return f"real:libjpeg-turbo in OpenCV {opencv_version()}, twice"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a JPEG file made of a JPEG file."""
        import cv2

        # No name for the picture in OpenCV's order: its memory is free again when the decoder asks for as much.
        parameters = Jpeg(quality=self.first).parameters()
        once = encode_bgr(cv2.cvtColor(media.pixels(), cv2.COLOR_RGB2BGR), ".jpg", "image/jpeg", parameters)
        again: np.ndarray | None = cv2.imdecode(once, cv2.IMREAD_COLOR)
        if again is None:
            raise CodedError("E_DECODE", "OpenCV does not read its own JPEG")
        height, width = again.shape[:2]
        shifted = again[min(self.dy, height - 1) :, min(self.dx, width - 1) :]
        twice = encode_bgr(shifted, ".jpg", "image/jpeg", Jpeg(quality=self.quality).parameters())
        return Media(twice.tobytes(), "image/jpeg")


@settings
class MozJpeg:
    """JPEG by mozjpeg's cjpeg with its defaults: progressive, trellis quantisation, its own quantisation tables.

    Attributes:
        quality: of cjpeg, 1..100: IJG scale, applied to other base tables than libjpeg-turbo's.
        subsampling: of chroma: 4:4:4, 4:2:2 or 4:2:0.
    """

    quality: int = 75
    subsampling: str = "4:2:0"

    axis = "100 − mozjpeg quality"

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)
        check_choice("subsampling", self.subsampling, SUBSAMPLINGS)

    @property
    def family(self) -> str:
        """One curve per subsampling."""
        return curve("mozjpeg", self, "quality")

    @property
    def severity(self) -> float:
        """100 - quality."""
        return 100.0 - self.quality

    @property
    def kind(self) -> str:
        """The channel without a version, for lists: to ask for that would start the program."""
        return "real:mozjpeg cjpeg"

    @property
    def channel(self) -> str:
        """The program, as far as it is installed."""
        found = mozjpeg()
        return f"real:mozjpeg {found[1]} cjpeg" if found else "real:mozjpeg cjpeg (not installed)"

    def missing(self) -> str:
        """How to get the program where it is not installed. Starts no program."""
        return "" if next(_mozjpegs(), None) else _MOZJPEG_INSTALL

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new JPEG file.

        Raises:
            CodedError: ``E_TOOL`` when cjpeg fails, ``E_TOOL_TIMEOUT`` when it does not answer; ``Unavailable``
                (``E_NO_MOZJPEG``) where it is not installed.
        """
        found = mozjpeg()
        if found is None:
            raise Unavailable("E_NO_MOZJPEG", f"no cjpeg of mozjpeg: {_MOZJPEG_INSTALL}")
        pixels = media.pixels()
        height, width = pixels.shape[:2]
        factors = {"4:4:4": "1x1", "4:2:2": "2x1", "4:2:0": "2x2"}[self.subsampling]
        command = [found[0], "-quality", str(self.quality), "-sample", factors, "-outfile", "out.jpg", "in.ppm"]
        import tempfile

        with tempfile.TemporaryDirectory(prefix="washtest-") as name:
            folder = Path(name)
            (folder / "in.ppm").write_bytes(b"P6 %d %d 255\n" % (width, height) + pixels.tobytes())
            run_program(command, folder, seconds=_SECONDS)
            made = folder / "out.jpg"
            data = made.read_bytes() if made.is_file() else b""
        if not data.startswith(b"\xff\xd8"):
            raise CodedError("E_TOOL", "cjpeg wrote no JPEG")
        return Media(data, "image/jpeg")


def mozjpeg() -> tuple[str, str] | None:
    """Path and version of mozjpeg's cjpeg; a cjpeg of libjpeg-turbo or of the IJG is another encoder."""
    return next(((path, version) for path in _mozjpegs() if (version := _mozjpeg_version(path))), None)


def _mozjpegs() -> Iterator[str]:
    """Programs called cjpeg that hold the name which mozjpeg's gives for itself when it is asked for its version."""
    for name in _CJPEG:
        path = program(name)
        with contextlib.suppress(OSError):  # one that may be run but not read
            if path and _MOZJPEG in Path(path).read_bytes():
                yield path


@functools.cache
def _mozjpeg_version(path: str) -> str:
    import subprocess

    try:
        answer = subprocess.run([path, "-version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    match = re.search(rb"mozjpeg version (\S+)", answer.stderr + answer.stdout)
    return match[1].decode("ascii", "replace") if match else ""


@settings
class Jpegli:
    """JPEG by Google's jpegli with the package's own settings: adaptive quantisation, baseline, chroma at 4:2:0.

    Attributes:
        quality: 1..100, libjpeg's scale as jpegli maps it to its distance.
    """

    quality: int = 75

    family = "jpegli"
    axis = "100 − jpegli quality"

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 1, 100)

    @property
    def severity(self) -> float:
        """100 - quality."""
        return 100.0 - self.quality

    @property
    def channel(self) -> str:
        """The package, as far as it is installed."""
        return f"real:jpegli in pyjpegli {package_version('pyjpegli') or '(not installed)'}"

    def missing(self) -> str:
        """How to get the package where it is not installed."""
        return "" if package_version("pyjpegli") else "pip install 'washtest[jpegli]'"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture as a new JPEG file.

        Raises:
            CodedError: ``E_ENCODE`` for too large a picture; ``Unavailable`` (``E_NO_JPEGLI``) without pyjpegli.
        """
        try:
            import pyjpegli
        except ImportError:
            raise Unavailable(
                "E_NO_JPEGLI", "jpegli needs the package pyjpegli: pip install 'washtest[jpegli]'"
            ) from None
        pixels = media.pixels()
        try:
            data = pyjpegli.encode(pixels, pixels.shape[1], pixels.shape[0], self.quality)
        except (RuntimeError, ValueError) as error:
            raise CodedError("E_ENCODE", f"jpegli: {error}") from None
        return Media(bytes(data), "image/jpeg")
