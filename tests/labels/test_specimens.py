"""Readings of real files from providers, against what their catalogue says they hold.

The specimens are not part of this repository: ``WASHTEST_SHARED`` names the folder that holds ``specimens/``, by
default the folder ``shared`` beside the repository.
"""

import csv
import os
from pathlib import Path

import pytest

from bench.labels import GB45438, IPTC, ExifSignature, Parameters
from bench.media import Media

SHARED = Path(os.environ.get("WASHTEST_SHARED", Path(__file__).resolve().parents[3] / "shared"))
CATALOGUE = SHARED / "specimens" / "specimens.csv"


def rows() -> list[dict[str, str]]:
    if not CATALOGUE.is_file():
        return []
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if (CATALOGUE.parent / row["path"]).is_file()]


ROWS = rows()
pytestmark = pytest.mark.skipif(not ROWS, reason=f"no specimens in {SHARED}")
cases = pytest.mark.parametrize("row", ROWS, ids=[Path(row["path"]).name for row in ROWS])


@cases
def test_the_gb45438_label_is_where_the_catalogue_says(row: dict[str, str]) -> None:
    reading = GB45438().read(Media.read(CATALOGUE.parent / row["path"]))
    if "AIGC" in row["metadata"].split(";"):
        assert (reading.state, reading.declares_ai) == ("present", True)
    else:
        assert reading.state == "absent", reading


@cases
def test_the_iptc_source_type_is_where_the_catalogue_says(row: dict[str, str]) -> None:
    media = Media.read(CATALOGUE.parent / row["path"])
    reading = IPTC().read(media)
    named = [tag.partition(":")[2] for tag in row["metadata"].split(";") if tag.startswith("IPTC-DST:")]
    # The catalogue scanned whole files: in one with C2PA the term can be the manifest's, which is another label.
    if named and "C2PA" not in row["metadata"].split(";"):
        assert (reading.state, reading.fields["DigitalSourceType"]) == ("present", named[0])
    elif not named:
        assert reading.state == "absent", reading
    else:
        assert reading.state == ("present" if b":DigitalSourceType" in media.data else "absent")


#: Programs whose files the catalogue calls plain EXIF, and which hold what a program of that name writes.
ALSO_PARAMETERS = {"comfyui-saveimage-plus", "swarmui"}


@cases
def test_generation_parameters_are_where_the_catalogue_says(row: dict[str, str]) -> None:
    media = Media.read(CATALOGUE.parent / row["path"])
    reading = Parameters().read(media)
    tags = set(row["metadata"].split(";"))
    expected = bool(tags & {"SD-parameters", "ComfyUI-graph"}) or row["generator"] in ALSO_PARAMETERS
    none = "not_applicable" if media.mime == "image/gif" else "absent"
    assert reading.state == ("present" if expected else none), reading
    assert ExifSignature().read(media).state == none


PICTURES = SHARED / "data" / "samples.csv"


@pytest.mark.skipif(not PICTURES.is_file(), reason=f"no samples in {SHARED}")
def test_no_label_is_found_in_pictures_that_hold_none_and_every_comfyui_graph_is() -> None:
    with PICTURES.open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if (PICTURES.parent / row["path"]).is_file()]
    for row in found:
        media = Media.read(PICTURES.parent / row["path"])
        states = {label.name: label.read(media).state for label in (GB45438(), IPTC(), ExifSignature(), Parameters())}
        graph = "ComfyUI-graph" in row["metadata"].split(";")
        others = {"absent", "not_applicable"}
        assert states.pop("parameters") in ({"present"} if graph else others), row["path"]
        assert set(states.values()) <= others, (row["path"], states)
