"""The report: whole, self-contained, safe, and the same each time."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_up_runs import ATTACKS, Sample, Spec, detector, people

from bench import records
from bench.analysis import tables
from bench.analysis.charts import as_files, draw, style
from bench.analysis.page import report
from bench.analysis.page.cells import MAX_ROWS, Cell, Head, Table, cut
from bench.analysis.text import EN, speaker


def page_of(run) -> str:
    made = tables.make(run)
    with style.styled():
        return report.build(run, made, [as_files(chart, [], page=True) for chart in draw(run, made)])


@pytest.fixture(scope="module")
def page(real) -> str:
    with style.styled():
        return report.build(real.run, real.tables, [as_files(chart, [], page=True) for chart in real.charts.values()])


class Checker(HTMLParser):
    """Collects what matters of a page and checks that every tag is closed."""

    VOID = ("meta", "link", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.note(attrs)

    def handle_startendtag(self, tag, attrs):
        self.note(attrs)

    def note(self, attrs):
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    return checker


def test_the_page_is_well_formed_and_every_link_has_its_target(page):
    checker = check(page)
    targets = {value[1:] for name, value in checker.attributes if name == "href" and value.startswith("#")}
    assert targets <= set(checker.ids)
    assert {"summary", "labels", "detectors", "policy", "thresholds", "coverage", "method"} <= set(checker.ids)


def test_nothing_comes_from_outside(page):
    for name, value in check(page).attributes:
        assert name not in ("style", "onclick", "onload")
        if name in ("src", "href") and value:
            assert value.startswith(("#", "data:")), value
    assert not re.search(r"@import|url\((?!#)", page)


def test_the_policy_allows_this_script_and_this_style_alone(page):
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_same_records_give_the_same_page(make_run):
    run = make_run(Spec(people(12, 12, calibration=20), detectors=[detector("d")], labels=[("iptc", "xmp")]))
    assert page_of(run) == page_of(run)


def test_no_sentence_is_left_unfilled(page):
    body = page[page.index("<body") :]
    assert not re.search(r"\{[a-z_]+\}", re.sub(r"<script>.*</script>", "", body, flags=re.S))
    assert "nan" not in re.sub(r"<svg.*?</svg>|<script>.*</script>", "", body, flags=re.S).split()


def test_every_sentence_is_used_and_every_one_used_exists():
    page = Path(report.__file__).parent
    sources = [
        path.read_text("utf-8")
        for path in (*page.parent.rglob("*.py"), *(page / "templates").iterdir())
        if path.parent.name != "text"
    ]
    code = "\n".join(sources) + (page.parent / "text" / "__init__.py").read_text("utf-8")
    for key in EN:
        stem = re.match(r"(nav|kind|truth|verdict|chart|col|reads|js|word|note)_", key)
        assert f'"{key}"' in code or f"'{key}'" in code or (stem and f"{stem[1]}_" in code), key


def test_the_page_holds_the_header_and_the_numbers(page):
    for text in ("A synthetic run.", "Made-up samples", "washtest run made-up", "2026-01-01T00:01:00Z", "numpy 2.0.0"):
        assert text in page
    assert "calibration: 24 human" in page
    assert page.count("<svg") == 20
    assert "threshold frozen at 5" in page


def test_watermarks_have_a_section_and_labels_their_bundles(page, make_run):
    assert 'href="#watermarks"' in page and 'id="watermarks"' in page
    assert "false, 1\u00a0% promised" in page and "Every watermark and attack" in page
    assert page.count("<td>doubao-like</td>") > 40 and page.count("<td>gb45438-exif</td>") > 20
    assert {("labels", "5"), ("watermarks", "3")} <= set(re.findall(r"<dt><span[^>]*>(\w+)</span></dt><dd>(\d+)", page))
    plain = page_of(make_run(Spec(people(12, 12), labels=[("iptc", "xmp")], read=lambda *_: "intact")))
    assert 'id="watermarks"' not in plain and "#watermarks" not in plain and ">bundle<" not in plain


def test_cells_of_few_files_are_marked_and_explained(make_run):
    def page(n: int) -> str:
        samples = people(n, n, calibration=20)
        return page_of(make_run(Spec(samples, labels=[("iptc", "xmp")], read=lambda *_: "intact"), f"run-{n}"))

    assert re.search(r'class="n b b10 few">100\u00a0% \[\d+, 100\] · n 9 †<', page(9))
    assert "† fewer than 10 files" in page(9) and "†" not in page(10)


def test_tables_beyond_a_length_say_where_the_rest_is():
    table = Table("c", [Head("a")], [[Cell(str(i))] for i in range(MAX_ROWS + 1)])
    short = cut(table, "policy", speaker("en"))
    assert len(short.rows) == MAX_ROWS and "of 2001 rows; tables/policy.csv" in short.notes[0]
    assert cut(short, "policy", speaker("en")).rows == short.rows


def test_what_records_hold_stays_text(make_run):
    evil = "<img src=x onerror=alert(1)>"
    spec = Spec(
        [Sample(f"{evil}{i}", truth, evil) for truth in ("human", "ai") for i in range(12)],
        [ATTACKS[0], (f"Jpeg({evil!r})", evil, 1.0, evil, f"simulated:{evil}")],
        [detector(evil, version=evil)],
        [(evil, evil)],
        header={"suite": {"name": evil, "description": evil}, "warnings": [evil], "command": evil},
        score=lambda *_: "error",
        read=lambda *_: "error",
    )
    page = page_of(make_run(spec))
    assert "<img" not in page
    check(page)


def test_an_unfinished_run_says_so(make_run):
    run = make_run(Spec(people(5, 5), header={"finished": None}))
    assert "This run is unfinished: 40 of 40 planned views" in page_of(run)


@pytest.mark.parametrize("samples", [[], people(12, 0), people(0, 12), people(2, 2, calibration=1)])
def test_a_run_with_little_in_it_still_has_a_page(make_run, samples):
    run = make_run(Spec(samples, detectors=[detector("d")], labels=[("iptc", "xmp")]))
    check(page_of(run))


def test_a_header_with_the_least_in_it_still_has_a_page(make_run):
    run = make_run(Spec(people(12, 12), detectors=[detector("d")], labels=[("iptc", "xmp")]))
    least = {"attacks": run.header["attacks"], "schema_version": 1}
    check(page_of(records.Run(run.folder, least, run.views, run.readings, run.scores)))


def test_long_texts_in_tables_are_given_room(page):
    cells = [
        (kind == ' class="long"', len(html.unescape(re.sub("<[^>]*>", "", text))))
        for kind, text in re.findall(r'<td( class="long")?>(.*?)</td>', page)
    ]
    assert any(length > 30 for _, length in cells)
    assert all(long == (length > 30) for long, length in cells)
