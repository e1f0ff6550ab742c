"""The simulated screenshot against a real browser's, on real photographs, and the browser's own behaviour."""

import io
import os
import shutil
import signal
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attacks import chromium, page
from attacks.browser import BrowserScreenshot
from attacks.raster import draw_file, srgb_profile
from attacks.screenshot import Screenshot
from bench.errors import CodedError, Unavailable
from bench.harness.quality import psnr
from bench.media import Media

PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "datasets" / "mini" / "files" / "human"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--hide-scrollbars",
    "--disable-lcd-text", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
real = pytest.mark.skipif(bool(chromium.missing()), reason=f"no browser to drive here ({chromium.missing()})")


@pytest.fixture(scope="module", autouse=True)
def browser_closed_at_the_end():
    yield
    chromium.close()


def both(media: Media, **settings) -> tuple[np.ndarray, np.ndarray]:
    shot, computed = BrowserScreenshot(**settings)(media, None), Screenshot(**settings)(media, None)
    assert shot.size == computed.size and shot.mime == computed.mime
    return shot.pixels(), computed.pixels()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt install chromium)")
@pytest.mark.parametrize(
    ("name", "width", "dpr", "least"),
    [
        ("black_canyon.jpg", 412, 2.625, 70),  # a fractional ratio: 1081.5 columns
    ],
)
def test_equals_a_browser_that_was_given_the_ratio_itself(name, width, dpr, least, tmp_path: Path) -> None:
    # By the command line and its own device scale factor, with a picture that finds its own height.
    media = Media.read(PHOTOGRAPHS / name)
    laid_out = page.lay_out(media.size, Screenshot(width=width, dpr=dpr))
    html = f'<body style="margin:0"><img src="{(PHOTOGRAPHS / name).as_uri()}" style="display:block;width:{width}px">'
    (tmp_path / "page.html").write_text(html)
    shot = tmp_path / "shot.png"
    where = (
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--force-device-scale-factor={dpr}",
        "--window-size=600,600",
        f"--screenshot={shot}",
    )
    subprocess.run(
        [CHROMIUM, *FLAGS, *where, (tmp_path / "page.html").as_uri()], capture_output=True, timeout=60, check=True
    )
    box = laid_out.picture
    assert psnr(box.part(Media.read(shot).pixels()), draw_file(media, box.width, box.height)) >= least


@real
@pytest.mark.parametrize(
    ("name", "settings", "least"),
    [
        ("camera_man.webp", {"width": 0, "dpr": 1}, float("inf")),
        ("camera_man.webp", {}, 60),
        ("cat_chelsea.png", {"dpr": 3}, 60),
        ("coffee_cup.jpg", {"width": 100, "dpr": 1}, 60),  # a quarter: 66.75 rows
        ("coffee_cup.jpg", {"width": 57, "dpr": 1}, 60),
        ("sunflower.webp", {"width": 120, "dpr": 1}, 50),  # many positions that lie on a tie
        ("black_canyon.jpg", {"device": "phone"}, 60),
        ("black_canyon.jpg", {"device": "desktop"}, float("inf")),
    ],
    ids=str,
)
def test_computed_shot_equals_the_real_one(name: str, settings: dict, least: float) -> None:
    shot, computed = both(Media.read(PHOTOGRAPHS / name), **settings)
    assert (psnr(shot, computed) or np.inf) >= least


@real
@pytest.mark.parametrize("settings", [{"whole": True}, {"device": "laptop", "whole": True, "dark": True}], ids=str)
def test_bars_lie_where_the_real_page_has_them(settings: dict) -> None:
    media = Media.read(PHOTOGRAPHS / "black_canyon.jpg")
    shot, computed = both(media, **settings)
    box = page.lay_out(media.size, Screenshot(**settings)).picture
    assert psnr(box.part(shot), box.part(computed)) >= 60
    assert psnr(shot, computed) >= 25  # the text is in another font
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert np.array_equal(shot[corner], computed[corner])


def resaved(size: tuple[int, int], form: str, orientation: int = 1, **options) -> Media:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    with Image.open(PHOTOGRAPHS / "coffee_cup.jpg") as image:
        image.resize(size).save(out, form, exif=exif.tobytes(), **options)
    return Media.from_bytes(out.getvalue())


def wide_gamut() -> bytes:
    """An ICC profile with the primaries of Adobe RGB (1998), adapted to D50, and another name."""
    profile = bytearray(srgb_profile().replace("sRGB".encode("utf-16-be"), "Test".encode("utf-16-be")))
    primaries = {284: (0.60974, 0.31111, 0.01947), 304: (0.20528, 0.62567, 0.06087), 324: (0.14919, 0.06322, 0.74457)}
    for place, colour in primaries.items():
        profile[place : place + 12] = struct.pack(">3i", *(round(value * 65536) for value in colour))
    return bytes(profile)


