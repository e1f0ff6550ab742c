"""A disk that is full, a file that may not grow, a folder that goes away: one line, no half a file, and on it goes."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.analysis import pipeline
from bench.errors import UserError
from bench.harness.dataset_import import import_folder
from bench.harness.engines.local import LocalEngine
from bench.harness.run import Progress, run_plan


@dataclass(frozen=True)
class Disk:
    """A folder, and a way to leave no room in it for as long as a block lasts."""

    folder: Path
    full: Callable[[], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    (folder / "filler").write_bytes(bytes(free))
    try:
        yield
    finally:
        (folder / "filler").unlink()


@contextlib.contextmanager
def no_file_may_grow() -> Iterator[None]:
    """What works without being root: files end at 200 bytes, in the middle of what is written."""
    resource = pytest.importorskip("resource", reason="this system has no such limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=["full disk", "limit of size"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "limit of size":
        yield Disk(folder, no_file_may_grow)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root, where the system allows it")
    yield Disk(folder, lambda: filled(folder))
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def measured(tiny: Path, tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("measured") / "run"
    tools.measure(tools.plan(tiny), out)
    return out


def table(folder: Path) -> Path:
    return pipeline.write_table(folder, "label_survival", "csv", pipeline.render_tables(folder)["label_survival"])


def chart(folder: Path) -> Path:
    return pipeline.draw(folder, only=["label_survival"], formats=["svg"])[0]


def report(folder: Path) -> Path:
    return pipeline.write_report(folder)


WRITERS = {"table": table, "chart": chart, "report": report}


@pytest.fixture(scope="module", params=WRITERS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def expected(kind: str, measured: Path) -> bytes:
    """The file as it comes out where there is room."""
    return WRITERS[kind](measured).read_bytes()


def test_no_half_table_chart_or_report(disk: Disk, measured: Path, kind: str, expected: bytes) -> None:
    ignored = shutil.ignore_patterns("tables", "charts", "report.html")
    out = Path(shutil.copytree(measured, disk.folder / "run", ignore=ignored))
    before = sorted(out.rglob("*.*"))
    with (
        disk.full(),
        pytest.raises(UserError, match=r"no space left on the disk of|cannot be written \(File too large"),
    ):
        WRITERS[kind](out)
    assert sorted(out.rglob("*.*")) == before
    assert WRITERS[kind](out).read_bytes() == expected


def test_no_half_shard_and_the_resumed_run_has_the_same_tables(disk: Disk, tiny: Path, measured: Path, tools) -> None:
    out, plan = disk.folder / "run", tools.plan(tiny)
    with disk.full(), pytest.raises(UserError, match=r"no space left on the disk of|cannot be written"):
        tools.measure(plan, out)
    assert [path for path in out.rglob("*.parquet")] == []
    assert [path for path in out.rglob(".*") if path.is_file()] == []
    tools.measure(plan, out)
    assert pipeline.render_tables(out) == pipeline.render_tables(measured)


def test_no_half_picture(disk: Disk, tools, tmp_path: Path, washtest) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "in.png").write_bytes(tools.encode(tools.texture(1), ".png"))
    target = disk.folder / "out.jpg"
    with disk.full():
        answer = washtest("attack", "Jpeg(quality=50)", photos / "in.png", target)
        with pytest.raises(UserError, match=r"no space left on the disk of|cannot be written"):
            import_folder(photos, disk.folder / "set", truth="human", source="x")
    assert (answer.code, answer.err.count("\n")) == (2, 1) and "out.jpg cannot be written" in answer.err
    assert [path for path in disk.folder.rglob("*") if path.is_file()] == []
    assert washtest("attack", "Jpeg(quality=50)", photos / "in.png", target).code == 0
    assert import_folder(photos, disk.folder / "set", truth="human", source="x") == (1, 0, [])


def test_picture_goes_into_a_pipe_and_through_a_link(tools, tmp_path: Path, washtest) -> None:
    (tmp_path / "in.png").write_bytes(tools.encode(tools.texture(1), ".png"))
    (tmp_path / "there.jpg").write_bytes(b"old")
    (tmp_path / "link.jpg").symlink_to("there.jpg")
    assert washtest("attack", "Jpeg(quality=50)", tmp_path / "in.png", tmp_path / "link.jpg").code == 0
    assert (tmp_path / "link.jpg").is_symlink() and (tmp_path / "there.jpg").read_bytes().startswith(b"\xff\xd8")
    os.mkfifo(tmp_path / "pipe.jpg")
    pipe = os.open(tmp_path / "pipe.jpg", os.O_RDWR)  # both ends, so that nobody waits
    try:
        assert washtest("attack", "Jpeg(quality=50)", tmp_path / "in.png", tmp_path / "pipe.jpg").code == 0
        assert os.read(pipe, 1 << 16) == (tmp_path / "there.jpg").read_bytes()
    finally:
        os.close(pipe)


def test_folder_that_vanishes_under_way_is_one_line_and_the_run_can_be_made_again(
    tiny: Path, measured: Path, tools, tmp_path: Path
) -> None:
    out, plan = tmp_path / "run", tools.plan(tiny)

    def take_it_away(views: int, errors: int) -> None:
        shutil.rmtree(out, ignore_errors=True)

    progress = Progress(lambda text: None, lambda total, done: None, take_it_away, lambda: None)
    with pytest.raises(UserError, match=r"cannot be written \(No such file or directory\); choose another --out"):
        run_plan(plan, out, LocalEngine(2), progress, "washtest run made-up")
    assert not out.exists()
    tools.measure(plan, out)
    assert pipeline.render_tables(out) == pipeline.render_tables(measured)
