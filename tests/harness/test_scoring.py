"""Views are scored in batches: as large as the detector asks for, bounded, and none of them loses its verdict."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bench.detectors.base import DetectorInfo, Score, ask
from bench.errors import CodedError, Unavailable, UserError
from bench.harness import scoring
from bench.harness.scoring import Scoring
from bench.media import Media

CALLS: list[tuple[str, int]] = []


@dataclass(frozen=True)
class Many:
    """Scores the mean of the picture, several at once, and keeps a log of how many."""

    name: str = "many"
    batch: int = 4
    fault: Any = field(default=None, compare=False)

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo(self.name, "1", "pixels", batch=self.batch)

    def score(self, batch: Any) -> list[Score]:
        CALLS.append((self.name, len(batch)))
        if self.fault is not None:
            self.fault(batch)
        return [Score(float(media.pixels().mean())) for media in batch]


@pytest.fixture(autouse=True)
def log() -> None:
    CALLS.clear()


@pytest.fixture(scope="module")
def files(tools) -> list[Media]:
    return [Media.from_pixels(tools.texture(n)) for n in range(10)]


def test_views_wait_for_a_full_batch(files: list[Media]) -> None:
    rows: list[dict[str, Any]] = []
    waiting = Scoring(rows)
    one, four, three = Many("one", 1), Many("four", 4), Many("three", 3)
    for number, file in enumerate(files):
        waiting.add(str(number), file, (one, four, three))
    waiting.finish()
    waiting.finish()
    assert [size for name, size in CALLS if name == "one"] == [1] * 10
    assert [size for name, size in CALLS if name == "four"] == [4, 4, 2]
    assert [size for name, size in CALLS if name == "three"] == [3, 3, 3, 1]
    for name in ("one", "four", "three"):
        found = {row["key"]: row["value"] for row in rows if row["detector"] == name}
        assert found == {str(n): float(file.pixels().mean()) for n, file in enumerate(files)}
    assert all(row["seconds"] > 0 for row in rows)


def test_what_waits_is_bounded(files: list[Media], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "MAX_WAITING", 3 * 48 * 64)
    waiting, many = Scoring([]), Many(batch=1000)
    for number, file in enumerate(files):
        waiting.add(str(number), file, (many,))
    waiting.finish()
    assert [size for _, size in CALLS] == [3, 3, 3, 1]


def refuse(bad: Media, error: BaseException, alone: bool = True):
    def fault(batch: Any) -> None:
        if bad in batch and (alone or len(batch) > 1):
            raise error

    return fault


def test_bad_file_in_a_batch_costs_no_other_its_verdict(files: list[Media]) -> None:
    scores = ask(Many(fault=refuse(files[2], ValueError("no face"))), files[:5])
    assert [s.code for s in scores] == ["", "", "E_VALUEERROR", "", ""]
    assert [size for _, size in CALLS] == [5, 1, 1, 1, 1, 1]


def test_batch_that_does_not_fit_into_memory_is_asked_about_one_by_one(files: list[Media]) -> None:
    scores = ask(Many(fault=refuse(files[0], MemoryError(), alone=False)), files[:3])
    assert [s.status for s in scores] == ["ok"] * 3
    alone = ask(Many(fault=refuse(files[0], MemoryError())), files[:2])
    assert [s.code for s in alone] == ["E_MEMORY", ""]


def test_detector_that_is_unavailable_or_out_of_time_is_not_asked_about_every_file(files: list[Media]) -> None:
    def unavailable(batch: Any) -> None:
        raise Unavailable("E_WEIGHTS", "none here")

    assert {s.status for s in ask(Many(fault=unavailable), files)} == {"unavailable"}
    assert len(CALLS) == 1

    def late(batch: Any) -> None:
        raise CodedError("E_TIMEOUT", "too late")

    assert {s.code for s in ask(Many(fault=late), files)} == {"E_TIMEOUT"}
    assert len(CALLS) == 1 + 3


def test_batches_change_nothing_in_the_records(tiny: Path, tools, tmp_path: Path) -> None:
    attacks = ["Jpeg(quality=60)", "Blur", "Resize"]
    for batch in (1, 3, 50):
        CALLS.clear()
        detectors = {"detectors": (Many(batch=batch),)}
        plan = tools.plan(tiny, attacks=attacks, regimes=["native", "canonical"], objects=detectors)
        tools.measure(plan, tmp_path / str(batch))
    # Four attacks in two regimes go together; a calibration sample has its two clean views; repeats are of one file.
    assert sorted({size for _, size in CALLS}) == [1, 2, 8]
    tools.assert_same_records(tmp_path / "1", tmp_path / "3")
    tools.assert_same_records(tmp_path / "1", tmp_path / "50")


def card(folder: Path, more: str = "") -> str:
    (folder / "card.toml").write_text(
        'name = "half"\nversion = "1"\nlicence = "MIT"\nbatch = 20\n'
        'command = ["awk", "-F,", \'{ print $1 (NR == 1 ? ",score" : ",0.5") }\']\n' + more
    )
    return str(folder / "card.toml")


def test_run_with_a_card_is_described_and_not_resumed_with_another(tiny: Path, tools, tmp_path: Path) -> None:
    path = card(tmp_path)
    plan = tools.plan(tiny, detectors=[path])
    tools.measure(plan, tmp_path / "run", jobs=1)
    run = tools.records(tmp_path / "run")
    assert set(run.scores["value"]) == {0.5}
    (described,) = run.header["detectors"]
    assert (described["name"], described["repr"], described["status"]) == ("half", path, "ok")
    assert described["version"] == plan.suite.detectors[0].info.version
    assert tools.measure(tools.plan(tiny, detectors=[path]), tmp_path / "run").done == 0
    card(tmp_path, "timeout = 9\n")
    with pytest.raises(UserError, match="holds a run with other settings \\(detectors"):
        tools.measure(tools.plan(tiny, detectors=[path]), tmp_path / "run")


def test_function_that_was_changed_is_another_detector(tiny: Path, tools, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def score(paths):\n    return [0.5] * len(paths)\n")
    tools.measure(tools.plan(tiny, detectors=[f"{file}:score"]), tmp_path / "run")
    file.write_text("def score(paths):\n    return [0.25] * len(paths)\n")
    with pytest.raises(UserError, match="holds a run with other settings \\(detectors"):
        tools.measure(tools.plan(tiny, detectors=[f"{file}:score"]), tmp_path / "run")


def test_weights_are_part_of_the_settings() -> None:
    from bench.harness.plan import Plan, Suite

    class Weighed(Many):
        @property
        def info(self) -> DetectorInfo:
            return replace(super().info, weights_sha256="ab" * 32)

    plan = Plan(Suite("s", "", (), detectors=(Weighed(),)), type("D", (), {"name": "d", "revision": "1"})(), (), (), {})
    assert plan.settings()["detectors"][0].endswith(" 1 abababababababab")


def test_detector_that_cannot_run_here_is_a_warning_and_no_verdict(tiny: Path, tools, tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(
        'name = "absent"\nversion = "1"\nlicence = "MIT"\ncommand = ["no-such-program"]\n'
    )
    outcome = tools.measure(tools.plan(tiny, detectors=[str(tmp_path / "card.toml")]), tmp_path / "run")
    assert outcome.warnings == ["absent cannot run here; install no-such-program"]
    run = tools.records(tmp_path / "run")
    assert set(run.scores["status"]) == {"unavailable"} and run.scores["value"].isna().all()
    assert run.header["detectors"][0]["code"] == "E_MISSING"
