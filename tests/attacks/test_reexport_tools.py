"""Re-export through programs: what it makes, when it fails, and that ExifTool sees what our readers see."""

import io
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from attacks.reexport_recipes import RECIPES
from attacks.reexport_tools import REEXPORTS, ReExport
from attacks.stamps import fixed_stamps
from bench import tools as programs
from bench.checks import ATTACK_CHECKS, checks_for, encoded, picture
from bench.errors import CodedError, NotApplicable, Unavailable
from bench.harness.plan import tool_versions
from bench.media import Media
from bench.suites import read_suite, suite_files
from bench.tools import program_version, run_program
from tests.benchmarks.reexport_matrix import cells, copies, plain, reason

RNG = np.random.default_rng(0)
#: They take seconds a file, or vary (darktable). The page in ``results`` is made with all of them.
SLOW = {"gimp", "libreoffice", "darktable", "sharp"}
#: One metadata option of each tool, the default where there is one.
ONE_EACH = tuple({attack.tool: attack for attack in reversed(REEXPORTS)}.values())
FILES = {mime: encoded(mime) for mime in ("image/jpeg", "image/png", "image/webp")}


def here(attack: ReExport) -> ReExport:
    if attack.missing():
        pytest.skip(f"{attack.tool} is not installed: {attack.missing()}")
    return attack


def first_taken(attack: ReExport) -> str:
    return next(iter(attack.recipe.takes))


