"""Shards are whole or not there: whatever happens to the files, it is noticed and the views are made again."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UserError
from bench.files import replacing, write_whole, writing
from bench.harness import store as store_module
from bench.harness.store import Store
from bench.records import SCHEMA_VERSION, TABLES, load, shard_files


def rows(*keys: str) -> dict[str, list[dict]]:
    return {
        "views": [{"key": key, "sample": f"s-{key}", "psnr": 30.5, "bytes": 10, "status": "ok"} for key in keys],
        "readings": [{"key": key, "label": "iptc", "state": "intact", "written": True} for key in keys],
        "scores": [{"key": key, "detector": "declared", "value": 1.0, "status": "ok"} for key in keys],
    }


def filled(folder: Path, *shards: tuple[str, ...]) -> Path:
    with Store(folder) as store:
        for keys in shards:
            store.add(rows(*keys))
            store.flush()
    return folder


def done(folder: Path) -> set[str]:
    with Store(folder) as store:
        return store.done()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "records").rglob("*") if path.is_file())


def test_flushed_keys_are_done_and_buffered_ones_are_not(tmp_path: Path) -> None:
    with Store(tmp_path / "run") as store:
        assert store.done() == set()
        store.add(rows("a", "b"))
        store.flush()
        store.add(rows("c"))
        assert store.done() == {"a", "b"}
    assert done(tmp_path / "run") == {"a", "b"}
    assert len(files(tmp_path / "run")) == 3


def test_flush_of_nothing_writes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "run") as store:
        store.flush()
    assert files(tmp_path / "run") == []


def test_shards_are_closed_by_size_and_by_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SHARD_VIEWS", 3)
    with Store(tmp_path / "size") as store:
        for key in "abcde":
            store.add(rows(key))
        assert store.done() == {"a", "b", "c"}
    monkeypatch.setattr(store_module, "SHARD_SECONDS", 0.0)
    with Store(tmp_path / "age") as store:
        store.add(rows("a"))
        assert store.done() == {"a"}


def test_columns_are_those_of_the_schema_with_nulls_where_nothing_was_said(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    folder = filled(tmp_path / "run", ("a",))
    for table, columns in TABLES.items():
        read = pq.read_table(shard_files(folder, table)[0])
        assert {field.name: str(field.type).replace("double", "float64") for field in read.schema} == columns
        assert read.num_rows == 1
    view = pq.read_table(shard_files(folder, "views")[0]).to_pylist()[0]
    assert (view["psnr"], view["width"], view["code"]) == (30.5, None, None)


@pytest.mark.parametrize("table", list(TABLES))
@pytest.mark.parametrize("how", ["truncated", "emptied", "removed", "swapped", "lengthened"])
def test_damaged_shard_is_removed_whole_and_the_others_stay(tmp_path: Path, table: str, how: str) -> None:
    folder = filled(tmp_path / "run", ("a", "b"), ("c", "d"))
    victim, other = shard_files(folder, table)
    data = victim.read_bytes()
    if how == "removed":
        victim.unlink()
    else:
        changed = {
            "truncated": data[: len(data) // 2],
            "emptied": b"",
            "swapped": other.read_bytes(),
            "lengthened": data + b"\0",
        }
        victim.write_bytes(changed[how])
    left = done(folder)
    assert left in ({"a", "b"}, {"c", "d"})
    assert len(files(folder)) == 3
    assert {path.name for path in files(folder)} == {other.name}


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    folder = filled(tmp_path / "run", tuple("abcdefgh"))
    rng = np.random.default_rng(0)
    originals = {path: path.read_bytes() for path in files(folder)}
    for path, data in originals.items():
        for place in rng.choice(len(data), 40, replace=False):
            damaged = bytearray(data)
            damaged[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(damaged)
            assert done(folder) == set()
            assert files(folder) == []
            for other, whole in originals.items():
                other.write_bytes(whole)
    assert done(folder) == set("abcdefgh")


def test_leftovers_of_a_killed_run_are_cleared_away(tmp_path: Path) -> None:
    folder = filled(tmp_path / "run", ("a",))
    kept = files(folder)
    for table in ("readings", "scores"):  # written, and killed before their views
        (folder / "records" / table / "0123456789abcdef.parquet").write_bytes(kept[0].read_bytes())
    (folder / "records" / "views" / ".0123456789abcdef.parquet.4711").write_bytes(b"half")
    assert done(folder) == {"a"}
    assert files(folder) == kept


def test_temporary_files_of_dead_processes_go_and_of_living_ones_stay(tmp_path: Path) -> None:
    folder = filled(tmp_path / "run", ("a",))
    dead = subprocess.Popen(["true"])
    dead.wait()
    living, kept = folder / f".run.json.{os.getppid()}", folder / ".analysis.json"
    for path in (folder / f".run.json.{dead.pid}", living, kept):
        path.write_text("half")
    done(folder)
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted([living.name, kept.name, "lock"])


def test_text_that_is_no_unicode_does_not_lose_the_shard(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    odd = rows("a")
    odd["readings"][0]["detail"] = "half a pair: \ud800"
    with Store(tmp_path / "run") as store:
        store.add(odd)
        store.flush()
    read = pq.read_table(shard_files(tmp_path / "run", "readings")[0])
    assert read["detail"].to_pylist() == ["half a pair: \\ud800"]


def test_header_is_whole_and_reads_back(tmp_path: Path) -> None:
    header = {"command": "washtest run caf\udce9", "dataset": "水洗标", "n": 1}
    with Store(tmp_path / "run") as store:
        store.write_header(header)
    assert json.loads((tmp_path / "run" / "run.json").read_text("utf-8")) == header
    assert [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")] == []


def test_second_run_on_a_folder_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    with Store(tmp_path / "run"):
        with pytest.raises(UserError, match="is being written by another run; wait for it or choose another --out"):
            Store(tmp_path / "run").__enter__()
    with Store(tmp_path / "run"):
        pass


def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/no-such/run")):
        with pytest.raises(UserError, match=r"cannot be written .*; choose another --out"):
            Store(folder).__enter__()


def test_half_a_file_is_never_seen(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "before")
    with pytest.raises(RuntimeError), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of wh")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"


def test_other_errors_are_not_dressed_up(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing(tmp_path):
        _ = 1 / 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root, where the system allows it")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """A file that leaves so many bytes of the disk free."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(bytes(max(0, free - leave)))
    return filler


