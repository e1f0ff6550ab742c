"""What ``header`` and ``sniff`` say, against what the encoder was told and what Pillow reads."""

import io
import zlib

import pytest
from PIL import Image

from bench import containers
from bench.containers import png
from bench.errors import CodedError


def test_the_type_is_told_by_content(name: str, file: bytes) -> None:
    mime = containers.sniff(file)
    assert mime == f"image/{name.split()[0]}"
    assert mime in containers.EXTENSIONS


def test_header_agrees_with_pillow(name: str, file: bytes) -> None:
    header = containers.header(file)
    with Image.open(io.BytesIO(file)) as image:
        assert (header.width, header.height) == image.size
        assert header.animated == (getattr(image, "n_frames", 1) > 1)
        if not header.palette:
            assert header.alpha == (image.mode in ("RGBA", "LA"))
        assert header.palette == (image.mode == "P" or header.mime == "image/gif")
        assert header.orientation == image.getexif().get(0x0112, 1)
        assert header.icc == image.info.get("icc_profile")
    assert header.complete
    assert header.notes == ()


def test_a_file_cut_in_half_is_incomplete_and_keeps_its_size(name: str, file: bytes) -> None:
    whole = containers.header(file)
    try:
        half = containers.header(file[: len(file) * 2 // 3])
    except CodedError as error:
        assert error.code in ("E_TRUNCATED", "E_CORRUPT")
    else:
        assert not half.complete
        assert (half.width, half.height) == (whole.width, whole.height)


@pytest.mark.parametrize("quality", range(1, 101))
def test_jpeg_quality_is_what_the_encoder_was_given(quality: int) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", quality=quality)
    assert containers.header(out.getvalue()).jpeg_quality == quality


@pytest.mark.parametrize(("setting", "expected"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_jpeg_subsampling(setting: int, expected: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (32, 32)).save(out, "JPEG", subsampling=setting)
    assert containers.header(out.getvalue()).jpeg_subsampling == expected


def test_jpeg_progressive(files: dict[str, bytes]) -> None:
    assert containers.header(files["jpeg progressive"]).jpeg_progressive
    assert not containers.header(files["jpeg 4:2:0"]).jpeg_progressive
    assert containers.header(files["jpeg cmyk"]).channels == 4


def test_progressive_jpeg_with_an_end_marker_inside_a_table_is_not_complete(files: dict[str, bytes]) -> None:
    data = files["jpeg progressive"]
    cut = data[: len(data) // 2] + b"\xff\xfe\x00\x06\xff\xd9\xff\xd9"
    assert not containers.header(cut).complete


@pytest.mark.parametrize(("name", "bits", "channels"), [("png 16 bit", 16, 1), ("png 1 bit", 1, 1), ("png rgba", 8, 4)])
def test_png_depth(files: dict[str, bytes], name: str, bits: int, channels: int) -> None:
    header = containers.header(files[name])
    assert (header.bits, header.channels) == (bits, channels)


def test_png_text(files: dict[str, bytes]) -> None:
    assert containers.text_chunks(files["png text"]) == [
        ("Title", "plain"),
        ("Comment", "squeezed " * 50),
        ("Author", "水洗标"),
    ]
    assert containers.text_chunks(files["png text"], ("Title",)) == [("Title", "plain")]


def test_text_that_is_not_utf_8_keeps_its_bytes(files: dict[str, bytes]) -> None:
    broken = png.chunk(b"iTXt", b"Note\0\0\0\0\0good \xff\xfe bad").raw
    data = _insert(files["png rgb"], broken)
    (keyword, text), *_ = containers.text_chunks(data)
    assert keyword == "Note"
    assert text.encode("utf-8", "surrogateescape") == b"good \xff\xfe bad"


def _insert(data: bytes, raw: bytes) -> bytes:
    return data[:33] + raw + data[33:]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "E_EMPTY", "0 bytes"),
        (b"\xff", "E_UNIDENTIFIED", ""),
        (b"\x89PNG\r\n\x1a\n", "E_UNIDENTIFIED", "no image behind it"),
        (b"<!DOCTYPE html><html>404", "E_UNIDENTIFIED", "HTML"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "E_UNIDENTIFIED", "SVG"),
        (b"%PDF-1.7\n" + bytes(40), "E_UNIDENTIFIED", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n" + bytes(40), "E_UNIDENTIFIED", "EPS"),
        (b"BM and more text that is no bitmap", "E_UNIDENTIFIED", "text"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "E_UNIDENTIFIED", "RIFF"),
        (b"\0\0\0\x18ftypisom" + bytes(40), "E_UNIDENTIFIED", "MP4"),
        (bytes(4096), "E_UNIDENTIFIED", "zeros"),
    ],
)
def test_what_is_no_image_is_refused_by_name(data: bytes, code: str, words: str) -> None:
    with pytest.raises(CodedError) as caught:
        containers.sniff(data)
    assert caught.value.code == code
    assert words in caught.value.detail


def test_a_zero_side_is_unidentified(files: dict[str, bytes]) -> None:
    data = files["png rgb"]
    body = data[12:16] + bytes(4) + data[20:29]
    with pytest.raises(CodedError, match="E_UNIDENTIFIED"):
        containers.header(data[:12] + body + zlib.crc32(body).to_bytes(4, "big") + data[33:])


def test_wrong_checksums_are_seen(files: dict[str, bytes]) -> None:
    data = bytearray(files["png rgb"])
    data[20] ^= 1  # in IHDR
    with pytest.raises(CodedError, match="E_CORRUPT"):
        containers.header(bytes(data))
    data = bytearray(files["png rgb"])
    data[len(data) // 2] ^= 1  # in IDAT
    header = containers.header(bytes(data))
    assert not header.complete
    assert "checksum of IDAT" in header.notes[0]


def test_bmp_rows_that_do_not_fit_are_incomplete(files: dict[str, bytes]) -> None:
    assert not containers.header(files["bmp"][:-100]).complete
