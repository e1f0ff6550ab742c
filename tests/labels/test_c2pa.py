"""C2PA manifests: written and read back in every format, apart from trust and clock, and never over the network."""

import http.server
import io
import json
import multiprocessing
import socket
import threading
import time
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from bench import containers
from bench.containers import isobmff, jpeg
from bench.errors import CodedError
from bench.labels import BUNDLES, GB45438, IPTC, c2pa_chain, c2pa_report, read_all, write_bundle
from bench.labels.base import Claim, graded
from bench.labels.c2pa import C2PA, FORMATS, STYLES, _library, _tools
from bench.labels.iptc import SCHEME
from bench.media import Media

c2pa = pytest.importorskip("c2pa")
CREATED = {"action": "c2pa.created", "digitalSourceType": SCHEME + "trainedAlgorithmicMedia"}
MANIFEST = {"assertions": [{"label": "c2pa.actions", "data": {"actions": [CREATED]}}]}
CLAIM = Claim(producer="001191110102MACQD9K64010000", produce_id="e3578014", system="some model")


def pixels() -> np.ndarray:
    return np.random.default_rng(3).integers(60, 200, (48, 64, 3), dtype=np.uint8)


def plain_file(mime: str) -> Media:
    out = io.BytesIO()
    if mime == "image/heic":
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(Image.fromarray(pixels())).save(out)
    elif mime == "image/jxl":
        out.write(pytest.importorskip("imagecodecs").jpegxl_encode(pixels(), distance=1.0, usecontainer=True))
    else:
        Image.fromarray(pixels()).save(out, mime.partition("/")[2].upper())
    return Media.from_bytes(out.getvalue())


@pytest.fixture(params=FORMATS)
def unsigned(request: pytest.FixtureRequest) -> Media:
    return plain_file(request.param)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_round_trips_in_every_format(unsigned: Media, style: str) -> None:
    label = C2PA(style=style)
    assert label.read(unsigned).state == "absent"
    written = label.write(unsigned, CLAIM)
    reading = graded(label.read(written), label.expected(CLAIM))
    assert (reading.state, reading.declares_ai, reading.integrity, reading.credential) == (
        "intact", True, "valid", "untrusted",
    )  # fmt: skip
    assert reading.fields["manifest"] == ("ingredient" if style == "ingredient" else "active")
    assert (reading.fields["claim_generator"], reading.fields["issuer"]) == ("washtest", "washtest")
    assert len(written.data) - len(unsigned.data) < (9_000 if style == "ingredient" else 4_500)


def test_the_readers_own_verdict_is_valid_but_for_the_untrusted_signer(unsigned: Media) -> None:
    for style in STYLES:
        data = C2PA(style=style).write(unsigned, CLAIM).data
        with c2pa.Reader(unsigned.mime, io.BytesIO(data), context=c2pa.Context.from_dict({})) as reader:
            report = json.loads(reader.json())
        assert report["validation_state"] == "Valid"
        assert {status["code"] for status in report["validation_status"]} == {"signingCredential.untrusted"}
        assert len(report["manifests"]) == (2 if style == "ingredient" else 1)
        assert "thumbnail" not in json.dumps(report)


def test_a_reader_that_is_given_our_root_trusts_the_signer(jpeg_media: Media) -> None:
    data = C2PA().write(jpeg_media, CLAIM).data
    with c2pa.Reader("image/jpeg", io.BytesIO(data)) as reader:
        assert reader.get_validation_state() == "Valid"
    chain = c2pa_chain.make()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"ed25519", chain.certificates, chain.key, None))
    out = io.BytesIO()
    c2pa.Builder(MANIFEST).sign(signer, "image/jpeg", io.BytesIO(jpeg_media.data), out)
    context = c2pa.Context.from_dict({"trust": {"user_anchors": chain.root.decode()}})
    with c2pa.Reader("image/jpeg", io.BytesIO(out.getvalue()), context=context) as reader:
        assert reader.get_validation_state() == "Trusted"
        assert c2pa_report.understood(json.loads(reader.json())).credential == "trusted"


