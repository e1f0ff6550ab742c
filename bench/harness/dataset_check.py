"""Is a data set fit to be measured on? Leaks, missing or changed files, licence gaps, and format bias.

Format bias is the share of the task that a classifier solves without seeing a pixel. Where it is near 1, a detector
may look good for having learnt that "PNG means AI", and only the canonical regime tells.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.errors import CodedError
from bench.harness.engines.base import Engine
from bench.harness.samples import Dataset, Sample

if TYPE_CHECKING:
    import numpy as np

#: Perceptual hashes (64 bits) that differ in at most so many bits are taken for the same picture. Unrelated
#: photographs differ in about 32 +- 4.
NEAR_BITS = 6
#: A header-only AUC from which format bias is called a problem.
BIAS_AUC = 0.75
#: Spread of grey values below which a picture is too flat for its perceptual hash to mean anything.
FLAT = 4.0


@dataclass
class Report:
    """What the check found. ``problems`` are wrong; ``cautions`` must be known.

    Attributes:
        counts: number of samples by split and truth.
        problems: missing, changed or unreadable files, leaks.
        cautions: near duplicates inside a split, licence gaps, format bias, classes or splits too small.
        header_auc: cross-validated AUC of the header-only classifier, human against AI, or None where there are too
            few families.
        header_features: what it uses most: ``(feature, importance)``.
    """

    counts: dict[str, dict[str, int]]
    problems: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    header_auc: float | None = None
    header_features: list[tuple[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Facts:
    """What one pass over a file gives."""

    sha256: str
    phash: int | None
    features: np.ndarray


def check(dataset: Dataset, engine: Engine, step: Any = None) -> Report:
    """Read every file once and report.

    Args:
        dataset: to be checked.
        engine: reads the files.
        step: called once per file, or None.
    """
    samples = dataset.samples
    report = Report(dataset.counts())
    facts: dict[int, Facts] = {}
    for index, result in engine.run(functools.partial(_facts), samples):
        if isinstance(result, CodedError):
            report.problems.append(f"{samples[index].id}: {result}")
        else:
            facts[index] = result
        if step is not None:
            step()
    report.problems.sort()
    _duplicates(samples, facts, report)
    _gaps(dataset, report)
    _bias(samples, facts, report)
    return report


def _facts(sample: Sample) -> Facts:
    import imagehash
    import numpy as np
    from PIL import Image

    from bench.detectors.header import header_features

    media = sample.media
    pixels = media.pixels()
    if sample.mask is not None and not sample.mask.is_file():
        raise CodedError("E_MISSING", f"mask {sample.mask.name}: no such file")
    flat = float(pixels.std()) < FLAT
    bits = imagehash.phash(Image.fromarray(pixels)).hash.ravel()
    return Facts(
        media.sha256,
        None if flat else int("".join("01"[int(b)] for b in bits), 2),
        np.asarray(header_features(media.header)),
    )


def _duplicates(samples: tuple[Sample, ...], facts: dict[int, Facts], report: Report) -> None:
    """Equal and near-equal files: of two truths a contradiction, across splits a leak, across families a caution."""
    import numpy as np

    by_sha: dict[str, list[int]] = {}
    for index in sorted(facts):
        by_sha.setdefault(facts[index].sha256, []).append(index)
    pairs = [(group[0], other, "the same file") for group in by_sha.values() for other in group[1:]]
    indices = [i for i in sorted(facts) if facts[i].phash is not None]
    hashes = np.array([facts[i].phash for i in indices], np.uint64)
    for place, index in enumerate(indices):
        bits = np.bitwise_count(hashes[place + 1 :] ^ hashes[place])
        for other in np.flatnonzero(bits <= NEAR_BITS):
            second = indices[place + 1 + int(other)]
            if facts[index].sha256 != facts[second].sha256:
                pairs.append((index, second, f"pictures alike ({bits[other]} of 64 bits differ)"))
    for first, second, how in pairs:
        a, b = samples[first], samples[second]
        if how == "the same file" and a.truth != b.truth:
            report.problems.append(f"contradiction: {a.id} ({a.truth}) and {b.id} ({b.truth}): {how}; keep one")
        if a.split != b.split:
            report.problems.append(f"leak: {a.id} ({a.split}) and {b.id} ({b.split}): {how}; give them one family")
        elif a.family != b.family:
            report.cautions.append(f"{a.id} and {b.id}: {how}, but of two families; give them one")
        elif how == "the same file":
            report.cautions.append(f"{a.id} and {b.id}: {how}, counted twice")


def _gaps(dataset: Dataset, report: Report) -> None:
    unlicensed = [sample.id for sample in dataset.samples if not sample.licence]
    if unlicensed:
        report.cautions.append(f"{len(unlicensed)} files have no licence, e.g. {unlicensed[0]}")
    unhashed = sum(not sample.sha256 for sample in dataset.samples)
    if unhashed:
        report.cautions.append(f"{unhashed} files have no sha256: a change of them would go unnoticed")
    unmasked = sum(sample.truth == "ai_edited" and sample.edited_area is None for sample in dataset.samples)
    if unmasked:
        report.cautions.append(f"{unmasked} AI-edited files state no edited_area")
    totals = Counter(sample.truth for sample in dataset.samples)
    for truth in ("human", "ai"):
        if not totals[truth]:
            report.cautions.append(f"no {truth} samples: {'FPR' if truth == 'human' else 'FNR'} cannot be measured")
    calibration = report.counts["calibration"]["human"]
    if totals["human"] and calibration < 100:
        can = f"alpha = {1 / calibration:.1%} at the lowest" if calibration else "no threshold at all"
        report.cautions.append(f"{calibration} human calibration files allow {can}; alpha = 1% needs 100")


def _bias(samples: tuple[Sample, ...], facts: dict[int, Facts], report: Report) -> None:
    """Cross-validated by family, so that a twin cannot vouch for its original."""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    from bench.detectors.header import FEATURES

    chosen = [i for i in sorted(facts) if samples[i].truth in ("human", "ai")]
    is_ai = np.array([samples[i].truth == "ai" for i in chosen])
    families = np.array([samples[i].family for i in chosen])
    smallest = min((len(set(families[is_ai == truth])) for truth in (False, True)), default=0) if chosen else 0
    if smallest < 5:
        report.cautions.append("format bias not measured: it needs 5 families of each of human and ai")
        return
    features = np.stack([facts[i].features for i in chosen])
    forest = RandomForestClassifier(200, min_samples_leaf=2, class_weight="balanced", random_state=0)
    folds = GroupKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(forest, features, is_ai, groups=families, cv=folds, method="predict_proba")[:, 1]
    report.header_auc = float(roc_auc_score(is_ai, scores))
    importances = forest.fit(features, is_ai).feature_importances_
    order = np.argsort(importances)[::-1][:4]
    report.header_features = [(FEATURES[i], round(float(importances[i]), 2)) for i in order]
    if max(report.header_auc, 1 - report.header_auc) >= BIAS_AUC:
        used = ", ".join(name for name, _ in report.header_features[:3])
        report.cautions.append(
            f"format bias: headers alone separate human from ai with AUC {report.header_auc:.3f} (by {used}); "
            "judge detectors by the canonical regime"
        )
