"""What a run will cost is worked out from what one cost, to the number of rows and close to the processor's time."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench import records
from bench.harness.cache import cache_for
from bench.harness.cost import estimate, measured, worth_cutting

SETTINGS = {"attacks": ["Jpeg(quality=60)", "Blur"], "detectors": ["declared"], "regimes": ["native", "canonical"],
            "bundles": ["gb45438", "iptc"]}  # fmt: skip


@pytest.fixture(scope="module")
def run(tiny: Path, tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run; not to be changed."""
    out = tmp_path_factory.mktemp("cost") / "run"
    tools.measure(tools.plan(tiny, **SETTINGS), out)
    return out


@pytest.mark.parametrize("factor", [1, 1000])
def test_rows_are_those_of_a_run_of_that_size(run: Path, tiny: Path, tools, factor: int) -> None:
    plan = tools.plan(tiny, **SETTINGS)
    found = estimate(measured(run), plan.suite, plan.dataset, factor * len(plan.dataset.samples))
    real = tools.records(run)
    rows = {table: factor * len(getattr(real, table)) for table in records.TABLES}
    assert {table: found[table] for table in rows} == rows
    assert found["records"] == sum(rows.values())
    on_disk = sum(path.stat().st_size for path in (run / "records").rglob("*.parquet"))
    assert found["bytes"] == factor * on_disk


def test_hours_are_those_of_the_header_shared_out_by_the_records(run: Path, tiny: Path, tools) -> None:
    plan = tools.plan(tiny, **SETTINGS)
    found = estimate(measured(run), plan.suite, plan.dataset, len(plan.dataset.samples))
    counts = records.read_header(run)["counts"]
    hours = found["cpu_hours"]
    assert hours["total"] == pytest.approx(sum(spent for stage, spent in hours.items() if stage != "total"))
    # ``declared`` learns nothing, so that nothing is fitted.
    assert hours["fit"] == 0
    assert hours["total"] * 3600 == pytest.approx(counts["cpu_seconds"], rel=0.02)
    assert found["clock_hours"] * 3600 == pytest.approx(counts["busy_seconds"], rel=0.02)
    assert all(spent > 0 for stage, spent in hours.items() if stage != "fit")
    kinds = {kind: [part for part in found["parts"] if part["kind"] == kind] for kind in ("attack", "bundle", "regime")}
    assert {len(parts) for parts in kinds.values()} == {3, 2}
    for kind in ("bundle", "regime"):
        assert sum(part["share"] for part in kinds[kind]) == pytest.approx(1)
        assert sum(part["records_share"] for part in kinds[kind]) == pytest.approx(1)
    spent = [part["cpu_hours"] for part in found["parts"]]
    assert spent == sorted(spent, reverse=True)


def test_seconds_of_every_stage_are_in_the_records(run: Path, tools) -> None:
    views = tools.records(run).views
    firsts = views[views["seconds_prepare"].notna()]
    assert len(firsts) == len(views.groupby(["sample", "regime", "bundle"]))
    assert set(firsts["attack"]) == {"Identity()"}
    assert (firsts["seconds_prepare"] > 0).all()


def test_older_records_without_a_stage_are_counted_as_far_as_they_go(run: Path, tmp_path: Path, tools) -> None:
    import shutil

    import pyarrow.parquet as pq

    out = Path(shutil.copytree(run, tmp_path / "run"))
    for path in records.shard_files(out, "views"):
        for table in records.TABLES:
            file = out / "records" / table / path.name
            content = pq.read_table(file)
            if table == "views":
                content = content.drop(["seconds_prepare"])
            pq.write_table(content, file.with_name("older.parquet"))
            file.unlink()
    header = json.loads((out / "run.json").read_text())
    del header["counts"]
    (out / "run.json").write_text(json.dumps(header))
    costs = measured(out)
    assert costs.processor == 1
    assert sum(costs.seconds["prepare"].values()) == 0 < sum(costs.seconds["attack"].values())


def test_what_was_not_measured_is_named(run: Path, tiny: Path, tools) -> None:
    costs = measured(run)
    assert costs.lack(tools.plan(tiny, **SETTINGS).suite) == []
    other = tools.plan(tiny, **(SETTINGS | {"attacks": ["Png"], "detectors": ["declared", "header"]})).suite
    assert costs.lack(other) == [
        "header",
        "Png(compression=1) on none in native",
        "Png(compression=1) on none in canonical",
        "Png(compression=1) on gb45438 in native",
        "Png(compression=1) on gb45438 in canonical",
        "Png(compression=1) on iptc in native",
    ]


