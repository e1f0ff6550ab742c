"""Whether a detector does better than one that sees no pixels."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.analysis.frames import POOLED, as_rows, clean_attacks
from bench.analysis.tables.detection import BASELINE
from bench.records import Run

#: A detector that is this close to the baseline without pixels, or below it, may read formats.
BIAS_MARGIN = 0.05


def no_better_than_headers(run: Run, errors: pd.DataFrame) -> list[dict[str, Any]]:
    """The unattacked rows of ``detector_errors`` where the header baseline separates about as well as the detector.

    One row per detector and regime, detectors that read files but no pixels left out.
    """
    reads = {d["name"]: d.get("reads", "") for d in run.header.get("detectors", [])}
    rows = errors[errors["source"].eq(POOLED) & errors["attack"].isin(clean_attacks(run))]
    rows = rows.drop_duplicates(["detector", "regime"])
    rows = rows[rows["header_auc"] >= rows["auc"] - BIAS_MARGIN]
    return [row for row in as_rows(rows) if row["detector"] != BASELINE and reads.get(row["detector"]) != "file"]


def lacks_baseline(run: Run) -> bool:
    """Whether a detector that sees pixels was run without the header baseline beside it."""
    detectors = run.header.get("detectors", [])
    return all(d["name"] != BASELINE for d in detectors) and any(d.get("reads") != "file" for d in detectors)
