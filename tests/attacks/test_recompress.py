"""Recompression in every format, against the encoders called by hand and other programs' readers."""

import io
import math
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from attacks import recompress_jpeg
from attacks.copies import THUMBNAIL, WEB_COPY, ResizeTo
from attacks.recompress import SUBSAMPLINGS, Jpeg, WebPLossless
from attacks.recompress_jpeg import DoubleJpeg, Jpegli, MozJpeg
from attacks.recompress_modern import Avif, Heic, JpegXl
from attacks.recompress_palette import ALGORITHMS, Gif, PngPalette
from bench.containers import EXTENSIONS
from bench.errors import CodedError, Unavailable
from bench.harness.quality import psnr
from bench.media import Media

RNG = np.random.default_rng(0)
PIXELS = np.ascontiguousarray(skimage.data.astronaut()[30:222, 120:311])
PHOTO = Media.from_pixels(PIXELS)
#: The luminance table of the IJG (ITU-T T.81, table K.1), in zigzag order.
K1 = (16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40)
LOSSLESS = (WebPLossless(), JpegXl(distance=0), PngPalette(colours=256), Gif(colours=256))
EVERY = (
    Jpeg(), WebPLossless(), DoubleJpeg(), MozJpeg(), Jpegli(), Avif(), Heic(), JpegXl(), PngPalette(), Gif(),
)  # fmt: skip


def pillow(image: Image.Image, kind: str, **settings: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **settings)
    return out.getvalue()


def said(*command: str | Path) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run([str(part) for part in command], capture_output=True, timeout=60, check=True).stdout.decode()


def written(attack, folder: Path) -> Path:
    media = attack(PHOTO, RNG)
    path = folder / f"made{EXTENSIONS[media.mime]}"
    path.write_bytes(media.data)
    return path


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", [10, 50, 90])
def test_jpeg_is_what_exiftool_and_the_standards_table_say(quality: int, subsampling: str, tmp_path: Path) -> None:
    path = written(Jpeg(quality=quality, subsampling=subsampling, progressive=quality == 50), tmp_path)
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    with Image.open(path) as image:
        zigzag = _zigzag(image.quantization[0])
    assert zigzag[:16] == tuple(min(255, max(1, (step * scale + 50) // 100)) for step in K1)
    about = said("exiftool", "-s", "-YCbCrSubSampling", "-EncodingProcess", path)
    assert f"YCbCr{subsampling}" in about
    assert ("Progressive" in about) == (quality == 50)


def _zigzag(table: list[int]) -> tuple[int, ...]:
    """Pillow gives a table row by row."""
    order = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8) if (i // 8 + i % 8) % 2 else (i % 8)))
    return tuple(table[i] for i in order)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (4, 4), (1, 7), (8, 0)])
def test_double_jpeg_is_the_one_made_by_hand(dx: int, dy: int) -> None:
    made = DoubleJpeg(quality=70, first=85, dx=dx, dy=dy)(PHOTO, RNG)
    settings = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_QUALITY]
    _, once = cv2.imencode(".jpg", PIXELS[..., ::-1], [*settings, 85])
    _, twice = cv2.imencode(".jpg", cv2.imdecode(once, cv2.IMREAD_COLOR)[dy:, dx:], [*settings, 70])
    assert made.data == twice.tobytes()
    assert made.size == (191 - dx, 192 - dy)


def test_only_a_shifted_grid_costs_much_at_the_same_quality() -> None:
    """With one table and one grid the second compression finds nothing to round, which forensics looks for."""
    once = Jpeg(quality=75)(PHOTO, RNG).pixels()
    aligned = psnr(once, DoubleJpeg(quality=75, first=75, dx=0, dy=0)(PHOTO, RNG).pixels())
    shifted = psnr(once[4:, 4:], DoubleJpeg(quality=75, first=75)(PHOTO, RNG).pixels())
    assert aligned > shifted + 3


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", [30, 90])
def test_avif_is_pillows_own_file(quality: int, subsampling: str) -> None:
    made = Avif(quality=quality, subsampling=subsampling, speed=9)(PHOTO, RNG)
    expected = pillow(Image.fromarray(PIXELS), "AVIF", quality=quality, subsampling=subsampling, speed=9, max_threads=1)
    assert made.data == expected


