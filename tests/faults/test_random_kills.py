"""A hundred kills at random moments, of the run and of its workers: every table stays what it was, byte for byte."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.bench
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")
def test_hundred_kills_change_no_table(tiny: Path, tmp_path: Path, tools) -> None:
    command = [sys.executable, Path(__file__).with_name("kills.py"), tiny, tmp_path, "100"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(tools.root)}, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
