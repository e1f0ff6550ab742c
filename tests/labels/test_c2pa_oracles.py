"""C2PA seen by others: ExifTool, a second validator, and the faulty and genuine files of other signers.

The specimens are not part of this repository: ``WASHTEST_SHARED`` names the folder that holds ``specimens/``, by
default the folder ``shared`` beside the repository.
"""

import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import containers
from bench.labels.base import Claim
from bench.labels.c2pa import C2PA, FORMATS, STYLES
from bench.media import Media

pytest.importorskip("c2pa")
SHARED = Path(os.environ.get("WASHTEST_SHARED", Path(__file__).resolve().parents[3] / "shared"))
CATALOGUE = SHARED / "specimens" / "specimens.csv"
CLAIM = Claim(producer="001191110102MACQD9K64010000", produce_id="number-7", system="some model")
URI = "http://cv.iptc.org/newscodes/digitalsourcetype/"
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")


def signed(mime: str, style: str = "active") -> Media:
    out = io.BytesIO()
    image = Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 30).convert("RGB")
    if mime == "image/heic":
        pytest.importorskip("pillow_heif").from_pillow(image).save(out)
    elif mime == "image/jxl":
        out.write(pytest.importorskip("imagecodecs").jpegxl_encode(np.asarray(image), distance=1.0))
    else:
        image.save(out, mime.partition("/")[2].upper())
    return C2PA(style=style).write(Media.from_bytes(out.getvalue()), CLAIM)


@needs_exiftool
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/jxl"])  # where ExifTool 12.57 reads JUMBF
def test_exiftool_sees_the_manifest_field_by_field(mime: str, style: str, tmp_path: Path) -> None:
    path = tmp_path / f"signed{containers.EXTENSIONS[mime]}"
    path.write_bytes(signed(mime, style).data)
    done = subprocess.run(
        ["exiftool", "-j", "-G3", "-a", "-validate", "-warning", "-JUMBF:all", path],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    tags: dict[str, list[object]] = {}  # of all manifests: each box is a document of its own to ExifTool
    for name, value in json.loads(done.stdout)[0].items():
        tags.setdefault(name.rpartition(":")[2], []).append(value)
    composite = style == "composite"
    term = "compositeWithTrainedAlgorithmicMedia" if composite else "trainedAlgorithmicMedia"
    actions = [["c2pa.opened", "c2pa.converted"]] if style == "ingredient" else []
    assert tags["JUMDLabel"][0] == "c2pa"
    assert (tags["Producer"], tags["Produce_id"]) == ([CLAIM.producer], [CLAIM.produce_id])
    assert tags["ActionsDigitalSourceType"] == [URI + term]
    assert tags["ActionsAction"] == ["c2pa.created", *actions]
    assert tags["ActionsSoftwareAgentName"] == [CLAIM.system]
    assert set(tags["Claim_Generator_InfoName"]) == {"washtest"}
    assert not [name for name in tags if "Thumbnail" in name]
    assert not [key for key in tags if "Warning" in key], tags


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mime", FORMATS)
def test_another_validator_finds_the_file_sound_and_its_copy_with_a_changed_byte_not(
    mime: str, style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCYPHER_C2PA_TELEMETRY", "off")
    other = pytest.importorskip("encypher_c2pa", reason="the second validator, encypher-c2pa, is not installed")
    media = signed(mime, style)
    verdict = other.verify(media.data, mime, online=False)
    assert (verdict["present"], verdict["integrity"]) == (True, "valid"), verdict
    assert URI in json.dumps(verdict["manifest_report"])
    data = bytearray(media.data)
    data[data.index(b"VP8 ") + 60 if mime == "image/webp" else 300 if mime == "image/tiff" else -20] ^= 1
    assert other.verify(bytes(data), mime, online=False)["integrity"] == "invalid"
    assert C2PA().read(Media(bytes(data), mime)).state == "broken"


def rows() -> list[dict[str, str]]:
    if not CATALOGUE.is_file():
        return []
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if (CATALOGUE.parent / row["path"]).is_file()]


ROWS = rows()
needs_specimens = pytest.mark.skipif(not ROWS, reason=f"no specimens in {SHARED}")
#: Files with a fault, and the code that says which. In CIE-sig and CACAE-uri it is an ingredient's.
FAULTS = {
    "XCA.jpg": "assertion.dataHash.mismatch",
    "CIE-sig-CA.jpg": "claimSignature.mismatch",
    "CACAE-uri-CA.jpg": "assertion.hashedURI.mismatch",
}
#: Stores that no present reader parses: of a draft of the standard, and without the name of a hash algorithm.
UNREADABLE = ("prerelease.jpg", "no_alg.jpg")


@needs_specimens
@pytest.mark.parametrize("row", ROWS, ids=[Path(row["path"]).name for row in ROWS])
def test_every_specimen_reads_as_the_catalogue_says(row: dict[str, str]) -> None:
    name = Path(row["path"]).name
    reading = C2PA().read(Media.read(CATALOGUE.parent / row["path"]))
    if "C2PA" not in row["metadata"].split(";"):
        assert reading.state == "absent", reading
    elif name in UNREADABLE:
        assert (reading.state, reading.code) == ("residue", "E_C2PA")
    elif name in FAULTS:
        assert (reading.state, reading.integrity, reading.code) == ("broken", "invalid", FAULTS[name])
    else:
        # The catalogue's Invalid ones fail in a CAWG identity, which is no integrity of the content.
        assert (reading.state, reading.integrity) == ("present", "valid"), reading
        assert reading.credential in ("untrusted", "expired")
        assert reading.fields["claim_generator"]
    named = [tag.partition(":")[2] for tag in row["metadata"].split(";") if tag.startswith("IPTC-DST:")]
    if named and reading.state == "present" and "digitalSourceType" in reading.fields:
        assert reading.fields["digitalSourceType"] == named[0]
        assert not reading.declares_ai
