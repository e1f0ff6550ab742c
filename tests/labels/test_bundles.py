"""What every label promises, checked over the whole registry."""

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import containers
from bench.errors import CodedError
from bench.labels import BUNDLES, GB45438, IPTC, read_all, write_bundle
from bench.labels import LABELS as REGISTERED
from bench.labels.base import AI_SOURCE_TYPES, Claim, Label, graded, touches_pixels
from bench.media import Media
from tests.labels.conftest import PLAIN

LABELS = tuple(label for label in REGISTERED if not touches_pixels(label))
#: With the other places and shapes that bundles write.
VARIANTS = dict.fromkeys(label for bundle in BUNDLES.values() for label in bundle if not touches_pixels(label))
WRITTEN = tuple(dict.fromkeys((*LABELS, *VARIANTS)))
#: Two providers leave a standard's way, and reading their labels says so from the start: everywhere, or in PNG alone.
OWN_WAY = {GB45438(profile="doubao"): {media.mime for media in PLAIN.values()}, IPTC(profile="meta"): {"image/png"}}

label_cases = pytest.mark.parametrize("label", LABELS, ids=repr)
XMP_LABELS = tuple(label for label in LABELS if label.position == "xmp")
in_formats = pytest.mark.parametrize(
    ("label", "plain"),
    [(label, media) for label in WRITTEN for media in PLAIN.values() if label.applies(media.mime)],
    ids=[f"{label!r} {kind}" for label in WRITTEN for kind, media in PLAIN.items() if label.applies(media.mime)],
)


@label_cases
def test_a_label_satisfies_the_protocol_and_its_repr_makes_it_again(label: Label) -> None:
    assert isinstance(label, Label)
    again = eval(repr(label), {type(label).__name__: type(label)})
    assert again == label
    assert hash(again) == hash(label)


@in_formats
def test_what_is_written_is_read_back_intact(label: Label, plain: Media, claim: Claim) -> None:
    assert label.read(plain).state == "absent"
    written = label.write(plain, claim)
    reading = label.read(written)
    assert (reading.state, reading.declares_ai) == ("present", True)
    assert bool(reading.conformance) == (plain.mime in OWN_WAY.get(label, ())), reading.conformance
    assert (reading.label, reading.position) == (label.name, label.position)
    assert reading.fields.items() >= label.expected(claim).items()
    kept = graded(reading, label.expected(claim), reading.conformance)
    assert (kept.state, kept.fields_kept) == ("intact", len(label.expected(claim)))
    assert np.array_equal(written.pixels(), plain.pixels())


@in_formats
def test_writing_again_replaces_the_label(label: Label, plain: Media, claim: Claim) -> None:
    other = dataclasses.replace(claim, label="2", producer="other", source_type="compositeSynthetic")
    once = label.write(label.write(plain, claim), other)
    alone = label.write(plain, other)
    assert graded(label.read(once), label.expected(other), label.read(alone).conformance).state == "intact"
    if label.name != "c2pa":  # a signature has its salt
        assert once == alone


@label_cases
def test_pixels_that_were_never_a_file_carry_nothing(label: Label) -> None:
    media = Media.from_pixels(np.zeros((4, 4, 3), np.uint8))
    assert label.read(media).state == "absent"
    assert not media.encoded


@label_cases
def test_a_bitmap_cannot_carry_it(label: Label, claim: Claim) -> None:
    media = Media(b"BM" + bytes(60), "image/bmp")
    assert not label.applies(media.mime)
    assert label.read(media).state == "not_applicable"
    with pytest.raises(CodedError, match="E_NOT_APPLICABLE"):
        label.write(media, claim)


@in_formats
def test_broken_files_are_errors_and_never_absent(label: Label, plain: Media) -> None:
    for data in (b"", b"\xff\xd8\xff", plain.data[:50], plain.data[: len(plain.data) // 2]):
        reading = label.read(Media(data, plain.mime))
        assert reading.state == "error"
        assert reading.code.startswith("E_")


@in_formats
def test_a_labelled_file_cut_anywhere_never_reads_absent(label: Label, plain: Media, claim: Claim) -> None:
    data = label.write(plain, claim).data
    for size in range(0, len(data), 37):
        assert label.read(Media(data[:size], plain.mime)).state != "absent"


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, 1 << 20), value=st.integers(1, 255))
def test_one_damaged_byte_never_makes_a_label_vanish(plain: Media, place: int, value: int) -> None:
    for label in XMP_LABELS:
        data = bytearray(label.write(plain, Claim()).data)
        packet = containers.xmp_packets(bytes(data))[0].payload
        begin = data.index(packet) - 60
        data[begin + place % (len(packet) + 60)] ^= value
        assert label.read(Media(bytes(data), plain.mime)).state in ("present", "residue", "error")


def test_a_bundle_holds_every_label_intact(plain: Media, claim: Claim) -> None:
    labels = BUNDLES["metadata"]
    written = write_bundle(plain, labels, claim)
    for label, reading in zip(labels, read_all(written, labels), strict=True):
        assert graded(reading, label.expected(claim)).state == "intact"
    assert len(containers.xmp_packets(written.data)) == 1


def test_the_empty_bundle_changes_nothing(plain: Media, claim: Claim) -> None:
    assert write_bundle(plain, BUNDLES["none"], claim) is plain


def test_a_bundle_skips_what_the_format_cannot_carry(claim: Claim) -> None:
    media = Media(b"BM" + bytes(60), "image/bmp")
    assert write_bundle(media, LABELS, claim) is media


def test_bundles_hold_registered_labels_only() -> None:
    assert {type(label) for bundle in BUNDLES.values() for label in bundle} <= set(map(type, REGISTERED))


printable = st.text([chr(c) for c in range(0x21, 0x7F) if chr(c) != "\\"], min_size=1, max_size=60)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    label=st.sampled_from("123"), producer=printable, produce_id=printable, source_type=st.sampled_from(AI_SOURCE_TYPES)
)
def test_any_claim_that_the_standards_allow_survives_writing(
    plain: Media, label: str, producer: str, produce_id: str, source_type: str
) -> None:
    claim = Claim(label, producer, produce_id, source_type)
    standards = BUNDLES["metadata"]
    written = write_bundle(plain, standards, claim)
    for one, reading in zip(standards, read_all(written, standards), strict=True):
        assert reading.fields.items() >= one.expected(claim).items()
        assert reading.declares_ai


@pytest.mark.parametrize(
    "claim",
    [Claim(label="4"), Claim(producer="某公司"), Claim(producer="a b"), Claim(produce_id=""), Claim(producer="a\\b")],
)
def test_claims_that_annex_e_does_not_allow_are_refused(claim: Claim, jpeg_media: Media) -> None:
    with pytest.raises(CodedError, match="E_CLAIM"):
        GB45438().write(jpeg_media, claim)


def test_an_unknown_source_type_is_refused(jpeg_media: Media) -> None:
    with pytest.raises(CodedError, match="E_CLAIM"):
        IPTC().write(jpeg_media, Claim(source_type="madeUp"))


def test_a_packet_that_cannot_be_parsed_is_never_overwritten(plain: Media, claim: Claim) -> None:
    media = Media(containers.set_xmp(plain.data, b"<x:xmpmeta><broken"), plain.mime)
    for label in XMP_LABELS:
        with pytest.raises(CodedError, match="E_METADATA"):
            label.write(media, claim)
        assert label.read(media).state == "error"
