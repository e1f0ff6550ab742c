"""Synthetic runs: real Parquet shards and a real header, made from a few functions that say what was measured."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import binom

from bench import records

ATTACKS = (
    ("Identity()", "identity", 0.0, "none", "real:no operation"),
    ("Jpeg(quality=90)", "jpeg", 10.0, "100 - quality", "real:OpenCV"),
    ("Jpeg(quality=50)", "jpeg", 50.0, "100 - quality", "real:OpenCV"),
    ("Screenshot()", "screenshot", 1.0, "share of pixels resampled", "simulated:Chromium software raster"),
)

#: Length of a made-up watermark's message.
BITS = 32

KINDS = {"string": pa.string(), "float64": pa.float64(), "int64": pa.int64(), "int32": pa.int32(), "bool": pa.bool_()}


@dataclass(frozen=True)
class Sample:
    id: str
    truth: str
    source: str = "camera"
    split: str = "test"
    mime: str = "image/jpeg"
    edited_area: float | None = None


@dataclass
class Spec:
    """What a synthetic run holds. ``score`` and ``read`` say what was measured where."""

    samples: Sequence[Sample]
    attacks: Sequence[tuple[str, str, float, str, str]] = ATTACKS
    detectors: Sequence[dict[str, Any]] = ()
    labels: Sequence[tuple[str, str]] = ()  # of the bundle "metadata"
    regimes: Sequence[str] = ("native",)
    alphas: Sequence[float] = (0.05, 0.01)
    # (detector, sample, attack, regime) -> a score, or a status other than ok
    score: Callable[[str, Sample, str, str], float | str] = lambda *_: 0.0
    # (label, sample, attack) -> state
    read: Callable[[str, Sample, str], str] = lambda *_: "absent"
    # (sample, attack) -> status of the view
    view: Callable[[Sample, str], str] = lambda *_: "ok"
    # (sample, attack) -> PSNR and SSIM of the attacked file, None where the size changes
    quality: Callable[[Sample, str], tuple[float, float] | None] = lambda *_: None
    shards: int = 2
    header: dict[str, Any] = field(default_factory=dict)
    bundles: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)  # those after "metadata"
    kinds: Mapping[str, str] = field(default_factory=dict)  # label -> watermark or visible
    # (watermark, sample, attack) -> how many of its BITS agree, or a state that says why there are none
    bits: Callable[[str, Sample, str], int | str] = lambda *_: BITS // 2

    def all_bundles(self) -> dict[str, Sequence[tuple[str, str]]]:
        return {"metadata": self.labels} | dict(self.bundles)

    def all_labels(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys(label for labels in self.all_bundles().values() for label in labels))


def chance(*parts: object) -> np.random.Generator:
    """A generator that depends on nothing but these parts."""
    return np.random.default_rng(zlib.crc32(repr(parts).encode()))


def people(n_human: int, n_ai: int, *, calibration: int = 0, edited: int = 0, **more: Any) -> list[Sample]:
    """So many samples of each truth in the test split, and so many human ones in the calibration split."""
    out = [Sample(f"h{i:04}", "human", **({"source": "camera"} | more)) for i in range(n_human)]
    out += [Sample(f"a{i:04}", "ai", **({"source": "generator"} | more)) for i in range(n_ai)]
    out += [Sample(f"e{i:04}", "ai_edited", edited_area=0.2, **({"source": "edits"} | more)) for i in range(edited)]
    out += [
        Sample(f"c{i:04}", "human", **({"source": "camera"} | more | {"split": "calibration"}))
        for i in range(calibration)
    ]
    return out


def detector(name: str, **more: Any) -> dict[str, Any]:
    """A detector's entry in the header."""
    entry = {"name": name, "version": "1", "reads": "pixels", "default_threshold": None, "probability": False}
    return entry | {"status": "ok", "code": "", "detail": "", "trained": None} | more


def planned_views(spec: Spec) -> Iterator[tuple[Sample, str, str, tuple[str, str, float, str, str], bool]]:
    """``(sample, bundle, regime, attack, scored)`` of every view, as the harness plans them."""
    for sample in spec.samples:
        bundles = ["none"] if sample.truth == "human" else list(spec.all_bundles())
        bundles, attacks = (bundles, spec.attacks) if sample.split == "test" else (bundles[:1], spec.attacks[:1])
        for place, bundle in enumerate(bundles):
            for regime in spec.regimes if place == 0 else spec.regimes[:1]:
                for attack in attacks:
                    yield sample, bundle, regime, attack, place == 0


def read_in(spec: Spec, bundle: str) -> Sequence[tuple[str, str]]:
    """What is looked for in a bundle's views: its labels, or all of them in files that were given none."""
    return spec.all_labels() if bundle == "none" else spec.all_bundles()[bundle]


