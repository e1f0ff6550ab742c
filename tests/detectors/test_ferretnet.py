"""FerretNet-S: the published preprocessing, a golden score, and its collapse after JPEG."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.detectors.ferretnet import DEVIATION, MEAN, FerretNetS, model_input
from bench.media import Media

#: Logits of ``waves()`` and ``waves(90, 120)``.
GOLDEN, GOLDEN_SMALL = 16.478, 1.6209


@pytest.fixture
def weights(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    if not (shared / "weights" / "ferretnet-s-median-3.pth").is_file():
        pytest.skip("no weights of FerretNet-S")
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(shared / "weights"))
    return shared / "weights"


def waves(height: int = 300, width: int = 411) -> np.ndarray:
    """A picture by a formula, the same everywhere."""
    y, x, c = np.mgrid[:height, :width, :3]
    return ((x * y // 7 + 31 * (x // 16) + 17 * (y // 16) * (c + 1) + x * x // 50) % 256).astype(np.uint8)


def jpeg(media: Media, quality: int) -> Media:
    _, data = cv2.imencode(".jpg", media.pixels()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Media(data.tobytes(), "image/jpeg")


@pytest.mark.parametrize("size", [(256, 256), (301, 258), (259, 300), (200, 300), (255, 1), (1, 1), (256, 257)])
def test_input_is_the_centre_crop_of_torchvision(size: tuple[int, int]) -> None:
    pixels = waves(*size)
    got = model_input(pixels)
    assert got.shape == (1, 3, 256, 256) and got.dtype == np.float32
    back = np.rint((got[0].transpose(1, 2, 0) * DEVIATION + MEAN) * 255).astype(int)
    # The rule of torchvision.transforms.CenterCrop, written out: pad to the crop first, then round half to even.
    left, top = (max(0, 256 - size[1]) // 2, max(0, 256 - size[0]) // 2)
    canvas = np.zeros((max(256, size[0]), max(256, size[1]), 3), int)
    canvas[top : top + size[0], left : left + size[1]] = pixels
    y, x = (round((side - 256) / 2.0) for side in canvas.shape[:2])
    assert np.array_equal(back, canvas[y : y + 256, x : x + 256])


def test_input_is_that_of_torchvision_where_it_is_installed() -> None:
    transforms = pytest.importorskip("torchvision.transforms", reason="torchvision is not installed")
    from PIL import Image

    steps = [transforms.CenterCrop(256), transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)]
    for size in ((301, 258), (200, 301), (7, 5), (257, 256)):
        expected = transforms.Compose(steps)(Image.fromarray(waves(*size))).numpy()
        assert np.abs(model_input(waves(*size))[0] - expected).max() < 1e-6


def test_golden_score(weights: Path) -> None:
    detector = FerretNetS()
    assert detector.missing() == ""
    scores = detector.score([Media.from_pixels(waves()), Media.from_pixels(waves(90, 120))])
    assert [score.status for score in scores] == ["ok", "ok"]
    assert [score.value for score in scores] == pytest.approx([GOLDEN, GOLDEN_SMALL], abs=2e-3)


def test_missing_weights_say_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, washtest) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.delenv("WASHTEST_WEIGHTS", raising=False)
    [score] = FerretNetS().score([Media.from_pixels(waves())])
    assert (score.value, score.status, score.code) == (None, "unavailable", "E_WEIGHTS_MISSING")
    assert score.detail.endswith("run: washtest weights fetch ferretnet-s")
    row = next(row for row in washtest("list", "detectors", "--json").json if row["name"] == "ferretnet-s")
    assert not row["available"] and row["install"].startswith(("washtest weights fetch", "pip install"))
    row = next(row for row in washtest("doctor", "--json").json if row["name"] == "ferretnet-s")
    assert (row["available"], row["install"]) == (False, "washtest weights fetch ferretnet-s")


def test_altered_weights_are_not_used(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, washtest) -> None:
    content = bytearray((weights / "ferretnet-s-median-3.pth").read_bytes())
    content[5000] ^= 1
    (tmp_path / "ferretnet-s-median-3.pth").write_bytes(content)
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    [score] = FerretNetS().score([Media.from_pixels(waves())])
    assert (score.value, score.status, score.code) == (None, "unavailable", "E_WEIGHTS_DIGEST")
    assert "remove it and run: washtest weights fetch ferretnet-s" in score.detail
    row = next(row for row in washtest("doctor", "--json").json if row["name"] == "ferretnet-s")
    assert not row["available"] and "has SHA-256" in row["install"]


def test_command_scores_a_file(weights: Path, tmp_path: Path, washtest) -> None:
    (tmp_path / "waves.png").write_bytes(Media.from_pixels(waves()).data)
    [row] = washtest("detect", "ferretnet-s", tmp_path / "waves.png", "--json").json
    assert row["status"] == "ok" and row["value"] == pytest.approx(GOLDEN, abs=2e-3)


def test_published_behaviour_recall_is_gone_after_jpeg(weights: Path, shared: Path) -> None:
    table = shared / "data" / "samples.csv"
    if not table.is_file():
        pytest.skip("no pictures beside the repository")
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["width"]) * int(row["height"]) <= 1_100_000]
    ai = [row for row in rows if row["source"] in ("comfyui_examples", "gpt4o_jamez")][::3]  # where it has any recall
    human = [row for row in rows if row["truth"] == "human"][::40]
    detector = FerretNetS()

    def flagged(chosen: list[dict[str, str]], quality: int) -> int:
        files = [Media.read(shared / "data" / row["path"]) for row in chosen]
        scores = detector.score([jpeg(file, quality) if quality else file for file in files])
        return sum(score.value > 0 for score in scores)  # type: ignore[operator]

    assert flagged(ai, 0) >= 0.25 * len(ai)
    assert flagged(ai, 95) == flagged(ai, 75) == 0
    assert flagged(human, 95) <= flagged(human, 0) <= 0.2 * len(human)