def test_the_coded_picture_stays_byte_for_byte(unsigned: Media) -> None:
    written = C2PA().write(unsigned, CLAIM)
    assert written.mime == containers.sniff(written.data) == unsigned.mime
    if unsigned.mime == "image/jpeg":
        kept = [segment for segment in jpeg.split(written.data) if segment.marker != 0xEB]
        assert jpeg.join(kept) == unsigned.data
    if unsigned.mime == "image/jxl":
        assert [part for part in isobmff.split(written.data) if part.kind != b"jumb"] == isobmff.split(unsigned.data)
    elif unsigned.mime != "image/heic":
        with Image.open(io.BytesIO(written.data)) as after, Image.open(io.BytesIO(unsigned.data)) as before:
            assert after.tobytes() == before.tobytes()


def test_it_is_signed_over_the_other_labels(plain: Media) -> None:
    labels = BUNDLES["metadata"]
    assert labels[-1] == C2PA()
    written = write_bundle(plain, labels, CLAIM)
    assert [graded(r, b.expected(CLAIM)).state for b, r in zip(labels, read_all(written, labels), strict=True)] == [
        "intact", "intact", "intact",
    ]  # fmt: skip
    later = GB45438().write(written, CLAIM)
    later = IPTC().write(later, Claim(source_type="compositeSynthetic"))
    reading = C2PA().read(later)
    kind = "bmffHash" if plain.mime in ("image/avif", "image/heic") else "dataHash"
    assert (reading.state, reading.integrity, reading.code) == ("broken", "invalid", f"assertion.{kind}.mismatch")
    assert reading.declares_ai


def test_signing_again_leaves_one_manifest(unsigned: Media) -> None:
    other = Claim(producer="another", source_type="compositeSynthetic")
    twice = C2PA().write(C2PA(style="ingredient").write(unsigned, other), CLAIM)
    reading = graded(C2PA().read(twice), C2PA().expected(CLAIM))
    assert (reading.state, reading.fields["manifest"]) == ("intact", "active")
    with c2pa.Reader(unsigned.mime, io.BytesIO(twice.data)) as reader:
        assert len(json.loads(reader.json())["manifests"]) == 1


@pytest.mark.parametrize("lossy", [True, False])
def test_saving_the_pixels_drops_it(unsigned: Media, lossy: bool) -> None:
    if unsigned.mime in ("image/heic", "image/jxl"):
        pytest.skip(f"Pillow alone does not read {unsigned.mime}")
    written = C2PA().write(unsigned, CLAIM)
    out = io.BytesIO()
    with Image.open(io.BytesIO(written.data)) as image:
        image.convert("RGB").save(out, *(("JPEG",) if lossy else ("PNG",)))
    assert C2PA().read(Media.from_bytes(out.getvalue())).state == "absent"


def test_pixels_that_were_encoded_again_under_the_kept_store_are_broken(unsigned: Media) -> None:
    data = bytearray(C2PA().write(unsigned, CLAIM).data)
    # Inside the coded picture, wherever the format has it.
    place = {"image/png": -20, "image/tiff": 300}.get(unsigned.mime, -30)
    if unsigned.mime == "image/webp":
        place = bytes(data).index(b"VP8 ") + 60
    data[place] ^= 1
    reading = C2PA().read(Media(bytes(data), unsigned.mime))
    code = (
        "assertion.bmffHash.mismatch"
        if unsigned.mime in ("image/avif", "image/heic")
        else "assertion.dataHash.mismatch"
    )
    assert (reading.state, reading.code, reading.integrity) == ("broken", code, "invalid")
    assert reading.declares_ai


def test_a_store_moved_to_another_picture_is_broken(jpeg_media: Media) -> None:
    store = [s for s in jpeg.split(C2PA().write(jpeg_media, CLAIM).data) if s.marker == 0xEB]
    with Image.open(io.BytesIO(jpeg_media.data)) as image:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=40)
    parts = jpeg.split(out.getvalue())
    reading = C2PA().read(Media(jpeg.join([parts[0], *store, *parts[1:]]), "image/jpeg"))
    assert (reading.state, reading.code) == ("broken", "assertion.dataHash.mismatch")


