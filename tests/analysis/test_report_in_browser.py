"""The report in a real Chromium: sorting, filters, both languages, its policy, and whether everyone can read it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import Spec, chance, detector, people, write
from realistic_runs import realistic_marked

from bench import records
from bench.analysis import tables
from bench.analysis.charts import as_files, draw, style
from bench.analysis.page import report

playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'washtest[browser]' to test in a browser")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    """A page with everything in it and little of each: the browser's time goes into charts and cells."""
    spec = realistic_marked(12, detectors=("header", "spectrum"))
    spec = replace(spec, attacks=(*spec.attacks[:8], *spec.attacks[-4:]))
    folder = tmp_path_factory.mktemp("page")
    return write_page(folder / "report.html", records.load(write(folder / "run", spec)))


@pytest.fixture(scope="module")
def short_page(tmp_path_factory) -> Path:
    """Every section and table in a few rows, for a check that looks at every element for long."""
    spec = realistic_marked(12, detectors=("spectrum",))
    bundles = dict(list(spec.bundles.items())[-1:])
    spec = replace(spec, attacks=(*spec.attacks[:3], spec.attacks[-1]), regimes=("native",), bundles=bundles)
    folder = tmp_path_factory.mktemp("short")
    return write_page(folder / "report.html", records.load(write(folder / "run", spec)), ["matrix", "roc"])


def write_page(path: Path, run: records.Run, only: Sequence[str] | None = None) -> Path:
    made = tables.make(run)
    with style.styled():
        charts = {chart.kind: as_files(chart, [], page=True) for chart in draw(run, made, only)}
        path.write_text(report.build(run, made, [*charts.values()]), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
        started = driver.chromium.launch(executable_path=CHROMIUM, args=quiet, chromium_sandbox=False)
        yield started
        started.close()


@pytest.fixture
def opened(browser, page_file) -> Iterator[Callable[..., Any]]:
    """Opens the page from disk; fails where it says anything on the console or asks for anything else."""
    with contextlib.ExitStack() as stack:
        said: list[str] = []

        def open_page(query: str = "", path: Path = page_file, **options: Any) -> Any:
            context = browser.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on(
                "request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None
            )
            page.goto(path.as_uri() + query)
            return page

        yield open_page
        assert [text for text in said if text != "data:,"] == []


def column(table: Any, index: int) -> list[str]:
    return table.evaluate(
        "(table, i) => [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[i].textContent)", index
    )


def first_table(page: Any, section: str) -> Any:
    return page.locator(f"#{section} [data-table]").first


def test_a_column_sorts_by_its_numbers_both_ways_and_back(opened):
    box = first_table(opened(), "coverage")
    table, head = box.locator("table"), box.locator("th.n").first
    index = head.evaluate("th => th.cellIndex")
    before = column(table, index)
    numbers = [float(text) for text in before]
    for state, expected in (("ascending", sorted(numbers)), ("descending", sorted(numbers, reverse=True))):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == state
        assert [float(text) for text in column(table, index)] == expected
    head.locator("button").click()
    assert head.get_attribute("aria-sort") is None and column(table, index) == before


def test_blank_cells_stay_last_and_differences_sort_as_numbers(opened):
    page = opened()
    fold = page.locator("details:has(caption:has-text('What each attack changes'))").first
    fold.locator("summary").click()
    head = fold.locator("th", has_text="AUC difference")
    index = head.evaluate("th => th.cellIndex")
    head.locator("button").click()
    values = [text.split(" [")[0].replace("\u2212", "-") for text in column(fold.locator("table"), index)]
    filled = [float(text) for text in values if text]
    assert filled == sorted(filled) and min(filled) < 0
    assert values == [text for text in values if text] + [""] * (len(values) - len(filled))


def test_rows_are_filtered_by_names_and_the_count_is_announced(opened):
    box = first_table(opened(), "method")
    table, said = box.locator("table"), box.locator("output")
    assert said.evaluate("o => o.getAttribute('role') ?? o.tagName") == "OUTPUT"  # a live region by itself
    total = len(column(table, 0))
    box.locator("input").fill("jpeg QUALITY=50")
    assert column(table, 0) == ["Jpeg(quality=50)"]
    assert said.text_content() == f"1 of {total} rows"
    box.locator("input").fill("nothing like it")
    assert column(table, 0) == [] and said.text_content() == f"0 of {total} rows"
    box.locator("input").fill("")
    assert len(column(table, 0)) == total and said.text_content() == ""


def test_everything_is_reached_by_keyboard_alone(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.language") == "zh"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    summary = page.locator("#labels summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("#labels details").first.get_attribute("open") is not None
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "scroll"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.closest('th').getAttribute('aria-sort')") == "ascending"


def test_the_language_changes_everywhere_and_back(opened):
    page = opened()
    english = page.locator("main").text_content()
    chinese_button, english_button = page.locator("[data-language=zh]"), page.locator("[data-language=en]")
    chinese_button.click()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert chinese_button.get_attribute("aria-pressed") == "true"
    assert english_button.get_attribute("aria-pressed") == "false"
    assert page.title().startswith("washtest：") and page.locator("#summary h2").inner_text() == "摘要"
    assert page.locator("nav").get_attribute("aria-label") == "目录"
    assert "表格" in first_table(page, "method").locator(".scroll").get_attribute("aria-label")
    box = first_table(page, "method")
    box.locator("input").fill("模拟")
    assert set(column(box.locator("table"), 1)) == {"模拟"}
    assert "行中的" in box.locator("output").text_content()
    assert "筛选行" in box.locator("input").get_attribute("aria-label")
    english_button.click()
    assert "rows" in box.locator("output").text_content()
    box.locator("input").fill("")
    assert page.locator("main").text_content() == english


def test_the_language_comes_from_the_address_or_the_browser_and_is_remembered(opened, browser, page_file):
    language = "document.documentElement.lang"
    assert opened().evaluate(language) == "en"
    assert opened("?lang=zh").evaluate(language) == "zh-CN"
    assert opened(locale="zh-CN").evaluate(language) == "zh-CN"
    assert opened("?lang=en", locale="zh-CN").evaluate(language) == "en"
    page = opened()
    page.locator("[data-language=zh]").click()
    page.goto(page_file.as_uri())
    assert page.evaluate(language) == "zh-CN"


def test_without_its_script_the_page_is_whole_in_english(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("#summary h2").inner_text() == "Summary"
    assert not page.locator(".languages").is_visible()
    assert page.locator("#method tbody tr").count() > 10


def test_the_policy_stops_what_is_put_into_the_page(browser, page_file):
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(page_file.as_uri())
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'ran = 1'}))")
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
    page.wait_for_timeout(100)
    assert page.evaluate("globalThis.ran") is None
    assert sum("Content Security Policy" in text for text in said) >= 2
    context.close()


