"""A run's copy at a URL: made as the run goes, resumed from, merged from; damaged or foreign ones are noticed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed")

import fsspec

from bench import records
from bench.analysis.pipeline import render_tables
from bench.errors import UserError
from bench.harness import mirror_claim
from bench.harness import store as store_module
from bench.harness.engines.local import LocalEngine
from bench.harness.header import command_line
from bench.harness.mirror import Mirror
from bench.harness.places import matching, without_secrets
from bench.harness.plan import make_plan
from bench.harness.run import Progress, run_plan
from bench.harness.shards import Shard
from bench.harness.store import Store

SILENT = Progress(lambda text: None, lambda total, done: None, lambda views, errors: None, lambda: None)
SETTINGS = {"attacks": ["Jpeg(quality=60)", "Blur"], "detectors": ["declared", "header"]}


@pytest.fixture
def url() -> str:
    """A place in memory, empty."""
    files = fsspec.filesystem("memory")
    if files.exists("/bucket"):
        files.rm("/bucket", recursive=True)
    return "memory://bucket/run"


@pytest.fixture(scope="module")
def plan(tiny: Path, tools) -> Any:
    return tools.plan(tiny, **SETTINGS)


@pytest.fixture(scope="module")
def whole(plan: Any, tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run without a mirror."""
    out = tmp_path_factory.mktemp("whole") / "run"
    tools.measure(plan, out)
    return out


@pytest.fixture(autouse=True)
def small_and_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SHARD_VIEWS", 5)
    monkeypatch.setattr(mirror_claim, "SETTLE", 0)


def run(plan: Any, out: Path, url: str, stop_after: int = 10**6) -> Any:
    """The run with a mirror, interrupted after so many samples."""
    steps = iter(range(10**6))

    def step(views: int, errors: int) -> None:
        if next(steps) + 1 == stop_after:
            raise KeyboardInterrupt

    progress = Progress(SILENT.message, SILENT.start, step, SILENT.stop)
    return run_plan(plan, out, LocalEngine(0), progress, "washtest run made-up", mirror=Mirror(url))


def contents(url: str) -> dict[str, bytes]:
    files, root = fsspec.url_to_fs(url)
    return {path[len(root) :]: files.cat_file(path) for path in files.find(root)}


def test_copy_is_the_run_folder(plan: Any, whole: Path, url: str, tools, tmp_path: Path) -> None:
    run(plan, tmp_path / "run", url)
    folders = ("run.json", "records", "models")
    here = {
        f"/{path.relative_to(tmp_path / 'run').as_posix()}": path.read_bytes()
        for name in folders
        for path in [tmp_path / "run" / name, *(tmp_path / "run" / name).rglob("*")]
        if path.is_file()
    }
    assert contents(url) == here
    tools.assert_same_records(tmp_path / "run", whole)