def reading_of(spec: Spec, label: str, sample: Sample, attack: str) -> dict[str, Any]:
    if spec.kinds.get(label) != "watermark":
        return {"state": spec.read(label, sample, attack)}
    kept = spec.bits(label, sample, attack)
    if isinstance(kept, str):
        return {"state": kept}
    p_value = float(binom.sf(kept - 1, BITS, 0.5))
    state = "intact" if kept == BITS else "altered" if p_value < 1e-3 else "absent"
    return {"state": state, "bit_accuracy": kept / BITS, "p_value": p_value, "fields_kept": kept}


def rows_of(spec: Spec) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    views, readings, scores = [], [], []
    for sample, bundle, regime, (name, family, severity, _, channel), scored in planned_views(spec):
        key = records.view_key(sample.id, regime, bundle, name)
        status = spec.view(sample, name)
        why = {} if status == "ok" else {"code": "E_MADE_UP", "detail": f"{name} failed"}
        about = {"key": key, "sample": sample.id, "truth": sample.truth, "source": sample.source}
        about |= {"family": sample.id, "split": sample.split, "edited_area": sample.edited_area}
        about |= {"regime": regime, "bundle": bundle, "attack": name, "attack_family": family}
        about |= {"severity": severity, "channel": channel, "source_mime": sample.mime, "mime": sample.mime}
        about |= dict(zip(("psnr", "ssim"), spec.quality(sample, name) or (), strict=False))
        views.append(about | {"generator": "", "group": "", "status": status} | why)
        for label, position in read_in(spec, bundle):
            row = reading_of(spec, label, sample, name) if status == "ok" else {"state": status}
            row |= {"key": key, "label": label, "position": position, "written": bundle != "none"}
            row |= {"declares_ai": row["state"] in ("intact", "altered", "present")}
            readings.append(row | ({"code": "E_READ", "detail": "unreadable"} if row["state"] == "error" else {}) | why)
        for one in spec.detectors if scored else ():
            value = spec.score(one["name"], sample, name, regime) if status == "ok" else status
            row = {"key": key, "detector": one["name"]}
            if isinstance(value, str):
                row |= {"status": value, "code": "E_SCORE", "detail": "no verdict"} | why
            else:
                row |= {"status": "ok", "value": float(value)}
            scores.append(row)
    return views, readings, scores


def header_of(spec: Spec) -> dict[str, Any]:
    planned: Counter[tuple[str, str, str, str]] = Counter()
    for sample, bundle, regime, attack, scored in planned_views(spec):
        subjects = [("view", "view"), *(("label", f"{a}:{b}") for a, b in read_in(spec, bundle))]
        subjects += [("detector", d["name"]) for d in spec.detectors if scored]
        planned.update((*subject, attack[0], regime) for subject in subjects if sample.split == "test")
    counts: dict[str, Any] = {"truth": {}, "splits": {}}
    for sample in spec.samples:
        counts["truth"][sample.truth] = counts["truth"].get(sample.truth, 0) + 1
        split = counts["splits"].setdefault(sample.split, {})
        split[sample.truth] = split.get(sample.truth, 0) + 1
    return {
        "schema_version": records.SCHEMA_VERSION,
        "washtest": "0.1.0",
        "suite": {"name": "made-up", "description": "A synthetic run."},
        "dataset": {"name": "made-up", "title": "Made-up samples", "revision": "1", "counts": counts["truth"],
                    "splits": counts["splits"], "sources": {}},
        "seed": 0,
        "regimes": list(spec.regimes),
        "bundles": [*spec.all_bundles(), "none"],
        "alphas": list(spec.alphas),
        "attacks": [
            {"name": n, "family": f, "severity": s, "axis": x, "channel": c} for n, f, s, x, c in spec.attacks
        ],
        "labels": [
            {"name": name, "position": position, "kind": spec.kinds.get(name, "metadata")}
            for name, position in spec.all_labels()
        ],
        "detectors": list(spec.detectors),
        "planned": [
            {"kind": kind, "subject": subject, "attack": attack, "regime": regime, "n": n}
            for (kind, subject, attack, regime), n in planned.items()
        ],
        "versions": {"python": "3.11.0", "numpy": "2.0.0"},
        "git": {"commit": "0" * 40, "dirty": False},
        "command": "washtest run made-up",
        "machine": {"system": "Linux", "cores": 2},
        "started": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T00:01:00Z",
        "counts": {"views": 0},
        "warnings": [],
    } | spec.header  # fmt: skip


def write(folder: Path, spec: Spec) -> Path:
    """The run folder of a spec, as the harness would leave it."""
    views, readings, scores = rows_of(spec)
    shard = {view["key"]: i % spec.shards for i, view in enumerate(views)}
    for table, rows in (("readings", readings), ("scores", scores), ("views", views)):
        target = folder / "records" / table
        target.mkdir(parents=True, exist_ok=True)
        schema = pa.schema([(name, KINDS[kind]) for name, kind in records.TABLES[table].items()])
        for number in range(spec.shards if views else 0):
            mine = [row for row in rows if shard[row["key"]] == number]
            pq.write_table(pa.Table.from_pylist(mine, schema=schema), target / f"{number:04}.parquet")
    (folder / "run.json").write_text(json.dumps(header_of(spec)))
    return folder
