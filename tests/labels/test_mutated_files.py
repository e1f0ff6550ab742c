"""Damaged and hostile files through every metadata reader: what the fuzzer found, and what it looks for, in short.

``tests/fuzz/fuzz_readers.py`` is the long run; ``tests.fuzz.oracle`` says what must hold.
"""

import json
import struct
import time
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import containers
from bench.containers import isobmff, jpeg, png, tiff
from bench.errors import CodedError
from bench.labels import C2PA, GB45438, IPTC, METADATA, annex_e, read_all, xmp
from bench.media import Media
from tests.fuzz import mutate, oracle, seeds

SEEDS = seeds.everything()
STARTS = [media.data for media in SEEDS.values()]
XMP_LABELS = (GB45438(), IPTC())


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(start=st.sampled_from(STARTS), other=st.sampled_from(STARTS), rng=st.randoms(use_true_random=False))
def test_whatever_is_damaged_gives_a_reading_soon_and_never_absent_for_what_is_not_whole(start, other, rng) -> None:
    assert oracle.examine(mutate.mutated(start, rng, other)) == []


@pytest.mark.parametrize("name", [name for name in SEEDS if not name.endswith(("/none", "/other-profile"))])
def test_a_labelled_file_with_a_flipped_bit_or_cut_never_reads_absent(name: str) -> None:
    media = SEEDS[name]
    labels = [label for label in XMP_LABELS if label.read(media).state == "present"]
    labels = labels or [label for label in METADATA if label.read(media).state == "present"]
    assert labels
    size = len(media.data)
    damaged = [media.data[:at] for at in range(0, size, max(1, size // 60))]
    for bit in range(3, 8 * size, max(1, size // 20)):
        data = bytearray(media.data)
        data[bit >> 3] ^= 1 << (bit & 7)
        damaged.append(bytes(data))
    for data in damaged:
        for reading in read_all(Media(data, media.mime), labels):
            assert reading.state in ("present", "broken", "residue", "error"), (len(data), reading)
            assert reading.state != "error" or reading.code.startswith("E_")


def readings(data: bytes, seconds: float = 1.5) -> dict[str, tuple[str, str]]:
    """State and code of each metadata label, every reader asked, in so many seconds each."""
    media = Media.from_bytes(data)
    out = {}
    for call in (containers.header, containers.exif, containers.xmp_packets, containers.text_chunks):
        begin = time.process_time()
        try:
            call(data)
        except CodedError:
            pass
        assert time.process_time() - begin < seconds, call
    for label in METADATA:
        begin = time.process_time()
        reading = label.read(media)
        assert time.process_time() - begin < seconds, label
        out[label.name] = (reading.state, reading.code)
    return out


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    data = SEEDS["png/none"].data
    return data[:33] + b"".join(png.chunk(*chunk).raw for chunk in chunks) + data[33:]


def in_packet(body: str, namespaces: str = "") -> str:
    return f'<r:RDF xmlns:r="{xmp.RDF}"{namespaces}><r:Description>{body}</r:Description></r:RDF>'


DISTINCT = "".join(f"<a{i}/>" for i in range(60_000))
PACKETS = {
    "RDF in RDF": in_packet("<r:RDF>" * 20_000 + "<a/>" + "</r:RDF>" * 20_000),
    "a million tags": in_packet("<a/>" * 950_000),
    "attributes without end": in_packet("<a " + " ".join(f"b{i}=''" for i in range(250_000)) + "/>"),
    "a namespace that each tag repeats": in_packet(DISTINCT, f' xmlns="{"u" * 1_000_000}"'),
}


@pytest.mark.parametrize("case", PACKETS)
def test_packets_that_grow_by_the_square_are_bounded(case: str) -> None:
    content = png.XMP_KEYWORD + b"\0\x01\0\0\0" + zlib.compress(PACKETS[case].encode(), 9)
    found = readings(png_of((b"iTXt", content)))
    assert found["gb45438"] == found["iptc"]
    assert found["iptc"] == (("absent", "") if case == "RDF in RDF" else ("error", "E_METADATA"))


def test_many_streams_that_expand_too_far_end_the_search() -> None:
    bomb = zlib.compress(bytes(5 << 20), 9)
    data = png_of(*[(b"zTXt", b"AIGC\0\0" + bomb)] * 100)
    assert readings(data)["gb45438"] == ("error", "E_METADATA")


def test_values_that_json_and_html_choke_on() -> None:
    assert annex_e.parse('{"Label": &#' + "9" * 5000 + ";}") is None
    found = annex_e.parse('{"Label":"\\ud800","\\ud801":"1"}')
    assert found is not None
    json.dumps([found.fields, found.violations], ensure_ascii=False).encode()  # the records hold UTF-8
    members = ",".join(f'"ContentPropagator{i}":"1"' for i in range(30_000))
    many = annex_e.parse("{" + members + "}")
    assert many is not None
    assert len(many.violations) < 200


def test_an_exif_chunk_with_a_wrong_checksum_is_an_error() -> None:
    data = bytearray(SEEDS["png/gb45438-exif"].data)
    data[data.index(b"ContentProducer")] ^= 1
    with pytest.raises(CodedError, match=r"E_CORRUPT: PNG eXIf .* wrong checksum"):
        containers.exif(bytes(data))
    assert GB45438().read(Media(bytes(data), png.MIME)).code == "E_CORRUPT"


def test_a_chunk_whose_type_is_damaged_may_have_been_the_label() -> None:
    data = SEEDS["png/other-itxt"].data.replace(b"iTXt", b"iTXu")
    media = Media(data, png.MIME)
    assert {(r.state, r.code) for r in read_all(media, XMP_LABELS)} == {("error", "E_CORRUPT")}
    assert media.pixels().shape == (24, 32, 3)  # the picture itself is whole


def test_a_user_comment_outside_its_block_is_an_error() -> None:
    media = SEEDS["webp/other-exif"]
    at = media.data.index(b"\x86\x92\x07\0")
    for place, value in ((at + 4, 1 << 20), (at + 8, 1 << 30)):
        data = media.data[:place] + struct.pack("<I", value) + media.data[place + 4 :]
        block = containers.exif(data)
        assert block is not None
        with pytest.raises(CodedError, match="E_METADATA"):
            tiff.fields(block, (tiff.USER_COMMENT,), exif=True, strict=True)
        assert tiff.fields(block, (tiff.USER_COMMENT,), exif=True) == {}
        assert GB45438().read(Media(data, media.mime)).state in ("residue", "error")


def test_a_label_in_utf_16_that_no_reader_reaches_is_residue() -> None:
    media = SEEDS["jpeg/other-exif"]
    data = media.data.replace(b"\x86\x92\x07\0", b"\x87\x92\x07\0")
    assert GB45438().read(Media(data, media.mime)).state == "residue"
    utf16 = SEEDS["jpeg/other-utf16"]
    renamed = utf16.data
    for name in ("DigitalSourceType", "AISystemUsed", "AIPromptInformation"):
        renamed = renamed.replace(name.encode("utf-16-le"), (name[:-1] + "o").encode("utf-16-le"))
    assert IPTC().read(Media(renamed, utf16.mime)).state == "residue"


def test_an_end_marker_in_front_of_the_scan_hides_what_follows() -> None:
    data = SEEDS["jpeg/none"].data
    cut = data[:2] + b"\xff\xd9" + data[2:]
    with pytest.raises(CodedError):
        containers.header(cut)
    frame = data.index(b"\xff\xc0")
    behind = frame + 2 + int.from_bytes(data[frame + 2 : frame + 4], "big")
    early = data[:behind] + b"\xff\xd9" + data[behind:]
    assert not containers.header(early).complete
    assert {state for state, _ in readings(early).values()} == {"error"}


@pytest.mark.parametrize("kind", [kind for kind in ("heic", "avif") if f"{kind}/none" in SEEDS])
def test_an_item_file_that_ends_before_its_items_is_an_error(kind: str) -> None:
    data = SEEDS[f"{kind}/none"].data
    ends = [box.end for box in isobmff.walk(data)]
    for size in (*ends[:-1], len(data) - 1):
        assert {state for state, _ in readings(data[:size]).values()} == {"error"}, size


def full(kind: bytes, version: int, content: bytes) -> bytes:
    return isobmff.box(kind, bytes((version, 0, 0, 0)) + content)


def heic_of(items: int, places: int, references: int) -> bytes:
    """Many XMP items, the places of others, and references of the last of them first."""
    mime = b"mime\0application/rdf+xml\0\0"
    infos = b"".join(full(b"infe", 2, struct.pack(">HH", i + 1, 0) + mime) for i in range(items))
    extents = b"".join(struct.pack(">HHHII", 60_000 - i, 0, 1, 100, 10) for i in range(places))
    described = b"".join(isobmff.box(b"cdsc", struct.pack(">HHH", 60_000 - i, 1, 7)) for i in range(references))
    tables = (
        full(b"pitm", 0, b"\0\7"),
        full(b"iinf", 1, struct.pack(">I", items) + infos),
        full(b"iloc", 0, struct.pack(">HH", 0x4400, places) + extents),
        full(b"iref", 0, described),
    )
    return isobmff.box(b"ftyp", b"heic\0\0\0\0mif1heic") + full(b"meta", 0, b"".join(tables)) + bytes(200)


def test_tables_of_items_are_searched_once() -> None:
    pytest.importorskip("pillow_heif")
    found = readings(heic_of(3_000, 59_000, 20_000), seconds=3)
    assert found["gb45438"][0] == found["iptc"][0] == "error"


def test_directories_that_share_their_bytes_are_refused() -> None:
    """A thousand directories of 30,000 fields each in 376 kB: thirty million fields."""
    count, fields, step = 1000, 30_000, 16
    block = bytearray(8 + step * count + 2 + 12 * fields + 16)
    block[:8] = b"II*\0" + struct.pack("<I", 8)
    for i in range(count):
        at = 8 + step * i
        struct.pack_into("<H", block, at, fields)
        struct.pack_into("<I", block, at + 2 + 12 * fields, at + step if i + 1 < count else 0)
    assert set(readings(bytes(block)).values()) == {("error", "E_CORRUPT")}


def test_fields_that_share_their_bytes_are_refused_before_pillow_loads_them() -> None:
    """Five thousand fields of the same 400 kB: two gigabytes."""
    shape = ((256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 8), (279, 64))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in shape)
    entries += b"".join(struct.pack("<HHII", tag, 1, 400_000, 8) for tag in range(300, 5300))
    directory = struct.pack("<H", len(entries) // 12) + entries + bytes(4)
    data = b"II*\0" + struct.pack("<I", 400_008) + bytes(400_000) + directory
    assert set(readings(data).values()) == {("error", "E_CORRUPT")}


@pytest.mark.parametrize("inside", [b"", b"moov", b"meta"])
def test_too_many_boxes_never_reach_the_native_reader(inside: bytes) -> None:
    pytest.importorskip("c2pa")
    many = isobmff.box(b"free", b"") * 30_000
    data = SEEDS["avif/none"].data + (isobmff.box(inside, bytes(4 * (inside == b"meta")) + many) if inside else many)
    assert readings(data)["c2pa"] == ("error", "E_METADATA")


def test_pillow_writes_nothing_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(SEEDS["tiff/none"].data)
    how = tiff.layout(data)
    assert how is not None
    samples = next(e for e in tiff.directory(data, how, tiff.first(data, how)).entries if e.tag == 277)
    struct.pack_into("<H", data, samples.start, 255)
    with pytest.raises(CodedError):
        containers.header(bytes(data))
    assert capfd.readouterr().err == ""


def test_the_fuzzer_itself_notices() -> None:
    """An oracle that accepts everything finds nothing: a reader that lies is caught."""
    media = SEEDS["png/metadata"]
    absent = GB45438().read(SEEDS["png/none"])
    assert [f.kind for f in oracle.judged(GB45438(), media, absent)] == ["absent, but there"] * 2
    assert oracle.judged(C2PA(), Media(media.data[:-20], media.mime), absent)[0].kind == "absent, not whole"
    assert oracle.judged(GB45438(), media, None)[0].kind == "no reading"
    cut = jpeg.join(jpeg.split(SEEDS["jpeg/none"].data)[:-1])
    assert oracle.not_whole(Media(cut, jpeg.MIME))
