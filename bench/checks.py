"""The contract, as checks that anyone can run on their own attack, label or detector.

Each check takes one entry and raises ``AssertionError`` with a sentence. Our tests apply all of them to every
registry entry; a plug-in's tests do the same with ``checks_for``::

    import pytest
    from bench.checks import checks_for

    @pytest.mark.parametrize("check", checks_for(MyAttack(strength=2)), ids=str)
    def test_contract(check):
        check()
"""

from __future__ import annotations

import contextlib
import functools
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from attacks import Attack
from attacks.truth import performed, truth_after
from bench import containers
from bench.check_pictures import FORMATS, encoded, photograph, picture
from bench.detectors.base import Detector, Score, Trainable, ask
from bench.errors import CodedError, NotApplicable, Unavailable
from bench.harness import registry
from bench.harness.quality import psnr
from bench.labels.base import AI_SOURCE_TYPES, Claim, Label, Reading, graded, label_kind, touches_pixels
from bench.media import Media
from bench.records import TRUTHS

#: A watermark that changes the picture by more than this (PSNR, dB) would be seen; a visible mark covers a corner only.
LEAST_PSNR = {"watermark": 30.0, "visible": 20.0}
CLAIM = Claim(producer="001191110102MACQD9K64010000", produce_id="check-1", source_type=AI_SOURCE_TYPES[0])


@dataclass(frozen=True)
class Check:
    """One check bound to one entry; call it to run it, ``str`` names it."""

    entry: Any
    function: Callable[[Any], None]

    def __call__(self) -> None:
        """Run it; an ``AssertionError`` says what is wrong. Attacks and detectors may say what is missing here."""
        try:
            self.function(self.entry)
        except Unavailable as missing:
            assert isinstance(self.entry, Attack | Detector) and missing.detail, (
                f"{self.entry!r} is unavailable: {missing}"
            )

    def __str__(self) -> str:
        name = self.entry.info.name if hasattr(self.entry, "info") else repr(self.entry)
        return f"{name}: {self.function.__name__.removeprefix('check_')}"


def checks_for(entry: Attack | Label | Detector) -> list[Check]:
    """All checks of the protocol that an entry follows.

    Raises:
        TypeError: it follows none of the three.
    """
    for protocol, checks in ((Detector, DETECTOR_CHECKS), (Label, LABEL_CHECKS), (Attack, ATTACK_CHECKS)):
        if isinstance(entry, protocol):
            return [Check(entry, check) for check in checks]
    raise TypeError(f"{entry!r} is no Attack (call, family, severity, axis, channel), Label or Detector (info, score)")


def _rng() -> Any:
    import numpy as np

    return np.random.default_rng(1)


# Every settings object ---------------------------------------------------------------------------------------------


def check_is_a_value(entry: Any) -> None:
    """Equal settings are equal, hash alike, survive pickling, and cannot be changed."""
    copy = pickle.loads(pickle.dumps(entry))
    assert copy == entry and hash(copy) == hash(entry), f"{entry!r} does not survive pickling as an equal value"
    try:
        entry.some_new_attribute = 1
    except AttributeError:
        return
    raise AssertionError(f"{entry!r} can be changed; make it a frozen dataclass")


def check_repr_names_it(entry: Any) -> None:
    """``repr`` is one line and, read back, gives an equal object."""
    text = repr(entry)
    assert "\n" not in text and " at 0x" not in text, f"{text!r} cannot be a name"
    if isinstance(entry, Detector) and (text.endswith((".toml", ".csv")) or (":" in text and "(" not in text)):
        back = registry.detector(text)  # named by its card, its table or its code
        assert back == entry, f"{text!r} names {back!r}"
        return
    known = {**registry.attack_classes(), **registry.label_classes(), **registry.detector_classes()}
    scope = {**known, type(entry).__name__: type(entry)}
    back = eval(text, {"__builtins__": {}}, scope)  # our own repr, with nothing in reach but the registered classes
    assert back == entry, f"eval({text!r}) is {back!r}"


# Attacks -----------------------------------------------------------------------------------------------------------


def check_describes_itself(attack: Attack) -> None:
    """Family, severity, axis and channel are there and of the right kind."""
    import math

    assert attack.family and isinstance(attack.family, str), "family must be a text"
    assert math.isfinite(attack.severity) and attack.severity >= 0, f"severity must be >= 0, got {attack.severity}"
    assert attack.axis and isinstance(attack.axis, str), "axis must say what severity measures"
    kind, _, what = attack.channel.partition(":")
    assert kind in ("real", "simulated") and what, f"channel must be real:<tool> or simulated:<what>: {attack.channel}"
    assert "None" not in what, f"channel names no version: {attack.channel}"
    assert type(attack).__doc__, "the class needs a docstring with the units of its parameters"


def check_same_seed_same_bytes(attack: Attack) -> None:
    """The result depends on file, settings and generator only."""
    import numpy as np

    for mime, first in _results(attack):
        again = attack(Media(encoded(mime).data, mime), _rng())
        assert first.data == again.data, f"two runs with one seed differ on {mime}"
        assert np.array_equal(first.pixels(), again.pixels()), f"two runs with one seed decode differently on {mime}"


