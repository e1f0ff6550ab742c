"""A divided run, merged, is the run: same records, same models, same tables; and runs that do not belong together are
refused."""

import json
import multiprocessing
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from bench import records
from bench.analysis.pipeline import render_tables
from bench.errors import UserError
from bench.harness import store as store_module
from bench.harness.merge import merge
from bench.harness.merge_header import COUNTED
from bench.harness.plan import Plan, make_plan
from bench.harness.shards import Shard

EVERYTHING = {"attacks": ["Jpeg(quality=60)", "Noise"], "detectors": ["declared", "spectrum"],
              "regimes": ["native", "canonical"]}  # fmt: skip
COMMAND = "washtest merge"


def shard_plan(tools, dataset: Path, index: int, of: int, **changes) -> Plan:
    whole = tools.plan(dataset, **(EVERYTHING | changes))
    return make_plan(whole.suite, whole.dataset, None, Shard(index, of))


@pytest.fixture(scope="module")
def runs(tiny: Path, tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``whole``, and ``1``, ``2``, ``3`` of three; not to be changed."""
    folder = tmp_path_factory.mktemp("sharded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "SHARD_VIEWS", 8)
        tools.measure(tools.plan(tiny, **EVERYTHING), folder / "whole")
        for i in (1, 2, 3):
            tools.measure(shard_plan(tools, tiny, i, 3), folder / str(i))
        tools.measure(tools.plan(tiny, **(EVERYTHING | {"detectors": ["declared"]})), folder / "declared")
        tools.measure(tools.plan(tiny, **(EVERYTHING | {"detectors": ["spectrum"]})), folder / "others")
    return folder


def parts(runs: Path, *names: object) -> list[Path]:
    return [runs / str(name) for name in names or (1, 2, 3)]


def test_models_are_the_same_in_every_shard(runs: Path) -> None:
    names = sorted(path.name for path in (runs / "whole" / "models").iterdir())
    assert len(names) == 2
    for folder in parts(runs):
        assert sorted(path.name for path in (folder / "models").iterdir()) == names
        for name in names:
            assert (folder / "models" / name).read_bytes() == (runs / "whole" / "models" / name).read_bytes()
    headers = [records.read_header(folder) for folder in [runs / "whole", *parts(runs)]]
    assert len({json.dumps(header["detectors"]) for header in headers}) == 1
    assert all(len(d["models"]) == 2 for d in headers[0]["detectors"] if d["trained"])


def test_merged_shards_give_the_tables_of_the_whole_run_byte_for_byte(runs: Path, tools, tmp_path: Path) -> None:
    assert merge(parts(runs, 3, 1, 2), tmp_path / "merged", COMMAND) == []
    tools.assert_same_records(tmp_path / "merged", runs / "whole")
    assert render_tables(tmp_path / "merged") == render_tables(runs / "whole")
    header = records.read_header(tmp_path / "merged")
    assert header["finished"] == max(records.read_header(folder)["finished"] for folder in parts(runs))
    assert [part["shard"]["index"] for part in header["merged_from"]] == [3, 1, 2]
    assert header["settings"] == records.read_header(runs / "whole")["settings"]
    names = {path.name for folder in parts(runs) for path in records.shard_files(folder, "views")}
    assert {path.name for path in records.shard_files(tmp_path / "merged", "views")} == names  # copied as they were


def test_merged_run_is_a_run_and_nothing_of_it_is_measured_again(runs: Path, tiny: Path, tools, tmp_path: Path) -> None:
    merge(parts(runs), tmp_path / "merged", COMMAND)
    outcome = tools.measure(tools.plan(tiny, **EVERYTHING), tmp_path / "merged")
    assert (outcome.done, outcome.skipped) == (0, 11)
    shutil.copytree(runs / "2", tmp_path / "2")
    with pytest.raises(UserError, match="shard: 2 of 3 there, none now"):
        tools.measure(tools.plan(tiny, **EVERYTHING), tmp_path / "2")


def test_missing_shards_are_said_and_can_be_added_later(runs: Path, tools, tmp_path: Path) -> None:
    out = tmp_path / "merged"
    assert merge(parts(runs, 1, 3), out, COMMAND) == ["1 of 3 shards are missing: 2"]
    header = records.read_header(out)
    assert header["finished"] is None
    assert header["warnings"] == ["1 of 3 shards are missing: 2"]
    assert header["planned"] == records.read_header(runs / "whole")["planned"]
    assert merge([*parts(runs, 2), out], tmp_path / "all", COMMAND) == []
    assert records.read_header(tmp_path / "all")["warnings"] == []
    assert merge(parts(runs), out, COMMAND) == []
    for merged in (tmp_path / "all", out):
        assert render_tables(merged) == render_tables(runs / "whole")


def test_unfinished_run_is_said(runs: Path, tmp_path: Path) -> None:
    half = Path(shutil.copytree(runs / "2", tmp_path / "half"))
    header = json.loads((half / "run.json").read_text())
    (half / "run.json").write_text(json.dumps(header | {"finished": None}))
    said = merge([*parts(runs, 1, 3), half], tmp_path / "merged", COMMAND)
    assert len(said) == 1 and said[0].endswith("(shard 2 of 3) was not finished")


def test_runs_of_other_detectors_become_one(runs: Path, tools, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(store_module, "SHARD_VIEWS", 10)
    assert merge(parts(runs, "declared", "others"), tmp_path / "merged", COMMAND) == []
    tools.assert_same_records(tmp_path / "merged", runs / "whole")
    assert render_tables(tmp_path / "merged") == render_tables(runs / "whole")
    before = {path: path.read_bytes() for path in (tmp_path / "merged").rglob("*") if path.is_file()}
    merge(parts(runs, "declared", "others"), tmp_path / "merged", COMMAND)
    assert {path: path.read_bytes() for path in (tmp_path / "merged").rglob("*") if path.is_file()} == before


def test_runs_joined_in_parts_are_those_joined_at_once(runs: Path, tools, tmp_path: Path, monkeypatch) -> None:
    merge(parts(runs, "declared", "others"), tmp_path / "at-once", COMMAND)
    monkeypatch.setattr("bench.harness.merge.JOINED_AT_ONCE", 50)
    merge(parts(runs, "declared", "others"), tmp_path / "in-parts", COMMAND)
    tools.assert_same_records(tmp_path / "in-parts", tmp_path / "at-once")
    shards = [len(records.shard_files(tmp_path / name, "views")) for name in ("at-once", "in-parts")]
    assert shards[0] < shards[1]


def test_shards_of_other_detectors_join_and_gaps_are_named(runs: Path, tmp_path: Path) -> None:
    said = merge(parts(runs, "declared", 1, 2), tmp_path / "merged", COMMAND)
    assert len(said) == 1
    assert said[0].startswith("1 of 3 shards with Declared() ") and said[0].endswith(" are missing: 3")


def test_run_given_twice_is_taken_once_and_named(runs: Path, tools, tmp_path: Path) -> None:
    whole, copy = runs / "whole", Path(shutil.copytree(runs / "whole", tmp_path / "copy"))
    name = records.read_header(whole)["run"]
    said: list[str] = []
    assert merge([whole, copy], tmp_path / "copies", COMMAND, said.append) == []
    assert said == [f"run {name} is in {whole} and in {copy}; it is taken once"]
    said.clear()
    assert merge([whole, runs / "1" / ".." / "whole"], tmp_path / "twice", COMMAND, said.append) == []
    assert len(said) == 1 and said[0].endswith("whole is named 2 times; it is taken once")
    for merged in (tmp_path / "copies", tmp_path / "twice"):
        tools.assert_same_records(merged, whole)
        counts = records.read_header(whole)["counts"]
        assert records.read_header(merged)["counts"] == {key: counts[key] for key in COUNTED}


def test_of_two_copies_of_a_run_the_finished_one_tells_and_both_give_their_records(
    runs: Path, tools, tmp_path: Path
) -> None:
    half = edited(runs / "whole", tmp_path / "half", lambda header: header.update(finished=None, counts={}))
    with store_module.Store(half) as store:
        store.remove(records.shard_files(half, "views")[0].name)
    assert merge([half, runs / "whole"], tmp_path / "merged", COMMAND) == []
    tools.assert_same_records(tmp_path / "merged", runs / "whole")
    assert render_tables(tmp_path / "merged") == render_tables(runs / "whole")


def test_merge_with_a_part_of_it_again_counts_that_part_once(runs: Path, tools, tmp_path: Path) -> None:
    merge(parts(runs, 1, 3), tmp_path / "two", COMMAND)
    said: list[str] = []
    assert merge([*parts(runs), tmp_path / "two"], tmp_path / "all", COMMAND, said.append) == []
    assert [line.partition(" (")[2] for line in said] == [
        f"shard {i} of 3) is in {runs / str(i)} and in {tmp_path / 'two'}; it is taken once" for i in (1, 3)
    ]
    tools.assert_same_records(tmp_path / "all", runs / "whole")
    spent = [records.read_header(folder)["counts"]["cpu_seconds"] for folder in parts(runs)]
    assert records.read_header(tmp_path / "all")["counts"]["cpu_seconds"] == pytest.approx(sum(spent), abs=0.002)


def test_one_shard_alone_is_merged_and_the_others_are_missing(runs: Path, tmp_path: Path) -> None:
    assert merge(parts(runs, 2), tmp_path / "merged", COMMAND) == ["2 of 3 shards are missing: 1, 3"]
    assert records.read_header(tmp_path / "merged")["planned"] == records.read_header(runs / "whole")["planned"]


def with_more(folder: Path, out: Path, table: str, column: str, more: float) -> Path:
    """A copy of a run whose values in a column are larger by so much."""
    import pyarrow.parquet as pq

    shutil.copytree(folder, out)
    with store_module.Store(out) as store:
        for path in records.shard_files(out, "views"):
            files = [out / "records" / table / path.name for table in records.TABLES]
            rows = {t: pq.read_table(file).to_pylist() for t, file in zip(records.TABLES, files, strict=True)}
            for row in rows[table]:
                row[column] = None if row[column] is None else row[column] + more
            store.remove(path.name)
            store.commit(store_module.parquet_files(rows))
    return out


def test_last_digits_of_ssim_are_no_contradiction(runs: Path, tools, tmp_path: Path) -> None:
    other = with_more(runs / "others", tmp_path / "other", "views", "ssim", 7e-7)
    assert merge([runs / "declared", other], tmp_path / "merged", COMMAND) == []
    assert merge([runs / "declared", runs / "others"], tmp_path / "same", COMMAND) == []
    tools.assert_same_records(tmp_path / "merged", tmp_path / "same")


def test_runs_that_contradict_each_other_are_refused(runs: Path, tmp_path: Path) -> None:
    other = with_more(runs / "declared", tmp_path / "other", "scores", "value", 0.5)
    with pytest.raises(UserError) as raised:
        merge([runs / "declared", other], tmp_path / "merged", COMMAND)
    message = str(raised.value)
    assert "contradict each other in 50 scores, e.g. declared after " in message
    assert "value is " in message and "\n" not in message


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 3}, "(seed: 0 and 3)"),
        ({"attacks": ["Jpeg(quality=60)", "Blur"]}, "(attacks: ['Noise(sigma=0.05)'] and ['Blur(sigma=1.0)'])"),
        ({"regimes": ["native"]}, "regimes"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_runs_of_other_settings_are_refused(runs: Path, tiny: Path, tools, tmp_path: Path, change, named) -> None:
    plan = tools.plan(tiny, **(EVERYTHING | {"detectors": ["declared"]} | change))
    tools.measure(plan, tmp_path / "other")
    with pytest.raises(UserError) as raised:
        merge([runs / "1", tmp_path / "other"], tmp_path / "merged", COMMAND)
    assert "are runs with different settings" in str(raised.value) and named in str(raised.value)
    assert not (tmp_path / "merged").exists()


def edited(folder: Path, out: Path, change) -> Path:
    shutil.copytree(folder, out)
    header = json.loads((out / "run.json").read_text())
    change(header)
    (out / "run.json").write_text(json.dumps(header))
    return out


def test_other_versions_models_and_divisions_are_refused_by_name(runs: Path, tmp_path: Path) -> None:
    def numpy(header) -> None:
        header["settings"]["versions"]["numpy"] = "1.0"

    def model(header) -> None:
        header["detectors"][1]["models"]["native"] = "0" * 64

    def division(header) -> None:
        header["shard"]["of"] = 4

    for change, said in (
        (numpy, r"different settings \(versions, numpy: \S+ and 1\.0\)"),
        (model, r"detector spectrum of .* learnt different models; fit on one machine"),
        (division, "shards of 3 and 4 parts were cut differently"),
    ):
        other = edited(runs / "2", tmp_path / change.__name__, change)
        with pytest.raises(UserError, match=said):
            merge([runs / "1", other], tmp_path / "merged", COMMAND)
    assert not (tmp_path / "merged").exists()


def test_merge_into_a_run_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is one of the runs to be merged; choose another --out"):
        merge(parts(runs), runs / "2", COMMAND)
    own = Path(shutil.copytree(runs / "whole", tmp_path / "own"))
    with pytest.raises(UserError, match="holds a run that is no merge of these; choose another --out"):
        merge(parts(runs), own, COMMAND)


def test_damaged_source_is_named_with_the_command_that_mends_it(runs: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(runs / "2", tmp_path / "2"))
    shard = records.shard_files(broken, "scores")[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 4
    shard.write_bytes(data)
    with pytest.raises(UserError, match=rf"shard {shard.name} of {broken} is damaged .*: washtest run made-up"):
        merge([*parts(runs, 1, 3), broken], tmp_path / "merged", COMMAND)
    assert not (tmp_path / "merged").exists() or records.read_header(tmp_path / "merged")["finished"] is None


def _merge_and_die(folders: list[Path], out: Path, after: int) -> None:
    """Merge in this process, which is killed just before its n-th file is put in place."""
    replace, count = Path.replace, 0

    def dying(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count > after:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)

    Path.replace = dying  # type: ignore[method-assign]
    merge(folders, out, COMMAND)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
@pytest.mark.parametrize(("names", "after"), [((1, 2, 3), n) for n in (0, 4, 5, 9)] + [(("declared", "others"), 4)])
def test_killed_merge_goes_on_to_the_same_tables(runs: Path, tools, tmp_path: Path, names, after: int) -> None:
    out = tmp_path / "merged"
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_merge_and_die, args=(parts(runs, *names), out, after))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not (out / "run.json").exists() or records.read_header(out)["finished"] is None
    assert merge(parts(runs, *names), out, COMMAND) == []
    tools.assert_same_records(out, runs / "whole")
    assert [path for path in (out / "records").rglob(".*") if path.is_file()] == []


def test_shard_and_merge_from_the_command_line(runs: Path, tiny: Path, washtest, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer = washtest("run", "quick", "--dataset", tiny, "--attack", "Png", "--detector", "declared", "--jobs", 0,
                      "--shard", "2/2", "--progress", "jsonl")  # fmt: skip
    assert answer.code == 0
    (folder,) = Path("runs").iterdir()
    assert re.fullmatch("quick-tiny-[0-9a-f]{6}-shard-2-of-2", folder.name)
    assert answer.out.splitlines()[0] == f"report\t{folder / 'report.html'}"
    said = [json.loads(line) for line in answer.err.splitlines()]
    last = [line for line in said if "done" in line][-1]
    assert last["done"] == last["total"] > 0 and last["errors"] == 0 and last["rate"] > 0 and last["eta_s"] == 0
    assert said[-1] == {"message": "writing tables, charts and report"}
    answer = washtest("merge", *parts(runs, 1, 3), "--out", "merged")
    assert answer.code == 1
    assert answer.err.splitlines()[0] == "warning: 1 of 3 shards are missing: 2"
    assert "unfinished" in Path("merged/report.html").read_text("utf-8")
    answer = washtest("run", "--shard", "3/2")
    assert (answer.code, answer.err) == (2, "washtest: shard must be i/n with i in 1..n, such as 2/8, got '3/2'\n")
