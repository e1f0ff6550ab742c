"""Synthetic runs that look like the real ones: carriers, detectors, savers that keep labels, bundles, watermarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from made_up_runs import ATTACKS, BITS, Sample, Spec, chance, detector

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


#: Bundles after ``metadata``: one position alone, a provider's profile, a visible mark, and watermarks.
REALISTIC_BUNDLES = {
    "gb45438-exif": (("gb45438", "exif"),),
    "doubao-like": (("gb45438", "xmp"), ("iptc", "xmp"), ("dwtDct", "pixels")),
    "visible": (("visible", "corner"),),
    "dwtDct": (("dwtDct", "pixels"),),
    "dwtDctSvd": (("dwtDctSvd", "pixels"),),
    "RivaGAN": (("RivaGAN", "pixels"),),
}
REALISTIC_KINDS = {"visible": "visible"} | dict.fromkeys(("dwtDct", "dwtDctSvd", "RivaGAN"), "watermark")


def realistic_marked(n: int = 60, **more: Any) -> Spec:
    """The same, with bundles: half of the attacks bring dwtDct to chance, and its null is no fair coin."""
    spec = realistic(n, **more)

    def bits(label: str, sample: Sample, attack: str) -> int | str:
        rng = chance(label, sample.id, attack)
        if sample.truth == "human":
            # Nearly constant bits against a random message: its number of ones decides.
            spread = 2 if label == "dwtDct" and "Noise" in attack else 1
            return int(np.clip(BITS / 2 + spread * (rng.binomial(BITS, 0.5) - BITS / 2), 0, BITS))
        if label == "RivaGAN" and "Noise" in attack:
            return "unavailable"
        if rng.random() < 0.01:
            return "error"
        strength = {"dwtDct": 0.9, "dwtDctSvd": 1.0, "RivaGAN": 0.98}[label]
        lost = {"Identity": 0, "Png": 0, "keep": 0.1, "Jpeg(quality=95)": 0.2, "Noise(sigma=0.1)": 1.25}
        loss = next((value for key, value in lost.items() if key in attack), 1 if label == "dwtDct" else 0.3)
        if "Screenshot" in attack:
            loss = 1
        return int(rng.binomial(BITS, strength - (strength - 0.5) * loss))

    def read(label: str, sample: Sample, attack: str) -> str:
        if label == "visible" and sample.truth != "human":
            return "intact" if chance(sample.id, attack).random() < 0.8 else "absent"
        return spec.read(label, sample, attack)

    return replace(spec, bundles=REALISTIC_BUNDLES, kinds=REALISTIC_KINDS, bits=bits, read=read)