def test_avif_has_the_subsampling_it_names(tmp_path: Path) -> None:
    for subsampling in SUBSAMPLINGS:
        about = said("exiftool", "-s3", "-ChromaFormat", written(Avif(subsampling=subsampling, speed=10), tmp_path))
        assert subsampling in about


@pytest.mark.parametrize("quality", [20, 90])
def test_heic_is_pillow_heifs_own_file(quality: int) -> None:
    made = Heic(quality=quality)(PHOTO, RNG)
    pillow_heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(PIXELS)).save(out, quality=quality)
    assert made.data == out.getvalue()
    assert made.pixels().shape == PIXELS.shape


@pytest.mark.parametrize("distance", [0, 0.5, 4])
def test_jpeg_xl_is_imagecodecs_own_file_and_djxl_reads_it(distance: float, tmp_path: Path) -> None:
    made = JpegXl(distance=distance, effort=5)(PHOTO, RNG)
    codecs = pytest.importorskip("imagecodecs")
    how = {"distance": float(distance)} if distance else {"lossless": True}
    assert made.data == bytes(codecs.jpegxl_encode(PIXELS, effort=5, numthreads=1, usecontainer=False, **how))
    if distance == 0:
        assert np.array_equal(made.pixels(), PIXELS)
    path, back = tmp_path / "a.jxl", tmp_path / "a.png"
    path.write_bytes(made.data)
    said("djxl", path, back)
    with Image.open(back) as image:
        assert psnr(np.array(image), made.pixels()) > 45  # two versions of libjxl


def test_jpegli_is_the_packages_own_file(tmp_path: Path) -> None:
    made = Jpegli(quality=60)(PHOTO, RNG)
    assert made.data == pytest.importorskip("pyjpegli").encode(PIXELS, 191, 192, 60)
    (tmp_path / "a.jpg").write_bytes(made.data)
    about = said("exiftool", "-s", "-YCbCrSubSampling", "-EncodingProcess", tmp_path / "a.jpg")
    assert "YCbCr4:2:0" in about and "Baseline" in about


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_mozjpeg_is_its_cjpegs_own_file(subsampling: str, tmp_path: Path) -> None:
    made = MozJpeg(quality=60, subsampling=subsampling)(PHOTO, RNG)
    path, _ = recompress_jpeg.mozjpeg() or ("", "")
    cv2.imwrite(str(tmp_path / "a.ppm"), PIXELS[..., ::-1])
    sample = {"4:4:4": "1x1", "4:2:2": "2x1", "4:2:0": "2x2"}[subsampling]
    assert made.data.hex() == subprocess.run(
        [path, "-quality", "60", "-sample", sample, tmp_path / "a.ppm"], capture_output=True, check=True
    ).stdout.hex()  # fmt: skip
    header = Media.from_bytes(made.data).header
    assert (header.jpeg_subsampling, header.jpeg_progressive) == (subsampling, True)
    assert len(made.data) < len(Jpeg(quality=60, subsampling=subsampling)(PHOTO, RNG).data)


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A cjpeg that says it is mozjpeg's and then does this."""
    path = folder / "cjpeg"
    path.write_text(f'#!/bin/sh\n[ "$1" = -version ] && echo "mozjpeg version 4.1.5 (build 1)" >&2 && exit\n{body}\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_mozjpeg_that_fails_is_coded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, monkeypatch, "echo 'one' >&2; echo 'Maximum supported image dimension' >&2; exit 3")
    assert MozJpeg().channel == "real:mozjpeg 4.1.5 cjpeg" and not MozJpeg().missing()
    with pytest.raises(CodedError, match="E_TOOL: cjpeg ended with code 3: Maximum supported image dimension"):
        MozJpeg()(PHOTO, RNG)


def test_mozjpeg_that_hangs_is_coded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, monkeypatch, "exec /bin/sleep 30")
    monkeypatch.setattr(recompress_jpeg, "_SECONDS", 0.2)
    with pytest.raises(CodedError, match="E_TOOL_TIMEOUT"):
        MozJpeg()(PHOTO, RNG)


