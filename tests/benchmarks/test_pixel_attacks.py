"""Nine attacks on pixels: ours, a direct loop over OpenCV and other people's packages, in turns on the same pictures.

Where packages differ in what they do, each does its own: AugLy crops what it rotated, imagecorruptions has levels
instead of strengths (its first is taken), albumentations encodes JPEG without swapping the channels for OpenCV.
"""

from __future__ import annotations

import importlib
import os
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import skimage.data

from attacks.colour import Brightness, Contrast
from attacks.geometry import CropArea, Flip, Resize
from attacks.recompress import Jpeg
from attacks.tone import Blur, Noise
from attacks.warp import Rotate
from bench.media import Media
from tests.benchmarks.figures import in_turns

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore")]

SIDE, PICTURES, ROUNDS = 512, 6, 15
KEPT = round(SIDE * 0.75**0.5)
RNG = np.random.default_rng(0)
Change = Callable[[np.ndarray], object]

OURS = {
    "JPEG": Jpeg(quality=75), "resize": Resize(scale=0.5), "crop": CropArea(area=0.25), "flip": Flip(),
    "rotate": Rotate(degrees=10), "brightness": Brightness(factor=1.4), "contrast": Contrast(factor=1.4),
    "blur": Blur(sigma=1), "noise": Noise(sigma=0.05),
}  # fmt: skip


def pictures() -> list[np.ndarray]:
    """Crops of a photograph, each another."""
    large = cv2.resize(skimage.data.astronaut(), (SIDE + 8 * PICTURES,) * 2, interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(large[8 * i : 8 * i + SIDE, 4 * i : 4 * i + SIDE]) for i in range(PICTURES)]


def ours() -> dict[str, Change]:
    """Through the file that every attack is given, to the pixels of the file that it makes."""
    return {name: lambda p, a=attack: a(Media.from_pixels(p), RNG).pixels() for name, attack in OURS.items()}


