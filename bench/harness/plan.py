"""What a run will do, decided before it starts: the suite, the samples, and the key of every view."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks import Attack
from attacks.base import Identity
from bench import __version__
from bench.detectors import STANDARD, Detector
from bench.errors import UserError, unknown
from bench.harness import registry
from bench.harness.regimes import REGIMES
from bench.harness.samples import Dataset, Sample, limited
from bench.harness.shards import Shard
from bench.harness.tasks import Tasks, cells_of, repeated, views_of
from bench.importing import own_code
from bench.labels import BUNDLES
from bench.labels.base import Label
from bench.suites import read_suite, suite_files
from bench.tools import opencv_version, package_version

if TYPE_CHECKING:
    import numpy as np

#: Packages whose version can change a pixel, a label or a score.
PACKAGES = (
    "numpy",
    "onnxruntime",
    "pillow",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "defusedxml",
)


@dataclass(frozen=True)
class Bundle:
    """Labels that are written into one file together, as a provider would."""

    name: str
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Suite:
    """What to measure.

    Attributes:
        name: of the suite.
        description: one line.
        attacks: ``Identity()`` first; order = order in tables.
        bundles: each is written into its own copy of every AI and AI-edited sample. The first is the one whose
            copies detectors score, in all regimes; the others are about labels and native only.
        detectors: asked about the first bundle's views and about human work.
        regimes: ``native``, ``canonical`` or both.
        alphas: false-positive rates at which thresholds are frozen.
        seed: of all chance.
    """

    name: str
    description: str
    attacks: tuple[Attack, ...]
    bundles: tuple[Bundle, ...] = (Bundle("metadata", BUNDLES["metadata"]),)
    detectors: tuple[Detector, ...] = STANDARD
    regimes: tuple[str, ...] = REGIMES
    alphas: tuple[float, ...] = (0.05, 0.01)
    seed: int = 0

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is looked for in human work, where a finding is a false one: each scheme and position of the bundles.

        Writers that differ in style alone are read by one reader, so the first stands for them all.
        """
        found: dict[tuple[str, str], Label] = {}
        for bundle in self.bundles:
            for label in bundle.labels:
                found.setdefault((label.name, label.position), label)
        return tuple(found.values())

    def read_in(self, bundle: str) -> tuple[Label, ...]:
        """The labels that are looked for in the views of a bundle: its own, or all where none were written."""
        return next((known.labels for known in self.bundles if known.name == bundle and known.labels), self.labels)


def load_suite(name: str) -> Suite:
    """A shipped suite by name, or a suite file by path.

    Raises:
        UserError: unknown name; a file that is not a suite, with the entry that is wrong.
    """
    files = suite_files()
    path = files.get(name) or Path(name)
    if not path.is_file():
        raise unknown("suite", name, files)
    raw = read_suite(path)
    known = {"name", "description", "attacks", "bundles", "detectors", "regimes", "alphas", "seed"}
    if extra := sorted(set(raw) - known):
        raise unknown(f"key in {path.name}", extra[0], sorted(known))
    for key in ("attacks", "bundles", "detectors", "regimes"):
        if key in raw and not (isinstance(raw[key], list) and all(isinstance(entry, str) for entry in raw[key])):
            raise UserError(f"{path}: {key} must be a list of texts")
    if not isinstance(raw.get("alphas", []), list):
        raise UserError(f"{path}: alphas must be a list of numbers")
    suite = Suite(str(raw.get("name", path.stem)), str(raw.get("description", "")), ())
    return adjusted(
        suite,
        attacks=raw.get("attacks", []),
        bundles=raw.get("bundles"),
        detectors=raw.get("detectors"),
        regimes=raw.get("regimes"),
        alphas=raw.get("alphas"),
        seed=raw.get("seed", 0),
    )


def adjusted(
    suite: Suite,
    *,
    attacks: list[str] | None = None,
    bundles: list[str] | None = None,
    detectors: list[str] | None = None,
    regimes: list[str] | None = None,
    alphas: list[float] | None = None,
    seed: int | None = None,
) -> Suite:
    """The suite with what is given in place of its own; ``Identity()`` is put first whatever is named.

    Raises:
        UserError: a name, a parameter or a number that does not exist or is out of range.
    """
    if attacks is not None:
        made = [registry.attack(text) for text in attacks]
        suite = replace(suite, attacks=(Identity(), *dict.fromkeys(a for a in made if a != Identity())))
    if bundles is not None:
        named = {text: Bundle(text, BUNDLES[text] if text in BUNDLES else (registry.label(text),)) for text in bundles}
        if not named:
            raise UserError("bundles must name at least one; none writes no labels")
        suite = replace(suite, bundles=tuple(named.values()))
    if detectors is not None:
        chosen = tuple(dict.fromkeys(registry.detector(text) for text in detectors))
        names = [detector.info.name for detector in chosen]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UserError(f"detector {twice} is named twice with different settings; run them in two runs")
        suite = replace(suite, detectors=chosen)
    if regimes is not None:
        if bad := next((name for name in regimes if name not in REGIMES), None):
            raise unknown("regime", bad, REGIMES)
        if not regimes:
            raise UserError(f"regimes must name at least one of {', '.join(REGIMES)}")
        suite = replace(suite, regimes=tuple(dict.fromkeys(regimes)))
    if alphas is not None:
        if not alphas or not all(isinstance(a, int | float) and 0 < a < 1 for a in alphas):
            raise UserError(f"alphas must be numbers between 0 and 1, got {alphas}")
        suite = replace(suite, alphas=tuple(float(a) for a in alphas))
    if seed is not None:
        if type(seed) is not int or seed < 0:
            raise UserError(f"seed must be a whole number of 0 or more, got {seed}")
        suite = replace(suite, seed=seed)
    return suite


