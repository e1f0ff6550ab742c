"""The boards: pooled by hand, ranks that are sure of no more than they may be, and pages that escape what they show."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_runs import Spec, detector, people
from scipy.stats import binom

from bench.analysis import render, tables
from bench.analysis.leaderboard import boards, page
from bench.analysis.leaderboard.entries import USED, Entry, find
from bench.analysis.stats import interval
from bench.errors import UserError


def survival(*rows: tuple[str, int, int, int, int]) -> pd.DataFrame:
    """``label_survival`` of one label: attack family, n, intact, altered, not_applicable."""
    frame = pd.DataFrame(rows, columns=["attack_family", "n", "intact", "altered", "not_applicable"])
    return frame.assign(label="iptc", position="xmp", bundle="metadata", mime="*", unavailable=0)


def marks() -> pd.DataFrame:
    return pd.DataFrame(
        {"watermark": ["dwt", "dwt"], "bundle": "dwt", "attack_family": ["jpeg", "jpeg"], "n": [40, 40],
         "detected_rate": [0.5, 0.25]}
    )  # fmt: skip


def entry(name: str, labels: pd.DataFrame, watermarks: pd.DataFrame | None = None) -> Entry:
    empty = pd.DataFrame(columns=["watermark", "bundle", "attack_family", "n", "detected_rate"])
    return Entry(
        name, {}, {"label_survival": labels, "watermark_survival": empty if watermarks is None else watermarks}
    )


def test_attacks_of_a_family_are_pooled_and_the_interval_counts_files() -> None:
    rows = survival(("jpeg", 50, 10, 5, 0), ("jpeg", 50, 30, 0, 10), ("png", 9, 9, 0, 0))
    jpeg, png = boards.label_board([entry("a", rows)]).to_dict("records")
    assert (jpeg["attacks"], jpeg["files"]) == (2, 50)
    assert jpeg["survived"] == pytest.approx(40 / 90) and jpeg["declares"] == pytest.approx(45 / 90)
    assert (jpeg["survived_low"], jpeg["survived_high"]) == pytest.approx(interval(40 / 90 * 50, 50))
    assert png["files"] == 9 and np.isnan(png["survived"])


def test_the_interval_over_files_covers_where_attacks_agree_on_every_file() -> None:
    covered = 0.0
    for intact in range(41):  # the same files survive each of five attacks
        row = boards.label_board([entry("a", survival(*[("jpeg", 40, intact, 0, 0)] * 5))]).iloc[0]
        covered += binom.pmf(intact, 40, 0.3) * (row["survived_low"] <= 0.3 <= row["survived_high"])
    assert covered >= 0.93


def test_a_watermark_survives_where_it_is_detected_and_the_first_run_speaks() -> None:
    rows = survival(("jpeg", 40, 40, 0, 0))
    board = boards.label_board([entry("a", rows, marks()), entry("b", survival(("jpeg", 40, 0, 0, 0)))])
    assert list(board["run"]) == ["a", "a"]
    mark = board[board["kind"].eq("watermark")].iloc[0]
    assert mark["survived"] == pytest.approx(30 / 80) and np.isnan(mark["declares"])


def test_ranks_over_runs_are_sure_only_of_intervals_apart() -> None:
    area = np.array([0.1, 0.12, 0.9])
    rank, low, high = boards.joint_ranks(area, area - 0.05, area + 0.05)
    assert (rank.tolist(), low.tolist(), high.tolist()) == ([1, 2, 3], [1, 1, 3], [2, 2, 3])
    _, low, high = boards.joint_ranks(area, area - 0.4, area + 0.4)
    assert (low.tolist(), high.tolist()) == ([1, 1, 1], [3, 3, 3])


def test_joint_ranks_hold_all_true_ranks_at_once() -> None:
    rng, held = np.random.default_rng(1), 0
    true = np.array([0.20, 0.25, 0.30, 0.35, 0.40])
    for _ in range(500):
        found = true + rng.normal(0, 0.03, 5)
        _, low, high = boards.joint_ranks(found, found - 1.96 * 0.03, found + 1.96 * 0.03)
        held += bool(((low <= np.arange(1, 6)) & (np.arange(1, 6) <= high)).all())
    assert held / 500 >= 0.95


@pytest.fixture
def published(one_run, tmp_path: Path) -> Path:
    """A folder of results with one run, of made-up records."""
    made = tables.make(one_run, USED)
    folder = tmp_path / "results/one"
    (folder / "tables").mkdir(parents=True)
    for name, table in made.items():
        (folder / f"tables/{name}.csv").write_text(render.to_csv(table), "utf-8")
    (folder / "run.json").write_text(json.dumps(one_run.header), "utf-8")
    return tmp_path / "results"


@pytest.fixture
def one_run(make_run):
    both = [detector("header"), detector("<b>|x")]
    return make_run(Spec(people(30, 30, calibration=40), detectors=both, labels=[("iptc", "xmp")]))


def test_a_published_folder_gives_the_board_of_its_records(published: Path, one_run) -> None:
    (read,), left_out = find(published)
    assert left_out == []
    live = replace(read, tables=tables.make(one_run, USED))
    pd.testing.assert_frame_equal(
        boards.detector_board([read]), boards.detector_board([live]), check_exact=False, rtol=1e-4, check_dtype=False
    )
    assert set(boards.detector_board([read])["doubt"]) >= {"is the baseline"}


def test_only_like_is_set_beside_like(published: Path) -> None:
    text = (published / "one/run.json").read_text("utf-8")
    for name, (said, ours) in {"other-data": ('"revision": "', '"revision": "0'), "same": ('"x"', '"x"')}.items():
        (published / name / "tables").mkdir(parents=True)
        for table in (published / "one/tables").iterdir():
            (published / name / "tables" / table.name).write_bytes(table.read_bytes())
        (published / name / "run.json").write_text(text.replace(said, ours), "utf-8")
    entries, _ = find(published)
    grounds = {entry.name: entry.ground for entry in entries}
    assert grounds["one"] == grounds["same"] != grounds["other-data"]
    assert set(boards.detector_board([entries[0], entries[2]])["run"]) == {"one"}


def test_pages_escape_what_they_show(published: Path) -> None:
    paths, _ = page.write(published)
    markdown, html = (path.read_text("utf-8") for path in paths)
    assert "<b>|x" not in html and "&lt;b&gt;|x" in html
    assert "<b>|x" not in markdown and r"\<b\>\|x" in markdown
    assert html.count("<th ") and "style=" not in html.split("</style>")[1]


def test_a_table_that_is_missing_or_odd_is_one_line(published: Path) -> None:
    (published / "one/tables/robustness.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(UserError, match="is no table robustness; make it again with: washtest tables"):
        find(published)
    (published / "one/tables/robustness.csv").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        find(published)
