"""The header of a run, ``run.json``: what was asked for, on what, with which versions and detectors."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import __version__
from bench.harness.models import Pretrained
from bench.harness.places import without_secrets
from bench.harness.plan import Plan, planned_cells
from bench.harness.training import Fitted, model_path
from bench.labels.base import label_kind
from bench.records import SCHEMA_VERSION, SPLITS, TRUTHS


def header_of(plan: Plan, command: str) -> dict[str, Any]:
    """The header of a run that starts now; ``command`` as typed."""
    suite, dataset, shard = plan.suite, plan.dataset, plan.shard
    chosen = {split: dict.fromkeys(TRUTHS, 0) for split in SPLITS}
    sources: dict[str, dict[str, int]] = {}
    for sample in plan.samples:
        chosen[sample.split][sample.truth] += 1
        by_truth = sources.setdefault(sample.source, {})
        by_truth[sample.truth] = by_truth.get(sample.truth, 0) + 1
    started = now()
    return {
        "schema_version": SCHEMA_VERSION,
        "washtest": __version__,
        "run": f"{suite.name}-{dataset.name}-{started}",
        "command": command,
        "suite": {"name": suite.name, "description": suite.description},
        "dataset": {
            "name": dataset.name,
            "title": dataset.title,
            "revision": dataset.revision,
            "counts": {t: sum(chosen[split][t] for split in SPLITS) for t in TRUTHS},
            "splits": chosen,
            "sources": dict(sorted(sources.items())),
            "own_splits": dataset.own_splits,
        },
        "seed": suite.seed,
        "regimes": list(suite.regimes),
        "bundles": [*(bundle.name for bundle in suite.bundles), "none"],
        "alphas": list(suite.alphas),
        "attacks": [
            {"name": repr(a), "family": a.family, "severity": a.severity, "axis": a.axis, "channel": a.channel}
            | ({"control": repr(control)} if (control := getattr(a, "control", None)) else {})
            for a in suite.attacks
        ],
        "labels": [
            {"name": label.name, "position": label.position, "kind": label_kind(label)} for label in suite.labels
        ],
        "detectors": [],
        "planned": plan.planned(),
        # Any one shard tells what all of them together should have: whoever merges them may lack some.
        "shard": shard and {"index": shard.index, "of": shard.of, "planned": planned_cells(suite, plan.samples)},
        "settings": plan.settings(),
        "versions": {"python": platform.python_version()} | plan.versions,
        "git": _git(),
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "started": started,
        "finished": None,
        "counts": {},
        "warnings": [],
    }


def describe_detectors(header: dict[str, Any], plan: Plan, fitted: dict[str, Fitted], folder: Path) -> None:
    """Put each detector into the header, how it was fitted, and why one cannot run."""
    problems = list(dict.fromkeys(line for found in fitted.values() for line in found.problems))
    absent = {d.info.name: missing for d in plan.suite.detectors if (missing := getattr(d, "missing", str)())}
    header["warnings"] = problems + [f"{name} cannot run here; {missing}" for name, missing in absent.items()]
    header["detectors"] = []
    for detector in plan.suite.detectors:
        info = detector.info
        trained = {r: found.trained[info.name] for r, found in fitted.items() if info.name in found.trained}
        problem = next((line for line in header["warnings"] if line.startswith(f"{info.name} ")), "")
        header["detectors"].append(
            {
                "name": info.name,
                "repr": repr(detector),
                "version": info.version,
                "reads": info.reads,
                "licence": info.licence,
                "weights_sha256": info.weights_sha256,
                "default_threshold": info.default_threshold,
                "probability": info.probability,
                "status": "unavailable" if problem else "ok",
                "code": "E_MISSING" if info.name in absent else "E_UNTRAINED" if problem else "",
                "detail": problem,
                "trained": trained or None,
                "model": dict(detector.facts) if isinstance(detector, Pretrained) else None,
                # Runs may be merged only where they scored with the very same model.
                "models": {
                    r: hashlib.sha256(path.read_bytes()).hexdigest()
                    for r in fitted
                    if (path := model_path(folder, r, info.name)).is_file()
                },
            }
        )


def now() -> str:
    """The time, UTC, as ISO 8601 to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _git() -> dict[str, Any]:
    """The commit of the checkout this package runs from; empty outside one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return {"commit": "", "dirty": None}
    command = ["git", "-C", str(root)]
    try:
        commit = subprocess.run([*command, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        status = subprocess.run([*command, "status", "--porcelain"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return {"commit": "", "dirty": None}
    return {"commit": commit.stdout.strip(), "dirty": bool(status.stdout.strip())}


def command_line() -> str:
    """The command as typed, with the program's bare name, so that no path of this machine is published."""
    words = [without_secrets(argument) for argument in sys.argv[1:]]
    return " ".join(["washtest", *(word if " " not in word else repr(word) for word in words)])
