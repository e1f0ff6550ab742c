"""Metadata stripped, edited and forged: what is left, asked of ExifTool; the coded picture, asked of Pillow."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from attacks.metadata import DONORS, MADE, MODEL, EditField, Forge, Strip
from attacks.recompress_modern import JpegXl
from bench import containers
from bench.containers import METADATA_KINDS, jumbf
from bench.detectors.declared import Declared
from bench.errors import CodedError, NotApplicable, Unavailable
from bench.files import cache_folder
from bench.harness import registry
from bench.labels import BUNDLES, C2PA, GB45438, IPTC, ExifSignature, read_all, write_bundle
from bench.labels.base import Claim
from bench.media import Media

RNG = np.random.default_rng(0)
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")

#: What Pillow saves: format, extension and options.
FORMATS = {
    "image/jpeg": ("JPEG", ".jpg", {"quality": 90}),
    "image/png": ("PNG", ".png", {}),
    "image/webp": ("WEBP", ".webp", {"quality": 90}),
    "image/tiff": ("TIFF", ".tif", {}),
    "image/gif": ("GIF", ".gif", {}),
    "image/avif": ("AVIF", ".avif", {"speed": 10}),
    "image/heic": ("HEIF", ".heic", {}),
}
#: ExifTool 12.57 takes the EXIF chunk of some PNGs for part of the C2PA chunk; Pillow is asked instead.
NOT_READ = "IFD0 pointer references previous JUMBFBox directory"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>painter</dc:creator></rdf:Description>'
    b"</rdf:RDF></x:xmpmeta>"
)
#: Per kind, the tags that show it in ExifTool's ``-G0`` listing; every format has those that it can hold.
SHOWN = {
    "exif": ("EXIF:Artist",),
    "xmp": ("XMP:Creator",),
    "iptc-iim": ("IPTC:By-line",),
    "c2pa": ("JUMBF:JUMDType", "JUMBF:JUMDLabel"),
    "icc": ("ICC_Profile:ProfileDescription",),
    "png-text": ("PNG:Title",),
    "comments": ("File:Comment", "GIF:Comment"),
}


def exiftool(*arguments: str | Path) -> bytes:
    done = subprocess.run(["exiftool", *map(str, arguments)], capture_output=True, timeout=60, check=False)
    assert done.stdout or not done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory, tools) -> dict[str, Media]:
    """A file of each format with every kind of metadata that ExifTool and c2pa-python put into it."""
    folder = tmp_path_factory.mktemp("rich")
    image = Image.fromarray(tools.texture(5))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    paths = {}
    for mime, (kind, extension, options) in FORMATS.items():
        if kind == "HEIF":
            heif = pytest.importorskip("pillow_heif")
            heif.register_heif_opener()
            # c2pa-python 0.38 misplaces items when it signs a HEIC that ExifTool wrote EXIF and XMP into.
            block = Image.Exif()
            block[0x013B] = "painter"
            options = {"exif": block.tobytes(), "xmp": XMP}
        given = image.quantize(64) if kind == "GIF" else image
        paths[mime] = folder / f"rich{extension}"
        given.save(paths[mime], kind, icc_profile=profile, **options)
    tags = ["-EXIF:Artist=painter", "-EXIF:UserComment=said", "-EXIF:GPSLatitude=12.5", "-XMP-dc:Creator=painter",
            "-IPTC:By-line=painter", "-PNG:Title=a title", "-Comment=a comment"]  # fmt: skip
    exiftool("-q", "-overwrite_original", "-m", *tags, *(path for path in paths.values() if path.suffix != ".heic"))
    return {mime: C2PA().write(Media.read(path), Claim()) for mime, path in paths.items()}


def listed(folder: Path) -> dict[str, dict[str, object]]:
    rows = json.loads(exiftool("-j", "-a", "-G0", "-ee", folder))
    return {Path(str(row["SourceFile"])).name: row for row in rows}


def raw_pixels(media: Media) -> np.ndarray:
    """As coded: no orientation, no profile."""
    with Image.open(io.BytesIO(media.data)) as image:
        image.load()
        return np.asarray(image)


@needs_exiftool
def test_each_kind_goes_alone_and_all_go_together(rich: dict[str, Media], tmp_path: Path) -> None:
    names = {}
    for mime, media in rich.items():
        extension = FORMATS[mime][1]
        (tmp_path / f"before{extension}").write_bytes(media.data)
        for kind in ("all", *METADATA_KINDS):
            stripped = Strip(kind=kind)(media, RNG)
            names[f"{kind}{extension}"] = (mime, kind)
            (tmp_path / f"{kind}{extension}").write_bytes(stripped.data)
            assert np.array_equal(raw_pixels(stripped), raw_pixels(media)), (mime, kind)
            assert np.array_equal(stripped.pixels(), Media(stripped.data, mime).pixels()), (mime, kind)
    said = listed(tmp_path)
    seen = set()
    for name, (mime, kind) in names.items():
        before = said[f"before{FORMATS[mime][1]}"]
        for other, tags in SHOWN.items():
            had = any(tag in before for tag in tags)
            seen |= {(mime, other)} if had else set()
            left = had and kind not in (other, "all")
            if other == "exif" and NOT_READ in str(said[name].get("ExifTool:Warning")):
                with Image.open(tmp_path / name) as image:
                    assert (image.getexif().get(0x013B) == "painter") == left, name
                continue
            assert any(tag in said[name] for tag in tags) == left, (name, other, said[name])
        assert "ExifTool:Error" not in said[name], said[name]
        assert NOT_READ in (said[name].get("ExifTool:Warning") or NOT_READ), said[name]
    expected = {(mime, kind) for mime in FORMATS for kind in ("exif", "xmp", "c2pa", "icc")} - {("image/gif", "exif")}
    expected |= {("image/jpeg", "iptc-iim"), ("image/tiff", "iptc-iim"), ("image/png", "png-text")}
    expected |= {("image/jpeg", "comments"), ("image/gif", "comments")}
    # ExifTool 12.57 sees a store in JPEG and PNG only (c2pa-python is asked below), and Pillow gave the GIF no profile.
    expected -= {("image/gif", "icc"), *((mime, "c2pa") for mime in FORMATS if mime not in ("image/jpeg", "image/png"))}
    assert expected <= seen


@needs_exiftool
def test_nothing_of_the_removed_is_left_in_the_bytes(rich: dict[str, Media]) -> None:
    for mime, media in rich.items():
        stripped = Strip()(media, RNG)
        assert jumbf.find(stripped.data) == ("", None), mime
        for word in (b"painter", b"ns.adobe.com", b"c2pa", b"a comment"):
            assert word not in stripped.data, (mime, word)
        assert containers.xmp_packets(stripped.data) == []
        assert C2PA().read(media).state == "present" and C2PA().read(stripped).state == "absent"
        without = {kind: Strip(kind=kind)(media, RNG) for kind in ("c2pa", "xmp")}
        assert C2PA().read(without["c2pa"]).state == "absent" and C2PA().read(without["xmp"]).state == "broken"


@needs_exiftool
def test_what_is_kept_of_all_is_kept(rich: dict[str, Media]) -> None:
    for mime in ("image/jpeg", "image/png", "image/webp"):
        kept = Strip(keep=("icc", "xmp"))(rich[mime], RNG)
        assert kept.header.icc == rich[mime].header.icc is not None
        assert len(containers.xmp_packets(kept.data)) == 1
        assert containers.exif(kept.data) is None


@needs_exiftool
def test_only_iptc_goes_out_of_photoshops_resources(rich: dict[str, Media], tmp_path: Path) -> None:
    path = tmp_path / "both.jpg"
    path.write_bytes(rich["image/jpeg"].data)
    exiftool("-q", "-overwrite_original", "-Photoshop:CopyrightFlag#=1", path)
    stripped = Strip(kind="iptc-iim")(Media.read(path), RNG)
    path.write_bytes(stripped.data)
    said = listed(tmp_path)["both.jpg"]
    assert "IPTC:By-line" not in said and said["Photoshop:CopyrightFlag"]


def test_stripping_twice_is_stripping_once_and_pixels_without_a_file_have_nothing(tools) -> None:
    media = write_bundle(Media.from_bytes(tools.encode(tools.texture(2), ".webp")), BUNDLES["metadata"], Claim())
    once = Strip()(media, RNG)
    assert Strip()(once, RNG).data == once.data
    fresh = Media.from_pixels(tools.texture(1))
    assert Strip()(fresh, RNG) is fresh and EditField()(fresh, RNG) is fresh


def test_orientation_that_is_stripped_shows_the_coded_picture(tools) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(tools.texture(3)).save(out, "JPEG", exif=exif.tobytes())
    media = Media.from_bytes(out.getvalue())
    media.pixels()
    stripped = Strip(kind="exif")(media, RNG)
    assert stripped.size == media.size[::-1] == stripped.pixels().shape[1::-1]
    assert Strip(kind="xmp")(media, RNG).size == media.size


@pytest.mark.parametrize("kind", ["grey", "cmyk", "palette", "alpha", "16-bit", "animated"])
def test_unusual_pictures_keep_their_coded_pixels(kind: str, tools) -> None:
    image = Image.fromarray(tools.texture(3))
    options: dict[str, object] = {}
    if kind == "animated":
        options = {"save_all": True, "append_images": [image.rotate(90)], "loop": 3}
    deep = Image.fromarray(np.arange(6000, dtype=np.uint16).reshape(60, 100))
    made = {"grey": image.convert("L"), "cmyk": image.convert("CMYK"), "palette": image.quantize(16),
            "alpha": image.convert("RGBA"), "16-bit": deep, "animated": image}[kind]  # fmt: skip
    for name in {"grey": ("JPEG", "PNG"), "cmyk": ("JPEG", "TIFF"), "animated": ("GIF", "WEBP", "PNG")}.get(
        kind, ("PNG",)
    ):
        out = io.BytesIO()
        made.save(out, name, **options)
        media = Media.from_bytes(out.getvalue())
        stripped = Strip()(media, RNG)
        with Image.open(io.BytesIO(media.data)) as before, Image.open(io.BytesIO(stripped.data)) as after:
            assert getattr(before, "n_frames", 1) == getattr(after, "n_frames", 1)
            assert before.info.get("loop") == after.info.get("loop")
            for frame in range(getattr(before, "n_frames", 1)):
                before.seek(frame)
                after.seek(frame)
                assert before.tobytes() == after.tobytes(), (kind, name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_give_a_file_or_a_code(data, rich: dict[str, Media]) -> None:
    mime = data.draw(st.sampled_from(sorted(rich)))
    damaged = bytearray(rich[mime].data)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(12, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(len(damaged) // 2, len(damaged)))]
    for attack in (Strip(), Strip(kind="xmp"), Strip(kind="iptc-iim"), EditField(), Forge(), Forge(donor="c2pa.jpg")):
        try:
            attack(Media(bytes(damaged), mime), RNG)
        except CodedError as error:
            assert error.code.startswith("E_"), attack


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


def test_file_without_a_place_for_metadata_is_left_alone(tools) -> None:
    bmp = Media.from_bytes(tools.encode(tools.texture(1), ".bmp"))
    assert Strip()(bmp, RNG) is bmp
    with pytest.raises(NotApplicable, match="E_NOT_APPLICABLE"):
        Forge()(bmp, RNG)


@needs_exiftool
def test_metadata_of_jpeg_xl_go_by_kind_and_the_picture_stays(tools, tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    made = JpegXl()(Media.from_bytes(tools.encode(tools.texture(5))), RNG)
    labels = (GB45438(), ExifSignature(), C2PA())
    media = write_bundle(made, labels, Claim())
    assert [reading.state for reading in read_all(media, labels)] == ["present"] * 3
    for attack, left in (
        (Strip(), []),
        (Strip(kind="xmp"), ["exif", "c2pa"]),
        (Strip(kind="exif"), ["gb45438", "c2pa"]),
        (Strip(kind="c2pa"), ["gb45438", "exif"]),
        (Strip(kind="all", keep=("exif",)), ["exif"]),
    ):
        stripped = attack(media, RNG)
        assert [reading.label for reading in read_all(stripped, labels) if reading.state != "absent"] == left
        assert np.array_equal(Media(stripped.data, stripped.mime).pixels(), made.pixels())
        path = tmp_path / "stripped.jxl"
        path.write_bytes(stripped.data)
        groups = {key.split(":")[0] for key in listed(tmp_path)["stripped.jxl"]}
        assert groups & {"XMP", "EXIF", "JUMBF"} == {
            {"gb45438": "XMP", "exif": "EXIF", "c2pa": "JUMBF"}[name] for name in left
        }
    naked = imagecodecs_naked(made)
    assert Strip()(naked, RNG).data == naked.data


def imagecodecs_naked(media: Media) -> Media:
    """The codestream without its container."""
    import imagecodecs

    return Media.from_bytes(imagecodecs.jpegxl_encode(media.pixels(), usecontainer=False))
