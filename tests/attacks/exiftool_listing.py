"""ExifTool, asked about the files of a folder."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")


def exiftool(*arguments: str | Path) -> bytes:
    done = subprocess.run(["exiftool", *map(str, arguments)], capture_output=True, timeout=60, check=False)
    assert done.stdout or not done.returncode, done.stderr
    return done.stdout


def listed(folder: Path) -> dict[str, dict[str, object]]:
    rows = json.loads(exiftool("-j", "-a", "-G0", "-ee", folder))
    return {Path(str(row["SourceFile"])).name: row for row in rows}
