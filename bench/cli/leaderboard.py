"""Commands about published results: the boards over all of them, and other people's detectors for them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.common import Group, default_folder, print_rows, worker_count
from bench.cli.progress import progress_option, progress_reporter, quiet_option

if TYPE_CHECKING:
    from bench.records import Run


@click.command()
@click.argument("results", default="results", metavar="[RESULTS_DIR]", type=click.Path(path_type=Path))
def leaderboard(results: Path) -> None:
    """Write leaderboard.md and leaderboard.html over the runs in RESULTS_DIR (results).

    Labels by attack family, and detectors by regime and threshold; only runs of one suite on one revision of a data
    set stand under one heading.

    \b
    Examples:
      washtest leaderboard
      washtest leaderboard my/results
    """
    from bench.analysis.leaderboard.page import write

    paths, left_out = write(results)
    for line in left_out:
        click.echo(f"left out: {line}", err=True)
    for path in paths:
        click.echo(f"leaderboard\t{path}")


@click.group(cls=Group)
def submission() -> None:
    """Check a detector that somebody adds to the leaderboard."""


@submission.command()
@click.argument("card", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--add", is_flag=True, help="Also write FILE's folder (run.json, tables), which the leaderboard reads.")
@click.option("--jobs", type=click.IntRange(0), help="Worker processes; 0: none. [default: one per processor]")
@progress_option
@quiet_option
def check(card: Path, add: bool, jobs: int | None, progress: str, quiet: bool) -> None:
    """Check the card FILE of a detector and its scores, and print the rows that it would add to the leaderboard.

    The suite's files are made once and kept in runs/; nothing is fetched, and the detector is not called. Thresholds
    and all figures come from the scores. Exit code 2 with one line for each problem.

    \b
    Examples:
      washtest submission check results/submissions/my-detector.toml
      washtest submission check results/submissions/my-detector.toml --add
    """
    from bench.harness import submission as submissions
    from bench.harness.engines.local import LocalEngine, pin_threads

    pin_threads()
    from bench.harness.dataset_fetch import here
    from bench.harness.plan import load_suite
    from bench.harness.samples import find_dataset, load_dataset

    found, problems = submissions.read_card(card)
    _refuse(card, problems)
    assert found is not None
    scores, problems = submissions.read_table(found, card.parent)
    suite = load_suite(found.suite)
    dataset, _ = here(load_dataset(find_dataset(found.dataset)))
    submissions.check_ground(found, dataset)
    _refuse(card, problems)
    folder = default_folder(f"ids-{suite.name}", dataset.name)
    reporter = progress_reporter("none" if quiet else progress)
    run = submissions.named_run(suite, dataset, folder, LocalEngine(worker_count(jobs)), reporter)
    _refuse(card, submissions.check_ids(run, scores))
    _judge(card, submissions.with_scores(run, found, scores), add)


def _judge(card: Path, run: Run, add: bool) -> None:
    """Print the rows of a sound submission, and write its folder or hold it against the one that is there."""
    import json
    import tomllib

    from bench.analysis import render, tables
    from bench.analysis.leaderboard.boards import detector_board
    from bench.analysis.leaderboard.entries import OF_DETECTORS, Entry
    from bench.files import write_whole

    made = tables.make(run, [*OF_DETECTORS, "thresholds"])
    target, texts = card.with_suffix(""), {name: render.to_csv(table) for name, table in made.items()}
    name = f"{target.parent.name}/{target.name}"
    board = detector_board([Entry(name, run.header, made, tomllib.loads(card.read_text("utf-8")))])
    if board.empty:
        _refuse(card, ["no threshold: the calibration split is too small for any, and there is no default_threshold"])
    if add:
        for name, text in texts.items():
            write_whole(target / "tables" / f"{name}.csv", text)
        write_whole(target / "run.json", json.dumps(run.header, indent=1, ensure_ascii=False) + "\n")
    there = {name: target / "tables" / f"{name}.csv" for name in texts if target.is_dir()}
    other = [path for name, path in there.items() if not path.is_file() or path.read_text("utf-8") != texts[name]]
    _refuse(card, [f"{path} is not what these scores give; --add writes it again" for path in other])
    rows = [[render.cell_text(value) for value in row] for row in board.astype(object).to_numpy()]
    print_rows([str(column) for column in board], rows)


def _refuse(card: Path, problems: list[str]) -> None:
    for line in problems:
        click.echo(f"{card}: {line}", err=True)
    if problems:
        sys.exit(2)


COMMANDS = (leaderboard, submission)
