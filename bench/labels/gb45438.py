"""GB 45438-2025, the implicit label in the file's metadata (clause 6, Annex E), at the XMP position.

It is written as the property ``TC260:AIGC`` in element form. Reading also takes what real files hold instead:
attribute form, the wrapped shape, other places of the same file. What is not the standard's way is said in
``conformance`` and never accepted silently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from bench import containers
from bench.containers import jpeg, png, tiff
from bench.errors import CodedError
from bench.labels import annex_e, exif_text, xmp, xmp_edit
from bench.labels.base import Claim, Reading, nothing_read, read_file
from bench.media import Media
from bench.settings import settings

NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
PREFIX = "TC260"
PROPERTY = "AIGC"

#: Bytes that only this label leaves; the namespace alone counts where a packet could not be read.
_MARKERS = (b"TC260:AIGC", b"ContentProducer")
_NAMESPACE_MARKER = b"tc260.org.cn/ns/AIGC"
_BARE = re.compile(rb"""(?:\{\s*")?AIGC["'\s:=\0]{0,8}\{""")


class Found(NamedTuple):
    """Text that claims to be the label, where it stood, and what is wrong with that."""

    position: str
    text: str
    wrapped: bool  # whether this place takes the wrapped shape
    notes: tuple[str, ...] = ()


#: The packet that ByteDance's services write (the same bytes in two specimens, a stray question mark included).
_BYTEDANCE = xmp_edit.Style(
    quotes=True,
    template=b'<?xml version="1.0" encoding="UTF-8"?><?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"??>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>',
)
#: How the XMP is written.
PROFILES = {
    "standard": xmp_edit.ELEMENT,
    "attribute": xmp_edit.ATTRIBUTE,
    "doubao": _BYTEDANCE,
    "jimeng": _BYTEDANCE,
}
#: Where it is written, and into which formats.
POSITIONS: dict[str, tuple[str, ...]] = {
    "xmp": tuple(xmp_edit.WRITABLE),
    "exif": ("image/jpeg", "image/png", "image/webp"),
    "png-text": ("image/png",),
}


@dataclass
class _Search:
    """What one file was found to hold."""

    found: list[Found] = field(default_factory=list)
    failure: CodedError | None = None


@settings
class GB45438:
    """The label of GB 45438-2025 Annex E.

    Attributes:
        position: where it is written. ``xmp``: property ``TC260:AIGC``. ``exif``: UserComment, and ``png-text``: tEXt
            with the keyword ``AIGC``; these two are the image guide's alternatives (TC260-PG-20259A, Annex B), with
            the value wrapped in ``{"AIGC": ...}``. Reading looks everywhere, whatever the position.
        profile: how the XMP is written. ``standard``: as an element. ``attribute``: as an attribute of its description,
            which says the same in XMP. ``doubao``, ``jimeng``: as these providers'
            files have it, quotation marks as entities in a packet of their own form; the first leaves the propagator
            empty, the second names it by its own code.
    """

    position: str = "xmp"
    profile: str = "standard"

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"profile must be one of {', '.join(PROFILES)}, got {self.profile!r}")
        if self.profile != "standard" and self.position != "xmp":
            raise ValueError(f"profile {self.profile!r} is of position 'xmp', got {self.position!r}")
        if self.position not in POSITIONS:
            raise ValueError(f"position must be one of {', '.join(POSITIONS)}, got {self.position!r}")

    @property
    def name(self) -> str:
        """The scheme."""
        return "gb45438"

    @property
    def positions(self) -> tuple[str, ...]:
        """Where else it could be written, in order of preference."""
        return tuple(POSITIONS)

    def applies(self, mime: str) -> bool:
        """As XMP: every format that XMP is written into; as EXIF: JPEG, PNG, WebP; as PNG text: PNG."""
        return mime in POSITIONS[self.position]

    def expected(self, claim: Claim) -> dict[str, str]:
        """The seven members; on the first write the propagator is the producer (Annex E)."""
        empty = self.profile == "doubao"
        propagator = annex_e.as_propagator(claim.producer) if self.profile == "jimeng" else claim.producer
        return {
            "Label": claim.label,
            "ContentProducer": claim.producer,
            "ProduceID": claim.produce_id,
            "ReservedCode1": "",
            "ContentPropagator": "" if empty else propagator,
            "PropagateID": "" if empty else claim.produce_id,
            "ReservedCode2": "",
        }

    def write(self, media: Media, claim: Claim) -> Media:
        """The same file with the label at its position; what else is there stays.

        Raises:
            CodedError: ``E_NOT_APPLICABLE`` for another format, ``E_CLAIM`` for a value that Annex E does not allow,
                ``E_METADATA`` when the packet that is there cannot be parsed, or as ``containers.set_xmp``.
        """
        value = annex_e.serialise(self.expected(claim))
        if self.position == "xmp":
            return xmp_edit.write(media, NAMESPACE, PREFIX, {PROPERTY: value}, PROFILES[self.profile])
        if not self.applies(media.mime):
            raise CodedError("E_NOT_APPLICABLE", f"{self.position} is not written into {media.mime}")
        wrapped = f'{{"AIGC":{value}}}'
        if self.position == "png-text":
            return media.spliced(containers.set_text(media.data, "AIGC", wrapped))
        return media.spliced(
            containers.set_exif_fields(media.data, {}, {tiff.USER_COMMENT: exif_text.comment(wrapped)})
        )

    def read(self, media: Media) -> Reading:
        """The label wherever the file holds it, the standard's own place first."""
        return read_file(self, media, self._read, ("image/bmp",))

    def _read(self, media: Media) -> Reading:
        search = _search(media.data, media.mime)
        values = [(found, annex_e.parse(found.text)) for found in search.found]
        parsed = [(found, value) for found, value in values if value is not None]
        if not parsed:
            return self._nothing(media, search)
        found, value = parsed[0]
        violations = [*found.notes, *value.violations]
        if value.wrapped and not found.wrapped:
            violations.append('the value is wrapped in {"AIGC": ...}, which this place does not take')
        if found.wrapped and not value.wrapped:
            violations.append('the value is not wrapped in {"AIGC": ...}, as this place asks for')
        if len(values) > 1:
            violations.append(f"{len(values)} labels in one file (6.1 c): {', '.join(f.position for f, _ in values)}")
        violations += [f"the label in {f.position} cannot be parsed" for f, v in values if v is None]
        violations += _conflicts(parsed)
        return Reading(
            label=self.name,
            position=found.position,
            state="present",
            declares_ai=value.declares_ai,
            fields=value.fields,
            conformance=tuple(dict.fromkeys(violations)),
        )

    def _nothing(self, media: Media, search: _Search) -> Reading:
        if search.found:
            return nothing_read(self, "residue", CodedError("", f"no Annex E value in {search.found[0].position}"))
        markers = _MARKERS if search.failure is None else (*_MARKERS, _NAMESPACE_MARKER)
        return nothing_read(self, *xmp.nothing(media, (), markers, search.failure))


def _conflicts(parsed: list[tuple[Found, annex_e.Value]]) -> list[str]:
    """One sentence for each member on which the labels of one file disagree."""
    out = []
    for name in annex_e.MEMBERS:
        values = {value.fields[name] for _, value in parsed if name in value.fields}
        if len(values) > 1:
            out.append(f"conflicting values of {name}: {', '.join(sorted(v[:40] for v in values))}")
    return out


def _search(data: bytes, mime: str) -> _Search:
    search = _Search()
    for look in (_in_xmp, _in_exif, _in_png_text, _in_jpeg_segments):
        try:
            look(data, mime, search)
        except CodedError as error:
            search.failure = search.failure or error
    return search


def _in_xmp(data: bytes, mime: str, search: _Search) -> None:
    """The property in any packet: its right namespace at the top of the packet first."""
    found: list[tuple[bool, Found]] = []
    _, properties, failure = xmp.read(data, lambda namespace, name: name == PROPERTY)
    search.failure = search.failure or failure
    for place, item in properties:
        notes = []
        if place == "png-text":
            notes.append("the XMP packet is in a PNG text chunk other than an uncompressed iTXt")
        if item.namespace != NAMESPACE:
            notes.append(f"the namespace is {item.namespace[:80]}, not {NAMESPACE}")
        if item.level != "top":
            notes.append(f"the property stands {'inside another one' if item.level == 'nested' else 'outside rdf:RDF'}")
        if item.form in ("item", "structure"):
            notes.append(f"the property is an XMP {'array' if item.form == 'item' else 'structure'}, not a text")
        found.append((bool(notes), Found("xmp", item.value, False, tuple(notes))))
    search.found += [f for _, f in sorted(found, key=lambda pair: pair[0])]


def _in_exif(data: bytes, mime: str, search: _Search) -> None:
    """EXIF UserComment (image guide, Annex B: an alternative place, wrapped shape), or ImageDescription."""
    block = containers.exif(data)
    if not block:
        return
    for text in exif_text.comments(block):
        if "AIGC" in text or "ContentProducer" in text:
            search.found.append(Found("exif", text, True))
    description = exif_text.texts(data, (tiff.IMAGE_DESCRIPTION,)).get(tiff.IMAGE_DESCRIPTION, "")
    # ServiceProvider and ServiceUser: members of some real labels, from a draft of the standard.
    if any(word in description for word in ("AIGC", "ContentProducer", "ServiceProvider")):
        notes = ("EXIF ImageDescription is no place of Annex E",)
        search.found.append(Found("exif", description, True, notes))


def _in_png_text(data: bytes, mime: str, search: _Search) -> None:
    """PNG text with the keyword AIGC (image guide, Annex B: an alternative place, wrapped shape)."""
    if mime != png.MIME:
        return
    texts, failure = png.read_text(data, ("AIGC", "aigc", "Aigc"))
    search.failure = search.failure or failure
    for keyword, text in texts:
        notes = () if keyword == "AIGC" else (f"the keyword is {keyword}, not AIGC",)
        search.found.append(Found("png-text", text, True, notes))


def _in_jpeg_segments(data: bytes, mime: str, search: _Search) -> None:
    """A bare ``AIGC{...}`` in an APPn or COM segment, which no clause provides for."""
    if mime != jpeg.MIME:
        return
    for marker, payload in jpeg.app_payloads(data):
        if payload.startswith((jpeg.XMP_SIGNATURE, jpeg.EXTENDED_SIGNATURE, jpeg.EXIF_SIGNATURE)):
            continue
        match = _BARE.search(payload)
        if match:
            begin = match.start() if match[0].startswith(b"{") else match.end() - 1
            text = payload[begin:].decode("utf-8", "replace")
            where = "COM" if marker == jpeg.COM else f"APP{marker - jpeg.APP0}"
            search.found.append(
                Found("jpeg-segment", text, False, (f"a bare label in {where} is no place of Annex E",))
            )
