"""A run from the plan to the records: lock, resume, fit, measure, commit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import CodedError, UserError
from bench.harness.cache import Cache
from bench.harness.cache_files import refusal
from bench.harness.engines.base import Engine
from bench.harness.header import describe_detectors, header_of, now
from bench.harness.measure import Bench, Rows, failed, measure
from bench.harness.mirror import Mirror
from bench.harness.models import Pretrained, seen_before
from bench.harness.plan import Plan
from bench.harness.store import Store
from bench.harness.tasks import Task
from bench.harness.training import fit_all
from bench.records import SPENT


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        done: tasks measured now.
        skipped: tasks whose records were on disk already.
        failed_cells: views, readings and scores with an error among the tasks measured now.
        warnings: for people, one line each.
    """

    done: int = 0
    skipped: int = 0
    failed_cells: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """Where a run reports to: all four are told things as they happen, none may fail."""

    message: Callable[[str], None]
    start: Callable[[int, int], None]
    step: Callable[[int, int], None]
    stop: Callable[[], None]


def run_plan(
    plan: Plan,
    folder: Path,
    engine: Engine,
    progress: Progress,
    command: str,
    cache: Cache | None = None,
    mirror: Mirror | None = None,
) -> Outcome:
    """Measure what is not on disk yet.

    Args:
        plan: what to measure.
        folder: of the run.
        engine: runs the tasks.
        progress: told how far it is.
        command: as typed, for the header.
        cache: where results of slow attacks are kept; without it all are made anew.
        mirror: a copy of the run's folder elsewhere, kept as it goes; what only it has is not measured again.

    Raises:
        UserError: the folder or the mirror holds another run, is locked or cannot be written; the data set leaks.
        KeyboardInterrupt: passed on after what is finished has been committed.
    """
    check_leaks(plan)
    cautions = check_models(plan)
    with Store(folder, mirror, progress.message) as store:
        header = header_of(plan, command)
        earlier = store.headers()
        for option, place, old in earlier:
            _check_same(old.get("settings", {}), header["settings"], place, option)
        if earlier:
            # Of two places the one that was finished, or else this folder, tells what came before.
            _, _, old = max(earlier, key=lambda found: bool(found[-1].get("finished")))
            header["run"], header["started"] = old["run"], old["started"]
            header["counts"] = old.get("counts", {})
            if old.get("finished"):
                header = old
        outcome = Outcome()
        todo = plan.tasks.without(store.done())
        outcome.skipped = len(plan.tasks) - len(todo)
        if header.get("finished") and not todo:
            outcome.warnings = header["warnings"]
            if mirror:
                store.write_header(header)
                store.join_models()
            return outcome
        header["finished"] = None
        store.write_header(header)
        engine.private_descriptors = store.descriptors
        begun = engine.processor_seconds()
        store.join_models()
        fitted = fit_all(plan, folder, engine, progress.message)
        store.join_models()
        # What was fitted by an earlier start of this run is only loaded, so the parts add up to the whole.
        _count(header, fit_cpu_seconds=engine.processor_seconds() - begun)
        if each := max((found.seconds_a_file for found in fitted.values()), default=0.0):
            header["counts"]["fit_cpu_seconds_a_file"] = round(each, 4)
        describe_detectors(header, plan, fitted, folder)
        header["warnings"] += cautions
        store.write_header(header)
        bench = Bench(header["run"], plan.suite, {regime: found.detectors for regime, found in fitted.items()}, cache)
        if cache and (why := refusal(cache.folder)):
            progress.message(f"slow results are not kept: {cache.folder} cannot be written ({why})")
        begun = engine.processor_seconds()
        busy = _measure_all(bench, plan, todo, store, engine, progress, outcome)
        # How the seconds in the records relate to those of processors: on a machine with other work they are longer.
        used = engine.processor_seconds() - begun
        _count(header, cpu_seconds=used, busy_seconds=busy, replaced_workers=engine.crashes)
        header["counts"] |= {"tasks": len(plan.tasks), "views": plan.tasks.n_views}
        store.compact()
        header["finished"] = now()
        store.write_header(header)  # written last: its "finished" means the records are whole
        outcome.warnings = header["warnings"]
        return outcome


