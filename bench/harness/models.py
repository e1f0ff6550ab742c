"""Model files: a detector fitted once (``washtest train``), for other runs and for ``washtest detect``.

One safetensors file holds the fitted arrays, what fitted them on what, and short digests of the training files and
families, so that a run in whose calibration or test split they occur can say so.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import __version__, tensors
from bench.detectors.base import Arrays, DetectorInfo, Score, Trainable
from bench.errors import UserError
from bench.harness.augmentation import Augmentation
from bench.harness.samples import Dataset, Sample
from bench.media import Media

if TYPE_CHECKING:
    import numpy as np

FORMAT = "washtest model 1"
#: What the metadata of such a file must name.
FACTS = (
    "format", "detector", "detector_version", "dataset", "dataset_revision", "regime", "augmentation", "seed",
    "n_human", "n_ai", "n_rows", "washtest", "content_sha256",
)  # fmt: skip
#: Arrays of the model itself, and digests of what it has seen: the first 8 bytes of SHA-256, ``(n, 8)`` uint8.
MODEL, SEEN_FILES, SEEN_FAMILIES = "model.", "seen.files", "seen.families"
DIGEST = 8


@dataclass(frozen=True, repr=False)
class Pretrained:
    """A detector with the fitted state of a model file; it is not fitted again.

    Attributes:
        detector: with its model.
        name: of the detector and the file, as in tables.
        sha256: of the file.
        facts: its metadata.
        seen: digests of the training files and of their families.
    """

    detector: Trainable
    name: str
    sha256: str
    facts: Mapping[str, str] = field(default_factory=dict, compare=False)
    seen: tuple[frozenset[bytes], frozenset[bytes]] = field(default=(frozenset(), frozenset()), compare=False)

    def __repr__(self) -> str:
        return f"{self.detector!r}@{self.sha256[:16]}"

    @property
    def info(self) -> DetectorInfo:
        """The detector's own, under the name that tells the file."""
        return replace(self.detector.info, name=self.name, weights_sha256=self.sha256)

    def score(self, batch: Sequence[Media]) -> Sequence[Score]:
        """As the detector scores."""
        return self.detector.score(batch)


def save(
    path: Path,
    detector: Trainable,
    dataset: Dataset,
    taught: Sequence[Sample],
    rows: int,
    *,
    regime: str,
    augmentation: Augmentation | None,
    seed: int,
) -> str:
    """Write a model file; the same training gives the same bytes.

    Args:
        path: of the file.
        detector: fitted.
        dataset: that it was fitted on.
        taught: the samples that gave rows.
        rows: their number.
        regime: in which the files were shown.
        augmentation: copies that were added.
        seed: of all chance.

    Returns:
        The SHA-256 of the file.

    Raises:
        UserError: it cannot be written.
    """
    import numpy as np

    arrays: dict[str, np.ndarray] = {f"{MODEL}{name}": array for name, array in (detector.model or {}).items()}
    seen = (SEEN_FILES, map(_digest_of, taught)), (SEEN_FAMILIES, (_family(dataset, sample) for sample in taught))
    for name, digests in seen:
        arrays[name] = np.frombuffer(b"".join(sorted(set(digests))), np.uint8).reshape(-1, DIGEST)
    facts = {
        "format": FORMAT,
        "detector": repr(detector),
        "detector_version": detector.info.version,
        "dataset": dataset.name,
        "dataset_revision": dataset.revision,
        "regime": regime,
        "augmentation": repr(augmentation) if augmentation else "",
        "seed": str(seed),
        "n_human": str(sum(sample.truth == "human" for sample in taught)),
        "n_ai": str(sum(sample.truth == "ai" for sample in taught)),
        "n_rows": str(rows),
        "washtest": __version__,
        "content_sha256": _content(arrays),
    }
    tensors.save(path, arrays, facts)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(base: Trainable, path: Path, settings_given: bool, rebuilt: Callable[[str], Trainable]) -> Pretrained:
    """The detector of a model file.

    Args:
        base: the detector that the user named.
        path: of the file.
        settings_given: whether the user named settings, which must then be those of the file.
        rebuilt: makes a detector of the text in the file, out of the registered classes alone.

    Raises:
        UserError: no such file, a damaged or foreign one, one for another detector, version or settings.
    """
    try:
        data = path.read_bytes()
        arrays, facts = tensors.decoded(data)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"{path} is no model file: {error}; make one with: washtest train") from None
    if missing := [name for name in FACTS if name not in facts]:
        raise UserError(f"{path} is no model file of washtest (it lacks {missing[0]}); make one with: washtest train")
    if facts["format"] != FORMAT:
        raise UserError(f"{path} is of the format {facts['format'][:40]!r}, not {FORMAT!r}; train it again")
    if _content(arrays) != facts["content_sha256"]:
        raise UserError(f"{path} is damaged: its content is not that of its SHA-256; train it again")
    detector, info = base, base.info
    if repr(base) != facts["detector"]:
        kind = _class_name(facts["detector"])
        if kind != type(base).__name__ or settings_given:
            raise UserError(f"{path} holds {facts['detector'][:80]}, not {base!r}")
        detector = rebuilt(facts["detector"])
    if info.version != facts["detector_version"]:
        version = facts["detector_version"][:20]
        raise UserError(f"{path} was fitted for {info.name} version {version}, this is {info.version}; train it again")
    model = {name.removeprefix(MODEL): array for name, array in arrays.items() if name.startswith(MODEL)}
    stem = re.sub(r"[^\w.-]+", "_", path.stem)
    seen = _digests(arrays, SEEN_FILES), _digests(arrays, SEEN_FAMILIES)
    sha256 = hashlib.sha256(data).hexdigest()
    return Pretrained(detector.with_model(model), f"{info.name}@{stem}", sha256, facts, seen)


def seen_before(model: Pretrained, dataset: Dataset, samples: Iterable[Sample]) -> tuple[list[str], list[str]]:
    """Ids of samples that a model was fitted on, and of those of whose family it has seen another file."""
    files, families = model.seen
    same, kin = [], []
    for sample in samples:
        if _digest_of(sample) in files:
            same.append(sample.id)
        elif _family(dataset, sample) in families:
            kin.append(sample.id)
    return same, kin


def _digest_of(sample: Sample) -> bytes:
    if sample.sha256:
        return bytes.fromhex(sample.sha256[: 2 * DIGEST])
    try:
        return hashlib.sha256(sample.path.read_bytes()).digest()[:DIGEST]
    except OSError:
        return b""  # its own rows say so


def _family(dataset: Dataset, sample: Sample) -> bytes:
    """Families are named inside their data set."""
    return hashlib.sha256(f"{dataset.name}\n{sample.family}".encode()).digest()[:DIGEST]


def _digests(arrays: Arrays, name: str) -> frozenset[bytes]:
    rows = arrays.get(name)
    return frozenset() if rows is None else frozenset(bytes(row) for row in rows)


def _content(arrays: Arrays) -> str:
    return hashlib.sha256(tensors.encoded(arrays, {})).hexdigest()


def _class_name(text: str) -> str:
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
