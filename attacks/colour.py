"""Changes of tone and colour: brightness, contrast, gamma, saturation, hue, greyscale, palette.

Factors are those of Pillow's ``ImageEnhance``, which published grids are given in: 1 leaves the picture as it is, 0
takes brightness, contrast or colour away, above 1 there is more of it. Only pixels come out: no metadata are left.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from attacks.base import check_range, curve
from bench.media import Media
from bench.settings import settings
from bench.tools import opencv_version, package_version

if TYPE_CHECKING:
    import numpy as np


@functools.lru_cache(maxsize=1024)
def blended_table(grey: int, factor: float) -> np.ndarray:
    """What ``Image.blend(grey, value, factor)`` makes of each of the 256 values; read-only, as it is kept.

    Pillow's own arithmetic on a ramp, so that a table lookup gives the very bytes of ``ImageEnhance``.
    """
    import numpy as np
    from PIL import Image

    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    table: np.ndarray = np.asarray(Image.blend(Image.new("L", ramp.size, grey), ramp, factor))[0]
    return table


def mean_grey(pixels: np.ndarray) -> int:
    """The grey that ``ImageEnhance.Contrast`` spreads values from: the rounded mean of Pillow's own luma.

    OpenCV's luma has other roundings. It only adds up, as whole numbers, which is quicker than Pillow's histogram.
    """
    import cv2
    import numpy as np
    from PIL import Image

    luma = np.asarray(Image.fromarray(pixels).convert("L"))
    return int(cv2.sumElems(luma)[0] / luma.size + 0.5)


@settings
class Brightness:
    """Multiply all values, as Pillow's ``ImageEnhance.Brightness``.

    Attributes:
        factor: 0..4; 0 is black, 1 as it was, 2 twice as bright (clipped at white).
    """

    factor: float = 1.4

    axis = "|brightness factor − 1|"

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0, 4)

    @property
    def family(self) -> str:
        """Brighter and darker are two curves."""
        return "darken" if self.factor < 1 else "brighten"

    @property
    def severity(self) -> float:
        """Share of the brightness added or taken."""
        return abs(self.factor - 1)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:Pillow {package_version('pillow')} ImageEnhance.Brightness, as a table"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The brighter or darker picture."""
        import cv2

        return Media.from_pixels(cv2.LUT(media.pixels(), blended_table(0, self.factor)))


@settings
class Contrast:
    """Spread all values from the picture's mean grey, as Pillow's ``ImageEnhance.Contrast``.

    Attributes:
        factor: 0..4; 0 is flat grey, 1 as it was, 2 twice the contrast (clipped at black and white).
    """

    factor: float = 1.4

    axis = "|contrast factor − 1|"

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0, 4)

    @property
    def family(self) -> str:
        """More and less contrast are two curves."""
        return "contrast less" if self.factor < 1 else "contrast more"

    @property
    def severity(self) -> float:
        """Share of the contrast added or taken."""
        return abs(self.factor - 1)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:Pillow {package_version('pillow')} ImageEnhance.Contrast, as a table"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture with more or less contrast."""
        import cv2

        pixels = media.pixels()
        return Media.from_pixels(cv2.LUT(pixels, blended_table(mean_grey(pixels), self.factor)))


