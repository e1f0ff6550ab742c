"""Files that hang or crash their decoder, that are no pictures, that change under way; folders full of traps."""

import ast
import ctypes
import faulthandler
import os
import resource
import subprocess
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import media as media_module
from bench.containers import png
from bench.errors import CodedError, UserError
from bench.harness.dataset_check import check
from bench.harness.dataset_import import import_folder
from bench.harness.engines.local import LocalEngine
from bench.harness.samples import load_dataset
from bench.labels import GB45438
from bench.labels.base import Claim
from bench.media import Media

ROOT = Path(__file__).resolve().parents[2]


def test_decoder_that_crashes_or_hangs_costs_its_own_file_alone(
    tiny: Path, tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tools.plan(tiny, detectors=["spectrum"])
    tests, train = ([s for s in plan.samples if s.split == split] for split in ("test", "train"))
    segfaults, hangs, taught = tests[0], tests[1], train[0]
    decode = media_module._decode

    def faulty(data: bytes, header: Any) -> np.ndarray:
        if data in (segfaults.media.data, taught.media.data):
            faulthandler.disable()  # pytest's, which would print a screenful
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            ctypes.string_at(0)  # what a bug in a native decoder does
        if data == hangs.media.data:
            time.sleep(60)
        return decode(data, header)

    monkeypatch.setattr(media_module, "_decode", faulty)  # workers are forked, so theirs is this one too
    outcome = tools.measure(plan, tmp_path / "run", jobs=2, time_limit=1.5)
    views = tools.records(tmp_path / "run").views
    codes = {name: set(rows["code"].dropna()) for name, rows in views.groupby("sample")}
    assert codes.pop(segfaults.id) == {"E_CRASH"}
    assert codes.pop(hangs.id) == {"E_TIMEOUT"}
    assert set().union(*codes.values()) == set()
    said = views[views["sample"] == segfaults.id]["detail"].iloc[0]
    assert said == "the worker died (signal SIGSEGV), twice"
    assert outcome.warnings[0].endswith("there are 5 human and 5 ai, of which 4 and 5 could be used")


DOCUMENTS = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "eps with a preview": b"\xc5\xd0\xd3\xc6" + bytes(28) + b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "ps": b"%!PS\n(/etc/passwd) (r) file\n",
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>',
    "mvg": b"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'https://example.org/x.png\"|ls\"'\n",
    "msl": b'<?xml version="1.0"?><image><read filename="/etc/passwd"/></image>',
    "psd": b"8BPS\0\1" + bytes(40),
    "dds": b"DDS " + bytes(124),
    "blp": b"BLP2" + bytes(200),
    "fli": bytes(4) + b"\x11\xaf" + bytes(122),
    "xbm": b"#define im_width 9\n#define im_height 9\nstatic char im_bits[] = {\n0};\n",
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_documents_and_rare_formats_are_not_opened_at_all(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a program was started"))
    with pytest.raises(CodedError) as raised:
        Media.from_bytes(DOCUMENTS[kind]).pixels()
    assert raised.value.code == "E_UNIDENTIFIED"


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
def test_picture_that_is_a_document_too_is_the_picture(tools, extension: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tools.encode(tools.texture(3), extension)
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a program was started"))
    for kind in ("eps", "pdf", "svg"):
        assert np.array_equal(Media.from_bytes(plain + DOCUMENTS[kind]).pixels(), Media.from_bytes(plain).pixels())


def test_profile_that_unpacks_to_100_mb_hides_no_label(tools) -> None:
    file = Media.from_bytes(tools.encode(tools.texture(1), ".png"))
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    labelled = GB45438().write(file, Claim()).data
    hostile = Media.from_bytes(labelled[:33] + png.chunk(b"iCCP", b"p\0\0" + bomb).raw + labelled[33:])
    begin = time.perf_counter()
    reading = GB45438().read(hostile)
    assert reading.declares_ai is True and reading.state in ("intact", "present")
    assert np.array_equal(hostile.pixels(), file.pixels())
    assert time.perf_counter() - begin < 2


def test_no_path_is_handed_to_opencv() -> None:
    """Its path functions crash on names that are no UTF-8: files are read and written here, and decoded there."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("bench", "attacks")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("imread", "imwrite", "imreadmulti", "VideoCapture")
        and isinstance(node.value, ast.Name)
        and node.value.id == "cv2"
    ]
    assert found == []


@dataclass(frozen=True)
class Meddling:
    """An attack that overwrites another sample's file while the run goes on."""

    victim: Path
    family, severity, axis, channel = "meddling", 1.0, "none", "simulated:a fault"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        self.victim.write_bytes(media.data + b" ")
        return media


def test_file_that_changes_during_a_run_is_coded(tiny_copy: Path, tools, tmp_path: Path) -> None:
    plan = tools.plan(tiny_copy)
    victim = [task.sample for task in plan.tasks][-1]
    attacks = (*plan.suite.attacks[:1], Meddling(victim.path))
    tools.measure(changed(plan, suite=changed(plan.suite, attacks=attacks)), tmp_path / "run")
    views = tools.records(tmp_path / "run").views
    assert set(views[views["sample"] == victim.id]["code"]) == {"E_CHANGED"}
    assert set(views[views["sample"] != victim.id]["status"]) == {"ok"}


def test_one_file_of_two_truths_is_refused(tiny_copy: Path, tools, tmp_path: Path) -> None:
    rows = [row for row in tools.read_rows(tiny_copy) if row["split"] != "train"]  # too few to measure format bias
    human, ai = (next(r for r in rows if (r["truth"], r["split"]) == (t, "test")) for t in ("human", "ai"))
    (tiny_copy / ai["path"]).write_bytes((tiny_copy / human["path"]).read_bytes())
    tools.write_rows(tiny_copy, [row | ({"sha256": human["sha256"]} if row is ai else {}) for row in rows])
    problems = check(load_dataset(tiny_copy), LocalEngine(0)).problems
    assert f"contradiction: {human['id']} (human) and {ai['id']} (ai): the same file; keep one" in problems
    with pytest.raises(UserError, match=f"1 files are said to be two things, e.g. {human['id']}"):
        tools.measure(tools.plan(tiny_copy), tmp_path / "run")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_links_pipes_and_devices_in_a_folder_are_named_and_never_waited_for(tmp_path: Path, tools) -> None:
    folder = tmp_path / "traps"
    (folder / "deep").mkdir(parents=True)
    (folder / "good.jpg").write_bytes(tools.encode(tools.texture(1)))
    (folder / "deep" / "round").symlink_to(folder)
    (folder / "self.jpg").symlink_to("self.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    (folder / "endless.jpg").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.jpg")
    begin = time.perf_counter()
    added, there, refused = import_folder(folder, tmp_path / "set", truth="human", source="x")
    assert time.perf_counter() - begin < 5
    assert (added, there) == (1, 0)
    assert dict(line.split(": ")[:2] for line in refused) == {
        "deep/round": "E_UNREADABLE", "self.jpg": "E_UNREADABLE", "dangling.jpg": "E_MISSING",
        "endless.jpg": "E_UNREADABLE", "pipe.jpg": "E_UNREADABLE",
    }  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no such permissions")
def test_what_may_not_be_read_is_named(open_folder: Path, tools) -> None:
    folder = open_folder / "photos"
    (folder / "private").mkdir(parents=True)
    for name in ("good.jpg", "secret.jpg", "private/a.jpg"):
        (folder / name).write_bytes(tools.encode(tools.texture(len(name))))
    (folder / "secret.jpg").chmod(0)
    (folder / "private").chmod(0)
    into = open_folder / "set"
    into.mkdir(mode=0o777)
    into.chmod(0o777)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # to root everything is readable
    try:
        added, _, refused = import_folder(folder, into, truth="human", source="x")
    finally:
        os.seteuid(user)
        (folder / "private").chmod(0o755)
    assert added == 1
    assert sorted(line.replace(" ", "").split(":")[0] for line in refused) == ["private", "secret.jpg"]
    assert all("E_UNREADABLE" in line and "Permission denied" in line for line in refused)