def test_another_cjpeg_is_not_taken_for_mozjpegs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompress_jpeg, "_CJPEG", ("cjpeg",))
    (tmp_path / "cjpeg").write_text('#!/bin/sh\necho "libjpeg-turbo version 2.1.5 (build 20230203)" >&2\n')
    (tmp_path / "cjpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert MozJpeg().channel == "real:mozjpeg cjpeg (not installed)" and "PATH" in MozJpeg().missing()
    with pytest.raises(Unavailable, match="E_NO_MOZJPEG"):
        MozJpeg()(PHOTO, RNG)


@pytest.mark.parametrize(
    ("attack", "module"), [(Jpegli(), "pyjpegli"), (Heic(), "pillow_heif"), (JpegXl(), "imagecodecs")], ids=repr
)
def test_missing_package_is_unavailable_with_the_command_that_gets_it(attack, module: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Unavailable, match="pip install"):
        attack(PHOTO, RNG)


@pytest.mark.parametrize("colours", [2, 16, 256])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("dither", [True, False])
def test_palette_files_hold_the_colours_that_pillow_chooses(colours: int, algorithm: str, dither: bool) -> None:
    image = Image.fromarray(PIXELS)
    reduced = image.quantize(colours, ALGORITHMS.index(algorithm))
    if dither:
        reduced = image.quantize(palette=reduced, dither=Image.Dither.FLOYDSTEINBERG)
    for attack in (PngPalette(colours, algorithm, dither), Gif(colours, algorithm, dither)):
        made = attack(PHOTO, RNG)
        again = Media.from_bytes(made.data)
        assert again.header.palette and again.mime == made.mime
        assert len(np.unique(again.pixels().reshape(-1, 3), axis=0)) <= colours
        assert np.array_equal(again.pixels(), np.asarray(reduced.convert("RGB")))


@pytest.mark.parametrize(
    "curve",
    [
        [DoubleJpeg(quality=q) for q in (95, 75, 50, 20)],
        [MozJpeg(quality=q) for q in (95, 75, 50, 20)],
        [Jpegli(quality=q) for q in (95, 75, 50, 20)],
        [Avif(quality=q, speed=9) for q in (95, 75, 50, 20)],
        [Heic(quality=q) for q in (95, 75, 50, 20)],
        [JpegXl(distance=d, effort=4) for d in (0.2, 1, 3, 8, 20)],
        [PngPalette(colours=c) for c in (256, 64, 16, 4)],
        [Gif(colours=c, algorithm="octree", dither=False) for c in (256, 64, 16, 4)],
    ],
    ids=lambda curve: curve[0].family,
)
def test_damage_grows_and_files_shrink_with_severity(curve) -> None:
    made = [attack(PHOTO, RNG) for attack in curve]
    assert {attack.family for attack in curve} == {curve[0].family}
    assert [attack.severity for attack in curve] == sorted({attack.severity for attack in curve})
    whole = PIXELS if made[0].size == PHOTO.size else PIXELS[4:, 4:]
    left = [psnr(whole, media.pixels()) for media in made]
    assert left == sorted(left, reverse=True) and left[-1] < left[0] - 3
    sizes = [len(media.data) for media in made]
    assert sizes == sorted(sizes, reverse=True)


def test_lossless_formats_keep_pixels() -> None:
    few = Media.from_pixels(PIXELS // 64 * 64)
    for attack in LOSSLESS:
        assert np.array_equal(Media.from_bytes(attack(few, RNG).data).pixels(), few.pixels()), attack


@pytest.mark.parametrize("attack", EVERY, ids=repr)
@pytest.mark.parametrize("shape", [(1, 1), (5000, 1), (2, 65500)], ids=str)
def test_extreme_shapes_give_a_file_or_a_code(attack, shape: tuple[int, int]) -> None:
    media = Media.from_pixels(np.full((*shape, 3), 128, np.uint8))
    try:
        made = attack(media, RNG)
        assert Media.from_bytes(made.data).pixels().shape[:2] in (shape, tuple(max(1, side - 4) for side in shape))
    except Unavailable:
        raise
    except CodedError as error:
        assert error.code in ("E_ENCODE", "E_TOOL")
        # x265 refuses narrow strips; the others only a side of 65,500, which is too long for their format.
        assert shape == (2, 65500) or (shape == (5000, 1) and isinstance(attack, Heic))


SOURCES = {
    "cmyk": lambda: pillow(Image.fromarray(PIXELS).convert("CMYK"), "JPEG"),
    "16 bits": lambda: pillow(Image.fromarray(PIXELS[..., 1].astype(np.uint16) * 257), "PNG"),
    "palette": lambda: pillow(Image.fromarray(PIXELS).quantize(16), "PNG"),
    "alpha": lambda: pillow(Image.fromarray(np.dstack([PIXELS, PIXELS[..., 0]])), "PNG"),
    "animated": lambda: pillow(Image.fromarray(PIXELS), "GIF", save_all=True, append_images=[Image.new("RGB", (9, 9))]),
    "turned": lambda: pillow(Image.fromarray(PIXELS), "JPEG", exif=b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0"
                             b"\0\0\0\0"),
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_odd_sources_go_in_as_media_shows_them(source: str) -> None:
    media = Media.from_bytes(SOURCES[source]())
    expected = media.pixels()
    for attack in (WebPLossless(), Avif(quality=95, speed=10), PngPalette(), Gif(), JpegXl(distance=0.1, effort=3)):
        made = Media.from_bytes(attack(media, RNG).data)
        assert made.size == media.size
        assert not made.header.alpha and not made.header.animated and made.header.orientation == 1
        assert psnr(expected, made.pixels()) > 28, attack


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (ResizeTo(side=100), (100, 60)),
        (ResizeTo(side=100, edge="short"), (167, 100)),
        (ResizeTo(side=500), (500, 300)),
        (ResizeTo(side=4096), (500, 300)),
        (ResizeTo(side=301, edge="short", filter="lanczos4"), (500, 300)),
    ],
    ids=repr,
)
def test_fit_never_enlarges(attack, expected: tuple[int, int]) -> None:
    media = Media.from_pixels(np.zeros((300, 500, 3), np.uint8))
    assert attack(media, RNG).size == expected


def test_fit_leaves_a_pixel_and_the_very_pixels_where_nothing_is_to_do() -> None:
    strip = Media.from_pixels(np.zeros((2, 65500, 3), np.uint8))
    assert ResizeTo(side=256)(strip, RNG).size == (256, 1)
    assert np.shares_memory(ResizeTo(side=4096)(PHOTO, RNG).pixels(), PHOTO.pixels())


@pytest.mark.parametrize(("copy", "side", "quality"), [(WEB_COPY, 768, 60), (THUMBNAIL, 256, 75)], ids=["web", "thumb"])
def test_copies_are_a_fit_and_a_jpeg_by_hand(copy, side: int, quality: int) -> None:
    big = cv2.resize(PIXELS, (900, 640), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(big, (side, round(640 * side / 900)), interpolation=cv2.INTER_AREA)
    factor = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    _, expected = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, *factor])
    assert copy(Media.from_pixels(big), RNG).data == expected.tobytes()
    assert not math.isnan(copy.severity)
