"""How Chromium draws and saves a picture, computed: its software raster's resampling and its JPEG files.

Measured of Chromium 156 (a fresh page for each shot, software raster); each kernel was found from the answers to single
bright columns:

- Down to half size, and enlarged: bilinear, two taps an axis, no antialiasing, weights of 4-bit fractions, truncated.
  A picture that EXIF turns by a quarter is drawn with exact weights instead, rounded.
- Smaller: first one of the halved sizes (1/2, 1/4, ... of the source, rounded up), the smallest of them that is not
  smaller than wanted on either side. It is made by halving (2 taps for an even length, 1-2-1 for an odd one; truncated)
  and, where that gives another size, by a bilinear step with exact weights, rounded.
- A JPEG whose sides are multiples of its coding unit (16 pixels at 4:2:0) is decoded at 1/2, 1/4 or 1/8 by a smaller
  inverse DCT instead. JPEG and PNG copies of the same pixels therefore give different shots.
- A page that showed the same picture at another size before may draw it from the copy in its cache, a few dB apart.
- JPEG shots: libjpeg-turbo, 4:2:0, optimised Huffman tables, JFIF and an sRGB profile of 456 bytes.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from attacks.recompress import encode
from bench.media import Media, in_srgb

if TYPE_CHECKING:
    import numpy as np

#: Pixels of a coding unit (MCU) by chroma subsampling.
CODING_UNIT = {"4:4:4": (8, 8), "4:2:2": (16, 8), "4:2:0": (16, 16)}


def draw_file(media: Media, width: int, height: int) -> np.ndarray:
    """The file's picture drawn at this size, ``(height, width, 3)`` uint8.

    A picture turned by EXIF is drawn as it lies in the file and turned then, as Chromium does: the truncated weights
    fall on the other side else. JPEG files with a colour profile that is not sRGB are decoded in full, then converted
    and halved (open: what Chromium does then was not measured).
    """
    orientation = 1 if media.fresh else media.header.orientation
    old_width, old_height = media.size
    if turned := orientation >= 5:
        width, height, old_width, old_height = height, width, old_height, old_width
    level = _level(old_width, old_height, width, height)
    small = _decoded_small(media, level) if 1 <= level <= 3 else None
    if small is None and (width, height) == (old_width, old_height):
        return media.pixels()
    if small is not None:
        source = _fitted(small, *_halved(old_width, old_height, level))
    else:
        source = _turn(media.pixels(), {6: 8, 8: 6}.get(orientation, orientation))
    return _turn(draw(source, width, height, exact=turned), orientation)


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turned as EXIF orientation 1..8 asks for; every one but 6 and 8 undoes itself."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def draw(source: np.ndarray, width: int, height: int, exact: bool = False) -> np.ndarray:
    """The picture drawn at this size as Chromium's software raster draws it.

    Args:
        source: ``(h, w, 3)`` uint8.
        width: in screen pixels.
        height: in screen pixels.
        exact: the last step with exact weights, rounded, as for a picture turned by a quarter.

    Returns:
        ``(height, width, 3)`` uint8; the very same array at 1:1.
    """
    import numpy as np

    if level := _level(source.shape[1], source.shape[0], width, height):
        source = _fitted(source, *_halved(source.shape[1], source.shape[0], level))
    if source.shape[:2] == (height, width):
        return source
    if exact:
        return _bilinear(source, width, height)
    left, right, across = _taps(source.shape[1], width)
    top, bottom, down = _taps(source.shape[0], height)
    # 255 * 16 * 16 fits 16 bits, so both passes stay exact in uint16 and only the end truncates.
    wide = source.astype(np.uint16)
    wide = wide[:, left] * (16 - across)[None, :, None] + wide[:, right] * across[None, :, None]
    tall = wide[top] * (16 - down)[:, None, None] + wide[bottom] * down[:, None, None]
    drawn: np.ndarray = (tall >> 8).astype(np.uint8)
    return drawn


def _level(old_width: int, old_height: int, width: int, height: int) -> int:
    """How often both sides can be halved, rounded up, before one is smaller than wanted."""
    level = 0
    while old_width > width and old_height > height:
        halved = _halved(old_width, old_height, 1)
        if halved[0] < width or halved[1] < height:
            break
        (old_width, old_height), level = halved, level + 1
    return level


def _halved(width: int, height: int, level: int) -> tuple[int, int]:
    """A size halved ``level`` times, rounded up once."""
    return -(-width // 2**level), -(-height // 2**level)


def _fitted(source: np.ndarray, width: int, height: int) -> np.ndarray:
    """Brought to this size, at most itself: halved while it is at least twice as large, then an exact bilinear step."""
    ratio = math.sqrt((source.shape[1] / width) * (source.shape[0] / height))
    for _ in range(math.floor(math.log2(ratio) + 1e-9)):
        source = _half(source)
    if source.shape[:2] == (height, width):
        return source
    return _bilinear(source, width, height)


def _bilinear(source: np.ndarray, width: int, height: int) -> np.ndarray:
    """Two taps an axis with exact weights, rounded."""
    import cv2
    import numpy as np

    exact = cv2.resize(source.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    rounded: np.ndarray = (exact + 0.5).astype(np.uint8)
    return rounded


def _half(source: np.ndarray) -> np.ndarray:
    """Half of each side, rounded down: pairs averaged where the length is even, 1-2-1 where it is odd; truncated."""
    import cv2
    import numpy as np

    height, width = source.shape[:2]
    if height % 2 == width % 2 == 0:
        halved = np.empty((height // 2, width // 2, 3), np.uint8)
        for top in range(0, height, 64):  # in strips that stay in the cache
            # Four times as large, the mean of 4 is their sum, which nothing rounds.
            strip = source[top : top + 64].astype(np.uint16) << 2
            size = (width // 2, strip.shape[0] // 2)
            halved[top // 2 : top // 2 + 32] = cv2.resize(strip, size, interpolation=cv2.INTER_AREA) >> 2
        return halved
    summed, shift = source.astype(np.uint16), 0
    for axis in (0, 1):
        length = summed.shape[axis]
        if length == 1:
            continue
        along = np.moveaxis(summed, axis, 0)
        even, odd = along[0 : length - 1 : 2], along[1::2]
        if length % 2 == 0:
            along, shift = even + odd, shift + 1
        else:
            along, shift = even + 2 * odd + along[2::2], shift + 2
        summed = np.moveaxis(along, 0, axis)
    return (summed >> shift).astype(np.uint8)


def _taps(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new sample along one axis: the two old ones it lies between, and the second's weight in sixteenths."""
    import numpy as np

    # The inverse of the scale in single precision decides on which side of a sixteenth a tie falls.
    step = float(np.float32(1) / (np.float32(new) / np.float32(old)))
    centre = (np.arange(new) + 0.5) * step - 0.5
    sixteenths = np.floor(centre * 16).astype(np.int64)
    first = sixteenths >> 4
    weight = (sixteenths & 15).astype(np.uint16)
    return np.clip(first, 0, old - 1), np.clip(first + 1, 0, old - 1), weight


