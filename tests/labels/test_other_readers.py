"""Other tools as oracles: what is written here they read, and what they write is read here."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bench import containers
from bench.labels import GB45438, IPTC, read_all, write_bundle
from bench.labels.base import Claim, graded
from bench.labels.iptc import SCHEME
from bench.media import Media

XMP_LABELS = (GB45438(), IPTC())
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
needs_exiv2 = pytest.mark.skipif(shutil.which("exiv2") is None, reason="exiv2 is not installed")


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def labelled(plain: Media, claim: Claim, tmp_path: Path) -> Path:
    path = tmp_path / f"labelled{containers.EXTENSIONS[plain.mime]}"
    path.write_bytes(write_bundle(plain, XMP_LABELS, claim).data)
    return path


@pytest.fixture
def plain_file(plain: Media, tmp_path: Path) -> Path:
    path = tmp_path / f"plain{containers.EXTENSIONS[plain.mime]}"
    path.write_bytes(plain.data)
    return path


def warnings(path: Path) -> set[str]:
    """What ExifTool finds wrong with a file; some encoders' own TIFF files lack a required tag."""
    lines = run("exiftool", "-validate", "-warning", "-error", "-a", path).splitlines()
    return {line for line in lines if not line.startswith("Validate")}


@needs_exiftool
def test_exiftool_reads_both_labels_and_finds_nothing_wrong(labelled: Path, plain_file: Path, claim: Claim) -> None:
    (tags,) = json.loads(run("exiftool", "-j", "-G1", "-n", "-XMP:all", "-validate", "-warning", "-a", labelled))
    label = next(value for key, value in tags.items() if key.lower() == "xmp-tc260:aigc")
    # ExifTool turns JSON-like text into an object only in newer versions.
    fields = label if isinstance(label, dict) else json.loads(label)
    assert fields == GB45438().expected(claim)
    assert list(fields) == list(GB45438().expected(claim))
    assert tags["XMP-iptcExt:DigitalSourceType"] == SCHEME + claim.source_type
    assert warnings(labelled) == warnings(plain_file)


@needs_exiftool
@pytest.mark.parametrize(("position", "tag"), [("exif", "ExifIFD:UserComment"), ("png-text", "PNG:Aigc")])
def test_exiftool_reads_the_alternative_places(position: str, tag: str, plain_file: Path, claim: Claim) -> None:
    label, media = GB45438(position=position), Media.read(plain_file)
    if not label.applies(media.mime):
        pytest.skip(f"{position} is no place in {media.mime}")
    plain_file.write_bytes(label.write(media, claim).data)
    (tags,) = json.loads(run("exiftool", "-j", "-G1", "-a", "-all", plain_file))
    found = {key.lower(): value for key, value in tags.items()}[tag.lower()]
    wrapped = found if isinstance(found, dict) else json.loads(found)
    assert wrapped == {"AIGC": label.expected(claim)}
    reading = label.read(Media.read(plain_file))
    assert (reading.position, reading.conformance, graded(reading, label.expected(claim)).state) == (
        position,
        (),
        "intact",
    )


@needs_exiv2
def test_exiv2_reads_both_labels(labelled: Path, claim: Claim) -> None:
    if labelled.suffix == ".gif":
        pytest.skip("exiv2 reads no metadata from GIF")
    lines = [line.split(None, 1) for line in run("exiv2", "-q", "-PXkv", labelled).splitlines()]
    values = {key: value for key, value in lines}
    assert values["Xmp.iptcExt.DigitalSourceType"] == SCHEME + claim.source_type
    assert json.loads(values["Xmp.TC260.AIGC"]) == GB45438().expected(claim)


@needs_exiftool
def test_labels_join_the_metadata_that_exiftool_wrote(plain_file: Path, claim: Claim) -> None:
    path, before = plain_file, warnings(plain_file)
    run("exiftool", "-q", "-overwrite_original", "-XMP-dc:Title=水 & <wash>", "-EXIF:Artist=someone", path)
    path.write_bytes(write_bundle(Media.read(path), XMP_LABELS, claim).data)
    (tags,) = json.loads(run("exiftool", "-j", "-G1", "-n", "-a", "-all", "-validate", "-warning", path))
    assert tags["XMP-dc:Title"] == "水 & <wash>"
    if path.suffix != ".gif":  # which has no EXIF
        assert tags["IFD0:Artist"] == "someone"
    assert tags["XMP-iptcExt:DigitalSourceType"] == SCHEME + claim.source_type
    assert warnings(path) <= before


@needs_exiftool
def test_labels_stay_intact_when_exiftool_rewrites_the_file(labelled: Path, claim: Claim) -> None:
    run("exiftool", "-q", "-overwrite_original", "-XMP-dc:Title=title", "-EXIF:Artist=someone", labelled)
    media = Media.read(labelled)
    for label, reading in zip(XMP_LABELS, read_all(media, XMP_LABELS), strict=True):
        assert graded(reading, label.expected(claim)).state == "intact", reading


@needs_exiv2
def test_labels_stay_intact_when_exiv2_rewrites_the_packet(labelled: Path, claim: Claim) -> None:
    if labelled.suffix in (".gif", ".avif", ".heic", ".jxl"):
        pytest.skip(f"exiv2 does not write {labelled.suffix} files")
    run("exiv2", "-q", "-M", "set Xmp.dc.source something", labelled)
    media = Media.read(labelled)
    assert b"something" in containers.xmp_packets(media.data)[0].payload
    for label, reading in zip(XMP_LABELS, read_all(media, XMP_LABELS), strict=True):
        assert graded(reading, label.expected(claim)).state == "intact", reading


@needs_exiftool
def test_what_exiftool_writes_is_read(plain: Media, tmp_path: Path) -> None:
    path = tmp_path / f"plain{containers.EXTENSIONS[plain.mime]}"
    path.write_bytes(plain.data)
    uri = SCHEME + "compositeWithTrainedAlgorithmicMedia"
    run("exiftool", "-q", "-n", "-overwrite_original", f"-XMP-iptcExt:DigitalSourceType={uri}", path)
    reading = IPTC().read(Media.read(path))
    assert (reading.state, reading.declares_ai, reading.conformance) == ("present", True, ())
    assert reading.fields == {"DigitalSourceType": "compositeWithTrainedAlgorithmicMedia"}


@needs_exiftool
def test_both_readers_agree_that_a_stripped_file_has_no_label(labelled: Path) -> None:
    run("exiftool", "-q", "-overwrite_original", "-XMP:all=", labelled)
    assert json.loads(run("exiftool", "-j", "-XMP:all", labelled)) == [{"SourceFile": str(labelled)}]
    assert [reading.state for reading in read_all(Media.read(labelled), XMP_LABELS)] == ["absent", "absent"]
