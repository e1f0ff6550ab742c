"""The boards as people read them: one Markdown page and one HTML page, from the same tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import as_rows
from bench.analysis.leaderboard.boards import detector_board, label_board
from bench.analysis.leaderboard.entries import Entry, Ground, find
from bench.analysis.page.cells import Cell, Head, Table, make_table
from bench.analysis.page.templating import assets, environment, words
from bench.analysis.render import markdown_text
from bench.analysis.tables.detection import MIN_N
from bench.analysis.text import speaker
from bench.analysis.text.wording import percent
from bench.errors import UserError
from bench.files import write_whole

NAME = "leaderboard"

#: What must be said before anything is compared.
LEAD = (
    "Compare within one heading only: the same suite, data set revision and attacks. Figures of two headings are over "
    "different files and say nothing about each other.",
    "Every detector has one threshold, frozen at the stated false-positive rate on clean human files of the "
    "calibration split; rates are on the test split, with 95 % intervals. Area is the mean miss rate over the "
    "severities of each attack family, each family counting once; rank 1 has the least, and its interval holds all "
    "true ranks at once (paired by file within one run, wider over several). A detector may buy a small area with "
    "false positives: read both.",
    "“No better” beside a detector: on untouched files a baseline that sees only format, size and JPEG quality "
    "separates the classes about as well, so the score may say nothing about pixels.",
    f"Survived: read back intact, or for a watermark detected; declares: altered ones that still say AI count too. "
    f"Pooled over the attacks of a family, the interval over files. Fewer than {MIN_N} files show no rate.",
)

HOW_TO_ADD = "To add a detector, see docs/submit.md: a pull request with one small file and its scores."


@dataclass(frozen=True)
class Part:
    """One ground with its tables; ``facts`` and ``runs`` (name, address) stand under the heading."""

    title: str
    facts: str
    runs: list[tuple[str, str]]
    tables: list[Table]


def write(results: Path) -> tuple[list[Path], list[str]]:
    """Write ``leaderboard.md`` and ``leaderboard.html`` into a folder of results.

    Returns:
        The two files, and a line for each run that was left out.

    Raises:
        UserError: as ``entries.find``, or no run there.
    """
    entries, left_out = find(results)
    if not entries and not left_out:
        raise UserError(f"no folder in {results} holds a run.json; give the folder in which the folders of runs are")
    parts = [_part(ground, members) for ground, members in _by_ground(entries).items()]
    pages = {"md": to_markdown(parts), "html": to_html(parts)}
    paths = [results / f"{NAME}.{ending}" for ending in pages]
    for path, text in zip(paths, pages.values(), strict=True):
        write_whole(path, text)
    return paths, left_out


def _by_ground(entries: Iterable[Entry]) -> dict[Ground, list[Entry]]:
    found: dict[Ground, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.ground, []).append(entry)
    return dict(sorted(found.items(), key=lambda pair: (pair[0].suite, pair[0].dataset)))


def _part(ground: Ground, entries: Sequence[Entry]) -> Part:
    header = entries[0].header
    test = header.get("dataset", {}).get("splits", {}).get("test", {})
    counts = ", ".join(f"{n} {truth}" for truth, n in test.items() if n)
    facts = f"test files: {counts}; {len(header.get('attacks', []))} attacks; seed {header.get('seed')}; "
    facts += f"washtest {', '.join(sorted({str(entry.header.get('washtest')) for entry in entries}))}"
    runs = [(entry.name, f"{entry.name}/run.json") for entry in entries]
    board = detector_board(entries)
    tables = [detector_table(rows, str(regime)) for regime, rows in board.groupby("regime", sort=True)]
    labels = label_table(label_board(entries))
    title = f"{ground.suite} on {ground.dataset}, revision {ground.revision}"
    return Part(title, facts, runs, [table for table in (*tables, labels) if table.rows])


def detector_table(board: pd.DataFrame, regime: str) -> Table:
    """The rows of one regime."""
    rows = as_rows(board)
    alphas = ["vendor's own" if np.isnan(row["alpha"]) else f"FPR ≤ {100 * row['alpha']:g} %" for row in rows]
    return make_table(
        f"Detectors, {regime} files",
        [
            (Head("detector", False), [Cell(row["detector"], href=row["link"]) for row in rows]),
            (Head("against headers", False), [Cell(row["doubt"]) for row in rows]),
            (Head("threshold", False), [Cell(text) for text in alphas]),
            (Head("rank"), [Cell(_rank(row)) for row in rows]),
            (Head("area"), [_rate(row, "area") for row in rows]),
            (Head("FPR clean"), [_rate(row, "fpr", n=row["n_human"]) for row in rows]),
            (Head("FNR clean"), [_rate(row, "fnr", n=row["n_ai"]) for row in rows]),
            (Head("AUC"), [Cell(_auc(row["auc"])) for row in rows]),
            (Head("headers alone"), [Cell(_auc(row["header_auc"])) for row in rows]),
            (Head("FNR at worst"), [_rate(row, "worst_fnr", "worst") for row in rows]),
            (Head("worst attack", False), [Cell(_text(row["worst_attack"])) for row in rows]),
            (Head("version", False), [Cell(row["version"]) for row in rows]),
            (Head("by", False), [Cell(row["authors"]) for row in rows]),
            (Head("licence", False), [Cell(row["licence"]) for row in rows]),
            (Head("run", False), [Cell(row["run"], href=f"{row['run']}/run.json") for row in rows]),
        ],
        speaker("en"),
    )


def label_table(board: pd.DataFrame) -> Table:
    """Every label and watermark by attack family."""
    rows = as_rows(board)
    return make_table(
        "Labels and watermarks",
        [
            (Head("label", False), [Cell(row["label"]) for row in rows]),
            (Head("written with", False), [Cell(row["bundle"]) for row in rows]),
            (Head("attacks", False), [Cell(row["attack_family"]) for row in rows]),
            (Head("of the family"), [Cell(str(row["attacks"])) for row in rows]),
            (Head("files"), [Cell(str(row["files"])) for row in rows]),
            (Head("survived"), [_rate(row, "survived", n=row["files"], few_only=True) for row in rows]),
            (Head("declares"), [_rate(row, "declares") for row in rows]),
            (Head("run", False), [Cell(row["run"], href=f"{row['run']}/run.json") for row in rows]),
        ],
        speaker("en"),
        folded=len(rows) > 60,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _auc(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"


def _rank(row: dict[str, Any]) -> str:
    if pd.isna(row["rank"]):
        return ""
    return f"{row['rank']:.0f} [{row['rank_low']:.0f}, {row['rank_high']:.0f}] of {row['n_ranked']:.0f}"


def _rate(row: dict[str, Any], name: str, stem: str = "", n: int | None = None, few_only: bool = False) -> Cell:
    """``65 % [54, 75] of 60``, shaded; ``n < 10`` where there are too few for a rate."""
    value = row[name]
    if pd.isna(value):
        return Cell(f"n < {MIN_N}" if n is not None and n < MIN_N else "")
    text = percent(value, row[f"{stem or name}_low"], row[f"{stem or name}_high"])
    return Cell(text if n is None or few_only else f"{text} of {n:.0f}", round(10 * value))


def to_html(parts: Sequence[Part]) -> str:
    """The page: sortable, filterable, self-contained but for the links to each ``run.json``."""
    template = environment().get_template("leaderboard.html.j2")
    return (
        template.render(t=speaker("en"), words=words(), **assets(), parts=parts, lead=LEAD, how_to_add=HOW_TO_ADD)
        + "\n"
    )


def to_markdown(parts: Sequence[Part]) -> str:
    """The same tables for a forge to show."""
    lines = ["# Leaderboard", "", f"Made by `washtest {NAME}`; [the same, sortable]({NAME}.html).", ""]
    lines += [line for text in (*LEAD, HOW_TO_ADD) for line in (markdown_text(text), "")]
    for part in parts:
        lines += [f"## {markdown_text(part.title)}", "", markdown_text(part.facts), ""]
        lines += ["Runs: " + ", ".join(_link(*run) for run in part.runs), ""]
        for table in part.tables:
            lines += [f"### {markdown_text(table.caption)}", "", *_pipes(table), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _pipes(table: Table) -> list[str]:
    rules = ["---:" if head.number else "---" for head in table.heads]
    rows = [[_link(cell.text, cell.href) for cell in row] for row in table.rows]
    return [f"| {' | '.join(row)} |" for row in ([markdown_text(head.text) for head in table.heads], rules, *rows)]


def _link(text: str, href: str) -> str:
    # An address comes out of other people's files: what could end the link is written as URLs have it.
    safe = href.replace("(", "%28").replace(")", "%29").replace(" ", "%20").replace("|", "%7C").replace("<", "%3C")
    return f"[{markdown_text(text)}]({safe})" if href else markdown_text(text)
