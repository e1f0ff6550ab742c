"""Writes ``results/reexport-metadata.md``: which tool keeps which label in which format, and whether ExifTool agrees.

Run as ``python -m tests.benchmarks.reexport_matrix results/reexport-metadata.md``; tools that are not installed are
named at the end of the page.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from attacks.reexport import OpenCVSave, PillowSave
from attacks.reexport_tools import REEXPORTS
from bench import __version__, containers
from bench.errors import CodedError, NotApplicable
from bench.labels import C2PA, GB45438, IPTC, ExifSignature, Parameters, write_bundle
from bench.labels.base import Claim, Label, Reading, graded
from bench.media import Media
from tests.oracles import CLAIM, confirms, exiftool, written_texts

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp", "TIFF": "image/tiff", "AVIF": "image/avif"}
#: Labels that share a file: no two of them hold the same text or the same place, so that ExifTool's answer is clear.
COPIES: tuple[tuple[Label, ...], ...] = (
    (GB45438(), IPTC(), ExifSignature()),
    (C2PA(),),
    (Parameters(), Parameters(position="exif")),
    (GB45438(position="exif"),),
    (GB45438(position="png-text"),),
)
#: What stands in a file beside the label that is looked at; no text of it is in ``CLAIM``.
OTHER = Claim(producer="beside", produce_id="beside", system="beside", prompt="beside")
COLUMNS = {
    GB45438(): "GB 45438 xmp",
    GB45438(position="exif"): "exif",
    GB45438(position="png-text"): "png-text",
    IPTC(): "IPTC",
    C2PA(): "C2PA",
    ExifSignature(): "EXIF signature",
    Parameters(): "parameters text",
    Parameters(position="exif"): "parameters exif",
}
ATTACKS = (PillowSave(), PillowSave(keep_metadata=True), OpenCVSave(), *REEXPORTS)


@dataclass(frozen=True)
class Cell:
    """What is left of one label, said by two hands.

    Attributes:
        ours: our reading, graded.
        shown: how many of the label's fields ExifTool shows, or None where it does not show this label in such a file
            even when all of it is there.
        fields: how many there are.
        mime: of the file that came out.
    """

    ours: Reading
    shown: int | None
    fields: int
    mime: str

    @property
    def agrees(self) -> bool:
        """Whether ExifTool shows what our reader says is there: as many fields, and none of an absent label."""
        if self.shown is None or self.ours.state in ("residue", "error", "unavailable"):
            return True
        return self.shown == (self.ours.fields_kept or 0)

    def __str__(self) -> str:
        if self.shown is None:
            return f"{self.ours.state} °"
        return self.ours.state if self.agrees else f"**{self.ours.state}, E {self.shown}/{self.fields}**"


@cache
def plain(mime: str, size: int = 96) -> Media:
    """A photograph as Pillow writes it."""
    pixels = np.ascontiguousarray(skimage.data.astronaut()[40 : 40 + size, 170 : 170 + size])
    out = io.BytesIO()
    if mime == "image/heic":
        import pillow_heif

        pillow_heif.from_pillow(Image.fromarray(pixels)).save(out)
    else:
        Image.fromarray(pixels).save(out, mime.removeprefix("image/"))
    return Media.from_bytes(out.getvalue())


def copies(mime: str) -> Iterator[tuple[Media, list[Label]]]:
    """The labelled files of this type, each with the labels in it."""
    for labels in COPIES:
        fitting = [label for label in labels if label.applies(mime)]
        if Parameters() in fitting:  # one file holds generation parameters once
            fitting = [label for label in fitting if label != Parameters(position="exif")]
        if fitting:
            # Never C2PA alone: a tool that finds nothing else to remove would leave the file as it is, and so intact.
            beside = GB45438().write(plain(mime), OTHER) if fitting == [C2PA()] else plain(mime)
            yield write_bundle(beside, fitting, CLAIM), fitting


def said_of(media: Media, folder: Path) -> str:
    """Everything that ExifTool shows of a file."""
    path = folder / f"file{containers.EXTENSIONS[media.mime]}"
    path.write_bytes(media.data)
    said = exiftool(path)
    assert said is not None, "this needs exiftool"
    return said


@cache
def visible(label: Label, mime: str) -> bool:
    """Whether ExifTool shows every field of this label when it is all there."""
    if isinstance(label, (GB45438, Parameters)) and label.position == "png-text" and mime != "image/png":
        label = replace(label, position="exif")  # where such a text ends up in another format
    if not label.applies(mime):
        return True
    with tempfile.TemporaryDirectory() as folder:
        said = said_of(label.write(plain(mime), CLAIM), Path(folder))
    return confirms(said, label, CLAIM) == len(written_texts(label, CLAIM))


def cells(media: Media, labels: Iterable[Label], source: Media, folder: Path) -> dict[Label, Cell]:
    """Each label of a file that was saved again."""
    said = said_of(media, folder)
    found = {}
    for label in labels:
        reading = graded(label.read(media), label.expected(CLAIM), label.read(source).conformance)
        if reading.state == "not_applicable":
            reading = replace(reading, state="absent")  # the tool made a file that cannot hold it
        shown = confirms(said, label, CLAIM) if visible(label, media.mime) else None
        found[label] = Cell(reading, shown, len(written_texts(label, CLAIM)), media.mime)
    return found


def reason(attack: object, label: Label, cell: Cell) -> str:
    """Why ExifTool shows another number of fields than our reader, where that is understood."""
    state, left = cell.ours.state, cell.shown
    if isinstance(label, ExifSignature) and state == "absent" and left == 1:
        return "the artist's UUID is left without its signature, which is no label"
    if label.position in ("exif", "png-text") and state == "absent" and left == cell.fields:
        return "the text was moved into the picture's description or comment, where no reader of the label looks"
    return ""


def row(attack: object, mime: str, folder: Path) -> dict[Label, Cell] | str:
    """All labels that files of this type held, after one tool; or why there are none."""
    found: dict[Label, Cell] = {}
    try:
        for labelled, labels in copies(mime):
            found |= cells(attack(labelled, np.random.default_rng(0)), labels, labelled, folder)  # type: ignore[operator]
    except NotApplicable:
        return ""
    except CodedError as error:
        return str(error)
    return found


def explained(attack: object, kind: str, label: Label, cell: Cell) -> str:
    """A line about a cell in which the two differ, or that is neither intact nor absent."""
    why = cell.ours.detail or "; ".join(cell.ours.conformance) or f"{cell.ours.fields_kept}/{cell.fields} fields kept"
    code = f"{cell.ours.code} " if cell.ours.code else ""
    shows = "" if cell.shown is None else f"; ExifTool shows {cell.shown}/{cell.fields} fields"
    because = f" ({reason(attack, label, cell)})" if reason(attack, label, cell) else ""
    return f"- `{attack!r}`, {kind}, {COLUMNS[label]}: {cell.ours.state}, {code}{why}{shows}{because}."


def page() -> str:
    """The whole page."""
    version = subprocess.run(["exiftool", "-ver"], capture_output=True, text=True).stdout.strip()
    here = [attack for attack in ATTACKS if not getattr(attack, "missing", str)()]
    channels = dict.fromkeys(attack.channel.removeprefix("real:") for attack in here)
    lines = [
        "# Labels after re-export",
        "",
        "What is left of each label when a real program opens a labelled file and saves it, with its default settings",
        f"or with its documented metadata option. Made by `make reexport-page` with washtest {__version__}. A",
        "photograph of 96 x 96 pixels; each place of GB 45438 in a file of its own, C2PA beside XMP.",
        "",
        "`intact`: every field as written. `altered`: it still declares AI, but a field or its form differs. `broken`:",
        "there, but its own hashes fail. `residue`: bytes that no conforming reader parses. `absent`: gone.",
        f"Each state is our readers'; ExifTool {version} confirms it by showing as many of the label's fields, unless",
        "marked: ° ExifTool does not show this label in such a file even when it is whole; **bold** it shows another",
        "number of fields (E shown/written), explained below the table.",
        "",
        f"Programs: {', '.join(channels)}.",
    ]
    with tempfile.TemporaryDirectory() as name:
        for kind, mime in KINDS.items():
            lines += table(kind, mime, here, Path(name))
    absent = [repr(attack) for attack in ATTACKS if attack not in here]
    if absent:
        lines += ["", f"Not installed where this page was made: {', '.join(absent)}."]
    return "\n".join(lines) + "\n"


def table(kind: str, mime: str, here: list[object], folder: Path) -> list[str]:
    """One format: the table, and a line for whatever needs one."""
    columns = [label for label in COLUMNS if any(label in labels for _, labels in copies(mime))]
    lines = ["", f"## {kind}", "", "| tool | comes out | " + " | ".join(COLUMNS[c] for c in columns) + " |"]
    lines.append("|---|---|" + "---|" * len(columns))
    notes = []
    for attack in here:
        start = time.monotonic()
        found = row(attack, mime, folder)
        print(f"{kind} {attack!r} {time.monotonic() - start:.1f} s", flush=True)
        if isinstance(found, str):
            if found:
                notes.append(f"- `{attack!r}`, {kind}: {found}.")
            continue
        made = {cell.mime.removeprefix("image/").upper() for cell in found.values()}
        lines.append(
            f"| `{attack!r}` | {', '.join(sorted(made))} | " + " | ".join(str(found[c]) for c in columns) + " |"
        )
        notes += [
            explained(attack, kind, label, cell)
            for label, cell in found.items()
            if not cell.agrees or cell.ours.state in ("altered", "residue", "error")
        ]
    return [*lines, *(["", *notes] if notes else [])]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.parse_args().out.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
