"""The shipped VAE is the one that its card describes, and its training can be run again."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import Unavailable
from bench.neural import onnx, vae, washvae
from bench.neural.washvae import DECODER_REACH, DOWNSCALE, ENCODER_REACH, LATENT_CHANNELS, data, export
from bench.neural.washvae.photographs import resource

MINI = Path(__file__).resolve().parents[2] / "datasets" / "mini"
FREE = ("public-domain", "CC0-1.0", "CC-BY-", "MIT")


def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(washvae.MEASURED.read_text("utf-8"))
    return found


def encode(pixels: np.ndarray) -> np.ndarray:
    pytest.importorskip("onnxruntime")
    return onnx.first_output(onnx.session(washvae.encoder()), pixels)


def decode(latent: np.ndarray) -> np.ndarray:
    return onnx.first_output(onnx.session(washvae.decoder()), latent)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_both_graphs_together_are_under_four_megabytes() -> None:
    assert len(washvae.encoder()) + len(washvae.decoder()) <= 4_000_000


def test_version_is_the_digest_of_both_graphs_which_are_not_read_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(washvae.encoder() + washvae.decoder()).hexdigest()
    monkeypatch.setattr(washvae, "_graph", None)
    assert washvae.version() == vae.named("washvae").version() == digest[:16]
    monkeypatch.setattr(washvae, "MEASURED", washvae.FOLDER / "none.json")
    assert washvae.version() == "missing"


@pytest.mark.parametrize(("change", "code"), [(b"altered", "E_WEIGHTS_DIGEST"), (None, "E_WEIGHTS_MISSING")])
def test_altered_or_missing_weights_are_refused(
    change: bytes | None, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change:
        (tmp_path / "decoder.onnx").write_bytes(washvae.decoder() + change)
    monkeypatch.setattr(washvae, "FOLDER", tmp_path)
    washvae._graph.cache_clear()
    with pytest.raises(Unavailable) as refused:
        washvae.decoder()
    assert refused.value.code == code


def test_round_trip_reaches_what_the_card_says_on_photographs_it_never_saw() -> None:
    pytest.importorskip("onnxruntime")
    graphs = {"encoder.onnx": washvae.encoder(), "decoder.onnx": washvae.decoder()}
    files = sorted((MINI / "files" / "human").iterdir())
    stated = measured()["psnr"]["photographs of datasets/mini"]
    assert len(files) == stated["photographs"]
    # Every other one, to be quick about it: their mean is a little off that of all.
    reached = [export.psnr(graphs, data.read(path)) for path in files[::2]]
    assert np.mean(reached) == pytest.approx(stated["psnr_db"], abs=0.5)
    assert stated["psnr_db"] >= 27


def test_card_holds_what_was_measured() -> None:
    assert export.table(measured()) in export.CARD.read_text("utf-8")


@pytest.mark.parametrize("size", [(8, 8), (8, 136), (72, 40)])
def test_any_size_in_multiples_of_eight_goes_through(size: tuple[int, int]) -> None:
    latent = encode(noise(1, 3, *size))
    assert latent.shape == (1, LATENT_CHANNELS, size[0] // DOWNSCALE, size[1] // DOWNSCALE)
    pixels = decode(latent)
    assert pixels.shape == (1, 3, *size)
    assert 0 <= pixels.min() and pixels.max() <= 1


def test_same_picture_gives_same_latent_and_pixels() -> None:
    picture = noise(1, 3, 64, 64)
    assert np.array_equal(encode(picture), encode(picture))
    assert np.array_equal(decode(encode(picture)), decode(encode(picture)))


def test_latent_has_mean_0_and_deviation_1_over_photographs() -> None:
    cells = []
    for path in sorted((MINI / "files" / "human").iterdir())[::3]:
        picture = data.read(path)
        height, width = (size - size % DOWNSCALE for size in picture.shape[:2])
        latent = encode(picture[:height, :width].transpose(2, 0, 1)[None].astype(np.float32) / 255)
        cells.append(latent[0].reshape(LATENT_CHANNELS, -1))
    together = np.concatenate(cells, axis=1)
    # Other photographs than those that it was standardised over: near, not exactly.
    assert np.abs(together.mean(axis=1)).max() < 0.5
    assert 0.7 < together.std() < 1.5
    assert together.std(axis=1).min() > 0.5 and together.std(axis=1).max() < 2


def test_nothing_depends_on_cells_beyond_the_stated_reach() -> None:
    cells = ENCODER_REACH + 3
    picture = noise(1, 3, cells * DOWNSCALE, cells * DOWNSCALE)
    other = picture.copy()
    other[..., :DOWNSCALE, :DOWNSCALE] = 1 - other[..., :DOWNSCALE, :DOWNSCALE]
    changed = np.abs(encode(other) - encode(picture)).max(axis=(0, 1))
    assert changed[0, 0] > 0
    assert changed[ENCODER_REACH + 1 :].max() == changed[:, ENCODER_REACH + 1 :].max() == 0

    latent = noise(1, LATENT_CHANNELS, DECODER_REACH + 3, DECODER_REACH + 3)
    other = latent.copy()
    other[..., 0, 0] += 1
    changed = np.abs(decode(other) - decode(latent)).max(axis=(0, 1))
    border = (DECODER_REACH + 1) * DOWNSCALE
    assert changed[0, 0] > 0
    assert changed[border:].max() == changed[:, border:].max() == 0


def test_photographs_are_free_and_none_is_in_the_data_set_of_the_tests() -> None:
    listed = data.listed()
    with (MINI / "samples.csv").open(encoding="utf-8", newline="") as file:
        mini = list(csv.DictReader(file))
    assert {one["split"] for one in listed} == {"train", "heldout"}
    assert all(one["licence"].startswith(FREE) and one["evidence"] for one in listed)
    assert len({one["sha256"] for one in listed}) == len(listed)
    assert not {one["sha256"] for one in listed} & {row["original_sha256"] for row in mini}
    assert not {(one["package"], one["path"]) for one in listed} & {
        (row["package"], row["path_in_package"]) for row in mini
    }


def test_file_of_a_qt_resource_collection_is_found_by_its_path() -> None:
    # Two nodes, the root and "a.txt"; header, data, names and tree in the order in which rcc writes them.
    names = b"\x00\x05" + bytes(4) + "a.txt".encode("utf-16-be")
    tree = b"".join((bytes(4), b"\x00\x02", b"\x00\x00\x00\x01", b"\x00\x00\x00\x01", bytes(4), b"\x00\x00", bytes(8)))
    content = b"\x00\x00\x00\x02hi"
    header = b"qres" + b"".join(
        n.to_bytes(4, "big") for n in (1, 20 + len(content) + len(names), 20, 20 + len(content))
    )
    collection = header + content + names + tree
    assert resource(collection, "/a.txt") == b"hi"
    assert resource(collection, "/b.txt") == resource(b"no collection", "/a.txt") == b""


@pytest.fixture
def two_photographs(tmp_path: Path, tools: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder and list of two made-up photographs, one of each split."""
    rows = ["package,path,licence,author,evidence,sha256,width,height,split"]
    for seed, split in enumerate(("train", "heldout")):
        content = tools.encode(tools.texture(seed, 72, 90), ".png")
        sha256 = hashlib.sha256(content).hexdigest()
        (tmp_path / f"{sha256[:16]}.png").write_bytes(content)
        rows.append(f"p,{seed}.png,MIT,,x,{sha256},90,72,{split}")
    (tmp_path / "list.csv").write_text("\n".join(rows), "utf-8")
    monkeypatch.setattr(data, "LIST", tmp_path / "list.csv")
    return tmp_path


