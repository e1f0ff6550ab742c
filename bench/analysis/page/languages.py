"""Both languages in one page: what is said is made once for each, and what differs is put side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from bench.analysis.text import speaker
from bench.analysis.text.wording import Say


@dataclasses.dataclass(frozen=True)
class Text:
    """The same words in English, which the page shows without its script, and in Chinese.

    In a template it becomes a ``span`` whose attribute holds the Chinese words, for the script to put in.
    """

    en: str
    zh: str

    def __html__(self) -> str:
        return Markup('<span data-zh="{}">{}</span>').format(self.zh, self.en)


def side_by_side(en: Any, zh: Any) -> Any:
    """The same part of the page in both languages as one: texts that differ become ``Text``, the rest stays.

    Args:
        en: texts, lists, tuples, mappings and dataclasses of them, nested.
        zh: of the same shape.

    Raises:
        ValueError: the two are not of the same shape, so that a language says more than the other.
    """
    if en == zh:
        return en
    if isinstance(en, str) and isinstance(zh, str):
        return Text(en, zh)
    if type(en) is not type(zh):
        raise ValueError(f"{type(en).__name__} in English, {type(zh).__name__} in Chinese")
    if isinstance(en, dict):
        return {key: side_by_side(value, zh[key]) for key, value in en.items()}
    if isinstance(en, list | tuple):
        return type(en)(side_by_side(one, other) for one, other in zip(en, zh, strict=True))
    if dataclasses.is_dataclass(en) and not isinstance(en, type):
        names = [field.name for field in dataclasses.fields(en)]
        return dataclasses.replace(en, **{name: side_by_side(getattr(en, name), getattr(zh, name)) for name in names})
    raise ValueError(f"{en!r} in English, {zh!r} in Chinese")


def both(key: str, **values: Any) -> Any:
    """What the template says by key: ``Text``, or a text where both languages say the same; values may be either."""
    return side_by_side(*(_say(say, language, key, values) for language, say in _SPEAKERS.items()))


def in_both(make: Callable[..., Any], *given: Any) -> Any:
    """What a function makes of this in each language, side by side; it takes the language's ``Say`` last."""
    return side_by_side(*(make(*given, say) for say in _SPEAKERS.values()))


_SPEAKERS: dict[str, Say] = {language: speaker(language) for language in ("en", "zh")}


def _say(say: Say, language: str, key: str, values: dict[str, Any]) -> str:
    told = {name: getattr(value, language) if isinstance(value, Text) else value for name, value in values.items()}
    return say(key, **told)
