"""Writes ``results/detector-costs.md``: what each built-in detector costs per megapixel, and what sharing saves.

Run as ``python -m tests.benchmarks.detector_costs results/detector-costs.md``. No accuracy here.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.harness.engines.local import pin_threads

pin_threads()  # before numpy is loaded: one thread per library, as in a worker of a run

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from bench import __version__  # noqa: E402
from bench.detectors import DETECTORS, Detector  # noqa: E402
from bench.detectors.base import Trainable, ask  # noqa: E402
from bench.errors import CodedError  # noqa: E402
from bench.harness.samples import load_dataset  # noqa: E402
from bench.media import Media  # noqa: E402

MINI = Path(__file__).resolve().parents[2] / "datasets/mini"
#: Width and height of the pictures: of a thumbnail, a web picture, a photograph.
SIZES = ((256, 256), (1250, 800), (4000, 3000))
#: Seconds that one cell may take, and rounds at most and at least.
BUDGET, MOST, LEAST = 4.0, 15, 3
#: Detectors whose features overlap.
SHARING = ("spectrum", "residual", "jpeg", "ensemble")


def photograph(size: tuple[int, int]) -> bytes:
    """A JPEG of quality 90 of this size, with the grain of a photograph."""
    pixels = Media.read(MINI / "files/human/coffee_cup.jpg").pixels()
    scaled = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC).astype(np.int16)
    grain = np.random.default_rng(0).integers(-6, 7, scaled.shape, dtype=np.int16)
    noisy = np.clip(scaled + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def decoded(data: bytes) -> Media:
    """A fresh file whose pixels are there already, and nothing else."""
    media = Media.from_bytes(data)
    media.pixels()
    return media


def fitted(detector: Detector) -> Detector:
    """Fitted on the train split of ``datasets/mini``, where it learns."""
    if not isinstance(detector, Trainable):
        return detector
    rows, is_ai = [], []
    for sample in load_dataset(MINI).samples:
        if sample.split == "train" and sample.truth in ("human", "ai"):
            try:
                rows.append(detector.training_rows(sample.media, np.random.default_rng(len(rows))))
            except CodedError:
                return detector  # something is missing here: it will say so
            is_ai += [sample.truth == "ai"] * len(rows[-1])
    return detector.fit(np.concatenate(rows), np.array(is_ai))


def milliseconds(data: bytes, work: Callable[[Media], object], prepare: Callable[[bytes], Media] = decoded) -> float:
    """Median CPU time of some work on a fresh file each time, the preparation not counted."""
    times: list[float] = []
    work(prepare(data))
    while len(times) < LEAST or (len(times) < MOST and sum(times) < BUDGET):
        media = prepare(data)
        start = time.process_time()
        work(media)
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def cells(detector: Detector, files: list[bytes]) -> list[str]:
    """Milliseconds per megapixel at each size, or why there are none."""
    found = []
    for data, (width, height) in zip(files, SIZES, strict=True):
        score = ask(detector, [decoded(data)])[0]
        if score.status != "ok":
            found.append(f"{score.status} {score.code}".strip())
            continue
        spent = milliseconds(data, lambda media: detector.score([media]))
        found.append(shown(1e6 * spent / (width * height)))
    return found


def shown(value: float) -> str:
    """Two significant digits."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def page() -> str:
    """The whole page."""
    cv2.setNumThreads(1)
    files = [photograph(size) for size in SIZES]
    ready = [fitted(detector) for detector in DETECTORS]
    heads = [f"{width} x {height}" for width, height in SIZES]
    lines = [
        "# What a detector costs",
        "",
        "CPU milliseconds **per megapixel** of one picture (JPEG 90 with grain, decoded beforehand), median of "
        f"{LEAST} to {MOST}",
        f"rounds, one thread of a shared {platform.machine()} machine, Python {platform.python_version()}, washtest "
        f"{__version__}. Made by `make detector-costs`:",
        "compare rows, not machines. No accuracy here. Detectors that learn were fitted on the train split of",
        "`datasets/mini`. `spectrum`, `residual` and `jpeg` look at the middle 1024 x 1024 pixels at most, readers of",
        "the file at none, networks at a crop or at a smaller picture: large ones cost them less per megapixel.",
        "`unavailable`: something is missing here.",
        "",
        "| detector | reads | " + " | ".join(heads) + " |",
        "|---|---|" + "--:|" * len(SIZES),
    ]
    decoding = [
        shown(1e6 * milliseconds(data, lambda media: media.pixels(), Media.from_bytes) / (width * height))
        for data, (width, height) in zip(files, SIZES, strict=True)
    ]
    lines.append("| *decoding the JPEG, once for all of them* | | " + " | ".join(decoding) + " |")
    for detector in ready:
        lines.append(f"| `{detector.info.name}` | {detector.info.reads} | " + " | ".join(cells(detector, files)) + " |")
    together = [detector for detector in ready if detector.info.name in SHARING]
    lines += [
        "",
        "## What sharing saves",
        "",
        f"{', '.join(f'`{detector.info.name}`' for detector in together)} on one file: what two of them need (the grey",
        "picture, the cross-difference, the members' features) is computed once (`Media.once`). CPU ms a picture.",
        "",
        "| | " + " | ".join(heads) + " |",
        "|---|" + "--:|" * len(SIZES),
    ]
    apart, shared = [], []
    for data in files:
        apart.append(sum(milliseconds(data, lambda media, one=one: one.score([media])) for one in together))
        shared.append(milliseconds(data, lambda media: [one.score([media]) for one in together]))
    lines += [
        "| each on a file of its own | " + " | ".join(map(shown, apart)) + " |",
        "| all on one file | " + " | ".join(map(shown, shared)) + " |",
        "| saved | " + " | ".join(f"{1 - one / all_:.0%}" for one, all_ in zip(shared, apart, strict=True)) + " |",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.parse_args().out.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
