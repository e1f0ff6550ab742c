"""The watermarks against the packages that define them, pixel for pixel and bit for bit."""

from __future__ import annotations

import importlib
import multiprocessing
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.labels.base import Claim
from bench.labels.watermarks import BlindWatermark, DwtDct, DwtDctSvd, RivaGan
from bench.media import Media

PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "datasets" / "mini" / "files" / "human"
NAMES = ("camera_man.webp", "sunflower.webp", "coffee_cup.jpg", "hubble_deep_field.jpg", "polar_bear.jpg")
CLAIM = Claim(message="c3a5f00f9911772e" * 4)


def photograph(name: str) -> Media:
    return Media.from_pixels(Media.read(next(PHOTOGRAPHS.glob(Path(name).stem + ".*"))).pixels())


def package_class(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch, torch: types.ModuleType | None = None
) -> type:
    """A class of invisible-watermark, whose package imports torch for another of its schemes."""
    monkeypatch.setitem(sys.modules, "torch", torch or types.ModuleType("torch"))
    try:
        folder = importlib.util.find_spec("imwatermark").submodule_search_locations[0]
    except (AttributeError, ImportError):
        pytest.skip("invisible-watermark is not installed")
    spec = importlib.util.spec_from_file_location(f"reference_{module}", Path(folder) / f"{module}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, name)


def blind_watermark(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The package, which sets the start method of all processes when it is imported, and fails if that is done."""
    monkeypatch.setattr(multiprocessing, "set_start_method", lambda *_: None)
    return pytest.importorskip("blind_watermark", reason="blind-watermark is not installed")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("label", "module", "kind"),
    [(DwtDct(), "maxDct", "EmbedMaxDct"), (DwtDctSvd(), "dwtDctSvd", "EmbedDwtDctSvd")],
    ids=["dwtDct", "dwtDctSvd"],
)
def test_equals_invisible_watermark(label, module: str, kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = package_class(module, kind, monkeypatch)
    media = photograph(name)
    bits = [int(bit) for bit in CLAIM.bits(32)]
    embed = reference(bits, wmLen=32)
    theirs = embed.encode(media.pixels()[..., ::-1].copy())
    ours = label.write(media, CLAIM)
    assert np.array_equal(ours.pixels()[..., ::-1], theirs)
    decoded = reference([], wmLen=32).decode(theirs)
    assert label.read(ours).fields["bits"] == "".join(str(int(bit)) for bit in np.asarray(decoded) > 0.5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_equals_blind_watermark(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = blind_watermark(monkeypatch)
    media = photograph(name)
    marker = package.WaterMark(password_img=1, password_wm=1)
    marker.read_img(img=media.pixels()[..., ::-1].copy())
    marker.read_wm([bit == "1" for bit in CLAIM.bits(32)], mode="bit")
    ours = BlindWatermark().write(media, CLAIM).pixels()[..., ::-1]
    # The package hands floats to cv2.imwrite, which rounds and clips them.
    assert np.array_equal(ours, np.clip(np.round(marker.embed()), 0, 255).astype(np.uint8))
    reader = package.WaterMark(password_img=1, password_wm=1)
    votes = reader.extract(embed_img=ours.copy(), wm_shape=32, mode="bit")
    assert "".join("01"[int(vote > 0.5)] for vote in votes) == CLAIM.bits(32)


def difficult() -> dict[str, np.ndarray]:
    """Pictures where rounding, wrapping and left-over edges decide."""
    rng = np.random.default_rng(4)
    base = photograph("coffee_cup.jpg").pixels()
    saturated = np.zeros((264, 256, 3), np.uint8)
    saturated[:, ::2, 2] = 255
    return {
        "odd sides": base[:261, :259],
        "left over 7": base[:263, :255].repeat(2, axis=1)[:, :503],
        "noise": rng.integers(0, 256, (256, 272, 3), dtype=np.uint8),
        "flat 126": np.full((264, 256, 3), 126, np.uint8),
        "black": np.zeros((256, 256, 3), np.uint8),
        "saturated": saturated,
        "wide": rng.integers(100, 110, (64, 1040, 3), dtype=np.uint8),
    }


DIFFICULT = difficult()


def unmarked_and_attacked(pixels: np.ndarray) -> list[np.ndarray]:
    """Pictures to decode, in BGR."""
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    jpeg = cv2.imdecode(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    return [bgr, jpeg, cv2.GaussianBlur(bgr, (0, 0), 1.5)]


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("name", DIFFICULT)
@pytest.mark.parametrize(
    ("label", "module", "kind"),
    [(DwtDct(), "maxDct", "EmbedMaxDct"), (DwtDctSvd(), "dwtDctSvd", "EmbedDwtDctSvd")],
    ids=["dwtDct", "dwtDctSvd"],
)
def test_equals_invisible_watermark_in_difficult_pictures(
    label, module: str, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = package_class(module, kind, monkeypatch)
    bgr = DIFFICULT[name][..., ::-1].copy()
    theirs = reference([int(bit) for bit in CLAIM.bits(32)], wmLen=32).encode(bgr)
    marked = label.write(Media.from_pixels(DIFFICULT[name]), CLAIM).pixels()
    assert np.array_equal(marked[..., ::-1], theirs)
    for picture in (*unmarked_and_attacked(marked), *unmarked_and_attacked(DIFFICULT[name])):
        decoded = reference([], wmLen=32).decode(picture)
        ours = label.read(Media.from_pixels(np.ascontiguousarray(picture[..., ::-1]))).fields["bits"]
        assert ours == "".join("01"[int(bit)] for bit in decoded)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in DIFFICULT if name not in ("flat 126", "black")])
def test_equals_blind_watermark_in_difficult_pictures(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = blind_watermark(monkeypatch)
    for picture in unmarked_and_attacked(DIFFICULT[name]):
        votes = package.WaterMark().extract(embed_img=picture, wm_shape=32, mode="bit")
        ours = BlindWatermark().read(Media.from_pixels(np.ascontiguousarray(picture[..., ::-1]))).fields["bits"]
        assert ours == "".join("01"[int(vote > 0.5)] for vote in votes)


class Tensor(np.ndarray):
    """As much of a torch tensor as the package's RivaGAN asks for."""

    def permute(self, *axes: int) -> Tensor:
        return self.transpose(axes)

    def unsqueeze(self, axis: int) -> Tensor:
        return np.expand_dims(self, axis).view(Tensor)

    def detach(self) -> Tensor:
        return self

    cpu = detach

    def numpy(self) -> np.ndarray:
        return np.ascontiguousarray(self).view(np.ndarray)


@pytest.mark.parametrize("name", ["camera_man.webp", "odd sides"])
def test_rivagan_equals_invisible_watermark(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if RivaGan().missing():
        pytest.skip(f"no onnxruntime or no weights: {RivaGan().missing()}")
    torch = types.ModuleType("torch")
    torch.from_numpy = lambda array: array.view(Tensor)  # type: ignore[attr-defined]
    torch.clamp = lambda tensor, min, max: np.clip(tensor, min, max)  # type: ignore[attr-defined]
    reference = package_class("rivaGan", "RivaWatermark", monkeypatch, torch)
    reference.loadModel()
    media = Media.from_pixels(DIFFICULT[name]) if name in DIFFICULT else photograph(name)
    theirs = reference([int(bit) for bit in CLAIM.bits(32)]).encode(media.pixels()[..., ::-1].copy())
    ours = RivaGan().write(media, CLAIM)
    assert np.array_equal(ours.pixels()[..., ::-1], theirs)
    decoded = reference().decode(theirs)
    assert RivaGan().read(ours).fields["bits"] == "".join(str(bit) for bit in decoded)
    assert np.mean([a == b for a, b in zip(RivaGan().read(ours).fields["bits"], CLAIM.bits(32), strict=True)]) > 0.9
