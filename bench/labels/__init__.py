"""The labels by name, and the bundles of them that a provider would write into one file."""

from __future__ import annotations

from collections.abc import Sequence

from bench.labels.base import Claim, Label, Reading, touches_pixels
from bench.labels.c2pa import C2PA
from bench.labels.gb45438 import GB45438
from bench.labels.iptc import IPTC
from bench.labels.visible import Visible
from bench.labels.watermarks import BlindWatermark, DwtDct, DwtDctSvd, RivaGan, TrustMark
from bench.media import Media

#: Every label, in the order of the tables.
LABELS: tuple[Label, ...] = (
    GB45438(),
    IPTC(),
    C2PA(),
    DwtDct(),
    DwtDctSvd(),
    BlindWatermark(),
    RivaGan(),
    TrustMark(),
    Visible(),
)

#: Those that are read from the file without looking at its pixels.
METADATA: tuple[Label, ...] = tuple(label for label in LABELS if not touches_pixels(label))

#: Labels that are written together, in the order of writing.
BUNDLES: dict[str, tuple[Label, ...]] = {
    # C2PA is signed last: its hash covers the others.
    "metadata": (GB45438(), IPTC(), C2PA()),
    # One label per file (GB 45438-2025, 6.1 c), so its other places have copies of their own.
    "gb45438-exif": (GB45438(position="exif"),),
    "gb45438-png-text": (GB45438(position="png-text"),),
    "c2pa": (C2PA(),),
    "c2pa-ingredient": (C2PA(style="ingredient"),),
    "c2pa-composite": (C2PA(style="composite"),),
    # One mark for each file: they disturb each other.
    "dwtDct": (DwtDct(),),
    "dwtDctSvd": (DwtDctSvd(),),
    "blindWatermark": (BlindWatermark(),),
    "rivaGan": (RivaGan(),),
    "trustMark": (TrustMark(),),
    "visible": (Visible(),),
    "none": (),
}


def write_bundle(media: Media, labels: Sequence[Label], claim: Claim) -> Media:
    """The file with each of these labels that its format can carry.

    Raises:
        CodedError: as the labels' ``write``.
    """
    for label in labels:
        if label.applies(media.mime):
            media = label.write(media, claim)
    return media


def read_all(media: Media, labels: Sequence[Label]) -> tuple[Reading, ...]:
    """What each of these labels says about the file, in their order."""
    return tuple(label.read(media) for label in labels)
