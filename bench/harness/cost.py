"""What a suite will cost on so many samples, from what an earlier run of it was measured to cost.

The mean of every cell of the grid is taken from the records, so the estimate holds for pictures of the sizes that were
measured. The seconds in the records are those of a clock; the run's header says how many a processor worked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.detectors.base import Trainable
from bench.harness.engines.local import LocalEngine
from bench.harness.plan import Suite, make_plan
from bench.harness.run import Progress, run_plan
from bench.harness.samples import Dataset, Sample
from bench.harness.tasks import views_of
from bench.records import SPLITS, TABLES, TRUTHS, read_header, read_shard, shard_files
from bench.shards import read_table

#: What a worker's time goes to, in the order of the work.
STAGES = ("fit", "prepare", "attack", "decode", "quality", "readings", "detectors")

#: How many samples of each truth are measured where there is no earlier run; train samples as few as can be fitted.
HANDFUL = {"train": 8, "calibration": 1, "test": 8}

#: A file looked at in one way: its regime, bundle and attack.
Cell = tuple[str, str, str]


@dataclass(frozen=True)
class Costs:
    """What was measured.

    Attributes:
        run: id of the run it was measured in.
        samples: how many were looked at.
        megapixels: of the mean view.
        views: number of each cell.
        seconds: of each cell, by stage, all its views together; ``detectors`` holds what all detectors took.
        scores: seconds by cell and detector, all views together.
        scored: number of scores by cell and detector.
        fit: processor seconds for all train samples together.
        fit_each: of them, what one more train sample takes: most of a small fit is imports.
        train: number of train samples.
        processor: seconds of a processor for each second in the records: less than 1 where other work had its share of
            the machine, or where a detector waited for another one.
        bytes: of all records on disk.
    """

    run: str
    samples: int
    megapixels: float
    views: Counter[Cell]
    seconds: dict[str, dict[Cell, float]]
    scores: dict[tuple[Cell, str], float]
    scored: Counter[tuple[Cell, str]]
    fit: float
    fit_each: float
    train: int
    processor: float
    bytes: int

    def lack(self, suite: Suite) -> list[str]:
        """The attacks, bundles and detectors of a suite that were not measured in each of its regimes."""
        missing = []
        for truth in TRUTHS:
            for regime, bundle, attack, scored in views_of(suite, truth, "test"):
                cell = (regime, bundle, repr(suite.attacks[attack]))
                if not self.views[cell]:
                    missing.append(f"{cell[2]} on {bundle} in {regime}")
                for detector in suite.detectors if scored else ():
                    if self.views[cell] and not self.scored[cell, detector.info.name]:
                        missing.append(detector.info.name)
        return list(dict.fromkeys(missing))


def measured(folder: Path) -> Costs:
    """The costs of a run, from its records; a shard at a time, so of a run of any size.

    Raises:
        UserError: no run there, or a damaged shard.
    """
    header = read_header(folder)
    views: Counter[Cell] = Counter()
    seconds: dict[str, dict[Cell, float]] = {stage: defaultdict(float) for stage in STAGES[1:]}
    scores: dict[tuple[Cell, str], float] = defaultdict(float)
    scored: Counter[tuple[Cell, str]] = Counter()
    samples: set[str] = set()
    pixels = size = 0
    for path in shard_files(folder, "views"):
        files = read_shard(folder, path.name, header)
        size += sum(map(len, files))
        tables = {t: read_table(data) for t, data in zip(TABLES, files, strict=True)}
        cells: dict[str, Cell] = {}
        for row in tables["views"].to_pylist():
            cell = cells[row["key"]] = (row["regime"], row["bundle"], row["attack"])
            views[cell] += 1
            samples.add(row["sample"])
            pixels += (row["width"] or 0) * (row["height"] or 0)
            for stage in ("prepare", "attack", "decode", "quality"):
                seconds[stage][cell] += row.get(f"seconds_{stage}") or 0.0
            if (made := row.get("seconds_saved")) is not None:  # elsewhere its results will not lie ready
                seconds["attack"][cell] += made - row["seconds_attack"]
        for key, spent in _columns(tables["readings"], "key", "seconds"):
            seconds["readings"][cells[key]] += spent or 0.0
        for key, detector, spent in _columns(tables["scores"], "key", "detector", "seconds"):
            seconds["detectors"][cells[key]] += spent or 0.0
            scores[cells[key], detector] += spent or 0.0
            scored[cells[key], detector] += 1
    train = sum(header["dataset"]["splits"]["train"][truth] for truth in ("human", "ai"))
    counts = header.get("counts", {})
    processor = counts["cpu_seconds"] / counts["busy_seconds"] if counts.get("busy_seconds") else 1.0
    megapixels = round(pixels / 1e6 / max(1, sum(views.values())), 3)
    # Every run that was merged fitted its detectors, on the same files.
    fit = counts.get("fit_cpu_seconds", 0.0) / max(1, len(header.get("merged_from", [])))
    each = min(counts.get("fit_cpu_seconds_a_file", fit), fit / max(1, train))
    return Costs(
        header["run"], len(samples), megapixels, views, seconds, scores, scored, fit, each, train, processor, size
    )


def _columns(table: Any, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def measure_handful(suite: Suite, dataset: Dataset, folder: Path, progress: Progress) -> Costs:
    """Run the suite on a handful of samples of each truth and split, one after the other, and take its costs.

    Args:
        suite: to be measured.
        dataset: the samples are spread over its rows.
        folder: for the run; empty.
        progress: told how far it is.
    """
    few: list[Sample] = []
    for split in SPLITS:
        for truth in TRUTHS:
            members = [sample for sample in dataset.samples if (sample.split, sample.truth) == (split, truth)]
            step = max(1.0, len(members) / HANDFUL[split])
            few += [members[int(i * step)] for i in range(min(HANDFUL[split], len(members)))]
    plan = make_plan(suite, replace(dataset, samples=tuple(few)))
    run_plan(plan, folder, LocalEngine(1), progress, "washtest plan")
    return measured(folder)


def estimate(costs: Costs, suite: Suite, dataset: Dataset, samples: int) -> dict[str, Any]:
    """What the suite costs on so many samples of the data set's composition.

    Returns:
        ``samples``, ``views``, ``readings``, ``scores``, ``records``, ``bytes``; ``cpu_hours`` by stage with ``total``;
        ``clock_hours``: of one worker, as fast as it was when this was measured;
        ``parts``: for each attack, detector, bundle and regime ``kind, name, cpu_hours, share, records_share``, the
        most expensive first: what leaving it out saves.
    """
    stages = dict.fromkeys(STAGES, 0.0)
    parts: dict[tuple[str, str], list[float]] = {}
    rows = dict.fromkeys(("views", "readings", "scores"), 0)

    def add(kind: str, name: str, hours: float, records: float) -> None:
        part = parts.setdefault((kind, name), [0.0, 0.0])
        part[0] += hours
        part[1] += records

    hour = costs.processor / 3600
    share = samples / len(dataset.samples)
    counts = Counter((sample.split, sample.truth) for sample in dataset.samples)
    for (split, truth), n in counts.items():
        if split == "train":
            continue
        n_files = n * share
        for regime, bundle, attack, scored in views_of(suite, truth, split):
            name = repr(suite.attacks[attack])
            cell = (regime, bundle, name)
            per_view = {
                stage: seconds[cell] / max(1, costs.views[cell]) * n_files * hour
                for stage, seconds in costs.seconds.items()
                if stage != "detectors"
            }
            detectors = suite.detectors if scored else ()
            readings = len(suite.read_in(bundle))
            for detector in detectors:
                of = cell, detector.info.name
                hours = costs.scores[of] / max(1, costs.scored[of]) * n_files * hour
                per_view["detectors"] = per_view.get("detectors", 0.0) + hours
                add("detector", detector.info.name, hours, n_files)
            for stage, hours in per_view.items():
                stages[stage] += hours
            rows["views"] += round(n_files)
            rows["readings"] += round(n_files * readings)
            rows["scores"] += round(n_files * len(detectors))
            records = n_files * (1 + readings + len(detectors))
            whole = sum(per_view.values())
            add("attack", name, whole - per_view["prepare"], records)
            add("bundle", bundle, whole, records)
            add("regime", regime, whole, records)
    train = sum(n for (split, truth), n in counts.items() if split == "train" and truth != "ai_edited") * share
    if any(isinstance(detector, Trainable) for detector in suite.detectors):
        stages["fit"] = (costs.fit + costs.fit_each * (train - costs.train)) / 3600
    total, records = sum(stages.values()), sum(rows.values())
    measured_views = sum(costs.views.values())
    return {
        "samples": samples,
        **rows,
        "records": records,
        "bytes": round(costs.bytes / max(1, measured_views) * rows["views"]),
        "cpu_hours": {**stages, "total": total},
        "clock_hours": stages["fit"] + (total - stages["fit"]) / (costs.processor or 1),
        "parts": [
            {"kind": kind, "name": name, "cpu_hours": hours, "share": _share(hours, total),
             "records_share": _share(n, records)}
            for (kind, name), (hours, n) in sorted(parts.items(), key=lambda part: -part[1][0])
            if not _is_all(kind, suite)
        ],
    }  # fmt: skip


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _is_all(kind: str, suite: Suite) -> bool:
    """Whether there is but one regime, so that it cannot be left out."""
    return kind == "regime" and len(suite.regimes) == 1


def worth_cutting(parts: Sequence[dict[str, Any]], clean: str) -> list[dict[str, Any]]:
    """Attacks, detectors and bundles that cost a twentieth of the time, and twice their share of the records."""
    return [
        part
        for part in parts
        if part["kind"] != "regime"
        and part["name"] not in (clean, "none")
        and part["share"] >= max(0.05, 2 * part["records_share"])
    ]
