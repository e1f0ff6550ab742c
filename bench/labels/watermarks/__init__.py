"""Watermarks: labels that are in the pixels.

A decoder gives bits for every picture, marked or not, so an ungraded reading is always ``present`` and declares
nothing; only the comparison with the message (``bench.labels.base.graded_bits``) says something.
"""

from bench.labels.watermarks.blind import BlindWatermark
from bench.labels.watermarks.dwt import DwtDct, DwtDctSvd
from bench.labels.watermarks.rivagan import RivaGan
from bench.labels.watermarks.trustmark import TrustMark

__all__ = ["BlindWatermark", "DwtDct", "DwtDctSvd", "RivaGan", "TrustMark", "is_watermark"]


def is_watermark(label: object) -> bool:
    """Whether it is one of these, whose readings mean nothing without the message."""
    return isinstance(label, DwtDct | DwtDctSvd | BlindWatermark | RivaGan | TrustMark)
