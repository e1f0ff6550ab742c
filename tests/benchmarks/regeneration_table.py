"""Writes ``results/regeneration.md``: what regeneration leaves of watermarks, pictures and time, beside its controls.

Run as ``python -m tests.benchmarks.regeneration_table results/regeneration.md --data FOLDER`` with a data set that has
photographs of 512 pixels a side or more. Rows of what is missing on a machine say what is missing.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import platform
import textwrap
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bench.harness.engines.local import pin_threads

pin_threads()  # before numpy is loaded: one thread per library, as in a worker of a run

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from attacks.base import Attack, Identity  # noqa: E402
from attacks.controls import ResizeBack  # noqa: E402
from attacks.denoise import Denoise  # noqa: E402
from attacks.regenerate import Regenerate, Rinse  # noqa: E402
from attacks.resynthesise import Resynthesise  # noqa: E402
from attacks.tone import Noise  # noqa: E402
from attacks.upscale import SuperResolve  # noqa: E402
from bench import __version__  # noqa: E402
from bench.analysis.stats import auc, mean_by_group  # noqa: E402
from bench.detectors.spectrum import Spectrum  # noqa: E402
from bench.errors import CodedError  # noqa: E402
from bench.harness.quality import psnr, ssim  # noqa: E402
from bench.harness.samples import load_dataset  # noqa: E402
from bench.labels import DwtDct, DwtDctSvd, RivaGan  # noqa: E402
from bench.labels.base import Claim, Label  # noqa: E402
from bench.labels.watermarks import BlindWatermark  # noqa: E402
from bench.media import Media  # noqa: E402
from tests.benchmarks.stlpips import Distance  # noqa: E402

SIDE = 512
#: Photographs that slow things see, and how many an interval takes.
FEW, LEAST = 4, 10
MARKS: tuple[Label, ...] = (DwtDct(), DwtDctSvd(), BlindWatermark(length=32), RivaGan())
#: Each attack, and behind those that share it their control.
ATTACKS: tuple[Attack, ...] = (
    Identity(),
    Regenerate(),
    Rinse(),
    Regenerate(latent_noise=0.3),
    Regenerate(scale=0.5),
    Regenerate(scale=0.5, latent_noise=0.2),
    Rinse(scale=0.5),
    Regenerate(model="taef2"),
    Rinse(model="taef2"),
    Regenerate(model="taef2", scale=0.5),
    SuperResolve(),
    ResizeBack(),
    Denoise(),
    Denoise(by="wavelet"),
    Denoise(by="tv"),
    Noise(sigma=0.06),
    Denoise(sigma=0.098, by="dncnn"),
    Noise(sigma=0.098),
    Resynthesise(),
)
#: These take seconds a picture and see the first few only.
SLOW = (
    Regenerate(model="taef2"),
    Rinse(model="taef2"),
    SuperResolve(),
    Denoise(by="wavelet"),
    Denoise(sigma=0.098, by="dncnn"),
)
#: RivaGAN's reader is as slow: after other attacks than these it reads the first few, too.
KEY = (Identity(), Regenerate(scale=0.5), Regenerate(model="taef2", scale=0.5), ResizeBack())
TWINS: tuple[Attack, ...] = (Regenerate(), Regenerate(scale=0.5), ResizeBack(), Regenerate(model="taef2"))


@dataclass
class Row:
    """What one attack did: shares of bits by mark, and quality and seconds by picture."""

    bits: dict[str, list[float]] = field(default_factory=dict)
    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    missing: str = ""


def photographs(folder: Path, count: int) -> list[np.ndarray]:
    """The middle squares of so many human pictures from all over the data set, scaled to 512 pixels."""
    found = [sample for sample in load_dataset(folder).samples if sample.truth == "human"]
    found = [sample for sample in found if min(sample.media.size) >= SIDE]
    pictures = []
    for sample in found[:: max(1, len(found) // count)][:count]:
        pixels = sample.media.pixels()
        side = min(pixels.shape[:2])
        top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
        square = pixels[top : top + side, left : left + side]
        pictures.append(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return pictures


def generator(*what: int) -> np.random.Generator:
    """Of one picture and attack, the same in each run."""
    return np.random.default_rng(what)


def kept(label: Label, claim: Claim, media: Media) -> float:
    """The share of the message's bits that reads back."""
    wanted, found = label.expected(claim)["bits"], label.read(media).fields["bits"]
    return float(np.mean([one == other for one, other in zip(wanted, found, strict=True)]))


def measure(
    number: int, pixels: np.ndarray, attacks: Sequence[Attack] = ATTACKS, marks: Sequence[Label] = MARKS,
    distance: Distance | None = None, few: int = FEW,
) -> list[Row]:  # fmt: skip
    """A row for each attack on one picture; what is slow for the first few pictures only."""
    cv2.setNumThreads(1)
    claim = Claim(message=generator(number).bytes(32).hex())
    usable = [label for label in marks if not getattr(label, "missing", str)()]
    marked = [(label, label.write(Media.from_pixels(pixels), claim)) for label in usable]
    rows = []
    for j, attack in enumerate(attacks):
        rows.append(row := Row())
        for label, file in marked:
            if number >= few and (attack in SLOW or (label == RivaGan() and attack not in KEY)):
                continue
            start = time.process_time()
            try:
                made = attack(file, generator(number, j))
            except CodedError as why:
                row.missing = str(why)
                break
            row.seconds.append((time.process_time() - start) * 1e6 / pixels[..., 0].size)
            row.bits[label.name] = [kept(label, claim, made)]
            if label is marked[0][0]:
                before, after = file.pixels(), made.pixels()
                row.psnr.append(psnr(before, after))
                row.ssim.append(ssim(before, after) or 0.0)
                row.distance += [] if distance is None or number >= few else [distance(before, after)]
    return rows


