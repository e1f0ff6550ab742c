"""How far a run is, for a person at a terminal, for a log file, or for a program that watches it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from bench.cli.common import note

if TYPE_CHECKING:
    from bench.harness.run import Progress

#: Seconds between two lines; the last always comes.
PLAIN_SECONDS, JSON_SECONDS = 10.0, 1.0

progress_option = click.option(
    "--progress",
    type=click.Choice(["bar", "plain", "jsonl", "none"]),
    default="bar",
    show_default=True,
    help="On standard error: a bar, a line every 10 s, a JSON object every second, nothing.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="The same as --progress none.")


def progress_reporter(kind: str) -> Progress:
    """What tells of progress on standard error, with rate, remaining time and the number of errors.

    Args:
        kind: ``bar``, ``plain``, ``jsonl`` (``done``, ``total``, ``rate`` in samples a second, ``eta_s``, ``errors``;
            or ``message``) or ``none``.
    """
    from bench.harness.run import Progress

    if kind == "none":
        return Progress(lambda text: None, lambda total, done: None, lambda views, errors: None, lambda: None)
    if kind == "bar":
        return _bar()
    if kind == "plain":
        return _lines(note, _plain, PLAIN_SECONDS)
    return _lines(lambda text: note(json.dumps({"message": text})), json.dumps, JSON_SECONDS)


def _bar() -> Progress:
    from tqdm import tqdm

    from bench.harness.run import Progress

    bars: list[tqdm[None]] = []
    counts = {"views": 0, "errors": 0}

    def start(total: int, done: int) -> None:
        bars.append(
            tqdm(total=total, initial=done, unit="sample", file=sys.stderr, dynamic_ncols=True, mininterval=0.5)
        )

    def step(views: int, errors: int) -> None:
        counts["views"] += views
        counts["errors"] += errors
        bars[-1].set_postfix(counts, refresh=False)
        bars[-1].update()

    def stop() -> None:
        for bar in bars:
            bar.close()

    return Progress(note, start, step, stop)


def _lines(message: Callable[[str], None], line: Callable[[dict[str, float | None]], str], every: float) -> Progress:
    """A line at the start, one every so many seconds, and one at the end."""
    from bench.harness.run import Progress

    state = {"done": 0, "first": 0, "total": 0, "views": 0, "errors": 0, "said": -1}
    times = {"started": 0.0, "said": 0.0}

    def tell() -> None:
        times["said"] = time.monotonic()
        done, passed = state["done"], times["said"] - times["started"]
        rate = (done - state["first"]) / passed if done > state["first"] and passed > 0 else None
        left = round((state["total"] - done) / rate, 1) if rate else None
        state["said"] = done
        counts = {name: state[name] for name in ("done", "total", "views", "errors")}
        note(line(counts | {"rate": rate and round(rate, 3), "eta_s": left}))

    def start(total: int, done: int) -> None:
        state.update(done=done, first=done, total=total)
        times["started"] = time.monotonic()
        tell()

    def step(views: int, errors: int) -> None:
        state["done"] += 1
        state["views"] += views
        state["errors"] += errors
        if time.monotonic() - times["said"] >= every:
            tell()

    def stop() -> None:
        if state["done"] != state["said"]:
            tell()

    return Progress(message, start, step, stop)


def _plain(counts: dict[str, float | None]) -> str:
    rate = f"{counts['rate']:g} samples/s" if counts["rate"] else "no rate yet"
    left = f", {counts['eta_s']:.0f} s left" if counts["eta_s"] else ""
    return f"{counts['done']} of {counts['total']} samples, {rate}{left}, {counts['errors']} errors"
