"""The labels by name, and the bundles of them that a provider would write into one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from bench.errors import UserError, unknown
from bench.labels.base import Claim, Label, Reading, touches_pixels
from bench.labels.c2pa import C2PA
from bench.labels.exif import ExifSignature
from bench.labels.gb45438 import GB45438
from bench.labels.iptc import IPTC
from bench.labels.parameters import Parameters
from bench.labels.profiles import PROFILES
from bench.labels.visible import Visible
from bench.labels.watermarks import BlindWatermark, DwtDct, DwtDctSvd, RivaGan, TrustMark
from bench.media import Media

#: Every label, in the order of the tables.
LABELS: tuple[Label, ...] = (
    GB45438(),
    IPTC(),
    C2PA(),
    ExifSignature(),
    Parameters(),
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
    # The labels that a standard or a law describes. C2PA is signed last: its hash covers the others.
    "metadata": (GB45438(), IPTC(), C2PA()),
    # One label per file (GB 45438-2025, 6.1 c), so its other places have copies of their own.
    "gb45438-attribute": (GB45438(profile="attribute"),),
    "gb45438-exif": (GB45438(position="exif"),),
    "gb45438-png-text": (GB45438(position="png-text"),),
    "c2pa": (C2PA(),),
    "c2pa-ingredient": (C2PA(style="ingredient"),),
    "c2pa-composite": (C2PA(style="composite"),),
    # What files of these makers were seen to hold; ``profiles`` says where that is known from.
    **PROFILES,
    # One mark for each file: they disturb each other.
    "dwtDct": (DwtDct(),),
    "dwtDctSvd": (DwtDctSvd(),),
    "blindWatermark": (BlindWatermark(),),
    "rivaGan": (RivaGan(),),
    "trustMark": (TrustMark(),),
    "visible": (Visible(),),
    "none": (),
}


def at_position(label: Label, position: str, mime: str) -> Label:
    """The label at another position; without one, where it applies to this format if it can.

    Raises:
        UserError: the label has no such position.
    """
    positions: tuple[str, ...] = getattr(label, "positions", (label.position,))
    if position and position not in positions:
        raise unknown(f"position of {label.name}", position, list(positions))
    if len(positions) == 1 or position == label.position or (not position and label.applies(mime)):
        return label
    candidates = [position] if position else positions
    try:
        moved: list[Label] = [replace(cast(Any, label), position=one) for one in candidates]
    except ValueError as error:
        raise UserError(f"{label!r} at {position}: {error}") from None
    return next((one for one in moved if one.applies(mime)), moved[0])


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
