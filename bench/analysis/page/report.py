"""The report: one HTML file that needs nothing else, made from the tables and the charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from bench.analysis.charts import CHARTS, Rendered, rendered
from bench.analysis.charts.svg import frame_rule
from bench.analysis.findings import findings
from bench.analysis.frames import attack_frame, by_value, detector_names, watermark_names
from bench.analysis.garbage import few_collections
from bench.analysis.page import policy as page_policy
from bench.analysis.page import tables as page_tables
from bench.analysis.page.behind import Behind, quality_table
from bench.analysis.page.cells import Table, simulated_attacks
from bench.analysis.page.comparisons import comparison_tables
from bench.analysis.page.edited import edited_table
from bench.analysis.page.gallery import gallery_section
from bench.analysis.page.languages import both, in_both
from bench.analysis.page.templating import assets, environment, words
from bench.analysis.tables.baseline import no_better_than_headers
from bench.analysis.tables.detection import MIN_N
from bench.analysis.tables.thresholds import main_threshold
from bench.analysis.tables.watermarks import FPR_NOMINAL
from bench.analysis.text.wording import Say, whole
from bench.files import write_whole
from bench.records import Run

#: Kinds of chart that compare detectors, and those that stand in the part of one detector.
COMPARISONS = ("ranks", "slope", "matrix", "controls")
ABOUT_ONE = ("severity", "roc", "det", "distributions", "quality", "subgroups", "calibration", "edited_by_area")


@dataclass(frozen=True)
class Figure:
    """A chart on the page: ``svg`` is the same in every language, ``id`` is that of the frame around it."""

    caption: Any
    id: str
    svg: Markup


@dataclass(frozen=True)
class DetectorPart:
    """What the page says about one detector."""

    name: str
    facts: list[Any]
    drawings: list[Figure]
    tables: list[Table]


@few_collections()
def build(run: Run, tables: Mapping[str, pd.DataFrame], charts: Sequence[Rendered]) -> str:
    """The page, in every language at once. The same records give the same text, byte for byte.

    Args:
        run: the records.
        tables: all of ``bench.analysis.tables.make``.
        charts: every chart for a page, in the order of this one.
    """
    rules = [frame_rule(chart.element, chart.id) for chart in charts]
    behind = Behind.of(run, tables, simulated_attacks(attack_frame(run)))
    content = _content(run, tables, charts, behind)
    page = environment().get_template("report.html.j2")
    return (
        page.render(
            t=both,
            words=words(),
            **assets(rules),
            header=run.header,
            warnings=[str(text) for text in run.header.get("warnings", [])],
            **content,
        )
        + "\n"
    )


def _content(
    run: Run, tables: Mapping[str, pd.DataFrame], charts: Sequence[Rendered], behind: Behind
) -> dict[str, Any]:
    """What the template fills in. Whatever is put together from several texts is made in each language by itself."""
    say = both
    by_kind: dict[str, list[tuple[str, Figure]]] = {kind: [] for kind in CHARTS}
    for chart in charts:
        caption = say(f"chart_{chart.kind}", subject=chart.subject)
        # Its text was escaped when it was drawn: safe to stand in the page as it is.
        by_kind[chart.kind].append((chart.subject, Figure(caption, chart.id, Markup(chart.element))))
    attacks = attack_frame(run)
    stars = simulated_attacks(attacks)
    real = int(attacks["channel"].str.startswith("real").sum())
    quality = quality_table(run, stars, say)
    return {
        "facts": _facts(run, say),
        "meta": in_both(_meta, run),
        "unfinished": _unfinished(run, say),
        "findings": in_both(findings, run, tables),
        "label_charts": [figure for _, figure in by_kind["label_survival"]],
        "label_tables": page_tables.label_tables(tables, say),
        "read_on_human": int(tables["label_false_positives"]["n"].sum()),
        "watermark_lead": say("marks_lead", nominal=whole(FPR_NOMINAL)),
        "watermark_charts": [figure for _, figure in by_kind["watermark_survival"]],
        "watermark_table": page_tables.watermark_table(tables["watermark_survival"], stars, say),
        "comparison_charts": [figure for kind in COMPARISONS for _, figure in by_kind[kind]],
        "comparison_tables": [*comparison_tables(tables, stars, say), *([quality] if quality.rows else [])],
        "detectors": _detector_parts(run, tables, by_kind, behind, say),
        "gallery": in_both(gallery_section, run),
        "policy_parts": page_policy.policy_parts(tables, by_kind["policy"], stars, say),
        "threshold_table": page_tables.threshold_table(tables["thresholds"], say),
        "coverage_table": page_tables.coverage_table(tables["coverage"], say),
        "failure_table": page_tables.failure_table(tables["failures"], say),
        "attack_table": page_tables.attack_table(attacks, say),
        "method": [
            say("method_channels", real=real, total=len(attacks), simulated=len(attacks) - real),
            say("method_intervals", n=MIN_N),
            say("method_aligned"),
            say("method_unmeasured"),
        ],
    }


def write_report(
    run: Run, tables: Mapping[str, pd.DataFrame], path: Path, charts: Sequence[Rendered] | None = None
) -> Path:
    """Write the page; charts are drawn where they are not given."""
    if charts is None:
        charts = [*rendered(run, tables, formats=[], page=True)]
    write_whole(path, build(run, tables, charts))
    return path


def _facts(run: Run, say: Say) -> list[tuple[str, str]]:
    """The few numbers at the top of the page."""
    test = run.views[run.views["split"].eq("test")]
    watermarks = len(watermark_names(run))
    numbers = [
        ("fact_samples", test["sample"].nunique()),
        ("fact_attacks", len(run.header.get("attacks", []))),
        ("fact_labels", len(run.header.get("labels", [])) - watermarks),
        *([("fact_watermarks", watermarks)] if watermarks else []),
        ("fact_detectors", len(run.header.get("detectors", []))),
        ("fact_views", len(run.views)),
    ]
    return [(say(key), f"{number:,}".replace(",", "\u2009")) for key, number in numbers]


def _meta(run: Run, say: Say) -> list[tuple[str, str]]:
    header: dict[str, Any] = run.header
    suite, dataset, git = header.get("suite", {}), header.get("dataset", {}), header.get("git") or {}
    splits = [
        f"{split}: " + ", ".join(f"{n} {say(f'truth_{truth}')}" for truth, n in counts.items())
        for split, counts in dataset.get("splits", {}).items()
    ]
    commit = str(git.get("commit") or "")[:12]
    if commit and git.get("dirty"):
        commit += f", {say('meta_dirty')}"
    named = (
        ("meta_suite", ": ".join(filter(None, (suite.get("name"), suite.get("description"))))),
        ("meta_dataset", " ".join(str(dataset.get(key) or "") for key in ("title", "revision")).strip()),
        ("meta_samples", "; ".join(splits)),
        ("meta_seed", header.get("seed")),
        ("meta_version", header.get("washtest")),
        ("meta_commit", commit),
        ("meta_started", header.get("started")),
        ("meta_finished", header.get("finished") or say("not_finished")),
        ("meta_command", header.get("command")),
        ("meta_machine", ", ".join(f"{key} {value}" for key, value in (header.get("machine") or {}).items())),
        ("meta_versions", ", ".join(f"{key} {value}" for key, value in (header.get("versions") or {}).items())),
    )
    return [(say(key), str(value)) for key, value in named if value not in (None, "")]


def _unfinished(run: Run, say: Say) -> str:
    if run.header.get("finished"):
        return ""
    planned = sum(row["n"] for row in run.header.get("planned", []) if row["kind"] == "view")
    return say("unfinished", done=int(run.views["split"].eq("test").sum()), planned=planned)


def _detector_parts(
    run: Run,
    tables: Mapping[str, pd.DataFrame],
    charts: dict[str, list[tuple[str, Figure]]],
    behind: Behind,
    say: Say,
) -> list[DetectorPart]:
    described = {d["name"]: d for d in run.header.get("detectors", [])}
    errors, parts = by_value(tables["detector_errors"], "detector"), []
    doubted = no_better_than_headers(run, tables["detector_errors"])
    for name in detector_names(run):
        info = described.get(name, {})
        facts = [say(f"reads_{info['reads']}")] if info.get("reads") in ("pixels", "file", "both") else []
        facts += [say("version", version=info["version"])] if info.get("version") else []
        for regime, n in (info.get("trained") or {}).items():
            facts.append(say("trained", regime=regime, n_human=n["n_human"], n_ai=n["n_ai"]))
        if info.get("status") == "unavailable":
            why = " ".join(str(info[key]) for key in ("code", "detail") if info.get(key))
            facts.append(say("unavailable_detector", why=why))
        choice, shown = main_threshold(tables["thresholds"], name), []
        if name in errors:
            shown = page_tables.detector_tables(errors[name], name, choice, doubted, run, say)
        edited = edited_table(tables["edited_by_area"], name, choice, behind.simulated, say)
        shown += [edited] if edited.rows else []
        drawings = [figure for kind in ABOUT_ONE for subject, figure in charts[kind] if subject == name]
        parts.append(DetectorPart(name, facts, drawings, [*shown, *behind.made(name, say)]))
    return parts
