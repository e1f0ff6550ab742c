"""What the analysis is given does not depend on how the shards were written, and damage is one clear line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import records
from bench.errors import UserError


@pytest.fixture(scope="module")
def run(tiny: Path, tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run; not to be changed."""
    out = tmp_path_factory.mktemp("records") / "run"
    tools.measure(tools.plan(tiny, attacks=["Png", "Jpeg"], regimes=["native", "canonical"]), out)
    return out


def assert_loads_alike(one: Path, other: Path) -> None:
    first, second = records.load(one), records.load(other)
    for name in records.TABLES:
        frames = [getattr(loaded, name) for loaded in (first, second)]
        texts = [f.astype({c: str for c in f if isinstance(f[c].dtype, pd.CategoricalDtype)}) for f in frames]
        pd.testing.assert_frame_equal(*(f[[c for c in f if not c.startswith("seconds")]] for f in texts), obj=name)


def test_order_does_not_depend_on_shards(run: Path, tiny: Path, tools, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("bench.harness.store.SHARD_VIEWS", 1)
    monkeypatch.setattr("bench.harness.store.JOINED_VIEWS", 1)
    plan = tools.plan(tiny, attacks=["Png", "Jpeg"], regimes=["native", "canonical"])
    tools.measure(plan, tmp_path / "run", jobs=2)
    assert len(records.shard_files(tmp_path / "run", "views")) == len(plan.tasks)
    assert_loads_alike(run, tmp_path / "run")


def test_rows_follow_the_regimes_the_attacks_and_the_samples(run: Path) -> None:
    views = records.load(run).views
    order = {"native": 0, "canonical": 1}, {"Identity()": 0, "Png(compression=1)": 1, "Jpeg(quality=90)": 2}
    keys = [
        (order[0][r], order[1][a], s) for r, a, s in zip(views["regime"], views["attack"], views["sample"], strict=True)
    ]
    assert keys == sorted(keys)


def test_same_views_in_two_shards_count_once(run: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(run, tmp_path / "run"))
    for table in records.TABLES:
        shard = records.shard_files(out, table)[0]
        shutil.copyfile(shard, shard.with_name("zz.parquet"))
    assert_loads_alike(run, out)


def test_shard_with_a_name_of_its_own_is_read_and_its_damage_is_one_line(run: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(run, tmp_path / "run"))
    for table in records.TABLES:
        shard = records.shard_files(out, table)[0]
        shard.rename(shard.with_name("by-hand.parquet"))
    assert_loads_alike(run, out)
    shard = out / "records" / "scores" / "by-hand.parquet"
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(UserError, match=r"^shard by-hand.parquet of .* is damaged \(.*\); the same run mends it: wash"):
        records.load(out)


def test_shard_that_lost_a_file_is_one_line(run: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(run, tmp_path / "run"))
    records.shard_files(out, "scores")[0].unlink()
    with pytest.raises(UserError, match=r"is damaged \(No such file or directory\); the same run mends it"):
        records.load(out)


def test_shard_without_its_views_does_not_count(run: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(run, tmp_path / "run"))
    for table in ("readings", "scores"):
        shard = records.shard_files(out, table)[0]
        shutil.copyfile(shard, shard.with_name("zz.parquet"))
    (out / "records" / "views" / ".zz.parquet.123").write_bytes(b"half")
    assert_loads_alike(run, out)


def test_damaged_shard_is_one_line_and_the_same_run_mends_it(run: Path, tiny: Path, tools, tmp_path: Path) -> None:
    out = Path(shutil.copytree(run, tmp_path / "run"))
    rng = np.random.default_rng(0)
    refused = 0
    for table in records.TABLES:
        shard = records.shard_files(out, table)[0]
        whole = shard.read_bytes()
        for place in rng.choice(len(whole), 60, replace=False):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << int(rng.integers(8))
            shard.write_bytes(damaged)
            try:
                records.load(out)
            except UserError as error:
                refused += 1
                assert str(error) == (
                    f"shard {shard.name} of {out} is damaged (its files do not match the hash in their name); "
                    "the same run mends it: washtest run made-up"
                )
        shard.write_bytes(whole[: len(whole) // 2])  # the run below finds the last damage of each file
    assert refused == 3 * 60
    tools.measure(tools.plan(tiny, attacks=["Png", "Jpeg"], regimes=["native", "canonical"]), out)
    tools.assert_same_records(run, out)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "holds no run (no run.json); make one with: washtest run --out"),
        ("{", "cannot be read as a run header"),
        ("[]", "cannot be read as a run header"),
        ("{}", "cannot be read as a run header"),
        (json.dumps({"schema_version": 0}), "run the suite again into a new folder (--out)"),
        (json.dumps({"schema_version": 10**6}), "upgrade washtest to read it"),
    ],
)
def test_header_that_is_none_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError) as raised:
        records.load(tmp_path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("change", "mend"), [(-1, "run the suite again into a new folder"), (1, "upgrade washtest")])
def test_every_command_on_a_run_of_another_schema_says_what_to_do(
    run: Path, tiny: Path, tools, washtest, tmp_path: Path, change: int, mend: str
) -> None:
    out = Path(shutil.copytree(run, tmp_path / "run"))
    header = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(header | {"schema_version": records.SCHEMA_VERSION + change}))
    commands = [[name, out] for name in ("tables", "charts", "report")]
    commands += [["run", "--dataset", tiny, "--out", out, "-q"], ["plan", "--dataset", tiny, "--from", out]]
    for command in [*commands, ["merge", run, out, "--out", tmp_path / "merged"]]:
        answer = washtest(*command)
        assert (answer.code, answer.err.count("\n")) == (2, 1), command
        assert mend in answer.err