@real
@pytest.mark.parametrize(
    "media",
    [
        resaved((640, 480), "JPEG"),  # halved by its inverse DCT
        resaved((640, 480), "JPEG", subsampling=0),
        resaved((632, 472), "JPEG"),  # no multiple of 16, so it is not
        resaved((639, 477), "PNG"),
        resaved((640, 480), "JPEG", orientation=6),
        resaved((400, 267), "PNG", orientation=3),
        resaved((640, 480), "JPEG", icc_profile=wide_gamut()),
    ],
    ids=["4:2:0", "4:4:4", "4:2:0 odd", "png odd", "turned", "upside down", "wide gamut"],
)
def test_shrinking_depends_on_the_file_as_in_chromium(media: Media) -> None:
    shot, computed = both(media, width=103, dpr=1)
    assert (psnr(shot, computed) or np.inf) >= 52


@real
def test_jpeg_shot_is_chromiums_own_file() -> None:
    media = Media.read(PHOTOGRAPHS / "coffee_cup.jpg")
    for quality in (75,):
        settings = {"width": 0, "dpr": 1, "format": "jpeg", "quality": quality}
        assert BrowserScreenshot(**settings)(media, None).data == Screenshot(**settings)(media, None).data


@real
def test_png_shot_holds_pixels_only() -> None:
    data = BrowserScreenshot()(Media.read(PHOTOGRAPHS / "coffee_cup.jpg"), None).data
    assert data[12:16] == b"IHDR" and data[37:41] == b"IDAT" and data[-8:-4] == b"IEND"


@real
def test_browser_that_dies_or_hangs_is_replaced() -> None:
    media = Media.from_pixels(np.full((20, 30, 3), 77, np.uint8))
    attack = BrowserScreenshot(width=0, dpr=1)
    first = attack(media, None)
    os.kill(chromium._kept.process, signal.SIGKILL)
    assert attack(media, None).data == first.data
    stopped = chromium._kept.process
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(chromium._Failed, match=r"E_TOOL_TIMEOUT: no shot within 0\.5 s"):
        chromium._browser().take(chromium.Shot("<img>", (30, 20), "png", 90), 0.5)
    chromium.close()
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)


@real
def test_what_chromium_does_not_show_is_coded() -> None:
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(out, "TIFF")
    with pytest.raises(CodedError, match=r"E_DECODE: Chromium .* does not show"):
        BrowserScreenshot()(Media.from_bytes(out.getvalue()), None)
    with pytest.raises(CodedError, match="E_TOO_LARGE"):
        BrowserScreenshot(width=0, dpr=1)(Media.from_pixels(np.zeros((1, 16_385, 3), np.uint8)), None)


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "program", lambda *names: None)
    with pytest.raises(Unavailable, match=r"E_TOOL_MISSING.*pip install 'washtest\[browser\]'"):
        BrowserScreenshot()(Media.from_pixels(np.zeros((4, 4, 3), np.uint8)), None)


@pytest.mark.parametrize("kind", [Screenshot, BrowserScreenshot])
def test_settings_have_one_name(kind: type) -> None:
    assert repr(kind(dpr=2.0)) == repr(kind()) == f"{kind.__name__}(width=412)"
    assert repr(kind(device="phone", dark=True)) == f"{kind.__name__}(dark=True, device='phone')"
    assert repr(kind(width=0, dpr=2.625)) == f"{kind.__name__}(width=0, dpr=2.625)"
    for bad in ({"dpr": 0.5}, {"dpr": True}, {"device": "fridge"}, {"device": "phone", "dpr": 1}, {"format": "gif"}):
        with pytest.raises(ValueError):
            kind(**bad)


@pytest.mark.parametrize("device", page.DEVICES)
@pytest.mark.parametrize("size", [(400, 300), (1, 5000), (65_500, 2), (3000, 4000), (1, 1)], ids=str)
def test_picture_lies_between_the_bars_of_every_device(device: str, size: tuple[int, int]) -> None:
    laid_out = page.lay_out(size, Screenshot(device=device, whole=True))
    box, bars, screen = laid_out.picture, laid_out.bars, laid_out.screen
    assert laid_out.pixels(bars.status + bars.title) <= box.top
    assert box.top + box.height <= screen.height - laid_out.pixels(bars.toolbar) + 1
    assert box.left >= 0 and box.width >= 1 and box.left + box.width <= screen.width
