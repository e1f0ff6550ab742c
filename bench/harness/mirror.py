"""A copy of a run folder in a shared folder or an object store, kept while the run goes on.

A machine that was lent for a day takes its disk with it when it goes. The copy has the layout of a run folder; whole
shards are added as they are committed, so that the same command on another machine goes on from there, and
``washtest merge`` reads it.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.files import write_whole
from bench.harness.mirror_claim import Claim
from bench.harness.places import place, reaching, read, without_secrets
from bench.records import SCHEMA_VERSION, TABLES, shard_name


class Mirror:
    """The copy of one run.

    Args:
        url: of its folder; made where missing.

    Raises:
        UserError: as ``place``.
    """

    def __init__(self, url: str) -> None:
        self.url = without_secrets(url)
        self._given = url
        self._files, self._root = place(url)
        self._claim: Claim | None = None

    def claim(self, owner: str, say: Callable[[str], None]) -> None:
        """Keep other runs from writing here until ``release``.

        Args:
            owner: one word for this run's folder, which is locked.
            say: told that this waits.

        Raises:
            UserError: another run is writing here, or the place cannot be written.
        """
        self._claim = Claim(self._given, owner)
        try:
            self._claim.take(say)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let other runs write here."""
        if self._claim:
            self._claim.release()
            self._claim = None

    def header(self) -> dict[str, Any] | None:
        """``run.json``, or None where there is no run yet.

        Raises:
            UserError: it cannot be reached, or what is there is no run.
        """
        with reaching(self.url):
            try:
                text = read(self._files, f"{self._root}/run.json")
            except FileNotFoundError:
                return None
        try:
            header: dict[str, Any] = json.loads(text)
            version = int(header["schema_version"])
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{self.url}/run.json is no header of a run; choose another place") from None
        if version != SCHEMA_VERSION:
            raise UserError(f"{self.url} is of schema {version}, not {SCHEMA_VERSION}; run into a new place")
        return header

    def write_header(self, text: str) -> None:
        """Put ``run.json`` there."""
        self._write({"run.json": text.encode("utf-8", "backslashreplace")})

    def shards(self) -> set[str]:
        """The names of the shards whose ``views``, which are written last, are there."""
        return {name for name in self._names("records/views") if re.fullmatch(r"[0-9a-f]{16}\.parquet", name)}

    def read_shard(self, name: str) -> list[bytes] | None:
        """The three files of a shard in the order of ``TABLES``; None where they are not what their name says."""
        with reaching(self.url):
            try:
                parts = [read(self._files, f"{self._root}/records/{table}/{name}") for table in TABLES]
            except FileNotFoundError:
                return None
        return parts if shard_name(parts) == name else None

    def write_shard(self, name: str, parts: Sequence[bytes]) -> None:
        """Put a shard there, its views last."""
        self._write({f"records/{table}/{name}": part for table, part in zip(TABLES, parts, strict=True)})

    def remove_shard(self, name: str) -> None:
        """Take a shard away, views first; it may be gone already."""
        self._check_claim()
        with reaching(self.url):
            for table in reversed(TABLES):
                with contextlib.suppress(FileNotFoundError):
                    self._files.rm_file(f"{self._root}/records/{table}/{name}")

    def join_models(self, folder: Path) -> None:
        """Copy fitted models both ways: a resumed run scores with the very models that it began with.

        Args:
            folder: of the run, on this machine.
        """
        models = folder / "models"
        here = {path.name for path in models.glob("[!.]*")}
        there = self._names("models")
        for name in sorted(there - here):
            with reaching(self.url):
                model = read(self._files, f"{self._root}/models/{name}")
            write_whole(models / name, model)
        self._write({f"models/{name}": (models / name).read_bytes() for name in sorted(here - there)})

    def fetch(self, folder: Path) -> None:
        """Copy the run into an empty folder of this machine: header, models and whole shards.

        Raises:
            UserError: there is no run, or a shard of it is damaged.
        """
        header = self.header()
        if header is None:
            raise UserError(f"{self.url} holds no run (no run.json); make one with: washtest run --mirror {self.url}")
        for name in sorted(self.shards()):
            parts = self.read_shard(name)
            if parts is None:
                command = header.get("command") or "washtest run"
                raise UserError(f"shard {name} of {self.url} is damaged; the same run mends it: {command}")
            for table, part in zip(TABLES, parts, strict=True):
                write_whole(folder / "records" / table / name, part)
        self.join_models(folder)
        write_whole(folder / "run.json", json.dumps(header, ensure_ascii=False))

    def _names(self, kind: str) -> set[str]:
        """The names of the files in a folder of the run, none where it is missing."""
        with reaching(self.url):
            self._files.invalidate_cache()  # other machines write there too
            try:
                found = self._files.ls(f"{self._root}/{kind}", detail=False)
            except FileNotFoundError:
                return set()
        return {name for path in found if (name := path.rstrip("/").rpartition("/")[2]) and not name.startswith(".")}

    def _check_claim(self) -> None:
        if self._claim:
            self._claim.check()

    def _write(self, files: dict[str, bytes]) -> None:
        self._check_claim()
        with reaching(self.url):
            for name, data in files.items():
                path = f"{self._root}/{name}"
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
                # Object stores show a file when it is whole; in a folder a torn one does not match its name.
                self._files.pipe_file(path, data)
