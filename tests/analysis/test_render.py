"""Tables as text: stable bytes, and nothing in a cell acts on the reader's machine."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_runs import Spec, chance, detector, people

from bench.analysis import tables
from bench.analysis.pipeline import render_tables
from bench.analysis.render import FORMATS, page, render, to_csv
from bench.errors import UserError

FRAME = pd.DataFrame(
    {
        "name": ["=1+1", "@x", "-2", "+3", "\tx", "plain", "a|b", "<b>&</b>", "50 % of $x_y", "two\nlines"],
        "n": range(10),
        "rate": [0.1, 1 / 3, -1.5, float("nan"), 0.0, 1.0, 1e-9, 123456789.0, float("inf"), 2.0],
        "count": pd.array([1, None, *range(8)], dtype="Int64"),
    }
)


def test_csv_is_the_same_on_every_machine():
    lines = to_csv(FRAME[5:9]).split("\n")
    assert lines == [
        "name,n,rate,count", "plain,5,1,3", "a|b,6,1e-09,4", "<b>&</b>,7,1.23457e+08,5", "50 % of $x_y,8,inf,6", "",
    ]  # fmt: skip


def test_csv_blanks_what_is_missing():
    rows = list(csv.reader(io.StringIO(to_csv(FRAME))))
    assert rows[4][2] == ""
    assert rows[2][3] == ""


def test_text_that_a_spreadsheet_would_run_is_defused_and_numbers_are_not():
    rows = list(csv.reader(io.StringIO(to_csv(FRAME))))
    assert [row[0] for row in rows[1:7]] == ["'=1+1", "'@x", "'-2", "'+3", "'\tx", "plain"]
    assert rows[3][2] == "-1.5"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), min_size=1, max_size=5))
def test_csv_gives_any_text_back(texts):
    rows = list(
        csv.reader(io.StringIO(to_csv(pd.DataFrame({"a": pd.Series(texts, dtype=object), "b": 1})), newline=""))
    )
    assert [row[0].removeprefix("'") for row in rows[1:]] == [text.removeprefix("'") for text in texts]


def test_markdown_keeps_one_line_per_row_and_escapes_markup():
    lines = render(FRAME, "md", "Rates").splitlines()
    assert lines[0] == "Rates"
    assert lines[3] == "| --- | ---: | ---: | ---: |"
    assert len(lines) == 14
    assert lines[10].startswith(r"| a\|b |")
    assert lines[11].startswith(r"| \<b\>\&\</b\> |")


def test_latex_escapes_and_uses_booktabs():
    text = render(FRAME, "latex", "5 % of them")
    assert r"50 \% of \$x\_y & 8" in text
    assert r"\textless{}b\textgreater{}\&\textless{}/b\textgreater{}" in text
    assert [rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [True] * 3
    assert r"\caption{5 \% of them}" in text


def test_html_gives_sentences_room():
    frame = pd.DataFrame({"name": ["a"], "n": [1], "note": ["needs 100 human calibration scores, has 14; n < 10"]})
    text = render(frame, "html")
    assert (
        '<th scope="col">name</th><th scope="col" class="number">n</th><th scope="col" class="text">note</th>' in text
    )
    assert ".text{white-space:normal;min-width:" in page(text, "title")


def test_html_escapes():
    text = render(FRAME, "html", "<script>")
    assert "<b>" not in text and "<script>" not in text
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in text


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_table_is_its_heading(form):
    assert "name" in render(FRAME[:0], form)


def test_an_unknown_format_says_what_there_is():
    with pytest.raises(UserError, match="csv, md, latex, html"):
        render(FRAME, "pdf")


def test_a_caption_says_what_the_table_is_over_and_made_with(make_run):
    run = make_run(Spec(people(2, 2)))
    made = tables.make(run)
    for name in tables.TABLES:
        text = tables.caption(run, name, made)
        assert "suite made-up; dataset made-up 1; seed 0; washtest 0.1.0 (commit 000000000000)." in text
        assert "`" not in text and "Caution" not in text
    assert "FPR at most 5 % and 1 %" in tables.caption(run, "detector_errors", made)
    assert "; regimes native; suite" in tables.caption(run, "detector_errors", made)
    assert "native regime, test split; suite" in tables.caption(run, "label_survival", made)
    assert "20 % of the authors of AI files" in tables.caption(run, "policy", made)


def test_the_caption_of_a_detectors_table_names_those_the_header_baseline_matches(make_run):
    def score(name, sample, attack, regime):
        gap = {"good": 9, "header": 1 if regime == "native" else 0, "d": 0 if regime == "native" else 4}[name]
        return chance(name, sample.id, regime).normal(gap * (sample.truth == "ai"))

    entries = [detector("d"), detector("good"), detector("header", reads="file")]
    spec = Spec(people(40, 40, calibration=20), detectors=entries, score=score, regimes=("native", "canonical"))
    run = make_run(spec)
    made = tables.make(run)
    errors = made["detector_errors"].query("source == '*' and attack == 'Identity()' and detector == 'd'")
    auc, header = errors[errors["regime"].eq("native")][["auc", "header_auc"]].iloc[0]
    said = f"does about as well as d (native, AUC {auc:.2f} against {header:.2f})."
    for name in ("detector_errors", "detector_pairs", "edited_by_area", "policy", "thresholds"):
        assert tables.caption(run, name, made).endswith(said)
    assert "Caution" not in tables.caption(run, "label_survival", made)
    for form in ("md", "latex", "html"):
        assert "a baseline that sees no pixels" in render_tables(run.folder, form, ["policy"])["policy"]
    assert list(render_tables(run.folder, "md", ["policy"])) == ["policy"]


def test_thresholds_are_written_in_full(make_run):
    """One that is rounded down would flag the very score that it was set on."""
    samples = people(24, 24, calibration=20)
    run = make_run(Spec(samples, detectors=[detector("d")], score=lambda n, s, a, r: chance(s.id).random()))
    for name, column in (("thresholds", "threshold"), ("threshold_drift", "oracle_threshold")):
        made = tables.make(run, [name])[name]
        written = [row[column] for row in csv.DictReader(io.StringIO(to_csv(made)))]
        assert any(written)
        assert [float(text) for text in written if text] == made[column].dropna().to_list()
    frame = pd.DataFrame({"threshold": [1.0, np.nan, 1e-7, np.inf], "fpr": [1 / 3] * 4})
    assert to_csv(frame) == "threshold,fpr\n1,0.333333\n,0.333333\n1e-07,0.333333\ninf,0.333333\n"


def test_the_caption_says_where_no_baseline_was_run(make_run):
    def said(*entries) -> str:
        run = make_run(Spec(people(12, 12, calibration=20), detectors=entries))
        return tables.caption(run, "detector_errors", tables.make(run))

    label, baseline = detector("declared", reads="file"), detector("header", reads="file")
    assert said(label, detector("d")).endswith("no baseline that sees no pixels stands beside them; "
                                               "add --detector header for one.")  # fmt: skip
    assert "stands beside" not in said(baseline, detector("d"))
    assert "Caution" not in said(label)


def test_an_unknown_table_says_what_there_is(make_run):
    with pytest.raises(UserError, match="label_survival"):
        tables.make(make_run(Spec(people(2, 2))), ["label_survivals"])


def test_csv_tells_equal_values_of_different_kinds_apart():
    frame = pd.DataFrame({"mixed": pd.Series([1, True, 1.5, "1", None], dtype=object), "rate": [0.0, -0.0, 0.5, 0, 1]})
    assert to_csv(frame) == "mixed,rate\n1,0\ntrue,-0\n1.5,0.5\n1,0\n,1\n"


def test_csv_quotes_as_the_csv_module_does():
    cells = ["plain", "a,b", 'say "x"', "two\nlines", ' lead"', "", "'", ";"]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["a,b"], *([cell] for cell in cells)])
    assert to_csv(pd.DataFrame({"a,b": cells})) == out.getvalue()
