"""What is installed on this machine: packages with their versions, external programs.

Versions go into every attack's ``channel`` and every run's header, and ``washtest list`` must answer in a few
interpreter start-ups: so package versions are taken from the names of their ``.dist-info`` folders, which costs one
directory listing, where ``importlib.metadata`` costs more than the rest of the command.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
from pathlib import Path


@functools.cache
def _installed() -> dict[str, tuple[str, str]]:
    """Normalised distribution name -> (version, path of its dist-info folder); the first on ``sys.path`` wins."""
    found: dict[str, tuple[str, str]] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208  (pathlib is slower here, and this is the start-up path)
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info") and "-" in name:
                package, _, version = name.removesuffix(".dist-info").rpartition("-")
                found.setdefault(_normal(package), (version, f"{folder or '.'}/{name}"))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def package_version(*names: str) -> str | None:
    """The version of the first of these distributions that is installed, or None."""
    installed = _installed()
    return next((installed[_normal(n)][0] for n in names if _normal(n) in installed), None)


def distribution_folder(name: str) -> Path | None:
    """The folder that an installed distribution's files lie in (``site-packages``), or None."""
    found = _installed().get(_normal(name))
    return Path(found[1]).parent if found else None


def opencv_version() -> str:
    """OpenCV's version, whichever of its wheels is installed."""
    wheels = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
    return package_version(*wheels) or "of unknown version"


def distributions_with_entry_points(prefix: str) -> list[tuple[str, str, str]]:
    """Entry points of groups that start with ``prefix``: ``(group, name, "module:attr")``, without importing anything.

    Reads the ``entry_points.txt`` of each installed distribution; most have none of ours, and those are not parsed.
    """
    found = []
    for _, folder in sorted(_installed().values()):
        try:
            with open(f"{folder}/entry_points.txt", encoding="utf-8") as file:  # noqa: PTH123  (start-up path)
                text = file.read()
        except (OSError, UnicodeDecodeError):
            continue
        if f"[{prefix}" not in text:
            continue
        group = ""
        for line in map(str.strip, text.splitlines()):
            if line.startswith("[") and line.endswith("]"):
                group = line[1:-1]
            elif "=" in line and group.startswith(prefix):
                name, _, target = line.partition("=")
                found.append((group, name.strip(), target.strip()))
    return found


def program(*names: str) -> str | None:
    """The path of the first of these programs that is on PATH, or None."""
    return next((path for name in names if (path := shutil.which(name))), None)
