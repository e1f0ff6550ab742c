"""What the pages share: the templates' environment, the style and script, and their names in a security policy."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from bench.analysis.text import LANGUAGES

#: One style and one script, in this order.
STYLES = ("report.css", "gallery.css")
SCRIPTS = ("language.js", "tables.js")

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def environment() -> jinja2.Environment:
    """Of all templates: whatever is put in is escaped, and a name that is not given is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def assets(rules: Sequence[str] = ()) -> dict[str, str]:
    """The inline style and script of a page, each with its hash for the Content-Security-Policy.

    Args:
        rules: of this page's style alone.
    """
    css = "\n".join([*(_template(name) for name in STYLES), *rules])
    script = "\n".join(_template(name) for name in SCRIPTS)
    # Our own files: safe to stand in the page as they are.
    return {"css": Markup(css), "script": Markup(script), "css_hash": _hash(css), "script_hash": _hash(script)}


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8").strip()


def words() -> dict[str, dict[str, str]]:
    """What the script itself says, by language."""
    return {language: {key: said[f"js_{key}"] for key in ("filter", "shown")} for language, said in LANGUAGES.items()}


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
