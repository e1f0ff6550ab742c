"""IPTC Photo Metadata: ``Iptc4xmpExt:DigitalSourceType`` in XMP.

Source: IPTC Photo Metadata Standard, "Digital Source Type"; the terms are the NewsCodes scheme
http://cv.iptc.org/newscodes/digitalsourcetype/ as released on 2024-10-23.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.errors import CodedError, coded
from bench.labels import xmp, xmp_edit
from bench.labels.base import AI_SOURCE_TYPES, Claim, Reading, State
from bench.media import Media

NAMESPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PREFIX = "Iptc4xmpExt"
PROPERTY = "DigitalSourceType"
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


@dataclass(frozen=True)
class IPTC:
    """The IPTC digital source type in the file's XMP packet."""

    @property
    def name(self) -> str:
        """The scheme."""
        return "iptc"

    @property
    def position(self) -> str:
        """Where it is written."""
        return "xmp"

    def applies(self, mime: str) -> bool:
        """JPEG, PNG and WebP."""
        return mime in xmp_edit.WRITABLE

    def expected(self, claim: Claim) -> dict[str, str]:
        """The term, without its scheme."""
        return {PROPERTY: claim.source_type}

    def write(self, media: Media, claim: Claim) -> Media:
        """The same file with the term's URI in its XMP packet; the rest of the packet stays.

        Raises:
            CodedError: ``E_NOT_APPLICABLE`` for another format, ``E_CLAIM`` for a term that the scheme does not have,
                ``E_METADATA`` when the packet that is there cannot be parsed, or as ``containers.set_xmp``.
        """
        if claim.source_type not in TERMS:
            raise CodedError("E_CLAIM", f"source_type must be a term of {SCHEME}, got {claim.source_type[:60]!r}")
        return xmp_edit.write(media, NAMESPACE, PREFIX, {PROPERTY: SCHEME + claim.source_type})

    def read(self, media: Media) -> Reading:
        """The term in any of the file's packets, the standard's namespace first."""
        if getattr(media, "fresh", False):
            return self._reading("absent")
        if media.mime == "image/bmp":
            return self._reading("not_applicable")
        try:
            return self._read(media)
        except Exception as error:  # a reading never ends a run
            return self._reading("error", coded(error))

    def _read(self, media: Media) -> Reading:
        packets, properties, failure = xmp.read(media.data, lambda namespace, name: name == PROPERTY)
        # Inside another property it speaks of something else, e.g. of an ingredient.
        found = [(place, item) for place, item in properties if item.level == "top"]
        if not found:
            nested = any(item.level == "nested" for _, item in properties)
            if not nested and any(value in packet for packet in packets for value in _VALUES):
                return self._reading("residue", CodedError("", "a packet holds the URI and not the property"))
            return self._reading(*xmp.nothing(media, packets, _MARKERS, failure))
        found.sort(key=lambda pair: pair[1].namespace != NAMESPACE)
        place, item = found[0]
        term, violations = _term(item.value)
        if item.namespace != NAMESPACE:
            violations.append(f"the namespace is {item.namespace[:80]}, not {NAMESPACE}")
        if place == "png-text":
            violations.append("the XMP packet is in a PNG text chunk other than an uncompressed iTXt")
        if item.form in ("item", "structure"):
            violations.append(f"the property is an XMP {'array' if item.form == 'item' else 'structure'}, not a URI")
        others = sorted({_term(other.value)[0] for _, other in found[1:]} - {term})
        if len(found) > 1:
            violations.append(
                f"{len(found)} values in one file" + (f", conflicting: {', '.join(others)}" if others else "")
            )
        known = term in TERMS
        return Reading(
            label=self.name,
            position=self.position,
            state="present",
            declares_ai=term in AI_SOURCE_TYPES if known else None,
            fields={PROPERTY: term},
            conformance=tuple(violations),
        )

    def _reading(self, state: State, failure: CodedError | None = None) -> Reading:
        code, detail = (failure.code, failure.detail) if failure else ("", "")
        return Reading(self.name, self.position, state, code=code, detail=detail)


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
