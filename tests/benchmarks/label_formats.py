"""Writes ``results/label-formats.md``: which label goes into which format, who else reads it there, what it costs.

Run as ``python -m tests.benchmarks.label_formats results/label-formats.md``.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from bench import __version__, containers
from bench.labels import BUNDLES, LABELS, touches_pixels
from bench.labels.base import Label
from bench.media import Media
from bench.tools import package_version
from tests.labels.conftest import PLAIN
from tests.oracles import CLAIM, READERS, asked_about, confirms, written_texts

SHORT = {"ExifTool": "E", "exiv2": "X", "Pillow": "P", "encypher-c2pa": "V"}
KINDS = ("jpeg", "png", "webp", "gif", "tiff", "avif", "heic", "jxl")
ROUNDS = 15


def labels() -> list[Label]:
    """Every metadata label, with the places and shapes that bundles use."""
    every = (*LABELS, *(one for bundle in BUNDLES.values() for one in bundle))
    found = [label for label in dict.fromkeys(every) if not touches_pixels(label)]
    return sorted(found, key=lambda label: [known.name for known in LABELS].index(label.name))


def confirmed_by(label: Label, media: Media, folder: Path) -> str:
    """The letters of the readers that show every field, a count of fields for those that show some."""
    path = folder / f"file{containers.EXTENSIONS[media.mime]}"
    path.write_bytes(label.write(media, CLAIM).data)
    wanted = len(written_texts(label, CLAIM))
    seen = []
    for reader, letter in SHORT.items():
        said = READERS[reader](path) if asked_about(reader, label) else None
        shown = confirms(said, label, CLAIM) if said is not None else 0
        if shown:
            seen.append(letter if shown == wanted else f"{letter} {shown}/{wanted}")
    return " ".join(seen) or "nobody"


def megabyte(kind: str) -> Media:
    """A noisy picture of about 1 MB."""
    size, how = {
        "jpeg": ((1200, 920), {"quality": 90}),
        "png": ((640, 540), {"compress_level": 1}),
        "webp": ((1200, 920), {"quality": 95}),
    }[kind]
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, kind, **how)
    return Media.from_bytes(out.getvalue())


def milliseconds(label: Label, media: Media) -> tuple[float, float]:
    """Median of writing and of reading, each on a fresh object."""
    label.write(media, CLAIM)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        start = time.perf_counter()
        written = label.write(Media(media.data, media.mime), CLAIM)
        between = time.perf_counter()
        label.read(Media(written.data, written.mime))
        times[0].append(between - start)
        times[1].append(time.perf_counter() - between)
    return 1000 * statistics.median(times[0]), 1000 * statistics.median(times[1])


def versions() -> str:
    """Of the readers."""
    said = {name: subprocess.run(command, capture_output=True, text=True).stdout.split() for name, command in (
        ("ExifTool", ["exiftool", "-ver"]), ("exiv2", ["exiv2", "--version"]))}  # fmt: skip
    heif = package_version("pillow-heif")
    return (
        f"E ExifTool {said['ExifTool'][0]}, X exiv2 {said['exiv2'][1]}, P Pillow {package_version('pillow')} (with "
        f"pillow-heif {heif} for HEIC), V the validator of encypher-c2pa {package_version('encypher-c2pa')}"
    )


def page() -> str:
    """The whole page."""
    lines = [
        "# Labels and formats",
        "",
        "Which label is written into which format, and which readers of other people show **every field** of it there.",
        f"Made by `make label-formats` with washtest {__version__}. Readers: {versions()}.",
        "A dash: the format has no place for the label. In every case Pillow (for JPEG XL, which it does not read,",
        "libjxl) decodes the labelled file to the pixels of the unlabelled one (a test).",
        "",
        "| label | " + " | ".join(kind.upper() for kind in KINDS) + " |",
        "|---|" + "---|" * len(KINDS),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for label in labels():
            cells = [
                confirmed_by(label, PLAIN[kind], Path(folder)) if label.applies(PLAIN[kind].mime) else "–"
                for kind in KINDS
            ]
            lines.append(f"| `{label!r}` | " + " | ".join(cells) + " |")
    files = {kind: megabyte(kind) for kind in ("jpeg", "png", "webp")}
    sizes = ", ".join(f"{kind.upper()} {len(media.data) / 1e6:.2f} MB" for kind, media in files.items())
    lines += [
        "",
        "exiv2 0.27 reads no metadata from GIF, and no PNG text; none of E, X and P knows C2PA in all formats, so",
        "there the second validator counts, which also checks hashes and the signature.",
        "",
        "## Time to write and to read",
        "",
        f"Milliseconds on files of random pixels ({sizes}), median of {ROUNDS}, one thread of a shared",
        f"{platform.machine()} machine, Python {platform.python_version()}: compare rows, not machines. C2PA includes",
        "hashing the whole file and, when writing, verifying the result.",
        "",
        "| label | JPEG write | read | PNG write | read | WebP write | read |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for label in labels():
        cells = []
        for media in files.values():
            fits = label.applies(media.mime)
            cells += [f"{value:.1f}" for value in milliseconds(label, media)] if fits else ["–", "–"]
        lines.append(f"| `{label!r}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.parse_args().out.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
