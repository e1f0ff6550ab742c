"""Scores made elsewhere: found by content, missing ones are errors, and a run's files go out and come back."""

import csv
import hashlib
from pathlib import Path

import pytest

from bench.detectors.base import ask
from bench.detectors.plugins.table import content_id
from bench.errors import UserError
from bench.harness import registry
from bench.labels.base import Claim
from bench.labels.iptc import IPTC
from bench.media import Media

A = "a" * 64


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str | bytes) -> str:
        path = tmp_path / "their scores.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_score_is_found_by_the_digest_of_the_bytes(table, tools) -> None:
    files = [Media.from_bytes(tools.encode(tools.texture(n), ".png")) for n in range(4)]
    digests = [hashlib.sha256(file.data).hexdigest() for file in files]
    path = table(
        f"\ufeffSHA256,Score,status,model\r\n{digests[0].upper()},0.25,,x\r\n{digests[1]},,abstain,x\r\n"
        f"{digests[2]},nan,ok,x\r\n{digests[0]},0.25,ok,y\r\n"
    )
    detector = registry.detector(path)
    scores = ask(detector, files)
    assert [(s.value, s.status, s.code) for s in scores] == [
        (0.25, "ok", ""), (None, "abstain", ""), (None, "error", "E_NOT_FINITE"), (None, "error", "E_NO_SCORE"),
    ]  # fmt: skip
    assert "their scores.csv has no score for sha256" in scores[3].detail
    assert (detector.info.name, repr(detector)) == ("their-scores", path)
    assert registry.detector(path) == detector
    version = detector.info.version
    assert registry.detector(table(f"sha256,score\n{A},1\n")).info.version != version


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no header line sha256,score or id,score"),
        ("sha256;score\n", "there is no header line"),
        ("path,score\na,1\n", "there is no header line"),
        ("sha256,score\n", "holds no scores"),
        ("sha256,score\nabc,1\n", "'abc' is no sha256, which has 64 hexadecimal digits"),
        (f"id,score\n{A},1\n", "is no id, which has 32 hexadecimal digits"),
        (f"sha256,score\n{A},1\n{A},2\n", "has two different scores"),
        (b"sha256,score\n\xff\xfe", "is no UTF-8 text"),
        ("sha256,score\n" + "x" * 200_000 + ",1\n", "line 2 is no CSV: field larger than field limit"),
        (f"sha256,score\n{A},1\n\0", "is no sha256"),
    ],
)
def test_table_that_cannot_be_used_is_one_line(table, text: str | bytes, said: str) -> None:
    with pytest.raises(UserError) as raised:
        registry.detector(table(text))
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_missing_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        registry.detector(str(tmp_path / "none.csv"))


def test_content_id_is_of_the_picture_and_not_of_its_metadata(tools) -> None:
    plain = Media.from_bytes(tools.encode(tools.texture(1), ".jpg"))
    assert content_id(IPTC().write(plain, Claim())) == content_id(plain)
    png = Media.from_pixels(plain.pixels())
    assert content_id(png) != content_id(plain)  # a detector may look at the format
    assert content_id(png) == content_id(Media.from_bytes(png.data))
    turned = Media.from_pixels(plain.pixels().reshape(plain.pixels().shape[1], -1, 3))
    assert content_id(turned) != content_id(png)


def test_files_of_a_run_go_out_and_their_scores_come_back(tiny: Path, tools, washtest, tmp_path: Path) -> None:
    options = ["--dataset", tiny, "--attack", "Jpeg(quality=60)", "--attack", "Strip", "--jobs", "1", "-q"]
    out = tmp_path / "exported"
    answer = washtest("export", "quick", "--out", out, *options)
    assert answer.code == 0, answer.err
    with (out / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert answer.out.startswith(f"{len(rows)} files\t")
    assert list(rows[0]) == ["id", "path", "sha256"]
    for row in rows:
        media = Media.read(out / row["path"])
        assert (content_id(media), media.sha256) == (row["id"], row["sha256"])
    scores = {row["id"]: str(number / 7) for number, row in enumerate(rows)}
    (tmp_path / "back.csv").write_text("id,score\n" + "".join(f"{k},{v}\n" for k, v in scores.items()))
    plan = tools.plan(
        tiny, attacks=["Jpeg(quality=60)", "Strip"], detectors=[str(tmp_path / "back.csv")],
        regimes=["native", "canonical"],
    )  # fmt: skip
    tools.measure(plan, tmp_path / "run")
    run = tools.records(tmp_path / "run")
    assert set(run.scores["status"]) == {"ok"}
    assert set(run.scores["value"]) == {float(value) for value in scores.values()}
    assert washtest("export", "quick", "--out", out, *options).code == 0  # and again: nothing is left to do
