"""Samples after each attack from the command line: the gallery of a run, and the filmstrip of one sample."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import pictures

ARGUMENTS = ("--attack", "Jpeg(quality=60)", "--attack", "Blur", "--detector", "declared", "--jobs", "0", "--quiet")


@pytest.fixture
def finished(tiny: Path, tools, tmp_path: Path) -> Path:
    """A run without tables, charts and report."""
    out = tmp_path / "run"
    tools.measure(tools.plan(tiny, attacks=["Jpeg(quality=60)", "Blur"]), out)
    return out


def index(folder: Path) -> pictures.Gallery:
    found = pictures.read_index(folder)
    assert found is not None
    return found


def test_a_run_ends_with_a_gallery_that_stays_as_it_is_until_others_are_asked_for(
    tiny: Path, tmp_path: Path, washtest
) -> None:
    run = ("run", "quick", "--dataset", tiny, "--out", tmp_path / "run", *ARGUMENTS)
    assert washtest(*run).code == 0
    first = index(tmp_path / "run")
    assert [one.sample.partition("-")[0] for one in first.samples] == ["human", "ai", "ai_edited"]
    assert first.problems == ()
    assert all(view.file for one in first.samples for view in one.views)
    report = tmp_path / "run" / "report.html"
    assert report.read_text("utf-8").count('<img src="data:image/webp;base64,') == 9
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    assert washtest(*run).code == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before
    assert washtest(*run, "--gallery", 1).code == 0
    assert [one.sample for one in index(tmp_path / "run").samples] == [first.samples[0].sample]
    assert report.read_text("utf-8").count("<img ") == 3
    assert washtest(*run, "--gallery", 0).code == 0
    assert not (tmp_path / "run" / "gallery").exists()
    assert "<img " not in report.read_text("utf-8")


def test_a_gallery_is_made_later_and_of_samples_that_are_named(finished: Path, tiny: Path, washtest) -> None:
    answer = washtest("gallery", finished, "--dataset", tiny, "--jobs", 0, "--sample", "ai-17", "--sample", "human-14")
    assert answer.code == 0, answer.err
    assert answer.out.startswith(f"report\t{finished / 'report.html'}")
    assert [one.sample for one in index(finished).samples] in (["ai-17", "human-14"], ["human-14", "ai-17"])
    page = (finished / "report.html").read_text("utf-8")
    assert page.count("<img ") == sum(len(one.views) for one in index(finished).samples)
    assert "no rate can be read off them" not in page  # they were not chosen


def test_without_the_data_set_one_line_says_what_to_name(finished: Path, washtest) -> None:
    answer = washtest("gallery", finished)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "unknown data set 'tiny'" in answer.err
    assert answer.err.endswith("Name the run's data set with --dataset PATH.\n")


def test_a_sample_that_is_not_in_the_data_set_is_one_line(finished: Path, tiny: Path, washtest) -> None:
    answer = washtest("gallery", finished, "--dataset", tiny, "--sample", "humn-14")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "tiny has no sample 'humn-14'; did you mean human-14" in answer.err


def test_files_that_changed_are_named_and_the_rest_is_shown(
    finished: Path, tiny: Path, tiny_copy: Path, washtest
) -> None:
    washtest("gallery", finished, "--dataset", tiny, "--jobs", 0)
    first, *others = [one.sample for one in index(finished).samples]
    (changed,) = (tiny_copy / "files").glob(f"{first}.*")
    changed.write_bytes(changed.read_bytes() + b"more")
    names = [part for name in (first, *others) for part in ("--sample", name)]
    answer = washtest("gallery", finished, "--dataset", tiny_copy, "--jobs", 0, *names)
    assert answer.code == 1
    assert [one.sample for one in index(finished).samples] == others
    lines = [line for line in answer.err.splitlines() if line.startswith("warning: ")]
    assert len(lines) == 1 and lines[0].startswith(f"warning: {first} cannot be shown: E_CHANGED")
    assert "cannot be shown: E_CHANGED" in (finished / "report.html").read_text("utf-8")


def test_a_filmstrip_is_drawn_of_any_sample(finished: Path, tiny: Path, tmp_path: Path, washtest) -> None:
    sample = next((tiny / "files").glob("ai_edited-*")).stem
    out = tmp_path / "strips"
    answer = washtest(
        "filmstrip",
        finished,
        sample,
        "--dataset",
        tiny,
        "--jobs",
        0,
        "--format",
        "png",
        "--format",
        "pdf",
        "--out",
        out,
    )
    assert answer.code == 0, answer.err
    written = [Path(line) for line in answer.out.splitlines()]
    assert [path.suffix for path in written] == [".png", ".pdf"]
    assert written[0].read_bytes().startswith(b"\x89PNG") and written[1].read_bytes().startswith(b"%PDF")
    assert not (finished / "gallery").exists()


def test_a_filmstrip_without_pictures_says_so_and_shows_the_verdicts(finished: Path, washtest) -> None:
    sample = "human-14"
    answer = washtest("filmstrip", finished, sample)
    assert answer.code == 1
    assert answer.err.startswith("warning: no pictures: unknown data set 'tiny'")
    assert Path(answer.out.strip()).parent == finished / "charts"
    for named in (("--dataset", "nosuch"), ("--attack", "Foo")):  # asked for and not here
        answer = washtest("filmstrip", finished, sample, *named)
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    answer = washtest("filmstrip", finished, "nobody")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "has no views of a sample 'nobody'" in answer.err


def test_the_page_in_a_browser(finished: Path, tiny: Path, washtest) -> None:
    browser = shutil.which("chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs washtest[browser]")
    if browser is None:
        pytest.skip("needs chromium on PATH")
    washtest("gallery", finished, "--dataset", tiny, "--jobs", 0)
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        said: list[str] = []
        page = chromium.new_page(viewport={"width": 390, "height": 800})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((finished / "report.html").as_uri())
        page.evaluate("document.querySelectorAll('details.sample').forEach((fold) => { fold.open = true; })")
        images = page.evaluate("[...document.querySelectorAll('#gallery img')].map((i) => [i.naturalWidth, i.alt])")
        wide = page.evaluate("document.documentElement.scrollWidth")
        chromium.close()
    assert said == []
    assert len(images) == 9
    assert all(width > 0 and alt for width, alt in images)
    assert wide <= 390
