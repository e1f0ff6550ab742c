"""Uploads to platforms, simulated by published rules: size, codec and quality, and which metadata are kept.

The rules stand in ``platforms.toml``, each with its source, the kind of evidence and its date. A hop from one platform
to another is a ``Chain`` of presets.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.base import check_choice, check_range
from attacks.geometry import resized
from attacks.recompress import Jpeg, Png, WebP
from bench import containers
from bench.errors import CodedError, NotApplicable
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

#: EXIF tags and IIM data sets (record 2) that a preset can keep.
EXIF_FIELDS = {"Artist": 0x013B, "Copyright": 0x8298}
IIM_FIELDS = {"By-line": 80, "CopyrightNotice": 116}


@dataclass(frozen=True)
class Preset:
    """One platform's rule; ``platforms.toml`` explains the members.

    Attributes:
        title: what it is called in reports.
        source, evidence, date: where the figures are from.
        assumed: what the sources leave open and how it is filled in.
    """

    title: str
    source: str
    evidence: str
    date: str
    assumed: str
    codec: str
    size: str = ""
    long_side: int = 0
    smaller_sides: tuple[int, ...] = ()
    max_bytes: int = 0
    quality: int = 0
    subsampling: str = "4:2:0"
    keep_jpeg_quality: int = 0
    png: str = ""
    keep_exif: tuple[str, ...] = ()
    keep_iim: tuple[str, ...] = ()
    strip: dict[str, list[str]] = field(default_factory=dict)


@functools.cache
def presets() -> dict[str, Preset]:
    """The presets by name, in the order of the file."""
    import tomllib

    raw = tomllib.loads((Path(__file__).parent / "platforms.toml").read_text("utf-8"))
    return {name: Preset(**{key: _frozen(value) for key, value in entry.items()}) for name, entry in raw.items()}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@settings
class Platform:
    """What is left of a picture that went through a platform's upload, by a published rule.

    Only the fields that the preset keeps are left of the metadata; an orientation and a profile are applied to the
    pixels first. Of an animation the first frame is uploaded, transparency lies on white.

    Attributes:
        name: a preset of ``platforms.toml``; ``washtest list platforms`` shows them with their sources.
        uploads: 1..10, one after the other: 2 is a picture that somebody saved and posted again.
    """

    name: str = "x-2019"
    uploads: int = 1

    axis = "uploads, one after the other"

    def __post_init__(self) -> None:
        check_choice("name", self.name, tuple(presets()))
        check_range("uploads", self.uploads, 1, 10)

    @property
    def preset(self) -> Preset:
        """The rule."""
        return presets()[self.name]

    @property
    def family(self) -> str:
        """One curve per platform: along it the picture is uploaded again and again."""
        return f"platform {self.name}"

    @property
    def severity(self) -> float:
        """The number of uploads."""
        return float(self.uploads)

    @property
    def channel(self) -> str:
        """The preset and how well it is known."""
        return f"simulated:{self.preset.title}, {self.preset.evidence}"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The file that others get to see.

        Raises:
            CodedError: ``E_ENCODE``, ``E_TOO_LARGE``; ``NotApplicable`` for a format of which the sources say nothing.
        """
        for _ in range(self.uploads):
            media = _uploaded(media, self.preset, rng)
        return media


def _uploaded(media: Media, preset: Preset, rng: np.random.Generator) -> Media:
    if preset.codec == "none":
        if media.mime not in preset.strip:
            raise NotApplicable("E_NO_RULE", f"{preset.title}: nothing is known of {media.mime}")
        kinds = {"all", *containers.METADATA_KINDS} - {"icc"} if preset.strip[media.mime] else set()
        return media if media.fresh or not kinds else Media(containers.remove(media.data, kinds), media.mime)
    width, height = media.size
    size = luban(width, height) if preset.size == "luban" else fit(width, height, preset.long_side)
    if size == (width, height) and (kept := _kept_as_it_is(media, preset)) is not None:
        return kept
    made = _encoded(media, preset, size, rng)
    for side in preset.smaller_sides:
        if len(made.data) <= preset.max_bytes:
            break
        made = _encoded(media, preset, fit(width, height, side), rng)
    if preset.png == "smaller" and media.mime == "image/png":
        lossless = Png(compression=9)(Media.from_pixels(resized(media.pixels(), *size, "area")), rng)
        if size == (width, height) and not media.fresh:
            own = Media(containers.remove(media.data, {"all", *containers.METADATA_KINDS} - {"icc"}), media.mime)
            lossless = min(own, lossless, key=lambda file: len(file.data))
        made = lossless if len(lossless.data) < len(made.data) else made
    return _with_kept_fields(made, media, preset)


