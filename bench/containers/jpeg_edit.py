"""JPEG metadata written and removed, segment by segment; the coded data stay.

After the XMP specification part 3, section 1.1.3, EXIF 2.32, section 4.7.2, and for JUMBF ISO/IEC 19566-5, annex D.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from bench.containers import jpeg, photoshop
from bench.containers.jpeg import APP0, APP1, APP2, COM, EXIF_SIGNATURE, EXTENDED_SIGNATURE, XMP_SIGNATURE, Span
from bench.containers.model import MAX_JPEG_XMP_BYTES, MAX_METADATA_BYTES
from bench.errors import CodedError

#: What an extended segment holds at most beside its signature, GUID, length and offset.
_PART_BYTES = 65_533 - len(EXTENDED_SIGNATURE) - 40
_APP11, _APP13, _APP14 = 0xEB, 0xED, 0xEE
#: Of an APP11 segment: the letters JP, the box's own number, the segment's, and the box's length and type once more.
_JUMBF_HEAD = 8
#: What a segment holds of a box beside that.
_JUMBF_BYTES = 65_533 - _JUMBF_HEAD - 8
_SIGNATURES = {
    APP1: {EXIF_SIGNATURE: "exif", XMP_SIGNATURE: "xmp", EXTENDED_SIGNATURE: "xmp"},
    APP2: {b"ICC_PROFILE\0": "icc"},
}
_WRAPPER = re.compile(rb"<\?xpacket[^>]*\?>")
#: A main packet that says nothing but where the rest is (section 1.1.3.1).
_POINTER = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{guid}"/></rdf:RDF></x:xmpmeta>'
    '<?xpacket end="w"?>'
)


def guid(extended: bytes) -> str:
    """What names an extended packet: the MD5 digest of its bytes, in upper case."""
    import hashlib

    return hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()


def unwrapped(payload: bytes) -> bytes:
    """The packet as it stands in extended segments: without the ``xpacket`` lines and padding."""
    return _WRAPPER.sub(b"", payload).strip() if b"<?xpacket" in payload else payload


def set_xmp(data: bytes, payload: bytes, extended: bytes | None = None) -> bytes:
    """The file with this main packet: in the place of the old one, else behind the JFIF and EXIF segments.

    Args:
        data: the file.
        payload: the main packet. One that no segment holds becomes the extended packet of a main one that names it.
        extended: the extended packet that the main one names, behind it; None keeps those that are there.

    Raises:
        CodedError: ``E_TOO_LARGE`` for more than can be read back; as ``walk`` for a broken file.
    """
    if len(payload) > MAX_JPEG_XMP_BYTES and extended is None:
        extended = unwrapped(payload)
        payload = _POINTER.format(guid=guid(extended)).encode()
    if len(payload) > MAX_JPEG_XMP_BYTES or len(extended or b"") > MAX_METADATA_BYTES:
        size = max(len(payload), len(extended or b""))
        detail = f"a JPEG's main XMP packet holds {MAX_JPEG_XMP_BYTES} bytes and an extended one {MAX_METADATA_BYTES}"
        raise CodedError("E_TOO_LARGE", f"{detail}, got {size}")
    new = jpeg.segment(APP1, XMP_SIGNATURE + payload).raw
    if extended is not None:
        new += _parts(extended)
    signatures = (XMP_SIGNATURE,) if extended is None else (XMP_SIGNATURE, EXTENDED_SIGNATURE)
    return _placed(data, new, signatures, (EXIF_SIGNATURE,))


def set_exif(data: bytes, block: bytes) -> bytes:
    """The file with this EXIF block, in the place of the old ones, else behind the JFIF segment.

    Raises:
        CodedError: ``E_TOO_LARGE`` for a block over 65,527 bytes; as ``walk`` for a broken file.
    """
    return _placed(data, jpeg.segment(APP1, EXIF_SIGNATURE + block).raw, (EXIF_SIGNATURE,), ())


def remove(data: bytes, kinds: Collection[str]) -> bytes:
    """The file without metadata of these kinds, wherever they stand before or between its scans.

    ``all`` also takes every other APPn segment but JFIF's and Adobe's, which say what the coded colours mean, and
    what follows the end marker. Offsets to further pictures of a multi-picture file are not written anew.

    Raises:
        CodedError: as ``walk`` for a broken file; ``E_METADATA`` for image resources that cannot be parsed.
    """
    spans = list(jpeg.walk(data))
    boxes = _c2pa_numbers(data, spans)
    out: list[bytes] = []
    blocks = [span for span in spans if _kind(data, span, boxes) == "photoshop"]
    for span in spans:
        kind = _kind(data, span, boxes)
        if kind == "photoshop":
            out.append(_resources(data, blocks, kinds) if span is blocks[0] else b"")
        elif kind not in kinds:
            out.append(data[span.start : span.end])
    return b"".join(out)


def _kind(data: bytes, span: Span, boxes: Collection[bytes]) -> str:
    """What a segment holds; "" for what is part of the picture."""
    if span.marker == COM:
        return "comments"
    if span.marker == jpeg.TRAILER:
        return "all"
    if not 0xE0 <= span.marker <= 0xEF or span.bogus:
        return ""
    if span.marker == _APP13 and data.startswith(photoshop.SIGNATURE, span.body):
        return "photoshop"
    if span.marker == _APP11 and data[span.body : span.body + 4] in boxes:
        return "c2pa"
    kept = {APP0: b"JFIF\0", _APP14: b"Adobe"}.get(span.marker)
    if kept and data.startswith(kept, span.body):
        return ""
    signatures = _SIGNATURES.get(span.marker, {})
    return next((kind for start, kind in signatures.items() if data.startswith(start, span.body)), "all")


def _resources(data: bytes, blocks: list[Span], kinds: Collection[str]) -> bytes:
    """The image resources that stay, in segments anew; a block may run on from one segment into the next."""
    whole = b"".join(data[span.body + len(photoshop.SIGNATURE) : span.end] for span in blocks)
    kept = photoshop.without(whole, kinds)
    if kept == whole.rstrip(b"\0") or kept == whole:
        return b"".join(data[span.start : span.end] for span in blocks)
    size = 65_533 - len(photoshop.SIGNATURE)
    parts = [kept[at : at + size] for at in range(0, len(kept), size)]
    return b"".join(jpeg.segment(_APP13, photoshop.SIGNATURE + part).raw for part in parts)


def _c2pa_numbers(data: bytes, spans: Collection[Span]) -> set[bytes]:
    """The letters JP and the number of each JUMBF box that is a C2PA store; its later segments have them too."""
    return {
        data[span.body : span.body + 4]
        for span in spans
        if span.marker == _APP11 and data[span.body : span.body + 2] == b"JP" and b"c2pa" in data[span.body : span.end]
    }


def get_c2pa(data: bytes) -> bytes | None:
    """The C2PA manifest store, put together from its segments; None where there is none.

    Raises:
        CodedError: as ``walk``.
    """
    spans = [span for span in jpeg.walk(data, to_scan=True) if span.marker == _APP11]
    numbers = _c2pa_numbers(data, spans)
    found = [span for span in spans if data[span.body : span.body + 4] in numbers]
    if not found:
        return None
    mine = [span for span in found if data[span.body : span.body + 4] == data[found[0].body : found[0].body + 4]]
    mine.sort(key=lambda span: data[span.body + 4 : span.body + 8])
    bodies = [data[span.body + _JUMBF_HEAD : span.end] for span in mine]
    return bodies[0] + b"".join(body[8:] for body in bodies[1:])


def put_c2pa(data: bytes, store: bytes) -> bytes:
    """The file with this C2PA manifest store and no other, behind the JFIF segment.

    Raises:
        CodedError: as ``walk`` for a broken file.
    """
    data = remove(data, ("c2pa",))
    out = []
    for number, at in enumerate(range(8, max(len(store), 9), _JUMBF_BYTES), 1):
        part = store[:8] + store[at : at + _JUMBF_BYTES]
        out.append(jpeg.segment(_APP11, b"JP\0\1" + number.to_bytes(4, "big") + part).raw)
    return _placed(data, b"".join(out), (), ())


def get_iim(data: bytes, numbers: Collection[int]) -> bytes:
    """The IPTC-IIM data sets 2:``numbers``, behind 1:90, which says how they are coded; empty where there are none.

    Raises:
        CodedError: as ``walk``; ``E_METADATA`` for image resources that cannot be parsed.
    """
    spans = [s for s in jpeg.walk(data, to_scan=True) if s.marker == _APP13]
    blocks = [s for s in spans if data.startswith(photoshop.SIGNATURE, s.body)]
    whole = b"".join(data[span.body + len(photoshop.SIGNATURE) : span.end] for span in blocks)
    payload = next((found.payload for found in photoshop.split(whole) if found.number == photoshop.IPTC), b"")
    found = list(photoshop.data_sets(payload))
    kept = b"".join(one.raw for one in found if one.record == 2 and one.number in numbers)
    coding = b"".join(one.raw for one in found if (one.record, one.number) == (1, 90))
    return coding + kept if kept else b""


def set_iim(data: bytes, block: bytes) -> bytes:
    """The file with these IPTC-IIM data sets as its only ones, in a segment of their own behind EXIF and XMP.

    Raises:
        CodedError: ``E_TOO_LARGE`` for more than one segment holds; as ``remove``.
    """
    data = remove(data, ("iptc-iim",))
    new = jpeg.segment(_APP13, photoshop.SIGNATURE + photoshop.resource(photoshop.IPTC, block)).raw
    return _placed(data, new, (), (EXIF_SIGNATURE, XMP_SIGNATURE, EXTENDED_SIGNATURE))


def _parts(extended: bytes) -> bytes:
    head = EXTENDED_SIGNATURE + guid(extended).encode() + len(extended).to_bytes(4, "big")
    out = []
    for offset in range(0, max(len(extended), 1), _PART_BYTES):
        part = head + offset.to_bytes(4, "big") + extended[offset : offset + _PART_BYTES]
        out.append(jpeg.segment(APP1, part).raw)
    return b"".join(out)


def _placed(data: bytes, new: bytes, replaces: tuple[bytes, ...], behind: tuple[bytes, ...]) -> bytes:
    """The file with these segments for all APP1 ones of such signatures; new ones behind those that lead the file."""
    spans = list(jpeg.walk(data, to_scan=True))

    def is_app1(span: Span, signatures: tuple[bytes, ...]) -> bool:
        return span.marker == APP1 and bool(signatures) and data.startswith(signatures, span.body)

    old = [span for span in spans if is_app1(span, replaces)]
    at = 2
    if old:
        at = old[0].start
    else:
        for span in spans[1:]:
            if span.marker != APP0 and not is_app1(span, behind):
                break
            at = span.end
    out, start = [data[:at], new], at
    for span in old:
        out.append(data[start : span.start])
        start = span.end
    return b"".join((*out, data[start:]))
