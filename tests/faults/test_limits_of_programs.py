"""External programs are given files that strangers made: what they are started with, and where they end."""

import ast
import json
import sys
from pathlib import Path

import pytest

from bench import tools as programs
from bench.errors import CodedError
from bench.tools import run_program

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sets limits that Linux keeps, and looks into /proc")

#: Where a program is started otherwise than by ``run_program`` or ``call``, and why that is no danger.
STARTED_ELSEWHERE = {
    "attacks/chromium.py": "asks the browser for its version",
    "attacks/recompress_jpeg.py": "asks cjpeg for its version",
    "bench/downloads.py": "pip fetches a pinned wheel",
    "bench/harness/doctor.py": "asks programs for their versions",
    "bench/harness/header.py": "asks git for the commit",
    "bench/neural/washvae/photographs.py": "the training of washvae, by hand: packages of the distribution",
}


def test_words_of_a_command_are_never_read_by_a_shell(tmp_path: Path) -> None:
    words = ["; touch evil", "$(touch evil)", "`touch evil`", "a b", "*", "'", '"', "\n", "水洗", "-"]
    said = run_program([sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", *words], tmp_path)
    assert json.loads(said) == words
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "said.err", "said.out"]


def test_limits_are_set_and_cannot_be_raised(tmp_path: Path) -> None:
    kinds = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": programs.FILE_LIMIT, "RLIMIT_AS": 1 << 30}
    code = (
        "import json, os, resource as r; print(json.dumps([os.getcwd(), os.listdir('/proc/self/fd'), os.getsid(0) == "
        f"os.getpid(), {{k: r.getrlimit(getattr(r, k)) for k in {[*kinds, 'RLIMIT_CPU']}}}]))"
    )
    said = json.loads(run_program([sys.executable, "-c", code], tmp_path, seconds=9, memory=1 << 30))
    assert said[0] == "." and len(said[1]) <= 4 and said[2] is True
    processor = said[3].pop("RLIMIT_CPU")
    assert said[3] == {kind: [limit, limit] for kind, limit in kinds.items()}
    assert processor[0] == processor[1] and 10 <= processor[0] < 10_000


def test_file_that_grows_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "FILE_LIMIT", 1 << 16)
    with pytest.raises(CodedError, match="E_TOOL"):
        run_program(["/bin/sh", "-c", "while :; do echo 0123456789; done > out"], tmp_path, seconds=20)
    assert (tmp_path / "out").stat().st_size == 1 << 16


def test_what_leaves_its_group_keeps_its_limits(tmp_path: Path) -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_CPU)[1])"
    alone = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], start_new_session=True)"
    assert 0 < int(run_program([sys.executable, "-c", alone], tmp_path, seconds=9)) < 10_000


def test_programs_are_started_through_the_limits_alone() -> None:
    found = {}
    for path in sorted(file for folder in ("bench", "attacks") for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = node.attr if isinstance(node, ast.Attribute) else ""
            owner = node.value.id if name and isinstance(node.value, ast.Name) else ""
            if (owner, name) in {("os", "system"), ("os", "popen"), ("subprocess", "getoutput")}:
                pytest.fail(f"{path}:{node.lineno} starts a shell")
            if owner == "subprocess" and name in ("run", "Popen", "call", "check_call", "check_output"):
                found.setdefault(path.relative_to(ROOT).as_posix(), node.lineno)
            if isinstance(node, ast.keyword) and node.arg == "shell":
                pytest.fail(f"{path} asks for a shell")
    assert set(found) - {"bench/tools.py"} == set(STARTED_ELSEWHERE)
