"""IPTC Photo Metadata: ``Iptc4xmpExt:DigitalSourceType`` and the AI fields of 2025.1, in XMP.

Source: IPTC Photo Metadata Standard 2025.1, "Digital Source Type", "AI System Used", "AI Prompt Information" and their
neighbours; the terms are the NewsCodes scheme http://cv.iptc.org/newscodes/digitalsourcetype/ of 2024-10-23.
"""

from __future__ import annotations

import re

from bench.errors import CodedError
from bench.labels import xmp, xmp_edit
from bench.labels.base import AI_SOURCE_TYPES, Claim, Reading, nothing_read, read_file
from bench.media import Media
from bench.settings import settings

NAMESPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PREFIX = "Iptc4xmpExt"
PROPERTY = "DigitalSourceType"
#: Texts of the standard's release 2025.1.
AI_FIELDS = ("AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName")
SCHEME = "http://cv.iptc.org/newscodes/digitalsourcetype/"

#: Every term of the scheme, retired ones (minorHumanEdits, softwareImage, digitalArt) included.
TERMS = (
    "digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print", "minorHumanEdits", "humanEdits",
    "algorithmicallyEnhanced", "softwareImage", "digitalArt", "digitalCreation", "dataDrivenMedia",
    "trainedAlgorithmicMedia", "algorithmicMedia", "screenCapture", "virtualRecording", "composite",
    "compositeCapture", "compositeSynthetic", "compositeWithTrainedAlgorithmicMedia",
)  # fmt: skip

_URI = re.compile(r"https?://cv\.iptc\.org/newscodes/digitalsourcetype/([^/?#\s]+)/?", re.IGNORECASE)
#: C2PA claims spell their member ``digitalSourceType``: another label, read elsewhere.
_MARKERS = (b":DigitalSourceType",)
_VALUES = tuple(form(SCHEME.removeprefix("http://").encode()) for form in (bytes, xmp.wide))


#: Prefix and form that a provider writes; the namespace is the same.
PROFILES: dict[str, tuple[str, xmp_edit.Style]] = {
    "standard": (PREFIX, xmp_edit.ELEMENT),
    "meta": ("iptcExt", xmp_edit.Style("attribute", png_text=True)),
    "google-photos": (PREFIX, xmp_edit.ATTRIBUTE),
}
_COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
_PHOTOSHOP, _CREDIT = "http://ns.adobe.com/photoshop/1.0/", "Edited with Google AI"