def test_fitting_has_a_part_that_does_not_grow_with_the_files(run: Path, tiny: Path, tools) -> None:
    plan = tools.plan(tiny, **(SETTINGS | {"detectors": ["header"]}))
    costs = replace(measured(run), fit=5.0, fit_each=0.25, train=10)
    train = sum(sample.split == "train" for sample in plan.dataset.samples)
    for factor in (1, 100):
        found = estimate(costs, plan.suite, plan.dataset, factor * len(plan.dataset.samples))
        assert found["cpu_hours"]["fit"] * 3600 == pytest.approx(2.5 + 0.25 * factor * train)


def test_seconds_a_train_file_leave_out_what_a_worker_does_once(tiny: Path, tools, tmp_path: Path) -> None:
    tools.measure(tools.plan(tiny, detectors=["header", "spectrum"]), tmp_path / "run", jobs=1)
    counts = records.read_header(tmp_path / "run")["counts"]
    costs = measured(tmp_path / "run")
    assert 0 < costs.fit_each == counts["fit_cpu_seconds_a_file"]
    assert costs.fit_each * costs.train < costs.fit == counts["fit_cpu_seconds"]


def test_what_a_cached_result_took_counts_and_not_reading_it(tiny: Path, tools, tmp_path: Path) -> None:
    plan = tools.plan(tiny, attacks=["PngPalette(colours=4)"])
    for name in ("first", "second"):
        tools.measure(plan, tmp_path / name, cache=cache_for(plan.suite.attacks, folder=tmp_path / "cache"))
    views = tools.records(tmp_path / "second").views.query("attack != 'Identity()'")
    spent = sum(
        seconds for cell, seconds in measured(tmp_path / "second").seconds["attack"].items() if "Png" in cell[2]
    )
    assert spent == pytest.approx(views["seconds_saved"].sum())


def test_only_what_costs_much_for_little_is_to_be_cut() -> None:
    def part(kind: str, name: str, share: float, records_share: float) -> dict:
        return {"kind": kind, "name": name, "share": share, "records_share": records_share}

    dear = [part("attack", "Slow()", 0.4, 0.1), part("detector", "slow", 0.2, 0.1)]
    fair = [
        part("attack", "Fair()", 0.1, 0.09),
        part("bundle", "small", 0.04, 0.01),
        part("regime", "native", 0.9, 0.1),
    ]
    assert worth_cutting([*dear, *fair, part("attack", "Identity()", 0.5, 0.1)], "Identity()") == dear


def test_plan_from_the_command_line(run: Path, tiny: Path, washtest, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--attack", "Jpeg(quality=60)", "--attack", "Blur", "--detector", "declared", "--bundle", "gb45438",
               "--bundle", "iptc"]  # fmt: skip
    answer = washtest(
        "plan", "quick", "--dataset", tiny, *options, "--from", run, "--samples", "1e6", "--jobs", 4, "--json"
    )
    found = answer.json
    assert (answer.code, found["samples"], found["jobs"]) == (0, 1_000_000, 4)
    assert found["wall_hours"] == pytest.approx(found["clock_hours"] / 4)
    assert found["measured_in"]["samples"] == 11
    said = washtest("plan", "quick", "--dataset", tiny, *options, "--from", run)
    assert [line.split("\t")[0] for line in said.out.split("\n\n")[1].splitlines()] == [
        "stage", "fit", "prepare", "attack", "decode", "quality", "readings", "detectors", "total",
    ]  # fmt: skip
    assert f"measured on 11 samples in {run}; views of 0.028 megapixels on average" in said.err
    answer = washtest("plan", "quick", "--dataset", tiny, "--from", run)
    assert answer.code == 2 and "has nothing measured of" in answer.err and answer.err.count("\n") == 1
    answer = washtest("plan", "--samples", "many")
    assert answer.code == 2 and "'many' is not a whole number of 1 or more, such as 250000 or 1e6" in answer.err


def test_without_an_earlier_run_a_handful_is_measured(tiny: Path, washtest, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer = washtest("plan", "quick", "--dataset", tiny, "--attack", "Png", "--detector", "declared", "-q", "--json")
    assert answer.code == 0
    found = answer.json
    assert found["samples"] == 21
    assert found["measured_in"]["note"] == "measured just now on 9 samples of tiny"
    assert found["views"] == 2 * 2 * 7 + 4 * 2
    assert not Path("runs").exists()
