"""Names and labels that strangers chose, on the console and in a spreadsheet."""

import csv
import io
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.analysis import render
from bench.checks import check_scores_every_file
from bench.cli.common import print_text, printable
from bench.detectors.base import DetectorInfo, Score

EVIL = "\x1b[31mred\x1b]0;title\x07\u202egpj\u2066.\x85\x9b31m"


def harmless(text: str) -> bool:
    return all(c.isprintable() or c in "\n\t" for c in text)


def test_signs_that_steer_a_terminal_are_replaced() -> None:
    assert harmless(printable(EVIL)) and printable("水洗 café") == "水洗 café"
    assert "\n" not in printable("two\nlines") and "\ud800" not in printable("half \ud800")


def test_refusals_warnings_and_errors_steer_no_terminal(washtest, tmp_path: Path, tools) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "good.jpg").write_bytes(tools.encode(tools.texture(1)))
    (photos / f"{EVIL}.jpg").write_text("no picture at all, only text")
    given = ("dataset", "import", photos, "--truth", "human", "--source", "x", "--into", tmp_path / "set")
    answer = washtest(*given)
    assert answer.code == 1 and "red" in answer.err and harmless(answer.err)
    (photos / "good.jpg").unlink()
    answer = washtest(*given[:-1], tmp_path / "other")
    assert answer.code == 2 and "red" in answer.err and harmless(answer.err) and answer.err.count("\n") == 1
    answer = washtest("label", "gb45438", photos / f"no {EVIL}.jpg", tmp_path / "out.jpg")
    assert answer.code == 2 and "red" in answer.err and harmless(answer.err)


def test_printed_tables_are_exact_for_programs_and_harmless_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_text("a\t\u202egpj\nb\n")
    assert capsys.readouterr().out == "a\t\u202egpj\nb\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_text(f"a\t{EVIL}\nb\n")
    shown = capsys.readouterr().out
    assert harmless(shown) and shown.startswith("a\t") and shown.endswith("\nb\n")


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1,1)", "\t=1+1", "\r=1+1", '=HYPERLINK("http://x","y")', "=cmd|'/C calc'!A0"]


def test_libreoffice_takes_no_cell_of_a_table_for_a_formula(tmp_path: Path) -> None:
    """Saved as a spreadsheet, every cell is a text; of the same cells undefended, some are formulas."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("no LibreOffice")
    frame = pd.DataFrame({"sample": FORMULAS, "n": range(len(FORMULAS))})
    (tmp_path / "ours.csv").write_text(render.to_csv(frame), "utf-8")
    frame.to_csv(tmp_path / "bare.csv", index=False)
    command = [office, f"-env:UserInstallation=file://{tmp_path}/home", "--headless", "--convert-to", "fods"]
    done = subprocess.run([*command, "ours.csv", "bare.csv"], cwd=tmp_path, capture_output=True, timeout=180)
    assert done.returncode == 0, done.stderr
    ours, bare = ((tmp_path / f"{name}.fods").read_text("utf-8") for name in ("ours", "bare"))
    assert "table:formula" in bare, "the test shows nothing: these cells are no formulas to LibreOffice"
    assert "table:formula" not in ours
    assert ours.count('office:value-type="string"') >= len(FORMULAS)
    read = list(csv.DictReader(io.StringIO((tmp_path / "ours.csv").read_text("utf-8"), newline="")))
    assert [row["sample"] for row in read] == [f"'{text}".replace("\r", "\n") for text in FORMULAS]


@dataclass(frozen=True, eq=False)
class Moody:
    """A detector that says something else each time."""

    said: list[float]
    info = DetectorInfo("moody", "1", "both", licence="MIT")

    def score(self, batch: Any) -> list[Score]:
        self.said.append(0.0)
        return [Score(float(len(self.said) + i)) for i, _ in enumerate(batch)]


def test_detector_that_changes_its_mind_fails_the_contract() -> None:
    with pytest.raises(AssertionError, match="depends on the batch"):
        check_scores_every_file(Moody([]))
