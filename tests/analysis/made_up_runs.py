"""Synthetic runs: real Parquet shards and a real header, made from a few functions that say what was measured."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import records

ATTACKS = (
    ("Identity()", "identity", 0.0, "none", "real:no operation"),
    ("Jpeg(quality=90)", "jpeg", 10.0, "100 - quality", "real:OpenCV"),
    ("Jpeg(quality=50)", "jpeg", 50.0, "100 - quality", "real:OpenCV"),
    ("Screenshot()", "screenshot", 1.0, "share of pixels resampled", "simulated:Chromium software raster"),
)

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
    labels: Sequence[tuple[str, str]] = ()
    regimes: Sequence[str] = ("native",)
    alphas: Sequence[float] = (0.05, 0.01)
    # (detector, sample, attack, regime) -> a score, or a status other than ok
    score: Callable[[str, Sample, str, str], float | str] = lambda *_: 0.0
    # (label, sample, attack) -> state
    read: Callable[[str, Sample, str], str] = lambda *_: "absent"
    # (sample, attack) -> status of the view
    view: Callable[[Sample, str], str] = lambda *_: "ok"
    shards: int = 3
    header: dict[str, Any] = field(default_factory=dict)


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


def rows_of(spec: Spec) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    views, readings, scores = [], [], []
    for sample in spec.samples:
        attacks = spec.attacks if sample.split == "test" else spec.attacks[:1]
        bundle = "none" if sample.truth == "human" else "metadata"
        for regime in spec.regimes:
            for name, family, severity, _, channel in attacks:
                key = records.view_key(sample.id, regime, bundle, name)
                status = spec.view(sample, name)
                why = {} if status == "ok" else {"code": "E_MADE_UP", "detail": f"{name} failed"}
                about = {"key": key, "sample": sample.id, "truth": sample.truth, "source": sample.source}
                about |= {"family": sample.id, "split": sample.split, "edited_area": sample.edited_area}
                about |= {"regime": regime, "bundle": bundle, "attack": name, "attack_family": family}
                about |= {"severity": severity, "channel": channel, "source_mime": sample.mime, "mime": sample.mime}
                views.append(about | {"generator": "", "group": "", "status": status} | why)
                for label, position in spec.labels:
                    state = spec.read(label, sample, name) if status == "ok" else status
                    row = {"key": key, "label": label, "position": position, "state": state}
                    row |= {"written": bundle != "none", "declares_ai": state in ("intact", "altered", "present")}
                    readings.append(
                        row | ({"code": "E_READ", "detail": "unreadable"} if state == "error" else {}) | why
                    )
                for one in spec.detectors:
                    value = spec.score(one["name"], sample, name, regime) if status == "ok" else status
                    row = {"key": key, "detector": one["name"]}
                    if isinstance(value, str):
                        row |= {"status": value, "code": "E_SCORE", "detail": "no verdict"} | why
                    else:
                        row |= {"status": "ok", "value": float(value)}
                    scores.append(row)
    return views, readings, scores


def header_of(spec: Spec) -> dict[str, Any]:
    test = [s for s in spec.samples if s.split == "test"]
    subjects = [("view", "view"), *(("label", f"{a}:{b}") for a, b in spec.labels)]
    subjects += [("detector", d["name"]) for d in spec.detectors]
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
        "bundles": ["metadata", "none"],
        "alphas": list(spec.alphas),
        "attacks": [
            {"name": n, "family": f, "severity": s, "axis": x, "channel": c} for n, f, s, x, c in spec.attacks
        ],
        "labels": [{"name": name, "position": position} for name, position in spec.labels],
        "detectors": list(spec.detectors),
        "planned": [
            {"kind": kind, "subject": subject, "attack": attack[0], "regime": regime, "n": len(test)}
            for kind, subject in subjects
            for attack in spec.attacks
            for regime in spec.regimes
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


#: Labels as real files carry them, and what the washing leaves of each, roughly.
REALISTIC_LABELS = (("gb45438", "xmp"), ("iptc", "xmp"), ("c2pa", "jumbf"))
CHANNELS = {
    "png": ("none", "real:OpenCV 5.0.0 PNG encoder"),
    "jpeg": ("100 - quality", "real:OpenCV 5.0.0, libjpeg-turbo"),
    "webp": ("100 - quality", "real:OpenCV 5.0.0, libwebp"),
    "reexport": ("kinds of metadata dropped", "real:Pillow 13.0.0"),
    "resize": ("|log2 of the scale|", "real:OpenCV 5.0.0 resize"),
    "blur": ("Gaussian sigma, pixels", "real:OpenCV GaussianBlur"),
    "noise": ("Gaussian sigma, black 0 to white 1", "simulated:sensor noise"),
    "screenshot": ("0 cropped, 1 whole screen", "simulated:Chromium software raster"),
    "resynthesise": ("noise sigma", "simulated:regeneration without a neural model"),
    "chain": ("steps", "simulated:Chromium software raster + OpenCV"),
}
REALISTIC_ATTACKS = (
    ATTACKS[0],
    *(
        (name, family, severity, *CHANNELS[family])
        for name, family, severity in (
            ("Png()", "png", 0.0),
            *((f"Jpeg(quality={q})", "jpeg", 100.0 - q) for q in (95, 75, 50, 30)),
            *((f"WebP(quality={q})", "webp", 100.0 - q) for q in (90, 50)),
            ("PillowSave(keep='xmp')", "reexport", 1.0),
            ("OpenCVSave()", "reexport", 2.0),
            ("Resize(scale=0.5)", "resize", 1.0),
            ("Resize(scale=0.25)", "resize", 2.0),
            *((f"Blur(sigma={s})", "blur", s) for s in (0.5, 1.0, 2.0)),
            *((f"Noise(sigma={s})", "noise", s) for s in (0.02, 0.05, 0.1)),
            ("Screenshot(width=412, dpr=2)", "screenshot", 0.0),
            ("Resynthesise(sigma=0.04)", "resynthesise", 0.04),
            ("Chain(attacks=(Screenshot(width=412, dpr=2), Jpeg(quality=75)))", "chain", 2.0),
        )
    ),
)


def realistic(
    n: int = 60,
    detectors: Sequence[str] = ("declared", "header", "spectrum", "backbone"),
    regimes: Sequence[str] = ("native", "canonical"),
) -> Spec:
    """A run that looks like the real ones: three carriers, four detectors, labels that some savers keep."""
    mimes, cameras, makers = ("image/jpeg", "image/png", "image/webp"), ("phone", "museum", "news"), ("sd15", "flux")
    samples = [Sample(f"h{i:04}", "human", cameras[i % 3], "test", mimes[i % 3]) for i in range(n)]
    samples += [Sample(f"a{i:04}", "ai", makers[i % 2], "test", mimes[i % 3]) for i in range(n)]
    samples += [Sample(f"e{i:04}", "ai_edited", "inpaint", "test", mimes[i % 3], 0.1) for i in range(n // 3)]
    samples += [Sample(f"c{i:04}", "human", cameras[i % 3], "calibration", mimes[i % 3]) for i in range(n)]
    damage = {a[0]: a[2] / {"jpeg": 40, "webp": 40, "blur": 1, "noise": 0.05}.get(a[1], 2) for a in REALISTIC_ATTACKS}

    def score(name: str, sample: Sample, attack: str, regime: str) -> float | str:
        rng = chance(name, sample.id, attack, regime)
        if name == "declared":
            return float(sample.truth != "human" and ("Identity" in attack or "keep" in attack))
        if name == "header":
            return float(rng.normal(1.5 * (sample.truth == "ai") if regime == "native" else 0))
        if name == "spectrum":
            if rng.random() < 0.01:
                return "error"
            gap = 2.4 - 0.9 * damage[attack]
            return float(rng.normal(gap * (sample.truth == "ai") + 0.3 * damage[attack]))
        return "unavailable" if attack == "Png()" else float(rng.normal(1.0 * (sample.truth == "ai")))

    def read(label: str, sample: Sample, attack: str) -> str:
        if sample.truth == "human":
            return "absent"
        if label == "c2pa" and sample.mime == "image/webp":
            return "not_applicable"
        if "Identity" in attack:
            return "intact"
        if "keep" in attack:
            return {"gb45438": "altered" if chance(sample.id).random() < 0.4 else "intact", "iptc": "intact"}.get(
                label, "broken"
            )
        return "error" if chance(label, sample.id, attack).random() < 0.01 else "absent"

    entries = [detector(name, default_threshold=0.5 if name != "backbone" else None) for name in detectors]
    return Spec(samples, REALISTIC_ATTACKS, entries, REALISTIC_LABELS, regimes, (0.05, 0.01), score, read)
