"""The command that fits a detector once, for many runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, note, print_json, print_rows, worker_count
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.detectors.base import Score
    from bench.harness.samples import Sample


@click.command()
@click.argument("detector")
@click.option("--dataset", default="mini", metavar="PATH", help="Folder with a samples.csv, or a name. [default: mini]")
@click.option("--out", type=click.Path(path_type=Path), help="The model file. [default: DETECTOR-DATASET.safetensors]")
@click.option("--regime", type=click.Choice(["native", "canonical"]), default="native", show_default=True,
              help="Learn from files as they come, or all made alike.")  # fmt: skip
@click.option("--jpeg", type=int, nargs=2, metavar="LOW HIGH", help="Add JPEG copies of random quality, e.g. 60 100.")
@click.option("--resize", type=float, nargs=2, metavar="LOW HIGH", help="Add copies of random scale, e.g. 0.5 1.")
@click.option("--copies", type=int, help="How many such copies of each file. [default: 1]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all chance.")
@click.option("--jobs", type=click.IntRange(0), help="Worker processes; 0: none. [default: one per processor]")
@json_option
def train(
    detector: str,
    dataset: str,
    out: Path | None,
    regime: str,
    jpeg: tuple[int, int] | None,
    resize: tuple[float, float] | None,
    copies: int | None,
    seed: int,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Fit a DETECTOR that learns on a data set's train split, into one file that holds data and no code.

    No other split is learnt from. The AUC on the files that were learnt from flatters; the one on the calibration
    split, whose families were not seen, is the one to look at. Use the model as DETECTOR@FILE.

    \b
    Examples:
      washtest train spectrum --dataset my/set --jpeg 60 100 --resize 0.5 1 --out my.safetensors
      washtest run quick --detector header --detector spectrum@my.safetensors
      washtest detect spectrum --model my.safetensors picture.jpg
    """
    from bench.harness.engines.local import LocalEngine, pin_threads

    pin_threads()
    from bench.detectors import DETECTORS
    from bench.detectors.base import Trainable
    from bench.harness import models, registry, training
    from bench.harness.augmentation import Augmentation
    from bench.harness.dataset_fetch import here
    from bench.harness.samples import find_dataset, load_dataset
    from bench.tensors import SUFFIX

    chosen = registry.detector(detector)
    if not isinstance(chosen, Trainable):
        learners = ", ".join(d.info.name for d in DETECTORS if isinstance(d, Trainable))
        raise UserError(f"{detector} does not learn; those that do: {learners}")
    try:
        if copies is not None and not (jpeg or resize):
            raise ValueError("--copies says how many; say of what kind with --jpeg or --resize")
        augmentation = Augmentation(jpeg, resize, 1 if copies is None else copies) if jpeg or resize else None
    except ValueError as error:
        raise UserError(f"augmentation: {error}") from None
    loaded, missing = here(load_dataset(find_dataset(dataset)))
    if missing:
        click.echo(f"note: {missing}", err=True)
    target = out or Path(f"{chosen.info.name}-{Path(loaded.name).name}{SUFFIX}")
    if target.suffix != SUFFIX:
        raise UserError(f"let the model file end in {SUFFIX}: {target.with_suffix(SUFFIX)}")
    if target.exists():
        raise UserError(f"{target} is there already; choose another --out, or remove it")
    engine = LocalEngine(worker_count(jobs))
    note(f"fitting {chosen.info.name} on the train split of {loaded.name}")
    made = training.train(chosen, loaded, engine, regime=regime, augmentation=augmentation, seed=seed)
    digest = models.save(
        target, made.detector, loaded, made.taught, made.rows, regime=regime, augmentation=augmentation, seed=seed
    )
    rows = []
    calibration = [s for s in loaded.samples if s.split == "calibration" and s.truth in ("human", "ai")]
    for split, samples in (("train, as learnt", made.taught), ("calibration, not seen", calibration)):
        rows.append(_judged(split, samples, training.scores_of(made.detector, samples, regime, engine)))
    if as_json:
        facts = {"model": str(target), "sha256": digest, "detector": repr(chosen), "dataset": loaded.name}
        print_json(facts | {"revision": loaded.revision, "regime": regime, "rows": made.rows, "splits": rows})
    else:
        print_rows(tuple(rows[0]), [tuple(row.values()) for row in rows])
        click.echo(f"model\t{target}\t{digest}")
    if any(row["errors"] for row in rows):
        sys.exit(1)


def _judged(split: str, samples: tuple[Sample, ...] | list[Sample], scores: list[Score]) -> dict[str, Any]:
    """AUC with its 95 % interval (DeLong) over the files that have a score; None where a class has none."""
    import math

    from bench.analysis import stats

    values: dict[str, list[float]] = {"human": [], "ai": []}
    for sample, score in zip(samples, scores, strict=True):
        if score.value is not None:
            values[sample.truth].append(score.value)
    found = [None if math.isnan(value) else round(value, 4) for value in stats.auc(values["human"], values["ai"])]
    return {
        "split": split,
        "n_human": len(values["human"]),
        "n_ai": len(values["ai"]),
        "families": len({sample.family for sample in samples}),
        "errors": sum(score.status == "error" for score in scores),
        **dict(zip(("auc", "auc_low", "auc_high"), found, strict=True)),
    }


COMMANDS = (train,)
