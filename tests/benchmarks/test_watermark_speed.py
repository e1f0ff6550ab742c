"""Our watermarks against the packages that define them: CPU time of one picture, as a ratio measured in one run."""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.labels.watermarks import BlindWatermark, blind, dwt
from bench.media import Media

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore")]

PHOTOGRAPH = Path(__file__).resolve().parents[2] / "datasets/mini/files/human/coffee_cup.jpg"
BITS = np.resize([0, 1, 1, 0, 1], 32)


def ratio(theirs: Callable[[], object], ours: Callable[[], object], repeats: int = 7) -> tuple[float, float]:
    """Their CPU time over ours, median of pairs, and our milliseconds."""
    theirs(), ours()
    ratios, times = [], []
    for _ in range(repeats):
        spent = []
        for function in (theirs, ours):
            start = time.process_time()
            function()
            spent.append(time.process_time() - start)
        ratios.append(spent[0] / spent[1])
        times.append(spent[1] * 1000)
    return statistics.median(ratios), statistics.median(times)


@pytest.fixture
def bgr() -> np.ndarray:
    """A photograph of 512 x 512 pixels."""
    cv2.setNumThreads(1)
    return cv2.resize(Media.read(PHOTOGRAPH).pixels()[..., ::-1].copy(), (512, 512), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("name", "mark", "values"),
    [("dwtDct", dwt._set_largest, dwt._largest), ("dwtDctSvd", dwt._set_singular, dwt._singular)],
    ids=["dwtDct", "dwtDctSvd"],
)
def test_at_least_as_fast_as_invisible_watermark(
    name: str, mark, values, bgr: np.ndarray, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    package = pytest.importorskip("imwatermark", reason="invisible-watermark is not installed")
    encoder, decoder = package.WatermarkEncoder(), package.WatermarkDecoder("bits", 32)
    encoder.set_watermark("bits", BITS.tolist())
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    embed = ratio(lambda: encoder.encode(bgr, name), lambda: dwt._embed(rgb, BITS, mark))
    extract = ratio(lambda: decoder.decode(bgr, name), lambda: dwt._extract(rgb, 32, values))
    _say(capsys, name, embed, extract)
    assert min(embed[0], extract[0]) >= 1


def test_at_least_as_fast_as_blind_watermark(
    bgr: np.ndarray, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It sets the start method when it is imported, which fails where another benchmark has had workers before.
    monkeypatch.setattr(multiprocessing, "set_start_method", lambda *_, **__: None)
    package = pytest.importorskip("blind_watermark", reason="blind-watermark is not installed")
    rgb = np.ascontiguousarray(bgr[..., ::-1])

    def embed() -> None:
        marker = package.WaterMark()
        marker.read_img(img=bgr)
        marker.read_wm(BITS.astype(bool), mode="bit")
        marker.embed()

    def extract() -> None:
        package.WaterMark().extract(embed_img=bgr, wm_shape=32, mode="bit")

    embedding = ratio(embed, lambda: blind._embed(rgb, BITS, 1), repeats=5)
    extracting = ratio(extract, lambda: blind._extract(rgb, 32, 1), repeats=5)
    _say(capsys, BlindWatermark.name, embedding, extracting)
    assert min(embedding[0], extracting[0]) >= 1


def _say(
    capsys: pytest.CaptureFixture[str], name: str, embed: tuple[float, float], extract: tuple[float, float]
) -> None:
    with capsys.disabled():
        print(
            f"\n  {name}, 512x512, package / ours, CPU: write {embed[0]:.1f} ({embed[1]:.1f} ms), "
            f"read {extract[0]:.1f} ({extract[1]:.1f} ms)"
        )
