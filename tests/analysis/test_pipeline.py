"""From a run folder to its tables, charts and report, and knowing when that is already done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from made_up_runs import Spec, chance, detector, people, write

from bench.analysis.pipeline import STATE, analyse, draw, is_current, render_tables, write_report, write_table
from bench.errors import UserError


def spec(**more) -> Spec:
    settings = {
        "samples": people(12, 12, calibration=20, edited=3),
        "detectors": [detector("d")],
        "labels": [("iptc", "xmp")],
        "score": lambda n, s, a, r: chance(n, s.id, a, r).random() if s.id != "a0001" else "error",
        "read": lambda n, s, a: "intact" if a == "Identity()" else "absent",
    }
    return Spec(**(settings | more))


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "run", spec())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("whole") / "run", spec())
    return folder, analyse(folder, formats=["svg", "png"])


@pytest.fixture
def analysed(whole, tmp_path):
    """A copy of a run already analysed."""
    return shutil.copytree(whole[0], tmp_path / "analysed")


def test_everything_the_design_names_is_written(whole):
    folder, written = whole
    names = {path.relative_to(folder).as_posix() for path in written}
    tables = ("label_survival", "label_states", "watermark_survival", "detector_errors", "coverage", "failures")
    assert {f"tables/{name}.csv" for name in tables} <= names
    charts = [f"charts/{name}.{form}" for name in ("label_survival", "severity_d", "roc_d") for form in ("svg", "png")]
    assert {*charts, "report.html"} <= names
    assert "charts/label_states.svg" not in names  # drawn only where it is asked for
    assert all(path.is_file() for path in written)
    assert not [path for path in folder.rglob(".*") if path.name != STATE]


def test_tables_do_not_depend_on_how_the_records_were_sharded(tmp_path, analysed):
    marks = {"bundles": {"m": [("m", "pixels")], "again": [("iptc", "xmp")]}, "kinds": {"m": "watermark"}}
    contents = [render_tables(write(tmp_path / str(n), spec(shards=n, **marks))) for n in (1, 2, 7)]
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]["watermark_survival"].splitlines()) == 5
    files = {path.stem: path.read_bytes() for path in (analysed / "tables").iterdir()}
    assert files == {name: text.encode() for name, text in render_tables(analysed).items()}
    assert b"\r" not in b"".join(files.values())


def test_a_run_is_current_until_its_records_or_settings_change(folder, analysed):
    assert not is_current(folder)
    assert is_current(analysed)
    assert is_current(analysed, formats=["svg"])
    assert not is_current(analysed, formats=["pdf"])  # was not asked for
    header = json.loads((analysed / "run.json").read_text())
    (analysed / "run.json").write_text(json.dumps(header | {"started": "2027-01-01T00:00:00Z"}))
    assert is_current(analysed)
    (analysed / "run.json").write_text(json.dumps(header | {"alphas": [0.1]}))
    assert not is_current(analysed)


def test_a_missing_file_is_made_again(analysed):
    missing = analysed / "charts" / "roc_d.svg"
    before = missing.read_bytes()
    missing.unlink()
    assert not is_current(analysed)
    analyse(analysed)
    assert is_current(analysed)
    assert missing.read_bytes() == before


def test_a_new_shard_makes_it_stale(analysed):
    for table in ("readings", "scores", "views"):
        source = analysed / "records" / table / "0000.parquet"
        (analysed / "records" / table / "0009.parquet").write_bytes(source.read_bytes())
    assert not is_current(analysed)


def test_a_broken_state_file_is_no_state(folder):
    for text in ("", "[]", "{}", '{"digest": 1, "formats": 3, "files": null}'):
        (folder / STATE).write_text(text)
        assert not is_current(folder)


def test_what_an_earlier_analysis_wrote_and_this_one_did_not_is_removed(analysed):
    mine = analysed / "charts" / "mine.png"
    mine.write_bytes(b"kept")
    analyse(analysed, formats=["svg"])
    assert [path.name for path in (analysed / "charts").glob("*.png")] == ["mine.png"]


def test_a_file_is_whole_or_not_there(analysed, monkeypatch):
    before = (analysed / "report.html").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="no space left on the disk"):
        analyse(analysed, formats=["svg"])
    assert (analysed / "report.html").read_bytes() == before
    assert not list((analysed / "tables").glob(".*"))


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        analyse(tmp_path)
    assert not is_current(tmp_path)


def test_an_unknown_format_is_an_error_before_any_work(folder):
    with pytest.raises(UserError, match="svg, png, pdf"):
        analyse(folder, formats=["bmp"])
    assert not (folder / "tables").exists()


def test_asking_whether_it_is_current_loads_nothing_heavy(folder):
    code = (
        "import sys; from pathlib import Path; from bench.analysis.pipeline import is_current; "
        "is_current(Path(sys.argv[1])); "
        "print([m for m in ('numpy', 'pandas', 'matplotlib', 'scipy', 'pyarrow', 'jinja2') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_each_part_can_be_made_alone(folder):
    texts = render_tables(folder, "latex", only=["thresholds"])
    path = write_table(folder, "thresholds", "latex", texts["thresholds"])
    assert path.name == "thresholds.tex"
    assert r"\begin{" in path.read_text()
    assert [p.name for p in draw(folder, only=["label_survival"], formats=["svg"])] == ["label_survival.svg"]
    assert write_report(folder) == folder / "report.html"
    assert "</html>" in (folder / "report.html").read_text()
