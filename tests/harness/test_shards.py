"""A divided run: every family in one shard, all shards together the run."""

from pathlib import Path

import pytest

from bench.errors import UserError
from bench.harness.plan import Plan, make_plan
from bench.harness.shards import Shard, parse_shard

EVERYTHING = {"attacks": ["Jpeg(quality=60)", "Noise"], "detectors": ["declared", "spectrum"],
              "regimes": ["native", "canonical"]}  # fmt: skip


def shard_plan(tools, dataset: Path, index: int, of: int, **changes) -> Plan:
    whole = tools.plan(dataset, **(EVERYTHING | changes))
    return make_plan(whole.suite, whole.dataset, None, Shard(index, of))


@pytest.mark.parametrize("of", [1, 2, 3, 50])
def test_every_family_is_in_one_shard_and_all_train_samples_are_in_each(tiny: Path, tools, of: int) -> None:
    whole = tools.plan(tiny, **EVERYTHING)
    plans = [shard_plan(tools, tiny, i, of) for i in range(1, of + 1)]
    assert sorted(t.sample.id for plan in plans for t in plan.tasks) == sorted(t.sample.id for t in whole.tasks)
    keys = {view.key for task in whole.tasks for view in task.views}
    assert {view.key for plan in plans for task in plan.tasks for view in task.views} == keys
    assert all(plan.samples == whole.samples for plan in plans)
    assert all(Shard(1, 7).holds(f"f{n}") == Shard(1, 7).holds(f"f{n}") for n in range(9))


def test_shards_are_of_about_equal_size() -> None:
    sizes = [sum(Shard(i, 8).holds(f"family-{n}") for n in range(4000)) for i in range(1, 9)]
    assert sum(sizes) == 4000
    assert min(sizes) > 420 and max(sizes) < 580


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "2", "1/0", "-1/2", "a/b", "1/2/3", "1 / 2", "\u0661/\u0662"])
def test_shard_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(UserError, match=r"shard must be i/n with i in 1..n, such as 2/8, got "):
        parse_shard(text)
