"""Clock, time zone, locale: whatever the machine is set to, the records give the same tables and charts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.analysis import pipeline

#: A run in a process of its own, whose clock jumps by hours and days, forwards and back.
SCRIPT = """
import itertools, json, locale, os, sys, time

jumps = itertools.cycle([0, 86400, -3600, 3600, -86400 * 400, 86400 * 4000])
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + next(jumps)
time.time_ns = lambda: real_ns() + next(jumps) * 10**9
locale.setlocale(locale.LC_ALL, "")

sys.path.insert(0, os.path.join(sys.argv[1], "tests"))
from pathlib import Path

from conftest import Tools

out = Path(sys.argv[3])
Tools.measure(Tools.plan(Path(sys.argv[2])), out)
from bench.analysis import pipeline

tables = pipeline.render_tables(out)
charts = {path.name: path.read_text("utf-8") for path in pipeline.draw(out, ["label_survival"], ["svg"])}
settings = [time.tzname[0], locale.localeconv()["decimal_point"], locale.getpreferredencoding(False)]
print(json.dumps([settings, tables, charts], ensure_ascii=True))
"""


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A locale that writes 1,5 for 1.5."""
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / "de_DE.UTF-8")]
    try:
        made = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        made = False
    if not made:
        pytest.skip("no localedef, or no source of the locale de_DE (apt install locales)")
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8"}


@pytest.mark.parametrize(
    ("zone", "where", "expected"),
    [
        ("America/New_York", "german", ["EST", ",", "UTF-8"]),
        ("Australia/Lord_Howe", "ascii", ["+1030", ".", "ANSI_X3.4-1968"]),  # half an hour of summer time
    ],
)
def test_clock_zone_and_locale_change_no_byte(
    tiny: Path, tmp_path: Path, tools, zone: str, where: str, expected: list[str], request: pytest.FixtureRequest
) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    odd = request.getfixturevalue("german") if where == "german" else plain
    environment = os.environ | {"PYTHONPATH": str(tools.root), "TZ": zone} | odd
    command = [sys.executable, "-c", SCRIPT, tools.root, tiny, tmp_path / "odd"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    settings, tables, charts = json.loads(done.stdout)
    assert settings == expected
    usual = tmp_path / "usual"
    tools.measure(tools.plan(tiny), usual)
    assert tables == pipeline.render_tables(usual)
    drawn = {path.name: path.read_text("utf-8") for path in pipeline.draw(usual, ["label_survival"], ["svg"])}
    assert charts == drawn
