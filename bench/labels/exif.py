"""The EXIF signature: a signed text in ImageDescription and a random number in Artist, all that one provider writes.

Seen in images of xAI's Grok and described by the authors of reading tools (github.com/wiltodelta/remove-ai-watermarks,
``docs/supported-signals.md`` and its tests, 2026): ImageDescription is ``Signature: `` and 300 to 1004 characters of
Base64, Artist a UUID; there is neither XMP nor C2PA. How it is signed is not published, so nobody else can verify it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench import containers
from bench.containers import tiff, tiff_edit
from bench.errors import CodedError
from bench.labels import exif_text, xmp
from bench.labels.base import Claim, Reading, nothing_read, read_file
from bench.media import Media

_DESCRIPTION, _ARTIST = "ImageDescription", "Artist"
_SIGNATURE = re.compile(r"Signature: [A-Za-z0-9+/]{64,}={0,2}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: What is left of it where a byte was lost: the beginning anywhere in the file, or most of the Base64 beside a number.
_OPENING = b"Signature: "
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{120,}")
_NUMBER = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Bytes under the Base64, for 300 characters of it.
_SIGNATURE_BYTES = 225


@dataclass(frozen=True)
class ExifSignature:
    """A signature text in the file's EXIF.

    What is written has the real one's form. Its bytes stand for a signature and are none: the scheme is not public.
    """

    @property
    def name(self) -> str:
        """The scheme."""
        return "exif"

    @property
    def position(self) -> str:
        """Where it is written."""
        return "exif"

    def applies(self, mime: str) -> bool:
        """JPEG, PNG, WebP and TIFF."""
        return mime in containers.EXIF_FORMATS

    def expected(self, claim: Claim) -> dict[str, str]:
        """The two fields, drawn from the claim's message and number."""
        import base64
        import hashlib
        from uuid import UUID

        signature = hashlib.shake_256(bytes.fromhex(claim.message)).digest(_SIGNATURE_BYTES)
        artist = UUID(bytes=hashlib.sha256(claim.produce_id.encode()).digest()[:16], version=4)
        return {_DESCRIPTION: f"Signature: {base64.b64encode(signature).decode()}", _ARTIST: str(artist)}

    def write(self, media: Media, claim: Claim) -> Media:
        """The same file with the two fields in its first EXIF directory; what else is there stays.

        Raises:
            CodedError: ``E_NOT_APPLICABLE`` for another format, or as ``containers.set_exif_fields``.
        """
        if not self.applies(media.mime):
            raise CodedError("E_NOT_APPLICABLE", f"EXIF is not written into {media.mime}")
        fields = self.expected(claim)
        values = {
            tiff.IMAGE_DESCRIPTION: tiff_edit.text(fields[_DESCRIPTION]),
            tiff.ARTIST: tiff_edit.text(fields[_ARTIST]),
        }
        return media.spliced(containers.set_exif_fields(media.data, values))

    def read(self, media: Media) -> Reading:
        """The two fields; a signature without its number declares nothing."""
        return read_file(self, media, self._read, ("image/bmp", "image/gif"))

    def _read(self, media: Media) -> Reading:
        failure = None
        found: dict[int, str] = {}
        try:
            found = exif_text.texts(media.data, (tiff.IMAGE_DESCRIPTION, tiff.ARTIST))
        except CodedError as error:
            failure = error
        text, artist = found.get(tiff.IMAGE_DESCRIPTION, "").strip(), found.get(tiff.ARTIST, "").strip()
        numbered = bool(_UUID.fullmatch(artist))
        if not _SIGNATURE.fullmatch(text):
            if (numbered and text.startswith("Signature: ")) or _remains(media.data):
                return nothing_read(self, "residue", failure or CodedError("", "part of a signature, no whole one"))
            return nothing_read(self, *xmp.nothing(media, (), (), failure))
        return Reading(
            label=self.name,
            position=self.position,
            state="present",
            declares_ai=True if numbered else None,
            fields={_DESCRIPTION: text, _ARTIST: artist[:200]},
            conformance=() if numbered else ("Artist is no UUID",),
        )


def _remains(data: bytes) -> bool:
    """Whether part of a signature is in the file."""
    at = data.find(_OPENING)
    while at >= 0:
        if _BASE64.match(data, at + len(_OPENING)):
            return True
        at = data.find(_OPENING, at + 1)
    try:
        block = containers.exif(data)
    except CodedError:
        return False
    return bool(block and _BASE64.search(block) and _NUMBER.search(block))
