"""From a run's records to its tables, charts and report, and whether that has to be done at all.

Only the standard library is imported here: asking whether a run is up to date must not cost more than reading it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import __version__
from bench.pictures import FOLDER, INDEX
from bench.records import TABLES, Run, is_hash_of_content, load, read_header, shard_files

#: What was made, and from what; written last, so that its presence means the rest is there.
STATE = ".analysis.json"

#: Facts of the header that change from one start of the same run to the next and say nothing about its records.
VOLATILE = ("started", "finished", "command", "machine")


def analyse(
    run_folder: Path,
    formats: Sequence[str] = ("svg", "png"),
    illustrate: Callable[[Run], None] | None = None,
    jobs: int | None = None,
) -> list[Path]:
    """Write ``tables/*.csv``, ``charts/*`` and ``report.html`` of a run, each whole or not at all.

    Args:
        run_folder: with ``run.json`` and ``records/``.
        formats: of the charts.
        illustrate: makes the pictures that the report shows; given by whoever knows how, since nothing is measured
            here.
        jobs: processes that draw charts; 0 for none but this one, None for one per processor.

    Returns:
        The files written, in the order of the report.

    Raises:
        UserError: no run there, records that cannot be read, an unknown format.
    """
    from bench.analysis import charts, render, tables
    from bench.analysis.page import report
    from bench.files import clear_leftovers, write_whole

    charts.check_names(None, formats)
    for folder in (run_folder, run_folder / "tables", run_folder / "charts"):
        clear_leftovers(folder)
    digest = _digest(run_folder)
    run = load(run_folder)
    if illustrate is not None:
        illustrate(run)
    made = tables.make(run)
    written: list[Path] = []
    for name, table in made.items():
        written.append(run_folder / "tables" / f"{name}.csv")
        write_whole(written[-1], render.to_csv(table))
    shown = []
    for chart in charts.rendered(run, made, formats=formats, jobs=jobs, page=True):
        shown.append(replace(chart, files={}))
        for form in formats:
            written.append(run_folder / "charts" / f"{chart.name}.{form}")
            write_whole(written[-1], chart.files[form])
    written.append(report.write_report(run, made, run_folder / "report.html", shown))
    names = [path.relative_to(run_folder).as_posix() for path in written]
    _drop_stale(run_folder, names)
    state = {"digest": digest, "gallery": _pictures(run_folder), "formats": sorted(formats), "files": names}
    write_whole(run_folder / STATE, json.dumps(state, indent=1) + "\n")
    return written


def is_current(run_folder: Path, formats: Sequence[str] = ("svg", "png")) -> bool:
    """Whether ``analyse`` would write again what is there: same records, same code, every file in place.

    False where nothing was analysed yet; ``analyse`` says what is wrong with a folder that holds no run.
    """
    state = _state(run_folder)
    try:
        return (
            bool(state)
            and set(formats) <= set(state["formats"])
            and all((run_folder / name).is_file() for name in state["files"])
            and state["gallery"] == _pictures(run_folder)
            and state["digest"] == _digest(run_folder)
        )
    except (KeyError, TypeError):
        return False


def _state(run_folder: Path) -> dict[str, Any]:
    try:
        state = json.loads((run_folder / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _digest(run_folder: Path) -> str:
    """A digest of the records, the header and the code that judges them."""
    header = read_header(run_folder)
    stable: dict[str, Any] = {key: value for key, value in header.items() if key not in VOLATILE}
    stable["finished"] = bool(header.get("finished"))
    digest = hashlib.sha256(json.dumps([__version__, stable], sort_keys=True).encode())
    for path in _inputs(run_folder):
        digest.update(path.name.encode())
        if not is_hash_of_content(path.name):  # ``load`` and a resumed run hold the others against their names
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _pictures(run_folder: Path) -> str:
    """A digest of the gallery's index, which names its pictures; "" where there is none."""
    try:
        return hashlib.sha256((run_folder / FOLDER / INDEX).read_bytes()).hexdigest()
    except OSError:
        return ""


def _inputs(run_folder: Path) -> Iterator[Path]:
    for table in TABLES:
        yield from shard_files(run_folder, table)
    here = Path(__file__).parent
    yield from sorted([*here.rglob("*.py"), *(here / "page" / "templates").iterdir()])


def _drop_stale(run_folder: Path, names: Sequence[str]) -> None:
    """Remove what an earlier analysis wrote and this one did not, such as the charts of a detector since dropped."""
    for name in _state(run_folder).get("files", []):
        path = run_folder / str(name)
        inside = path.parent in (run_folder / "tables", run_folder / "charts")
        if name not in names and inside:
            path.unlink(missing_ok=True)


#: Format of a table -> ending of its file.
ENDINGS = {"csv": "csv", "md": "md", "latex": "tex", "html": "html"}


def render_tables(run_folder: Path, form: str = "csv", only: Sequence[str] | None = None) -> dict[str, str]:
    """The tables of a run as text, by name; ``form`` is csv, md, latex or html.

    Raises:
        UserError: no run there, an unknown table or format.
    """
    from bench.analysis import render, tables

    run = load(run_folder)
    made = tables.make(run, only and [*only, "detector_errors"])
    wanted = {name: table for name, table in made.items() if only is None or name in only}
    return {name: render.render(table, form, tables.caption(run, name, made)) for name, table in wanted.items()}


def write_table(run_folder: Path, name: str, form: str, text: str) -> Path:
    """Write one rendered table into ``tables/`` of its run; HTML becomes a page of its own."""
    from bench.analysis import render
    from bench.files import clear_leftovers, write_whole

    path = run_folder / "tables" / f"{name}.{ENDINGS[form]}"
    clear_leftovers(path.parent)
    write_whole(path, render.page(text, name) if form == "html" else text)
    return path


def draw(run_folder: Path, only: Sequence[str] | None = None, formats: Sequence[str] = ("svg", "png")) -> list[Path]:
    """Draw the charts of a run into ``charts/``, all kinds or those named.

    Raises:
        UserError: no run there, an unknown kind of chart or format.
    """
    from bench.analysis import charts, tables

    charts.check_names(only, formats)
    run = load(run_folder)
    made = tables.make(run, charts.needed(only))
    return charts.draw_all(run, made, run_folder / "charts", only, formats)


def write_report(run_folder: Path) -> Path:
    """Write ``report.html`` of a run.

    Raises:
        UserError: no run there.
    """
    from bench.analysis import tables
    from bench.analysis.page import report

    run = load(run_folder)
    return report.write_report(run, tables.make(run), run_folder / "report.html")
