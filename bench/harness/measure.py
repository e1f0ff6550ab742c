"""One sample, measured: every view of it made once, read by every label and scored by every detector.

This is all that a worker does. Nothing here judges: thresholds, rates and intervals are made from the rows later.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from attacks import Attack
from attacks.truth import truth_after
from bench.detectors.base import Detector
from bench.errors import CodedError, NotApplicable, coded, state_of
from bench.harness.cache import Cache, attacked
from bench.harness.cache_files import Attacked
from bench.harness.plan import Suite, generator_for
from bench.harness.quality import psnr, ssim
from bench.harness.regimes import in_regime
from bench.harness.samples import Sample
from bench.harness.scoring import Scoring
from bench.harness.tasks import PlannedView, Task
from bench.labels import write_bundle
from bench.labels.base import Claim, Label, Reading, graded, touches_pixels
from bench.media import Media

if TYPE_CHECKING:
    import numpy as np

#: Rows of the three tables, each row a dict of the columns that are not null.
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Bench:
    """What stands ready before the first sample comes.

    Attributes:
        run: id of the run, for the records.
        suite: what to measure.
        detectors: per regime, fitted where they learn.
        cache: where results of slow attacks are kept, or None.
    """

    run: str
    suite: Suite
    detectors: dict[str, tuple[Detector, ...]]
    cache: Cache | None = None


def claim_for(sample: Sample) -> Claim:
    """What an honest provider would say about this sample; the same in every run."""
    edited = sample.truth == "ai_edited"
    identity = hashlib.sha256(f"{sample.id} {sample.sha256}".encode()).hexdigest()
    return Claim(
        label="1",
        producer="washtest",
        produce_id=identity[:32],
        source_type="compositeWithTrainedAlgorithmicMedia" if edited else "trainedAlgorithmicMedia",
        message=hashlib.sha256(f"message {identity}".encode()).hexdigest(),
    )


def measure(bench: Bench, task: Task) -> Rows:
    """All rows of one sample. A failure of any part is rows with its code; it never loses the others."""
    rows: Rows = {"views": [], "readings": [], "scores": []}
    start = time.perf_counter()
    try:
        media = task.sample.media
        media.pixels()
    except Exception as error:
        return failed(bench, task, error)
    read = time.perf_counter() - start
    scoring = Scoring(rows["scores"], task.repeat)
    for (regime, bundle), views in groupby(task.views, key=lambda view: (view.regime, view.bundle)):
        _measure_group(rows, scoring, bench, task.sample, media, regime, bundle, list(views))
    scoring.finish()
    scoring.repeat()
    rows["views"][0]["seconds_prepare"] = rows["views"][0].get("seconds_prepare", 0.0) + read
    return rows


def _measure_group(
    rows: Rows,
    scoring: Scoring,
    bench: Bench,
    sample: Sample,
    media: Media,
    regime: str,
    bundle: str,
    views: list[PlannedView],
) -> None:
    """The views that start from one labelled file."""
    readers = bench.suite.read_in(bundle)
    written = readers if bundle != "none" else ()
    first, begun = len(rows["views"]), time.perf_counter()
    try:
        base = in_regime(media, regime)
        pixels = base.pixels()
        claim = claim_for(sample)
        labelled = with_labels(base, written, claim)
        # A watermark's decoder always gives bits: on unmarked files they are held against the same message.
        compared = [label for label in readers if label.applies(base.mime) and (written or touches_pixels(label))]
        expected = {label: (label.expected(claim), _violations(label, labelled)) for label in compared}
    except Exception as error:
        for view in views:
            _add_failed(rows, bench, sample, view, media.mime, error)
        return
    prepared = time.perf_counter() - begun
    for view in views:
        attack = bench.suite.attacks[view.attack]
        rng = generator_for(bench.suite.seed, media.sha256, repr(attack))
        start = time.perf_counter()
        try:
            done = attacked_view(attack, sample.truth, labelled, rng, bench.detectors[regime], bench.cache)
            made = time.perf_counter()
            shown = done.media.pixels()
        except Exception as error:
            _add_failed(rows, bench, sample, view, base.mime, error)
            continue
        decoded = time.perf_counter()
        row = _view_row(bench, sample, view, attack, base.mime)
        row |= {"status": "ok", "mime": done.media.mime, "width": shown.shape[1], "height": shown.shape[0]}
        if done.media.encoded:
            row |= {"bytes": len(done.media.data), "sha256": done.media.sha256}
        if done.mask is not None and row["truth"] == "ai_edited":
            row["edited_area"] = float(done.mask.mean()) / 255
        row |= quality_of(pixels, shown)
        finished = time.perf_counter()
        row |= {"seconds_attack": made - start, "seconds_saved": done.saved, "seconds_decode": decoded - made}
        rows["views"].append(row | {"seconds_quality": finished - decoded})
        for label in readers:
            rows["readings"].append(_read(view, label, done.media, bool(written), expected.get(label)))
        if view.scored:
            scoring.add(view.key, done.media, bench.detectors[regime])
    rows["views"][first]["seconds_prepare"] = prepared


def with_labels(base: Media, labels: tuple[Label, ...], claim: Claim) -> Media:
    """The file that attacks start from: with these labels, or as it is where there are none."""
    labelled = write_bundle(base, labels, claim) if labels else base
    # Splicing leaves the coded picture alone, so its decoded view is shared; a watermark's is new.
    if labels and not any(touches_pixels(label) for label in labels):
        labelled = base.spliced(labelled.data)
    return labelled


def attacked_view(
    attack: Attack,
    truth: str,
    labelled: Media,
    rng: np.random.Generator,
    detectors: Iterable[Detector],
    cache: Cache | None = None,
) -> Attacked:
    """What an attack leaves of a file of this truth, made now or out of the cache.

    Raises:
        CodedError: as the attack; ``NotApplicable`` where it is none for such files.
    """
    truth_after(attack, truth)
    return attacked(cache, given_targets(attack, detectors), labelled, rng)


def quality_of(pixels: np.ndarray, shown: np.ndarray) -> dict[str, float | None]:
    """The columns ``psnr`` and ``ssim`` of a view; none where its size is not that of the picture before."""
    return {"psnr": psnr(pixels, shown), "ssim": ssim(pixels, shown)} if shown.shape == pixels.shape else {}


def failed(bench: Bench, task: Task, error: BaseException) -> Rows:
    """The rows of a sample that could not be measured at all: every planned cell, with the code."""
    rows: Rows = {"views": [], "readings": [], "scores": []}
    for view in task.views:
        _add_failed(rows, bench, task.sample, view, None, error)
    return rows


def _view_row(bench: Bench, sample: Sample, view: PlannedView, attack: Attack, mime: str | None) -> dict[str, Any]:
    try:
        truth = truth_after(attack, sample.truth)
    except NotApplicable:
        truth = sample.truth
    return {
        "key": view.key,
        "run": bench.run,
        "sample": sample.id,
        "truth": truth,
        "source": sample.source,
        "generator": sample.generator,
        "family": sample.family,
        "split": sample.split,
        "group": sample.group,
        "edited_area": sample.edited_area,
        "regime": view.regime,
        "bundle": view.bundle,
        "attack": repr(attack),
        "attack_family": attack.family,
        "severity": attack.severity,
        "channel": attack.channel,
        "source_mime": mime,
    }


def _add_failed(
    rows: Rows, bench: Bench, sample: Sample, view: PlannedView, mime: str | None, error: BaseException
) -> None:
    """One view that could not be made: a row in each table for everything that would have looked at it."""
    failure = coded(error)
    status = state_of(failure)
    why = {"code": failure.code, "detail": failure.detail}
    row = _view_row(bench, sample, view, bench.suite.attacks[view.attack], mime)
    rows["views"].append(row | {"status": status} | why)
    for label in bench.suite.read_in(view.bundle):
        reading = {"key": view.key, "label": label.name, "position": label.position, "state": status}
        rows["readings"].append(reading | {"written": view.bundle != "none"} | why)
    for detector in bench.detectors[view.regime] if view.scored else ():
        rows["scores"].append({"key": view.key, "detector": detector.info.name, "status": status} | why)


def given_targets(attack: Attack, detectors: Iterable[Detector]) -> Attack:
    """The attack with the detectors that it may ask, by name; one that asks none is returned as it is."""
    bind = getattr(attack, "bind", None)
    if bind is None:
        return attack
    bound: Attack = bind({detector.info.name: detector for detector in detectors})
    return bound


def _violations(label: Label, media: Media) -> tuple[str, ...]:
    """What a label breaks of its standard as it is written; no attack broke that."""
    if touches_pixels(label):
        return ()
    try:
        return tuple(label.read(media).conformance)
    except Exception:  # it says so itself in every row of the reader
        return ()


def _read(
    view: PlannedView,
    label: Label,
    media: Media,
    written: bool,
    expected: tuple[dict[str, str], tuple[str, ...]] | None,
) -> dict[str, Any]:
    """The row of one reader, graded against the fields written and the violations that these had from the start."""
    start = time.perf_counter()
    if written and expected is None:
        reading = Reading(label.name, label.position, "not_applicable")
    else:
        try:
            reading = label.read(media)
            if not isinstance(reading, Reading):
                raise CodedError("E_READING", f"{label.name} returned {reading!r}, which is no Reading")
            if expected is not None:
                reading = graded(reading, *expected)
        except Exception as error:  # a reader must not raise; one that does has failed, not found nothing
            failure = coded(error)
            reading = Reading(label.name, label.position, state_of(failure), code=failure.code, detail=failure.detail)
        if expected is not None and written and reading.state == "not_applicable":
            # It was in this file, and the attack made of it one that cannot hold it: that is a loss, not a gap.
            reading = replace(reading, state="absent")
    return {
        "key": view.key,
        "label": reading.label,
        "position": label.position,
        "written": written,
        "state": reading.state,
        "declares_ai": reading.declares_ai,
        "integrity": reading.integrity,
        "credential": reading.credential,
        "fields_kept": reading.fields_kept,
        "fields_expected": reading.fields_expected,
        "bit_accuracy": reading.bit_accuracy,
        "p_value": reading.p_value,
        "seconds": time.perf_counter() - start,
        "code": reading.code,
        "detail": reading.detail,
    }
