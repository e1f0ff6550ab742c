"""GB 45438-2025 labels as real files hold them: read, and each departure from Annex E said."""

import io
import json

import pytest
from PIL import Image

from bench import containers
from bench.containers import jpeg, png, tiff, tiff_edit
from bench.labels import GB45438
from bench.labels.annex_e import MEMBERS
from bench.labels.base import Claim, Reading, graded
from bench.labels.gb45438 import NAMESPACE
from bench.media import Media

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
FIELDS = {
    "Label": "1", "ContentProducer": "001191110102MACQD9K64010000", "ProduceID": "e3578014", "ReservedCode1": "",
    "ContentPropagator": "001191110102MACQD9K64010000", "PropagateID": "e3578014", "ReservedCode2": "",
}  # fmt: skip


def packet(inner: str, attributes: str = "", namespace: str = NAMESPACE) -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description rdf:about="" xmlns:TC260="{namespace}"'
        f"{attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def element(fields: dict[str, object] | str) -> str:
    text = fields if isinstance(fields, str) else json.dumps(fields)
    return "<TC260:AIGC>" + text.replace("&", "&amp;").replace('"', "&quot;") + "</TC260:AIGC>"


def with_xmp(media: Media, payload: bytes) -> Media:
    return Media(containers.set_xmp(media.data, payload), media.mime)


def read(media: Media) -> Reading:
    return GB45438().read(media)


def read_value(media: Media, fields: dict[str, object] | str) -> Reading:
    return read(with_xmp(media, packet(element(fields))))


def test_the_standards_form_is_written(plain: Media, claim: Claim) -> None:
    payload = containers.xmp_packets(GB45438().write(plain, claim).data)[0].payload.decode()
    begin, end = payload.index("<TC260:AIGC>") + len("<TC260:AIGC>"), payload.index("</TC260:AIGC>")
    content = json.loads(payload[begin:end])
    assert tuple(content) == MEMBERS
    assert all(isinstance(value, str) for value in content.values())
    assert " " not in payload[begin:end]
    assert NAMESPACE in payload


def test_other_metadata_in_the_packet_stays(plain: Media, claim: Claim) -> None:
    inner = "<TC260:Note>kept</TC260:Note>" + element({**FIELDS, "Label": "3"})
    written = GB45438().write(with_xmp(plain, packet(inner)), claim)
    payload = containers.xmp_packets(written.data)[0].payload
    assert b"<TC260:Note>kept</TC260:Note>" in payload
    assert payload.count(b"<TC260:AIGC>") == 1
    assert read(written).conformance == ()


@pytest.mark.parametrize("label", ["1", "2", "3"])
def test_entity_escaped_elements_conform(plain: Media, label: str) -> None:
    reading = read_value(plain, {**FIELDS, "Label": label})
    assert (reading.state, reading.declares_ai, reading.conformance) == ("present", True, ())
    assert reading.fields == {**FIELDS, "Label": label}


def test_the_attribute_form_conforms(plain: Media) -> None:
    value = json.dumps(FIELDS, separators=(",", ":"))
    for attribute in (f" TC260:AIGC='{value}'", ' TC260:AIGC="' + value.replace('"', "&quot;") + '"'):
        reading = read(with_xmp(plain, packet("", attribute)))
        assert (reading.state, reading.declares_ai, reading.conformance) == ("present", True, ())


def test_any_prefix_is_the_same_property(plain: Media) -> None:
    payload = packet(element(dict(FIELDS))).replace(b"TC260", b"ns1")
    assert read(with_xmp(plain, payload)).conformance == ()


