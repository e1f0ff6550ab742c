"""JPEG metadata written: XMP in one or several APP1 segments, EXIF in another; the coded data stay.

After the XMP specification part 3, section 1.1.3, and EXIF 2.32, section 4.7.2.
"""

from __future__ import annotations

import hashlib
import re

from bench.containers import jpeg
from bench.containers.jpeg import APP0, APP1, EXIF_SIGNATURE, EXTENDED_SIGNATURE, XMP_SIGNATURE, Span
from bench.containers.model import MAX_JPEG_XMP_BYTES, MAX_METADATA_BYTES
from bench.errors import CodedError

#: What an extended segment holds at most beside its signature, GUID, length and offset.
_PART_BYTES = 65_533 - len(EXTENDED_SIGNATURE) - 40
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
