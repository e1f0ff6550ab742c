"""The suites that come with the package, as TOML files: what to attack with, read with and score with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from bench.errors import UserError


def suite_files() -> dict[str, Path]:
    """The suites that are shipped, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


def read_suite(path: Path) -> dict[str, Any]:
    """A suite file as it stands, its names not looked up yet.

    Raises:
        UserError: no TOML file.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