def _decoded_small(media: Media, level: int) -> np.ndarray | None:
    """A JPEG decoded at 1/2, 1/4 or 1/8 (level 1..3) where Chromium does so; else None."""
    if media.mime != "image/jpeg" or media.fresh:
        return None
    header = media.header
    unit = CODING_UNIT.get("4:4:4" if header.channels == 1 else header.jpeg_subsampling or "")
    if (
        unit is None
        or header.channels not in (1, 3)
        or not header.complete
        or header.width % unit[0]
        or header.height % unit[1]
    ):
        return None
    import cv2
    import numpy as np

    flag = (cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_COLOR_8)[level - 1]
    bgr = cv2.imdecode(np.frombuffer(media.data, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        return None
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return rgb if header.icc is None else in_srgb(rgb, header.icc)


def save_jpeg(pixels: np.ndarray, quality: int) -> Media:
    """The JPEG file that Chromium's screenshot command writes of these pixels: no metadata but an sRGB profile."""
    import cv2

    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    data = encode(pixels, ".jpg", "image/jpeg", parameters).data
    after_jfif = 4 + int.from_bytes(data[4:6])
    payload = b"ICC_PROFILE\0\x01\x01" + srgb_profile()
    segment = b"\xff\xe2" + (len(payload) + 2).to_bytes(2) + payload
    return Media(data[:after_jfif] + segment + data[after_jfif:], "image/jpeg")


def srgb_profile() -> bytes:
    """The ICC profile of Chromium's JPEG shots, 456 bytes.

    A version 4.3 display profile (ICC.1:2010): white D50, the primaries of IEC 61966-2-1 adapted to it, its curve as a
    parametric one of type 4, and the description and copyright that Chromium gives it.
    """

    def fixed(*numbers: float) -> bytes:
        return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))

    def text(words: str) -> bytes:
        coded = words.encode("utf-16-be")
        return b"mluc" + struct.pack(">3I4s2I", 0, 1, 12, b"enUS", len(coded), 28) + coded

    white = fixed(0.96420288, 1, 0.8249054)
    curve = b"para" + bytes(4) + struct.pack(">2H", 4, 0)
    curve += fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0, 0)
    values = {
        b"desc": text("sRGB"),
        b"rXYZ": b"XYZ " + bytes(4) + fixed(0.43606567, 0.22248840, 0.01391602),
        b"gXYZ": b"XYZ " + bytes(4) + fixed(0.38514709, 0.71687317, 0.09707642),
        b"bXYZ": b"XYZ " + bytes(4) + fixed(0.14306641, 0.06060791, 0.71409607),
        b"wtpt": b"XYZ " + bytes(4) + white,
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        b"cprt": text("Google Inc. 2016"),
    }
    start = 128 + 4 + 12 * len(values)
    table, body, places = b"", b"", dict[bytes, int]()
    for tag, value in values.items():
        if value not in places:  # the three curves are one
            places[value] = start + len(body)
            body += value
        table += tag + struct.pack(">2I", places[value], len(value))
    head = (
        struct.pack(">2I", start + len(body), 0) + b"\x04\x30\0\0mntrRGB XYZ " + struct.pack(">6H", 2016, 1, 1, 0, 0, 0)
    )
    head += b"acsp" + bytes(24) + struct.pack(">I", 1) + white
    return head.ljust(128, b"\0") + struct.pack(">I", len(values)) + table + body
