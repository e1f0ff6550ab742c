"""A program as a detector: CSV with ``id,path`` in, CSV with ``id,score`` out.

It keeps its own interpreter, packages, GPU, memory and licence, and takes nothing with it when it dies.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.detectors.base import DetectorInfo, Score
from bench.detectors.plugins.card import texts
from bench.detectors.plugins.function import as_files
from bench.detectors.plugins.rows import read_scores
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings
from bench.tools import call, ended, last_line

if TYPE_CHECKING:
    from bench.detectors.plugins.card import Card

#: Most bytes of an answer that are read: this and as much for each file.
MAX_ANSWER, MAX_ROW = 1 << 20, 4096


@settings
class Command:
    """How the program is called.

    Attributes:
        command: program and arguments, started without a shell. ``{in}`` becomes the path of the table of files,
            ``{out}`` that of the answer; without them these are standard input and output.
        folder: of the card.
        cwd: it is started here; relative to the card.
        env: added to this process's environment.
        timeout: seconds for one batch, above 0 and at most 86400.
    """

    command: Any
    folder: Path
    cwd: str = "."
    env: Any = ()
    timeout: float = 60.0

    def __post_init__(self) -> None:
        words = self.command
        if not isinstance(words, list | tuple) or not words or not all(isinstance(w, str) and w for w in words):
            raise ValueError(f'command must be a list of texts such as ["python3", "score.py"], got {words!r}')
        if self.env != () and not texts(self.env):
            raise ValueError(f"env must be a table of texts, got {self.env!r}")
        if any(
            "\0" in word for word in (*words, self.cwd, *(text for pair in dict(self.env).items() for text in pair))
        ):
            raise ValueError("command, cwd and env must not hold NUL characters")
        if not 0 < self.timeout <= 86400:
            raise ValueError(f"timeout must be above 0 and at most 86400 seconds, got {self.timeout:g}")
        object.__setattr__(self, "command", tuple(words))
        object.__setattr__(self, "env", tuple(sorted(dict(self.env).items())))

    @property
    def place(self) -> Path:
        """Where it is started."""
        return (self.folder / self.cwd).resolve()

    @property
    def environment(self) -> dict[str, str]:
        """What it sees."""
        return {**os.environ, **dict(self.env)}

    def found(self) -> str | None:
        """The program's path; None where there is none."""
        name: str = self.command[0]
        if os.sep in name:
            path = self.place / name
            return str(path) if path.is_file() and os.access(path, os.X_OK) else None
        return shutil.which(name, path=self.environment.get("PATH"))


@dataclass(frozen=True, repr=False)
class ProgramDetector:
    """A program with its card.

    Attributes:
        path: of the card, as the user gave it.
        info: who it is.
        call: how it is called.
    """

    path: str
    info: DetectorInfo
    call: Command

    def __repr__(self) -> str:
        return self.path

    def missing(self) -> str:
        """What is to be done before it can run, or ""."""
        if not self.call.place.is_dir():
            return f"make the folder {self.call.cwd}"
        return "" if self.call.found() else f"install {self.call.command[0]}"

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """One score per file; a file that the answer leaves out, or names twice, has none."""
        program = self.call.found()
        if self.missing() or program is None:
            raise Unavailable("E_PROGRAM_MISSING", f"{self.call.command[0]} is not found; {self.missing()}")
        with as_files(batch) as paths:
            ids = [path.stem for path in paths]
            answer = self._answer(
                program, paths[0].parent, "".join(f"{one},{path}\n" for one, path in zip(ids, paths, strict=True))
            )
        return in_order(ids, answer)

    def _answer(self, program: str, folder: Path, table: str) -> str:
        """What the program answers to this table of files in a folder.

        Raises:
            CodedError: ``E_TIMEOUT``, ``E_EXIT``, ``E_START``, ``E_MEMORY``, ``E_OUTPUT``.
        """
        import subprocess

        with tempfile.TemporaryDirectory(prefix="washtest-", ignore_cleanup_errors=True) as text:
            files = {f"{{{name}}}": Path(text) / f"{name}.csv" for name in ("in", "out")}
            files["{in}"].write_text("id,path\n" + table, "utf-8")
            words = [program, *self.call.command[1:]]
            for mark, path in files.items():
                words = [word.replace(mark, str(path)) for word in words]
            told = "{out}" in " ".join(self.call.command)  # else its standard output is the answer
            said = Path(text) / "said"
            with (
                files["{in}"].open("rb") as stdin,
                (said if told else files["{out}"]).open("wb") as stdout,
                (Path(text) / "err").open("w+b") as stderr,
            ):
                try:
                    code = call(words, self.call.place, self.call.environment, self.call.timeout, stdin, stdout, stderr)
                except subprocess.TimeoutExpired:
                    raise CodedError("E_TIMEOUT", f"ran longer than {self.call.timeout:g} s") from None
                except OSError as error:
                    raise CodedError("E_START", f"{self.call.command[0]}: {error.strerror or error}") from None
                stderr.seek(max(0, stderr.seek(0, io.SEEK_END) - (1 << 16)))
                last = last_line(stderr.read().decode("utf-8", "replace"))
                # Private names are others each time, and one kind of failure should read as one.
                last = last.replace(f"{folder}/", "").replace(f"{text}/", "")
            if code:
                short = re.search(r"MemoryError|out of memory|bad_alloc", last)
                raise CodedError("E_MEMORY" if short else "E_EXIT", f"{ended(code)}: {last or 'without a word'}")
            with contextlib.suppress(FileNotFoundError), files["{out}"].open("rb") as file:
                limit = MAX_ANSWER + MAX_ROW * table.count("\n")
                data = file.read(limit + 1)
                if len(data) > limit:
                    raise CodedError("E_OUTPUT", f"the answer is longer than {limit} bytes")
                return data.decode("utf-8", "replace")
        raise CodedError("E_OUTPUT", "no answer was written to {out}")


def in_order(ids: Sequence[str], answer: str) -> list[Score]:
    """The scores of these ids out of an answer; those it leaves out, names twice or does not know have none."""
    found: dict[str, Score] = {}
    strange = ""
    for _, one, score in read_scores(io.StringIO(answer, newline=""), ("id",)):
        if one not in ids:
            strange = strange or one
        elif one in found:
            found[one] = Score(None, "error", "E_DUPLICATE_ID", f"the answer names {one} more than once")
        else:
            found[one] = score
    missing = Score(None, "error", "E_NO_SCORE", "the answer leaves this file out")
    if strange:  # most likely it is the row of a file that is left out
        missing = Score(None, "error", "E_UNKNOWN_ID", f"the answer leaves this file out and names {strange[:100]!r}")
    return [found.get(one, missing) for one in ids]


def from_card(card: Card) -> ProgramDetector:
    """The detector of a card that names a command.

    Raises:
        UserError: as ``read_card``.
    """
    how = card.take(Command, folder=card.folder)
    return ProgramDetector(card.path, card.info(), how)
