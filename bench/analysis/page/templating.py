"""What the pages share: the templates' environment, the style and script, and their names in a security policy."""

from __future__ import annotations

import base64
import functools
import hashlib
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


def assets() -> dict[str, str]:
    """The inline style and script of every page, each with its hash for the Content-Security-Policy."""
    css, script = (
        "\n".join((TEMPLATES / name).read_text("utf-8").strip() for name in names) for names in (STYLES, SCRIPTS)
    )
    # Our own files: safe to stand in the page as they are.
    return {"css": Markup(css), "script": Markup(script), "css_hash": _hash(css), "script_hash": _hash(script)}


def words() -> dict[str, dict[str, str]]:
    """What the script itself says, by language."""
    return {language: {key: said[f"js_{key}"] for key in ("filter", "shown")} for language, said in LANGUAGES.items()}


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
