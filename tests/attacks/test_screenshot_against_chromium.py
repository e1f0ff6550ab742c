"""The simulated screenshot against a real browser's, on real photographs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from attacks.screenshot import Screenshot
from bench.harness.quality import psnr
from bench.media import Media

PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "datasets" / "mini" / "files" / "human"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--hide-scrollbars",
    "--disable-lcd-text", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt install chromium)")
@pytest.mark.parametrize(
    ("name", "width", "dpr"),
    [
        ("camera_man.webp", 0, 1),  # 1:1
        ("camera_man.webp", 412, 1),
        ("cat_chelsea.png", 412, 2),
        ("coffee_cup.jpg", 412, 3),
        ("sunflower.webp", 300, 1),  # shrunk, not below half
    ],
)
def test_equals_chromium_at_integer_ratios(name: str, width: int, dpr: int, tmp_path: Path) -> None:
    media = Media.read(PHOTOGRAPHS / name)
    simulated = Screenshot(width=width, dpr=dpr)(media, None).pixels()
    shown = width or media.size[0]
    page = f'<body style="margin:0"><img src="{(PHOTOGRAPHS / name).as_uri()}" style="display:block;width:{shown}px">'
    (tmp_path / "page.html").write_text(page)
    shot = tmp_path / "shot.png"
    size = f"--window-size={max(shown, 500)},600"  # Chromium's window is at least 500 wide
    where = (
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--force-device-scale-factor={dpr}",
        size,
        f"--screenshot={shot}",
    )
    subprocess.run(
        [CHROMIUM, *FLAGS, *where, (tmp_path / "page.html").as_uri()], capture_output=True, timeout=60, check=True
    )
    # The last row may be a fraction of a CSS pixel that Chromium blends with the page behind it.
    rows = simulated.shape[0] - dpr
    real = Media.read(shot).pixels()[:rows, : simulated.shape[1]]
    assert psnr(real, simulated[:rows]) >= 60