VIOLATIONS: dict[str, tuple[dict[str, object] | str, str]] = {
    "missing": ({k: v for k, v in FIELDS.items() if k != "PropagateID"}, "PropagateID is missing"),
    "misspelt reserve": (
        {("ReserveCode1" if k == "ReservedCode1" else k): v for k, v in FIELDS.items()},
        "ReserveCode1 is misspelt ReservedCode1",
    ),
    "misspelt propagator": (
        {{"ContentPropagator": "Propagator", "PropagateID": "PropatorID"}.get(k, k): v for k, v in FIELDS.items()},
        "PropatorID is misspelt PropagateID",
    ),
    "extra": ({**FIELDS, "Model": "x"}, "Model is not a member of Annex E"),
    "order": (dict(sorted(FIELDS.items())), "out of order"),
    "label": ({**FIELDS, "Label": "4"}, "Label must be 1, 2 or 3, got '4'"),
    "number": ({**FIELDS, "Label": 1}, "Label is not a string"),
    "space": ({**FIELDS, "ProduceID": "a b"}, "ProduceID has characters"),
    "chinese": ({**FIELDS, "ContentProducer": "某公司"}, "ContentProducer has characters"),
    "backslash": ({**FIELDS, "ProduceID": "a\\b"}, "ProduceID has characters"),
    "short code": (
        {**FIELDS, "ContentProducer": "001191110102MACQD9K6401000"},
        "ContentProducer looks like a provider",
    ),
    "code service": (
        {**FIELDS, "ContentProducer": "001191110102MACQD9K64030000"},
        "ContentProducer looks like a provider",
    ),
    "empty": ({**FIELDS, "ProduceID": ""}, "ProduceID is empty"),
    "no propagator": ({**FIELDS, "ContentPropagator": ""}, "ContentPropagator is empty"),
    "wrapped": ({"AIGC": FIELDS}, "wrapped"),
    "wrapped text": ({"AIGC": json.dumps(FIELDS)}, "a string, not an object"),
    "twice": (json.dumps(FIELDS)[:-1] + ', "Label": "2"}', "Label occurs more than once"),
    "escaped twice": (json.dumps(FIELDS).replace('"', "&quot;"), "escaped twice"),
    "prefix": ("AIGC:" + json.dumps(FIELDS), "other text stands beside the JSON"),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_every_departure_is_reported_and_none_is_fatal(case: str, jpeg_media: Media) -> None:
    value, words = VIOLATIONS[case]
    reading = read_value(jpeg_media, value)
    assert reading.state == "present"
    assert any(words in violation for violation in reading.conformance), reading.conformance
    assert graded(reading, {k: str(v) for k, v in FIELDS.items()}).state in ("altered", "residue")


def test_names_and_long_reserved_codes_conform(jpeg_media: Media) -> None:
    reading = read_value(jpeg_media, {**FIELDS, "ContentProducer": "SomeService", "ReservedCode1": "x" * 200})
    assert reading.conformance == ()


def test_a_quotation_mark_may_stand_escaped(jpeg_media: Media) -> None:
    assert read_value(jpeg_media, {**FIELDS, "ProduceID": 'a"b'}).conformance == ()


def test_a_label_outside_the_scale_declares_nothing(jpeg_media: Media) -> None:
    assert read_value(jpeg_media, {**FIELDS, "Label": "0"}).declares_ai is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"Label"', "{}", '{"Label":"1","ContentPro', '{"a":' * 100_000]
)
def test_json_that_is_broken_is_residue(jpeg_media: Media, text: str) -> None:
    assert read_value(jpeg_media, text[:9_000]).state == "residue"


def test_a_label_in_a_packet_that_cannot_be_parsed_is_residue(plain: Media) -> None:
    reading = read(with_xmp(plain, packet(element(dict(FIELDS)))[:-20]))
    assert (reading.state, reading.code) == ("residue", "E_METADATA")


def test_an_unused_namespace_is_residue_only_where_the_packet_is_broken(plain: Media) -> None:
    assert read(with_xmp(plain, packet(""))).state == "absent"
    assert read(with_xmp(plain, packet("")[:-20])).state == "residue"


def test_a_label_behind_the_image_is_residue(plain: Media) -> None:
    assert read(Media(plain.data + packet(element(dict(FIELDS))), plain.mime)).state == "residue"


def test_another_namespace_is_read_and_reported(plain: Media) -> None:
    payload = packet(element(dict(FIELDS)), namespace="https://tc260.example/aigc/")
    reading = read(with_xmp(plain, payload))
    assert reading.state == "present"
    assert "the namespace is https://tc260.example/aigc/" in reading.conformance[0]


def test_a_structure_is_read_and_reported(plain: Media) -> None:
    inner = "".join(f"<TC260:{k}>{v}</TC260:{k}>" for k, v in FIELDS.items())
    reading = read(with_xmp(plain, packet(f'<TC260:AIGC rdf:parseType="Resource">{inner}</TC260:AIGC>')))
    assert reading.fields == FIELDS
    assert reading.conformance == ("the property is an XMP structure, not a text",)


def png_with(media: Media, *chunks: png.Chunk) -> Media:
    parts = png.split(media.data)
    return Media(png.join([parts[0], *chunks, *parts[1:]]), media.mime)


def test_png_text_is_an_alternative_place_for_the_wrapped_shape(png_media: Media) -> None:
    wrapped = png.chunk(b"tEXt", b"AIGC\0" + json.dumps({"AIGC": FIELDS}).encode())
    reading = read(png_with(png_media, wrapped))
    assert (reading.state, reading.position, reading.conformance) == ("present", "png-text", ())
    bare = png.chunk(b"tEXt", b"AIGC\0" + json.dumps(FIELDS).encode())
    reading = read(png_with(png_media, bare))
    assert reading.fields == FIELDS
    assert "not wrapped" in reading.conformance[0]


def test_xmp_in_png_text_is_read_and_reported(png_media: Media) -> None:
    chunk = png.chunk(b"tEXt", png.XMP_KEYWORD + b"\0" + packet(element(dict(FIELDS))))
    reading = read(png_with(png_media, chunk))
    assert (reading.state, reading.position) == ("present", "xmp")
    assert "other than an uncompressed iTXt" in reading.conformance[0]


@pytest.mark.parametrize("code", [b"ASCII\0\0\0", b"UNICODE\0", bytes(8), b""])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_user_comment_is_an_alternative_place(code: bytes, kind: str) -> None:
    text = json.dumps({"AIGC": FIELDS})
    block = Image.Exif()
    block[0x0112] = 1  # Pillow writes no EXIF into a PNG for a sub-directory alone
    block.get_ifd(0x8769)[0x9286] = code + text.encode("utf-16-le" if code == b"UNICODE\0" else "ascii")
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, kind, exif=block)
    reading = read(Media.from_bytes(out.getvalue()))
    assert (reading.state, reading.position, reading.conformance) == ("present", "exif", ())
    assert reading.fields == FIELDS


