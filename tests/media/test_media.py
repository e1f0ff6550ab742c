"""The encoded file: what it costs, what is equal, and what broken ones say."""

import hashlib
import os
import pickle
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import CodedError
from bench.media import MAX_PIXELS, Media


def code_of(data: bytes) -> str:
    with pytest.raises(CodedError) as raised:
        Media.from_bytes(data).pixels()
    return raised.value.code


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises this size, with next to nothing behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_pixels_are_encoded_only_when_bytes_are_asked_for(tools) -> None:
    media = Media.from_pixels(tools.texture(1))
    assert media.fresh
    assert media.size == (64, 48)
    assert media.header.mime == "image/png"
    assert (media.header.width, media.header.height) == (64, 48)
    media.pixels()
    assert not media.encoded
    assert media.data.startswith(b"\x89PNG")
    assert media.encoded
    assert media.sha256 == hashlib.sha256(media.data).hexdigest()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_pixels_survive_the_round_trip_through_bytes(height: int, width: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    again = Media.from_bytes(Media.from_pixels(pixels).data)
    assert again.mime == "image/png"
    assert np.array_equal(again.pixels(), pixels)


def test_later_changes_of_a_view_do_not_reach_the_media(tools) -> None:
    whole = tools.texture(2).copy()
    media = Media.from_pixels(whole[:, ::-1])  # a view that is not contiguous is copied
    expected = whole[:, ::-1].copy()
    whole[:] = 0
    assert np.array_equal(media.pixels(), expected)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_what_is_no_rgb_picture_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"pixels must be \(height, width, 3\) uint8, got"):
        Media.from_pixels(pixels)


def test_media_is_a_value_that_travels_between_processes(tools) -> None:
    media = Media.from_bytes(tools.encode(tools.texture(3)))
    media.pixels()
    other = pickle.loads(pickle.dumps(media))
    assert other == media
    assert hash(other) == hash(media)
    assert other != Media.from_bytes(tools.encode(tools.texture(4)))


def test_spliced_bytes_share_the_decoded_picture(tools) -> None:
    media = Media.from_bytes(tools.encode(tools.texture(3), ".png"))
    pixels = media.pixels()
    assert media.spliced(media.data + b"").pixels() is pixels


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_file_cut_off_in_the_middle_is_truncated(tools, extension: str) -> None:
    data = tools.encode(tools.texture(5, 96, 128), extension)
    assert code_of(data[: len(data) // 2]) == "E_TRUNCATED"


@pytest.mark.parametrize("side", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (MAX_PIXELS + 1, 1)])
def test_bomb_is_refused_before_anything_is_allocated(side: tuple[int, int]) -> None:
    start = time.perf_counter()
    assert code_of(png_of_size(*side)) == "E_TOO_LARGE"
    assert time.perf_counter() - start < 1


def test_flipped_bit_in_a_png_is_no_picture(tools) -> None:
    data = bytearray(tools.encode(tools.texture(6), ".png"))
    data[len(data) // 2] ^= 4
    assert code_of(bytes(data)) == "E_CORRUPT"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E_EMPTY"),
        (b"\xff", "E_UNIDENTIFIED"),
        (b"\x89PNG\r\n\x1a\n", "E_UNIDENTIFIED"),
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "E_UNIDENTIFIED"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "E_UNIDENTIFIED"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "E_UNIDENTIFIED"),
        (png_of_size(0, 4), "E_UNIDENTIFIED"),
    ],
)
def test_what_is_no_picture_says_so(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_type_is_told_by_content_and_not_by_name(tmp_path: Path, tools) -> None:
    page, picture = tmp_path / "page.jpg", tmp_path / "really-a-png.jpg"
    page.write_bytes(b"<html><body>gone</body></html>")
    picture.write_bytes(tools.encode(tools.texture(7), ".png"))
    assert Media.read(picture).mime == "image/png"
    with pytest.raises(CodedError, match="HTML") as raised:
        Media.read(page)
    assert raised.value.code == "E_UNIDENTIFIED"


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    for name, code in {
        "pipe.jpg": "E_UNREADABLE",
        "loop.jpg": "E_UNREADABLE",
        ".": "E_UNREADABLE",
        "no.jpg": "E_MISSING",
    }.items():
        with pytest.raises(CodedError) as raised:
            Media.read(tmp_path / name)
        assert raised.value.code == code
    with pytest.raises(CodedError, match="E_UNREADABLE"):
        Media.read(Path("/dev/zero"))


def test_file_name_that_is_no_utf8_is_read(tmp_path: Path, tools) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(tools.encode(tools.texture(8)))
    assert Media.read(path).size == (64, 48)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_raise_nothing_but_coded_errors(tools, data: st.DataObject) -> None:
    extension = data.draw(st.sampled_from([".jpg", ".png", ".webp"]))
    file = bytearray(tools.encode(tools.texture(9), extension))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    del file[data.draw(st.integers(len(file) // 2, len(file))) :]
    try:
        pixels = Media.from_bytes(bytes(file)).pixels()
    except CodedError as error:
        assert error.code.startswith("E_")
        assert "\n" not in str(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
