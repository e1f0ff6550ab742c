"""The platform's command: rows for programs, a table for people, and mistakes answered in one line."""

from pathlib import Path

import pytest

from bench.cli.policy import _three_digits
from bench.harness.plan import Bundle
from bench.labels import GB45438

DAY = ("--posts-per-day", "1000000", "--ai-share", "0.1")


@pytest.fixture(scope="module")
def folder(tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve test files of each class, labelled, after one attack; a detector that flags every AI file."""
    base = tmp_path_factory.mktemp("policy")
    counts = {"calibration": 20, "test": 12}
    entries = [{"truth": t, "split": s} for s, n in counts.items() for t in ("human", "ai") for _ in range(n)]
    (base / "flat.py").write_text("def score(paths):\n    return [0.0 for _ in paths]\n", "utf-8")
    plan = tools.plan(
        tools.make_dataset(base / "set", entries), detectors=[f"{base / 'flat.py'}:score", "header"],
        alphas=(0.05,), objects={"bundles": (Bundle("metadata", (GB45438(),)),)},
    )  # fmt: skip
    tools.measure(plan, base / "run")
    return base / "run"


def test_rows_are_tab_separated_and_the_caption_stands_apart(washtest, folder: Path) -> None:
    answer = washtest("policy", folder, *DAY)
    assert answer.code == 0
    head, *rows = [line.split("\t") for line in answer.out.splitlines()]
    assert len(rows) == 4 and all(len(row) == len(head) for row in rows)
    found = {(row[0] == "none", row[head.index("attack")]): dict(zip(head, row, strict=True)) for row in rows}
    stripped = next(row for (alone, attack), row in found.items() if alone and attack != "Identity()")
    assert (stripped["misses"], stripped["wrong_flags"], stripped["precision"]) == ("80000", "0", "")
    assert found[True, "Identity()"]["misses"] == "0"
    assert "not from the platform's own traffic" in answer.err and "20 % of the authors" in answer.err


def test_declarations_lessen_misses(washtest, folder: Path) -> None:
    def misses(rate: str) -> list[int]:
        rows = washtest("policy", folder, *DAY, "--declaration-rate", rate, "--detector", "none", "--json").json["rows"]
        return [row["misses"] for row in rows]

    assert [misses(rate) for rate in ("0", "0.5", "1")] == [[0, 100_000], [0, 50_000], [0, 0]]


def test_json_has_null_for_what_is_blank(washtest, folder: Path) -> None:
    found = washtest("policy", folder, *DAY, "--review-minutes", "2", "--json").json
    assert found["settings"] == {
        "posts_per_day": 1_000_000, "ai_share": 0.1, "declaration_rate": 0.2, "review_minutes": 2.0,
    }  # fmt: skip
    assert "95 % intervals" in found["caption"]
    assert found["rows"][0]["alpha"] is None and found["rows"][0]["detector"] == "none"


@pytest.mark.parametrize(("kind", "begins"), [("csv", "detector,"), ("md", "Expected"), ("html", "<table")])
def test_other_formats_carry_the_caption(washtest, folder: Path, kind: str, begins: str) -> None:
    answer = washtest("policy", folder, *DAY, "--format", kind)
    assert answer.code == 0 and answer.out.startswith(begins)
    assert "Expected a day at 1,000,000 posts" in answer.out + answer.err


def test_at_a_terminal_each_figure_stands_with_its_interval(
    washtest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    head, _, stripped = washtest("policy", folder, *DAY, "--detector", "none").out.splitlines()
    assert "wrong flags" in head and "wrong_flags" not in head
    assert "80,000 [" in stripped and "\t" not in stripped


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (0.0123, "0.0123"), (2.345, "2.35"), (999.7, "1,000"), (1_234_567, "1,230,000")]
)
def test_people_get_three_digits(number: float, text: str) -> None:
    assert _three_digits(number) == text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--detector", "header"), "unknown fallback detector 'header'. Available: none"),
        (("--alpha", "0.01"), "no threshold was set for a false-positive rate of 0.01. Available: 0.05."),
    ],
)
def test_mistakes_are_answered_in_one_line(washtest, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    answer = washtest("policy", folder, *DAY, *arguments)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert said in answer.err


def test_a_run_without_labels_says_what_to_do(washtest, tools, tiny: Path, tmp_path: Path) -> None:
    tools.measure(tools.plan(tiny, objects={"bundles": ()}), tmp_path / "run")
    answer = washtest("policy", tmp_path / "run", *DAY)
    assert answer.code == 2 and "run it with --bundle metadata" in answer.err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--ai-share", "1.5"), ("--declaration-rate", "-1"), ("--alpha", "0"), ("--posts-per-day", "0")],
)
def test_rates_outside_their_range_show_the_usage(washtest, folder: Path, option: str, value: str) -> None:
    answer = washtest("policy", folder, *DAY, option, value)
    assert answer.code == 2
    assert "is not in the range" in answer.err
