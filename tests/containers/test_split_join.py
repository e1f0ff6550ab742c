"""Splitting a file and joining it again gives the same bytes, for any structure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import containers
from bench.containers import gif, isobmff, jpeg, png, riff
from bench.errors import CodedError


def _round_trip(data: bytes) -> bytes:
    mime = containers.sniff(data)
    if mime == jpeg.MIME:
        return jpeg.join(jpeg.split(data))
    if mime == png.MIME:
        return png.join(png.split(data))
    if mime == gif.MIME:
        return gif.join(*gif.split(data))
    if mime in ("image/avif", "image/heic"):
        return isobmff.join(isobmff.split(data))
    return riff.join(*riff.split(data))


def test_real_files_join_to_the_same_bytes(in_parts: bytes) -> None:
    assert _round_trip(in_parts) == in_parts


def test_bytes_behind_the_end_marker_are_kept(in_parts: bytes) -> None:
    if containers.sniff(in_parts) in ("image/avif", "image/heic"):  # there, what follows is a box
        return
    data = in_parts + b"\xff\xd8 appended by a phone \x00\x01\xff\xd9"
    assert _round_trip(data) == data


entropy = st.binary(max_size=40).map(lambda raw: raw.replace(b"\xff", b"\xff\x00")).map(lambda raw: raw + b"\xff\xd0")
segments = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([*range(0xE0, 0xF0), 0xDB, 0xC4, 0xFE, 0xC0]), st.binary(max_size=60)),
        st.tuples(st.just(0xDA), st.binary(min_size=6, max_size=12)),
    ),
    max_size=12,
)


@given(segments, st.integers(0, 3), entropy, st.binary(max_size=20))
def test_any_jpeg_segments(parts: list[tuple[int, bytes]], fill: int, scan: bytes, trailer: bytes) -> None:
    data = b"\xff\xd8"
    for marker, payload in parts:
        data += b"\xff" * fill + jpeg.segment(marker, payload).raw + (scan if marker == 0xDA else b"")
    data += b"\xff\xd9" + trailer
    split = jpeg.split(data)
    assert jpeg.join(split) == data
    kept = [(s.marker, s.payload) for s in split if s.marker not in (0xD8, 0xD9, jpeg.SCAN, jpeg.TRAILER)]
    assert kept == parts


kinds = st.text("ABCDEFGHabcdefgh", min_size=4, max_size=4).map(str.encode)


@given(st.lists(st.tuples(kinds, st.binary(max_size=60)), max_size=12), st.binary(max_size=20))
def test_any_png_chunks(parts: list[tuple[bytes, bytes]], trailer: bytes) -> None:
    parts = [*parts, (b"IEND", b"")]
    data = png.join([png.chunk(kind, payload) for kind, payload in parts]) + trailer
    split = png.split(data)
    assert png.join(split) == data
    assert [(c.kind, c.payload) for c in split if c.kind != png.TRAILER] == parts


@given(st.lists(st.tuples(kinds, st.binary(max_size=61)), max_size=12), st.binary(max_size=20))
def test_any_riff_chunks(parts: list[tuple[bytes, bytes]], trailer: bytes) -> None:
    body = b"".join(riff.chunk(kind, payload).raw for kind, payload in parts)
    data = b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body + trailer
    head, split = riff.split(data)
    assert riff.join(head, split) == data
    assert [(c.kind, c.payload) for c in split if c.kind != riff.TRAILER] == parts


@given(st.lists(st.tuples(kinds, st.binary(max_size=60), st.booleans()), max_size=12))
def test_any_boxes(parts: list[tuple[bytes, bytes, bool]]) -> None:
    data = b""
    for kind, payload, wide in parts:
        size = (len(payload) + 16).to_bytes(8, "big")
        data += b"\0\0\0\x01" + kind + size + payload if wide else isobmff.box(kind, payload)
    split = isobmff.split(data)
    assert isobmff.join(split) == data
    assert [part.kind for part in split] == [kind for kind, _, _ in parts]


@given(
    st.lists(st.tuples(st.sampled_from([0xF9, 0xFE, 0xFF, 0x01]), st.lists(st.binary(min_size=1, max_size=60)))),
    st.binary(max_size=20),
)
def test_any_gif_extensions(blocks: list[tuple[int, list[bytes]]], trailer: bytes) -> None:
    data = b"GIF89a" + bytes(7)
    for label, parts in blocks:
        data += bytes((0x21, label)) + b"".join(bytes((len(part),)) + part for part in parts) + b"\0"
    data += b";" + trailer
    head, split = gif.split(data)
    assert gif.join(head, split) == data
    assert len(split) == len(blocks) + 1 + bool(trailer)


def test_a_segment_that_is_too_long_is_refused() -> None:
    with pytest.raises(CodedError, match="E_TOO_LARGE"):
        jpeg.segment(0xE1, bytes(65_534))
