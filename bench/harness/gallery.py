"""Pictures of a few samples after each attack, for people to look at.

A run keeps no pixels, so the views are made again as ``measure`` made them: the same file, labels, attack and chance.
Each is held against its record before it is shown: a picture that is not the one that was judged would mislead.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import CodedError, coded
from bench.files import write_whole
from bench.harness.engines.local import LocalEngine
from bench.harness.measure import attacked_view, claim_for, quality_of, with_labels
from bench.harness.plan import generator_for
from bench.harness.recipes import Recipe
from bench.harness.regimes import in_regime
from bench.harness.samples import Dataset, Sample
from bench.harness.thumbnails import contours, detail, focus_of, read_mask, thumbnail
from bench.media import Media
from bench.pictures import FOLDER, Gallery, Picture, Pictured, write_index
from bench.records import read_header, read_shard, shard_files
from bench.shards import read_table

if TYPE_CHECKING:
    import numpy as np

#: A picture made again may differ so much from its record: dB of PSNR, and SSIM.
PSNR_TOLERANCE, SSIM_TOLERANCE = 0.01, 1e-4

#: Licences in whose words a changed and shared copy is not allowed.
_FORBIDS = re.compile(
    r"\bND\b|no[ -]?deriv|all rights reserved|(no|not for|non)[ -]?redistribut|proprietary|confidential", re.I
)


@dataclass(frozen=True)
class Remake:
    """One sample with the records of the views that are shown of it, in the order of the run's attacks."""

    sample: Sample
    views: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Made:
    """The pictures of one sample: the views, the content of each file they name, and a line for what went wrong."""

    views: tuple[Picture, ...]
    files: Mapping[str, bytes]
    notes: tuple[str, ...] = ()


def forbidden(dataset: Dataset, sample: Sample) -> str:
    """Why no picture of a sample may be shown, "" where it may.

    A data set says no for all its files by ``pictures = false`` in ``dataset.toml``; a licence says so in its words.
    """
    if dataset.card.get("pictures") is False:
        return f"the card of {dataset.name} says pictures = false"
    if _FORBIDS.search(sample.licence):
        return f"its licence ({sample.licence[:60]}) allows no changed copies"
    return ""


def make_gallery(
    folder: Path,
    recipe: Recipe,
    dataset: Dataset,
    names: Sequence[str],
    engine: LocalEngine,
    *,
    asked: int | None = None,
    into: Path | None = None,
) -> Gallery:
    """Make the pictures of some samples and write them, with their index, into the run's folder.

    Args:
        folder: of the run.
        recipe: how its views were made.
        dataset: where the samples come from.
        names: ids of the samples.
        engine: makes them, watched like any task of a run.
        asked: how many were asked for, where ``names`` were chosen and not asked for.
        into: another folder than the run's gallery.

    Raises:
        UserError: no run there, a damaged shard, a folder that cannot be written.
    """
    header = read_header(folder)
    by_id = {sample.id: sample for sample in dataset.samples}
    problems, tasks = [], []
    recorded = _recorded(folder, header, recipe.regime, names)
    for name in names:
        sample = by_id.get(name)
        if sample is None:
            problems.append(f"{name} is not in {dataset.name}")
        elif why := forbidden(dataset, sample):
            problems.append(f"{name} is not shown: {why}")
        else:
            bundle = "none" if sample.truth == "human" else recipe.bundle
            tasks.append(Remake(sample, tuple(row for row in recorded.get(name, ()) if row["bundle"] == bundle)))
    found: dict[int, Made | CodedError] = dict(engine.run(functools.partial(remake, recipe), tasks))
    target = into or folder / FOLDER
    shown = []
    for index, task in enumerate(tasks):
        made = found[index]
        if isinstance(made, CodedError):
            problems.append(f"{task.sample.id} cannot be shown: {made}")
            continue
        for name, data in made.files.items():
            write_whole(target / name, data)
        shown.append(Pictured(task.sample.id, task.sample.licence, made.views))
        problems += [f"{task.sample.id}: {note}" for note in made.notes]
        wrong = [view for view in made.views if view.problem]
        if wrong:
            first = f"{wrong[0].attack}: {wrong[0].problem}"
            problems.append(f"{task.sample.id}: no picture of {len(wrong)} of {len(made.views)} views, e.g. {first}")
    gallery = Gallery(header["run"], tuple(names) if asked is None else asked, tuple(shown), tuple(problems))
    write_index(target, gallery)
    return gallery


