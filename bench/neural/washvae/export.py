"""Write the shipped graphs from a checkpoint and measure them.

``python -m bench.neural.washvae.export --checkpoint washvae.pt --photographs FOLDER --further NAME=FOLDER`` writes
``encoder.onnx``, ``decoder.onnx``, ``measured.json`` (their SHA-256 and every figure) and the table in ``card.md``.
Needs torch and onnx.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.neural import onnx, washvae
from bench.neural.washvae import DOWNSCALE, LATENT_CHANNELS
from bench.neural.washvae.data import load, read

if TYPE_CHECKING:
    import numpy as np

CARD = washvae.FOLDER / "card.md"
# Photographs that the latent's mean and deviation are taken from: every so many of the training set.
EVERY = 4
# What storing weights in half precision may change in a result, of the range 0..1; float32 itself differs by 1e-5.
LARGEST_DIFFERENCE = 0.02
# Of the latent, in its standard deviations, for the second figure of each set.
NOISE = 0.2


@click.command(help=__doc__)
@click.option("--checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--photographs", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--further", multiple=True, metavar="NAME=FOLDER", help="More photographs to measure, never trained on.")
def main(checkpoint: Path, photographs: Path, further: tuple[str, ...]) -> None:
    """Export, compare with torch, measure, and write it all beside this file."""
    from bench.neural.washvae import graphs, network

    saved = network.read(checkpoint)
    trained = network.build().eval()
    trained.load_state_dict(saved["averaged"])
    training = load(photographs, "train")
    mean, deviation = _statistics(trained["encoder"], training[::EVERY])
    content = {
        "encoder.onnx": graphs.encoder(trained["encoder"], mean, deviation),
        "decoder.onnx": graphs.decoder(trained["decoder"], mean, deviation),
    }
    difference = _difference(trained, content, mean, deviation, training[0])
    if difference > LARGEST_DIFFERENCE:
        raise click.ClickException(f"the graphs differ from torch by {difference:.3g}; nothing was written")
    sets = {"held-out photographs": load(photographs, "heldout")}
    for entry in further:
        name, _, folder = entry.partition("=")
        sets[name] = [read(path) for path in sorted(Path(folder).rglob("*.*")) if path.suffix != ".csv"]
    figures = {}
    for name, pictures in sets.items():
        values, noisy = ([psnr(content, picture, noise) for picture in pictures] for noise in (0, NOISE))
        figures[name] = {"photographs": len(values), "psnr_db": round(statistics.fmean(values), 2),
                         "worst_psnr_db": round(min(values), 2),
                         "psnr_db_with_noise": round(statistics.fmean(noisy), 2)}  # fmt: skip
    state = saved["state"]
    measured = {
        "sha256": {name: hashlib.sha256(graph).hexdigest() for name, graph in content.items()},
        "version": hashlib.sha256(b"".join(content.values())).hexdigest()[:16],
        "bytes": {name: len(graph) for name, graph in content.items()},
        "parameters": sum(value.numel() for value in trained.parameters()),
        "trained_on": len(training),
        "steps": state["step"],
        "minutes": round(state["seconds"] / 60, 1),
        "cpu_minutes": round(state["cpu_seconds"] / 60, 1),
        "seed": state["seed"],
        "largest_difference_from_torch": float(f"{difference:.2g}"),
        "psnr": figures,
    }
    for name, graph in content.items():
        (washvae.FOLDER / name).write_bytes(graph)
    washvae.MEASURED.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    CARD.write_text(re.sub(r"(?s)(?<=<!-- measured -->\n).*(?=<!-- end -->)", table(measured), CARD.read_text("utf-8")))
    click.echo(json.dumps(measured, indent=1))


def psnr(content: dict[str, bytes], picture: np.ndarray, noise: float = 0) -> float:
    """PSNR in dB of a picture, RGB uint8 ``(H, W, 3)``, against its round trip rounded to 8 bits.

    ``noise`` is the standard deviation of the white noise added to the latent, always the same noise for a size.
    """
    import numpy as np

    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, -height % DOWNSCALE), (0, -width % DOWNSCALE), (0, 0)), "edge")
    pixels = padded.transpose(2, 0, 1)[None].astype(np.float32) / 255
    latent = onnx.first_output(onnx.session(content["encoder.onnx"]), pixels)
    if noise:
        latent += np.random.default_rng(0).standard_normal(latent.shape, dtype=np.float32) * np.float32(noise)
    decoded = onnx.first_output(onnx.session(content["decoder.onnx"]), latent)
    result = np.rint(decoded[0].transpose(1, 2, 0)[:height, :width] * 255)
    error = float(np.mean((result - picture) ** 2))
    return 10 * math.log10(255**2 / error) if error else math.inf


def table(measured: dict[str, Any]) -> str:
    """The figures as the card's tables."""
    size = sum(measured["bytes"].values()) / 1e6
    lines = [
        f"| pictures | number | PSNR, dB | worst | with noise of {NOISE} in the latent |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {figure['photographs']} | {figure['psnr_db']:.2f} | {figure['worst_psnr_db']:.2f} | "
        f"{figure['psnr_db_with_noise']:.2f} |"
        for name, figure in measured["psnr"].items()
    ]
    lines += ["", "| figure | value |", "|---|---|"]
    lines += [
        f"| trained on | {measured['trained_on']} photographs, {measured['steps']} steps, seed {measured['seed']} |",
        f"| training time | {measured['minutes']:.0f} minutes on a shared two-core CPU, of which "
        f"{measured['cpu_minutes']:.0f} CPU-minutes |",
        f"| parameters, size | {measured['parameters'] / 1e6:.2f} million, {size:.2f} MB in both files |",
        f"| largest difference from torch | {measured['largest_difference_from_torch']} of the range 0..1 |",
    ]
    return "\n".join(lines) + "\n"


def _statistics(encoder: Any, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of the posterior mean, float32 ``(16,)`` each.

    Each photograph counts as it is and at half its size, since detail per pixel depends on how far it was scaled down.
    """
    import cv2
    import numpy as np
    import torch

    halves = [cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for one in pictures]
    cells = []
    for picture in (*pictures, *halves):
        height, width = (size - size % DOWNSCALE for size in picture.shape[:2])
        pixels = torch.from_numpy(picture[:height, :width]).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            cells.append(encoder(pixels)[0, :LATENT_CHANNELS].flatten(1).numpy())
    together = np.concatenate(cells, axis=1).astype(np.float64)
    return together.mean(axis=1).astype(np.float32), together.std(axis=1).astype(np.float32)


def _difference(
    trained: Any, content: dict[str, bytes], mean: np.ndarray, deviation: np.ndarray, picture: np.ndarray
) -> float:
    """Largest difference of a round trip by the graphs from torch's, in the range 0..1."""
    import numpy as np
    import torch

    height, width = (size - size % DOWNSCALE for size in picture.shape[:2])
    pixels = picture[:height, :width].transpose(2, 0, 1)[None].astype(np.float32) / 255
    latent = onnx.first_output(onnx.session(content["encoder.onnx"]), pixels)
    decoded = onnx.first_output(onnx.session(content["decoder.onnx"]), latent)
    with torch.no_grad():
        posterior = trained["encoder"](torch.from_numpy(pixels))[:, :LATENT_CHANNELS]
        expected = trained["decoder"](posterior).clamp(0, 1).numpy()
    return float(np.abs(decoded - expected).max())


if __name__ == "__main__":
    main()
