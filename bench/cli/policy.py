"""The platform's command: what a run's rates mean in posts a day."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, note, print_json, print_rows, print_text
from bench.cli.runs import FORMATS, run_argument
from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SHARE = click.FloatRange(0, 1)


@click.command()
@run_argument
@click.option("--posts-per-day", type=click.IntRange(1), required=True, metavar="N", help="Pictures posted in a day.")
@click.option("--ai-share", type=SHARE, required=True, metavar="SHARE", help="Share of them that is AI, 0..1.")
@click.option(
    "--declaration-rate", type=SHARE, metavar="SHARE",
    help="Share of the authors of unlabelled AI posts who declare them. [default: 0.2, an assumption]",
)  # fmt: skip
@click.option(
    "--detector", "detectors", multiple=True, metavar="X", help="Only this fallback; 'none' for labels alone."
)
@click.option(
    "--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="FPR",
    help="The threshold frozen for this false-positive rate. [default: the one the charts use]",
)  # fmt: skip
@click.option(
    "--review-minutes", type=click.FloatRange(0), default=0.5, show_default=True, metavar="MIN",
    help="A person's time for one suspected post.",
)  # fmt: skip
@click.option("--format", "kind", type=click.Choice(FORMATS), help="Print as a table of this format.")
@json_option
def policy(
    folder: Path,
    posts_per_day: int,
    ai_share: float,
    declaration_rate: float | None,
    detectors: tuple[str, ...],
    alpha: float | None,
    review_minutes: float,
    kind: str | None,
    as_json: bool,
) -> None:
    """Say what a platform that follows the 2025 Labelling Measures gets wrong in a day, by the rates of a RUN.

    Per fallback detector and attack: human posts that get a notice, AI posts that get none, suspected posts to review,
    the hours that takes, and how many of them really are AI, each with its 95 % interval.

    \b
    Examples:
      washtest policy runs/quick-mini --posts-per-day 9000000 --ai-share 0.1
      washtest policy runs/quick-mini --posts-per-day 50000 --ai-share 0.3 --detector spectrum --alpha 0.05
      washtest policy runs/quick-mini --posts-per-day 9000000 --ai-share 0.1 --declaration-rate 0.5 --format md
    """
    from bench import records
    from bench.analysis import render, traffic
    from bench.analysis.tables.policy import DECLARATION_RATE, verdict_counts
    from bench.analysis.tables.thresholds import thresholds

    run = records.load(folder)
    counts = verdict_counts(run)
    if not len(counts):
        raise UserError(f"{folder} holds no readings of metadata labels on test files; run it with --bundle metadata")
    rate = DECLARATION_RATE if declaration_rate is None else declaration_rate
    asked = traffic.Traffic(posts_per_day, ai_share, rate, review_minutes)
    chosen, left_out = traffic.at_chosen_thresholds(run, thresholds(run), counts, detectors, alpha)
    table, caption = traffic.expected(chosen, asked), traffic.caption(run, asked, left_out)
    if as_json:
        rows = [
            {str(name): _plain(value) for name, value in row.items()} for row in table.astype(object).to_dict("records")
        ]
        print_json({"settings": vars(asked), "caption": caption, "rows": rows})
    elif kind:
        print_text(render.render(table, kind, caption))
        if kind == "csv":
            note(caption)
    else:
        if sys.stdout.isatty():
            print_rows(*_for_people(table))
        else:
            cells = [[render.cell_text(value) for value in row] for row in table.astype(object).to_numpy()]
            print_rows([str(name) for name in table], cells)
        note(caption)


def _plain(value: Any) -> Any:
    """A cell as JSON knows it: blank is null."""
    import pandas as pd

    return None if pd.isna(value) else value


def _for_people(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Fewer columns: each figure with its interval, three digits of it."""
    named = {"wrong_flags": "wrong flags", "misses": "misses", "suspected": "suspected", "review_hours": "review hours"}
    heads = ["detector", "attack", *named.values(), "precision, %"]
    rows = []
    for row in table.astype(object).to_dict("records"):
        figures = [_with_ends([row[f"{name}{end}"] for end in ("", "_low", "_high")]) for name in named]
        share = [_plain(row[f"precision{end}"]) for end in ("", "_low", "_high")]
        share = [value if value is None else 100 * value for value in share]
        rows.append([row["detector"], row["attack"], *figures, _with_ends(share)])
    return heads, rows


def _with_ends(values: list[Any]) -> str:
    """``81,000 [12,000, 210,000]``; blank where there is no figure."""
    known = [_plain(value) for value in values]
    if None in known:
        return ""
    value, low, high = (_three_digits(float(number)) for number in known)
    return f"{value} [{low}, {high}]"


def _three_digits(number: float) -> str:
    if number < 999.5:
        return f"{number:.3g}"
    return f"{round(number, 2 - math.floor(math.log10(number))):,.0f}"


COMMANDS = (policy,)
