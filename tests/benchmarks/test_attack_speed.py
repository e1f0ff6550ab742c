"""Attacks on pixels against the bare library calls that they wrap, in one process, interleaved."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageEnhance, ImageFilter

from attacks.base import Attack
from attacks.colour import Brightness, Contrast, Greyscale, Hue, Palette, Saturation
from attacks.cover import Erase, Pad
from attacks.geometry import Aspect, CropArea, Flip, ResizedCrop
from attacks.recapture import Recapture
from attacks.tone import BoxBlur, Median, PillowBlur, PoissonNoise, Sharpen, SpeckleNoise
from attacks.warp import Perspective, Rotate
from bench.media import Media

pytestmark = pytest.mark.bench

SIDE = 1024
#: What a frozen object, a size check and two random numbers may cost beside a copy of a few microseconds.
WRAPPING_MS = 0.03

PIXELS = cv2.resize(skimage.data.astronaut(), (SIDE, SIDE))
MEDIA = Media.from_pixels(PIXELS)
RNG = np.random.default_rng(0)
TURN = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 10, 1)
CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)


def pillow(change: Callable[[Image.Image], Image.Image]) -> Callable[[], object]:
    return lambda: np.asarray(change(Image.fromarray(PIXELS)))


def hue() -> None:
    wheel = cv2.cvtColor(PIXELS.astype(np.float32), cv2.COLOR_RGB2HSV)
    wheel[..., 0] += 30
    wheel[..., 0][wheel[..., 0] >= 360] -= 360
    cv2.convertScaleAbs(cv2.cvtColor(wheel, cv2.COLOR_HSV2RGB))


def perspective() -> None:
    moved = CORNERS + RNG.uniform(0, 0.1, (4, 2)).astype(np.float32) * (1 - 2 * CORNERS)
    cv2.warpPerspective(PIXELS, cv2.getPerspectiveTransform(CORNERS * SIDE, moved * SIDE), (SIDE, SIDE))


def erase() -> None:
    PIXELS.copy()[100:400, 200:500] = 0


def speckle() -> None:
    factor = np.empty(PIXELS.shape, np.float32)
    cv2.randn(factor, (1, 1, 1), (0.1, 0.1, 0.1))
    cv2.multiply(PIXELS, factor, dtype=cv2.CV_8U)


WINDOW = round(SIDE * 0.75**0.5)
BARE: tuple[tuple[Attack, Callable[[], object]], ...] = (
    (Aspect(), lambda: cv2.resize(PIXELS, (round(SIDE * 1.25**0.5), round(SIDE / 1.25**0.5)))),
    (CropArea(), lambda: np.ascontiguousarray(PIXELS[9 : 9 + WINDOW, 9 : 9 + WINDOW])),
    (ResizedCrop(), lambda: cv2.resize(PIXELS[9 : 9 + WINDOW, 9 : 9 + WINDOW], (SIDE, SIDE))),
    (Flip(), lambda: cv2.flip(PIXELS, 1)),
    (Rotate(), lambda: cv2.warpAffine(PIXELS, TURN, (SIDE, SIDE))),
    (Perspective(), perspective),
    (Pad(), lambda: cv2.copyMakeBorder(PIXELS, 102, 102, 102, 102, cv2.BORDER_CONSTANT)),
    (Erase(), erase),
    (Brightness(), pillow(lambda image: ImageEnhance.Brightness(image).enhance(1.4))),
    (Contrast(), pillow(lambda image: ImageEnhance.Contrast(image).enhance(1.4))),
    (Saturation(), pillow(lambda image: ImageEnhance.Color(image).enhance(1.5))),
    (Hue(), hue),
    (Greyscale(), lambda: cv2.cvtColor(cv2.cvtColor(PIXELS, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)),
    (Palette(), pillow(lambda image: image.quantize(64).convert("RGB"))),
    (PillowBlur(), pillow(lambda image: image.filter(ImageFilter.GaussianBlur(2)))),
    (BoxBlur(), lambda: cv2.blur(PIXELS, (5, 5), borderType=cv2.BORDER_REPLICATE)),
    (Median(), lambda: cv2.medianBlur(PIXELS, 3)),
    (Sharpen(), lambda: cv2.addWeighted(PIXELS, 2, cv2.GaussianBlur(PIXELS, (0, 0), 1), -1, 0)),
    (SpeckleNoise(), speckle),
    (PoissonNoise(), lambda: cv2.multiply(RNG.poisson(PIXELS * 1.0), 1.0, dtype=cv2.CV_8U)),
)


def spent(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1000


@pytest.mark.parametrize(("attack", "bare"), BARE, ids=[repr(attack) for attack, _ in BARE])
def test_attack_costs_what_its_library_call_costs(attack, bare, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.setNumThreads(1)
    pairs = [(spent(bare), spent(lambda: attack(MEDIA, RNG))) for _ in range(3 if spent(bare) > 100 else 31)]
    theirs, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    with capsys.disabled():
        print(f"\n  {attack!r}: {ours / theirs:.2f} of the bare call ({theirs:.2f} ms at {SIDE}x{SIDE})", end="")
    assert ours <= 1.1 * theirs + WRAPPING_MS


def test_recapture_stays_within_some_encodings(capsys: pytest.CaptureFixture[str]) -> None:
    cv2.setNumThreads(1)
    pairs = [(spent(lambda: cv2.imencode(".png", PIXELS)), spent(lambda: Recapture()(MEDIA, RNG))) for _ in range(9)]
    theirs, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    with capsys.disabled():
        print(f"\n  Recapture: {ours:.0f} ms for a screen of {SIDE}x{SIDE}, a PNG encoding {theirs:.0f} ms", end="")
    assert ours < 8 * theirs
