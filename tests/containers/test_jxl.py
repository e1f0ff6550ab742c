"""JPEG XL: the header and the boxes, against libjxl's own programs and ExifTool; pixels against what was encoded."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from bench import containers
from bench.containers import isobmff, jxl, jxl_codestream
from bench.errors import CodedError, Unavailable
from bench.media import Media
from tests.containers.test_hostile_files import _try_everything

imagecodecs = pytest.importorskip("imagecodecs")
PHOTO = np.ascontiguousarray(skimage.data.astronaut()[30:126, 120:248])
PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
ALPHA = np.dstack([PHOTO, np.repeat(np.arange(128, dtype=np.uint8)[None] * 2, 96, 0)])
ARRAYS = {
    "rgb": PHOTO, "rgba": ALPHA, "grey": PHOTO[..., 1], "grey alpha": np.ascontiguousarray(ALPHA[..., 2:]),
    "16 bits": PHOTO.astype(np.uint16) * 257, "float": PHOTO.astype(np.float32) / 255,
    "animated": np.stack([PHOTO, PHOTO[::-1]]), "wide": PHOTO[:2], "pixel": PHOTO[:1, :1], "even": PHOTO[:96, :96],
}  # fmt: skip


def made(array: np.ndarray, **settings: object) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(array, **({"lossless": True} | settings)))


FILES = {
    **{name: made(array) for name, array in ARRAYS.items()},
    "lossy": made(PHOTO, lossless=None, distance=1.0, usecontainer=False),
    "container": made(PHOTO, lossless=None, distance=1.0, usecontainer=True),
}


def said(*command: str | Path) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=60, check=True)
    return done.stdout.decode("utf-8", "replace")


@pytest.fixture(params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_header_says_what_libjxl_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jxl"
    path.write_bytes(FILES[name])
    about = said("jxlinfo", "-v", path)
    header = containers.header(FILES[name])
    assert containers.sniff(FILES[name]) == header.mime == "image/jxl"
    assert f"{header.width}x{header.height}" in about
    assert f"{header.bits}-bit" in about
    assert ("JPEG XL animation" in about) == header.animated
    assert ("Alpha" in about) == header.alpha
    assert ("Grayscale" in about) == (header.channels in (1, 2))
    linear = jxl.codestream(FILES[name]).transfer == "linear"
    assert ("Linear transfer function" in about) == linear
    assert header.complete and not header.notes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_the_codestreams(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    source, target = tmp_path / "a.jpg", tmp_path / "a.jxl"
    Image.fromarray(PHOTO).save(source, exif=exif, quality=95)
    said("cjxl", source, target)
    media, theirs = Media.read(target), Media.read(source)
    assert media.header.orientation == orientation
    assert media.size == theirs.size
    assert np.abs(media.pixels().astype(int) - theirs.pixels()).mean() < 1
    assert (containers.exif(media.data) or b"").startswith((b"MM\0*", b"II*\0"))  # squeezed by cjxl


def test_pixels_are_those_that_were_encoded(name: str) -> None:
    pixels = Media.from_bytes(FILES[name]).pixels().astype(int)
    expected = {
        "rgba": np.rint(ALPHA[..., :3] * (ALPHA[..., 3:] / 255) + 255 - ALPHA[..., 3:]),
        "grey": np.dstack([PHOTO[..., 1]] * 3),
        "grey alpha": np.dstack([np.rint(ALPHA[..., 2] * (ALPHA[..., 3] / 255.0) + 255 - ALPHA[..., 3])] * 3),
        "wide": PHOTO[:2], "pixel": PHOTO[:1, :1], "even": PHOTO[:96, :96],
    }.get(name, PHOTO)  # fmt: skip
    assert pixels.shape == expected.shape
    if name in ("16 bits", "float"):  # the encoder takes them for light, so what they show is brighter
        light = PHOTO / 255.0
        expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(pixels - expected).max() <= (90 if name in ("lossy", "container") else 1)


def test_other_colour_spaces_are_converted(tmp_path: Path) -> None:
    source, target = tmp_path / "a.png", tmp_path / "a.jxl"
    Image.fromarray(PHOTO).save(source)
    said("cjxl", source, target, "-d", "0", "-x", "color_space=RGB_D65_DCI_Rel_SRG")
    assert jxl.codestream(target.read_bytes()).transfer == ""
    # Display P3 to sRGB: the matrix of the two sets of primaries (SMPTE EG 432-1 and IEC 61966-2-1).
    linear = np.where(PHOTO <= 0.04045 * 255, PHOTO / 255 / 12.92, ((PHOTO / 255 + 0.055) / 1.055) ** 2.4)
    p3_to_srgb = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
    light = np.clip(linear @ p3_to_srgb.T, 0, 1)
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(Media.read(target).pixels() - expected).max() < 3


@pytest.mark.parametrize("name", ["lossy", "container", "rgba"])
def test_metadata_written_are_read_by_exiftool_and_the_picture_stays(name: str, tmp_path: Path) -> None:
    from bench.containers import tiff, tiff_edit

    plain = FILES[name]
    packet = PACKET.replace(b'-ns#"/>', b'-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" '
                            b'dc:source="mark 4711"/></rdf:RDF>')  # fmt: skip
    written = containers.set_xmp(containers.set_xmp(plain, b"<old/>"), packet)
    written = containers.set_exif_fields(written, {tiff.ARTIST: tiff_edit.text("someone 4712")})
    assert [(p.place, p.payload) for p in containers.xmp_packets(written)] == [("jxl-xml", packet)]
    assert b"someone 4712" in (containers.exif(written) or b"")
    assert np.array_equal(Media.from_bytes(written).pixels(), Media.from_bytes(plain).pixels())
    path, back = tmp_path / "a.jxl", tmp_path / "a.png"
    path.write_bytes(written)
    about = json.loads(said("exiftool", "-json", "-a", "-G1", path))[0]
    assert (about["XMP-dc:Source"], about["IFD0:Artist"]) == ("mark 4711", "someone 4712")
    said("djxl", path, back)
    with Image.open(back) as image:
        assert image.size == Media.from_bytes(plain).size


def test_squeezed_metadata_are_read(tmp_path: Path) -> None:
    brotli = pytest.importorskip("brotli")
    data = FILES["container"] + isobmff.box(b"brob", b"xml " + brotli.compress(PACKET))
    assert [(p.place, p.payload) for p in containers.xmp_packets(data)] == [("jxl-brob", PACKET)]
    path = tmp_path / "a.jxl"
    path.write_bytes(data)
    assert "xml" in said("jxlinfo", "-v", path).lower()
    replaced = containers.set_xmp(data, b"<new/>")
    assert [p.place for p in containers.xmp_packets(replaced)] == ["jxl-xml"]


@pytest.mark.parametrize("body", [b"", b"no brotli at all", None], ids=["empty", "noise", "cut"])
def test_squeezed_metadata_that_are_broken_are_coded(body: bytes | None) -> None:
    brotli = pytest.importorskip("brotli")
    body = brotli.compress(PACKET)[:-4] if body is None else body
    data = FILES["container"] + isobmff.box(b"brob", b"xml " + body)
    with pytest.raises(CodedError, match="E_METADATA"):
        containers.xmp_packets(data)


def test_squeezed_bomb_is_refused() -> None:
    brotli = pytest.importorskip("brotli")
    for kind in (b"xml ", b"Exif"):
        data = FILES["container"] + isobmff.box(b"brob", kind + brotli.compress(bytes(64 << 20)))
        with pytest.raises(CodedError, match="expand past 4194304"):
            (containers.xmp_packets if kind == b"xml " else containers.exif)(data)


def test_what_is_missing_is_unavailable_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    monkeypatch.setitem(sys.modules, "brotli", None)
    with pytest.raises(Unavailable, match=r"E_NO_DECODER.*pip install 'washtest\[jxl\]'"):
        Media.from_bytes(FILES["lossy"]).pixels()
    with pytest.raises(Unavailable, match=r"E_NO_BROTLI.*pip install"):
        containers.xmp_packets(FILES["container"] + isobmff.box(b"brob", b"xml " + bytes(9)))


def test_last_box_without_a_size_gets_one() -> None:
    data = FILES["container"]
    place = next(box for box in isobmff.walk(data) if box.kind == b"jxlc")
    open_ended = data[: place.start] + bytes(4) + data[place.start + 4 :]
    written = containers.set_xmp(open_ended, PACKET)
    assert [p.payload for p in containers.xmp_packets(written)] == [PACKET]
    assert np.array_equal(Media.from_bytes(written).pixels(), Media.from_bytes(data).pixels())


def test_file_cut_anywhere_is_coded_and_never_decodes(name: str) -> None:
    whole = FILES[name]
    # The first frame of a sequence is a picture, whatever is missing behind it.
    later = () if name == "animated" else (len(whole) // 2, len(whole) - 1)
    for size in (*range(8, min(len(whole), 60)), *later):
        with pytest.raises(CodedError) as raised:
            Media.from_bytes(whole[:size]).pixels()
        assert raised.value.code in ("E_TRUNCATED", "E_CORRUPT", "E_UNIDENTIFIED", "E_DECODE")


def test_damaged_bytes_give_codes_only() -> None:
    rng = np.random.default_rng(5)
    start = containers.set_xmp(FILES["container"], PACKET)
    for data in (start, FILES["lossy"], FILES["rgba"]):
        for _ in range(150):
            broken = bytearray(data)
            for at in rng.integers(0, min(len(data), 120), 3):
                broken[at] = int(rng.integers(256))
            _try_everything(bytes(broken))


def test_codestream_in_parts_is_read_as_one() -> None:
    whole = FILES["lossy"]
    pieces = [whole[:5], whole[5:11], whole[11:]]
    boxes = [isobmff.box(b"jxlp", (n | (n == 2) << 31).to_bytes(4, "big") + part) for n, part in enumerate(pieces)]
    head = jxl.contained(whole)[:32]
    data = head + b"".join(boxes)
    assert containers.header(data) == containers.header(whole)
    assert np.array_equal(Media.from_bytes(data).pixels(), Media.from_bytes(whole).pixels())
    assert not containers.header(head + b"".join(boxes[:2])).complete


def test_too_many_pixels_are_refused_before_decoding() -> None:
    bits = 0
    for shift, value in ((0, 0), (1, 3), (3, 2**30 - 1), (33, 1), (36, 1)):  # 2^30 rows, square, all default
        bits |= value << shift
    with pytest.raises(CodedError, match="E_TOO_LARGE"):
        Media.from_bytes(jxl_codestream.NAKED + bits.to_bytes(24, "little")).pixels()


def test_pillow_and_opencv_say_that_they_do_not_read_it() -> None:
    from attacks.reexport import OpenCVSave, PillowSave

    for attack in (PillowSave(), OpenCVSave()):
        with pytest.raises(CodedError):
            attack(Media.from_bytes(FILES["lossy"]), np.random.default_rng(0))
    with pytest.raises(OSError):
        Image.open(io.BytesIO(FILES["lossy"]))
