"""An aligned set from photographs alone: for each, a regenerated twin and, for some, a partial edit with its mask.

Twin and original share content, size, format and encoder, so that a detector can only tell them by what regeneration
did to the signal. They are no text-to-image pictures, and a card must say so.

Whether two machines write the same bytes: all chance is seeded from the original's digest, and a model's result is
rounded to 8 bits before it is encoded, which hides nearly all that processors differ by in floating point. What is
left is told by ``samples.csv``, which holds the SHA-256 of each file as it was made.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks import Attack
from attacks.masks import blend, edit_mask
from attacks.recompress import Jpeg, Png, WebP
from attacks.truth import performed, truth_after
from bench.errors import NotApplicable, UserError
from bench.files import write_whole
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
    rows, columns = _rows(folder)
    human = [row for row in rows if row["truth"] == "human"]
    taken: set[str] = {row["path"] for row in human}
    made: list[dict[str, Any]] = []
    edited: list[dict[str, Any]] = []
    for row in human:
        media = Media.read(folder / row["path"])
        rng = generator_for(seed, media.sha256, f"twin:{attack!r}")
        remade = attack(media, rng).pixels()
        made.append(_write(folder, row, "ai", remade, media.mime, repr(attack), taken))
        if edits and _split(row) == "test":
            original = media.pixels()
            mask = edit_mask(original.shape[0], original.shape[1], AREAS[len(edited) % len(AREAS)], rng)
            entry = _write(folder, row, "ai_edited", blend(original, remade, mask), media.mime, repr(attack), taken)
            edited.append(entry | _write_mask(folder, row, mask, taken))
    write_samples(folder / "samples.csv", [*human, *made, *edited], columns)
    return len(made), len(edited)


def make_edits(folder: Path, attacks: Sequence[Attack], seed: int = 0) -> int:
    """Write an edit of every photograph of the test split, and the rows for them; older edits are replaced.

    Args:
        folder: of the data set; edits go to ``files/ai_edited``, masks to ``masks``.
        attacks: edits of human files that make them ``ai_edited`` (``attacks.edit``); photographs take them in turn.
        seed: of all chance.

    Returns:
        Number of edits; a photograph too small for a region gets none.

    Raises:
        CodedError: an attack failed on a file.
        UserError: no human rows in the test split, an attack that is no AI edit or lacks something here, or a file
            that cannot be read, encoded or written.
    """
    for attack in attacks:
        if truth_after(attack, "human") != "ai_edited":
            raise UserError(f"{attack!r} leaves a photograph a photograph; name an edit by a model")
        if missing := getattr(attack, "missing", str)():
            raise UserError(f"{attack!r} lacks something on this machine; run: {missing}")
    rows, columns = _rows(folder)
    kept = [row for row in rows if row["truth"] != "ai_edited" or not row.get("derived_from")]
    tested = [row for row in kept if row["truth"] == "human" and _split(row) == "test"]
    if not tested:
        raise UserError(f"{folder / 'samples.csv'} has no human rows in the test split to edit")
    taken = {row[name] for row in kept for name in ("path", "mask") if row.get(name)}
    edited: list[dict[str, Any]] = []
    for number, row in enumerate(tested):
        attack = attacks[number % len(attacks)]
        media = Media.read(folder / row["path"])
        try:
            made, mask = performed(attack, media, generator_for(seed, media.sha256, repr(attack)))
        except NotApplicable:  # too small for an edit
            continue
        assert mask is not None
        entry = _write(folder, row, "ai_edited", made.pixels(), media.mime, repr(attack), taken)
        edited.append(entry | _write_mask(folder, row, mask, taken))
    write_samples(folder / "samples.csv", [*kept, *edited], columns)
    return len(edited)


def _rows(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of ``samples.csv``, and its columns with those that derived files need."""
    table = folder / "samples.csv"
    load_dataset(folder)  # says what is wrong with the rows, and that their paths stay inside the folder
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows: list[dict[str, Any]] = list(reader)
        columns = list(reader.fieldnames or [])
    if not any(row["truth"] == "human" for row in rows):
        raise UserError(f"{table} has no human rows to make twins of")
    more = ("generator", "family", "sha256", "bytes", "mask", "edited_area", "derived_from")
    for row in rows:
        row["family"] = row.get("family") or row.get("id") or row["path"]
    return rows, [*columns, *(name for name in more if name not in columns)]


def _split(row: dict[str, Any]) -> str:
    return row.get("split") or split_of(row["family"])


def _write(
    folder: Path, row: dict[str, Any], truth: str, pixels: np.ndarray, mime: str, how: str, taken: set[str]
) -> dict[str, Any]:
    """Encode as the original was, and the row for it."""
    import numpy as np

    if mime not in ENCODERS:
        raise UserError(f"{row['path']} is {mime}; twins are made of {', '.join(ENCODERS)}")
    encoded = ENCODERS[mime](Media.from_pixels(pixels), np.random.default_rng(0))
    path = _free(Path("files") / truth / Path(row["path"]).name, taken)
    write_whole(folder / path, encoded.data)
    changed = {"path": path.as_posix(), "truth": truth, "generator": how, "derived_from": row["path"]}
    changed |= {"sha256": encoded.sha256, "bytes": str(len(encoded.data))}
    if "id" in row:
        changed["id"] = f"{row['id']}-{truth}"
    return row | changed


def _write_mask(folder: Path, row: dict[str, Any], mask: np.ndarray, taken: set[str]) -> dict[str, str]:
    import cv2

    path = _free(Path("masks") / f"{Path(row['path']).stem}.png", taken)
    _, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_BILEVEL, 1])
    write_whole(folder / path, data.tobytes())
    return {"mask": path.as_posix(), "edited_area": f"{mask.mean() / 255:.4f}"}


def _free(path: Path, taken: set[str]) -> Path:
    """The path, or one with a number where another original's file of the same name was put there."""
    free, number = path, 1
    while free.as_posix() in taken:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    taken.add(free.as_posix())
    return free
