"""Train washvae again: ``python -m bench.neural.washvae.train --photographs FOLDER --minutes 75``.

The photographs come from ``python -m bench.neural.washvae.photographs FOLDER``. Needs torch, which nothing else in the
package does. The learning rate falls to zero with the clock, or with the steps where ``--steps`` is given: the second
makes the weights repeat for a seed and a number of threads, the first makes the best of whatever machine there is.
Stop it at will: it goes on from its checkpoint.
"""

from __future__ import annotations

import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import click

from bench.neural.washvae import LATENT_CHANNELS, network
from bench.neural.washvae.data import Crops, load, psnr

BATCH, SIDE = 8, 128
# Patches of 8x8 pixels that the principal components are those of.
PATCHES = 100_000
RATE, WARM_UP = 1e-3, 100
# Weights that are averaged over about a thousand steps give what a longer training with a smaller step would.
AVERAGE = 0.999
# Differences of neighbouring pixels count beside the pixels themselves: edges stay sharper than with pixels alone.
EDGES, KL = 0.3, 1e-5
# Some latents get white noise of up to this many of their standard deviations, so that the decoder learns to smooth it
# away; without, noise comes out as squares of eight pixels.
NOISY, NOISE = 0.4, 0.5
CHECKPOINT_SECONDS = 240


@click.command(help=__doc__)
@click.option("--photographs", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--checkpoint", type=click.Path(dir_okay=False, path_type=Path), default="washvae.pt", show_default=True)
@click.option("--minutes", type=click.FloatRange(min=0), default=75, show_default=True, help="Wall clock, in all.")
@click.option("--steps", type=click.IntRange(min=1), help="Stop after so many steps instead.")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(photographs: Path, checkpoint: Path, minutes: float, steps: int | None, threads: int, seed: int) -> None:
    """Train from the photographs to the checkpoint, printing one JSON line each few minutes."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    crops, held_out = Crops(load(photographs, "train"), seed), load(photographs, "heldout")
    trained = network.build().to(memory_format=torch.channels_last)
    network.start_from_components(trained, crops.patches(PATCHES))
    optimiser = torch.optim.AdamW(trained.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=1e-4)
    state: dict[str, Any] = {"step": 0, "seconds": 0.0, "cpu_seconds": 0.0, "seed": seed, "log": []}
    averaged = copy.deepcopy(trained)
    if checkpoint.exists():
        saved = network.read(checkpoint)
        trained.load_state_dict(saved["trained"])
        averaged.load_state_dict(saved["averaged"])
        optimiser.load_state_dict(saved["optimiser"])
        torch.set_rng_state(saved["torch_rng"])
        crops.rng.bit_generator.state = json.loads(saved["crops_rng"])
        state = saved["state"]

    def save() -> None:
        line = {key: round(state[key]) for key in ("step", "seconds", "cpu_seconds")}
        state["log"].append(line | {"heldout_psnr": round(psnr(averaged, held_out), 3)})
        print(json.dumps(state["log"][-1]), flush=True)
        content = {
            "trained": trained.state_dict(),
            "averaged": averaged.state_dict(),
            "optimiser": optimiser.state_dict(),
            "torch_rng": torch.get_rng_state(),
            "crops_rng": json.dumps(crops.rng.bit_generator.state),
            "state": state,
        }
        # Renamed when whole: a training that is killed here leaves the last checkpoint as it was.
        torch.save(content, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)

    saved_at = -math.inf
    clock, cpu_clock = time.monotonic(), time.process_time()
    while (done := state["step"] / steps if steps else state["seconds"] / (60 * minutes or 1)) < 1:
        if state["seconds"] - saved_at >= CHECKPOINT_SECONDS:
            save()
            saved_at = state["seconds"]
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (state["step"] + 1) / WARM_UP) * (1 + math.cos(math.pi * done)) / 2
        _step(trained, optimiser, crops)
        state["step"] += 1
        _average(averaged, trained, state["step"])
        state["seconds"] += time.monotonic() - clock
        state["cpu_seconds"] += time.process_time() - cpu_clock
        clock, cpu_clock = time.monotonic(), time.process_time()
    save()


def _step(trained: Any, optimiser: Any, crops: Crops) -> None:
    import torch

    picture = crops.batch(BATCH, SIDE).to(memory_format=torch.channels_last)
    mean, log_variance = trained["encoder"](picture).split(LATENT_CHANNELS, dim=1)
    log_variance = log_variance.clamp(-14, 4)
    noise = NOISE * torch.rand(BATCH, 1, 1, 1) * (torch.rand(BATCH, 1, 1, 1) < NOISY)
    # In units of the latent's own deviation, gradient and all: larger latents would be no way to evade it.
    noise = noise * mean.std(dim=(0, 2, 3), keepdim=True)
    latent = mean + torch.randn_like(mean) * (log_variance.exp() + noise**2).sqrt()
    wrong = trained["decoder"](latent) - picture
    edges = wrong.diff(dim=2).abs().mean() + wrong.diff(dim=3).abs().mean()
    divergence = (mean**2 + log_variance.exp() - log_variance - 1).mean() / 2
    loss = wrong.abs().mean() + EDGES * edges + KL * divergence
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
    optimiser.step()


def _average(averaged: Any, trained: Any, step: int) -> None:
    import torch

    share = max(1 - AVERAGE, 1 / (step + 1))
    with torch.no_grad():
        for old, new in zip(averaged.parameters(), trained.parameters(), strict=True):
            old.lerp_(new, share)


if __name__ == "__main__":
    main()
