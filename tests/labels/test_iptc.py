"""The IPTC digital source type as real files hold it."""

import pytest

from bench import containers
from bench.containers import png
from bench.labels import IPTC
from bench.labels.base import AI_SOURCE_TYPES, Claim, Reading, graded
from bench.labels.iptc import NAMESPACE, SCHEME, TERMS
from bench.media import Media

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
AI = SCHEME + "trainedAlgorithmicMedia"


def packet(inner: str = "", attributes: str = "", namespace: str = NAMESPACE, prefix: str = "Iptc4xmpExt") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}><rdf:Description rdf:about="" xmlns:{prefix}="{namespace}"'
        f"{attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def element(value: str) -> str:
    return f"<Iptc4xmpExt:DigitalSourceType>{value}</Iptc4xmpExt:DigitalSourceType>"


def read(media: Media, payload: bytes) -> Reading:
    return IPTC().read(Media(containers.set_xmp(media.data, payload), media.mime))


CONFORMING = {
    "element": packet(element(AI)),
    "attribute": packet("", f' Iptc4xmpExt:DigitalSourceType="{AI}"'),
    "resource": packet(f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{AI}"/>'),
    "prefix": packet("", f' iptcExt:DigitalSourceType="{AI}"', prefix="iptcExt"),
    "white space": packet(element(f"\n  {AI}\n ")),
}


@pytest.mark.parametrize("form", CONFORMING)
def test_every_form_of_the_property_is_read(form: str, plain: Media) -> None:
    reading = read(plain, CONFORMING[form])
    assert (reading.state, reading.declares_ai, reading.conformance) == ("present", True, ())
    assert reading.fields == {"DigitalSourceType": "trainedAlgorithmicMedia"}


@pytest.mark.parametrize("term", TERMS)
def test_only_the_terms_for_trained_models_declare_ai(term: str, jpeg_media: Media) -> None:
    reading = read(jpeg_media, packet(element(SCHEME + term)))
    assert reading.state == "present"
    assert reading.declares_ai == (term in AI_SOURCE_TYPES)
    assert reading.conformance == ()


@pytest.mark.parametrize("term", TERMS)
def test_every_term_can_be_written(term: str, jpeg_media: Media) -> None:
    claim = Claim(source_type=term)
    reading = IPTC().read(IPTC().write(jpeg_media, claim))
    assert reading.fields == IPTC().expected(claim)


VIOLATIONS = {
    "https": (packet(element(AI.replace("http:", "https:"))), True, "the URI must be http://cv.iptc.org"),
    "slash": (packet(element(AI + "/")), True, "the URI must be http://cv.iptc.org"),
    "bare term": (packet(element("trainedAlgorithmicMedia")), True, "is not a URI of"),
    "other scheme": (packet(element("http://example.org/trainedAlgorithmicMedia")), True, "is not a URI of"),
    "unknown term": (packet(element(SCHEME + "veryArtificial")), None, "'veryArtificial' is not a term"),
    "empty": (packet(element("")), None, "is not a term"),
    "namespace": (
        packet(element(AI), namespace="http://iptc.org/std/Iptc4xmpExt/2008-02-19/"),
        True,
        "the namespace is http://iptc.org/std/Iptc4xmpExt/2008-02-19/",
    ),
    "array": (
        packet(element(f"<rdf:Bag><rdf:li>{AI}</rdf:li></rdf:Bag>")),
        True,
        "the property is an XMP array",
    ),
    "conflict": (packet(element(AI) + element(SCHEME + "digitalCapture")), True, "conflicting: digitalCapture"),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_departures_are_reported(case: str, jpeg_media: Media) -> None:
    payload, declares, words = VIOLATIONS[case]
    reading = read(jpeg_media, payload)
    assert (reading.state, reading.declares_ai) == ("present", declares)
    assert any(words in violation for violation in reading.conformance), reading.conformance


def test_a_packet_in_png_text_is_read_and_reported(png_media: Media) -> None:
    chunks = png.split(png_media.data)
    payload = packet("", f' iptcExt:DigitalSourceType="{AI}"', prefix="iptcExt")
    chunks.insert(1, png.chunk(b"tEXt", png.XMP_KEYWORD + b"\0" + payload))
    reading = IPTC().read(Media(png.join(chunks), png_media.mime))
    assert (reading.state, reading.declares_ai) == ("present", True)
    assert "uncompressed iTXt" in reading.conformance[0]


def test_a_source_type_of_an_ingredient_says_nothing_of_the_file(plain: Media) -> None:
    inner = f"<o:From xmlns:o='http://o/' rdf:parseType='Resource'>{element(AI)}</o:From>"
    assert read(plain, packet(inner)).state == "absent"


def test_a_c2pa_claim_is_no_iptc_label(jpeg_media: Media) -> None:
    data = jpeg_media.data + b'{"digitalSourceType":"http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"}'
    assert IPTC().read(Media(data, jpeg_media.mime)).state == "absent"


def test_a_broken_packet_that_holds_it_is_residue_and_one_without_is_an_error(plain: Media) -> None:
    assert read(plain, packet(element(AI))[:-20]).state == "residue"
    reading = read(plain, packet()[:-20])
    assert (reading.state, reading.code) == ("error", "E_METADATA")


def test_a_changed_term_is_altered_or_residue(jpeg_media: Media) -> None:
    expected = IPTC().expected(Claim())
    assert graded(read(jpeg_media, packet(element(SCHEME + "compositeSynthetic"))), expected).state == "altered"
    assert graded(read(jpeg_media, packet(element(SCHEME + "digitalCapture"))), expected).state == "residue"