def _kept_as_it_is(media: Media, preset: Preset) -> Media | None:
    """The coded picture without its metadata, where the platform leaves such a file alone."""
    header = media.header
    plain = header.orientation == 1 and header.icc is None
    quality = header.jpeg_quality if media.mime == "image/jpeg" else None
    low = quality is not None and plain and round(quality) <= preset.keep_jpeg_quality
    # At most 256 colours: never made a JPEG, says the announcement.
    few = media.mime == "image/png" and header.palette and preset.png == "smaller" and not media.fresh
    if not (low or (few and plain)):
        return None
    return media.spliced(containers.remove(media.data, {"all", *containers.METADATA_KINDS}))


def _encoded(media: Media, preset: Preset, size: tuple[int, int], rng: np.random.Generator) -> Media:
    shown = Media.from_pixels(resized(media.pixels(), *size, "area"))
    if preset.codec == "same" and media.mime == "image/png":
        return Png(compression=9)(shown, rng)
    if preset.codec == "same" and media.mime == "image/webp":
        return WebP(quality=preset.quality)(shown, rng)
    if preset.size == "luban" and size[0] and (limit := luban_bytes(*media.size, *size)):
        return _largest_within(shown, preset, limit, rng)
    return Jpeg(quality=preset.quality, subsampling=preset.subsampling)(shown, rng)


def _largest_within(shown: Media, preset: Preset, limit: int, rng: np.random.Generator) -> Media:
    """The JPEG of the highest quality, 5..95, of at most ``limit`` bytes; quality 5 where there is none."""
    low, high = 5, 95
    best = Jpeg(quality=high, subsampling=preset.subsampling)(shown, rng)
    if len(best.data) <= limit:
        return best
    best = Jpeg(quality=low, subsampling=preset.subsampling)(shown, rng)
    while low <= high:
        middle = (low + high) // 2
        tried = Jpeg(quality=middle, subsampling=preset.subsampling)(shown, rng)
        if len(tried.data) <= limit:
            best, low = tried, middle + 1
        else:
            high = middle - 1
    return best


def fit(width: int, height: int, long_side: int) -> tuple[int, int]:
    """The size within a square of this side, of the same shape; the size itself where it fits or there is no limit."""
    longest = max(width, height)
    if not long_side or longest <= long_side:
        return width, height
    return max(1, width * long_side // longest), max(1, height * long_side // longest)


def luban(width: int, height: int) -> tuple[int, int]:
    """The size that the Luban rule gives a picture, inferred from about 100 uploads to WeChat Moments.

    The short side becomes 1440 pixels at most. Where the long side has 10800 or more and the shape is wider than 0.4,
    the long side becomes 1440. Over 40.96 megapixels, a quarter of the short side is the limit. More than 10.24
    megapixels of what is left are scaled down to that. Sides are even, and 2 at least.
    """
    short, long = sorted((width, height))
    ratio = short / long
    new_short, new_long = 1440, int(1440 / ratio)
    if long >= 10800 and ratio > 0.4:
        new_short, new_long = int(1440 * ratio), 1440
    if width * height > 40_960_000 and short // 4 < new_short:
        new_short, new_long = short // 4, int(short // 4 / ratio)
    if new_short > short:
        new_short, new_long = short, long
    if new_short * new_long > 10_240_000:
        scale = math.floor(math.sqrt(10_240_000 / (new_short * new_long)) * 1000) / 1000
        new_short, new_long = int(new_short * scale), int(new_long * scale)
    new_short, new_long = max(2, new_short // 2 * 2), max(2, new_long // 2 * 2)
    return (new_short, new_long) if width < height else (new_long, new_short)


def luban_bytes(width: int, height: int, new_width: int, new_height: int) -> int:
    """Most bytes of the file for a picture at least twice as long as wide; 0 for others, which have one quality."""
    ratio = min(width, height) / max(width, height)
    if ratio > 0.5:
        return 0
    pixels = new_width * new_height
    factor = 5e-4 if pixels < 500_000 else 1.5e-4 if pixels < 1_000_000 else 1.1e-4 if pixels < 3_000_000 else 2.5e-5
    size = max(20, int(pixels * factor), 250 if ratio < 0.2 else 0)
    return size * 1024


def _with_kept_fields(made: Media, media: Media, preset: Preset) -> Media:
    """The new file with the rights fields that the platform keeps: from a JPEG into a JPEG."""
    if media.fresh or not (media.mime == made.mime == "image/jpeg"):
        return made
    data = made.data
    try:
        found = containers.exif_fields(media.data, [EXIF_FIELDS[name] for name in preset.keep_exif])
        if found:
            data = containers.set_exif_fields(
                data, {t: containers.Value(containers.ASCII, v) for t, v in found.items()}
            )
        data = containers.set_iim(data, containers.iim(media.data, [IIM_FIELDS[name] for name in preset.keep_iim]))
    except CodedError:
        return made  # fields that cannot be read are not kept
    return made if data is made.data else made.spliced(data)
