"""GB 45438-2025 clause 5: the explicit label of a picture, a text at its edge or in its corner, read back by OCR.

The wording is (人工智能 or AI) + (生成 or 合成); as a corner mark "AI" alone is enough. Its characters are at least
5 % of the picture's shortest side high. The standard does not say what of a character is measured; here it is its ink,
and of the lowest character of the wording (the capitals of "AI"), so that any other reading of the clause is met too.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from bench.errors import NotApplicable, coded, state_of
from bench.labels import visible_draw, visible_ocr
from bench.labels.base import Claim, Reading
from bench.labels.watermarks import common
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    from bench.labels.visible_ocr import Line

#: Lowest character height that conforms, as a share of the shortest side.
LEAST = 0.05
#: A text belongs to an edge when it comes nearer to it than this share of the shortest side.
EDGE = 0.10
#: Ink of the highest character over the height of the box that the reader draws around a line: the median of 312 marks
#: that we wrote; it was 0.5 to 0.7 for most of them and up to 0.9. The box is thus a poor ruler, and characters are
#: called too low only where that estimate is under 0.65 of what the standard asks for.
INK_OF_BOX = 0.62
TOLERANCE = 0.65

WORDING = re.compile("(?:人工智能|AI)(?:生成|合成)")
#: What an attack leaves of a wording.
REMAINS = re.compile("人工智能|生成|合成|AI[生合]|智能[生合]")
#: Said before a wording, it denies it.
DENIALS = ("非", "不是", "不含", "没有", "未经", "并无")
#: What a reader takes AI for when the picture is coarse: Al, A1, A|, Ai, AIl. On its own only the first two and A| are
#: forgiven, and only as the whole text.
_MISREAD = re.compile("A[Iil1|]{1,2}(?=生成|合成)|^A[l1|]$")


@settings
class Visible:
    """A text in a corner of the picture, white with a thin dark outline.

    Attributes:
        text: what is written: "AI", or anything that contains a lawful wording.
        corner: ``bottom-right``, ``bottom-left``, ``top-right`` or ``top-left``.
        height: ink of the lowest character of the wording (its outline not counted) over the picture's shortest side;
            10 pixels at least, since lower characters could not be read.
    """

    text: str = "AI生成"
    corner: str = "bottom-right"
    height: float = LEAST

    name = "visible"
    touches_pixels = True

    def __post_init__(self) -> None:
        if not wording_in(self.text) or not self.text.isprintable():
            raise ValueError(
                f"text must be AI or contain one of AI生成, AI合成, 人工智能生成, 人工智能合成, got {self.text!r}"
            )
        if self.corner not in visible_draw.CORNERS:
            raise ValueError(f"corner must be one of {', '.join(visible_draw.CORNERS)}, got {self.corner!r}")
        if not 0 < self.height <= 0.5:
            raise ValueError(f"height must be above 0 and at most 0.5, got {self.height}")

    @property
    def position(self) -> str:
        """The corner."""
        return self.corner

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return visible_ocr.missing()

    def applies(self, mime: str) -> bool:
        """JPEG, PNG and WebP."""
        return mime in common.MIMES

    def expected(self, claim: Claim) -> dict[str, str]:
        """The lawful wording in the text; nothing of the claim is in it."""
        return {"text": wording_in(self.text)}

    def write(self, media: Media, claim: Claim) -> Media:
        """The marked picture as a new file of the same format, without metadata, as for watermarks.

        Raises:
            NotApplicable: ``E_NOT_APPLICABLE`` for another format, or where the text does not fit at the asked height.
            Unavailable: ``E_NO_FONT``; ``E_NO_OCR`` where the mark could not be read again.
            CodedError: ``E_ENCODE``, or as ``Media.pixels``.
        """
        if not self.applies(media.mime):
            formats = ", ".join(common.MIMES)
            raise NotApplicable("E_NOT_APPLICABLE", f"{self.name} is written into {formats}, not {media.mime}")
        visible_ocr.need()
        letters = wording_in(self.text)
        marked = visible_draw.draw(media.pixels(), self.text, letters, self.corner, self.height)
        return common.encoded(marked, media.mime)

    def read(self, media: Media) -> Reading:
        """The wording found anywhere in the picture, "AI" alone only at an edge; see ``understood``."""
        try:
            pixels = media.pixels()
            height, width = pixels.shape[:2]
            if min(height, width) < visible_draw.LEAST_HEIGHT:
                raise NotApplicable("E_TOO_SMALL", f"{width}x{height} pixels hold no character")
            reading = understood(visible_ocr.lines(pixels), width, height, self.position)
            if reading.state != "present":
                closer = understood(visible_ocr.lines(pixels, bands=True), width, height, self.position)
                reading = reading if closer.state == "absent" else closer
            return reading
        except Exception as error:  # a reading never ends a run
            failure = coded(error)
            return Reading(self.name, self.position, state_of(failure), code=failure.code, detail=failure.detail)


def wording_in(text: str) -> str:
    """The first lawful wording in a text, "AI" if it is no more than that, or ""."""
    plain = _plain(text)
    for found in WORDING.finditer(plain):
        if not plain[: found.start()].endswith(DENIALS):
            return found[0]
    return "AI" if plain == "AI" else ""


def understood(lines: list[Line], width: int, height: int, position: str) -> Reading:
    """What these lines of text say about a picture.

    ``present`` with the wording found, and whether it conforms; ``residue`` when part of a wording is legible at an
    edge; else ``absent``.
    """
    side = min(width, height)
    residue = ""
    best: tuple[bool, bool, float, str, tuple[str, ...]] | None = None
    for line in lines:
        gaps = (line.left, line.top, width - line.right, height - line.bottom)
        at_edge = min(gaps) <= EDGE * side
        plain = _MISREAD.sub("AI", _plain(line.text))
        wording = wording_in(plain)
        if wording == "AI" and not at_edge:
            continue
        if wording:
            violations = []
            ink = INK_OF_BOX * (line.bottom - line.top) / side
            if ink < TOLERANCE * LEAST:
                violations.append(
                    f"characters are about {ink:.1%} of the shortest side high, judged by the box around them; "
                    "5 % is the least (clause 5)"
                )
            if not at_edge:
                violations.append("the text is neither at an edge nor in a corner of the picture (clause 5)")
            rank = (wording != "AI", not violations, ink, wording, tuple(violations))
            best = rank if best is None else max(best, rank)
        elif at_edge and REMAINS.search(plain) and not _denied(plain):
            residue = residue or line.text
    if best is not None:
        *_, wording, conformance = best
        return Reading("visible", position, "present", True, fields={"text": wording}, conformance=conformance)
    if residue:
        return Reading("visible", position, "residue", detail=f"the text at the edge reads {residue}")
    return Reading("visible", position, "absent")


def _denied(plain: str) -> bool:
    return any(plain[: found.start()].endswith(DENIALS) for found in WORDING.finditer(plain))


def _plain(text: str) -> str:
    """NFKC, without spaces and punctuation."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(letter for letter in folded if letter.isalnum() or letter == "|")
