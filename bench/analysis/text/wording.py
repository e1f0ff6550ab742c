"""How the report puts numbers into words: shares, intervals, names, and the sentences of its summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Says a key of ``text`` in the reader's language.
Say = Callable[..., str]


@dataclass(frozen=True)
class Finding:
    """One sentence of the summary.

    Attributes:
        kind: warning, label, watermark, detector, policy or gap.
        text: in the reader's language.
        anchor: id of the section that holds the numbers.
    """

    kind: str
    text: str
    anchor: str


def percent(rate: float, low: float, high: float) -> str:
    """``65 % [54, 75]``; one decimal only where a whole number would say 0 or 100 of something that is not."""
    return f"{whole(rate)} % [{whole(low)}, {whole(high)}]"


def whole(share: float) -> str:
    """A share as a number of percent."""
    text = f"{100 * share:.0f}"
    if text == "0" and share > 0:
        return f"{100 * share:.1f}" if share >= 0.0005 else "<0.1"
    if text == "100" and share < 1:
        return f"{100 * share:.1f}" if share < 0.9995 else ">99.9"
    return text


def label_title(label: str, position: str, bundle: str = "") -> str:
    """A label as in text: ``gb45438 (xmp)``, with the bundle it was written in where that has to be said."""
    title = f"{label} ({position})" if position else label
    return f"{title} · {bundle}" if bundle else title


def rate_text(row: dict[str, Any], name: str) -> str:
    """``percent`` of a column and its interval."""
    low, high = (row[f"{name.removesuffix('_rate')}_{end}"] for end in ("low", "high"))
    return percent(row[name], low, high)
