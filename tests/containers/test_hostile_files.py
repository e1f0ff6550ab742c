"""Broken and hostile bytes: only ``CodedError`` comes out, and soon."""

import struct
import time
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import containers
from bench.containers import jpeg, png
from bench.errors import CodedError

PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">packet</x:xmpmeta>'


def _try_everything(data: bytes) -> None:
    for call in (
        containers.sniff,
        containers.header,
        containers.exif,
        containers.xmp_packets,
        containers.text_chunks,
        lambda d: containers.set_xmp(d, PACKET),
        lambda d: containers.remove(d, {"all", *containers.METADATA_KINDS}),
        containers.c2pa_store,
    ):
        try:
            call(data)
        except CodedError as error:
            assert error.code.startswith("E_")


def test_truncated_anywhere(file: bytes) -> None:
    for size in range(0, len(file), 37):
        _try_everything(file[:size])


edits = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(edits=edits, early=st.booleans())
def test_bytes_changed_anywhere(file: bytes, edits: list[tuple[int, int]], early: bool) -> None:
    data = bytearray(file)
    for at, value in edits:
        data[at % (min(len(data), 160) if early else len(data))] = value
    _try_everything(bytes(data))


@settings(max_examples=100)
@given(
    st.sampled_from([b"\xff\xd8\xff", png.SIGNATURE, b"RIFF\xff\xff\0\0WEBP", b"GIF89a", b"BM", b"II*\0"]), st.binary()
)
def test_any_bytes_behind_a_signature(signature: bytes, rest: bytes) -> None:
    _try_everything(signature + rest)


def test_repeated_small_parts_are_walked_in_linear_time() -> None:
    for data in (
        b"\xff\xd8" + b"\xff\xfe\0\2" * 60_000,
        b"\xff\xd8" + b"\xff\xe1\0\0" * 60_000,
        b"\xff\xd8\xff" + bytes(60_000),
        png.SIGNATURE + png.chunk(b"IHDR", bytes(13)).raw + png.chunk(b"tEXt", b"").raw * 20_000,
        b"RIFF\0\0\x03\0WEBP" + b"JUNK\0\0\0\0" * 30_000,
        b"GIF89a" + bytes(7) + b"\x21\xff\0" * 60_000,
    ):
        begin = time.perf_counter()
        _try_everything(data)
        assert time.perf_counter() - begin < 4


def test_a_jpeg_segment_without_a_length_is_stepped_over(files: dict[str, bytes]) -> None:
    data = files["jpeg 4:2:0"]
    for length in (b"\0\0", b"\0\1"):
        broken = data[:2] + b"\xff\xe1" + length + data[2:]
        assert containers.header(broken).complete
        with pytest.raises(CodedError, match="E_CORRUPT"):
            containers.xmp_packets(broken)
        assert containers.xmp_packets(containers.set_xmp(broken, PACKET))[0].payload == PACKET


def test_a_jpeg_segment_past_the_end_is_truncated(files: dict[str, bytes]) -> None:
    data = files["jpeg 4:2:0"]
    with pytest.raises(CodedError, match="E_TRUNCATED"):
        containers.xmp_packets(data[:2] + b"\xff\xe1\xff\xff" + data[2:])


def test_compressed_text_is_bounded(files: dict[str, bytes], bomb: bytes) -> None:
    data = files["png rgb"]
    text = png.chunk(b"zTXt", b"Comment\0\0" + bomb).raw
    xmp = png.chunk(b"iTXt", png.XMP_KEYWORD + b"\0\x01\0\0\0" + bomb).raw
    begin = time.perf_counter()
    with pytest.raises(CodedError, match="E_METADATA"):
        containers.text_chunks(data[:33] + text + data[33:])
    with pytest.raises(CodedError, match="E_METADATA"):
        containers.xmp_packets(data[:33] + xmp + data[33:])
    assert time.perf_counter() - begin < 2
    assert containers.xmp_packets(data[:33] + text + data[33:]) == []


def test_many_compressed_texts_share_one_bound(files: dict[str, bytes]) -> None:
    chunk = png.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 << 20), 9)).raw
    data = files["png rgb"]
    begin = time.perf_counter()
    texts = containers.text_chunks(data[:33] + chunk * 200 + data[33:])
    assert len(texts) == 1
    assert time.perf_counter() - begin < 5


def test_an_unusable_profile_is_noted_and_not_fatal(files: dict[str, bytes], bomb: bytes) -> None:
    data = files["png rgb"]
    for payload in (b"name\0\0" + bomb, b"name\0\0garbage", b"no terminator"):
        header = containers.header(data[:33] + png.chunk(b"iCCP", payload).raw + data[33:])
        assert header.icc is None
        assert header.complete
        assert "ICC" in header.notes[0]


def test_text_in_a_chunk_with_a_wrong_checksum_is_no_text(files: dict[str, bytes]) -> None:
    raw = bytearray(png.chunk(b"iTXt", png.XMP_KEYWORD + b"\0\0\0\0\0" + PACKET).raw)
    raw[-1] ^= 1
    data = files["png rgb"]
    with pytest.raises(CodedError, match="E_CORRUPT"):
        containers.xmp_packets(data[:33] + bytes(raw) + data[33:])


def test_directories_that_point_anywhere_give_orientation_one() -> None:
    from bench.containers import tiff

    for offset in (0, 4, 8, 9, 1 << 31, 0xFFFFFFFF):
        block = (
            b"II*\0" + offset.to_bytes(4, "little") + b"\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\xff\xff\xff\xff"
        )
        assert tiff.orientation(block) == 1


def test_an_icc_profile_that_lacks_a_part_is_noted(files: dict[str, bytes]) -> None:
    chunks = jpeg.split(files["jpeg with blocks"])
    last = max(i for i, s in enumerate(chunks) if s.marker == 0xE2)
    header = containers.header(jpeg.join(chunks[:last] + chunks[last + 1 :]))
    assert header.icc is None
    assert "ICC" in header.notes[0]


def test_a_webp_without_pixels_is_refused(files: dict[str, bytes]) -> None:
    data = bytearray(files["webp lossy"])
    at = data.index(b"\x9d\x01\x2a") + 3
    data[at : at + 4] = bytes(4)
    for call in (containers.header, lambda d: containers.set_xmp(d, PACKET)):
        with pytest.raises(CodedError, match="E_UNIDENTIFIED"):
            call(bytes(data))


@pytest.mark.parametrize("tag", [0x8769, 0x010F], ids=["pointers", "texts"])
def test_removing_takes_no_quadratic_time(tag: int):
    # Sixty thousand fields: all point to the directory that they stand in, or lie behind each other.
    count, start = 60_000, 8 + 2 + 60_000 * 12 + 4
    fields = (struct.pack("<HHII", tag, *((4, 1, 8) if tag == 0x8769 else (2, 8, start + 8 * i))) for i in range(count))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + b"".join(fields) + bytes(4) + bytes(8 * count)
    begun = time.perf_counter()
    containers.remove(block, ("exif",))
    assert time.perf_counter() - begun < 5
