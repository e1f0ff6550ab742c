"""Every table from ten million scores, and a report of ten detectors and forty attacks: seconds and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import records
from bench.harness.store import JOINED_VIEWS
from tests.benchmarks.figures import PEAK

pytestmark = pytest.mark.bench

ROOT = Path(__file__).resolve().parents[2]
DETECTORS, REGIMES = [f"d{i}" for i in range(10)], ("native", "canonical")
ATTACKS = [("Identity()", "identity", 0), *((f"Jpeg(quality={100 - s})", "jpeg", s) for s in range(5, 15)),
           *((f"Blur(sigma={s})", "blur", s) for s in range(1, 10))]  # fmt: skip
#: CPU seconds of tables with their files, of charts (in this process: CPU, not wall, is told), and of the page.
REPORT = (
    "import sys, time; from pathlib import Path\n"
    "from bench.analysis import charts, render, tables; from bench.analysis.page import report\n"
    "from bench.records import load; import pyarrow.dataset\n"
    "now = time.process_time; start = now()\n"
    "run = load(Path(sys.argv[1])); made = tables.make(run)\n"
    "for table in made.values(): render.to_csv(table)\n"
    "tabled = now()\n"
    "drawn = [*charts.rendered(run, made, formats=['svg'], jobs=0, page=True)]\n"
    "charted = now(); report.build(run, made, drawn)\n"
    "print(tabled - start, charted - tabled, now() - charted)\n"
)
KINDS = {"string": pa.string(), "float64": pa.float64(), "int64": pa.int64(), "int32": pa.int32(), "bool": pa.bool_()}
JUDGE = (
    "import sys, time; from pathlib import Path\n"
    "import bench.analysis.tables as tables, pandas, pyarrow.dataset; from bench.records import load\n"
    "wall, cpu = time.perf_counter(), time.process_time()\n"
    "run = load(Path(sys.argv[1])); loaded = time.process_time() - cpu; made = tables.make(run)\n"
    "found = len(run.scores), time.perf_counter() - wall, time.process_time() - cpu, loaded\n"
    f"{PEAK}print(*found, peak / 1024)\n"
)


def write(
    folder: Path, samples: int, attacks: Sequence[tuple[str, str, int]] = ATTACKS, calibration: int = 2000
) -> None:
    """A run of so many test samples, half of them human, in shards as large as the harness leaves them."""
    rng = np.random.default_rng(0)
    for table in records.TABLES:
        (folder / "records" / table).mkdir(parents=True)
    cells = [(regime, *attack) for regime in REGIMES for attack in attacks]
    step = JOINED_VIEWS // len(cells)
    shards = [("test", range(i, min(i + step, samples)), cells) for i in range(0, samples, step)]
    clean = [cell for cell in cells if cell[1] == "Identity()"]
    shards += [("calibration", range(i, i + 500), clean) for i in range(0, calibration, 500)]
    for number, (split, ids, views) in enumerate(shards):
        rows = [(split, i, *view) for i in ids for view in views]
        keys = [records.view_key(*row) for row in rows]
        human = np.array([row[1] % 2 == 0 for row in rows])
        columns = {
            "key": keys, "sample": [f"{s}{i}" for s, i, *_ in rows], "truth": np.where(human, "human", "ai"),
            "source": [f"source{i % 12}" for _, i, *_ in rows], "family": [f"{s}{i}" for s, i, *_ in rows],
            "split": [split] * len(rows), "group": [f"g{i % 5}" for _, i, *_ in rows],
            "regime": [row[2] for row in rows], "bundle": np.where(human, "none", "metadata"),
            "attack": [row[3] for row in rows], "attack_family": [row[4] for row in rows],
            "severity": [float(row[5]) for row in rows], "status": ["ok"] * len(rows),
            "mime": ["image/jpeg"] * len(rows), "bytes": rng.integers(10_000, 900_000, len(rows)),
            "psnr": rng.random(len(rows)), "ssim": rng.random(len(rows)),
        }  # fmt: skip
        gaps = np.linspace(0.5, 2.5, len(DETECTORS)) * (1 - 0.04 * np.array([row[5] for row in rows])[:, None])
        values = rng.normal(size=(len(rows), len(DETECTORS))) + gaps * ~human[:, None]
        scores = {
            "key": np.repeat(keys, len(DETECTORS)), "detector": DETECTORS * len(rows), "value": values.ravel(),
            "status": ["ok"] * values.size, "seconds": rng.random(values.size), "code": [""] * values.size,
        }  # fmt: skip
        for table, given in (("readings", {}), ("scores", scores), ("views", columns)):
            n = len(given["key"]) if given else 0
            arrays = [pa.array(given[name] if name in given else [None] * n, KINDS[kind]) for name, kind in
                      records.TABLES[table].items()]  # fmt: skip
            made = pa.table(arrays, names=list(records.TABLES[table]))
            path = folder / "records" / table / f"{number:06}.parquet"
            pq.write_table(made, path, compression="zstd", write_page_checksum=True)
    header = {
        "schema_version": records.SCHEMA_VERSION, "seed": 0, "regimes": list(REGIMES), "alphas": [0.05, 0.01],
        "bundles": ["metadata", "none"], "labels": [], "planned": [],
        "attacks": [{"name": n, "family": f, "severity": s, "axis": "", "channel": "real:x"} for n, f, s in attacks],
        "detectors": [{"name": n, "default_threshold": 1.0, "probability": n == "d0"} for n in DETECTORS],
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(header))


def judged(code: str, folder: Path) -> list[float]:
    """The numbers that a program prints about a run."""
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=os.environ)
    return [float(number) for number in done.stdout.split()]


def test_tables_from_ten_million_scores(tmp_path: Path, figure) -> None:
    write(tmp_path, 10_000_000 // (len(DETECTORS) * len(REGIMES) * len(ATTACKS)))
    n, wall, cpu, loading, gigabytes = judged(JUDGE, tmp_path)
    figure(
        "tables from 1e7 scores, CPU s", cpu, "<= 10", f"{n:,.0f} scores, wall {wall:.1f} s, loading {loading:.1f} s"
    )
    figure("tables from 1e7 scores, GiB", gigabytes, "<= 2")


def test_report_of_ten_detectors_and_forty_attacks(tmp_path: Path, figure) -> None:
    """From 1e5 scores, after imports: the tables, the text of the page, and the charts that stand in it."""
    forty = [ATTACKS[0], *((f"{name}({s})", name.lower(), s) for name in ("Jpeg", "Blur", "Noise") for s in range(13))]
    write(tmp_path, 100_000 // (len(DETECTORS) * len(REGIMES) * len(forty)), forty, 500)
    tables, charts, page = judged(REPORT, tmp_path)
    figure(
        "tables and text of a report of 10 x 40, CPU s", tables + page, "<= 1", f"tables {tables:.2f}, page {page:.2f}"
    )
    figure("report of 10 x 40, charts as SVG included, CPU s", tables + charts + page, "<= 1", f"charts {charts:.1f}")
