"""The folders show the flow, and stay what they are."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("folder", ["datasets", "results"])
def test_data_folders_hold_no_python(folder: str) -> None:
    # A package named ``datasets`` at the top level would shadow the Hugging Face library for everyone.
    assert [path.name for path in (ROOT / folder).rglob("*.py")] == []


def test_top_level_is_as_named() -> None:
    for name in (
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "bench",
        "attacks",
        "datasets",
        "results",
    ):
        assert (ROOT / name).exists(), f"{name} is missing"


def test_files_stay_short() -> None:
    long = {str(p.relative_to(ROOT)): n for folder in ("bench", "attacks") for p in (ROOT / folder).rglob("*.py")
            if (n := len(p.read_text("utf-8").splitlines())) > 350}  # fmt: skip
    assert long == {}


def test_imports_run_downwards_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_both_packages_and_no_data_folder() -> None:
    from setuptools import find_packages

    include = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"][
        "include"
    ]
    packages = set(find_packages(str(ROOT), include=include))
    assert {"bench", "bench.harness", "bench.suites", "attacks"} <= packages
    assert not any(name.startswith(("datasets", "results", "tests")) for name in packages)
    # A folder with Python files that setuptools does not see would be missing from the wheel.
    folders = {
        p.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for top in ("bench", "attacks")
        for p in (ROOT / top).rglob("*.py")
    }
    assert folders == packages
