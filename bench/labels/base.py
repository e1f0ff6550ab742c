"""What a label is: something that writes a claim into a file, and says later what is left of it.

``Label`` is a protocol; anything with these attributes and two methods is one. Its settings are those of a frozen
dataclass, so that ``repr`` names it everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

from bench.errors import CodedError, coded, state_of
from bench.media import Media

State = Literal[
    "intact", "altered", "broken", "residue", "absent",
    "present",  # parsed, and no reference to compare with (``washtest inspect``)
    "not_applicable", "unavailable", "error",
]  # fmt: skip

#: DigitalSourceType terms that say "made or changed by a trained model" (IPTC NewsCodes, ``digitalsourcetype``).
AI_SOURCE_TYPES = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic")


@dataclass(frozen=True)
class Claim:
    """What a provider says about a file, from which each label takes the fields it carries.

    Attributes:
        label: GB 45438-2025 Annex E ``Label``: "1" AI-generated, "2" may be, "3" suspected.
        producer: name or code of the service that generated the content.
        produce_id: the producer's number for this content.
        source_type: IPTC DigitalSourceType term (not the URI).
        system: name of the AI system (IPTC 2025.1 ``AISystemUsed``, the model of generation parameters).
        prompt: what the system was asked for (IPTC 2025.1 ``AIPromptInformation``, generation parameters).
        message: 64 hexadecimal digits, drawn at random for each sample; a watermark embeds its first bits.
    """

    label: str = "1"
    producer: str = "washtest"
    produce_id: str = "0"
    source_type: str = "trainedAlgorithmicMedia"
    system: str = "washtest"
    prompt: str = "a photograph"
    message: str = "5a" * 32

    def __post_init__(self) -> None:
        if len(self.message) != 64 or not set(self.message) <= set("0123456789abcdef"):
            raise ValueError(f"message must be 64 hexadecimal digits in lower case, got {self.message[:70]!r}")

    @property
    def seed(self) -> int:
        """Of the generator, for generation parameters: the message's first 32 bits."""
        return int(self.message[:8], 16)

    def bits(self, n: int) -> str:
        """The first ``n`` bits of the message, as a text of 0 and 1 (n <= 256)."""
        return f"{int(self.message, 16):0256b}"[:n]


@dataclass(frozen=True)
class Reading:
    """What one reader found in one file.

    Attributes:
        label: the scheme, e.g. ``gb45438``.
        position: the place, e.g. ``xmp``.
        state: see ``State``; without a claim to compare with, ``present`` instead of intact or altered.
        declares_ai: true, false, or None where nothing can be said (absent, error).
        integrity: ``valid``, ``invalid`` or "" where the scheme has no integrity check.
        credential: ``trusted``, ``untrusted``, ``expired`` or "".
        fields: the fields as read.
        conformance: each violation of the standard, one short sentence; empty when it conforms.
        fields_kept, fields_expected: set by ``graded``.
        bit_accuracy, p_value: watermarks only.
        code, detail: set when state is ``error`` or ``unavailable``; for ``broken`` the code of the failed check.
    """

    label: str
    position: str
    state: State
    declares_ai: bool | None = None
    integrity: str = ""
    credential: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    conformance: tuple[str, ...] = ()
    fields_kept: int | None = None
    fields_expected: int | None = None
    bit_accuracy: float | None = None
    p_value: float | None = None
    code: str = ""
    detail: str = ""


@runtime_checkable
class Label(Protocol):
    """A scheme at a position in the file."""

    @property
    def name(self) -> str:
        """The scheme, as in reports: ``gb45438``, ``iptc``, ..."""

    @property
    def position(self) -> str:
        """Where in the file: ``xmp``, ``exif``, ``png-text``, ..."""

    def applies(self, mime: str) -> bool:
        """Whether files of this type can carry it."""

    def expected(self, claim: Claim) -> dict[str, str]:
        """The fields that ``write`` puts into a file for this claim."""

    def write(self, media: Media, claim: Claim) -> Media:
        """The same file with the label in it; coded pixels untouched.

        Raises:
            CodedError: ``E_NOT_APPLICABLE`` where the format cannot carry it.
        """

    def read(self, media: Media) -> Reading:
        """What is there; never raises for a bad file: that is a reading with state ``error``."""


def nothing_read(label: Label, state: State, failure: CodedError | None = None) -> Reading:
    """A reading that has no fields: its state and why."""
    code, detail = (failure.code, failure.detail) if failure else ("", "")
    return Reading(label.name, label.position, state, code=code, detail=detail)


def read_file(label: Label, media: Media, look: Callable[[Media], Reading], cannot: Collection[str]) -> Reading:
    """What ``look`` finds in a file; pixels that were never one hold nothing, and whatever goes wrong is a reading.

    Args:
        label: whose reading it is.
        media: any file.
        look: the label's own reader, which may raise.
        cannot: formats without a place for the label.
    """
    if getattr(media, "fresh", False):
        return nothing_read(label, "absent")
    if media.mime in cannot:
        return nothing_read(label, "not_applicable")
    try:
        return look(media)
    except Exception as error:  # a reading never ends a run
        failure = coded(error)
        return nothing_read(label, state_of(failure), failure)


def touches_pixels(label: Label) -> bool:
    """Whether writing it changes the picture (watermarks, visible marks) instead of metadata alone."""
    return bool(getattr(label, "touches_pixels", False))


def label_kind(label: Label) -> str:
    """``metadata``, ``watermark`` (its field is bits) or ``visible``."""
    if not touches_pixels(label):
        return "metadata"
    return "watermark" if "bits" in label.expected(Claim()) else "visible"


def graded(reading: Reading, expected: dict[str, str], known: Collection[str] = ()) -> Reading:
    """The reading compared with what was written (DESIGN section 5).

    ``present`` becomes ``intact`` when every expected field is equal, ``altered`` when it still declares AI but a
    field differs or is missing, or it breaks its standard in a way that it did not before, and ``residue`` when it no
    longer declares anything. Other states stay.

    A watermark's one field is ``bits``; see ``graded_bits``.

    Args:
        reading: what was found.
        expected: the fields that were written.
        known: violations that the label had when it was written, as some providers' labels do.
    """
    if "bits" in expected and "bits" in reading.fields:
        return graded_bits(reading, expected["bits"])
    kept = sum(reading.fields.get(name) == value for name, value in expected.items())
    state: State = reading.state
    if state == "present":
        if kept == len(expected) and set(reading.conformance) <= set(known):
            state = "intact"
        else:
            state = "altered" if reading.declares_ai else "residue"
    return replace(reading, state=state, fields_kept=kept, fields_expected=len(expected))


#: p-value under which decoded bits are called the message and not chance. Only a grade: the verdict that tables
#: report is made at a false-positive rate measured on attacked human files, since the null is not binomial.
CHANCE = 1e-3


def graded_bits(reading: Reading, message: str) -> Reading:
    """A watermark's decoded bits compared with the message: bit accuracy, one-sided binomial p-value, state.

    ``intact``: every bit; ``altered``: fewer, but more than chance gives (p < 0.001); ``absent``: no more than that.
    """
    from math import comb

    n = len(message)
    kept = sum(a == b for a, b in zip(reading.fields["bits"], message, strict=False))
    p_value = sum(comb(n, k) for k in range(kept, n + 1)) / 2**n
    state: State = "intact" if kept == n else "altered" if p_value < CHANCE else "absent"
    declares = True if state != "absent" else None
    return replace(
        reading, state=state, declares_ai=declares, fields_kept=kept, fields_expected=n,
        bit_accuracy=kept / n, p_value=p_value,
    )  # fmt: skip
