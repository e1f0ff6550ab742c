"""Pictures of attacked samples for people to look at: ``RUN/gallery/``, written by the harness, read by the analysis.

Records hold no pixels. A gallery holds small ones of a few samples. ``index.json`` is written last and names the files,
so that a gallery is whole or not there.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.files import write_whole

FOLDER, INDEX = "gallery", "index.json"

#: Of the index; another one is made again.
VERSION = 1

#: A picture larger than this is none of ours.
MAX_BYTES = 500_000

_NAME = re.compile(r"[0-9a-f]{32}(-detail)?\.webp", re.ASCII)


@dataclass(frozen=True)
class Picture:
    """One view.

    Attributes:
        attack: its repr.
        file: a thumbnail in the folder, "" for none.
        detail: a part of it at full size in the folder, "" where the thumbnail is that already.
        confirmed: what shows it to be the view that was measured: ``bytes`` (equal SHA-256), ``measures`` (equal type,
            size, PSNR and SSIM) or ``size`` (equal type and size, where the attack changes the size).
        outlined: whether a line is drawn around what was generated.
        problem: why there is no picture of a view that the records have, "" otherwise.
    """

    attack: str
    file: str = ""
    detail: str = ""
    confirmed: str = ""
    outlined: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Pictured:
    """One sample: its licence as the data set states it, and its views in the order of the run's attacks."""

    sample: str
    licence: str
    views: tuple[Picture, ...]


@dataclass(frozen=True)
class Gallery:
    """The pictures of a run.

    Attributes:
        run: id of the run.
        asked: how many samples were asked for, or which.
        samples: those shown.
        problems: a line for each sample that could not be shown.
    """

    run: str
    asked: int | tuple[str, ...]
    samples: tuple[Pictured, ...]
    problems: tuple[str, ...] = ()


def shown_regime(regimes: list[str]) -> str:
    """The regime whose views are shown: files as they came, where the run has them."""
    return "native" if "native" in regimes or not regimes else regimes[0]


def write_index(folder: Path, gallery: Gallery) -> None:
    """Write the index into the gallery's folder, and remove what it does not name."""
    text = json.dumps({"version": VERSION} | asdict(gallery), indent=1, ensure_ascii=False)
    write_whole(folder / INDEX, text + "\n")
    named = {name for sample in gallery.samples for view in sample.views for name in (view.file, view.detail)}
    for path in folder.glob("*.webp"):
        if path.name not in named:
            path.unlink(missing_ok=True)


def read_index(run_folder: Path) -> Gallery | None:
    """The gallery of a run; None where it has none.

    Raises:
        UserError: an index that cannot be read.
    """
    path = run_folder / FOLDER / INDEX
    try:
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if raw["version"] != VERSION:
            raise ValueError(f"version {raw['version']}, not {VERSION}")
        samples = tuple(
            Pictured(str(one["sample"]), str(one["licence"]), tuple(_picture(view) for view in one["views"]))
            for one in raw["samples"]
        )
        asked = raw["asked"] if isinstance(raw["asked"], int) else tuple(map(str, raw["asked"]))
        return Gallery(str(raw["run"]), asked, samples, tuple(map(str, raw["problems"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); make it again with: washtest gallery {run_folder}, or remove its folder"
        ) from None


def _picture(raw: dict[str, Any]) -> Picture:
    for name in (raw["file"], raw["detail"]):
        if name and not _NAME.fullmatch(name):  # a run folder may come from anybody
            raise ValueError(f"{name!r} is no name of a picture")
    texts = {name: str(raw[name]) for name in ("attack", "file", "detail", "confirmed", "problem")}
    return Picture(outlined=bool(raw["outlined"]), **texts)


def picture_bytes(run_folder: Path, name: str) -> bytes | None:
    """A WebP file of the gallery; None where it is missing, torn or something else."""
    try:
        path = run_folder / FOLDER / name
        if path.stat().st_size > MAX_BYTES:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    whole = data[:4] == b"RIFF" and data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") == len(data) - 8
    return data if whole else None


def remove(run_folder: Path) -> None:
    """Take the gallery of a run away."""
    shutil.rmtree(run_folder / FOLDER, ignore_errors=True)
