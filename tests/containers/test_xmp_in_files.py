"""XMP packets in and out of every format: the pixels stay, the packet is there, other readers agree."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from bench import containers
from bench.containers import jpeg, jpeg_edit, png, riff
from bench.errors import CodedError

PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">first</x:xmpmeta>'
LONGER = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + b"second " * 50 + b"</x:xmpmeta>"


def _pixels(data: bytes) -> list[np.ndarray]:
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for frame in range(getattr(image, "n_frames", 1)):
            image.seek(frame)
            frames.append(np.asarray(image.copy()))
    return frames


def test_a_packet_is_written_replaced_and_read_back(writable: bytes) -> None:
    once = containers.set_xmp(writable, PACKET)
    assert [p.payload for p in containers.xmp_packets(once)] == [PACKET]
    twice = containers.set_xmp(once, LONGER)
    assert [p.payload for p in containers.xmp_packets(twice)] == [LONGER]
    assert containers.set_xmp(twice, PACKET) == once


def test_the_picture_and_its_other_metadata_stay(writable: bytes) -> None:
    written = containers.set_xmp(writable, PACKET)
    for before, after in zip(_pixels(writable), _pixels(written), strict=True):
        assert np.array_equal(before, after)
    assert containers.header(written) == containers.header(writable)
    if containers.sniff(writable) != "image/tiff":
        assert containers.exif(written) == containers.exif(writable)
    with Image.open(io.BytesIO(writable)) as before, Image.open(io.BytesIO(written)) as after:
        assert after.mode == before.mode
        for key in ("icc_profile", "exif", "comment", "loop", "duration"):
            assert after.info.get(key) == before.info.get(key)


def test_pillow_finds_the_packet(writable: bytes) -> None:
    if containers.header(writable).animated and containers.sniff(writable) == "image/avif":
        pytest.skip("Pillow reads the packet of a sequence's track, not of its primary item")
    with Image.open(io.BytesIO(containers.set_xmp(writable, PACKET))) as image:
        if image.format == "GIF":  # it says that the extension is there, and where
            assert image.info["extension"][0] == b"XMP DataXMP"
        else:
            assert image.info["xmp"] == PACKET


def test_bytes_behind_the_image_stay(writable: bytes) -> None:
    tail = b"appended by a phone"
    if containers.sniff(writable) in ("image/avif", "image/heic"):  # bytes behind are a box there
        tail = b"\0\0\0\x1bfree" + tail
    written = containers.set_xmp(writable + tail, PACKET)
    assert tail in written
    assert [p.payload for p in containers.xmp_packets(written)] == [PACKET]


def test_formats_that_are_not_written_say_so(files: dict[str, bytes]) -> None:
    with pytest.raises(CodedError, match="E_NOT_APPLICABLE"):
        containers.set_xmp(files["bmp"], PACKET)


def test_tiff_and_avif_packets_are_read(files: dict[str, bytes]) -> None:
    assert [p.place for p in containers.xmp_packets(files["tiff"])] == ["tiff-700"]
    assert b"xmpmeta" in containers.xmp_packets(files["avif"])[0].payload


def test_gif_packets_are_read(files: dict[str, bytes]) -> None:
    data = files["gif"]
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    extension = b"\x21\xff\x0bXMP DataXMP" + LONGER + trailer
    assert containers.xmp_packets(data[:-1] + extension + b";")[0].payload == LONGER


def test_jpeg_packet_stands_behind_exif_and_before_the_tables(files: dict[str, bytes]) -> None:
    markers = [s.marker for s in jpeg.split(containers.set_xmp(files["jpeg with blocks"], PACKET))]
    assert markers[:4] == [0xD8, 0xE0, 0xE1, 0xE1]


def test_a_jpeg_packet_that_no_segment_holds_becomes_an_extended_one(files: dict[str, bytes]) -> None:
    data = files["jpeg 4:2:0"]
    fits = b"<a>" + bytes(65_495) + b"</a>"
    assert [p.payload for p in containers.xmp_packets(containers.set_xmp(data, fits))] == [fits]
    long = b"<a>" + b"wash " * 40_000 + b"</a>"
    main, extended = containers.xmp_packets(containers.set_xmp(data, long))
    assert (main.place, extended.place, extended.payload) == ("jpeg-app1", "jpeg-extended", long)
    assert jpeg_edit.guid(long).encode() in main.payload
    assert containers.set_xmp(containers.set_xmp(data, long), long) == containers.set_xmp(data, long)
    with pytest.raises(CodedError, match="E_TOO_LARGE"):
        containers.set_xmp(data, bytes(5 << 20))


def _extended(payload: bytes, guid: bytes, size: int = 60_000) -> list[bytes]:
    out = []
    for offset in range(0, len(payload), size):
        head = jpeg.EXTENDED_SIGNATURE + guid + len(payload).to_bytes(4, "big") + offset.to_bytes(4, "big")
        out.append(jpeg.segment(0xE1, head + payload[offset : offset + size]).raw)
    return out


def test_extended_jpeg_packets_are_joined_in_any_order(files: dict[str, bytes]) -> None:
    payload = bytes(range(256)) * 600
    parts = _extended(payload, b"A" * 32)
    data = containers.set_xmp(files["jpeg 4:2:0"], PACKET)
    data = data[:2] + b"".join(reversed(parts)) + data[2:]
    assert [(p.place, p.payload) for p in containers.xmp_packets(data)] == [
        ("jpeg-app1", PACKET),
        ("jpeg-extended", payload),
    ]


def test_an_extended_packet_that_lacks_a_part_is_a_failure(files: dict[str, bytes]) -> None:
    data = files["jpeg 4:2:0"]
    data = data[:2] + b"".join(_extended(bytes(150_000), b"B" * 32)[:-1]) + data[2:]
    with pytest.raises(CodedError, match="E_METADATA"):
        containers.xmp_packets(data)


def _raw_profile(payload: bytes) -> bytes:
    digits = payload.hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    return f"\nxmp\n{len(payload):8d}\n{lines}\n".encode()


PNG_PLACES = {
    "tEXt": png.chunk(b"tEXt", png.XMP_KEYWORD + b"\0" + PACKET),
    "zTXt": png.chunk(b"zTXt", png.XMP_KEYWORD + b"\0\0" + zlib.compress(PACKET)),
    "compressed iTXt": png.chunk(b"iTXt", png.XMP_KEYWORD + b"\0\x01\0\0\0" + zlib.compress(PACKET)),
    "raw profile": png.chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(_raw_profile(PACKET))),
}


@pytest.mark.parametrize("place", PNG_PLACES)
@pytest.mark.parametrize("behind", [False, True])
def test_png_packets_in_other_text_chunks_are_read_and_replaced(
    files: dict[str, bytes], place: str, behind: bool
) -> None:
    chunks = png.split(files["png rgb"])
    chunks.insert(-1 if behind else 1, PNG_PLACES[place])
    data = png.join(chunks)
    assert [(p.place, p.payload) for p in containers.xmp_packets(data)] == [("png-text", PACKET)]
    written = containers.set_xmp(data, LONGER)
    assert [(p.place, p.payload) for p in containers.xmp_packets(written)] == [("png-itxt", LONGER)]


def test_png_packet_behind_the_image_data_is_found(files: dict[str, bytes]) -> None:
    chunks = png.split(files["png rgb"])
    chunks.insert(-1, png.chunk(b"iTXt", png.XMP_KEYWORD + b"\0\0\0\0\0" + PACKET))
    assert containers.xmp_packets(png.join(chunks))[0].payload == PACKET


@pytest.mark.parametrize("prefix", [b"Exif\0\0", b""], ids=["as ImageMagick writes it", "as RawTherapee does"])
def test_exif_of_a_raw_profile_is_read(files: dict[str, bytes], prefix: bytes) -> None:
    block = containers.exif(files["jpeg with blocks"])
    assert block is not None
    text = _raw_profile(prefix + block).replace(b"xmp", b"exif")
    data = files["png rgb"]
    data = data[:33] + png.chunk(b"tEXt", b"Raw profile type exif\0" + text).raw + data[33:]
    assert containers.exif(data) == block


@pytest.mark.parametrize("name", ["webp lossy", "webp lossless", "webp lossless alpha", "webp opencv"])
def test_a_simple_webp_becomes_an_extended_one(files: dict[str, bytes], name: str) -> None:
    written = containers.set_xmp(files[name], PACKET + b" ")
    head, chunks = riff.split(written)
    assert int.from_bytes(head[4:8], "little") == len(written) - 8
    assert chunks[0].kind == b"VP8X"
    assert chunks[-1].kind == b"XMP "
    flags = chunks[0].payload[0]
    assert flags & 0x04
    assert bool(flags & 0x10) == ("alpha" in name)
    assert (int.from_bytes(chunks[0].payload[4:7], "little"), chunks[0].payload[7:10]) == (47, b"\x20\0\0")


def test_an_extended_webp_keeps_its_chunks_in_order(files: dict[str, bytes]) -> None:
    before = [c.kind for c in riff.split(files["webp extended"])[1]]
    assert [c.kind for c in riff.split(containers.set_xmp(files["webp extended"], PACKET))[1]] == before
    animated = [c.kind for c in riff.split(files["webp animated"])[1]]
    assert [c.kind for c in riff.split(containers.set_xmp(files["webp animated"], PACKET))[1]] == [*animated, b"XMP "]
