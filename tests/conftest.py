"""What all tests share: small pictures, a data set made of them, runs of it, and the command line in this process."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bench.harness.engines.local import LocalEngine, pin_threads

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background by a shell; our commands inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
pin_threads()  # before numpy is loaded: fitted models must not depend on the number of this machine's cores

import numpy as np  # noqa: E402

from bench import records  # noqa: E402
from bench.harness.cache import Cache  # noqa: E402
from bench.harness.plan import Bundle, Plan, Suite, adjusted, make_plan  # noqa: E402
from bench.harness.run import Outcome, Progress, run_plan  # noqa: E402
from bench.harness.samples import load_dataset  # noqa: E402
from bench.labels import GB45438, IPTC  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SILENT = Progress(lambda text: None, lambda total, done: None, lambda views, errors: None, lambda: None)


def texture(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture with soft light, edges and grain, ``(height, width, 3)`` uint8; the same for the same seed."""
    import cv2

    rng = np.random.default_rng(seed)
    soft = cv2.resize(
        rng.uniform(40, 215, (4, 5, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    for _ in range(4):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        soft[top : top + height // 4, left : left + width // 4] += rng.uniform(-60, 60, 3)
    soft += rng.normal(0, 4, soft.shape)
    return np.clip(soft, 0, 255).astype(np.uint8)


def encode(pixels: np.ndarray, extension: str = ".jpg") -> bytes:
    """The picture as a file of this kind."""
    import cv2

    done, data = cv2.imencode(extension, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    assert done
    return bytes(data)


def make_dataset(folder: Path, entries: list[dict[str, Any]], hashes: bool = True) -> Path:
    """A data set of textures: ``entries`` name ``truth``, ``split`` and optionally anything else a row may hold."""
    rows = []
    for number, entry in enumerate(entries):
        extension = (".jpg", ".png", ".webp")[number % 3]
        truth = entry["truth"]
        name = entry.get("id") or f"{truth}-{number:02}"
        path = folder / "files" / f"{name}{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = entry.get("pixels")
        data = encode(texture(number) if pixels is None else pixels, extension)
        path.write_bytes(data)
        row = {"id": name, "path": f"files/{path.name}", "truth": truth, "source": f"source-{number % 2}",
               "family": name, "split": entry["split"], "licence": "CC0-1.0",
                "edited_area": "", "sha256": ""}  # fmt: skip
        row |= {"sha256": hashlib.sha256(data).hexdigest()} if hashes else {}
        row |= {"edited_area": "0.25"} if truth == "ai_edited" else {}
        rows.append(row | {key: value for key, value in entry.items() if key not in ("pixels", "id")})
    write_rows(folder, rows)
    return folder


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    with (folder / "samples.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tiny_entries() -> list[dict[str, Any]]:
    """Five of each class to train on, two of each to calibrate, three of each and an edit to test."""
    counts = {"train": 5, "calibration": 2, "test": 3}
    entries = [{"truth": t, "split": s} for s, n in counts.items() for t in ("human", "ai") for _ in range(n)]
    return [*entries, {"truth": "ai_edited", "split": "test"}]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs of the tests neither read nor fill this user's cache of slow results."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WASHTEST_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 21 pictures; not to be changed (``tiny_copy`` may be)."""
    return make_dataset(tmp_path_factory.mktemp("data") / "tiny", tiny_entries())


@pytest.fixture
def tiny_copy(tiny: Path, tmp_path: Path) -> Path:
    """A copy of ``tiny`` for one test."""
    return Path(shutil.copytree(tiny, tmp_path / "tiny"))


#: A signature has its salt and its time, so two runs' signed files differ in their bytes (and in nothing else).
UNSIGNED = (Bundle("metadata", (GB45438(), IPTC())),)


@dataclass(frozen=True)
class Records:
    """The header and the three tables of a run, as pandas data frames."""

    header: dict[str, Any]
    views: Any
    readings: Any
    scores: Any


@dataclass(frozen=True)
class Tools:
    """The helpers above, for tests that ask for the fixture ``tools``."""

    texture = staticmethod(texture)
    encode = staticmethod(encode)
    make_dataset = staticmethod(make_dataset)
    write_rows = staticmethod(write_rows)
    read_rows = staticmethod(read_rows)
    tiny_entries = staticmethod(tiny_entries)
    root: Path = ROOT

    @staticmethod
    def plan(dataset: Path, limit: int | None = None, **changes: Any) -> Plan:
        """A small plan: two attacks, the labels in XMP, the detector ``declared``, the regime ``native``."""
        small: dict[str, Any] = {"attacks": ["Jpeg(quality=60)"], "detectors": ["declared"], "regimes": ["native"]}
        objects = {key: changes.pop(key) for key in ("objects",) if key in changes}.get("objects", {})
        suite = adjusted(Suite("made-up", "A suite of the tests.", (), UNSIGNED), **(small | changes))
        return make_plan(replace(suite, **objects), load_dataset(dataset), limit)

    @staticmethod
    def measure(plan: Plan, out: Path, jobs: int = 0, time_limit: float = 60.0, cache: Cache | None = None) -> Outcome:
        """Run a plan into a folder."""
        return run_plan(plan, out, LocalEngine(jobs, time_limit), SILENT, "washtest run made-up", cache)

    @staticmethod
    def records(out: Path) -> Records:
        """The records as they lie on disk, in an order of their own."""
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        frames = {}
        for table, second in (("views", []), ("readings", ["label", "position"]), ("scores", ["detector"])):
            parts = [pq.read_table(path) for path in records.shard_files(out, table)]
            frame = pa.concat_tables(parts).to_pandas()
            frames[table] = frame.sort_values(["key", *second]).reset_index(drop=True)
        assert all(isinstance(frame, pd.DataFrame) for frame in frames.values())
        return Records(header=records.read_header(out), **frames)

    @staticmethod
    def assert_same_records(one: Path, other: Path) -> None:
        """Both runs measured the same values."""
        import pandas as pd

        first, second = Tools.records(one), Tools.records(other)
        for name in records.TABLES:
            frames = [getattr(run, name) for run in (first, second)]
            # Times differ from one run to the next, and nothing else.
            facts = [frame[[c for c in frame if not c.startswith("seconds")]] for frame in frames]
            pd.testing.assert_frame_equal(*facts, obj=name)


@pytest.fixture(scope="session")
def tools() -> Tools:
    """Functions that make pictures, data sets and runs."""
    return Tools()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared reference material: ``WASHTEST_SHARED``, or ``shared`` beside the repository."""
    folder = Path(os.environ.get("WASHTEST_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no shared material at {folder}; set WASHTEST_SHARED to its folder")
    return folder


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value without NaN or infinity."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def washtest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Answer]]:
    """Runs a command line in this process: ``washtest("list", "attacks")`` -> exit code, output, errors."""
    from bench.__main__ import main

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["washtest", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        code = left.value.code
        return Answer(code if isinstance(code, int) else 0, out, err)

    yield call
