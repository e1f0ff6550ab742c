"""Makes the site of the repository's own pages, where they lie: no page is written twice.

mkdocs takes one folder; ours are ``docs/``, the root and ``results/``. Files keep their places, so that the links
between them, which readers of the repository follow too, hold on the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
#: Shown as they are: what a page links to and is no page.
SHOWN = (".png", ".svg", ".html", ".json", ".csv")
_LINK = re.compile(r"\]\(([^)#\s]+)")


def _pages() -> list[Path]:
    return [
        path
        for folder in (ROOT, ROOT / "docs", ROOT / "results")
        for path in sorted(folder.glob("*.md"))
    ]  # fmt: skip


def on_files(files: Files, config: Any) -> Files:
    """Every page of the repository at its own path, and the files that they link to."""
    found = Files([file for file in files if not file.src_uri.endswith(".md") and file.src_uri != "hooks.py"])
    for page in _pages():
        found.append(_file(page, config))
        for target in _LINK.findall(page.read_text("utf-8")):
            linked = (page.parent / target).resolve()
            if linked.is_file() and linked.is_relative_to(ROOT) and linked.suffix != ".md":
                uri = linked.relative_to(ROOT).as_posix()
                if found.get_file_from_path(uri) is None:
                    found.append(_file(linked, config))
    return found


def _file(path: Path, config: Any) -> File:
    return File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path))