@pytest.mark.parametrize("attack", REEXPORTS, ids=repr)
def test_names_itself_without_starting_a_program(attack: ReExport, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*arguments: object, **options: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr("attacks.reexport_tools.program_version", started)
    monkeypatch.setattr("attacks.reexport_tools.run_program", started)
    assert attack.kind.startswith("real:") and attack.family and attack.recipe.install
    attack.missing()
    for check in ATTACK_CHECKS[:2]:
        check(attack)


@pytest.mark.parametrize("attack", ONE_EACH, ids=repr)
def test_channel_names_the_version(attack: ReExport) -> None:
    here(attack)
    assert attack.channel.startswith(attack.kind + " ")
    assert all(version[0].isdigit() for version in attack.versions().values()), attack.versions()
    assert tool_versions(attack) == attack.versions()


@pytest.mark.parametrize("attack", [a for a in REEXPORTS if a.tool not in SLOW], ids=repr)
def test_same_file_comes_out_again_and_is_of_the_type_said(attack: ReExport) -> None:
    here(attack)
    mime = first_taken(attack)
    media = plain(mime)
    made, again = attack(media, RNG), attack(Media(media.data, mime), RNG)
    assert made.data == again.data
    assert made.mime == attack.recipe.takes[mime]
    assert Media.from_bytes(made.data).size == media.size


@pytest.mark.parametrize(
    "attack", [pytest.param(a, marks=pytest.mark.bench if a.tool in SLOW else ()) for a in ONE_EACH], ids=repr
)
def test_exiftool_sees_what_our_readers_see(attack: ReExport, tmp_path: Path) -> None:
    here(attack)
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    mime = first_taken(attack)
    if attack.recipe.takes[mime] == "image/heic":
        pytest.importorskip("pillow_heif")
    # ExifTool knows C2PA, which is in the second copy, in these two formats alone.
    known = attack.recipe.takes[mime] in ("image/jpeg", "image/png")
    for labelled, labels in list(copies(mime))[: 2 if known else 1]:
        found = cells(attack(labelled, RNG), labels, labelled, tmp_path)
        assert [
            f"{label!r}: {cell}" for label, cell in found.items() if not cell.agrees and not reason(attack, label, cell)
        ] == []


def test_missing_program_makes_the_cell_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attacks.reexport_tools.program", lambda *names: None)
    attack = ReExport("gimp")
    assert attack.channel == "real:GIMP (not installed)"
    with pytest.raises(Unavailable, match=r"E_TOOL_MISSING: GIMP is not installed: apt install gimp"):
        attack(encoded("image/jpeg"), RNG)
    for check in checks_for(attack):
        check()


@pytest.mark.parametrize("tool", ["jpegtran", "optipng", "imageio"])
def test_format_that_a_tool_does_not_take_is_not_applicable(tool: str) -> None:
    attack = here(ReExport(tool))
    other = next((mime for mime in FILES if mime not in attack.recipe.takes), None)
    if other is None:
        attack(FILES["image/png"], RNG)
        return
    with pytest.raises(NotApplicable, match="is given"):
        attack(FILES[other], RNG)


@pytest.mark.parametrize("tool", ["imagemagick", "vips", "ffmpeg", "cwebp", "scikit-image", "pyvips", "jpegtran"])
def test_odd_and_broken_files_give_a_file_or_a_code(tool: str) -> None:
    attack = here(ReExport(tool))
    half = encoded("image/jpeg").data
    odd = [Media(picture(*size).data, "image/png") for size in ((1, 1), (1, 5000), (65500, 2))]
    for media in (*odd, Media(half[: len(half) // 8], "image/jpeg"), Media(half[:30], "image/jpeg")):
        try:
            made = attack(media, RNG)
        except CodedError as error:
            assert error.code.startswith(("E_TOOL", "E_ENCODE", "E_DECODE", "E_NOT_APPLICABLE", "E_UNIDENTIFIED"))
            assert "washtest-" not in error.detail, "the private folder is named"
        else:
            assert made.mime in attack.recipe.takes.values()


def test_suite_names_every_tool() -> None:
    text = " ".join(read_suite(suite_files()["reexport"])["attacks"])
    assert [repr(attack) for attack in REEXPORTS if repr(attack) not in text] == []
    assert [tool for tool in RECIPES if tool not in (ReExport.__doc__ or "")] == []


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    child = (
        "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
    )
    start = time.monotonic()
    with pytest.raises(CodedError, match=r"E_TOOL_TIMEOUT: python\S* ran longer than 1 s"):
        run_program(python(child), tmp_path, seconds=1)
    assert time.monotonic() - start < 10
    pid = int((tmp_path / "said.out").read_text())
    time.sleep(0.1)
    status = Path(f"/proc/{pid}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_program_that_wants_too_much_memory_gets_none(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the address space is limited on Linux only")
    with pytest.raises(CodedError, match=r"E_TOOL: python.* ended with code 1: MemoryError"):
        run_program(python("x = bytearray(1 << 32)"), tmp_path, memory=1 << 30)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('no such thing: 7')", "ended with code 1: no such thing: 7"),
        ("import os; os.kill(os.getpid(), 11)", "was ended by signal 11: without a word"),
        ("import os; print('cannot read', os.getcwd() + '/in.png'); raise SystemExit(3)", "code 3: cannot read in.png"),
    ],
)
def test_failure_is_coded_with_the_last_line(code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(CodedError, match="E_TOOL") as raised:
        run_program(python(code), tmp_path)
    assert said in str(raised.value)


def test_program_sees_an_empty_home_and_no_settings_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SECRET", "x")
    said = json.loads(run_program(python("import json, os; print(json.dumps(dict(os.environ)))"), tmp_path))
    assert said["HOME"] == "home" and "SOME_SECRET" not in said
    assert (said["TZ"], said["LC_ALL"]) == ("UTC", "C.UTF-8")
    assert list((tmp_path / "home").iterdir()) == []


def test_version_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def once(command: list[str], *arguments: object, **options: object) -> str:
        calls.append(command)
        return "This is tool, version 4.2-rc1 (2020)"

    monkeypatch.setattr(programs, "run_program", once)
    assert [program_version("/made/up/tool", "--version") for _ in range(3)] == ["4.2-rc1"] * 3
    assert calls == [["/made/up/tool", "--version"]]


def test_stamps_of_this_call_go_and_others_stay() -> None:
    now = 1_800_000_000.0  # 2027-01-15T08:00:00Z
    fresh = b"2027-01-15T08:00:01 2027:01:15 08:00:00 11111111-2222-3333-4444-555555555555"
    source = b"2027-01-15T07:00:00 aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    fixed = fixed_stamps(source + b" " + fresh, source, now, now + 1)
    assert fixed == source + b" 2026-01-01T00:00:00 2026:01:01 00:00:00 00000000-0000-0000-0000-000000000000"


def test_identifier_of_the_source_stays_wherever_it_was_kept() -> None:
    uuid = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    source, made = io.BytesIO(), io.BytesIO()
    for out, compressed in ((source, True), (made, False)):
        text = PngInfo()
        text.add_text("Comment", uuid, zip=compressed)
        text.add_text("Other", "" if compressed else uuid.replace("a", "b"), zip=True)
        Image.new("RGB", (2, 2)).save(out, "PNG", pnginfo=text)
    fixed = fixed_stamps(made.getvalue(), source.getvalue(), 0, 1)
    texts = Image.open(io.BytesIO(fixed)).text
    assert texts == {"Comment": uuid, "Other": "00000000-0000-0000-0000-000000000000"}
