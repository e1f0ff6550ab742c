"""Labels as providers write them: equal to their specimens, and read by other people's tools."""

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image

from bench import containers
from bench.labels import BUNDLES, GB45438, IPTC, LABELS, METADATA, ExifSignature, Parameters, read_all, write_bundle
from bench.labels.base import Claim, graded
from bench.labels.profiles import PROFILES
from bench.media import Media
from tests.labels.conftest import PLAIN

SHARED = Path(os.environ.get("WASHTEST_SHARED", Path(__file__).resolve().parents[3] / "shared"))
SPECIMENS = SHARED / "specimens" / "files"
needs_specimens = pytest.mark.skipif(not SPECIMENS.is_dir(), reason=f"no specimens in {SHARED}")
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
needs_exiv2 = pytest.mark.skipif(shutil.which("exiv2") is None, reason="exiv2 is not installed")
JPEG, PNG, WEBP = PLAIN["jpeg"], PLAIN["png"], PLAIN["webp"]


def exiftool(media: Media, folder: Path) -> dict[str, str]:
    path = folder / f"file{containers.EXTENSIONS[media.mime]}"
    path.write_bytes(media.data)
    command = ["exiftool", "-j", "-G1", "-a", "-n", "-charset", "exif=utf8", str(path)]
    (tags,) = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in tags.items()}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_a_bundle_that_writes_into_every_format_it_names(name: str, claim: Claim) -> None:
    assert BUNDLES[name] is PROFILES[name]
    for media in PLAIN.values():
        fitting = [label for label in PROFILES[name] if label.applies(media.mime)]
        written = write_bundle(media, PROFILES[name], claim)
        assert len(fitting) <= 1, "a provider writes one of them, by format"
        assert (written is media) == (not fitting)
        declared = [reading for reading in read_all(written, METADATA) if reading.declares_ai]
        assert [reading.label for reading in declared] == [label.name for label in fitting]


@needs_specimens
@pytest.mark.parametrize(
    ("profile", "file"),
    [("doubao", "calibration_doubao_doubao_gray_1x1_1.png"), ("jimeng", "calibration_jimeng_jimeng_cap_A.png")],
)
def test_the_packet_is_the_providers_own_byte_for_byte(profile: str, file: str) -> None:
    specimen = Media.read(SPECIMENS / "vendor_specimens" / file)
    (theirs,) = containers.xmp_packets(specimen.data)
    fields = GB45438().read(specimen).fields
    claim = Claim(label=fields["Label"], producer=fields["ContentProducer"], produce_id=fields["ProduceID"])
    (ours,) = containers.xmp_packets(GB45438(profile=profile).write(PNG, claim).data)
    assert (ours.place, ours.payload) == (theirs.place, theirs.payload)


def test_a_profile_is_of_the_xmp_position_and_known() -> None:
    with pytest.raises(ValueError, match="profile 'doubao' is of position 'xmp'"):
        GB45438(position="exif", profile="doubao")
    for make in (GB45438, IPTC):
        with pytest.raises(ValueError, match="profile must be one of standard"):
            make(profile="unknown")
    with pytest.raises(ValueError, match="style must be one of"):
        Parameters(style="novelai")
    with pytest.raises(ValueError, match="position must be one of"):
        Parameters(position="xmp")


@needs_exiftool
def test_exiftool_reads_the_attribute_form_in_a_png_text(tmp_path: Path, claim: Claim) -> None:
    written = IPTC(profile="meta").write(PNG, claim)
    assert b"tEXtXML:com.adobe.xmp\0" in written.data
    assert b'iptcExt:DigitalSourceType="http' in written.data
    tags = exiftool(written, tmp_path)
    assert tags["XMP-iptcExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")


@needs_exiftool
def test_exiftool_reads_the_composite_and_its_credit(tmp_path: Path, claim: Claim) -> None:
    tags = exiftool(IPTC(profile="google-photos").write(JPEG, claim), tmp_path)
    assert tags["XMP-iptcExt:DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert tags["XMP-photoshop:Credit"] == "Edited with Google AI"


@needs_exiftool
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "tiff", "avif"])
def test_exiftool_reads_the_ai_fields(kind: str, tmp_path: Path) -> None:
    claim = Claim(system="Näme 1.0", prompt='two <red> "boats" & 雨')
    tags = exiftool(IPTC().write(PLAIN[kind], claim), tmp_path)
    assert tags["XMP-iptcExt:AISystemUsed"] == "Näme 1.0"
    assert tags["XMP-iptcExt:AIPromptInformation"] == 'two <red> "boats" & 雨'


def test_a_system_alone_declares_ai_and_a_source_type_overrules_it() -> None:
    from bench.labels import xmp_edit
    from bench.labels.iptc import NAMESPACE, SCHEME

    system = {"AISystemUsed": "Model 3"}
    reading = IPTC().read(xmp_edit.write(JPEG, NAMESPACE, "Iptc4xmpExt", system))
    assert (reading.declares_ai, reading.fields) == (True, system)
    camera = system | {"DigitalSourceType": SCHEME + "digitalCapture"}
    assert IPTC().read(xmp_edit.write(JPEG, NAMESPACE, "Iptc4xmpExt", camera)).declares_ai is False


@needs_exiftool
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
def test_exiftool_reads_the_exif_signature(kind: str, tmp_path: Path, claim: Claim) -> None:
    tags = exiftool(ExifSignature().write(PLAIN[kind], claim), tmp_path)
    assert {name: tags[f"IFD0:{name}"] for name in ("ImageDescription", "Artist")} == ExifSignature().expected(claim)


