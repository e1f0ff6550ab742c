"""The suites that repeat published grids hold their numbers, and one attack means there what it means here."""

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageEnhance, ImageFilter

from attacks.chain import Chain
from attacks.copies import THUMBNAIL, WEB_COPY
from attacks.recompress import Jpeg
from bench.harness.plan import load_suite
from bench.harness.quality import psnr
from bench.media import Media

STEPS = (1.2, 1.4, 1.6, 1.8, 2.0)
NOISE = (0.02, 0.04, 0.06, 0.08, 0.1)
WBENCH = {
    "Brightness": STEPS, "Contrast": STEPS, "PillowBlur": (1, 3, 5, 7, 9), "Noise": NOISE,
    "Jpeg": (10, 25, 40, 55, 70),
}  # fmt: skip
WAVES = {
    "Rotate": (9, 18, 27, 36, 45), "ResizedCrop": (0.1, 0.2, 0.3, 0.4, 0.5), "Erase": (0.05, 0.1, 0.15, 0.2, 0.25),
    "Brightness": STEPS, "Contrast": STEPS, "PillowBlur": (4, 8, 12, 16, 20), "Noise": NOISE,
    "Jpeg": (10, 30, 50, 70, 90),
}  # fmt: skip


@pytest.mark.parametrize(("name", "grid"), [("wbench", WBENCH), ("waves", WAVES)], ids=["wbench", "waves"])
def test_suite_has_the_published_steps(name: str, grid: dict[str, tuple[float, ...]]) -> None:
    found: dict[str, list[float]] = {}
    for attack in load_suite(name).attacks[1:]:
        if not isinstance(attack, Chain):
            found.setdefault(type(attack).__name__, []).append(next(iter(vars(attack).values())))
    assert {kind: tuple(sorted(values)) for kind, values in found.items()} == grid


def test_detector_papers_have_their_steps() -> None:
    suite = load_suite("detector-papers")
    found: dict[str, list[float]] = {}
    for attack in suite.attacks[1:]:
        found.setdefault(type(attack).__name__, []).append(attack.severity)
    assert [100 - s for s in found["Jpeg"]] == [95, 90, 75, 50, 30]
    assert [100 - s for s in found["WebP"]] == [100 - s for s in found["Heic"]] == [99, 80, 60, 40, 20]
    assert found["Blur"] == [1, 2, 3, 4]
    assert [2**-s for s in found["Resize"]] == [0.75, 0.5]
    assert {WEB_COPY, THUMBNAIL} <= set(suite.attacks)


def test_waves_combinations_take_the_same_step_of_each_kind() -> None:
    chains = [attack for attack in load_suite("waves").attacks if isinstance(attack, Chain)]
    assert [len(chain.attacks) for chain in chains] == [3] * 3 + [2] * 3 + [3] * 3 + [8] * 3
    for chain in chains:
        steps = set()
        for attack in chain.attacks:
            values = WAVES[type(attack).__name__]
            place = values.index(next(iter(vars(attack).values())))
            steps.add(4 - place if isinstance(attack, Jpeg) else place)
        assert len(steps) == 1


def test_every_attack_of_wbench_equals_its_reference() -> None:
    photo = np.ascontiguousarray(skimage.data.astronaut()[100:260, 120:280])
    image = Image.fromarray(photo)

    def reference(kind: str, value: float) -> Image.Image:
        match kind:
            case "Brightness":
                return ImageEnhance.Brightness(image).enhance(value)
            case "Contrast":
                return ImageEnhance.Contrast(image).enhance(value)
            case "PillowBlur":
                return image.filter(ImageFilter.GaussianBlur(value))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=int(value))
        return Image.open(out)

    for attack in load_suite("wbench").attacks[1:]:
        kind, value = type(attack).__name__, next(iter(vars(attack).values()))
        ours = attack(Media.from_pixels(photo), np.random.default_rng(0))
        if kind == "Noise":
            values = photo / 255 + np.random.default_rng(1).normal(0, value, photo.shape)
            theirs = (np.clip(values, 0, 1) * 255).astype(np.uint8)
            assert psnr(photo, ours.pixels()) == pytest.approx(psnr(photo, theirs), abs=0.15)
        else:
            theirs = np.asarray(reference(kind, value))
            # Two builds of libjpeg-turbo may convert colours with another rounding.
            assert psnr(theirs.copy(), Media.from_bytes(ours.data).pixels()) > (45 if kind == "Jpeg" else 1e9)
