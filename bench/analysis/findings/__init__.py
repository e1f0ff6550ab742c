"""What the numbers say, in plain words: ranked sentences, each with its n and its interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from bench.analysis.findings.comparison import rank_findings, subgroup_findings
from bench.analysis.findings.detectors import detector_findings, threshold_findings
from bench.analysis.findings.labels import label_findings
from bench.analysis.findings.policy import policy_findings
from bench.analysis.findings.watermarks import watermark_findings
from bench.analysis.repeats import unrepeatable
from bench.analysis.text.wording import Finding, Say
from bench.records import Run


def findings(run: Run, tables: Mapping[str, pd.DataFrame], say: Say) -> list[Finding]:
    """Everything worth a sentence, cautions first.

    Then labels, watermarks, detectors (who misses fewest on average, then most misses first), what a platform would
    show, gaps.
    """
    found = [
        *label_findings(run, tables["label_survival"], tables["label_false_positives"], say),
        *watermark_findings(run, tables["watermark_survival"], say),
        *rank_findings(run, tables["robustness"], say),
        *subgroup_findings(run, tables["subgroup_fpr"], say),
        *detector_findings(run, tables["thresholds"], tables["detector_errors"], say),
        *policy_findings(run, tables["thresholds"], tables["policy"], say),
        *(Finding("warning", text, "detectors") for text in unrepeatable(run.folder, say)),
        *threshold_findings(tables["thresholds"], say),
        *_gaps(tables["coverage"], say),
    ]
    order = ("warning", "label", "watermark", "detector", "policy", "gap")
    return sorted(found, key=lambda finding: order.index(finding.kind))


def _gaps(coverage: pd.DataFrame, say: Say) -> Iterator[Finding]:
    counted = coverage[["done", "error", "unavailable", "not_applicable", "abstain"]].sum(axis=1)
    missing = int((coverage["planned"] - counted).clip(lower=0).sum())
    text = ""
    if missing:
        text = say("missing_cells", missing=missing, planned=int(coverage["planned"].sum()))
    if failed := int(coverage["error"].sum()):
        text += say("sentence_joint") * bool(text) + say("failed_cells", k=failed)
    if text:
        yield Finding("gap", text, "coverage")
    for subject, rows in coverage.groupby("subject", sort=False):
        if k := int(rows["unavailable"].sum()):
            text = say("unavailable_cells", subject=subject, k=k, n=int(rows["planned"].sum()))
            yield Finding("gap", text, "coverage")
