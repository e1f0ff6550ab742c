"""The command that compares: two runs on the same files, or detectors within one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, note, print_json, print_rows, print_text
from bench.cli.runs import FORMATS
from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.charts.comparison import Row
    from bench.analysis.compare.runs import Comparison

#: Exit code where the second run is worse than allowed.
WORSE = 3

#: Endings of the file that ``--chart`` draws.
PICTURES = (".svg", ".png", ".pdf")

#: So many lines say what got worse, or turned, before "and n more".
SHOWN = 20

#: What of the tables a person at a terminal is shown.
PERSONS = {
    "comparison": ("subject", "regime", "attack", "measure", "n", "before", "after", "difference",
                   "turned_worse", "turned_better", "p_holm"),
    "detectors": ("detector", "regime", "fpr_clean", "fpr_worst", "fnr_clean", "fnr_worst", "fnr_worst_attack",
                  "auc_clean", "auc_worst", "area", "rank"),
    "pairs": ("detector_a", "detector_b", "regime", "attack", "human_only_a", "human_only_b", "p_human_holm",
              "ai_only_a", "ai_only_b", "p_ai_holm", "auc_difference", "p_auc_holm"),
}  # fmt: skip


@click.command()
@click.argument("names", metavar="RUN_A RUN_B", nargs=-1, required=True)
@click.option("--detectors", "within", is_flag=True, help="Compare detectors of one run: names first, RUN last.")
@click.option("--baseline", metavar="X", help="With --detectors: compare every other one with X only.")
@click.option("--detector", "detectors", multiple=True, metavar="X", help="Two runs: only this detector.")
@click.option("--label", "labels", multiple=True, metavar="L", help="Two runs: only this label or watermark.")
@click.option(
    "--fail-if-worse", "points", type=click.FloatRange(0, 100), metavar="POINTS",
    help="Two runs: exit code 3 where a rate got worse by more than so many points, its interval excluding 0.",
)  # fmt: skip
@click.option("--format", "kind", type=click.Choice(["tsv", "json", *FORMATS]), help="[default: aligned, TSV if piped]")
@json_option
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Also write the tables as CSV into DIR.")
@click.option(
    "--chart", "picture", type=click.Path(path_type=Path), metavar="FILE",
    help="Also draw both rates and their paired difference into FILE: .svg, .png or .pdf.",
)  # fmt: skip
def compare(
    names: tuple[str, ...],
    within: bool,
    baseline: str | None,
    detectors: tuple[str, ...],
    labels: tuple[str, ...],
    points: float | None,
    kind: str | None,
    as_json: bool,
    out: Path | None,
    picture: Path | None,
) -> None:
    """Compare two runs on the same files, or detectors of one run, paired and with significance.

    Two runs (of other versions, settings or seeds): per detector, label and attack both rates, their difference with
    its 95 % interval, and how many files turned each way; --out also writes ledger.csv, one line for every file whose
    verdict or label turned. Only what both runs have is compared; what differs is said. One run: errors untouched and
    under the worst attack, rank intervals, and each pair of detectors.

    Exit code 3: worse than --fail-if-worse allows. It looks at every row, so allow a few points for chance.

    \b
    Examples:
      washtest compare runs/before runs/after
      washtest compare runs/before runs/after --detector spectrum --fail-if-worse 5 --out compared
      washtest compare --detectors spectrum residual header runs/quick-mini --baseline header
      washtest compare runs/before runs/after --chart compared.svg
    """
    form = "json" if as_json else kind
    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise UserError(f"--chart {picture}: the file's ending says what is drawn: {', '.join(PICTURES)}")
    if within:
        if detectors or labels or points is not None:
            raise UserError("--detector, --label and --fail-if-worse compare two runs; leave them out, or --detectors")
        _compare_detectors(Path(names[-1]), names[:-1], baseline, form, out, picture)
        return
    if baseline is not None:
        raise UserError("--baseline compares detectors of one run: washtest compare --detectors A B RUN --baseline A")
    if len(names) != 2:
        raise UserError(
            f"compare takes two runs, got {len(names)}: washtest compare RUN_A RUN_B; "
            "for detectors of one run: washtest compare --detectors A B RUN"
        )
    sys.exit(_compare_runs(Path(names[0]), Path(names[1]), detectors, labels, points, form, out, picture))


def _compare_runs(
    before: Path, after: Path, detectors: tuple[str, ...], labels: tuple[str, ...], points: float | None,
    form: str | None, out: Path | None, picture: Path | None,
) -> int:  # fmt: skip
    from bench import records
    from bench.analysis.compare import runs as run_comparison
    from bench.analysis.compare.common_ground import common_ground

    ground = common_ground(records.load(before), records.load(after))
    # Who names only detectors asks nothing about labels, and the other way round.
    asked = bool(detectors or labels)
    found = run_comparison.compare_runs(ground, detectors if asked else None, labels if asked else None)
    worse = found.table[:0] if points is None else found.regressions(points)
    caption = run_comparison.caption(found)
    facts: dict[str, Any] = {"caption": caption, "differences": ground.differences}
    if points is not None:
        facts |= {"fail_if_worse": points, "worse": _as_json(worse)}
    _write(out, {"comparison": found.table, "ledger": found.ledger})
    if picture is not None:
        from bench.analysis.charts import comparison

        names = [path.resolve().name for path in (before, after)]
        if names[0] == names[1]:
            names = [str(before), str(after)]
        _draw(picture, comparison.of_runs(found.table), f"{names[0]} and {names[1]}", *names)
    if form == "json":
        print_json(facts | {"comparison": _as_json(found.table), "ledger": _as_json(found.ledger)})
    else:
        _show({"comparison": found.table}, form, caption, changed_only=True)
    if form != "json":
        for line in ground.differences:
            note(f"note: {line}")
        note(_summary(found))
    for row in worse.head(SHOWN).to_dict("records"):
        note(f"worse: {_in_words(row)}")
    if len(worse) > SHOWN:
        note(f"worse: and {len(worse) - SHOWN} more")
    return WORSE if len(worse) else 0


def _compare_detectors(
    folder: Path,
    names: tuple[str, ...],
    baseline: str | None,
    form: str | None,
    out: Path | None,
    picture: Path | None,
) -> None:
    from bench import records
    from bench.analysis.compare import side_by_side

    run = records.load(folder)
    found = side_by_side.compare_detectors(run, names, baseline)
    caption = side_by_side.caption(run, baseline)
    tables = {"detectors": found.detectors, "pairs": found.pairs}
    _write(out, tables)
    if picture is not None:
        from bench.analysis.charts import comparison

        rows = comparison.of_detectors(found.pairs)
        _draw(
            picture,
            rows,
            f"Detectors of {folder.resolve().name}, in pairs",
            "the first detector",
            "the second detector",
        )
    if form == "json":
        print_json({"caption": caption} | {name: _as_json(table) for name, table in tables.items()})
    else:
        _show(tables, form, caption)


def _write(out: Path | None, tables: Mapping[str, pd.DataFrame]) -> None:
    from bench.analysis import render
    from bench.files import write_whole

    if out is None:
        return
    for name, table in tables.items():
        path = out / f"{name}.csv"
        write_whole(path, render.to_csv(table))
        click.echo(f"{name}\t{path}", err=True)


def _draw(path: Path, rows: list[Row], title: str, first: str, second: str) -> None:
    from bench.analysis.charts import comparison, style
    from bench.files import write_whole

    with style.styled():
        figure = comparison.chart(rows, title, first, second)
        write_whole(path, style.to_bytes(figure, path.suffix.lower().removeprefix(".")))
    click.echo(f"chart\t{path}", err=True)


def _show(tables: Mapping[str, pd.DataFrame], form: str | None, caption: str, changed_only: bool = False) -> None:
    """The tables on standard output; at a terminal only the columns that matter, and the rows where something is."""
    from bench.analysis import render

    person = form is None and sys.stdout.isatty()
    for number, (name, table) in enumerate(tables.items()):
        if number:
            click.echo()
        if person:
            print_rows(PERSONS[name], _for_people(name, table, changed_only))
        elif form in (None, "tsv"):
            cells = [[render.cell_text(value) for value in row] for row in table.astype(object).to_numpy()]
            print_rows([str(column) for column in table], cells)
        else:
            assert form is not None
            print_text(render.render(table, form, "" if number else caption))
    if form in (None, "tsv", "csv"):
        note(caption)


def _for_people(name: str, table: pd.DataFrame, changed_only: bool) -> list[list[str]]:
    """Three digits of each figure, its interval beside it."""
    if changed_only:
        table = table[table["difference"].abs().gt(1e-12) | (table[["turned_worse", "turned_better"]] > 0).any(axis=1)]
    return [[_figure(row, column) for column in PERSONS[name]] for row in table.astype(object).to_dict("records")]


def _figure(row: Mapping[Any, Any], column: str) -> str:
    import pandas as pd

    value = row[column]
    if pd.isna(value):
        return ""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    low, high = row.get(f"{column}_low"), row.get(f"{column}_high")
    return text if low is None or pd.isna(low) or pd.isna(high) else f"{text} [{low:.3g}, {high:.3g}]"


def _in_words(row: Mapping[Any, Any]) -> str:
    """``spectrum fnr under Jpeg(quality=50) (canonical): 33.3 % -> 83.3 %, +50 points [22.3, 68.3]``."""
    change, low, high = (100 * row[name] for name in ("difference", "difference_low", "difference_high"))
    bundle = f" of {row['bundle']}" if row["bundle"] else ""
    return (
        f"{row['subject']}{bundle} {row['measure']} under {row['attack']} ({row['regime']}): "
        f"{100 * row['before']:.3g} % -> {100 * row['after']:.3g} %, {change:+.3g} points [{low:.3g}, {high:.3g}]"
    )


def _summary(found: Comparison) -> str:
    turned = found.ledger["change"].value_counts()
    counts = ", ".join(f"{turned.get(name, 0)} {name}" for name in ("worse", "better", "other"))
    return f"{len(found.ledger)} answers turned ({counts}) in {len(found.table)} compared rates"


def _as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON knows them: blank and infinite numbers are null."""
    import math

    import pandas as pd

    def plain(value: Any) -> Any:
        return None if pd.isna(value) or (isinstance(value, float) and math.isinf(value)) else value

    rows = table.astype(object).to_dict("records")
    return [{str(name): plain(value) for name, value in row.items()} for row in rows]


COMMANDS = (compare,)