def _recorded(
    folder: Path, header: dict[str, Any], regime: str, names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """The records of the views of these samples, in the header's order of attacks; one shard in memory at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in names}
    for path in shard_files(folder, "views"):
        table = read_table(read_shard(folder, path.name, header)[-1])
        mine = pc.and_(pc.is_in(table["sample"], pa.array(list(found))), pc.equal(table["regime"], regime))
        for row in table.filter(mine).to_pylist():
            found[row["sample"]][row["key"]] = row
    order = {str(attack["name"]): i for i, attack in enumerate(header["attacks"])}
    last = len(order)
    return {
        name: sorted(rows.values(), key=lambda row: (order.get(row["attack"], last), row["attack"]))
        for name, rows in found.items()
    }


def remake(recipe: Recipe, task: Remake) -> Made:
    """The pictures of one sample.

    Raises:
        CodedError: the file is gone, is not the one that was measured, or cannot be decoded.
    """
    sample, media = task.sample, task.sample.media
    base = in_regime(media, recipe.regime)
    pixels = base.pixels()
    labels = recipe.labels if sample.truth != "human" and recipe.bundle != "none" else ()
    labelled = with_labels(base, labels, claim_for(sample))
    mask, notes = None, []
    if sample.mask and recipe.regime == "native":
        try:
            mask = read_mask(sample.mask, pixels.shape)
        except CodedError as error:
            notes.append(f"no outline, its mask cannot be read ({error.code})")
    focus = focus_of(pixels, mask)
    views, files = [], {}
    for row in task.views:
        name = row["attack"]
        if row["status"] != "ok":
            views.append(Picture(name))  # there never was a picture; the records say why
            continue
        try:
            if name not in recipe.attacks:
                raise CodedError("E_ATTACK", recipe.problems.get(name, "not an attack of this run"))
            attack = recipe.attacks[name]
            rng = generator_for(recipe.seed, media.sha256, name)
            made = attacked_view(attack, sample.truth, labelled, rng, recipe.detectors)
            attacked, generated = made.media, made.mask
            shown = attacked.pixels()
            confirmed = confirm(row, attacked, shown, pixels)
        except Exception as error:
            views.append(Picture(name, problem=str(coded(error))))
            continue
        around = mask if attack.family == "identity" else generated
        around = around if around is not None and around.shape == shown.shape[:2] else None
        lines = contours(around) if around is not None else []
        files[f"{row['key']}.webp"] = thumbnail(shown, lines)
        # Where nothing changed, a detail shows nothing that the untouched one does not.
        unchanged = row["psnr"] == math.inf and attack.family != "identity"
        close = None if unchanged else detail(shown, focus)
        if close is not None:
            files[f"{row['key']}-detail.webp"] = close
        views.append(
            Picture(name, f"{row['key']}.webp", f"{row['key']}-detail.webp" if close else "", confirmed, bool(lines))
        )
    return Made(tuple(views), files, tuple(notes))


def confirm(row: Mapping[str, Any], attacked: Media, shown: np.ndarray, pixels: np.ndarray) -> str:
    """What shows that this is the view of that record: ``bytes``, ``measures`` or ``size``.

    A signed file has its salt and its time, so its bytes differ from run to run and only what was measured can agree.

    Raises:
        CodedError: ``E_DIFFERS``: it is another one.
    """
    size = {"mime": attacked.mime, "width": shown.shape[1], "height": shown.shape[0]}
    for name, now in size.items():
        if row[name] != now:
            raise CodedError("E_DIFFERS", f"made again its {name} is {now}, the records say {row[name]}")
    if row["sha256"] and attacked.encoded and attacked.sha256 == row["sha256"]:
        return "bytes"
    now = quality_of(pixels, shown)
    for name, tolerance in (("psnr", PSNR_TOLERANCE), ("ssim", SSIM_TOLERANCE)):
        then, again = row[name], now.get(name)
        same = then == again or (then is not None and again is not None and abs(then - again) <= tolerance)
        if not same:
            raise CodedError("E_DIFFERS", f"made again its {name.upper()} is {again}, the records say {then}")
    return "measures" if now else "size"