@pytest.mark.filterwarnings("default")
def test_training_repeats_and_its_export_gives_what_torch_gives(
    two_photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from click.testing import CliRunner

    from bench.neural.washvae import graphs, network, train

    monkeypatch.setattr(train, "PATCHES", 2000)
    monkeypatch.setattr(train, "BATCH", 2)
    networks = []
    for name in ("one.pt", "other.pt"):
        arguments = ["--photographs", two_photographs, "--checkpoint", two_photographs / name, "--steps", 2]
        done = CliRunner().invoke(train.main, [*map(str, arguments), "--threads", "1"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert json.loads(done.output.splitlines()[-1])["step"] == 2
        saved = torch.load(two_photographs / name, weights_only=True)
        networks.append(network.build())
        networks[-1].load_state_dict(saved["averaged"])
    for one, other in zip(*(half.parameters() for half in networks), strict=True):
        assert torch.equal(one, other)

    (two_photographs / "one.pt").write_bytes(b"no checkpoint")
    done = CliRunner().invoke(train.main, [*map(str, arguments[:2]), "--checkpoint", str(two_photographs / "one.pt")])
    assert done.exit_code == 1 and "is no checkpoint of washvae" in done.output

    zeros, ones = np.zeros(LATENT_CHANNELS, np.float32), np.ones(LATENT_CHANNELS, np.float32)
    picture = noise(1, 3, 40, 24)
    with torch.no_grad():
        latent = networks[0]["encoder"](torch.from_numpy(picture))[:, :LATENT_CHANNELS]
        pixels = networks[0]["decoder"](latent).clamp(0, 1).numpy()
    encoder = onnx.session(graphs.encoder(networks[0]["encoder"], zeros, ones))
    decoder = onnx.session(graphs.decoder(networks[0]["decoder"], zeros, ones))
    # Weights were rounded to half precision: 11 bits.
    assert np.abs(onnx.first_output(encoder, picture) - latent.numpy()).max() < 0.01 * latent.abs().max()
    assert np.abs(onnx.first_output(decoder, latent.numpy()) - pixels).max() < 0.01
