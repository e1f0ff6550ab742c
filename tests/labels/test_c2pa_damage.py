"""Damaged and hostile manifest stores: a state or a code in bounded time, and never absent while a byte is left."""

import io
import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.containers import gif, jpeg, jumbf, png
from bench.labels.base import Claim, graded
from bench.labels.c2pa import C2PA
from bench.labels.c2pa_report import understood
from bench.media import Media

pytest.importorskip("c2pa")
CLAIM = Claim(producer="washtest", produce_id="7")
EXPECTED = C2PA().expected(CLAIM)
C2PA_TYPE = b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71"


def signed(kind: str) -> Media:
    out = io.BytesIO()
    Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 30).convert("RGB").save(out, kind)
    return C2PA().write(Media.from_bytes(out.getvalue()), CLAIM)


FILES = {kind: signed(kind) for kind in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF")}
PLACES = {"JPEG": "jpeg-app11", "PNG": "png-cabx", "WEBP": "webp-c2pa", "AVIF": "bmff-uuid", "GIF": "gif-application",
          "TIFF": "tiff-52545"}  # fmt: skip
kinds = pytest.mark.parametrize("kind", FILES)


@kinds
def test_the_store_is_found_in_its_place(kind: str) -> None:
    assert jumbf.find(FILES[kind].data) == (PLACES[kind], None)


@kinds
def test_a_labelled_file_cut_anywhere_never_reads_absent(kind: str) -> None:
    data = FILES[kind].data
    for size in range(0, len(data), 61):
        reading = C2PA().read(Media(data[:size], FILES[kind].mime))
        assert reading.state in ("broken", "residue", "error"), (size, reading)
        assert reading.code


@kinds
@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_one_flipped_bit_of_the_store_never_makes_it_vanish(kind: str, place: int, bit: int) -> None:
    data = bytearray(FILES[kind].data)
    begin = data.index(b"jumb") - 4
    data[begin + place % 3000] ^= 1 << bit
    reading = graded(C2PA().read(Media(bytes(data), FILES[kind].mime)), EXPECTED)
    # Intact where the bit is padding: the signature and every field still stand.
    assert reading.state in ("intact", "altered", "broken", "residue", "error"), reading
    if reading.state == "intact":
        assert (reading.integrity, reading.fields_kept) == ("valid", 3)
    elif reading.state != "altered":
        assert reading.code


@kinds
def test_a_store_of_zeros_or_without_its_content_is_residue(kind: str) -> None:
    data = FILES[kind].data
    begin = data.index(b"jumb") + 60
    for damaged in (data[:begin] + bytes(1000) + data[begin + 1000 :], data.replace(b"c2cl", b"c2xx")):
        reading = C2PA().read(Media(damaged, FILES[kind].mime))
        assert (reading.state, reading.code) == ("residue", "E_C2PA"), reading
        assert reading.detail.startswith(PLACES[kind])


def test_a_store_outside_its_place_is_residue_and_other_jumbf_is_none() -> None:
    store = FILES["PNG"].data[FILES["PNG"].data.index(b"caBX") + 4 :][:3000]
    plain = jpeg.join([s for s in jpeg.split(FILES["JPEG"].data) if s.marker != 0xEB])
    assert C2PA().read(Media(plain, "image/jpeg")).state == "absent"
    assert C2PA().read(Media(plain + store, "image/jpeg")).state == "residue"
    other = jpeg.segment(0xEB, b"JP\0\1\0\0\0\1" + box(b"jumb", box(b"jumd", b"json" + C2PA_TYPE[4:] + b"\0")))
    parts = jpeg.split(plain)
    assert C2PA().read(Media(jpeg.join([parts[0], other, *parts[1:]]), "image/jpeg")).state == "absent"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def description(kind: bytes, label: bytes) -> bytes:
    return box(b"jumd", kind + C2PA_TYPE[4:] + b"\x03" + label + b"\0")


def deep(depth: int) -> bytes:
    head, out, size = description(b"c2ma", b"x"), [], 0
    for _ in range(depth):
        size += 8 + len(head)
        out.append(struct.pack(">I", size) + b"jumb" + head)
    return b"".join(reversed(out))


def store(content: bytes) -> bytes:
    return box(b"jumb", description(b"c2pa", b"c2pa") + content)


def manifest(claim: bytes, assertions: bytes = b"", signature: bytes = b"\xd2\x84\x40\xa0\xf6\x40") -> bytes:
    parts = (
        box(b"jumb", description(b"c2as", b"c2pa.assertions") + assertions),
        box(b"jumb", description(b"c2cl", b"c2pa.claim.v2") + box(b"cbor", claim)),
        box(b"jumb", description(b"c2cs", b"c2pa.signature") + box(b"cbor", signature)),
    )
    name = b"urn:c2pa:1f8adad9-d30b-4a8d-a6a6-36d115097776"
    return store(box(b"jumb", description(b"c2ma", name) + b"".join(parts)))


def nested_cbor(depth: int) -> bytes:
    return b"\x81" * depth + b"\0"


HOSTILE = {
    "deep superboxes": store(deep(9_000)),
    "very deep superboxes": store(deep(100_000)),
    "no root box": deep(9_000),
    "many manifests": store(b"".join(box(b"jumb", description(b"c2ma", b"%d" % i)) for i in range(9_000))),
    "many assertions": manifest(
        b"\xa0", b"".join(box(b"jumb", description(b"cbor", b"%d" % i) + box(b"cbor", b"\xa0")) for i in range(9_000))
    ),
    "deep claim": manifest(nested_cbor(200_000)),
    "deep signature": manifest(b"\xa0", signature=nested_cbor(200_000)),
    "claim of 2^40 items": manifest(b"\x9b\0\0\1\0\0\0\0\0"),
    "claim of 2^40 bytes": manifest(b"\x5b\0\0\1\0\0\0\0\0"),
    "deep json": manifest(b"\xa0", box(b"jumb", description(b"json", b"x") + box(b"json", b"[" * 300_000))),
    "boxes without length": store(b"\0\0\0\0jumb" * 10_000),
    "length past the end": store(struct.pack(">I", 0xFFFF_FFF0) + b"jumb" + description(b"c2ma", b"x")),
    "64-bit length past the end": store(struct.pack(">I", 1) + b"jumb" + struct.pack(">Q", 1 << 60)),
    "length below its header": store(struct.pack(">I", 3) + b"jumb"),
    "label without end": store(box(b"jumb", box(b"jumd", C2PA_TYPE + b"\x03" + b"a" * 1_000_000))),
    "compressed rubbish": store(box(b"jumb", description(b"c2cm", b"x") + box(b"brob", b"jumb" + bytes(1000)))),
    "empty": b"",
}


def in_png(content: bytes) -> bytes:
    data = FILES["PNG"].data
    begin = data.index(b"caBX") - 4
    end = begin + 12 + int.from_bytes(data[begin : begin + 4], "big")
    chunk = b"caBX" + content
    return data[:begin] + struct.pack(">I", len(content)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[end:]


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_stores_are_refused_at_once(case: str) -> None:
    data = in_png(HOSTILE[case])
    assert sum(1 for span in png.walk(data) if span.kind == b"caBX") == 1
    begin = time.perf_counter()
    reading = C2PA().read(Media(data, "image/png"))
    assert time.perf_counter() - begin < 1
    assert reading.state in ("residue", "error"), reading
    assert reading.code in ("E_C2PA", "E_METADATA")


def test_a_genuine_claim_made_deep_is_refused_too() -> None:
    """The boxes of a real store, their lengths mended, around a claim that nests 100,000 deep."""
    data = FILES["PNG"].data
    begin = data.index(b"caBX") + 4
    content = data[begin : begin + int.from_bytes(data[begin - 8 : begin - 4], "big")]
    for kind in (b"c2cl", b"c2cs", b"cbor"):
        path, _ = boxes_around(content, content.index(kind))
        at = content.index(b"cbor", content.index(kind) + 8) - 4
        size = int.from_bytes(content[at : at + 4], "big")
        new = box(b"cbor", nested_cbor(100_000))
        longer = bytearray(content[:at] + new + content[at + size :])
        for place in path:
            old = int.from_bytes(longer[place : place + 4], "big")
            longer[place : place + 4] = struct.pack(">I", old + len(new) - size)
        start = time.perf_counter()
        reading = C2PA().read(Media(in_png(bytes(longer)), "image/png"))
        assert time.perf_counter() - start < 2
        assert reading.state in ("residue", "error", "broken"), (kind, reading)


def boxes_around(content: bytes, place: int) -> tuple[list[int], int]:
    """Where the superboxes begin that hold ``place``, outermost first."""
    found, position, end = [], 0, len(content)
    while position + 8 <= end:
        size = int.from_bytes(content[position : position + 4], "big")
        if content[position + 4 : position + 8] == b"jumb" and position < place < position + size:
            found.append(position)
            position, end = position + 8, position + size
        else:
            position += size
    return found, end


def test_garbage_instead_of_gif_blocks_is_an_error() -> None:
    data = FILES["GIF"].data
    block = next(block for block in gif.walk(data) if data.startswith(b"\x0bC2PA_GIF", block.body))
    reading = C2PA().read(Media(data[: block.start] + b"\x99" + data[block.start + 1 :], "image/gif"))
    assert reading.state in ("residue", "error")


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["code", "data", "label", "manifests", "assertions", "ingredients", "failure", "activeManifest",
                         "validation_results", "ingredientDeltas", "validation_status", "signature_info", "issuer",
                         "claim_generator_info", "name", "digitalSourceType", "active_manifest", "x"]),
        inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(report=st.dictionaries(st.sampled_from(["manifests", "active_manifest", "validation_results"]), json_like))
def test_reports_of_any_shape_are_understood_or_passed_over(report: dict[str, object]) -> None:
    found = understood(report)
    assert found.declares_ai in (True, False, None)


SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def report(
    active: list[dict[str, object]], ingredient: list[dict[str, object]], **results: object
) -> dict[str, object]:
    return {
        "active_manifest": "b",
        "manifests": {"a": {"assertions": ingredient}, "b": {"assertions": active}},
        "validation_results": {"activeManifest": {"success": [], "failure": []}, **results},
    }


def action(term: str, label: str = "c2pa.actions.v2") -> dict[str, object]:
    return {"label": label, "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": SOURCE + term}]}}


