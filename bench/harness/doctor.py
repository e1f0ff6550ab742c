"""What this machine has: packages, codecs that really work, programs for tests and re-export, and neural weights."""

from __future__ import annotations

import platform
import subprocess
from typing import Any

from attacks.reexport_tools import REEXPORTS
from bench.errors import Unavailable
from bench.harness.plan import PACKAGES
from bench.tools import opencv_version, package_version, program
from bench.weights import WEIGHTS, Weights, path

#: Programs that check our labels and pages with another hand; the tests that use them skip when they are missing.
PROGRAMS = {
    "exiftool": (("exiftool",), "-ver", "apt install libimage-exiftool-perl"),
    "exiv2": (("exiv2",), "--version", "apt install exiv2"),
    "djxl": (("djxl",), "--version", "apt install libjxl-tools"),
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "--version", "apt install chromium"),
}
#: Packages that some attacks need, with what they do and the command that gets them.
OPTIONAL = {
    "onnxruntime": ("neural watermarks, attacks and detectors", "pip install onnxruntime"),
    "onnx": ("weights published for torch", "pip install 'washtest[neural]'"),
    "imagecodecs": ("JPEG XL written and read", "pip install 'washtest[jxl]'"),
    "brotli": ("squeezed metadata of JPEG XL", "pip install 'washtest[jxl]'"),
    "pillow-heif": ("HEIC written", "pip install pillow-heif"),
    "playwright": ("attack BrowserScreenshot", "pip install 'washtest[browser]'"),
    "pyjpegli": ("JPEG by jpegli", "pip install 'washtest[jpegli]'"),
}
CODECS = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp"}


def examine() -> list[dict[str, Any]]:
    """One row for each thing: ``kind, name, available, version, needed, install``."""
    rows = [_row("python", "python", True, platform.python_version(), "always", "")]
    for name in ("opencv-python-headless", *PACKAGES):
        version = opencv_version() if name.startswith("opencv") else package_version(name)
        rows.append(_row("package", name, version is not None, version or "", "always", f"pip install {name}"))
    for name, (what, install) in OPTIONAL.items():
        version = package_version(name)
        rows.append(_row("package", name, version is not None, version or "", what, install))
    for name, extension in CODECS.items():
        rows.append(
            _row(
                "codec", name, _round_trip(extension), opencv_version(), "always", "pip install opencv-python-headless"
            )
        )
    for name, (names, flag, install) in PROGRAMS.items():
        path = program(*names)
        rows.append(_row("program", name, path is not None, _version(path, flag) if path else "", "tests", install))
    for tool in dict.fromkeys(attack.tool for attack in REEXPORTS):
        attack = next(known for known in REEXPORTS if known.tool == tool)
        missing = attack.missing()
        version = "" if missing else " ".join(attack.versions().values())
        row = _row("re-export", tool, not missing, version, repr(attack), "")
        rows.append(row | {"install": missing})
    return rows + [_weights_row(weights) for weights in WEIGHTS]


def _weights_row(weights: Weights) -> dict[str, Any]:
    """Whether all files are here and have the pinned SHA-256 (they are read for it)."""
    install = f"washtest weights fetch {weights.name}"
    try:
        for file in weights.files:
            path(weights.name, file.name)
    except Unavailable as why:
        altered = why.code == "E_WEIGHTS_DIGEST"  # the file has to go before the right one can be found
        return _row("weights", weights.name, False, "", weights.source, why.detail if altered else install)
    return _row("weights", weights.name, True, f"sha256 {weights.files[0].sha256[:16]}", weights.source, "")


def _row(kind: str, name: str, available: bool, version: str, needed: str, install: str) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": kind, "name": name, "available": available, "version": version, "needed": needed}
    return row | {"install": "" if available else install}


def _round_trip(extension: str) -> bool:
    import cv2
    import numpy as np

    grey = np.full((16, 16, 3), 128, np.uint8)
    try:
        done, data = cv2.imencode(extension, grey)
        back = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        return False
    return bool(done) and back is not None and int(np.abs(back.astype(int) - 128).max()) < 8


def _version(path: str, flag: str) -> str:
    try:
        answer = subprocess.run([path, flag], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "does not answer"
    return (answer.stdout.strip().splitlines() or [""])[0]
