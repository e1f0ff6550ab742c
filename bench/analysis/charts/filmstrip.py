"""One sample as a strip of pictures: under the picture after each attack, what every reader and detector said of it."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.analysis.charts import file_name, style
from bench.analysis.strips import Frame, Strip, Verdict
from bench.files import write_whole

COLUMNS, GAP = 5, 0.12
#: Of a page, inches; a strip that needs more goes on on another one.
PAGE_H = 10.7
TILE_W = (style.COLUMN - 0.24 - (COLUMNS - 1) * GAP) / COLUMNS
PICTURE_H, LINE_H = 1.0, 0.098
HEAD_SIZE, NAME_SIZE, LINE_SIZE = 7.5, 6.2, 5.6

#: State of a label -> glyph and colour; the word stands beside it.
STATES = {
    "intact": ("●", style.GREEN),
    "altered": ("◐", style.ORANGE),
    "present": ("●", style.ORANGE),
    "broken": ("⊗", style.VERMILLION),
    "residue": ("◌", style.VERMILLION),
    "absent": ("○", style.VERMILLION),
    "not_applicable": ("–", style.MUTED),
    "unavailable": ("?", style.MUTED),
    "error": ("!", style.VERMILLION),
}

#: What a detector said -> glyph and word.
OUTCOMES = {
    "flagged": ("▲", "flagged"),
    "passed": ("▽", "passed"),
    "open": ("·", "no threshold"),
    "abstain": ("–", "abstained"),
    "not_applicable": ("–", "not applicable"),
    "unavailable": ("?", "unavailable"),
    "error": ("!", "failed"),
}

LEGEND = (
    "Labels: ● intact  ◐ altered, still declares AI  ⊗ broken  ◌ residue  ○ absent  – cannot be carried.   "
    "Detectors, at the frozen threshold: ▲ flagged as AI  ▽ passed  · no threshold  – abstained  "
    "? unavailable  ! failed.   ✗: wrong for what the file is."
)


@dataclass(frozen=True)
class Line:
    """A line under a picture: a glyph, a name, and a word or a number at the right."""

    glyph: str
    name: str
    said: str
    colour: str


def draw_filmstrip(
    strip: Strip, pictures: Mapping[str, bytes], outlined: Collection[str], folder: Path, formats: Sequence[str]
) -> list[Path]:
    """Draw the strip into a folder and say which files were written; arguments as ``filmstrip_figures``."""
    written = []
    with style.styled(), style.told_apart([*strip.thresholds, *(frame.attack for frame in strip.frames)]):
        for page, made in enumerate(filmstrip_figures(strip, pictures, outlined)):
            name = file_name("filmstrip", strip.sample) + (f"_{page + 1}" if page else "")
            for form in formats:
                written.append(folder / f"{name}.{form}")
                write_whole(written[-1], style.to_bytes(made, form))
    return written


def filmstrip_figures(strip: Strip, pictures: Mapping[str, bytes], outlined: Collection[str]) -> Iterator[Figure]:
    """The pages of the strip; use within ``style.styled()``.

    Args:
        strip: what was said.
        pictures: attack -> WebP of the view.
        outlined: attacks in whose picture a line is drawn around what was generated.
    """
    lines = [_lines(frame) for frame in strip.frames]
    row_h = PICTURE_H + 0.385 + LINE_H * max(map(len, lines)) + 0.13
    head, legend = _head(strip), style.wrapped(_legend(strip), style.COLUMN)
    head_h, foot_h = 0.48 + 0.15 * (head.count("\n") + 1), 0.2 + 0.14 * (legend.count("\n") + 1)
    per_page = COLUMNS * max(1, int((PAGE_H - head_h - foot_h) / row_h))
    pages = math.ceil(len(strip.frames) / per_page)
    for page in range(pages):
        frames = strip.frames[page * per_page : (page + 1) * per_page]
        made = style.figure(style.COLUMN, head_h + row_h * math.ceil(len(frames) / COLUMNS) + foot_h)
        part = f" ({page + 1} of {pages})" if pages > 1 else ""
        room = style.COLUMN - 0.24
        style.heading(made, fitted(f"{strip.sample} after each attack", 10.5, room - 0.8, True) + part, head)
        for place, frame in enumerate(frames):
            left = 0.12 + place % COLUMNS * (TILE_W + GAP)
            top = head_h + place // COLUMNS * row_h
            _tile(made, left, top, frame, lines[page * per_page + place], pictures, outlined)
        style.footnote(made, legend)
        yield made


def _head(strip: Strip) -> str:
    truth = {"human": "human work", "ai": "AI-generated", "ai_edited": "AI-edited"}.get(strip.truth, strip.truth)
    area = f", {100 * strip.edited_area:.0f} % of it generated" if strip.edited_area is not None else ""
    about = [f"{truth}{area}", f"source {style.short(strip.source, 24)}", f"{strip.regime} regime"]
    about.append(f"a verdict turned after {len(strip.turned)} of {max(0, len(strip.frames) - 1)} attacks")
    frozen = [
        f"{style.short(name, 24)} {number(value)}" for name, value in strip.thresholds.items() if value is not None
    ]
    rows = [about, ["Thresholds: " + frozen[0], *frozen[1:]] if frozen else []]
    return "\n".join(flowing(row, HEAD_SIZE, style.COLUMN - 0.24) for row in rows if row)


def _legend(strip: Strip) -> str:
    star = "  * simulated channel." if any(frame.simulated for frame in strip.frames) else ""
    return LEGEND + star


def number(value: float) -> str:
    """A score in three digits."""
    return f"{value:.3g}".replace("-", "−")


def _lines(frame: Frame) -> list[Line]:
    if frame.status != "ok":
        return [Line("!", f"{frame.status.replace('_', ' ')} {frame.code}", "", style.MUTED)]
    out = []
    if frame.found and all(one.state == "absent" and not one.written for one in frame.found):
        out.append(Line("○", "no label, none written", "", style.MUTED))
    else:
        for one in frame.found:
            glyph, colour = STATES.get(one.state, ("!", style.VERMILLION))
            plain = one.state == "absent" and not one.written
            word = one.state.replace("not_applicable", "n/a") + (" ✗" if one.false else "")
            name = f"{one.label} {one.position}".strip()
            out.append(Line(glyph, name, word, style.MUTED if plain else colour))
    return [*out, *map(_verdict_line, frame.verdicts)]


def _verdict_line(one: Verdict) -> Line:
    glyph, word = OUTCOMES.get(one.outcome, ("!", one.outcome))
    judged = one.outcome in ("flagged", "passed", "open") and one.value is not None
    said = number(one.value) if judged and one.value is not None else word
    colour = style.VERMILLION if one.wrong else style.BLUE if one.outcome in ("flagged", "passed") else style.MUTED
    return Line(glyph, one.detector, said + (" ✗" if one.wrong else ""), colour)


def _tile(
    made: Figure, left: float, top: float, frame: Frame, lines: Sequence[Line], pictures: Mapping[str, bytes],
    outlined: Collection[str],
) -> None:  # fmt: skip
    width, height = made.get_size_inches()

    def write(text: str, x: float, y: float, size: float, colour: str = style.INK, **more: Any) -> None:
        at: dict[str, Any] = {"va": "top", "fontsize": size, "color": colour} | more
        made.text((left + x) / width, 1 - (top + y) / height, text, **at)

    pixels = decoded(pictures[frame.attack]) if frame.attack in pictures else None
    if pixels is None:
        axes = style.place(made, left, top, TILE_W, PICTURE_H)
        axes.set(xticks=[], yticks=[], facecolor="#f3f4f6")
        why = "no picture" if frame.status == "ok" else "no such view"
        write(fitted(why, LINE_SIZE, TILE_W - 0.1), TILE_W / 2, PICTURE_H / 2, LINE_SIZE, style.MUTED, ha="center")
    else:
        rows, columns = pixels.shape[:2]
        scale = min(TILE_W / columns, PICTURE_H / rows)
        axes = style.place(made, left, top + PICTURE_H - rows * scale, columns * scale, rows * scale)
        axes.imshow(pixels, aspect="auto", interpolation="antialiased")
        axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=style.FAINT, linewidth=0.6)
    first, second = broken(frame.attack + (" *" if frame.simulated else ""), NAME_SIZE, TILE_W)
    write(first, 0, PICTURE_H + 0.05, NAME_SIZE, fontweight="bold")
    if second:
        write(second, 0, PICTURE_H + 0.155, NAME_SIZE, fontweight="bold")
    text = "outlined: generated part" if frame.attack in outlined else _quality(frame)
    write(fitted(text, LINE_SIZE, TILE_W), 0, PICTURE_H + 0.265, LINE_SIZE, style.MUTED)
    for i, line in enumerate(lines):
        y = PICTURE_H + 0.385 + i * LINE_H
        write(line.glyph, 0, y, LINE_SIZE, line.colour)
        taken = text_width(line.said, LINE_SIZE) + 0.05 if line.said else 0.0
        write(fitted(line.name, LINE_SIZE, TILE_W - 0.1 - taken), 0.1, y, LINE_SIZE)
        if line.said:
            write(line.said, TILE_W, y, LINE_SIZE, line.colour, ha="right")


def _quality(frame: Frame) -> str:
    if frame.status != "ok":
        return ""
    if frame.psnr is None:
        return "size changed"
    return "pixels unchanged" if math.isinf(frame.psnr) else f"PSNR {frame.psnr:.1f} dB"


def decoded(data: bytes) -> np.ndarray | None:
    """A WebP picture as ``(height, width, 3)`` uint8; None where it is none, or too large to be one of ours."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
            return None if max(image.size) > 1000 else np.array(image.convert("RGB"))
    except (OSError, ValueError):
        return None