@settings
class Gamma:
    """Raise all values, black 0 to white 1, to a power.

    Attributes:
        gamma: the exponent, 0.1..10; below 1 the picture gets brighter, above 1 darker.
    """

    gamma: float = 1.5

    axis = "|log2 of gamma|"

    def __post_init__(self) -> None:
        check_range("gamma", self.gamma, 0.1, 10)

    @property
    def family(self) -> str:
        """Brighter and darker are two curves."""
        return "gamma brighten" if self.gamma < 1 else "gamma darken"

    @property
    def severity(self) -> float:
        """Octaves away from the straight line."""
        return abs(math.log2(self.gamma))

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:power law as a table in OpenCV {opencv_version()}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The brighter or darker picture."""
        import cv2
        import numpy as np

        table = np.rint(255 * np.linspace(0, 1, 256) ** self.gamma).astype(np.uint8)
        return Media.from_pixels(cv2.LUT(media.pixels(), table))


@settings
class Saturation:
    """Spread colours from their grey, as Pillow's ``ImageEnhance.Color``.

    Attributes:
        factor: 0..4; 0 is grey, 1 as it was, 2 twice as colourful (clipped).
    """

    factor: float = 1.5

    axis = "|saturation factor − 1|"

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0, 4)

    @property
    def family(self) -> str:
        """More and less colour are two curves."""
        return "desaturate" if self.factor < 1 else "saturate"

    @property
    def severity(self) -> float:
        """Share of the colour added or taken."""
        return abs(self.factor - 1)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:Pillow {package_version('pillow')} ImageEnhance.Color"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture with more or less colour."""
        import numpy as np
        from PIL import Image, ImageEnhance

        return Media.from_pixels(np.asarray(ImageEnhance.Color(Image.fromarray(media.pixels())).enhance(self.factor)))


@settings
class Hue:
    """Turn all colours around the wheel of HSV; value and saturation stay.

    Attributes:
        degrees: -180..180; 120 turns red into green. (Where others take a share of the circle: 0.1 is 36 degrees.)
    """

    degrees: float = 30.0

    axis = "|degrees of hue|"

    def __post_init__(self) -> None:
        check_range("degrees", self.degrees, -180, 180)

    @property
    def family(self) -> str:
        """The two directions are two curves."""
        return "hue backwards" if self.degrees < 0 else "hue"

    @property
    def severity(self) -> float:
        """The angle."""
        return abs(self.degrees)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} cvtColor to HSV and back, 32-bit"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture in other colours."""
        import cv2
        import numpy as np

        # 8-bit HSV would round hue to 1.4 or 2 degrees, so this one is computed in floats.
        wheel = cv2.cvtColor(media.pixels().astype(np.float32), cv2.COLOR_RGB2HSV)
        hue = wheel[..., 0]
        hue += self.degrees % 360
        hue[hue >= 360] -= 360
        return Media.from_pixels(cv2.convertScaleAbs(cv2.cvtColor(wheel, cv2.COLOR_HSV2RGB)))


@settings
class Greyscale:
    """Luma in all three channels (ITU-R BT.601 weights 0.299, 0.587, 0.114): what saving as greyscale leaves."""

    family = "greyscale"
    severity = 0.0
    axis = "none (one setting)"

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:OpenCV {opencv_version()} cvtColor"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The grey picture, still with three channels."""
        import cv2

        return Media.from_pixels(cv2.cvtColor(cv2.cvtColor(media.pixels(), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


@settings
class Palette:
    """Only so many colours, chosen by median cut: what a GIF or an 8-bit PNG leaves.

    Attributes:
        colours: 2..256.
        dither: with Floyd-Steinberg error diffusion instead of the nearest colour.
    """

    colours: int = 64
    dither: bool = False

    axis = "8 − log2 of the number of colours"
    slow = True
    reads = "pixels"

    def __post_init__(self) -> None:
        check_range("colours", self.colours, 2, 256)

    @property
    def family(self) -> str:
        """With and without dithering are two curves."""
        return curve("palette", self, "colours")

    @property
    def severity(self) -> float:
        """Bits of the index that are missing to 8."""
        return 8 - math.log2(self.colours)

    @property
    def channel(self) -> str:
        """The library."""
        return f"real:Pillow {package_version('pillow')} Image.quantize, median cut"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The picture in few colours."""
        import numpy as np
        from PIL import Image

        image = Image.fromarray(media.pixels())
        reduced = image.quantize(self.colours, Image.Quantize.MEDIANCUT)
        if self.dither:
            reduced = image.quantize(palette=reduced, dither=Image.Dither.FLOYDSTEINBERG)
        return Media.from_pixels(np.asarray(reduced.convert("RGB")))