def _measure_all(
    bench: Bench, plan: Plan, todo: Sequence[Task], store: Store, engine: Engine, progress: Progress, outcome: Outcome
) -> float:
    """Measure and commit; returns the seconds that the records say it took, all workers together."""
    progress.start(len(plan.tasks), outcome.skipped)
    busy = 0.0
    try:
        for index, result in engine.run(functools.partial(measure, bench), todo):
            rows: Rows = failed(bench, todo[index], result) if isinstance(result, CodedError) else result
            store.add(rows)
            outcome.done += 1
            errors = sum(row.get("status", row.get("state")) == "error" for table in rows.values() for row in table)
            outcome.failed_cells += errors
            busy += sum(row.get(name) or 0.0 for table in rows.values() for row in table for name in SPENT)
            progress.step(len(rows["views"]), errors)
        store.flush()
    except KeyboardInterrupt:
        store.flush()
        raise
    finally:
        progress.stop()
    return busy


def _count(header: dict[str, Any], **more: float) -> None:
    """Add to the counts of the header, which go on when a run is resumed."""
    for name, number in more.items():
        header["counts"][name] = round(header["counts"].get(name, 0) + number, 3)


def check_leaks(plan: Plan) -> None:
    """The same file in two splits, or of two truths, is an error that names both.

    Perceptual twins and files whose sha256 the table does not state are found by ``washtest dataset check``.

    Raises:
        UserError: a leak or a contradiction.
    """
    first: dict[str, Any] = {}
    leaks, contradictions = [], []
    for sample in plan.samples:
        if not sample.sha256:
            continue
        other = first.setdefault(sample.sha256, sample)
        if other.split != sample.split:
            leaks.append(f"{other.id} ({other.split}) = {sample.id} ({sample.split})")
        if other.truth != sample.truth:
            contradictions.append(f"{other.id} ({other.truth}) = {sample.id} ({sample.truth})")
    if leaks:
        raise UserError(
            f"{len(leaks)} files leak between splits, e.g. {'; '.join(leaks[:3])}; give them one family "
            f"(washtest dataset check {plan.dataset.folder} lists all)"
        )
    if contradictions:
        raise UserError(
            f"{len(contradictions)} files are said to be two things, e.g. {'; '.join(contradictions[:3])}; keep the "
            f"row that is right (washtest dataset check {plan.dataset.folder} lists all)"
        )


def check_models(plan: Plan) -> list[str]:
    """What is wrong with judging model files by this data: a line for each that has seen families of it.

    Raises:
        UserError: a model was fitted on the very files that it would be judged by.
    """
    judged = [sample for sample in plan.samples if sample.split != "train"]
    cautions = []
    for detector in plan.suite.detectors:
        if not isinstance(detector, Pretrained):
            continue
        same, kin = seen_before(detector, plan.dataset, judged)
        if same:
            raise UserError(
                f"{detector.name} was fitted on {len(same)} files of the calibration and test splits, "
                f"e.g. {', '.join(same[:3])}; train it again on the train split of {plan.dataset.name}"
            )
        if kin:
            cautions.append(
                f"{detector.name} was fitted on other files of the families of {len(kin)} calibration and test "
                f"samples, e.g. {', '.join(kin[:3])}: its errors come out too small"
            )
    return cautions


def _check_same(old: dict[str, Any], new: dict[str, Any], place: str, option: str) -> None:
    different = [key for key in {**new, **old} if old.get(key) != new.get(key)]
    if not different:
        return
    first = different[0]
    shown = f"{_short(old.get(first, 'none'))} there, {_short(new.get(first, 'none'))} now"
    raise UserError(
        f"{place} holds a run with other settings ({', '.join(different)}: {shown}); "
        f"choose another {option}, or remove that folder"
    )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
