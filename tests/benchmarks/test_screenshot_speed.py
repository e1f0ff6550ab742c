"""Screenshots a second: by the kept browser, by a browser started for each, and computed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from attacks import chromium
from attacks.browser import BrowserScreenshot
from attacks.screenshot import Screenshot
from bench.media import Media

pytestmark = pytest.mark.bench

PHOTOGRAPH = Path(__file__).resolve().parents[2] / "datasets" / "mini" / "files" / "human" / "coffee_cup.jpg"


def a_second(work, times: int) -> float:
    work()
    start = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - start)


@pytest.mark.skipif(bool(chromium.missing()), reason=f"no browser to drive here ({chromium.missing()})")
def test_kept_browser_is_worth_it(capsys: pytest.CaptureFixture[str]) -> None:
    media = Media.read(PHOTOGRAPH)

    def started() -> None:
        chromium.close()
        BrowserScreenshot()(media, None)

    rates = {
        "kept browser": a_second(lambda: BrowserScreenshot()(media, None), 20),
        "started for each": a_second(started, 3),
        "computed": a_second(lambda: Screenshot()(Media(media.data, media.mime), None), 50),
    }
    chromium.close()
    with capsys.disabled():
        for name, rate in rates.items():
            print(f"\n  {name}: {rate:.2f} shots of 824x550 a second", end="")
    assert rates["kept browser"] > 1.5 * rates["started for each"]
