"""An aligned set from photographs alone: for each, a regenerated twin and, for some, a partial edit with its mask.

Twin and original share content, size, format and encoder, so that a detector can only tell them by what regeneration
did to the signal. They are no text-to-image pictures, and a card must say so.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks import Attack
from attacks.masks import blend, edit_mask
from attacks.recompress import Jpeg, Png, WebP
from bench.errors import UserError
from bench.files import writing
from bench.harness.dataset_import import write_samples
from bench.harness.plan import generator_for
from bench.harness.samples import load_dataset, split_of
from bench.media import Media

if TYPE_CHECKING:
    import numpy as np

#: Derived files are encoded as their original was: these settings must be those of the originals.
ENCODERS: dict[str, Attack] = {
    "image/jpeg": Jpeg(quality=90),
    "image/png": Png(compression=9),
    "image/webp": WebP(quality=90),
}
#: Shares of the picture that edits cover, taken in turn: one in each bin of the edited-area table but the largest.
AREAS = (0.03, 0.08, 0.18, 0.35, 0.55)


def make_twins(folder: Path, attack: Attack, edits: bool = True, seed: int = 0) -> tuple[int, int]:
    """Write twins and edits of every human row of ``samples.csv``, and the rows for them; older ones are replaced.

    Args:
        folder: of the data set; twins go to ``files/ai``, edits to ``files/ai_edited``, masks to ``masks``.
        attack: the regeneration.
        edits: also make a partial edit of each photograph of the test split (edits elsewhere are never measured).
        seed: of all chance.

    Returns:
        Number of twins and of edits.

    Raises:
        UserError: no human rows, or a file that cannot be read, encoded or written.
    """
    table = folder / "samples.csv"
    load_dataset(folder)  # says what is wrong with the rows, and that their paths stay inside the folder
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        columns = list(reader.fieldnames or [])
    human = [row for row in rows if row["truth"] == "human"]
    if not human:
        raise UserError(f"{table} has no human rows to make twins of")
    for name in ("generator", "family", "sha256", "bytes", "mask", "edited_area", "derived_from"):
        if name not in columns:
            columns.append(name)
    taken: set[str] = {row["path"] for row in human}
    made: list[dict[str, Any]] = []
    edited: list[dict[str, Any]] = []
    for row in human:
        media = Media.read(folder / row["path"])
        rng = generator_for(seed, media.sha256, f"twin:{attack!r}")
        remade = attack(media, rng).pixels()
        row["family"] = row.get("family") or row["path"]
        made.append(_write(folder, row, "ai", remade, media.mime, repr(attack), taken))
        if edits and (row.get("split") or split_of(row["family"])) == "test":
            original = media.pixels()
            mask = edit_mask(original.shape[0], original.shape[1], AREAS[len(edited) % len(AREAS)], rng)
            entry = _write(folder, row, "ai_edited", blend(original, remade, mask), media.mime, repr(attack), taken)
            edited.append(entry | _write_mask(folder, row, mask, taken))
    write_samples(table, [*human, *made, *edited], columns)
    return len(made), len(edited)


def _write(
    folder: Path, row: dict[str, Any], truth: str, pixels: np.ndarray, mime: str, how: str, taken: set[str]
) -> dict[str, Any]:
    """Encode as the original was, and the row for it."""
    import numpy as np

    if mime not in ENCODERS:
        raise UserError(f"{row['path']} is {mime}; twins are made of {', '.join(ENCODERS)}")
    encoded = ENCODERS[mime](Media.from_pixels(pixels), np.random.default_rng(0))
    path = _free(Path("files") / truth / Path(row["path"]).name, taken)
    with writing(folder):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(encoded.data)
    changed = {"path": path.as_posix(), "truth": truth, "generator": how, "derived_from": row["path"]}
    changed |= {"sha256": encoded.sha256, "bytes": str(len(encoded.data))}
    if "id" in row:
        changed["id"] = f"{row['id']}-{truth}"
    return row | changed


def _write_mask(folder: Path, row: dict[str, Any], mask: np.ndarray, taken: set[str]) -> dict[str, str]:
    import cv2

    path = _free(Path("masks") / f"{Path(row['path']).stem}.png", taken)
    _, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_BILEVEL, 1])
    with writing(folder):
        (folder / "masks").mkdir(exist_ok=True)
        (folder / path).write_bytes(data.tobytes())
    return {"mask": path.as_posix(), "edited_area": f"{mask.mean() / 255:.4f}"}


def _free(path: Path, taken: set[str]) -> Path:
    """The path, or one with a number where another original's file of the same name was put there."""
    free, number = path, 1
    while free.as_posix() in taken:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    taken.add(free.as_posix())
    return free
