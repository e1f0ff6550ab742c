"""The report in both languages: the same keys and placeholders, no English left in Chinese, notes found again."""

from __future__ import annotations

import html
import re
import string

import pytest

from bench.analysis import tables
from bench.analysis.findings import findings
from bench.analysis.page.languages import Text, both, side_by_side
from bench.analysis.text import EN, ZH, note, speaker, word

#: Latin letters that a Chinese text may hold: names, commands, columns, and terms that Chinese papers use as they are.
LATIN = {
    "washtest", "policy", "detector", "header", "AI", "AUC", "ROC", "DET", "JPEG", "PSNR", "SSIM", "DeLong",
    "McNemar", "Holm", "ECE", "Brier", "Clopper", "Pearson", "Wilson", "Newcombe", "logit", "native", "canonical",
    "macro", "tables", "csv", "gallery", "failures", "errors", "dB", "n", "p", "t", "A", "B",
}  # fmt: skip


def fields(text: str) -> list[str]:
    return sorted(name or "" for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_both_languages_say_the_same_keys_with_the_same_values():
    assert list(EN) and set(EN) == set(ZH)
    # A sentence may say a value twice in one language.
    apart = {key for key in EN if set(fields(EN[key])) != set(fields(ZH[key]))}
    assert apart == set()


@pytest.mark.parametrize("key", sorted(ZH))
def test_no_english_is_left_in_chinese(key):
    words = set(re.findall(r"[A-Za-z]+", re.sub(r"\{\w*\}|tables/\w+", "", ZH[key])))
    assert words <= LATIN, key


def test_chinese_uses_full_width_punctuation():
    for key, text in ZH.items():
        assert not re.search(r"[\u4e00-\u9fff][,;:?!()]", text), key


def test_every_sentence_of_the_summary_is_said_in_both_languages(real):
    english, chinese = (findings(real.run, real.tables, speaker(language)) for language in ("en", "zh"))
    assert len(english) == len(chinese) > 10
    for one, other in zip(english, chinese, strict=True):
        assert (one.kind, one.anchor) == (other.kind, other.anchor)
        assert re.search("[\u4e00-\u9fff]", other.text) and not re.search("[\u4e00-\u9fff]", one.text)
        # The numbers are the same, whatever the order of the words; 95 and 2025 stand in the words.
        numbers = [
            sorted(re.findall(r"\d+(?:\.\d+)?(?: ?%)?\s?\[[^]]*\]", f.text.replace("\u00a0", " ")))
            for f in (one, other)
        ]
        assert [n.replace(" %", "%") for n in numbers[0]] == [n.replace(" %", "%") for n in numbers[1]]


def test_notes_of_every_table_are_found_by_their_words(real):
    told = {text for table in real.tables.values() if "note" in table for text in table["note"].dropna()}
    told -= {""}
    told = {text for text in told if not text.startswith("mean ")}  # of the macro mean, which the page leaves out
    assert len(told) > 3
    for text in told:
        assert note(text, speaker("en")).replace("\u00a0", " ") == text
        chinese = re.sub(r"\bn(_\w+)? <|n ≥|families_\w+ <|p\b", "", note(text, speaker("zh")))
        assert not re.search(r"[A-Za-z]{3,}", chinese.replace("AI", "")), text


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("n_human < 10", "n_human < 10"),
        ("refused: needs 100 human calibration scores, has 23; n_ai < 10",
         "拒绝设定：需要 100 个非 AI 校准得分，现有 23 个；n_ai < 10"),
        ("unmarked: 1 error, 2 not applicable", "无水印文件：1 个出错、2 个不适用"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_note_is_said_in_chinese(english, chinese):
    assert note(english, speaker("zh")) == chinese
    assert note(english, speaker("en")) == english


def test_fixed_words_are_translated_and_names_are_not():
    say = speaker("zh")
    assert word("refused", say) == "拒绝设定" and word("*", say) == "全部" and word("joint", say) == "joint"


def test_texts_that_differ_stand_side_by_side_and_others_once():
    english = {"a": ["same", "one"], "b": ("x", None, 3)}
    merged = side_by_side(english, {"a": ["same", "一"], "b": ("x", None, 3)})
    assert merged == {"a": ["same", Text("one", "一")], "b": ("x", None, 3)}
    with pytest.raises(ValueError, match="in Chinese"):
        side_by_side({"a": 1}, {"a": 2})
    with pytest.raises(ValueError, match="zip"):
        side_by_side(["a"], ["b", "c"])


def test_a_text_in_the_page_is_escaped_in_both_languages():
    said = both("regime_table", regime="<b>", threshold=Text('"x"', "&"))
    assert said == Text('<b>: "x"', "<b>：&")
    assert html.unescape(said.__html__()) == '<span data-zh="<b>：&"><b>: "x"</span>'
    assert "<b>" not in said.__html__()
    assert both("meta_version") == "washtest"


def test_every_table_of_the_run_is_on_the_page_or_summed_up_there():
    # label_states is the columns of label_survival as rows; the page shows the columns.
    on_the_page = {"label_survival", "label_false_positives", "watermark_survival", "detector_errors", "edited_by_area",
                   "policy", "thresholds", "detector_pairs", "attack_effects", "robustness", "subgroup_fpr",
                   "worst_view", "threshold_drift", "calibration", "coverage", "failures"}  # fmt: skip
    assert set(tables.TABLES) == on_the_page | {"label_states"}