def together(rows: Sequence[Row]) -> Row:
    """The rows of one attack on several pictures as one."""
    whole = Row(missing=max(row.missing for row in rows))
    for row in rows:
        for name, values in row.bits.items():
            whole.bits.setdefault(name, []).extend(values)
        for name in ("psnr", "ssim", "distance", "seconds"):
            getattr(whole, name).extend(getattr(row, name))
    return whole


def twins(pictures: Sequence[np.ndarray], attack: Attack) -> tuple[float, float, float]:
    """AUC of the spectrum detector, fitted on every other picture and its twin, between the others and theirs."""
    made = [attack(Media.from_pixels(pixels), generator(i)) for i, pixels in enumerate(pictures)]
    originals = [Media.from_pixels(pixels) for pixels in pictures]
    detector, rows, is_ai = Spectrum(), [], []
    for i in range(0, len(pictures), 2):
        for media, truth in ((originals[i], False), (made[i], True)):
            rows.append(detector.training_rows(media, generator(i)))
            is_ai += [truth] * len(rows[-1])
    fitted = detector.fit(np.concatenate(rows), np.array(is_ai))
    scores = [[score.value for score in fitted.score(files[1::2])] for files in (originals, made)]
    return auc(*[[value for value in values if value is not None] for values in scores])


def mean(values: list[float], digits: int = 2, interval: bool = False) -> str:
    """A mean, for shares with Student's t interval."""
    if not values:
        return "-"
    if not interval:
        return f"{np.mean(values):.{digits}f}" if np.isfinite(values).all() else "∞"
    if len(values) < LEAST:
        return f"{np.mean(values):.2f}"
    centre, low, high = (float(part[0]) for part in mean_by_group(np.zeros(len(values), int), values, 1))
    return f"{centre:.2f} [{low:.2f}, {high:.2f}]"


def page(folder: Path, count: int, twin_count: int, jobs: int, few: int) -> str:
    """The whole page."""
    cv2.setNumThreads(1)
    pictures = photographs(folder, count)
    distance = Distance.load()
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        made = pool.map(functools.partial(measure, distance=distance, few=few), range(len(pictures)), pictures)
        rows = [together(several) for several in zip(*made, strict=True)]
    names = [label.name for label in MARKS]
    lines = [
        "# Regeneration beside its controls",
        "",
        textwrap.fill(
            f"{len(pictures)} photographs, middle square at {SIDE} x {SIDE}; 32 random bits for each, marked before "
            "the attack. Bit accuracy: mean with Student's t interval (95 %); chance is 0.50. PSNR, SSIM and ST-LPIPS "
            f"compare the attacked picture with the one before it, marked with {MARKS[0].name}. Seconds are CPU "
            f"seconds per megapixel, one thread of a shared {platform.machine()} machine. {few} "
            f"photographs for {', '.join(f'`{attack!r}`' for attack in SLOW)}, for ST-LPIPS, and for {RivaGan.name} "
            f"where it has no interval. washtest {__version__}, made by `make "
            "regeneration`. The control of an attack does the same without its model.",
            120,
        ),
        "",
        f"ST-LPIPS: {distance.name if distance else 'not measured, its package is missing'}; 0 is equal.",
        "",
        f"| attack | control | {' | '.join(names)} | PSNR, dB | SSIM | ST-LPIPS | s/MP |",
        "|---|---|" + "--:|" * (len(names) + 4),
    ]
    for attack, row in zip(ATTACKS, rows, strict=True):
        control = getattr(attack, "control", None)
        beside = "" if control is None else "the file itself" if control == Identity() else f"`{control!r}`"
        cells = [mean(row.bits.get(name, []), interval=True) for name in names]
        cells += [mean(row.psnr, 1), mean(row.ssim, 3), mean(row.distance, 3), mean(row.seconds, 2)]
        lines.append(f"| `{attack!r}` | {beside} | " + (row.missing or " | ".join(cells)) + " |")
    lines += [
        "",
        "## What the spectrum detector sees of it",
        "",
        textwrap.fill(
            f"AUC (95 %) between originals and their regenerated twins, {twin_count // 2} of each; the detector was "
            f"fitted on {twin_count - twin_count // 2} other originals, their twins and JPEG copies of both. Lossless "
            "pixels: nothing but the attack differs. A control that is told from its original as well means that the "
            "resize is what shows.",
            120,
        ),
        "",
        "| attack | AUC |",
        "|---|--:|",
    ]
    several = photographs(folder, twin_count)
    for attack in TWINS:
        if command := getattr(attack, "missing", str)():
            lines.append(f"| `{attack!r}` | missing: {command} |")
        else:
            area, low, high = twins(several, attack)
            lines.append(f"| `{attack!r}` | {area:.2f} [{low:.2f}, {high:.2f}] |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=int, default=20)
    parser.add_argument("--twins", type=int, default=80)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    given.out.write_text(page(given.data, given.photographs, given.twins, given.jobs, given.few), "utf-8")


if __name__ == "__main__":
    main()