def test_run_resumes_from_its_copy_on_another_machine(plan: Any, whole: Path, url: str, tools, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(plan, tmp_path / "first", url, stop_after=4)
    assert Mirror(url).header()["finished"] is None
    outcome = run(plan, tmp_path / "second", url)
    assert outcome.skipped == 4 and outcome.done + 4 == len(plan.tasks)
    tools.assert_same_records(tmp_path / "second", whole)
    assert render_tables(tmp_path / "second") == render_tables(whole)
    models = [sorted((tmp_path / name / "models").iterdir()) for name in ("first", "second")]
    assert [path.read_bytes() for path in models[0]] == [path.read_bytes() for path in models[1]] != []
    outcome = run(plan, tmp_path / "third", url)
    assert (outcome.done, outcome.skipped) == (0, len(plan.tasks))
    tools.assert_same_records(tmp_path / "third", whole)
    assert records.read_header(tmp_path / "third")["finished"] == Mirror(url).header()["finished"]


def test_copy_of_a_run_that_began_without_one_is_made_later(plan: Any, whole: Path, url: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    outcome = run(plan, folder, url)
    assert outcome.done == 0
    assert Mirror(url).shards() == {path.name for path in records.shard_files(folder, "views")}
    assert Mirror(url).header() == records.read_header(folder)


def test_torn_shards_of_either_place_are_mended_from_the_other(
    plan: Any, whole: Path, url: str, tools, tmp_path: Path
) -> None:
    run(plan, tmp_path / "run", url)
    name = sorted(Mirror(url).shards())[0]
    torn = tmp_path / "run" / "records" / "scores" / name
    torn.write_bytes(torn.read_bytes()[:-9])
    assert run(plan, tmp_path / "run", url).done == 0  # taken from the copy
    tools.assert_same_records(tmp_path / "run", whole)
    files, root = fsspec.url_to_fs(url)
    files.pipe_file(f"{root}/records/scores/{name}", b"PAR1 torn")
    assert run(plan, tmp_path / "new", url).done > 0  # measured again
    tools.assert_same_records(tmp_path / "new", whole)
    with Store(tmp_path / "other", Mirror(url)) as store:
        assert len(store.done()) == sum(len(task.views) for task in plan.tasks)


def test_copy_of_other_settings_is_refused(plan: Any, tiny: Path, url: str, tools, tmp_path: Path) -> None:
    run(plan, tmp_path / "run", url)
    before = contents(url)
    other = tools.plan(tiny, **(SETTINGS | {"seed": 3}))
    with pytest.raises(
        UserError, match=r"memory://bucket/run holds a run with other settings \(seed: 0 there, 3 now\)"
    ):
        run(other, tmp_path / "other", url)
    assert contents(url) == before


def test_place_that_fails_costs_nothing_that_was_measured(
    plan: Any, whole: Path, url: str, tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = type(fsspec.filesystem("memory"))
    write, count = files.pipe_file, 0

    def failing(self, path, value, *args, **options):
        nonlocal count
        count += 1
        if count > 6:
            raise ConnectionResetError("the line\nwas cut")
        return write(self, path, value, *args, **options)

    monkeypatch.setattr(files, "pipe_file", failing)
    with pytest.raises(UserError) as raised:
        run(plan, tmp_path / "run", url)
    assert str(raised.value) == (
        "memory://bucket/run cannot be reached (ConnectionResetError: the line was cut); what is measured is on this "
        "disk, and the same command goes on"
    )
    monkeypatch.setattr(files, "pipe_file", write)
    assert run(plan, tmp_path / "run", url).skipped > 0
    tools.assert_same_records(tmp_path / "run", whole)
    assert len(Mirror(url).shards()) == len(records.shard_files(tmp_path / "run", "views"))


def test_unusable_urls_are_one_line(tmp_path: Path) -> None:
    for url, said in (
        ("nosuch://place/run", r"nosuch://place/run cannot be reached: Protocol not known: nosuch"),
        ("ftp://me:secret@nowhere.invalid/run", r"ftp://nowhere.invalid/run cannot be reached"),
    ):
        with pytest.raises(UserError, match=said) as raised:
            Mirror(url).header()
        assert "secret" not in str(raised.value) and "\n" not in str(raised.value)
    Path(tmp_path / "run.json").write_text("[]")
    with pytest.raises(UserError, match=r"run.json is no header of a run"):
        Mirror(str(tmp_path)).header()
    with pytest.raises(UserError, match=r"nothing matches memory://empty/"):
        matching("memory://empty/*")


def test_passwords_are_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_secrets("sftp://me:secret@host/a@b") == "sftp://host/a@b"
    monkeypatch.setattr("sys.argv", ["washtest", "run", "--mirror", "sftp://me:secret@host/run"])
    assert command_line() == "washtest run --mirror sftp://host/run"


def test_merge_takes_copies_by_their_urls(
    plan: Any, whole: Path, washtest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = (tmp_path / "store").as_uri()
    for i in (1, 2):
        part = make_plan(plan.suite, plan.dataset, None, Shard(i, 2))
        run(part, tmp_path / f"{i}", f"{room}/part-{i}")
    monkeypatch.setattr("bench.cli.merging.judged", lambda folder, say: 0)  # drawing takes seconds
    answer = washtest("merge", f"{room}/part-*", "--out", tmp_path / "merged", "-q")
    assert (answer.code, answer.err) == (0, "")
    assert render_tables(tmp_path / "merged") == render_tables(whole)
    answer = washtest("merge", f"{room}/part-*", f"{room}/part-1/", tmp_path / "2", "--out", tmp_path / "again", "-q")
    second = f"run {records.read_header(tmp_path / '2')['run']} (shard 2 of 2)"
    assert answer.code == 0
    assert answer.err.splitlines() == [
        f"note: {room}/part-1 is named 2 times; it is taken once",
        f"note: {second} is in {room}/part-2 and in {tmp_path / '2'}; it is taken once",
    ]
    assert render_tables(tmp_path / "again") == render_tables(whole)
    answer = washtest("merge", f"{room}/part-1", "--out", tmp_path / "alone", "-q")
    assert (answer.code, answer.err) == (1, "warning: 1 of 2 shards are missing: 2\n")
    header = tmp_path / "store" / "part-2" / "run.json"
    changed = json.loads(header.read_text())
    changed["settings"]["seed"] = 9
    header.write_text(json.dumps(changed))
    answer = washtest("merge", f"{room}/part-1", f"{room}/part-2", "--out", tmp_path / "both")
    assert answer.code == 2
    assert f"{room}/part-1 and {room}/part-2 are runs with different settings (seed: 0 and 9)" in answer.err