def check_leaves_its_input_alone(attack: Attack) -> None:
    """Neither the bytes nor the pixels that came in are changed."""
    media = Media(encoded("image/png").data, "image/png")
    before, pixels = media.data, media.pixels().copy()
    with contextlib.suppress(NotApplicable, Unavailable):
        attack(media, _rng())
    assert media.data == before and (media.pixels() == pixels).all(), f"{attack!r} changed its input"


def check_gives_a_readable_file(attack: Attack) -> None:
    """What comes out is of the type it says, complete, and decodes."""
    for _, result in _results(attack):
        assert containers.sniff(result.data) == result.mime, f"{attack!r} says {result.mime} of something else"
        decoded = Media(result.data, result.mime).pixels()
        assert decoded.shape == result.pixels().shape, f"{attack!r}: bytes and pixels differ in size"


def check_odd_sizes_are_defined(attack: Attack) -> None:
    """A picture of one pixel, row or column gives a file or a coded error, nothing else."""
    for size in ((1, 1), (1, 40), (40, 1), (17, 3)):
        with contextlib.suppress(CodedError):
            assert min(attack(picture(*size), _rng()).size) >= 1


def check_says_what_becomes_of_the_truth(attack: Attack) -> None:
    """What it makes of each truth is a truth; one that changes it gives a mask beside the file that a call gives."""
    for truth in TRUTHS:
        with contextlib.suppress(NotApplicable):
            after = truth_after(attack, truth)
            assert after in TRUTHS, f"{attack!r} makes {truth} {after}, not one of {', '.join(TRUTHS)}"
            if after != truth:
                made, mask = performed(attack, photograph(), _rng())
                assert mask is not None, f"{attack!r} makes {truth} {after} and gives no mask: it needs with_mask"
                assert mask.shape == photograph().pixels().shape[:2], f"{attack!r}: a mask of {mask.shape}"
                assert made.data == attack(photograph(), _rng()).data, f"{attack!r}: a call gives another file"


def _results(attack: Attack) -> Iterator[tuple[str, Media]]:
    """What it makes of each format; nothing where it does not take it, or lacks a tool here and says which."""
    for mime in FORMATS:
        try:
            yield mime, attack(encoded(mime), _rng())
        except NotApplicable:
            continue
        except Unavailable as missing:
            assert missing.code and missing.detail, f"{attack!r} does not say what is missing: {missing}"


ATTACK_CHECKS: tuple[Callable[[Any], None], ...] = (
    check_is_a_value,
    check_repr_names_it,
    check_describes_itself,
    check_same_seed_same_bytes,
    check_leaves_its_input_alone,
    check_gives_a_readable_file,
    check_odd_sizes_are_defined,
    check_says_what_becomes_of_the_truth,
)


# Labels ------------------------------------------------------------------------------------------------------------


def check_writes_what_it_reads(label: Label) -> None:
    """In every format it applies to: written, then read intact, in pixels that did not change.

    A mark in the pixels must be told from chance instead, in a picture that looks the same.
    """
    for mime in _carried(label):
        media = encoded(mime, touches_pixels(label))
        written = label.write(media, CLAIM)
        found = label.read(written)
        reading = graded(found, label.expected(CLAIM), found.conformance)
        pixels = Media(written.data, mime).pixels()
        if touches_pixels(label):
            assert reading.state in ("intact", "altered") and reading.declares_ai, f"{label!r} in {mime}: {reading}"
            distance = psnr(media.pixels(), pixels)
            assert distance >= LEAST_PSNR[label_kind(label)], f"{label!r} changed {mime} to a PSNR of {distance:.1f} dB"
        else:
            assert reading.state == "intact" and reading.declares_ai, f"{label!r} in {mime}: {reading}"
            assert (pixels == media.pixels()).all(), f"{label!r} changed pixels of {mime}"


def check_finds_nothing_where_nothing_is(label: Label) -> None:
    """An unlabelled file reads absent, as do pixels that were never a file; a watermark's bits declare nothing."""
    states = ("absent", "present", "unavailable") if touches_pixels(label) else ("absent", "unavailable")
    for media in (*(encoded(mime, touches_pixels(label)) for mime in FORMATS), photograph()):
        reading = label.read(media)
        assert reading.state in states and not reading.declares_ai, f"{label!r} on an unlabelled file: {reading}"


def check_writing_twice_leaves_one(label: Label) -> None:
    """A second write replaces the first. Not asked of marks in the pixels, which only disturb each other."""
    other = Claim(producer="another", produce_id="2", source_type=AI_SOURCE_TYPES[1])
    for mime in () if touches_pixels(label) else _carried(label):
        twice = label.write(label.write(encoded(mime), other), CLAIM)
        found = label.read(twice)
        once = label.read(label.write(encoded(mime), CLAIM))
        reading = graded(found, label.expected(CLAIM), once.conformance)
        assert reading.state == "intact", f"{label!r} written twice into {mime}: {reading}"


