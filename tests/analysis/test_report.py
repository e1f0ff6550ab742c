"""The report: whole, self-contained, safe, and the same each time."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_up_runs import ATTACKS, Sample, Spec, chance, detector, people, realistic, write

from bench import records
from bench.analysis import report, style, tables
from bench.analysis.charts import draw
from bench.analysis.findings import findings, whole
from bench.analysis.text import EN, speaker


def page_of(run) -> str:
    made = tables.make(run)
    with style.styled():
        return report.build(run, made, [report.drawn(chart) for chart in draw(run, made)])


def said(run) -> list[str]:
    return [finding.text.replace("\u00a0", " ") for finding in findings(run, tables.make(run), speaker())]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> records.Run:
    return records.load(write(tmp_path_factory.mktemp("real"), realistic(24, detectors=("header", "spectrum"))))


@pytest.fixture(scope="module")
def page(run) -> str:
    return page_of(run)


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
    assert {"summary", "labels", "detectors", "thresholds", "coverage", "method"} <= set(checker.ids)


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
    folder = Path(report.__file__).parent
    sources = [
        path.read_text("utf-8")
        for path in (*folder.glob("*.py"), *(folder / "templates").iterdir())
        if path.name != "text.py"
    ]
    code = "\n".join(sources)
    for key in EN:
        stem = re.match(r"(nav|kind|truth|chart|col|reads)_", key)
        assert f'"{key}"' in code or f"'{key}'" in code or (stem and f"{stem[1]}_" in code), key


def test_the_page_holds_the_header_and_the_numbers(page):
    for text in ("A synthetic run.", "Made-up samples", "washtest run made-up", "2026-01-01T00:01:00Z", "numpy 2.0.0"):
        assert text in page
    assert "calibration: 24 human" in page
    assert page.count("<svg") == 5
    assert "threshold frozen at 5" in page


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


class TestFindings:
    def test_a_detector_that_the_header_baseline_matches_is_under_suspicion(self, make_run):
        def score(name, sample, attack, regime):
            gap = 3 if name == "header" or regime == "native" else 0
            return chance(name, sample.id, regime).normal(gap * (sample.truth == "ai"))

        entries = [detector("d"), detector("header", reads="file")]
        run = make_run(
            Spec(people(40, 40, calibration=20), detectors=entries, score=score, regimes=("native", "canonical"))
        )
        found = said(run)
        assert found[0].startswith("d may be reading file formats, not pictures (native)")
        assert found[1].startswith("d may be reading file formats, not pictures (canonical)")
        assert not any("header may be" in text for text in found)

    def test_a_detector_that_beats_the_baseline_is_not(self, make_run):
        entries = [detector("d"), detector("header", reads="file")]
        run = make_run(
            Spec(people(40, 40, calibration=20), detectors=entries,
                 score=lambda n, s, a, r: s.truth == "ai" if n == "d" else chance(s.id).random())
        )  # fmt: skip
        assert not any("pixels" in text for text in said(run))

    def test_best_and_worst_label_are_named_with_n_and_interval(self, make_run):
        def read(label, sample, attack):
            return "intact" if label == "iptc" or attack == "Identity()" else "absent"

        found = said(make_run(Spec(people(0, 20), labels=[("gb45438", "xmp"), ("iptc", "xmp")], read=read)))
        assert "iptc (xmp) survives best: intact in 100 % of files, averaged over 3 attacks; after Jpeg(quality=90), " \
            "its best, 100 % [83, 100] of 20." in found  # fmt: skip
        assert "gb45438 (xmp) is intact after none of the 3 attacks: 0 of 20 files each, at most 17 %." in found

    def test_labels_that_fare_alike_are_not_ranked(self, make_run):
        def read(label, sample, attack):
            return "intact" if "90" in attack or attack == "Identity()" else "absent"

        found = said(make_run(Spec(people(0, 20), labels=[("gb45438", "xmp"), ("iptc", "xmp")], read=read)))
        assert "2 of 3 attacks leave no label intact in any file." in found
        assert any(text.startswith("The 2 labels survive equally: intact in 33 % of files") for text in found)
        assert not any("survives" in text for text in found)

    def test_a_label_whose_fate_hangs_on_the_carrier_is_told(self, make_run):
        samples = [Sample(f"a{i}", "ai", mime=f"image/{'png' if i < 8 else 'jpeg'}") for i in range(20)]

        def read(label, sample, attack):
            return "intact" if attack == "Identity()" or ("90" in attack and sample.mime == "image/jpeg") else "absent"

        found = said(make_run(Spec(samples, labels=[("iptc", "xmp")], read=read)))
        assert (
            "After Jpeg(quality=90), iptc (xmp) depends on the carrier: intact in 100 % [74, 100] of 12 JPEG files, "
            "in 0 % [0, 37] of 8 PNG files."
        ) in found

    def test_a_threshold_that_does_not_hold_on_clean_files_is_a_caution(self, make_run):
        def score(name, sample, attack, regime):
            return float(sample.split == "test" and int(sample.id[1:]) % 2)

        found = said(make_run(Spec(people(40, 40, calibration=20), detectors=[detector("d")], score=score)))
        assert (
            "The threshold of d does not hold on untouched test files (native): set for at most 5 % false positives on "
            "20 calibration files, it flags 50 % [35, 65] of 40."
        ) in found

    def test_a_label_lost_from_untouched_files_comes_first(self, make_run):
        run = make_run(
            Spec(people(0, 20), labels=[("iptc", "xmp")], read=lambda n, s, a: "absent" if s.id < "a0002" else "intact")
        )
        assert said(run)[0].startswith("iptc (xmp) does not read back from every untouched file: 18 of 20 intact")

    def test_a_label_that_is_altered_but_declares_is_told(self, make_run):
        run = make_run(Spec(people(0, 20), labels=[("iptc", "xmp")], read=lambda n, s, a: "altered"))
        assert any(
            "is intact in 0 % [0, 17] but still declares AI in 100 % [83, 100] of 20" in text for text in said(run)
        )

    def test_false_declarations_are_a_caution(self, make_run):
        run = make_run(
            Spec(
                people(20, 20),
                labels=[("iptc", "xmp")],
                read=lambda n, s, a: "present" if s.id == "h0000" else "absent",
            )
        )
        found = said(run)
        assert (
            "iptc (xmp) is found on human files that were given none: 1 of 20 after Identity(), 5 % [0.1, 25]." in found
        )

    def test_clean_and_worst_errors_are_told_per_regime(self, make_run):
        def score(name, sample, attack, regime):
            return float(sample.truth == "ai" and "50" not in attack)

        found = said(make_run(Spec(people(20, 20, calibration=20), detectors=[detector("d")], score=score)))
        assert (
            "d (native, threshold frozen at 5 % FPR): on untouched files it misses 0 % [0, 17] of 20 AI files and "
            "flags 0 % [0, 17] of 20 human ones. At worst it misses 100 % [83, 100] of 20, after Jpeg(quality=50)."
        ) in found

    def test_gaps_are_told(self, make_run):
        def score(name, sample, attack, regime):
            return "unavailable" if name == "gone" else float(sample.truth == "ai")

        more = {
            "planned": [{"kind": "detector", "subject": "gone", "attack": "Identity()", "regime": "native", "n": 50}]
        }
        run = make_run(
            Spec(people(12, 12, calibration=30), detectors=[detector("d"), detector("gone")], score=score, header=more)
        )
        found = said(run)
        assert (
            "No threshold at 1 % FPR for any detector: it takes 100 human calibration scores, there are 0-30." in found
        )
        assert "26 of 50 planned views, readings and scores are not in the records." in found
        assert any(text.startswith("gone could not run on this machine in 96 of 50") for text in found)

    def test_an_empty_run_has_nothing_to_say(self, make_run):
        assert said(make_run(Spec([]))) == []


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0"), (1, "1"), (0.004, "0.4"), (0.0001, "<0.1"), (0.996, "99.6"), (0.99999, ">99.9"), (0.5, "50")],
)
def test_percentages_never_round_to_none_or_all(share, text):
    assert whole(share) == ("100" if share == 1 else text)