def iptc(term: str) -> dict[str, object]:
    return {"label": "stds.iptc", "data": {"@context": {}, "Iptc4xmpExt:DigitalSourceType": SOURCE + term}}


@pytest.mark.parametrize(
    ("active", "ingredient", "term", "place", "declares"),
    [
        ([action("trainedAlgorithmicMedia")], [], "trainedAlgorithmicMedia", "active", True),
        ([action("composite")], [action("trainedAlgorithmicMedia")], "trainedAlgorithmicMedia", "ingredient", True),
        ([action("digitalCapture")], [], "digitalCapture", "active", False),
        ([iptc("compositeSynthetic")], [], "compositeSynthetic", "active", True),
        ([], [iptc("trainedAlgorithmicMedia")], "trainedAlgorithmicMedia", "ingredient", True),
        ([action("algorithmicMedia")], [action("digitalCapture")], "algorithmicMedia", "active", False),
        ([action("neverHeardOf")], [], "neverHeardOf", "active", None),
    ],
)
def test_the_source_type_is_found_in_any_manifest(active, ingredient, term, place, declares) -> None:
    found = understood(report(active, ingredient))
    assert (found.fields["digitalSourceType"], found.fields["manifest"]) == (term, place)
    assert found.declares_ai is declares


@pytest.mark.parametrize(
    ("code", "broken", "credential", "violations"),
    [
        ("assertion.dataHash.mismatch", True, "", ()),
        ("assertion.boxesHash.mismatch", True, "", ()),
        ("claimSignature.mismatch", True, "", ()),
        ("claimSignature.missing", True, "", ()),
        ("claim.hardBindings.missing", True, "", ()),
        ("claimSignature.outsideValidity", False, "expired", ()),
        ("signingCredential.expired", False, "expired", ()),
        ("signingCredential.untrusted", False, "untrusted", ()),
        ("signingCredential.revoked", False, "revoked", ()),
        ("timeStamp.mismatch", False, "", ()),
        ("cawg.identity.assertion.mismatch", False, "", ()),
        ("assertion.action.malformed", False, "", ("assertion.action.malformed",)),
    ],
)
def test_each_code_counts_for_one_thing(code, broken, credential, violations) -> None:
    found = understood(report([], [], activeManifest={"failure": [{"code": code}]}))
    assert (bool(found.broken), found.credential, found.violations) == (broken, credential, violations)


def test_what_an_ingredient_was_found_to_be_counts() -> None:
    delta = {"validationDeltas": {"failure": [{"code": "ingredient.manifest.mismatch"}]}}
    assert understood(report([], [], ingredientDeltas=[delta])).broken == ("ingredient.manifest.mismatch",)
    recorded = report([], [])
    recorded["manifests"]["b"]["ingredients"] = [{"validation_status": [{"code": "assertion.dataHash.mismatch"}]}]
    assert understood(recorded).broken == ("assertion.dataHash.mismatch",)