def check_reader_never_raises(label: Label) -> None:
    """Damaged files give a reading, and never ``absent`` when the reader gave up."""
    for mime in _carried(label):
        data = label.write(encoded(mime, touches_pixels(label)), CLAIM).data
        holed = data[:200] + bytes(64) + data[264:]
        for damaged in (b"", data[:1], data[:30], data[: len(data) // 3], bytes(len(data)), holed):
            reading = label.read(Media(damaged, mime))
            assert isinstance(reading, Reading), f"{label!r} on damaged {mime}: {reading!r}"
            assert reading.state != "error" or reading.code, f"{label!r}: an error without its code: {reading}"


def _carried(label: Label) -> list[str]:
    """The formats to check; none where something is missing on this machine, and reader and writer both say what."""
    carried = [mime for mime in FORMATS if label.applies(mime)]
    assert carried, f"{label!r} applies to none of {', '.join(FORMATS)}"
    reading = label.read(media := encoded(carried[0], touches_pixels(label)))
    if reading.state != "unavailable":
        return carried
    assert reading.code and reading.detail, f"{label!r} does not say what is missing: {reading}"
    try:
        label.write(media, CLAIM)
    except Unavailable:
        return []
    raise AssertionError(f"{label!r} can be written where it cannot be read")


LABEL_CHECKS: tuple[Callable[[Any], None], ...] = (
    check_is_a_value,
    check_repr_names_it,
    check_writes_what_it_reads,
    check_finds_nothing_where_nothing_is,
    check_writing_twice_leaves_one,
    check_reader_never_raises,
)


# Detectors ---------------------------------------------------------------------------------------------------------


def check_introduces_itself(detector: Detector) -> None:
    """Name, version and what it reads are stated."""
    info = detector.info
    assert info.name and info.version and info.licence, f"{info} must state name, version and licence"
    assert info.reads in ("pixels", "file", "both"), f"reads must be pixels, file or both, got {info.reads!r}"


def check_scores_every_file(detector: Detector) -> None:
    """One score per file, in order; a value exactly when the status is ok; a batch gives what single files give."""
    import math

    ready = _fitted(detector)
    batch = [encoded(mime) for mime in FORMATS] + [picture()]
    scores = list(ready.score(batch))
    assert len(scores) == len(batch), f"{len(scores)} scores for {len(batch)} files"
    for media, score in zip(batch, scores, strict=True):
        assert isinstance(score, Score), f"{score!r} is no Score"
        assert (score.value is not None) == (score.status == "ok"), f"value and status disagree: {score}"
        assert score.value is None or math.isfinite(score.value), f"{score} is not finite"
        assert score.status not in ("error", "unavailable") or score.code, f"a failure without its code: {score}"
        assert list(ready.score([media])) == [score], f"the score of {media!r} depends on the batch"


def check_bad_files_are_no_verdict(detector: Detector) -> None:
    """A truncated file is an error with its code (or an abstention), never a number, for whoever reads pixels."""
    jpeg = encoded("image/jpeg").data
    (score,) = ask(_fitted(detector), [Media(jpeg[: len(jpeg) // 2], "image/jpeg")])  # it may raise, too
    if detector.info.reads == "pixels":
        assert score.status != "ok", f"half a file was scored: {score}"


def check_unfitted_says_so(detector: Detector) -> None:
    """A detector that learns gives no verdict before it is fitted."""
    if isinstance(detector, Trainable) and detector.model is None:
        score = next(iter(detector.score([encoded("image/png")])))
        assert score.status == "unavailable" and score.code, f"an unfitted detector scored: {score}"


def check_fit_is_plain_and_repeatable(detector: Detector) -> None:
    """Two fits on equal rows are equal, hold plain arrays only, and score alike when loaded from them."""
    if not isinstance(detector, Trainable):
        return
    first, second = _fitted(detector), _fit(detector)
    assert isinstance(first, Trainable) and isinstance(second, Trainable)
    assert first.model is not None and second.model is not None
    for name, array in first.model.items():
        assert array.dtype.kind in "biuf", f"model array {name} is of dtype {array.dtype}"
        assert (array == second.model[name]).all(), f"model array {name} differs between two fits"
    loaded = detector.with_model(first.model)
    batch = [encoded("image/png")]
    assert list(loaded.score(batch)) == list(first.score(batch)), "a loaded model scores differently"


def _fit(detector: Detector) -> Detector:
    import numpy as np

    if not isinstance(detector, Trainable) or detector.model is not None:
        return detector
    rows, classes = [], []
    for i in range(8):
        rows.append(detector.training_rows(picture(64 + 32 * (i % 2), 64, seed=i), np.random.default_rng(i)))
        classes += [bool(i % 2)] * len(rows[-1])
    return detector.fit(np.concatenate(rows), np.array(classes))


#: Kept, since several checks of one detector in a row ask for it.
_fitted: Callable[[Any], Detector] = functools.lru_cache(maxsize=4)(_fit)

DETECTOR_CHECKS: tuple[Callable[[Any], None], ...] = (
    check_is_a_value,
    check_repr_names_it,
    check_introduces_itself,
    check_scores_every_file,
    check_bad_files_are_no_verdict,
    check_unfitted_says_so,
    check_fit_is_plain_and_repeatable,
)