@settings
class IPTC:
    """The IPTC digital source type, and who was asked for what, in the file's XMP packet.

    Attributes:
        profile: ``standard``: source type, AI system and prompt, each as an element. ``meta``: the source type alone,
            as an attribute with the prefix ``iptcExt``, in PNG in a tEXt (where the standard's iTXt would be).
            ``google-photos``: the composite source type whatever the claim says, and a credit line, as an edit with AI
            is marked there; that it is in attribute form is an assumption.
    """

    profile: str = "standard"

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile must be one of {', '.join(PROFILES)}, got {self.profile!r}")

    @property
    def name(self) -> str:
        """The scheme."""
        return "iptc"

    @property
    def position(self) -> str:
        """Where it is written."""
        return "xmp"

    def applies(self, mime: str) -> bool:
        """Every format that XMP is written into."""
        return mime in xmp_edit.WRITABLE

    def expected(self, claim: Claim) -> dict[str, str]:
        """The term, without its scheme; in the standard profile the claim's system and prompt, where it has them."""
        if self.profile == "google-photos":
            return {PROPERTY: _COMPOSITE}
        if self.profile != "standard":
            return {PROPERTY: claim.source_type}
        fields = {"AISystemUsed": claim.system, "AIPromptInformation": claim.prompt}
        return {PROPERTY: claim.source_type} | {name: value for name, value in fields.items() if value}

    def write(self, media: Media, claim: Claim) -> Media:
        """The same file with the term's URI in its XMP packet; the rest of the packet stays.

        Raises:
            CodedError: ``E_NOT_APPLICABLE`` for another format, ``E_CLAIM`` for a term that the scheme does not have,
                ``E_METADATA`` when the packet that is there cannot be parsed, or as ``containers.set_xmp``.
        """
        if claim.source_type not in TERMS:
            raise CodedError("E_CLAIM", f"source_type must be a term of {SCHEME}, got {claim.source_type[:60]!r}")
        prefix, style = PROFILES[self.profile]
        fields = self.expected(claim)
        written = xmp_edit.write(media, NAMESPACE, prefix, fields | {PROPERTY: SCHEME + fields[PROPERTY]}, style)
        if self.profile == "google-photos":
            written = xmp_edit.write(written, _PHOTOSHOP, "photoshop", {"Credit": _CREDIT}, style)
        return written

    def read(self, media: Media) -> Reading:
        """The term in any of the file's packets, the standard's namespace first."""
        return read_file(self, media, self._read, ("image/bmp",))

    def _read(self, media: Media) -> Reading:
        wanted = (PROPERTY, *AI_FIELDS)
        packets, properties, failure = xmp.read(media.data, lambda namespace, name: name in wanted)
        # Inside another property it speaks of something else, e.g. of an ingredient.
        everything = [(place, item) for place, item in properties if item.level == "top"]
        everything.sort(key=lambda pair: pair[1].namespace != NAMESPACE)
        fields = {item.name: item.value for _, item in reversed(everything) if item.name in AI_FIELDS}
        found = [(place, item) for place, item in everything if item.name == PROPERTY]
        if not everything:
            nested = any(item.level == "nested" for _, item in properties)
            if not nested and any(value in packet for packet in packets for value in _VALUES):
                return nothing_read(self, "residue", CodedError("", "a packet holds the URI and not the property"))
            return nothing_read(self, *xmp.nothing(media, packets, _MARKERS, failure))
        violations = _violations(everything)
        declares = True if fields.get("AISystemUsed", "").strip() else None
        if found:
            term, wrong = _term(found[0][1].value)
            others = sorted({_term(other.value)[0] for _, other in found[1:]} - {term})
            fields = {PROPERTY: term} | fields
            violations = [*wrong, *violations]
            if len(found) > 1:
                violations.append(
                    f"{len(found)} values in one file" + (f", conflicting: {', '.join(others)}" if others else "")
                )
            # A source type that is there decides; who was used for what only where it is missing.
            declares = term in AI_SOURCE_TYPES if term in TERMS else None
        return Reading(
            label=self.name,
            position=self.position,
            state="present",
            declares_ai=declares,
            fields=fields,
            conformance=tuple(violations),
        )


def _violations(found: list[tuple[str, xmp.Property]]) -> list[str]:
    """What is wrong with the places and forms of the properties."""
    notes = []
    for place, item in found:
        if item.namespace != NAMESPACE:
            notes.append(f"the namespace is {item.namespace[:80]}, not {NAMESPACE}")
        if place == "png-text":
            notes.append("the XMP packet is in a PNG text chunk other than an uncompressed iTXt")
        if item.form in ("item", "structure"):
            kind = "array" if item.form == "item" else "structure"
            notes.append(f"the property is an XMP {kind}, not a {'URI' if item.name == PROPERTY else 'text'}")
    return list(dict.fromkeys(notes))


def _term(value: str) -> tuple[str, list[str]]:
    """The term of a value, and what is wrong with how it is written."""
    text = value.strip()
    match = _URI.fullmatch(text)
    term = match[1] if match else text.rpartition("/")[2] or text
    term = term[:200]
    violations = []
    if match is None:
        violations.append(f"the value is not a URI of {SCHEME}: {text[:80]!r}")
    elif text != SCHEME + term:
        violations.append(f"the URI must be {SCHEME}{term}, got {text[:80]!r}")
    if term not in TERMS:
        violations.append(f"{term[:60]!r} is not a term of the scheme")
    return term, violations
