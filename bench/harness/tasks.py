"""The tasks of a plan: one for each sample, made when it is asked for.

A view is planned by its key, and a large run has millions of them; kept for all samples they would be what a run's
memory grows with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, overload

from bench.records import view_key

if TYPE_CHECKING:
    from bench.harness.plan import Suite
    from bench.harness.samples import Sample

#: Of so many test samples of a run, the first view is shown to every detector again: whether it repeats itself.
REPEATED = 3


@dataclass(frozen=True)
class PlannedView:
    """One view to be made: its key is known before.

    Attributes:
        key: in the records.
        regime: native or canonical.
        bundle: the labels written into it, by name; ``none`` for human work.
        attack: index into the suite's attacks.
        scored: whether detectors look at it.
    """

    key: str
    regime: str
    bundle: str
    attack: int
    scored: bool


@dataclass(frozen=True)
class Task:
    """The unit of work: one sample with all its views, so that it is read and decoded once.

    Attributes:
        sample: to be measured.
        views: of it.
        repeat: whether detectors are asked again about its first view.
    """

    sample: Sample
    views: tuple[PlannedView, ...]
    repeat: bool = False


@dataclass(frozen=True)
class Cell:
    """What all samples of a truth and split have in common in one view.

    Attributes:
        regime, bundle, attack, scored: of the view.
        versions: everything but the sample that decides its content, as part of its key.
    """

    regime: str
    bundle: str
    attack: int
    scored: bool
    versions: str


def views_of(suite: Suite, truth: str, split: str) -> Iterator[tuple[str, str, int, bool]]:
    """The views of each sample of a truth and split: regime, bundle, index of the attack, whether it is scored."""
    bundles = ("none",) if truth == "human" else tuple(bundle.name for bundle in suite.bundles)
    # The calibration split sets thresholds on clean files; nothing else of it is looked at.
    attacks = range(len(suite.attacks)) if split == "test" else range(1)
    for place, bundle in enumerate(bundles if split == "test" else bundles[:1]):
        for regime in suite.regimes if place == 0 else suite.regimes[:1]:
            for attack in attacks:
                yield regime, bundle, attack, place == 0


def cells_of(suite: Suite, truth: str, split: str, names: Sequence[str], versions: str) -> tuple[Cell, ...]:
    """The cells of a truth and split.

    Args:
        suite: to be run.
        truth: of the samples.
        split: of the samples.
        names: of the suite's attacks, with what else decides what they make.
        versions: of everything that can change the output.
    """
    cells = []
    for regime, bundle, attack, scored in views_of(suite, truth, split):
        parts = (regime, bundle, suite.read_in(bundle), names[attack], suite.seed, versions)
        cells.append(Cell(regime, bundle, attack, scored, "\x1f".join(map(str, parts))))
    return tuple(cells)


def repeated(samples: Iterable[Sample]) -> frozenset[str]:
    """The ids of the ``REPEATED`` test samples about which detectors are asked again: as good as drawn."""
    ids = (sample.id for sample in samples if sample.split == "test")
    return frozenset(nsmallest(REPEATED, ids, key=lambda name: hashlib.sha256(name.encode(errors="replace")).digest()))


class Tasks(Sequence[Task]):
    """A sequence of tasks that holds samples only.

    Args:
        samples: one for each task.
        cells: of each truth and split.
        folder: of the data set; the keys must not change with how it is named.
        repeated: ids of the samples about which detectors are asked again.
    """

    def __init__(
        self,
        samples: Iterable[Sample],
        cells: Mapping[tuple[str, str], tuple[Cell, ...]],
        folder: Path,
        repeated: frozenset[str],
    ) -> None:
        self.samples = tuple(samples)
        self._cells = cells
        self._folder = folder
        self._repeated = repeated

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> Tasks: ...
    def __getitem__(self, index: int | slice) -> Task | Tasks:
        if isinstance(index, slice):
            return Tasks(self.samples[index], self._cells, self._folder, self._repeated)
        sample = self.samples[index]
        what = sample.sha256 or sample.path.relative_to(self._folder).as_posix()
        views = (
            PlannedView(view_key(sample.id, what, cell.versions), cell.regime, cell.bundle, cell.attack, cell.scored)
            for cell in self._cells[sample.truth, sample.split]
        )
        return Task(sample, tuple(views), sample.id in self._repeated)

    @property
    def n_views(self) -> int:
        """Of all tasks together."""
        return sum(len(self._cells[sample.truth, sample.split]) for sample in self.samples)

    def without(self, done: Collection[str]) -> Tasks:
        """Those that have a view whose key is not among these."""
        if not done:
            return self
        left = (task.sample for task in self if not all(view.key in done for view in task.views))
        return Tasks(left, self._cells, self._folder, self._repeated)