def test_the_exif_signature_has_the_form_of_the_real_one(claim: Claim) -> None:
    fields = ExifSignature().expected(claim)
    signature = re.fullmatch(r"Signature: (\S+)", fields["ImageDescription"])
    assert signature and 300 <= len(signature[1]) <= 1004
    assert base64.b64decode(signature[1], validate=True)
    assert UUID(fields["Artist"]).version == 4


@pytest.mark.parametrize(
    ("description", "artist", "state", "declares"),
    [
        ("Signature: " + "A" * 300, "6f9619ff-8b86-4011-b42d-00cf4fc964ff", "present", True),
        ("Signature: " + "A" * 300, "Ansel Adams", "present", None),
        ("Signature: " + "A" * 20, "6f9619ff-8b86-4011-b42d-00cf4fc964ff", "residue", None),
        ("Signature: my own mark", "Ansel Adams", "absent", None),
        ("A photograph", "6f9619ff-8b86-4011-b42d-00cf4fc964ff", "absent", None),
    ],
)
def test_only_the_whole_scheme_declares_ai(description: str, artist: str, state: str, declares: bool | None) -> None:
    from bench.containers import tiff, tiff_edit

    fields = {tiff.IMAGE_DESCRIPTION: tiff_edit.text(description), tiff.ARTIST: tiff_edit.text(artist)}
    reading = ExifSignature().read(Media(containers.set_exif_fields(JPEG.data, fields), JPEG.mime))
    assert (reading.state, reading.declares_ai) == (state, declares)


def test_pillow_reads_the_a1111_text_where_the_program_puts_it(claim: Claim, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(Parameters().write(PNG, claim).data)
    with Image.open(path) as image:
        text = image.info["parameters"]
    assert text.startswith("a photograph\nNegative prompt: ")
    assert re.search(rf"\nSteps: 20, .*Seed: {claim.seed}, Size: 64x48, Model: washtest$", text)


@needs_exiftool
@pytest.mark.parametrize("media", [JPEG, WEBP], ids=["jpeg", "webp"])
def test_exiftool_reads_the_a1111_comment(media: Media, tmp_path: Path) -> None:
    claim = Claim(prompt="a boat, 雨 and Ünïcode")
    written = Parameters(position="exif").write(media, claim)
    assert exiftool(written, tmp_path)["ExifIFD:UserComment"].startswith("a boat, 雨 and Ünïcode\nNegative prompt:")
    assert Parameters().read(written).fields == Parameters().expected(claim)


@needs_exiv2
def test_exiv2_reads_signature_and_comment(tmp_path: Path, claim: Claim) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(write_bundle(JPEG, (ExifSignature(), Parameters(position="exif")), claim).data)
    command = ["exiv2", "-PEkt", "print", str(path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    for value in ExifSignature().expected(claim).values():
        assert value in out
    assert f"Seed: {claim.seed}" in out


def test_pillow_reads_both_comfyui_graphs(claim: Claim, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(Parameters(style="comfyui").write(PNG, claim).data)
    with Image.open(path) as image:
        graph, workflow = (json.loads(image.info[name]) for name in ("prompt", "workflow"))
    assert graph["3"]["inputs"]["seed"] == claim.seed
    assert {node["id"] for node in workflow["nodes"]} == {int(number) for number in graph}
    numbers = {node["id"] for node in workflow["nodes"]}
    assert all(link[1] in numbers and link[3] in numbers for link in workflow["links"])


@pytest.mark.parametrize("prompt", ["a\nSteps: 3, x", "a\nNegative prompt: b", "a\0b", " a"])
def test_a_prompt_that_the_format_cannot_hold_is_refused(prompt: str) -> None:
    from bench.errors import CodedError

    with pytest.raises(CodedError, match="E_CLAIM"):
        Parameters().write(PNG, Claim(prompt=prompt))


@pytest.mark.parametrize("style", ["a1111", "comfyui"])
@pytest.mark.parametrize("claim", [Claim(prompt=""), Claim(prompt="x, y\nz", system='a, "b": c')], ids=["empty", "odd"])
def test_odd_prompts_and_models_come_back(style: str, claim: Claim) -> None:
    label = Parameters(style=style)
    assert graded(label.read(label.write(PNG, claim)), label.expected(claim)).state == "intact"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("nothing of the kind", "residue"),
        ('{"sui_image_params": {"prompt": "p", "seed": 4, "model": "m"}}', "present"),
        ('{"nodes": [], "links": []}', "present"),
        ('{"prompt": 3}', "residue"),
        ("{" * 100_000, "residue"),
    ],
)
def test_other_texts_under_the_keyword(text: str, state: str) -> None:
    assert Parameters().read(Media(containers.set_text(PNG.data, "parameters", text), PNG.mime)).state == state


SEEDS = dict.fromkeys(
    (
        "jpg__civitai.jpeg",
        "jpg__comfyui-comfy-image-saver.jpeg",
        "jpg__comfyui-save-image-extended.jpeg",
        "jpg__comfyui-saveimage-plus.jpg",
        "webp__reforge-hires.webp",
        "webp__sd-next.webp",
        "webp__swarmui.webp",
    ),
    True,
) | {"jpg__gimp.jpg": False}


@needs_specimens
@pytest.mark.parametrize(("file", "expected"), SEEDS.items())
def test_parameters_of_real_programs_are_read(file: str, expected: bool) -> None:
    reading = Parameters().read(Media.read(SPECIMENS / "sd_metadata_enslo" / file))
    assert reading.state == ("present" if expected else "absent")
    if expected:
        assert reading.declares_ai and {"prompt", "seed"} <= reading.fields.keys()
        assert reading.fields["seed"].isdecimal()


def test_every_new_label_is_read_by_inspect() -> None:
    assert {"exif", "parameters"} <= {label.name for label in LABELS}
