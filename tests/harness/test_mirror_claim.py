"""Two runs that write to one mirror: the second is refused while the first gives signs, and takes over when it died."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed")

import fsspec

from bench.errors import UserError
from bench.harness import mirror_claim
from bench.harness.engines.local import LocalEngine
from bench.harness.mirror import Mirror
from bench.harness.mirror_claim import NAME, Claim
from bench.harness.run import Progress, run_plan
from bench.harness.store import Store

WRITING = r"^memory://room/run is being written by another run \(process \d+ on \S+\); wait for it or choose"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("BEAT", 0.05), ("SILENT", 0.5), ("SETTLE", 0)):
        monkeypatch.setattr(mirror_claim, name, seconds)


@pytest.fixture
def url() -> str:
    """A place in memory, empty."""
    files = fsspec.filesystem("memory")
    if files.exists("/room"):
        files.rm("/room", recursive=True)
    return "memory://room/run"


@pytest.fixture
def claim(url: str) -> Iterator[Any]:
    """Makes claims on ``url``, which are released after the test."""
    made = []

    def make(owner: str) -> Claim:
        made.append(Claim(url, owner))
        return made[-1]

    yield make
    for one in made:
        one.release()


def written(url: str) -> bytes | None:
    files, root = fsspec.url_to_fs(url)
    return files.cat_file(f"{root}/{NAME}") if files.exists(f"{root}/{NAME}") else None


def leave(url: str, content: bytes) -> None:
    files, root = fsspec.url_to_fs(url)
    files.pipe_file(f"{root}/{NAME}", content)


def test_claim_that_a_full_disk_emptied_is_written_again(claim, url: str) -> None:
    first = claim("a")
    first.take(print)
    leave(url, b"")
    until = time.monotonic() + 5
    while not written(url) and time.monotonic() < until:
        time.sleep(0.02)
    assert json.loads(written(url) or b"{}").get("owner") == "a"
    first.check()


def test_second_run_is_refused_while_the_first_gives_signs(claim, url: str) -> None:
    first, second, said = claim("a"), claim("b"), []
    first.take(said.append)
    assert said == []
    begun = time.monotonic()
    with pytest.raises(UserError, match=WRITING):
        second.take(said.append)
    assert time.monotonic() - begun < mirror_claim.SILENT  # the first sign is enough
    assert len(said) == 1 and said[0].startswith("memory://room/run was claimed by another run (process ")
    second.release()
    first.check()
    assert json.loads(written(url))["owner"] == "a"
    first.release()
    assert written(url) is None
    claim("c").take(said.append)
    assert len(said) == 1


@pytest.mark.parametrize(
    "left",
    [
        b'{"owner": "a", "host": "gone", "process": 7, "beat": 3}',
        b"{",
        b"[1]",
        b'{"host": "\\u001b[2J", "process": 7}',
        b"\xff",
    ],
)
def test_claim_of_a_run_that_died_is_taken_over(left: bytes, claim, url: str) -> None:
    leave(url, left)
    said: list[str] = []
    begun = time.monotonic()
    claim("b").take(said.append)
    assert time.monotonic() - begun >= mirror_claim.SILENT
    who = " (process 7 on gone)" if b"gone" in left else ""
    assert said == [f"memory://room/run was claimed by another run{who}; waiting 0.5 s for a sign of it"]
    assert json.loads(written(url))["owner"] == "b"


def test_claim_of_the_same_folder_is_taken_over_at_once(url: str, tmp_path: Path) -> None:
    with Store(tmp_path / "run", Mirror(url)):
        killed = written(url)
    leave(url, killed)
    said: list[str] = []
    with Store(tmp_path / "run", Mirror(url), said.append):
        assert json.loads(written(url))["owner"] == json.loads(killed)["owner"]
    assert said == [] and written(url) is None


def test_run_that_slept_notices_that_it_was_taken_over(claim, url: str) -> None:
    first = claim("a")
    first.take(lambda line: None)
    leave(url, b'{"owner": "b", "host": "other", "process": 9, "beat": 1}')
    until = time.monotonic() + 5
    with pytest.raises(UserError, match=r"was taken over by another run \(process 9 on other\), since this one"):
        while time.monotonic() < until:
            first.check()
            time.sleep(0.01)
    first.release()
    assert json.loads(written(url))["owner"] == "b"


def test_of_two_that_start_at_once_one_sees_the_other(claim, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = b'{"owner": "b", "host": "other", "process": 9, "beat": 1}'
    monkeypatch.setattr(mirror_claim.time, "sleep", lambda seconds: leave(url, other))
    with pytest.raises(UserError, match=r"is being written by another run \(process 9 on other\)"):
        claim("a").take(lambda line: None)
    assert written(url) == other


def test_run_under_way_keeps_another_out_and_is_not_disturbed(tiny: Path, url: str, tools, tmp_path: Path) -> None:
    plan = tools.plan(tiny)
    refusals = []

    def intrude(views: int, errors: int) -> None:
        if not refusals:
            with pytest.raises(UserError, match=WRITING) as raised:
                run("second", silent)
            refusals.append(raised.value)

    def run(name: str, progress: Progress) -> Any:
        return run_plan(plan, tmp_path / name, LocalEngine(0), progress, "washtest run made-up", mirror=Mirror(url))

    silent = Progress(lambda text: None, lambda total, done: None, lambda views, errors: None, lambda: None)
    outcome = run("first", Progress(silent.message, silent.start, intrude, silent.stop))
    assert outcome.done == len(plan.tasks) and len(refusals) == 1
    assert not (tmp_path / "second" / "run.json").exists()
    assert run("third", silent).done == 0
    tools.assert_same_records(tmp_path / "first", tmp_path / "third")