@pytest.mark.parametrize("leave", [0, 4096, 8192, 16384])
def test_full_disk_is_one_line_and_leaves_nothing_behind(
    small_disk: Path, tiny: Path, tmp_path: Path, tools, leave: int
) -> None:
    out = small_disk / "run"
    plan = tools.plan(tiny)
    with Store(out) as store:  # the folders
        store.done()
    filler = fill(small_disk, leave)
    with pytest.raises(
        UserError, match=r"no space left on the disk of .*; free some space and run the same command again"
    ):
        tools.measure(plan, out)
    assert [path for path in out.rglob(".*") if path.is_file()] == []
    filler.unlink()
    tools.measure(plan, out)
    tools.measure(plan, tmp_path / "undisturbed")
    tools.assert_same_records(out, tmp_path / "undisturbed")


def test_read_only_disk_is_one_line_before_any_work(small_disk: Path, tiny: Path, tools) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(UserError, match=r"cannot be written \(Read-only file system\); choose another --out"):
        tools.measure(tools.plan(tiny), small_disk / "run")


def test_disk_that_becomes_read_only_is_one_line(small_disk: Path, tiny: Path, tools) -> None:
    tools.measure(tools.plan(tiny), small_disk / "run")
    shard_files(small_disk / "run", "views")[0].unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(UserError, match="cannot be written"):
        tools.measure(tools.plan(tiny), small_disk / "run")


def test_shards_of_a_finished_run_are_joined_without_losing_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(store_module, "JOINED_VIEWS", 5)
    filled(tmp_path, ("a", "b"), ("c",), ("d", "e"), ("f", "g", "h", "i"), ("j",))
    with Store(tmp_path) as store:
        store.compact()
        sizes = [pq.read_metadata(path).num_rows for path in shard_files(tmp_path, "views")]
        assert len(sizes) < 5 and max(sizes) <= 5
    assert done(tmp_path) == set("abcdefghij")
    for table in TABLES:
        assert sum(pq.read_metadata(path).num_rows for path in shard_files(tmp_path, table)) == 10


def test_killed_between_joining_and_removing_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, ("a", "b"), ("c",))
    with monkeypatch.context() as patch, Store(tmp_path) as store:
        patch.setattr(Store, "remove", lambda self, name: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.compact()
    assert len(shard_files(tmp_path, "views")) == 3 and done(tmp_path) == {"a", "b", "c"}
    header = {"schema_version": SCHEMA_VERSION, "attacks": []}
    write_whole(tmp_path / "run.json", json.dumps(header))
    run = load(tmp_path)
    assert (len(run.views), len(run.readings), len(run.scores)) == (3, 3, 3)
    with Store(tmp_path) as store:
        store.compact()
    again = load(tmp_path)
    assert again.views.equals(run.views) and again.scores.equals(run.scores)


#: Counts this process's threads before and after it looks at what the store in ``sys.argv[1]`` holds.
COUNT_THREADS = """
import os, sys
from pathlib import Path
import numpy, pyarrow.parquet
from bench.harness.store import Store

threads = len(os.listdir("/proc/self/task"))
with Store(Path(sys.argv[1])) as store:
    keys = len(store.done())
print(keys, len(os.listdir("/proc/self/task")) - threads)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not list threads in /proc")
def test_looking_at_shards_starts_no_threads(tmp_path: Path) -> None:
    """A thread of Arrow's that lets go of Python's bytes while the interpreter leaves aborts the process."""
    folder = filled(tmp_path / "run", ("a", "b"), ("c",))
    command = [sys.executable, "-c", COUNT_THREADS, str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["3", "0"], answer.stdout
