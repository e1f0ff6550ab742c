"""From a picture of any size to what a network takes: resize or crop, then scale and order of the channels.

Each published detector has its own way, and a wrong one costs more accuracy than most attacks, so every step is a
setting. Resizing is Pillow's (which smooths when it shrinks, as torchvision does on PIL images), and sizes and corners
are rounded as in torchvision's ``Resize`` and ``CenterCrop``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.errors import CodedError
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

POLICIES = ("resize_crop", "resize", "crop", "native")
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
CHANNELS = ("rgb", "bgr")
LAYOUTS = ("nchw", "nhwc")
#: Largest side that is ever fed, pixels.
MAX_SIDE = 8192


@settings
class Preprocessing:
    """How a picture becomes the input of a network.

    Attributes:
        policy: ``resize_crop`` (short side to ``short_side``, then the centre of ``size``), ``resize`` (to ``size``,
            the aspect ratio given up), ``crop`` (the centre of ``size``, nothing resized) or ``native`` (all of it, cut
            to a multiple of ``multiple``). What is too small for its crop is padded.
        size: side of the square, or ``(height, width)``; 1..8192. Not used by ``native``.
        short_side: of ``resize_crop``; 0: the shorter side of ``size``.
        multiple: of ``native``, 1..1024.
        longest: ``native`` takes at most this side, from the centre; 1..8192.
        pad: value around pictures that are too small, 0..255.
        interpolation: Pillow's filters: nearest, box, bilinear, hamming, bicubic or lanczos.
        channels: ``rgb`` or ``bgr``.
        value_range: what 0 and 255 become before mean and std.
        mean: per channel, in the order of ``channels``; subtracted.
        std: per channel; divided by.
        layout: ``nchw`` or ``nhwc``.
    """

    policy: str
    size: Any = 0
    short_side: int = 0
    multiple: int = 32
    longest: int = 4096
    pad: int = 0
    interpolation: str = "bilinear"
    channels: str = "rgb"
    value_range: Any = (0.0, 1.0)
    mean: Any = (0.0, 0.0, 0.0)
    std: Any = (1.0, 1.0, 1.0)
    layout: str = "nchw"

    def __post_init__(self) -> None:
        choices = {"policy": POLICIES, "interpolation": INTERPOLATIONS, "channels": CHANNELS, "layout": LAYOUTS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        if self.policy != "native" or size != (0, 0):
            if not _are(size, 2, int) or not all(1 <= side <= MAX_SIDE for side in size):
                raise ValueError(f"size must be 1..{MAX_SIDE} or two of these (height, width), got {self.size!r}")
        object.__setattr__(self, "size", tuple(size))
        bounds = {"short_side": (0, MAX_SIDE), "multiple": (1, 1024), "longest": (1, MAX_SIDE), "pad": (0, 255)}
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in {low}..{high}, got {getattr(self, name)}")
        if self.policy == "resize_crop" and 0 < self.short_side < max(size):
            raise ValueError(f"short_side must be at least the size {max(size)} that is cut out, got {self.short_side}")
        if self.policy == "native" and self.longest < self.multiple:
            raise ValueError(f"longest must be at least multiple ({self.multiple}), got {self.longest}")
        for name, count in (("value_range", 2), ("mean", 3), ("std", 3)):
            given = getattr(self, name)
            if not _are(given, count, int | float) or not all(abs(number) < 1e9 for number in given):
                raise ValueError(f"{name} must be {count} numbers, got {given!r}")
            object.__setattr__(self, name, tuple(float(number) for number in given))
        if 0.0 in self.std:
            raise ValueError(f"std must not be 0, got {list(self.std)}")

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """The input for one picture, without the axis of the batch.

        Args:
            pixels: ``(height, width, 3)`` uint8 RGB.

        Returns:
            ``(3, h, w)`` or ``(h, w, 3)`` float32.

        Raises:
            CodedError: ``E_SHAPE``, a picture so long and thin that its resized form would be too large.
        """
        import numpy as np

        height, width = pixels.shape[:2]
        if self.policy == "resize":
            fitted = self._resized(pixels, self.size)
        elif self.policy == "resize_crop":
            short = self.short_side or min(self.size)
            long = int(short * max(height, width) / min(height, width))
            if long > 32 * MAX_SIDE:
                raise CodedError("E_SHAPE", f"{width}x{height} pixels cannot be resized to a short side of {short}")
            target = (long, short) if height > width else (short, long)
            fitted = centre(self._resized(pixels, target), self.size, self.pad)
        elif self.policy == "crop":
            fitted = centre(pixels, self.size, self.pad)
        else:
            whole = [max(1, min(side, self.longest) // self.multiple) * self.multiple for side in (height, width)]
            fitted = centre(pixels, (whole[0], whole[1]), self.pad)
        if self.channels == "bgr":
            fitted = fitted[..., ::-1]
        low, high = self.value_range
        values: np.ndarray = fitted.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
        values = (values - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(values if self.layout == "nhwc" else values.transpose(2, 0, 1))

    def _resized(self, pixels: np.ndarray, target: tuple[int, int]) -> np.ndarray:
        import numpy as np
        from PIL import Image

        if pixels.shape[:2] == target:
            return pixels
        resample = Image.Resampling[self.interpolation.upper()]
        return np.asarray(Image.fromarray(pixels).resize((target[1], target[0]), resample))


def centre(pixels: np.ndarray, size: tuple[int, int], pad: int = 0) -> np.ndarray:
    """The centre of a picture, ``(*size, 3)``; where it is smaller, in the middle of a plain frame.

    Rounded as torchvision's ``center_crop`` does: a picture that is to be padded by an odd number has the larger part
    after it, a crop at half a pixel goes to the even one.
    """
    import numpy as np

    height, width = pixels.shape[:2]
    rows, columns = size
    above, left = max(0, rows - height), max(0, columns - width)
    if above or left:
        around = ((above // 2, (above + 1) // 2), (left // 2, (left + 1) // 2), (0, 0))
        pixels = np.pad(pixels, around, constant_values=pad)
        height, width = pixels.shape[:2]
    top, first = round((height - rows) / 2), round((width - columns) / 2)
    return pixels[top : top + rows, first : first + columns]


def _are(values: object, count: int, kind: Any) -> bool:
    if not isinstance(values, tuple | list) or len(values) != count:
        return False
    return all(isinstance(value, kind) and not isinstance(value, bool) for value in values)
