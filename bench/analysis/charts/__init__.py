"""Every chart by name, drawn from the tables (and, for curves, from the scores)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bench.analysis.charts import style
from bench.analysis.charts.calibration import calibration_charts
from bench.analysis.charts.controls import control_charts
from bench.analysis.charts.det import det_charts
from bench.analysis.charts.distributions import distribution_charts
from bench.analysis.charts.edited import edited_charts
from bench.analysis.charts.label_states import state_charts
from bench.analysis.charts.matrix import matrix_charts
from bench.analysis.charts.policy import policy_charts
from bench.analysis.charts.quality import quality_charts
from bench.analysis.charts.ranks import rank_charts
from bench.analysis.charts.roc import roc_charts
from bench.analysis.charts.severity import severity_charts
from bench.analysis.charts.slope import slope_charts
from bench.analysis.charts.spread import spread
from bench.analysis.charts.subgroups import subgroup_charts
from bench.analysis.charts.survival import survival_charts
from bench.analysis.charts.svg import Drawing
from bench.analysis.charts.watermarks import watermark_charts
from bench.analysis.frames import POOLED, attack_frame, detector_names
from bench.errors import unknown
from bench.files import write_whole
from bench.records import Run

#: Kinds of chart, in the order of the report -> the tables each is drawn from; of ``detector_errors`` the pooled rows.
NEEDS: dict[str, tuple[str, ...]] = {
    "label_survival": ("label_survival",),
    "watermark_survival": ("watermark_survival",),
    "matrix": ("thresholds", "detector_errors", "attack_effects"),
    "ranks": ("robustness",),
    "slope": ("detector_errors", "robustness"),
    "severity": ("thresholds", "detector_errors"),
    "roc": ("thresholds", "detector_errors"),
    "det": ("thresholds", "detector_errors"),
    "distributions": ("thresholds", "detector_errors"),
    "quality": ("thresholds", "detector_errors"),
    "subgroups": ("thresholds", "subgroup_fpr"),
    "calibration": ("calibration",),
    "edited_by_area": ("thresholds", "edited_by_area"),
    "policy": ("thresholds", "policy"),
    "controls": ("label_survival", "watermark_survival", "thresholds", "detector_errors"),
    "label_states": ("label_survival",),
}
CHARTS = tuple(NEEDS)

#: Kinds that are drawn only where they are asked for by name.
ON_DEMAND = ("label_states",)
FORMATS = ("svg", "png", "pdf")


@dataclass(frozen=True)
class Chart:
    """A drawn chart.

    Attributes:
        kind: one of ``CHARTS``.
        name: of its file, without the ending.
        subject: the detector it is about, "" for labels, watermarks and comparisons of detectors.
        figure: what was drawn.
    """

    kind: str
    name: str
    subject: str
    figure: Figure


@dataclass(frozen=True)
class Rendered:
    """A chart as files.

    Attributes:
        kind: one of ``CHARTS``.
        name: of its files, without the ending.
        subject: as of ``Chart``.
        files: format -> the bytes of the file.
        element: the chart for a page of HTML, "" where it was not asked for; its ids start with ``id``.
    """

    kind: str
    name: str
    subject: str
    files: dict[str, bytes]
    element: str = ""

    @property
    def id(self) -> str:
        """Of the chart on a page."""
        return f"c-{self.name}"


def file_name(kind: str, subject: str) -> str:
    """A file name for a chart about a detector, whose name may hold anything; different names never meet."""
    plain = re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")[:40]
    if plain != subject:
        plain += "-" + hashlib.sha256(subject.encode()).hexdigest()[:6]
    return f"{kind}_{plain}"


#: Kind of chart -> whether it is drawn once per detector, and what draws it: ``(name, figure)`` one at a time.
MAKERS: dict[str, tuple[bool, Callable[..., Iterator[tuple[str, Figure]]]]] = {
    "label_survival": (False, survival_charts),
    "watermark_survival": (False, watermark_charts),
    "matrix": (False, matrix_charts),
    "ranks": (False, rank_charts),
    "slope": (False, slope_charts),
    "severity": (True, severity_charts),
    "roc": (True, roc_charts),
    "det": (True, det_charts),
    "distributions": (True, distribution_charts),
    "quality": (True, quality_charts),
    "subgroups": (True, subgroup_charts),
    "calibration": (True, calibration_charts),
    "edited_by_area": (True, edited_charts),
    "policy": (True, policy_charts),
    "controls": (False, control_charts),
    "label_states": (False, state_charts),
}


def wanted(only: Sequence[str] | None = None) -> tuple[str, ...]:
    """The kinds to draw, in the order of ``CHARTS``: those named, or all but ``ON_DEMAND``."""
    return tuple(kind for kind in CHARTS if (kind in only if only else kind not in ON_DEMAND))


def needed(only: Sequence[str] | None = None) -> tuple[str, ...]:
    """The tables that the kinds ``wanted(only)`` are drawn from."""
    return tuple(dict.fromkeys(table for kind in wanted(only) for table in NEEDS[kind]))


def check_names(only: Sequence[str] | None, formats: Sequence[str]) -> None:
    """Raise ``UserError`` for a kind of chart or a format that does not exist."""
    for name in only or ():
        if name not in CHARTS:
            raise unknown("chart", name, CHARTS)
    for form in formats:
        if form not in FORMATS:
            raise unknown("format", form, FORMATS)


def draw(run: Run, tables: Mapping[str, pd.DataFrame], only: Sequence[str] | None = None) -> Iterator[Chart]:
    """The charts of a run, one at a time, in the order of ``CHARTS``; use within ``style.styled()``.

    Args:
        run: the records.
        tables: of ``bench.analysis.tables.make``; those of ``needed(only)`` are used.
        only: kinds of chart; None for all but ``ON_DEMAND``.
    """
    if "detector_errors" in needed(only):  # most of its rows are of one source each, and no chart shows those
        errors = tables["detector_errors"]
        tables = {**tables, "detector_errors": errors[errors["source"].eq(POOLED)]}
    subgroups = (name for column in ("source", "group") for name in run.views[column].drop_duplicates().dropna())
    with style.told_apart([*attack_frame(run)["attack"], *detector_names(run), *subgroups]):
        for kind in wanted(only):
            of_detectors, maker = MAKERS[kind]
            for name, made in maker(run, *(tables[table] for table in NEEDS[kind])):
                if of_detectors:
                    yield Chart(kind, file_name(kind, name), name, made)
                else:
                    yield Chart(kind, name, "", made)


def as_files(chart: Chart, formats: Sequence[str], page: bool = False) -> Rendered:
    """The chart in these formats, and for a page of HTML; use within ``style.styled()``."""
    drawing = Drawing.of(chart.figure) if page or "svg" in formats else None
    files = {}
    for form in formats:
        files[form] = drawing.file().encode() if drawing and form == "svg" else style.to_bytes(chart.figure, form)
    made = Rendered(chart.kind, chart.name, chart.subject, files)
    return replace(made, element=drawing.element(made.id)) if drawing and page else made


def rendered(
    run: Run,
    tables: Mapping[str, pd.DataFrame],
    only: Sequence[str] | None = None,
    formats: Sequence[str] = ("svg", "png"),
    jobs: int | None = None,
    page: bool = False,
) -> Iterator[Rendered]:
    """The charts of a run as files, in the order of ``CHARTS``; the same bytes for any number of jobs.

    Args:
        run: the records.
        tables: as for ``draw``.
        only: kinds of chart; None for all but ``ON_DEMAND``.
        formats: some of ``FORMATS``.
        jobs: worker processes; 0 for none, None for one per processor.
        page: also for a page of HTML.

    Raises:
        UserError: an unknown kind of chart or format.
    """
    check_names(only, formats)

    def of_kind(kind: str) -> list[Rendered]:
        return [as_files(chart, formats, page) for chart in draw(run, tables, [kind])]

    with style.styled():
        for charts in spread(of_kind, wanted(only), jobs):
            yield from charts


def draw_all(
    run: Run,
    tables: Mapping[str, pd.DataFrame],
    out_dir: Path,
    only: Sequence[str] | None = None,
    formats: Sequence[str] = ("svg", "png"),
    jobs: int | None = None,
) -> list[Path]:
    """Draw the charts into a folder and say which files were written; arguments and errors as of ``rendered``."""
    written = []
    for chart in rendered(run, tables, only, formats, jobs):
        for form, data in chart.files.items():
            written.append(out_dir / f"{chart.name}.{form}")
            write_whole(written[-1], data)
    return written
