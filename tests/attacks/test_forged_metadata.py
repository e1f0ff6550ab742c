"""Labels that are forged, replayed or edited, as our readers and ExifTool take them."""

import io
from pathlib import Path

import numpy as np
import pytest
from exiftool_listing import listed, needs_exiftool
from PIL import Image

from attacks.metadata import DONORS, MADE, MODEL, EditField, Forge, Strip
from bench import containers
from bench.detectors.declared import Declared
from bench.errors import CodedError, NotApplicable, Unavailable
from bench.files import cache_folder
from bench.harness import registry
from bench.labels import BUNDLES, C2PA, GB45438, IPTC, read_all, write_bundle
from bench.labels.base import Claim
from bench.media import Media

RNG = np.random.default_rng(0)


@pytest.fixture
def signed_donor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    """``Forge`` with the donor that is made on this machine, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(Unavailable, match="E_NO_DONOR"):
        Forge(donor=MADE)(Media.read(DONORS / MODEL), RNG)
    chained = registry.attack(f"Chain(attacks=(Forge(donor='{MADE}'), Strip(kind='exif')))")
    assert (tmp_path / "cache" / "washtest" / "donors" / MADE).is_file()
    return chained.attacks[0]


@pytest.fixture(params=[".jpg", ".png", ".webp"])
def human(request: pytest.FixtureRequest, tools) -> Media:
    return Media.from_bytes(tools.encode(tools.texture(8, 120, 160), request.param))


@pytest.mark.parametrize(
    ("donor", "label"),
    [("gb45438.jpg", GB45438()), ("gb45438-exif.jpg", GB45438()), ("iptc.jpg", IPTC())],
    ids=["gb45438", "gb45438-exif", "iptc"],
)
def test_forged_label_is_taken_for_true(donor: str, label, human: Media) -> None:
    assert Declared().score([human])[0].value == 0
    forged = Forge(donor=donor)(human, RNG)
    reading = label.read(forged)
    assert (reading.state, reading.declares_ai, reading.conformance) == ("present", True, ())
    assert Declared().score([forged])[0].value == 1
    assert np.array_equal(Media(forged.data, forged.mime).pixels(), human.pixels())


@needs_exiftool
def test_exiftool_reads_the_forged_labels(human: Media, signed_donor: Forge, tmp_path: Path) -> None:
    folder = tmp_path / "forged"
    folder.mkdir()
    extension = containers.EXTENSIONS[human.mime]
    for attack in (*(Forge(donor=name) for name in ("gb45438.jpg", "gb45438-exif.jpg", "iptc.jpg")), signed_donor):
        (folder / f"{Path(attack.donor).stem}{extension}").write_bytes(attack(human, RNG).data)
    said = {Path(name).stem: row for name, row in listed(folder).items()}
    assert "donor-0001" in str(said["gb45438"]["XMP:Aigc"])
    assert "donor-0001" in str(said["gb45438-exif"]["EXIF:UserComment"])
    assert said["iptc"]["XMP:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    if human.mime != "image/webp":  # ExifTool 12.57 does not know its chunk
        assert any(key.startswith("JUMBF:") for key in said["c2pa"])
    assert not any("ExifTool:Warning" in row for row in said.values()), said


def test_replayed_manifest_is_broken_and_declares_nothing(human: Media, signed_donor: Forge) -> None:
    replayed = signed_donor(human, RNG)
    reading = C2PA().read(replayed)
    assert (reading.state, reading.code, reading.integrity) == ("broken", "assertion.dataHash.mismatch", "invalid")
    assert reading.declares_ai  # so says the manifest, which is no longer of this file
    assert Declared().score([replayed])[0].value == 0
    donor = Media.read(cache_folder("donors") / MADE)
    assert containers.c2pa_store(replayed.data) == containers.c2pa_store(donor.data)
    assert (C2PA().read(donor).state, IPTC().read(donor).state) == ("present", "absent")


def test_stores_of_many_segments_are_put_together_and_apart_again(tools) -> None:
    jpeg = Media.from_bytes(tools.encode(tools.texture(2)))
    store = (150_000).to_bytes(4, "big") + b"jumb" + RNG.bytes(30) + b"c2pa" + RNG.bytes(149_958)
    for extension in (".jpg", ".png", ".webp"):
        media = Media.from_bytes(tools.encode(tools.texture(2), extension))
        put = containers.put_c2pa_store(media.data, store)
        assert containers.c2pa_store(put) == store
        assert containers.c2pa_store(containers.put_c2pa_store(put, store[:9000])) == store[:9000]
    assert containers.remove(containers.put_c2pa_store(jpeg.data, store), ("c2pa",)) == jpeg.data


def test_store_that_c2pa_python_wrote_stays_valid_through_our_hands(tools) -> None:
    for extension in (".jpg", ".png", ".webp"):
        media = Media.from_bytes(tools.encode(tools.texture(2), extension))
        signed = C2PA().write(media, Claim())
        store = containers.c2pa_store(signed.data)
        again = containers.put_c2pa_store(containers.remove(signed.data, ("c2pa",)), store)
        assert C2PA().read(Media(again, media.mime)).state == "present", extension


def test_own_orientation_outlives_a_forged_exif_block(tools) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(tools.texture(3)).save(out, "JPEG", exif=exif.tobytes())
    media = Media.from_bytes(out.getvalue())
    forged = Media(Forge(donor="gb45438-exif.jpg")(media, RNG).data, media.mime)
    assert forged.header.orientation == 8
    assert GB45438().read(forged).declares_ai
    with Image.open(io.BytesIO(forged.data)) as image:
        assert image.getexif()[0x0112] == 8


def test_forging_needs_a_donor_with_something_that_the_file_can_hold(human: Media, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="E_NO_DONOR"):
        Forge(donor="nowhere.jpg")(human, RNG)
    path = tmp_path / "plain.jpg"
    path.write_bytes(Strip()(Media.read(DONORS / "iptc.jpg"), RNG).data)
    with pytest.raises(CodedError, match=r"E_DONOR: plain\.jpg holds no metadata that can be copied"):
        Forge(donor=str(path))(human, RNG)
    with pytest.raises(CodedError, match=r"E_DONOR: gb45438\.jpg has the sha256"):
        Forge(sha256="00")(human, RNG)
    text = Forge(donor="gb45438-text.png")
    if human.mime == "image/png":
        assert GB45438().read(text(human, RNG)).position == "png-text"
    else:
        with pytest.raises(NotApplicable):
            text(human, RNG)
    donor = Media.read(DONORS / "iptc.jpg")
    assert Forge(donor=str(DONORS / "iptc.jpg"), sha256=donor.sha256[:12])(human, RNG).data


@pytest.mark.parametrize("profile", ["standard", "doubao"])
def test_one_field_changes_and_nothing_else(profile: str, human: Media) -> None:
    label = GB45438(profile=profile)
    labelled = write_bundle(human, (label, IPTC()), Claim(produce_id="abc-1"))
    edited = EditField(field="ProduceID", value="xyz/9")(labelled, RNG)
    before, after = label.read(labelled), label.read(edited)
    assert after.fields == before.fields | {"ProduceID": "xyz/9"} and after.conformance == before.conformance
    assert IPTC().read(edited) == IPTC().read(labelled)
    assert len(edited.data) - len(labelled.data) in (-1, 0, 1)
    assert EditField(field="ProduceID", value="abc-1")(edited, RNG).data == labelled.data


def test_source_type_that_is_edited_declares_no_ai(human: Media) -> None:
    labelled = write_bundle(human, BUNDLES["metadata"], Claim())
    edited = EditField(field="DigitalSourceType", value="digitalCapture")(labelled, RNG)
    gb45438, iptc, c2pa = read_all(edited, (GB45438(), IPTC(), C2PA()))
    assert iptc.declares_ai is False and iptc.fields["DigitalSourceType"] == "digitalCapture"
    assert gb45438.declares_ai and c2pa.state == "broken"
    assert EditField()(human, RNG) is human
