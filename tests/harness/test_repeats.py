"""Detectors are asked again about a few files: who answers differently is named, and nothing else changes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import records
from bench.analysis import pipeline
from bench.analysis.repeats import unrepeatable
from bench.analysis.text import speaker
from bench.detectors.base import DetectorInfo, Score
from bench.errors import CodedError
from bench.harness.merge import merge
from bench.harness.plan import make_plan
from bench.harness.shards import Shard
from bench.harness.tasks import REPEATED

ENGLISH = speaker("en")


@dataclass(frozen=True)
class Told:
    """Its answers are those of a function of how often it was asked, the file's size and the batch's."""

    name: str
    answer: Any = field(compare=False, repr=False)
    batch: int = 1
    asked: list[int] = field(default_factory=list, compare=False, repr=False)

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo(self.name, "1", "both", batch=self.batch, licence="MIT")

    def score(self, batch: Any) -> list[Score]:
        self.asked.extend(len(media.data) for media in batch)
        return [self.answer(len(self.asked), len(media.data), len(batch)) for media in batch]


def steady(n: int, size: int, together: int) -> Score:
    return Score(float(size % 101))


def moody(n: int, size: int, together: int) -> Score:
    return Score(size % 101 + n / 1000)


def coy(n: int, size: int, together: int) -> Score:
    return Score(None, "abstain") if n % 2 else Score(1.0)


def failing(n: int, size: int, together: int) -> Score:
    """Never a score, for one reason or for another."""
    if n % 2:
        return Score(None, "abstain")
    raise CodedError("E_CONNECTION", "nobody there")


def blended(n: int, size: int, together: int) -> Score:
    """Answers of a batch differ from those of one file alone, as sums in another order do."""
    return Score(size % 101 + (1e-7 if together > 1 else 0))


def absent(n: int, size: int, together: int) -> Score:
    raise CodedError("E_CONNECTION", "nobody there")


def measured(tools, dataset: Path, out: Path, *detectors: Told, **changes: Any) -> Path:
    tools.measure(tools.plan(dataset, objects={"detectors": detectors}, **changes), out)
    return out


def test_three_files_are_shown_again_and_values_stay(tiny: Path, tools, tmp_path: Path) -> None:
    detector = Told("steady", steady)
    out = measured(tools, tiny, tmp_path / "run", detector, regimes=["native", "canonical"])
    found = tools.records(out)
    rows = found.scores.merge(found.views, on="key")
    again = rows[rows["repeat_difference"].notna()]
    assert REPEATED == 3 and len(again) == 3
    assert again["repeat_difference"].eq(0).all()
    assert set(again["attack"]) == {"Identity()"} and set(again["regime"]) == {"native"}
    assert set(again["split"]) == {"test"} and again["sample"].nunique() == 3
    assert len(detector.asked) == len(rows) + 2 * 3
    assert unrepeatable(out, ENGLISH) == []


def test_detector_that_repeats_itself_changes_no_byte(tiny: Path, tools, tmp_path: Path, monkeypatch) -> None:
    for name, repeated in (("with", REPEATED), ("without", 0)):
        monkeypatch.setattr("bench.harness.tasks.REPEATED", repeated)
        measured(tools, tiny, tmp_path / name, Told("steady", steady), Told("blended", blended, batch=4))
        pipeline.analyse(tmp_path / name, ("svg",), jobs=0)
    tables = [pipeline.render_tables(tmp_path / name) for name in ("with", "without")]
    assert tables[0] == tables[1]
    pages = [
        re.sub("20[0-9]{2}-[0-9T:+-]+", "", (tmp_path / n / "report.html").read_text()) for n in ("with", "without")
    ]
    assert pages[0] == pages[1]


def test_who_answers_differently_is_named_with_the_largest_difference(tiny: Path, tools, tmp_path: Path) -> None:
    out = measured(tools, tiny, tmp_path / "run", Told("moody", moody), Told("coy", coy), Told("steady", steady))
    coy_said, moody_said = unrepeatable(out, ENGLISH)
    assert coy_said.startswith("coy does not repeat itself: asked twice more about the same file, it answered diff")
    assert "for 3 of 3 files, not always with a score." in coy_said
    assert moody_said.startswith("moody does not") and "for 3 of 3 files, by up to 0.001." in moody_said
    rows = tools.records(out).scores
    assert rows[rows["detector"].eq("coy")]["repeat_difference"].max() == math.inf
    pipeline.analyse(out, ("svg",), jobs=0)
    page = (out / "report.html").read_text("utf-8")
    assert "moody does not repeat itself" in page and "moody 的得分不可复现" in page
    assert not (out / "tables" / "failures.csv").read_text().splitlines()[1:]  # no cell of it failed


def test_who_never_gives_a_score_is_not_said_to_have_given_one(tiny: Path, tools, tmp_path: Path) -> None:
    out = measured(tools, tiny, tmp_path / "run", Told("failing", failing))
    (said,) = unrepeatable(out, ENGLISH)
    assert "files, not always with a score." in said


def test_who_gives_no_answer_is_not_asked_again(tiny: Path, tools, tmp_path: Path) -> None:
    detector = Told("absent", absent)
    out = measured(tools, tiny, tmp_path / "run", detector)
    rows = tools.records(out).scores
    assert len(detector.asked) == len(rows) and rows["repeat_difference"].isna().all()
    assert unrepeatable(out, ENGLISH) == []


def test_shards_repeat_what_the_whole_run_repeats(tiny: Path, tools, tmp_path: Path) -> None:
    plan = tools.plan(tiny, objects={"detectors": (Told("moody", moody),)})
    for i in (1, 2, 3):
        tools.measure(make_plan(plan.suite, plan.dataset, None, Shard(i, 3)), tmp_path / str(i))
    merge([tmp_path / str(i) for i in (1, 2, 3)], tmp_path / "merged", "washtest merge")
    measured(tools, tiny, tmp_path / "whole", Told("moody", moody))
    asked = []
    for name in ("merged", "whole"):
        scores = tools.records(tmp_path / name).scores
        asked.append(set(scores[scores["repeat_difference"].notna()]["key"]))
    assert asked[0] == asked[1] and len(asked[0]) == 3
    assert "for 3 of 3 files" in unrepeatable(tmp_path / "merged", ENGLISH)[0]


def test_end_of_a_run_says_it_every_time(washtest, tiny: Path, tmp_path: Path) -> None:
    code = (
        "import itertools\n\nN = itertools.count()\n\n\ndef score(paths):\n    return [float(next(N)) for _ in paths]\n"
    )
    plugin = tmp_path / "chance.py"
    plugin.write_text(code)
    for _ in range(2):
        answer = washtest("run", "quick", "--dataset", tiny, "--out", tmp_path / "run", "--attack", "Png", "--detector",
                          f"{plugin}:score", "--bundle", "gb45438", "--regime", "native", "--jobs", 0, "--gallery", 0,
                          "--quiet")  # fmt: skip
        assert answer.code == 0
        (line,) = [line for line in answer.err.splitlines() if "repeat itself" in line]
        assert line.startswith("warning: ") and "for 3 of 3 files, by up to 1." in line


def test_records_of_a_version_that_did_not_ask_again_are_read(tiny: Path, tools, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    out = measured(tools, tiny, tmp_path / "run", Told("moody", moody))
    for path in records.shard_files(out, "scores"):
        pq.write_table(pq.read_table(path).drop(["repeat_difference"]), path)
    assert unrepeatable(out, ENGLISH) == []
