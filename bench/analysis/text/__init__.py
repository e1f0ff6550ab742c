"""Every sentence of the report, by key and language, so that another language is one more dictionary."""

from __future__ import annotations

import functools
import re

from bench.analysis.text import chinese, chinese_tables, english, english_tables
from bench.analysis.text.charts import CHARTS_EN, CHARTS_ZH
from bench.analysis.text.gallery import GALLERY_EN, GALLERY_ZH
from bench.analysis.text.wording import Say

EN = english.PROSE | english_tables.TABLES | CHARTS_EN | GALLERY_EN
ZH = chinese.PROSE | chinese_tables.TABLES | CHARTS_ZH | GALLERY_ZH

#: The report's languages, the first being what a page shows whose script does not run.
LANGUAGES = {"en": EN, "zh": ZH}

#: What stands between a number and its percent sign: a line must not break there, and Chinese writes none.
_PERCENT = {"en": "\u00a0%", "zh": "%"}


def speaker(language: str = "en") -> Say:
    """The function that says a key in this language: ``say("wiped", k=3, total=9)``."""
    words, percent = LANGUAGES[language], _PERCENT[language]

    def say(key: str, **values: object) -> str:
        text = words[key].format(**values) if values else words[key]
        return text.replace(" %", percent)

    return say


def word(value: str, say: Say) -> str:
    """A fixed word that a table has in a cell, such as ``refused``; what is none of them stays as it is."""
    return say(f"word_{value}") if f"word_{value}" in EN else value


def note(text: str, say: Say) -> str:
    """The note of a table's row, found by its English words; what nobody put into words, ``n < 10``, stays."""
    return say("note_joint").join(_one_note(part, say) or part for part in text.split("; "))


def _one_note(text: str, say: Say) -> str | None:
    for key, pattern in _notes():
        if found := pattern.fullmatch(text):
            values = found.groupdict()
            if inner := values.get("note"):
                # What is said about may be one sentence with a comma, or several counts.
                parts = (_one_note(part, say) or part for part in inner.split(", "))
                values["note"] = _one_note(inner, say) or say("list_joint").join(parts)
            return say(key, **values)
    return None


@functools.cache
def _notes() -> list[tuple[str, re.Pattern[str]]]:
    """Each kind of note with the pattern that its English words make, and that finds what was filled in."""
    found = []
    for key, text in EN.items():
        if key.startswith("note_") and key != "note_joint":
            parts = re.split(r"\{(\w+)\}", text)
            holds = {"n": r"\d+", "bits": r"\d+", "needed": r"\d+"}
            filled = [f"(?P<{p}>{holds.get(p, '.+?')})" if i % 2 else re.escape(p) for i, p in enumerate(parts)]
            found.append((key, re.compile("".join(filled))))
    return found
