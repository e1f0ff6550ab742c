"""Metadata alone: stripped, edited, or forged, by splicing bytes; the coded picture stays as it is.

No label is known here. Forgery copies the blocks of a donor file, whatever they say; the donors that come with the
package (``attacks/donors``) carry one label each.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.base import check_choice
from bench import __version__, containers
from bench.errors import CodedError, NotApplicable, Unavailable
from bench.files import cache_folder
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

DONORS = Path(__file__).parent / "donors"
#: The donor that is made on each machine, since it holds a certificate, and the one whose picture it takes.
MADE, MODEL = "c2pa.jpg", "iptc.jpg"
#: What a donor gives, in the order of writing.
BLOCKS = ("xmp", "exif", "png-text", "c2pa")
#: Members of the GB 45438-2025 label, and the property of IPTC Photo Metadata, that can be rewritten.
MEMBERS = (
    "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2",
)  # fmt: skip
SOURCE_TYPE = "DigitalSourceType"
#: Packets that speak of the whole file.
_MAIN = ("jpeg-app1", "png-itxt", "png-text", "webp-xmp", "gif-xmp", "tiff-700", "isobmff-item")
_QUOTE = rb'(?:"|&quot;|&#34;|&#x22;)'
_SCHEME = rb"(https?://cv\.iptc\.org/newscodes/digitalsourcetype/)[A-Za-z]+"
_ORIENTATION = 0x0112


@settings
class Strip:
    """Take metadata out and leave the coded picture byte for byte.

    In JPEG, PNG, WebP, GIF, TIFF, HEIC, AVIF and JPEG XL. What decides how the coded pixels look stays (JFIF and Adobe
    segments, gamma and palette chunks, frames); an EXIF orientation or an ICC profile that goes makes viewers show them
    turned or in other colours, as it does with real strippers. A BMP is left as it is, and so is a format that has no
    place for the kind.

    Attributes:
        kind: exif, xmp, iptc-iim, c2pa, icc, png-text (PNG texts that are neither XMP nor EXIF), comments (JPEG,
            GIF), or all: these and whatever else is no part of the picture, a trailer included.
        keep: kinds that ``all`` leaves, e.g. ``('icc',)`` as most web services do.
    """

    kind: str = "all"
    keep: tuple[str, ...] = ()

    severity = 0.0
    axis = "none (kinds of metadata have no common scale)"

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, ("all", *containers.METADATA_KINDS))
        if not isinstance(self.keep, tuple):
            raise ValueError(f"keep must be a tuple of kinds, got {self.keep!r}")
        if self.keep and self.kind != "all":
            raise ValueError(f"keep is for kind 'all', got kind {self.kind!r}")
        for kept in self.keep:
            check_choice("keep", kept, containers.METADATA_KINDS)

    @property
    def family(self) -> str:
        """One for each kind."""
        return f"strip {self.kind}" + (f" but {', '.join(self.keep)}" if self.keep else "")

    @property
    def channel(self) -> str:
        """Our own hands."""
        return f"real:washtest {__version__}, metadata blocks spliced out"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The file without them."""
        if media.fresh or media.mime == "image/bmp":
            return media
        kinds = {"all", *containers.METADATA_KINDS} - set(self.keep) if self.kind == "all" else {self.kind}
        data = containers.remove(media.data, kinds)
        # Without its orientation or its profile the same coded picture is shown in another way.
        return Media(data, media.mime) if kinds & {"exif", "icc"} else media.spliced(data)


