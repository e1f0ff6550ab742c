"""Recompression against the bare codec calls that it wraps, in one process, interleaved."""

from __future__ import annotations

import io
import statistics
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from attacks import recompress_jpeg
from attacks.base import Attack
from attacks.copies import ResizeTo
from attacks.recompress import Jpeg, WebP, WebPLossless
from attacks.recompress_jpeg import DoubleJpeg, Jpegli, MozJpeg
from attacks.recompress_modern import Avif, Heic, JpegXl
from attacks.recompress_palette import Gif, PngPalette
from bench.media import Media

pytestmark = pytest.mark.bench

SIDE = 1024
PIXELS = cv2.resize(skimage.data.astronaut(), (SIDE, SIDE))
MEDIA = Media.from_pixels(PIXELS)
RNG = np.random.default_rng(0)


def opencv(extension: str, *parameters: int) -> Callable[[], object]:
    """From RGB, as every picture here is."""
    return lambda: cv2.imencode(extension, cv2.cvtColor(PIXELS, cv2.COLOR_RGB2BGR), parameters)


def pillow(kind: str, **settings: object) -> Callable[[], object]:
    return lambda: Image.fromarray(PIXELS).save(io.BytesIO(), kind, **settings)


def twice() -> None:
    _, once = cv2.imencode(".jpg", cv2.cvtColor(PIXELS, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 90))
    again = cv2.imdecode(once, cv2.IMREAD_COLOR)[4:, 4:]
    cv2.imencode(".jpg", again, (cv2.IMWRITE_JPEG_QUALITY, 75))


def palette(kind: str) -> Callable[[], object]:
    def save() -> None:
        image = Image.fromarray(PIXELS)
        image.quantize(palette=image.quantize(256), dither=Image.Dither.FLOYDSTEINBERG).save(io.BytesIO(), kind)

    return save


def heic() -> None:
    import pillow_heif

    pillow_heif.from_bytes("RGB", (SIDE, SIDE), PIXELS.tobytes()).save(io.BytesIO(), quality=75)


def jpeg_xl() -> None:
    import imagecodecs

    imagecodecs.jpegxl_encode(PIXELS, distance=1.0, effort=7, numthreads=1)


def jpegli() -> None:
    import pyjpegli

    pyjpegli.encode(PIXELS, SIDE, SIDE, 75)


def mozjpeg() -> None:
    path, _ = recompress_jpeg.mozjpeg() or ("", "")
    picture = b"P6 %d %d 255\n" % (SIDE, SIDE) + PIXELS.tobytes()
    subprocess.run([path, "-quality", "75", "-sample", "2x2"], input=picture, capture_output=True, check=True)


BARE: tuple[tuple[Attack, Callable[[], object], str], ...] = (
    (Jpeg(), opencv(".jpg", cv2.IMWRITE_JPEG_QUALITY, 90), "cv2"),
    (DoubleJpeg(), twice, "cv2"),
    (WebP(), opencv(".webp", cv2.IMWRITE_WEBP_QUALITY, 80), "cv2"),
    (WebPLossless(), opencv(".webp", cv2.IMWRITE_WEBP_QUALITY, 101), "cv2"),
    (MozJpeg(), mozjpeg, "mozjpeg"),
    (Jpegli(), jpegli, "pyjpegli"),
    (Avif(), pillow("AVIF", quality=75, speed=6, subsampling="4:2:0", max_threads=1), "PIL"),
    (Heic(), heic, "pillow_heif"),
    (JpegXl(), jpeg_xl, "imagecodecs"),
    (PngPalette(), palette("PNG"), "PIL"),
    (Gif(), palette("GIF"), "PIL"),
    (ResizeTo(), lambda: cv2.resize(PIXELS, (768, 768), interpolation=cv2.INTER_AREA), "cv2"),
)


def spent(work: Callable[[], object]) -> float:
    """CPU milliseconds of this process, its threads and the programs it waits for."""
    import resource

    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    start = used()
    work()
    return (used() - start) * 1000


@pytest.mark.parametrize(("attack", "bare", "needs"), BARE, ids=[repr(attack) for attack, *_ in BARE])
def test_encoding_costs_what_the_codec_costs(attack, bare, needs: str, capsys: pytest.CaptureFixture[str]) -> None:
    if needs == "mozjpeg" and recompress_jpeg.mozjpeg() is None:
        pytest.skip(MozJpeg().missing())
    if needs != "mozjpeg" and find_spec(needs) is None:
        pytest.skip(attack.missing())
    cv2.setNumThreads(1)
    first = spent(bare)
    pairs = [(spent(bare), spent(lambda: attack(MEDIA, RNG))) for _ in range(21 if first < 100 else 5)]
    theirs, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    with capsys.disabled():
        print(f"\n  {attack!r}: {ours / theirs:.2f} of the bare call ({theirs:.1f} ms at {SIDE}x{SIDE})", end="")
    assert ours <= 1.1 * theirs + 0.05


def test_reading_the_header_of_jpeg_xl_stays_cheap(capsys: pytest.CaptureFixture[str]) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    from bench import containers

    data = bytes(imagecodecs.jpegxl_encode(PIXELS, distance=1.0, effort=3, usecontainer=True))
    times = [spent(lambda: [containers.header(data) for _ in range(100)]) * 10 for _ in range(9)]
    with capsys.disabled():
        print(f"\n  header of a JPEG XL file: {statistics.median(times):.0f} us", end="")
    assert statistics.median(times) < 500
