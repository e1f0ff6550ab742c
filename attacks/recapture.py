"""Recapture: the picture is shown on a screen and photographed; nothing but light gets from one file to the other.

A model from the screen's sub-pixels to the camera's file, each part with its own parameter and all chance from the
generator: the picture in linear light, the grid of red, green and blue stripes that makes moire with the camera's own
grid of colour filters, perspective, lens blur, falling light towards the corners, exposure and white balance, shot
and read noise, demosaicing, JPEG. No metadata of the source are left, and the camera writes none.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from attacks.base import check_range, check_size, curve
from attacks.geometry import resized
from attacks.recompress import Jpeg
from attacks.warp import warped
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: Distance from camera to screen over the longer side of the picture: a picture that fills most of a phone's view.
DISTANCE = 1.5
#: Of a screen pixel: share of its width that one stripe lights, share of its height that is lit.
STRIPE, ROW = 0.28, 0.85
#: Steps in which one period of the grid is tabulated.
PHASES = 1024
#: Read noise of the sensor, standard deviation in electrons, and light that black areas give off, white 1.
READ_NOISE, BLACK_LIGHT = 4.0, 0.004
#: Where the colour filters sit in each cell of two by two camera pixels: row, column, colour.
BAYER = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2))
#: What the sensor can hold over what becomes white in the file: single stripes are brighter than the screen's mean.
HEADROOM = 3.0


@settings
class Recapture:
    """A photograph of the picture on a screen, framed to the picture, as a JPEG file.

    Attributes:
        tilt: angle between the camera's axis and the screen's normal in degrees, 0..40; towards which side is drawn
            evenly. The camera is also rolled by up to a fifth of it.
        pitch: camera pixels per screen pixel, 1..4. Colours are sampled at every second camera pixel, so moire is
            strongest about 2; from about 3 the stripes themselves show.
        screen: longest side at which the picture is shown, screen pixels, 16..4096; larger ones are shrunk to it.
        blur: of the lens, Gaussian sigma in camera pixels, 0..10.
        electrons: caught by a sensor pixel where the file gets white, 50..100000: the shot noise there is
            1/sqrt(electrons). 2000 is a phone indoors.
        exposure: largest error of exposure in stops, 0..3, and (a tenth of it) of the white balance; drawn evenly.
        vignette: light lost in the frame's corners, 0..0.9.
        quality: of the JPEG file, 1..100.
    """

    tilt: float = 5.0
    pitch: float = 1.8
    screen: int = 1080
    blur: float = 0.6
    electrons: float = 2000.0
    exposure: float = 0.3
    vignette: float = 0.2
    quality: int = 90

    axis = "camera tilt, degrees"
    channel = (
        "simulated:recapture, a camera's photograph of a screen (optical model, not compared with real photographs)"
    )

    def __post_init__(self) -> None:
        for name, low, high in (
            ("tilt", 0, 40), ("pitch", 1, 4), ("screen", 16, 4096), ("blur", 0, 10), ("electrons", 50, 1e5),
            ("exposure", 0, 3), ("vignette", 0, 0.9), ("quality", 1, 100),
        ):  # fmt: skip
            check_range(name, getattr(self, name), low, high)

    @property
    def family(self) -> str:
        """One curve along the tilt for each choice of everything else."""
        return curve("recapture", self, "tilt")

    @property
    def severity(self) -> float:
        """The tilt."""
        return self.tilt

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The photograph."""
        import cv2
        import numpy as np

        shown = self._shown(media.pixels())
        to_light, to_values = _tone_tables()
        to_camera, width, height = self._view(shown.shape[1], shown.shape[0], rng)
        check_size(width, height)
        light = warped(cv2.LUT(shown, to_light), to_camera, width, height, "linear", 0)
        if self.blur:
            light = cv2.GaussianBlur(light, (0, 0), self.blur)
        # From here on one colour per camera pixel: the filters sit in front of everything that follows.
        mosaic = _bayer(light)
        mosaic *= _grid(np.linalg.inv(to_camera), width, height, self.pitch, self.blur)
        mosaic += BLACK_LIGHT
        mosaic *= _falloff(width, height, self.vignette)
        stops, red, blue = rng.uniform(-1, 1, 3) * self.exposure
        # A white screen comes out a little under the file's white, as automatic exposure leaves it.
        gains = np.exp2([stops + red / 10, stops, stops + blue / 10]) * 0.9
        for top, left, colour in BAYER:
            mosaic[top::2, left::2] *= np.float32(gains[colour])
        raw = _sensed(mosaic, self.electrons, rng)
        photograph = cv2.demosaicing(raw, cv2.COLOR_BayerRGGB2RGB)
        return Jpeg(quality=self.quality)(Media.from_pixels(to_values.take(photograph)), rng)

    def _shown(self, pixels: np.ndarray) -> np.ndarray:
        """The picture at the size it has on the screen."""
        height, width = pixels.shape[:2]
        scale = min(1.0, self.screen / max(width, height))
        return resized(pixels, max(1, round(width * scale)), max(1, round(height * scale)), "area")

    def _view(self, width: int, height: int, rng: np.random.Generator) -> tuple[np.ndarray, int, int]:
        """The homography from screen pixels to camera pixels, and the frame that just holds the picture.

        A pinhole camera looks at the picture's middle from ``DISTANCE``, its axis tilted and rolled.
        """
        import numpy as np

        towards, roll = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(-0.2, 0.2) * self.tilt)
        tilt, distance = math.radians(self.tilt), DISTANCE * max(width, height)
        # Turn the plane about the axis (cos, sin, 0), then roll it about the line of sight.
        x, y, sine, cosine = math.cos(towards), math.sin(towards), math.sin(tilt), math.cos(tilt)
        turned = np.array(
            [
                [cosine + x * x * (1 - cosine), x * y * (1 - cosine), 0],
                [x * y * (1 - cosine), cosine + y * y * (1 - cosine), 0],
                [-y * sine / distance, x * sine / distance, 1],
            ]
        )
        rolled = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
        middle = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
        view = np.diag([self.pitch, self.pitch, 1]) @ rolled @ turned @ middle
        corners = view @ np.array(
            [[-0.5, width - 0.5, width - 0.5, -0.5], [-0.5, -0.5, height - 0.5, height - 0.5], [1] * 4]
        )
        low, high = (corners[:2] / corners[2]).min(1), (corners[:2] / corners[2]).max(1)
        # Demosaicing needs a few pixels, and whole cells of two by two keep its colours apart.
        wide, tall = (max(4, 2 * math.ceil(side / 2)) for side in high - low)
        shift = (np.array([wide, tall]) - 1 - low - high) / 2
        return np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]) @ view, wide, tall