@functools.cache
def _ruler(size: float, bold: bool) -> Text:
    """A text to measure others with: making one costs more than measuring it."""
    return style.figure(1, 1).text(0, 0, "", fontsize=size, fontweight="bold" if bold else "normal")


@functools.lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Of a text in inches; use within ``style.styled()``."""
    ruler = _ruler(size, bold)
    ruler.set_text(text)
    return float(ruler.get_window_extent().width / ruler.figure.dpi) if ruler.figure else 0.0


def fitted(text: str, size: float, width: float, bold: bool = False) -> str:
    """The text, cut in its middle where it does not fit."""
    if text_width(text, size, bold) <= width:
        return text
    fits, too_long = 1, len(text)
    while too_long - fits > 1:
        length = (fits + too_long) // 2
        if text_width(style.short(text, length), size, bold) <= width:
            fits = length
        else:
            too_long = length
    return style.short(text, fits)


def broken(text: str, size: float, width: float) -> tuple[str, str]:
    """The text in bold on two lines, broken after a comma, a bracket or a space where it can be."""
    if text_width(text, size, True) <= width:
        return text, ""
    ends = [i for i in range(1, len(text)) if text_width(text[:i], size, True) <= width] or [1]
    nice = [i for i in ends if text[i - 1] in ",( " and i > len(text) // 4]
    at = (nice or ends)[-1]
    return text[:at].rstrip(), fitted(text[at:].lstrip(), size, width, True)


def flowing(parts: Sequence[str], size: float, width: float) -> str:
    """Parts between middle dots, as many on a line as fit."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines else ""
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(fitted(part, size, width))
    return "\n".join(lines)
