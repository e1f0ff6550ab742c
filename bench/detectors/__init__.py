"""Detectors: from an encoded file to one raw score, higher = more AI.

``DETECTORS`` is the registry, in the order of the tables.
"""

from bench.detectors.base import Detector
from bench.detectors.declared import Declared
from bench.detectors.ensemble import Ensemble
from bench.detectors.header import HeaderDetector
from bench.detectors.jpeg import JpegTraces
from bench.detectors.residual import Residual
from bench.detectors.spectrum import Spectrum
from bench.detectors.visible import VisibleDetector
from bench.detectors.watermark import WatermarkDetector

DETECTORS: tuple[Detector, ...] = (
    Declared(),
    HeaderDetector(),
    Spectrum(),
    Residual(),
    JpegTraces(),
    Ensemble(),
    WatermarkDetector(),
    VisibleDetector(),
)

__all__ = ["DETECTORS", "Detector"]
