"""Ways to bring a detector in without writing one for washtest: one module for each.

``function`` (a bare callable), ``network`` (ONNX or torch, described by a card), ``program`` (CSV in, CSV out),
``endpoint`` (HTTP) and ``table`` (scores made elsewhere). Classes with ``score`` and ``info`` need nothing of this.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.detectors.base import Detector


def load(text: str) -> Detector:
    """The detector of a card (``.toml``) or of a table of scores (``.csv``).

    Args:
        text: the path as the user gave it, which is the detector's ``repr``.

    Raises:
        UserError: the file is missing or cannot be used; says what to change.
    """
    if Path(text).suffix.lower() == ".csv":
        from bench.detectors.plugins.table import read_table

        return read_table(text)
    from bench.detectors.plugins.card import read_card

    return read_card(text)
