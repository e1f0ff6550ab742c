"""Detectors: from an encoded file to one raw score, higher = more AI.

``DETECTORS`` is the registry, in the order of the tables.
"""

from bench.detectors.backbone import Backbone
from bench.detectors.base import Detector
from bench.detectors.cards import CARDS
from bench.detectors.declared import Declared
from bench.detectors.ferretnet import FerretNetS
from bench.detectors.header import HeaderDetector
from bench.detectors.published import Published
from bench.detectors.reconstruction import Reconstruction
from bench.detectors.spectrum import Spectrum

DETECTORS: tuple[Detector, ...] = (
    Declared(),
    HeaderDetector(),
    Spectrum(),
    FerretNetS(),
    Reconstruction(),
    Backbone(),
    *(Published(name=card.name) for card in CARDS),
)

__all__ = ["DETECTORS", "Detector"]
