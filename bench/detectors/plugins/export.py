"""The files of a run, written out for a detector that cannot be called from here.

What comes back is a table ``id,score`` (see ``table``). The table of files says nothing of truth or attack, so that
whoever scores them is blind.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.containers import EXTENSIONS
from bench.detectors.base import DetectorInfo, Score
from bench.detectors.plugins.table import content_id
from bench.files import write_whole
from bench.media import Media

#: The table of files, and the folder beside it that holds them.
MANIFEST, FILES = "manifest.csv", "files"


@dataclass(frozen=True)
class Exporter:
    """Writes each file that it is shown, and abstains; the ``content_id`` is the detail of its score.

    Files that differ in their metadata alone have one ``content_id`` and are written once.

    Attributes:
        folder: that they are written into, or None to name them only.
    """

    folder: Path | None

    info = DetectorInfo("export", version="1", reads="file")

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """No verdict."""
        names = [content_id(media) for media in batch]
        for media, name in zip(batch, names, strict=True):
            if self.folder is None:
                continue
            path = self.folder / FILES / f"{name}{EXTENSIONS[media.mime]}"
            if not path.exists():
                write_whole(path, media.data)
        return [Score(None, "abstain", detail=name) for name in names]


def write_manifest(folder: Path) -> int:
    """The table ``id,path,sha256`` of what was exported, paths relative to the table.

    Returns:
        The number of files.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("id", "path", "sha256"))
    paths = sorted((folder / FILES).glob("[!.]*"))
    for path in paths:
        writer.writerow((path.stem, f"{FILES}/{path.name}", hashlib.sha256(path.read_bytes()).hexdigest()))
    write_whole(folder / MANIFEST, out.getvalue())
    return len(paths)