def test_a_link_leads_to_its_section_past_charts_that_are_not_drawn_yet(opened):
    page = opened(reduced_motion="reduce")
    for anchor in ("policy", "method", "detectors"):
        page.locator(f"nav a[href='#{anchor}']").evaluate("link => link.click()")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert 0 <= page.locator(f"#{anchor}").bounding_box()["y"] < 120


def test_nothing_is_wider_than_a_telephone(opened):
    page = opened("?lang=zh", viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("[data-language=en]").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_paper_short_tables_are_open_and_afterwards_folded_again(opened):
    page = opened()
    folded = "document.querySelectorAll('details:not([open])').length"
    before = page.evaluate(folded)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.querySelectorAll('details[data-print]:not([open])').length") == 0
    assert page.evaluate(folded) < before
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(folded) == before
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible() and not page.locator(".tools").first.is_visible()
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_object_to(opened, short_page, scheme, language):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install 'washtest[browser]'")
    # The policy allows no script but the page's own; axe is one.
    page = opened(f"?lang={language}", short_page, color_scheme=scheme, bypass_csp=True)
    page.evaluate("document.querySelectorAll('#detectors details').forEach(fold => { fold.open = true; })")
    # It cannot see what lies under a chart's text. Charts are pictures with a name.
    found = axe.Axe().run(page, context={"exclude": [["svg"]]}).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []


def test_every_chart_is_a_picture_with_a_name_in_the_language_of_the_page(opened):
    page = opened("?lang=zh")
    names = page.evaluate(
        "[...document.querySelectorAll('svg[role=img]')].map(svg => "
        "document.getElementById(svg.getAttribute('aria-labelledby')).textContent)"
    )
    assert len(names) > 8 and all("\u4e00" <= name.strip("headrspctum ")[0] <= "\u9fff" for name in names)


def test_names_that_are_markup_stay_text_in_both_languages(make_run, opened, tmp_path):
    evil = "<img src=x onerror=alert(1)>\" onclick='alert(1)"
    spec = Spec(people(12, 12, calibration=20), detectors=[detector(evil)], labels=[(evil, "xmp")],
                score=lambda n, s, a, r: chance(s.id, a).random())  # fmt: skip
    page = opened("?lang=zh", path=write_page(tmp_path / "evil.html", make_run(spec)))
    page.locator("[data-language=en]").click()
    page.locator("[data-language=zh]").click()
    assert page.locator("img").count() == 0 and page.locator("[onclick]").count() == 0
    assert page.locator("#detectors h3").first.inner_text() == evil
