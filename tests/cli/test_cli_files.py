"""Each part alone, on single files: label, attack, inspect, detect."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from attacks.recompress import Jpeg
from attacks.tone import Noise
from bench.harness.plan import generator_for
from bench.labels.base import Claim
from bench.labels.gb45438 import GB45438
from bench.media import Media


@pytest.fixture
def jpg(tmp_path: Path, tools) -> Path:
    path = tmp_path / "in.jpg"
    path.write_bytes(tools.encode(tools.texture(1)))
    return path


READING = {"label", "position", "state", "declares_ai", "integrity", "credential", "fields", "conformance", "error"}


def test_inspect_has_the_documented_shape(washtest, jpg: Path, tmp_path: Path) -> None:
    labelled = tmp_path / "labelled.jpg"
    assert washtest("label", "gb45438", jpg, labelled).code == 0
    answer = washtest("inspect", jpg, labelled, "--json")
    assert answer.code == 0
    plain, marked = answer.json
    assert (plain["file"], marked["file"]) == (str(jpg), str(labelled))
    for entry in (plain, marked):
        assert {"file", "mime", "sha256", "readings"} <= set(entry)
        assert entry["mime"] == "image/jpeg"
        assert entry["sha256"] == Media.read(Path(entry["file"])).sha256
        assert [r["label"] for r in entry["readings"]][:2] == ["gb45438", "iptc"]
        for reading in entry["readings"]:
            assert READING <= set(reading)
            assert reading["state"] in (
                "present",
                "broken",
                "residue",
                "absent",
                "error",
                "not_applicable",
                "unavailable",
            )
            assert isinstance(reading["conformance"], list)
    first = marked["readings"][0]
    assert (first["state"], first["declares_ai"], first["conformance"], first["error"]) == ("present", True, [], "")
    assert first["fields"]["Label"] == "1"
    assert {r["state"] for r in plain["readings"]} == {"absent"}
    assert {r["declares_ai"] for r in plain["readings"]} == {None}


def test_inspect_goes_on_after_a_file_that_cannot_be_read(washtest, jpg: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.jpg"
    page.write_bytes(b"<html><body>404</body></html>")
    answer = washtest("inspect", page, tmp_path / "none.png", jpg, "--json")
    assert answer.code == 1
    bad, missing, good = answer.json
    assert "E_UNIDENTIFIED" in bad["error"] and "HTML" in bad["error"]
    assert "E_MISSING" in missing["error"]
    assert good["readings"]
    rows = [line.split("\t") for line in washtest("inspect", page, jpg).out.splitlines()]
    assert rows[0] == ["file", "label", "position", "state", "declares_ai", "detail"]
    assert rows[1][3] == "error"


def test_inspect_of_hostile_names_steers_no_terminal_and_breaks_no_json(washtest, tmp_path: Path, jpg: Path) -> None:
    names = [b"red\x1b[31m.jpg", b"caf\xe9.jpg", b"two\nlines.jpg", "\u202egpj.exe.jpg".encode()]
    paths = [tmp_path / os.fsdecode(name) for name in names]
    for path in paths:
        path.write_bytes(jpg.read_bytes())
    rows = washtest("inspect", *paths)
    assert rows.code == 0
    assert not set(rows.out) & {"\x1b", "\u202e"}
    assert rows.out.count("\n") == 1 + len(paths) * len(washtest("inspect", jpg).out.splitlines()[1:])
    found = washtest("inspect", *paths, "--json").json
    assert [os.fsencode(entry["file"]) for entry in found] == [os.fsencode(path) for path in paths]


@pytest.mark.parametrize("scheme", ["gb45438", "iptc", "exif", "parameters"])
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_label_leaves_the_picture_alone(washtest, tmp_path: Path, tools, scheme: str, extension: str) -> None:
    source, target = tmp_path / f"in{extension}", tmp_path / f"out{extension}"
    source.write_bytes(tools.encode(tools.texture(2), extension))
    answer = washtest("label", scheme, source, target, "--json")
    assert answer.code == 0
    assert set(answer.json) == {"file", "mime", "sha256", "readings"}
    (reading,) = answer.json["readings"]
    assert set(reading) == READING
    assert (answer.json["file"], reading["label"], reading["state"]) == (str(target), scheme, "present")
    assert np.array_equal(Media.read(target).pixels(), Media.read(source).pixels())
    found = washtest("inspect", target, "--json").json[0]["readings"]
    assert {r["label"]: r["state"] for r in found}[scheme] == "present"


@pytest.mark.parametrize("position", ["xmp", "exif", "png-text"])
def test_label_writes_at_the_position_asked_for(washtest, tmp_path: Path, tools, position: str) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    source.write_bytes(tools.encode(tools.texture(2), ".png"))
    answer = washtest("label", "gb45438", source, target, "--position", position, "--json")
    assert [reading["position"] for reading in answer.json["readings"]] == [position]
    (entry,) = washtest("inspect", target, "--json").json
    assert [r["position"] for r in entry["readings"] if r["label"] == "gb45438"] == [position]


def test_label_writes_a_bundle_as_a_provider_does(washtest, jpg: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jpg"
    rows = [line.split("\t") for line in washtest("label", "a1111-like", jpg, target).out.splitlines()]
    assert [row[1:4] for row in rows[1:]] == [["parameters", "exif", "present"]]
    answer = washtest("label", "metadata", jpg, target, "--json")
    assert [reading["label"] for reading in answer.json["readings"]] == ["gb45438", "iptc", "c2pa"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kling-like",), "image/jpeg has no place for a label of kling-like"),
        (("gb45438", "--position", "png-text"), "image/jpeg has no place for gb45438 at png-text"),
        (("gb45438", "--position", "exfi"), "Did you mean exif"),
        (("metadata", "--position", "xmp"), "metadata is a bundle"),
        (("GB45438(profile='doubao')", "--position", "exif"), "profile 'doubao' is of position 'xmp'"),
        (("gb4538",), "Did you mean gb45438"),
    ],
)
def test_label_says_what_cannot_be_written(washtest, jpg: Path, tmp_path: Path, arguments, said: str) -> None:
    target = tmp_path / "out.jpg"
    answer = washtest("label", arguments[0], jpg, target, *arguments[1:])
    assert (answer.code, target.exists()) == (2, False)
    assert said in answer.err


def test_label_takes_a_claim(washtest, jpg: Path, tmp_path: Path) -> None:
    claim, target = tmp_path / "claim.json", tmp_path / "out.jpg"
    claim.write_text(json.dumps({"producer": "example-ai", "produce_id": "42"}), "utf-8")
    assert washtest("label", "gb45438", jpg, target, "--claim", claim).code == 0
    assert GB45438().read(Media.read(target)).fields == GB45438().expected(
        Claim(producer="example-ai", produce_id="42")
    )
    for wrong, said in (
        ({"producr": "x"}, "Did you mean producer"),
        ({"producer": 5}, "must be a JSON object of texts"),
        ([], "must be a JSON object"),
        ({"message": "beef"}, "message must be 64 hexadecimal digits"),
    ):
        claim.write_text(json.dumps(wrong))
        answer = washtest("label", "gb45438", jpg, target, "--claim", claim)
        assert answer.code == 2
        assert said in answer.err


def test_attack_writes_the_file_that_a_run_would_make(washtest, jpg: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    answer = washtest("attack", "Noise(sigma=0.1)", jpg, target, "--seed", 3, "--json")
    assert answer.code == 0
    media = Media.read(jpg)
    expected = Noise(sigma=0.1)(media, generator_for(3, media.sha256, "Noise(sigma=0.1)"))
    assert target.read_bytes() == expected.data
    facts = answer.json
    assert {"file", "attack", "channel", "mime", "width", "height", "bytes", "sha256"} <= set(facts)
    assert (facts["attack"], facts["width"], facts["height"]) == ("Noise(sigma=0.1)", 64, 48)
    assert (facts["bytes"], facts["sha256"]) == (len(expected.data), expected.sha256)
    washtest("attack", "Noise(sigma=0.1)", jpg, target, "--seed", 4)
    assert target.read_bytes() != expected.data


@pytest.mark.parametrize("name", ["out.jpg", "out.jpeg", "OUT.JPG", "out"])
def test_attack_takes_every_usual_ending(washtest, jpg: Path, tmp_path: Path, name: str) -> None:
    assert washtest("attack", "Jpeg(50)", jpg, tmp_path / name).code == 0
    media = Media.read(jpg)
    assert (tmp_path / name).read_bytes() == Jpeg(quality=50)(media, np.random.default_rng(0)).data


@pytest.mark.parametrize("name", ["out.tif", "out.tiff"])
def test_attack_writes_tiff_under_both_endings(washtest, jpg: Path, tmp_path: Path, tools, name: str) -> None:
    source = tmp_path / "in.tif"
    source.write_bytes(tools.encode(tools.texture(3), ".tiff"))
    assert washtest("attack", "PillowSave", source, tmp_path / name).code == 0
    assert Media.read(tmp_path / name).mime == "image/tiff"


def test_attack_that_cannot_be_done_writes_nothing(washtest, tmp_path: Path) -> None:
    source = tmp_path / "strip.png"
    source.write_bytes(Media.from_pixels(np.zeros((5000, 5, 3), np.uint8)).data)
    answer = washtest("attack", "Screenshot", source, tmp_path / "out.png")
    assert answer.code == 2
    assert "E_TOO_LARGE" in answer.err
    assert not (tmp_path / "out.png").exists()


SCORE = ["file", "detector", "value", "status", "detail"]

PLUGIN = """
def sizes(paths):
    print("a chatty detector")
    import os
    return [os.path.getsize(path) for path in paths]