@functools.cache
def _tone_tables() -> tuple[np.ndarray, np.ndarray]:
    """Tables by IEC 61966-2-1: sRGB values to light (float32, white 1), 16-bit sensor readings to sRGB values."""
    import numpy as np

    value, light = np.linspace(0, 1, 256), np.minimum(np.linspace(0, HEADROOM, 65536), 1)
    to_light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return to_light.astype(np.float32), np.rint(to_value * 255).astype(np.uint8)


def _grid(to_screen: np.ndarray, width: int, height: int, pitch: float, blur: float) -> np.ndarray:
    """Light of the stripes of a camera pixel's own colour over that of an even screen, ``(height, width)``.

    The stripes are a product of a profile across and one down, both of the period of the screen's pixels. What the
    camera's coarser grid makes of them is moire.
    """
    import numpy as np

    across, down = _profiles(pitch, blur)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    u, v, depth = (np.float32(row[0]) * x + np.float32(row[1]) * y + np.float32(row[2]) for row in to_screen)
    # Pixel i of the screen reaches from i - 0.5 to i + 0.5; PHASES is a power of two, so a mask takes the fraction.
    right, below = (((side / depth + 0.5) * PHASES).astype(np.int32) & (PHASES - 1) for side in (u, v))
    grid: np.ndarray = down.take(below)
    for top, left, colour in BAYER:
        grid[top::2, left::2] *= across[colour].take(right[top::2, left::2])
    return grid


@functools.lru_cache
def _profiles(pitch: float, blur: float) -> tuple[np.ndarray, np.ndarray]:
    """Light over its mean at ``PHASES`` places of a screen pixel, across for each colour and down: float32.

    Each is what is lit, averaged over the camera pixel's area and blurred by the lens: a product of spectra. Those of
    a tilted screen are taken as if all of it were as far away as its middle.
    """
    import numpy as np

    place = (np.arange(PHASES) + 0.5) / PHASES
    middles, shares = np.array([1 / 6, 1 / 2, 5 / 6, 1 / 2]), np.array([STRIPE, STRIPE, STRIPE, ROW])
    lit = (np.abs(place[:, None] - middles) < shares / 2).astype(np.float64)
    lit /= lit.mean(0)
    rate = np.arange(PHASES // 2 + 1)[:, None] / pitch  # cycles per camera pixel
    seen = np.fft.rfft(lit, axis=0) * np.sinc(rate) * np.exp(-2 * (math.pi * blur * rate) ** 2)
    profiles = np.maximum(np.fft.irfft(seen, PHASES, axis=0), 0).astype(np.float32)
    return profiles.T[:3].copy(), profiles.T[3].copy()


def _falloff(width: int, height: int, loss: float) -> np.ndarray:
    """Light at each pixel over the light in the middle: the cosine to the fourth, ``1 - loss`` in the corners."""
    import numpy as np

    tangent = 1 / math.sqrt(1 - loss) - 1  # squared, at the corner: (1 + tan^2)^-2 = 1 - loss
    x, y = (np.linspace(-1, 1, side, dtype=np.float32) ** 2 / 2 for side in (width, height))
    light: np.ndarray = 1 / np.square(1 + np.float32(tangent) * (x + y[:, None]))
    return light


def _bayer(light: np.ndarray) -> np.ndarray:
    """One colour per camera pixel, as its filter lets through."""
    import numpy as np

    mosaic = np.empty(light.shape[:2], np.float32)
    for top, left, colour in BAYER:
        mosaic[top::2, left::2] = light[top::2, left::2, colour]
    return mosaic


def _sensed(mosaic: np.ndarray, electrons: float, rng: np.random.Generator) -> np.ndarray:
    """What the sensor reads, 16 bits: shot noise (Gaussian of Poisson's variance) and read noise."""
    import cv2
    import numpy as np

    noise = np.empty(mosaic.shape, np.float32)
    cv2.setRNGSeed(int(rng.integers(2**31 - 1)))
    cv2.randn(noise, 0, 1)
    noise *= np.sqrt(mosaic / electrons + (READ_NOISE / electrons) ** 2)
    noise += mosaic
    read: np.ndarray = np.clip(noise * (65535 / HEADROOM) + 0.5, 0, 65535).astype(np.uint16)
    return read
