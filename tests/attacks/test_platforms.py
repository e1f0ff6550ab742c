"""Uploads by published rules: against the worked examples of the rules' authors, and against ExifTool."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from attacks.base import Attack
from attacks.chain import Chain
from attacks.geometry import FILTERS
from attacks.metadata import Forge
from attacks.platforms import Platform, fit, luban, luban_bytes, presets
from attacks.recompress import SUBSAMPLINGS
from bench import containers
from bench.errors import CodedError, NotApplicable
from bench.labels import BUNDLES, METADATA, read_all, write_bundle
from bench.labels.base import Claim
from bench.media import Media

RNG = np.random.default_rng(0)
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")


def jpeg(pixels: np.ndarray, quality: int = 95, **options: object) -> Media:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, **options)
    return Media.from_bytes(out.getvalue())


def saved(pixels: np.ndarray, kind: str, **options: object) -> Media:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return Media.from_bytes(out.getvalue())


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # The table of Luban's README: what the rule gives, which is what WeChat gave but for the long screenshot
        # (744 x 13129).
        ((3024, 4032), (1440, 1920)),
        ((4000, 6000), (1440, 2160)),
        ((1440, 3200), (1440, 3200)),
        ((1242, 22080), (758, 13490)),
        ((12000, 5000), (1440, 600)),
        ((6000, 6000), (1440, 1440)),
        # Small pictures stay but for an odd side, and nothing is smaller than 2.
        ((800, 600), (800, 600)),
        ((801, 599), (800, 598)),
        ((1, 1), (2, 2)),
        ((1, 5000), (2, 5000)),
        # Over 40.96 megapixels a quarter of the short side is the limit, where that is less.
        ((5000, 10000), (1250, 2500)),
    ],
    ids=str,
)
def test_luban_sizes_are_those_of_its_authors(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert luban(*size) == expected
    assert luban(*size[::-1]) == expected[::-1] or size[0] == size[1]


def test_luban_caps_pixels_for_all_shapes() -> None:
    for width in (1, 2, 333, 1440, 2999, 10800, 40000):
        for height in (1, 700, 1441, 6000, 33000):
            wide, tall = luban(width, height)
            assert wide * tall <= 10_240_000 and wide % 2 == tall % 2 == 0
            assert min(wide, tall) <= 1440 and wide <= max(2, width) and tall <= max(2, height)


def test_luban_gives_long_pictures_a_size_and_others_a_quality() -> None:
    assert luban_bytes(1242, 22080, 758, 13490) == 255 * 1024
    assert luban_bytes(1440, 3200, 1440, 3200) == 115 * 1024
    assert luban_bytes(3024, 4032, 1440, 1920) == 0
    assert luban_bytes(100, 1000, 100, 1000) == 250 * 1024
    pixels = RNG.integers(0, 256, (1200, 400, 3), np.uint8)
    made = Platform(name="wechat-moments")(Media.from_pixels(pixels), RNG)
    limit = luban_bytes(400, 1200, 400, 1200)
    better = Media.from_bytes(made.data).header.jpeg_quality
    assert len(made.data) <= limit and better is not None and 5 <= better < 95
    square = Platform(name="wechat-moments")(Media.from_pixels(pixels[:400]), RNG).header
    assert (round(square.jpeg_quality), square.jpeg_subsampling) == (60, "4:4:4")


def test_every_preset_says_where_it_is_from_and_can_be_run() -> None:
    assert len(presets()) >= 10 and "area" in FILTERS
    for name, preset in presets().items():
        for text in (preset.title, preset.source, preset.evidence, preset.date, preset.assumed):
            assert text.strip(), name
        if name not in ("web-copy", "thumbnail"):
            assert "-like (" in preset.title, name
        assert (
            preset.codec in ("jpeg", "same", "none") and preset.size in ("", "luban") and preset.png in ("", "smaller")
        )
        assert preset.subsampling in SUBSAMPLINGS and (preset.codec == "none" or 1 <= preset.quality <= 100)
        assert Platform(name=name).channel == f"simulated:{preset.title}, {preset.evidence}"


def test_presets_stand_in_order_of_the_pixels_they_leave() -> None:
    left = []
    for preset in presets().values():
        width, height = luban(4000, 3000) if preset.size else fit(4000, 3000, preset.long_side)
        left.append(width * height)
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize(
    ("name", "long_side", "quality"),
    [("x-2019", 4096, 85), ("facebook-2026", 1920, 82), ("telegram-desktop-2026", 1280, 87), ("web-copy", 768, 60),
     ("instagram-2026", 1080, 80), ("signal-android", 1600, 70), ("thumbnail", 256, 75)],
)  # fmt: skip
def test_large_photograph_gets_the_size_and_quality_of_the_rule(name: str, long_side: int, quality: int, tools) -> None:
    large = jpeg(np.ascontiguousarray(tools.texture(4, 150, 200).repeat(21, 0).repeat(21, 1)))
    header = Media.from_bytes(Platform(name=name)(large, RNG).data).header
    assert (header.width, header.height) == fit(4200, 3150, long_side) == (long_side, long_side * 3 // 4)
    assert header.jpeg_quality == pytest.approx(quality, abs=1) and header.jpeg_subsampling == "4:2:0"


def test_x_leaves_a_jpeg_of_low_quality_and_a_palette_alone_but_for_metadata(tools) -> None:
    pixels = tools.texture(6)
    upload = Platform(name="x-2019")
    low = write_bundle(jpeg(pixels, 80), BUNDLES["metadata"], Claim())
    assert upload(low, RNG).data == jpeg(pixels, 80).data
    high = upload(jpeg(pixels, 92), RNG)
    assert round(high.header.jpeg_quality) == 85 and high.data != jpeg(pixels, 92).data
    turned = Image.Exif()
    turned[0x0112] = 6
    upright = upload(jpeg(pixels, 80, exif=turned.tobytes()), RNG)
    assert upright.header.orientation == 1 and upright.size == pixels.shape[:2]
    palette = saved(pixels // 64 * 64, "PNG")
    eight = io.BytesIO()
    Image.fromarray(pixels).quantize(200).save(eight, "PNG")
    kept = upload(Media.from_bytes(eight.getvalue()), RNG)
    assert kept.header.palette and kept.mime == "image/png"
    assert upload(palette, RNG).mime == ("image/png" if len(palette.data) < 3000 else "image/jpeg")
    assert upload(saved(pixels, "PNG"), RNG).mime == "image/jpeg"
    flat = saved(np.full((300, 400, 3), 77, np.uint8), "PNG")
    assert upload(flat, RNG).mime == "image/png"  # smaller than its JPEG
    assert upload(saved(pixels, "WEBP"), RNG).mime == "image/jpeg"


@pytest.mark.parametrize("name", sorted(presets()))
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_no_label_outlives_an_upload_but_where_the_file_is_left_alone(name: str, extension: str, tools) -> None:
    media = write_bundle(Media.from_bytes(tools.encode(tools.texture(2), extension)), BUNDLES["metadata"], Claim())
    try:
        uploaded = Media.from_bytes(Platform(name=name)(media, RNG).data)
    except NotApplicable as error:
        assert (name, extension, error.code) == ("discord-2024", ".webp", "E_NO_RULE")
        return
    states = {reading.state for reading in read_all(uploaded, METADATA)}
    if (name, extension) == ("discord-2024", ".png"):
        assert uploaded.data == media.data
    else:
        assert states == {"absent"}


@needs_exiftool
def test_facebook_keeps_rights_and_cloudflare_the_copyright(tools, tmp_path: Path) -> None:
    path = tmp_path / "rights.jpg"
    path.write_bytes(jpeg(tools.texture(3)).data)
    tags = ["-EXIF:Artist=Jo", "-EXIF:Copyright=(c) Jo", "-EXIF:Make=Maker", "-IPTC:By-line=Jo é", "-IPTC:Keywords=key",
            "-IPTC:CopyrightNotice=(c) Jo", "-XMP-dc:Rights=(c) Jo", "-IPTC:CodedCharacterSet=UTF8"]  # fmt: skip
    subprocess.run(["exiftool", "-q", "-overwrite_original", *tags, path], check=True)
    source = Media.read(path)
    kept = {}
    for name in ("facebook-2019", "facebook-2026", "cloudflare-2025", "x-2019"):
        (tmp_path / f"{name}.jpg").write_bytes(Platform(name=name)(source, RNG).data)
    said = subprocess.run(["exiftool", "-j", "-G0", "-a", tmp_path], capture_output=True, check=True).stdout
    groups = ("EXIF", "IPTC", "XMP", "Photoshop")
    for row in json.loads(said):
        kept[Path(row["SourceFile"]).stem] = {k: v for k, v in row.items() if k.partition(":")[0] in groups}
        assert "ExifTool:Warning" not in row, row
    technical = {"EXIF:XResolution", "EXIF:YResolution", "EXIF:ResolutionUnit", "EXIF:YCbCrPositioning"}
    kept = {name: {k: v for k, v in row.items() if k not in technical} for name, row in kept.items()}
    rights = {"EXIF:Artist": "Jo", "EXIF:Copyright": "(c) Jo"}
    iim = {"IPTC:By-line": "Jo é", "IPTC:CopyrightNotice": "(c) Jo", "IPTC:CodedCharacterSet": "UTF8"}
    assert kept["facebook-2019"] == rights | iim
    assert kept["cloudflare-2025"] == {"EXIF:Copyright": "(c) Jo"}
    assert kept["facebook-2026"] == kept["x-2019"] == {}
    assert kept["rights"]["XMP:Rights"] == "(c) Jo"


def test_signal_takes_a_smaller_side_where_the_file_is_over_its_limit() -> None:
    noise = Media.from_pixels(RNG.integers(0, 256, (1700, 1700, 3), np.uint8))
    made = Platform(name="signal-android")(noise, RNG)
    assert made.size == (1024, 1024) and len(made.data) <= 1 << 20


@pytest.mark.parametrize("name", ["facebook-2026", "wechat-moments", "telegram-desktop-2026"])
def test_two_uploads_are_the_chain_of_one_and_one(name: str, tools) -> None:
    media = jpeg(tools.texture(9, 400, 600))
    twice = Platform(name=name, uploads=2)
    hops: Attack = Chain(attacks=(Platform(name=name), Platform(name=name)))
    assert twice(media, RNG).data == hops(media, RNG).data
    assert twice.family == Platform(name=name).family and twice.severity == 2 > Platform(name=name).severity
    assert hops.channel.startswith("simulated:")


def test_hop_from_platform_to_platform_ends_as_the_last_one_leaves_it(tools) -> None:
    media = jpeg(tools.texture(9, 600, 1400))
    hops = Chain(attacks=(Platform(name="telegram-desktop-2026"), Platform(name="instagram-2026")))
    assert hops(media, RNG).size == (1080, 462)
    kept = Chain(attacks=(Forge(), Platform(name="discord-2024")))(saved(tools.texture(1), "PNG"), RNG)
    assert b"donor-0001" in kept.data


@pytest.mark.parametrize("name", sorted(presets()))
@pytest.mark.parametrize(
    "kind", ["1x1", "1x5000", "60000x2", "cmyk", "16-bit", "palette", "alpha", "animated", "turned"]
)
def test_unusual_pictures_give_a_picture_or_a_code(name: str, kind: str, tools) -> None:
    image = Image.fromarray(tools.texture(3))
    turned = Image.Exif()
    turned[0x0112] = 6
    made: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "1x1": (Image.new("RGB", (1, 1)), "PNG", {}),
        "1x5000": (Image.new("RGB", (1, 5000)), "JPEG", {}),
        "60000x2": (Image.new("RGB", (60_000, 2)), "JPEG", {}),
        "cmyk": (image.convert("CMYK"), "JPEG", {}),
        "16-bit": (Image.fromarray(np.arange(6000, dtype=np.uint16).reshape(60, 100)), "PNG", {}),
        "palette": (image.quantize(9), "PNG", {}),
        "alpha": (image.convert("RGBA"), "PNG", {}),
        "animated": (image, "GIF", {"save_all": True, "append_images": [image.rotate(90)]}),
        "turned": (image, "JPEG", {"exif": turned.tobytes()}),
    }
    picture, form, options = made[kind]
    out = io.BytesIO()
    picture.save(out, form, **options)
    media = Media.from_bytes(out.getvalue())
    try:
        result = Platform(name=name)(media, RNG)
    except NotApplicable:
        assert name == "discord-2024"
        return
    except CodedError as error:
        assert error.code in ("E_ENCODE", "E_TOO_LARGE")
        return
    again = Media(result.data, result.mime)
    assert again.size == result.size and containers.sniff(result.data) == result.mime
    if name != "discord-2024":
        assert not again.header.animated and again.header.orientation == 1


def test_profile_is_applied_before_it_goes(tools) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    low = jpeg(tools.texture(3), 60, icc_profile=lab)
    uploaded = Platform(name="x-2019")(low, RNG)  # quality 60 alone would have left it as it is
    assert uploaded.header.icc is None and round(uploaded.header.jpeg_quality) == 85


def test_list_tells_source_evidence_and_date(washtest) -> None:
    rows = washtest("list", "platforms", "--json").json
    assert [row["name"] for row in rows] == [repr(Platform(name=name)) for name in presets()]
    assert all(row["source"] and row["evidence"] and row["date"] for row in rows)