def test_expiry_is_about_the_credential_and_not_the_state(jpeg_media: Media) -> None:
    chain = c2pa_chain.make(timedelta(seconds=1))
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"ed25519", chain.certificates, chain.key, None))
    out = io.BytesIO()
    c2pa.Builder(MANIFEST).sign(signer, "image/jpeg", io.BytesIO(jpeg_media.data), out)
    media = Media(out.getvalue(), "image/jpeg")
    before = C2PA().read(media)
    time.sleep(2.1)
    after = C2PA().read(media)
    assert (before.credential, after.credential) == ("untrusted", "expired")
    assert (before.state, after.state, before.integrity, after.integrity) == ("present", "present", "valid", "valid")
    assert (after.declares_ai, after.conformance) == (True, ())


def test_no_socket_is_opened(jpeg_media: Media, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was asked for")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    _tools.cache_clear()
    for style in STYLES:
        assert C2PA().read(C2PA(style=style).write(jpeg_media, CLAIM)).state == "present"


def test_a_manifest_on_a_server_is_not_asked_for(jpeg_media: Media) -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        xmp = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance='
            f'"http://127.0.0.1:{server.server_port}/m.c2pa"/></rdf:RDF></x:xmpmeta>'
        )
        media = Media(containers.set_xmp(jpeg_media.data, xmp.encode()), "image/jpeg")
        reading = C2PA().read(media)
        C2PA(style="ingredient").write(media, CLAIM)
        assert asked == []
        with pytest.raises(c2pa.C2paError):  # the library's own default does ask: the check above can fail
            c2pa.Reader("image/jpeg", io.BytesIO(media.data))
        server.shutdown()
    assert asked == ["/m.c2pa"]
    assert reading.state == "absent"
    assert "not asked" in reading.detail


def _in_child(data: bytes) -> str:
    return C2PA().read(C2PA().write(Media(data, "image/jpeg"), CLAIM)).state


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_worker_makes_its_own_signer(jpeg_media: Media) -> None:
    assert _in_child(jpeg_media.data) == "present"
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_in_child, (jpeg_media.data,)).get(30) == "present"


def test_the_key_is_made_once_in_a_process_and_is_another_in_the_next() -> None:
    assert _tools(1) is _tools(1)
    assert c2pa_chain.make().key != c2pa_chain.make().key


@pytest.mark.parametrize("missing", ["c2pa", "cryptography"])
def test_without_its_packages_it_is_unavailable(
    jpeg_media: Media, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    _tools.cache_clear()
    reading = C2PA().read(C2PA_SIGNED)
    assert (reading.state, reading.code) == ("unavailable", "E_NO_C2PA")
    assert "pip install" in reading.detail
    with pytest.raises(CodedError, match="pip install"):
        C2PA().write(jpeg_media, CLAIM)


C2PA_SIGNED = C2PA().write(plain_file("image/jpeg"), CLAIM)


def test_claims_that_cannot_be_signed_are_refused(jpeg_media: Media) -> None:
    with pytest.raises(CodedError, match="E_CLAIM"):
        C2PA().write(jpeg_media, Claim(source_type="madeUp"))
    with pytest.raises(CodedError, match="E_C2PA"):
        C2PA().write(Media(b"\xff\xd8\xff\xe0 no picture at all here", "image/jpeg"), CLAIM)
    with pytest.raises(ValueError, match="style must be one of"):
        C2PA(style="none")


def test_no_warning_and_no_global_setting(jpeg_media: Media) -> None:
    # load_settings would change the whole process; a context of our own does not.
    assert _library().Reader is c2pa.Reader
    C2PA().write(jpeg_media, CLAIM)
    large = Media.from_bytes(_jpeg(1500))
    out = io.BytesIO()
    c2pa.Builder(MANIFEST).sign(_tools(1)[1], "image/jpeg", io.BytesIO(large.data), out)
    with c2pa.Reader("image/jpeg", io.BytesIO(out.getvalue())) as reader:
        assert "thumbnail" in reader.json()  # the library's own default, which we turn off for ourselves only


def _jpeg(side: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), (90, 120, 150)).save(out, "JPEG")
    return out.getvalue()