@pytest.mark.parametrize("marker", [0xEF, 0xE1, 0xFE])
def test_a_bare_label_in_a_jpeg_segment_is_read_and_reported(jpeg_media: Media, marker: int) -> None:
    for text in ("AIGC" + json.dumps(FIELDS), json.dumps({"AIGC": FIELDS})):
        raw = jpeg.segment(marker, text.encode()).raw
        reading = read(Media(jpeg_media.data[:2] + raw + jpeg_media.data[2:], jpeg_media.mime))
        assert (reading.state, reading.position, reading.fields) == ("present", "jpeg-segment", FIELDS)
        assert "no place of Annex E" in reading.conformance[0]


def test_several_labels_and_their_conflicts_are_reported(png_media: Media) -> None:
    other = json.dumps({"AIGC": {**FIELDS, "Label": "2"}}).encode()
    media = with_xmp(png_media, packet(element(dict(FIELDS))))
    reading = read(png_with(media, png.chunk(b"tEXt", b"AIGC\0" + other)))
    assert (reading.position, reading.fields["Label"]) == ("xmp", "1")
    assert "2 labels in one file (6.1 c): xmp, png-text" in reading.conformance
    assert "conflicting values of Label: 1, 2" in reading.conformance


def test_the_standards_namespace_wins_over_another(plain: Media) -> None:
    other = '<o:AIGC xmlns:o="http://other/">' + json.dumps({**FIELDS, "Label": "2"}) + "</o:AIGC>"
    reading = read(with_xmp(plain, packet(other + element(dict(FIELDS)))))
    assert reading.fields["Label"] == "1"
    assert any("2 labels" in violation for violation in reading.conformance)


def test_a_checksum_that_hides_the_label_gives_residue_not_absent(png_media: Media, claim: Claim) -> None:
    data = bytearray(GB45438().write(png_media, claim).data)
    data[data.index(b"</TC260:AIGC>") - 3] ^= 1
    reading = read(Media(bytes(data), png_media.mime))
    assert (reading.state, reading.code) == ("residue", "E_CORRUPT")


def test_an_unrelated_bomb_does_not_hide_the_label(png_media: Media, claim: Claim) -> None:
    import zlib

    bomb = zlib.compress(bytes(32 << 20), 9)
    media = png_with(png_media, png.chunk(b"zTXt", b"Comment\0\0" + bomb), png.chunk(b"iCCP", b"p\0\0" + bomb))
    assert read(media).state == "absent"
    assert graded(read(GB45438().write(media, claim)), GB45438().expected(claim)).state == "intact"


def test_a_bomb_in_the_labels_own_place_is_an_error(png_media: Media) -> None:
    import zlib

    bomb = zlib.compress(bytes(32 << 20), 9)
    for keyword in (png.XMP_KEYWORD, b"AIGC"):
        reading = read(png_with(png_media, png.chunk(b"zTXt", keyword + b"\0\0" + bomb)))
        assert (reading.state, reading.code) == ("error", "E_METADATA")


def test_an_unknown_position_is_refused() -> None:
    with pytest.raises(ValueError, match="position must be one of xmp, exif, png-text, got 'iptc'"):
        GB45438(position="iptc")


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_label_in_the_image_description_is_read_and_reported(jpeg_media: Media, wrapped: bool) -> None:
    value = json.dumps({"AIGC": FIELDS} if wrapped else FIELDS)
    fields = {tiff.IMAGE_DESCRIPTION: tiff_edit.text(value)}
    reading = read(Media(containers.set_exif_fields(jpeg_media.data, fields), jpeg_media.mime))
    assert (reading.state, reading.position, reading.fields) == ("present", "exif", FIELDS)
    assert "EXIF ImageDescription is no place of Annex E" in reading.conformance


def test_the_keys_of_an_old_draft_are_reported_and_not_taken_for_members(jpeg_media: Media) -> None:
    draft = {"Label": "1", "ServiceProvider": "a provider", "ServiceUser": "a user", "ProduceID": "7"}
    fields = {tiff.IMAGE_DESCRIPTION: tiff_edit.text(json.dumps({"AIGC": draft}))}
    reading = read(Media(containers.set_exif_fields(jpeg_media.data, fields), jpeg_media.mime))
    assert (reading.declares_ai, reading.fields) == (True, {"Label": "1", "ProduceID": "7"})
    assert {"ServiceProvider is not a member of Annex E", "ContentProducer is missing"} <= set(reading.conformance)
    only = json.dumps({"ServiceProvider": "a provider", "ServiceUser": "a user"})
    fields = {tiff.IMAGE_DESCRIPTION: tiff_edit.text(only)}
    assert read(Media(containers.set_exif_fields(jpeg_media.data, fields), jpeg_media.mime)).state == "residue"
