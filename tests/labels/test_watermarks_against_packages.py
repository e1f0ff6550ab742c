"""The watermarks against the packages that define them, pixel for pixel and bit for bit."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from bench.labels.base import Claim
from bench.labels.watermarks import BlindWatermark, DwtDct, DwtDctSvd
from bench.media import Media

PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "datasets" / "mini" / "files" / "human"
NAMES = ("camera_man.webp", "sunflower.webp", "coffee_cup.jpg", "hubble_deep_field.jpg", "polar_bear.jpg")
CLAIM = Claim(message="c3a5f00f9911772e" * 4)


def photograph(name: str) -> Media:
    return Media.from_pixels(Media.read(next(PHOTOGRAPHS.glob(Path(name).stem + ".*"))).pixels())


def package_class(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> type:
    """A class of invisible-watermark, whose package imports torch for another of its schemes."""
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    try:
        folder = importlib.util.find_spec("imwatermark").submodule_search_locations[0]
    except (AttributeError, ImportError):
        pytest.skip("invisible-watermark is not installed")
    spec = importlib.util.spec_from_file_location(f"reference_{module}", Path(folder) / f"{module}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, name)


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
def test_equals_blind_watermark(name: str) -> None:
    package = pytest.importorskip("blind_watermark", reason="blind-watermark is not installed")
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