def nan(paths):
    return [float("nan") for _ in paths]

class Odd:
    from bench.detectors.base import DetectorInfo
    info = DetectorInfo("odd", "1", "both")

    def score(self, batch):
        raise RuntimeError("no such weights")
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    return path


def test_detect_has_the_documented_shape(washtest, jpg: Path, plugin: Path, tmp_path: Path) -> None:
    answer = washtest("detect", "declared", jpg, "--json")
    assert answer.code == 0
    assert answer.json == [{"file": str(jpg), "detector": "declared", "value": 0.0, "status": "ok", "detail": ""}]
    washtest("label", "iptc", jpg, tmp_path / "out.jpg")
    assert washtest("detect", "declared", tmp_path / "out.jpg", "--json").json[0]["value"] == 1
    answer = washtest("detect", f"{plugin}:sizes", jpg, tmp_path / "out.jpg", "--json")
    assert [row["value"] for row in answer.json] == [jpg.stat().st_size, (tmp_path / "out.jpg").stat().st_size]
    assert list(answer.json[0]) == SCORE
    assert washtest("detect", "declared", jpg).out.splitlines()[0].split("\t") == SCORE


@pytest.mark.parametrize(("attribute", "code"), [("nan", "E_NOT_FINITE"), ("Odd", "E_RUNTIMEERROR")])
def test_detector_that_misbehaves_is_an_error_and_exit_code_1(
    washtest, jpg: Path, plugin: Path, attribute: str, code: str
) -> None:
    answer = washtest("detect", f"{plugin}:{attribute}", jpg, "--json")
    assert answer.code == 1
    (row,) = answer.json
    assert (row["value"], row["status"]) == (None, "error")
    assert row["detail"].startswith(code)


def test_detect_goes_on_after_a_file_that_cannot_be_read(washtest, jpg: Path, tmp_path: Path) -> None:
    answer = washtest("detect", "declared", tmp_path / "none.jpg", jpg, "--json")
    assert answer.code == 1
    assert [row["status"] for row in answer.json] == ["error", "ok"]
    assert "E_MISSING" in answer.json[0]["detail"]


def test_inspect_reads_text_only_when_asked(washtest, jpg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.labels import visible_ocr

    asked: list[object] = []
    monkeypatch.setattr(visible_ocr, "lines", lambda pixels, bands=False: asked.append(bands) or [])
    labels = [reading["label"] for reading in washtest("inspect", jpg, "--json").json[0]["readings"]]
    assert "visible" not in labels and not asked
    reading = washtest("inspect", jpg, "--visible", "--json").json[0]["readings"][-1]
    assert (reading["label"], reading["state"], asked) == ("visible", "absent", [False, True])