@settings
class EditField:
    """Change one field of a label in the file's main XMP packet; every other byte of the packet stays.

    A file without the field stays as it is. Labels in EXIF, PNG text or extended XMP are not edited, and a C2PA
    manifest is not signed again: its hash no longer fits, which is the point of it.

    Attributes:
        field: a member of the GB 45438-2025 label (Annex E), e.g. ProduceID, or DigitalSourceType of IPTC.
        value: what it says from now on: letters, digits and ``. _ - / :`` and space, up to 200. For DigitalSourceType
            the term alone, e.g. digitalCapture.
    """

    field: str = "ProduceID"
    value: str = "0"

    severity = 0.0
    axis = "none (one field)"

    def __post_init__(self) -> None:
        check_choice("field", self.field, (*MEMBERS, SOURCE_TYPE))
        allowed = "[A-Za-z]{1,60}" if self.field == SOURCE_TYPE else "[A-Za-z0-9._/: -]{0,200}"
        if not re.fullmatch(allowed, self.value):
            raise ValueError(f"value of {self.field} must be {allowed}, got {self.value[:60]!r}")

    @property
    def family(self) -> str:
        """One for each field."""
        return f"edit {self.field}"

    @property
    def channel(self) -> str:
        """Our own hands."""
        return f"real:washtest {__version__}, one XMP field rewritten"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The file with the field changed."""
        if media.fresh:
            return media
        packets = [packet for packet in containers.read_xmp(media.data)[0] if packet.place in _MAIN]
        if not packets:
            return media
        new = self._edited(packets[0].payload)
        if new == packets[0].payload:
            return media
        return media.spliced(containers.set_xmp(media.data, new, packets[0].place))

    def _edited(self, packet: bytes) -> bytes:
        value = self.value.encode()
        if self.field == SOURCE_TYPE:
            return re.sub(_SCHEME, lambda found: found[1] + value, packet)
        head = rb"(" + _QUOTE + self.field.encode() + _QUOTE + rb"\s*:\s*" + _QUOTE + rb")"
        return re.sub(head + rb"[^\"&\\]*(?=" + _QUOTE + rb")", lambda found: found[1] + value, packet)


@settings
class Forge:
    """Copy the metadata blocks of another file into this one, as they are: a label that tells of another picture.

    XMP and EXIF blocks replace those of the file (its own orientation stays), texts those of the same keywords. A
    C2PA manifest store is replayed as it is: it vouches for the donor's bytes, so its hash cannot fit here. It goes
    into JPEG, PNG and WebP; XMP also into GIF, TIFF, HEIC and AVIF; EXIF into JPEG, PNG and WebP; texts into PNG.

    Attributes:
        donor: a file that comes with the package (gb45438.jpg, gb45438-exif.jpg, gb45438-text.png, iptc.jpg),
            c2pa.jpg, which is signed on this machine when it is first asked for, or the path of any other.
        block: xmp, exif, png-text, c2pa, or all: what the donor has and the file can hold.
        sha256: the donor's digest, or how it begins; "" does not look at it. A suite with a donor of its own should.
    """

    donor: str = "gb45438.jpg"
    block: str = "all"
    sha256: str = ""

    severity = 0.0
    axis = "none (labels have no common scale)"

    def __post_init__(self) -> None:
        check_choice("block", self.block, ("all", *BLOCKS))
        if not self.donor:
            raise ValueError("donor must be a file of the package or a path, got ''")
        if not re.fullmatch("[0-9a-f]{0,64}", self.sha256):
            raise ValueError(f"sha256 must be up to 64 hexadecimal digits in lower case, got {self.sha256[:70]!r}")

    @property
    def family(self) -> str:
        """One for each donor and block."""
        return f"forge {Path(self.donor).name}" + ("" if self.block == "all" else f" {self.block}")

    @property
    def channel(self) -> str:
        """Our own hands."""
        return f"real:washtest {__version__}, metadata blocks of {Path(self.donor).name} spliced in"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The file with the donor's blocks.

        Raises:
            CodedError: ``E_DONOR`` for a donor of another digest or without such a block; ``Unavailable`` where there
                is none; ``NotApplicable`` where the file can hold none of its blocks.
        """
        donor = self._donor()
        data = media.data
        found = done = False
        for block in BLOCKS if self.block == "all" else (self.block,):
            new = _put(data, media, donor, block)
            found = found or new is not None
            if new:
                data, done = new, True
        if not found:
            raise CodedError("E_DONOR", f"{Path(self.donor).name} holds no {self.block if self.block != 'all' else ''}"
                             " metadata that can be copied")  # fmt: skip
        if not done:
            raise NotApplicable("E_NOT_APPLICABLE", f"{media.mime} holds none of the blocks of {self.donor}")
        return media.spliced(data)

    def _donor(self) -> Media:
        shipped = (cache_folder("donors") if self.donor == MADE else DONORS) / self.donor
        try:
            donor = Media.read(shipped if "/" not in self.donor and shipped.is_file() else Path(self.donor))
        except CodedError as error:
            raise Unavailable("E_NO_DONOR", f"{self.donor}: {error.detail}; give the path of a labelled file") from None
        if not donor.sha256.startswith(self.sha256):
            raise CodedError("E_DONOR", f"{self.donor} has the sha256 {donor.sha256}, not {self.sha256}")
        return donor


def _put(data: bytes, media: Media, donor: Media, block: str) -> bytes | None:
    """The file with this block of the donor; empty where it cannot hold it, None where the donor has none."""
    if block == "xmp":
        packets = containers.xmp_packets(donor.data)
        if not packets:
            return None
        return containers.set_xmp(data, packets[0].payload) if media.mime in containers.XMP_FORMATS else b""
    if block == "exif":
        return _put_exif(data, media, donor)
    if block == "png-text":
        texts = [(keyword, text) for keyword, text in containers.text_chunks(donor.data) if not _is_profile(keyword)]
        if texts and media.mime != "image/png":
            return b""
        for keyword, text in texts:
            data = containers.set_text(data, keyword, text)
        return data if texts else None
    store = containers.c2pa_store(donor.data)
    if store is None:
        return None
    return containers.put_c2pa_store(data, store) if media.mime in containers.STORE_FORMATS else b""


def _put_exif(data: bytes, media: Media, donor: Media) -> bytes | None:
    block = containers.exif(donor.data)
    if not block:
        return None
    if media.mime == "image/tiff" or media.mime not in containers.EXIF_FORMATS:
        return b""
    turned = media.header.orientation
    out = containers.set_exif(data, block)
    if turned == donor.header.orientation:
        return out
    value = turned.to_bytes(2, "little") if block[:1] == b"I" else turned.to_bytes(2, "big")
    return containers.set_exif_fields(out, {_ORIENTATION: containers.Value(containers.SHORT, value)})


def _is_profile(keyword: str) -> bool:
    return keyword == "XML:com.adobe.xmp" or keyword.startswith("Raw profile type ")
