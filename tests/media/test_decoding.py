"""Pixels are one defined view of a file: upright, sRGB, opaque, eight bits."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from bench.media import Media


def saved(image: Image.Image, kind: str, **options: object) -> Media:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return Media.from_bytes(out.getvalue())


def quadrants(height: int = 32, width: int = 64) -> np.ndarray:
    """Red, green, blue and white quarters: each way of turning it looks different."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    return pixels


#: What each EXIF orientation says must be done to the stored picture (EXIF 2.32, tag 274).
TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p),
}


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
        ("TIFF", "RGB"),
    ],
)
@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_applied_whatever_decodes_the_file(kind: str, mode: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    image = Image.fromarray(quadrants()).convert(mode)
    media = saved(image, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    expected = TURNS[orientation](quadrants())
    size = media.size
    pixels = media.pixels()
    assert pixels.shape == expected.shape
    assert size == (expected.shape[1], expected.shape[0])
    assert np.abs(pixels.astype(int) - expected).mean() < 8  # JPEG is lossy, and CMYK no exact way to white


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGB", "WEBP"), ("P", "PNG")])
def test_orientation_in_xmp_alone_turns_nothing(mode: str, kind: str) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    image = Image.fromarray(quadrants()).convert(mode)
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        media = saved(image, kind, pnginfo=info)
    else:
        media = saved(image, kind, xmp=xmp)
    assert media.pixels().shape == (32, 64, 3)
    assert media.size == (64, 32)


def adobe_like_profile() -> bytes:
    """A made-up ICC v2 matrix profile with the primaries and the gamma 563/256 of a wide-gamut RGB space."""

    def s15(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + s15(*values)

    name = b"made-up wide RGB\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(8 + 3 + 67),
        b"cprt": b"text\0\0\0\0public domain\0",
        b"wtpt": xyz(0.96420, 1.0, 0.82491),
        b"rXYZ": xyz(*WIDE[:, 0]),
        b"gXYZ": xyz(*WIDE[:, 1]),
        b"bXYZ": xyz(*WIDE[:, 2]),
    }
    tags |= {name: b"curv\0\0\0\0" + struct.pack(">IH", 1, 0x0233) for name in (b"rTRC", b"gTRC", b"bTRC")}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, payload in tags.items():
        table += name + struct.pack(">II", start + len(body), len(payload))
        body += payload + bytes(-len(payload) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"test", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + s15(0.96420, 1.0, 0.82491)
    return head.ljust(128, b"\0") + table + body


#: Colour spaces as RGB -> XYZ relative to D50, one primary a column.
WIDE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_icc_profile_is_converted_to_srgb(kind: str) -> None:
    stored = np.array([[(200, 60, 60)], [(120, 140, 100)], [(90, 90, 180)], [(128, 128, 128)]], np.uint8)
    stored = stored.repeat(16, axis=0).repeat(16, axis=1)  # whole JPEG blocks
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    media = saved(Image.fromarray(stored), kind, icc_profile=adobe_like_profile(), **options)
    linear = np.clip((stored / 255) ** (563 / 256) @ WIDE.T @ np.linalg.inv(SRGB).T, 0, 1)
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    assert np.abs(media.pixels() - expected).max() <= 3
    assert np.abs(stored - expected).max() > 10  # the profile matters


def test_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(saved(Image.fromarray(quadrants()), "PNG", icc_profile=profile).pixels(), quadrants())


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_unusable_profile_is_ignored_as_viewers_do(kind: str) -> None:
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    media = saved(Image.fromarray(quadrants()), kind, icc_profile=b"no profile" * 20, **options)
    assert np.abs(media.pixels().astype(int) - quadrants()).max() <= 4


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_over_white(kind: str) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 0], pixels[:, 4:, 3] = 200, 255
    pixels[:, 2:4, 3] = 51
    media = saved(Image.fromarray(pixels), kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    assert media.pixels()[0, 0].tolist() == [255, 255, 255]
    assert media.pixels()[0, 7].tolist() == [200, 0, 0]
    assert np.abs(media.pixels()[0, 2].astype(int) - [244, 204, 204]).max() <= 1  # 20 % of the colour


def test_transparent_colour_of_a_palette_is_laid_over_white() -> None:
    image = Image.fromarray(quadrants()).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    red = image.getpixel((0, 0))
    media = saved(image, "PNG", transparency=red)
    assert media.header.palette
    assert media.pixels()[0, 0].tolist() == [255, 255, 255]
    assert media.pixels()[0, -1].tolist() == [0, 255, 0]


def test_palette_is_expanded() -> None:
    image = Image.fromarray(quadrants()).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    for kind in ("PNG", "GIF", "BMP"):
        assert np.array_equal(saved(image, kind).pixels(), quadrants())


def test_sixteen_bits_become_eight_over_the_whole_range() -> None:
    values = np.array([[0, 257, 128 * 257, 200 * 257, 65535]], np.uint16)
    assert saved(Image.fromarray(values), "PNG").pixels()[0, :, 1].tolist() == [0, 1, 128, 200, 255]


def test_cmyk_keeps_white_white_and_black_dark() -> None:
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[:, 8:, 3] = 255
    pixels = saved(Image.frombytes("CMYK", (16, 16), ink.tobytes()), "JPEG").pixels()
    assert pixels.shape == (16, 16, 3)
    assert pixels[8, 2].min() >= 250
    assert pixels[8, 13].max() <= 40


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_grey_becomes_three_equal_channels(kind: str) -> None:
    grey = np.linspace(0, 255, 32 * 32).reshape(32, 32).astype(np.uint8)
    pixels = saved(Image.fromarray(grey), kind).pixels()
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels.astype(int) - grey[..., None]).mean() < 4


def test_first_frame_is_taken_of_several() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for kind in ("GIF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        media = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert media.pixels()[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_one_pixel_is_a_picture(kind: str) -> None:
    media = saved(Image.new("RGB", (1, 1), (255, 255, 255)), kind)
    assert media.size == (1, 1)
    assert media.pixels().min() >= 250


def test_pixels_are_decoded_once_and_cannot_be_written() -> None:
    media = saved(Image.fromarray(quadrants()), "PNG")
    assert media.pixels() is media.pixels()
    with pytest.raises(ValueError, match="read-only"):
        media.pixels()[0, 0, 0] = 1
