"""The report's gallery: a few samples after each attack, with what was said of them."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.analysis.charts.filmstrip import OUTCOMES, STATES, number
from bench.analysis.strips import Found, Frame, Strip, Verdict, strip_of
from bench.analysis.text.wording import Say
from bench.pictures import Picture, Pictured, picture_bytes, read_index
from bench.records import Run

#: Characters that all pictures of the page may take together; details go first, then thumbnails.
BUDGET = 1_500_000

#: State of a label or what a detector said -> the word for it.
WORDS = {
    "intact": "gallery_intact",
    "altered": "gallery_altered",
    "present": "gallery_present",
    "broken": "gallery_broken",
    "residue": "gallery_residue",
    "absent": "gallery_absent",
    "not_applicable": "gallery_not_applicable",
    "unavailable": "gallery_unavailable",
    "error": "gallery_error",
    "flagged": "gallery_flagged",
    "passed": "gallery_passed",
    "open": "gallery_open",
    "abstain": "gallery_abstain",
}


@dataclass(frozen=True)
class Line:
    """What one reader or detector said: glyph, who, a score or "", the verdict in a word, and a class of the style."""

    glyph: str
    name: str
    score: str
    word: str
    kind: str
    wrong: bool = False


@dataclass(frozen=True)
class Tile:
    """One view: its pictures as data URIs ("" for none, and then ``missing`` says why), and what was said of it."""

    attack: str
    quality: str
    source: str
    detail: str
    alt: str
    missing: str
    labels: list[Line]
    detectors: list[Line]


@dataclass(frozen=True)
class Part:
    """One sample."""

    title: str
    summary: str
    about: str
    tiles: list[Tile]


@dataclass(frozen=True)
class Section:
    """The whole gallery."""

    lead: str
    parts: list[Part]
    problems: list[str]


def gallery_section(run: Run, say: Say) -> Section | None:
    """The gallery of a run, None where it has no pictures.

    Raises:
        UserError: an index of pictures that cannot be read.
    """
    gallery = read_index(run.folder)
    if gallery is None or not (gallery.samples or gallery.problems):
        return None
    known = set(run.views["sample"].unique())
    shown = [(one, strip_of(run, one.sample)) for one in gallery.samples if one.sample in known]
    sources = _sources(run, [view for one, _ in shown for view in one.views])
    parts = [_part(one, strip, sources, say) for one, strip in shown]
    lead = say("gallery_lead", regime=shown[0][1].regime) if shown else ""
    if shown and isinstance(gallery.asked, int):
        lead += say("sentence_joint") + say("gallery_chosen")
    return Section(lead, parts, list(gallery.problems))


def _sources(run: Run, views: Sequence[Picture]) -> dict[str, str]:
    """File -> data URI: all thumbnails first, then details, as long as the page has room."""
    out: dict[str, str] = {}
    room = BUDGET
    for name in [*(view.file for view in views), *(view.detail for view in views)]:
        data = picture_bytes(run.folder, name) if name else None
        if data is None:
            continue
        uri = "data:image/webp;base64," + base64.b64encode(data).decode()
        if len(uri) > room:
            out[name] = ""
            continue
        room -= len(uri)
        out[name] = uri
    return out


def _part(pictured: Pictured, strip: Strip, sources: dict[str, str], say: Say) -> Part:
    views = {view.attack: view for view in pictured.views}
    attacked = len(strip.frames) - 1
    summary = [say("gallery_turned", turned=len(strip.turned), total=attacked)] if strip.thresholds else []
    if any(one.written for frame in strip.frames for one in frame.found):
        summary.append(say("gallery_unlabelled", lost=len(strip.unlabelled)))
    about = say("gallery_about", source=strip.source, licence=pictured.licence or say("gallery_no_licence"))
    if strip.edited_area is not None:
        about += say("sentence_joint") + say("gallery_area", area=f"{100 * strip.edited_area:.0f}")
    title = say("gallery_of", truth=say(f"truth_{strip.truth}"), sample=strip.sample)
    tiles = [_tile(strip.sample, frame, views.get(frame.attack), sources, say) for frame in strip.frames]
    return Part(title, say("gallery_joint").join(summary), about, tiles)


def _tile(sample: str, frame: Frame, view: Picture | None, sources: dict[str, str], say: Say) -> Tile:
    labels, detectors = list(_label_lines(frame, say)), [_verdict_line(one, say) for one in frame.verdicts]
    if frame.status != "ok":
        labels, detectors, view = [], [], None
    source = sources.get(view.file, "") if view else ""
    said = say("gallery_joint").join(_said(line, say) for line in (*labels, *detectors))
    quality = [_quality(frame, say)] + ([say("gallery_outlined")] if view and view.outlined else [])
    return Tile(
        attack=frame.attack + (" *" if frame.simulated else ""),
        quality=" · ".join(filter(None, quality)),
        source=source,
        detail=sources.get(view.detail, "") if view else "",
        alt=say("gallery_alt", sample=sample, attack=frame.attack, said=said),
        missing="" if source else _why(frame, view, sources, say),
        labels=labels,
        detectors=detectors,
    )


def _said(line: Line, say: Say) -> str:
    """A line of a tile for those who cannot see it."""
    said = say("gallery_said", name=line.name, word=line.word) if line.word else line.name
    return say("gallery_said_wrong", said=said) if line.wrong else said


def _why(frame: Frame, view: Picture | None, sources: dict[str, str], say: Say) -> str:
    """Why a tile has no picture."""
    if frame.status != "ok":
        return say("gallery_no_view", status=f"{frame.status.replace('_', ' ')} {frame.code}".strip())
    if view is None:
        return say("gallery_unknown")
    if view.problem:
        return view.problem
    return say("gallery_left_out" if view.file in sources else "gallery_lost_file")


def _quality(frame: Frame, say: Say) -> str:
    if frame.status != "ok":
        return ""
    if frame.psnr is None:
        return say("gallery_size")
    return say("gallery_same") if math.isinf(frame.psnr) else say("gallery_psnr", psnr=f"{frame.psnr:.1f}")


def _label_lines(frame: Frame, say: Say) -> Iterator[Line]:
    if frame.found and all(one.state == "absent" and not one.written for one in frame.found):
        yield Line(STATES["absent"][0], say("gallery_no_label"), "", "", "quiet")
        return
    for one in frame.found:
        glyph = STATES.get(one.state, STATES["error"])[0]
        yield Line(glyph, f"{one.label} {one.position}".strip(), "", _word(one.state, say), _kind(one), one.false)


def _kind(one: Found) -> str:
    """How a state looks: good, half, bad or quiet."""
    if one.state == "intact":
        return "good" if one.written else "bad"
    if one.state in ("altered", "present"):
        return "half" if one.written else "bad"
    if one.state == "absent":
        return "bad" if one.written else "quiet"
    return "bad" if one.state in ("broken", "residue", "error") else "quiet"


def _verdict_line(one: Verdict, say: Say) -> Line:
    glyph, _ = OUTCOMES.get(one.outcome, OUTCOMES["error"])
    score = "" if one.value is None else number(one.value)
    kind = "bad" if one.wrong else "clear" if one.outcome in ("flagged", "passed") else "quiet"
    return Line(glyph, one.detector, score, _word(one.outcome, say), kind, one.wrong)


def _word(state: str, say: Say) -> str:
    """A state or an outcome as a word of the page's language; one that this version does not know, as it is."""
    return say(WORDS[state]) if state in WORDS else state
