"""Detectors: from an encoded file to one raw score, higher = more AI.

``DETECTORS`` is the registry, in the order of the tables. ``STANDARD`` are those that a suite has which names none:
they need nothing but this package, and take some milliseconds a picture.
"""

from bench.detectors.backbone import Backbone
from bench.detectors.base import Detector
from bench.detectors.cards import CARDS
from bench.detectors.declared import Declared
from bench.detectors.ensemble import Ensemble
from bench.detectors.ferretnet import FerretNetS
from bench.detectors.header import HeaderDetector
from bench.detectors.jpeg import JpegTraces
from bench.detectors.published import Published
from bench.detectors.reconstruction import Reconstruction
from bench.detectors.residual import Residual
from bench.detectors.spectrum import Spectrum
from bench.detectors.visible import VisibleDetector
from bench.detectors.watermark import WatermarkDetector

STANDARD: tuple[Detector, ...] = (Declared(), HeaderDetector(), Spectrum(), Residual(), JpegTraces())

DETECTORS: tuple[Detector, ...] = (
    *STANDARD,
    Ensemble(),
    WatermarkDetector(),
    VisibleDetector(),
    FerretNetS(),
    Reconstruction(),
    Backbone(),
    *(Published(name=card.name) for card in CARDS),
)

__all__ = ["DETECTORS", "STANDARD", "Detector"]