@dataclass(frozen=True)
class Plan:
    """Everything that a run is going to do.

    Attributes:
        suite: with what the command line changed.
        dataset: where the samples come from.
        samples: those chosen, in the data set's order.
        tasks: one for each calibration and test sample of the shard; train samples are only fitted on, in each shard.
        versions: of what can change the output; part of every key.
        shard: the part of the run that this is, or None for all of it.
    """

    suite: Suite
    dataset: Dataset
    samples: tuple[Sample, ...]
    tasks: Tasks
    versions: dict[str, str]
    shard: Shard | None = None

    def settings(self) -> dict[str, Any]:
        """What must be equal for two runs to be one: compared when a run is resumed."""
        suite = self.suite
        ids = hashlib.sha256("\n".join(sample.id for sample in self.samples).encode()).hexdigest()[:16]
        return {
            "suite": suite.name,
            "dataset": f"{self.dataset.name} {self.dataset.revision}",
            "samples": f"{len(self.samples)} ({ids})",
            "seed": suite.seed,
            "regimes": list(suite.regimes),
            "alphas": list(suite.alphas),
            "attacks": [repr(attack) for attack in suite.attacks],
            "bundles": [f"{bundle.name}: {', '.join(map(repr, bundle.labels))}" for bundle in suite.bundles],
            "detectors": [
                " ".join(filter(None, (repr(detector), detector.info.version, detector.info.weights_sha256[:16])))
                for detector in suite.detectors
            ],
            "versions": self.versions,
        } | ({"shard": str(self.shard)} if self.shard else {})

    def planned(self) -> list[dict[str, Any]]:
        """How many readings, scores and views each cell of the test split should have."""
        return planned_cells(self.suite, self.tasks.samples)


def planned_cells(suite: Suite, samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """How many readings, scores and views each cell of the grid has with these samples, those of the test split."""
    counts: Counter[tuple[str, str, int, str]] = Counter()
    for truth, n in Counter(sample.truth for sample in samples if sample.split == "test").items():
        for regime, bundle, attack, scored in views_of(suite, truth, "test"):
            counts["view", "view", attack, regime] += n
            for label in suite.read_in(bundle):
                counts["label", f"{label.name}:{label.position}", attack, regime] += n
            for detector in suite.detectors if scored else ():
                counts["detector", detector.info.name, attack, regime] += n
    names = [repr(attack) for attack in suite.attacks]
    return [
        {"kind": kind, "subject": subject, "attack": names[attack], "regime": regime, "n": n}
        for (kind, subject, attack, regime), n in counts.items()
    ]


def versions() -> dict[str, str]:
    """Versions of this package and of those that decide pixels, labels and scores."""
    found = {name: package_version(name) or "missing" for name in PACKAGES}
    return {"washtest": __version__, "opencv": opencv_version(), **found}


def tool_versions(attack: Attack) -> dict[str, str]:
    """Versions of the programs and optional libraries that an attack, or a step of a chain, works with."""
    found: dict[str, str] = getattr(attack, "versions", dict)() | own_code(attack)
    for step in getattr(attack, "attacks", ()):
        found = found | tool_versions(step)
    return found


def make_plan(suite: Suite, dataset: Dataset, limit: int | None = None, shard: Shard | None = None) -> Plan:
    """The plan of a suite on a data set, or of one shard of it.

    Raises:
        UserError: nothing to run on. A shard may have nothing: the others have it.
    """
    samples = limited(dataset.samples, limit)
    made_of = versions()
    for label in suite.labels:
        made_of |= own_code(label)
    version_text = " ".join(f"{name}={version}" for name, version in made_of.items())
    tools = [tool_versions(attack) for attack in suite.attacks]
    # Only the cells of a program change their keys with its version.
    names = [
        " ".join([repr(attack), *(f"{tool}={version}" for tool, version in found.items())])
        for attack, found in zip(suite.attacks, tools, strict=True)
    ]
    for found in tools:
        made_of |= found
    chosen = [s for s in samples if s.split != "train" and (shard is None or shard.holds(s.family))]
    cells = {of: cells_of(suite, *of, names, version_text) for of in {(s.truth, s.split) for s in chosen}}
    if not any(sample.split == "test" for sample in samples):
        raise UserError(
            f"{dataset.folder} has no sample in the test split ({len(samples)} samples chosen); "
            "add samples, raise --limit or set the split column"
        )
    tasks = Tasks(chosen, cells, dataset.folder, repeated(samples))
    return Plan(suite, dataset, samples, tasks, made_of, shard)


def generator_for(seed: int, sha256: str, what: str) -> np.random.Generator:
    """The chance of one sample and attack: independent of every other, of order and of the number of workers."""
    import numpy as np

    digest = hashlib.sha256(f"{seed}\x1f{sha256}\x1f{what}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))
