"""What the harness adds to the time that detectors take themselves, and what batches save."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from attacks.recompress import Jpeg
from bench.detectors import DETECTORS
from bench.detectors.base import Detector, Score, Trainable
from bench.harness import registry
from bench.harness.scoring import Scoring
from bench.media import Media

pytestmark = pytest.mark.bench

FILES = Path(__file__).resolve().parents[2] / "datasets/mini/files"


@dataclass(eq=False)
class Timed:
    """A detector with a clock around its own ``score``."""

    inner: Detector
    seconds: list[float] = field(default_factory=list)

    @property
    def info(self) -> Any:
        return self.inner.info

    def score(self, batch: Sequence[Media]) -> Sequence[Score]:
        start = time.perf_counter()
        scores = self.inner.score(batch)
        self.seconds.append(time.perf_counter() - start)
        return scores


def fitted(detector: Detector) -> Detector:
    import numpy as np

    if not isinstance(detector, Trainable):
        return detector
    rows, classes = [], []
    for number, path in enumerate(sorted(FILES.glob("*/*"))[::8][:12]):
        part = detector.training_rows(Media.read(path), np.random.default_rng(number))
        rows.append(part)
        classes += [number % 2 == 0] * len(part)
    return detector.fit(np.concatenate(rows), np.array(classes))


def views(count: int = 20) -> list[Media]:
    """As they come out of attacks: decoded, encoded."""
    import numpy as np

    picture = Media.read(FILES / "human/coffee_cup.jpg")
    made = [Jpeg(quality=50 + 2 * n)(picture, np.random.default_rng(0)) for n in range(count)]
    for media in made:
        media.pixels()
        _ = media.sha256
    return made


def test_harness_adds_at_most_5_percent(capsys: pytest.CaptureFixture[str]) -> None:
    shown = views()
    ready = [fitted(detector) for detector in DETECTORS]
    ratios = []
    for _ in range(7):
        timed = [Timed(detector) for detector in ready]
        start = time.perf_counter()
        scoring = Scoring([])
        for number, media in enumerate(shown):
            scoring.add(str(number), media, timed)
        scoring.finish()
        whole = time.perf_counter() - start
        own = sum(sum(one.seconds) for one in timed)
        ratios.append(whole / own)
        each = {one.info.name: 1000 * statistics.mean(one.seconds) for one in timed}
    megapixels = shown[0].size[0] * shown[0].size[1] / 1e6
    with capsys.disabled():
        costs = ", ".join(f"{name} {cost / megapixels:.2f}" for name, cost in each.items())
        print(f"\n  scoring / detectors' own time: {statistics.median(ratios):.4f}; ms per megapixel: {costs}")
    assert statistics.median(ratios) <= 1.05


def test_batches_save_starting_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("python3") is None:
        pytest.skip("there is no python3 on PATH")
    (tmp_path / "score.py").write_text(
        "import csv, sys\nprint('id,score')\nfor row in csv.DictReader(sys.stdin): print(row['id'] + ',0.5')\n"
    )
    shown, spent = views(), {}
    for batch in (1, 20):
        card = tmp_path / f"{batch}.toml"
        card.write_text(
            f'name = "p{batch}"\nversion = "1"\nlicence = "MIT"\ncommand = ["python3", "score.py"]\nbatch = {batch}\n'
        )
        detector = registry.detector(str(card))
        start = time.perf_counter()
        rows: list[dict[str, Any]] = []
        scoring = Scoring(rows)
        for number, media in enumerate(shown):
            scoring.add(str(number), media, (detector,))
        scoring.finish()
        spent[batch] = time.perf_counter() - start
        assert {row["status"] for row in rows} == {"ok"}
    with capsys.disabled():
        print(f"\n  20 views by a program: {spent[1]:.2f} s one by one, {spent[20]:.2f} s in one batch")
    assert spent[20] < spent[1] / 4