def direct() -> dict[str, Change]:
    """The shortest way to the same pixels with OpenCV."""
    ramp = np.arange(256)
    brighter = np.clip(np.rint(ramp * 1.4), 0, 255).astype(np.uint8)
    turn = cv2.getRotationMatrix2D(((SIDE - 1) / 2,) * 2, 10, 1)

    def jpeg(p: np.ndarray) -> object:
        coded = cv2.imencode(".jpg", cv2.cvtColor(p, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 75))[1]
        return cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB)

    def contrast(p: np.ndarray) -> object:
        grey = round(cv2.mean(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY))[0])
        return cv2.LUT(p, np.clip(np.rint(grey + 1.4 * (ramp - grey)), 0, 255).astype(np.uint8))

    def noise(p: np.ndarray) -> object:
        grain = np.empty(p.shape, np.int16)
        cv2.randn(grain, (0, 0, 0), (12.75,) * 3)
        return cv2.add(p, grain, dtype=cv2.CV_8U)

    return {
        "JPEG": jpeg,
        "resize": lambda p: cv2.resize(p, (SIDE // 2,) * 2, interpolation=cv2.INTER_AREA),
        "crop": lambda p: np.ascontiguousarray(p[9 : 9 + KEPT, 9 : 9 + KEPT]),
        "flip": lambda p: cv2.flip(p, 1),
        "rotate": lambda p: cv2.warpAffine(p, turn, (SIDE, SIDE)),
        "brightness": lambda p: cv2.LUT(p, brighter),
        "contrast": contrast,
        "blur": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
        "noise": noise,
    }


def albumentations() -> dict[str, Change]:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the package index for its newest version otherwise
    lib = importlib.import_module("albumentations")
    made = {
        "JPEG": lib.ImageCompression(compression_type="jpeg", quality_range=(75, 75), p=1),
        "resize": lib.Resize(SIDE // 2, SIDE // 2, interpolation=cv2.INTER_AREA, p=1),
        "crop": lib.RandomCrop(KEPT, KEPT, p=1),
        "flip": lib.HorizontalFlip(p=1),
        "rotate": lib.Rotate(limit=(10, 10), p=1),
        "brightness": lib.ColorJitter(brightness=(1.4, 1.4), contrast=(1, 1), saturation=(1, 1), hue=(0, 0), p=1),
        "contrast": lib.ColorJitter(brightness=(1, 1), contrast=(1.4, 1.4), saturation=(1, 1), hue=(0, 0), p=1),
        "blur": lib.GaussianBlur(blur_limit=0, sigma_limit=(1, 1), p=1),
        "noise": lib.GaussNoise(std_range=(0.05, 0.05), p=1),
    }
    return {name: lambda p, t=transform: t(image=p)["image"] for name, transform in made.items()}


def augly() -> dict[str, Change]:
    lib, image = importlib.import_module("augly.image"), importlib.import_module("PIL.Image")
    made: dict[str, Callable[[object], object]] = {
        "JPEG": lambda i: lib.encoding_quality(i, quality=75),
        "resize": lambda i: lib.scale(i, factor=0.5),
        "crop": lambda i: lib.crop(i, x1=0.067, y1=0.067, x2=0.933, y2=0.933),
        "flip": lib.hflip,
        "rotate": lambda i: lib.rotate(i, degrees=10),
        "brightness": lambda i: lib.brightness(i, factor=1.4),
        "contrast": lambda i: lib.contrast(i, factor=1.4),
        "blur": lambda i: lib.blur(i, radius=1),
        "noise": lambda i: lib.random_noise(i, var=0.05**2),
    }
    return {name: lambda p, t=transform: np.asarray(t(image.fromarray(p))) for name, transform in made.items()}


def imagecorruptions() -> dict[str, Change]:
    lib = importlib.import_module("imagecorruptions")
    kinds = {"JPEG": "jpeg_compression", "brightness": "brightness", "contrast": "contrast", "blur": "gaussian_blur",
             "noise": "gaussian_noise"}  # fmt: skip
    return {name: lambda p, kind=kind: lib.corrupt(p, 1, kind) for name, kind in kinds.items()}


PEERS = {"albumentations": albumentations, "AugLy": augly, "imagecorruptions": imagecorruptions}


def working(changes: dict[str, Change], picture: np.ndarray) -> tuple[dict[str, Change], list[str]]:
    """The changes that run here, and why the others do not."""
    kept, broken = {}, []
    for name, change in changes.items():
        try:
            change(picture)
            kept[name] = change
        except Exception as error:
            broken.append(f"{name}: {error!r}"[:120])
    return kept, broken


def test_nine_attacks_against_opencv_and_others(figure, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.setNumThreads(1)
    shown = pictures()
    sides, notes = {"washtest": ours(), "cv2": direct()}, []
    for name, make in PEERS.items():
        try:
            sides[name], broken = working(make(), shown[0])
            notes += [f"{name}, not run: {one}" for one in broken]
        except ImportError as error:
            notes.append(f"{name} is left out: {error}")
    spent = {}
    for attack in OURS:
        # One attack at a time: whoever came first after another attack would find the pictures out of the cache.
        works = {
            (side, attack): lambda change=change: [change(p) for p in shown]
            for side, changes in sides.items()
            if (change := changes.get(attack))
        }
        spent |= in_turns(works, ROUNDS, time.thread_time)
    middle = {key: statistics.median(times) for key, times in spent.items()}

    def over(side: str, base: str) -> float:
        """The attacks that both have, all together."""
        both = [attack for attack in OURS if (side, attack) in spent and (base, attack) in spent]
        rounds = range(ROUNDS)
        return statistics.median(
            sum(spent[side, a][r] for a in both) / sum(spent[base, a][r] for a in both) for r in rounds
        )

    with capsys.disabled():
        for note in notes:
            print(f"\n  {note}", end="")
        for attack in OURS:
            cells = [f"{side} {middle[side, attack] / middle['cv2', attack]:.2f}" for side in sides
                     if side != "cv2" and (side, attack) in middle]  # fmt: skip
            print(f"\n    {attack} over cv2: {', '.join(cells)}", end="")
    figure("nine attacks / direct cv2 loop", over("washtest", "cv2"), "<= 1.15")
    for name in PEERS:
        if name in sides:
            count = sum((name, attack) in spent for attack in OURS)
            # The sum hides that cheap attacks are all overhead, where another package may well be the faster one.
            faster = sum(middle["washtest", a] < middle[name, a] for a in OURS if (name, a) in middle)
            figure(f"{name} / washtest, {count} attacks together", over(name, "washtest"), ">= 1")
            figure(f"attacks faster than in {name}, of {count}", faster)
