"""Every command of the README and of the pages in docs/ is run, on small pictures, as it stands there.

``docs/detectors.md`` has a test of its own, which also makes the files that its sections need.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "README.zh-CN.md", "docs/method.md", "docs/regeneration.md", "docs/published-detectors.md")
#: What is not run, and why.
NOT_RUN = {
    "washtest weights fetch": "would download",
    "community-forensics": "needs weights that would be downloaded",
    "Published(": "needs the user's own weights",
}


def smaller(words: list[str]) -> list[str]:
    """The same command in seconds: fewer files, cheap detectors where it names none, in this process."""
    if words[0] != "run":
        return words
    light = [] if "--detector" in words else ["--detector", "header", "--detector", "spectrum"]
    return [*words, *light, *([] if "my/set" in words else ["--limit", "36"]), "--jobs", "0", "--quiet"]


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)


def commands(page: str) -> Iterator[str]:
    """In the page's order, but data sets are imported first: readers of the first lines are told of their own."""
    found = blocks(page, "sh")
    for block in sorted(found, key=lambda text: "dataset import" not in text):
        for line in block.splitlines():
            if line.startswith("washtest "):
                yield line


@pytest.fixture
def folder(tmp_path: Path, tools, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with pictures of people's own and made ones."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("photos", "made")):
        Path(name).mkdir()
        for i in range(24):
            file = Path(name) / f"{name}-{i:02}.jpg"
            file.write_bytes(tools.encode(tools.texture(100 * number + i, 96, 128)))
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands(page))])
def test_commands_run(page: str, folder: Path, washtest) -> None:
    for block in blocks(page, "python"):
        if name := re.match(r"# (\S+\.py)\n", block):
            Path(name[1]).write_text(block, "utf-8")
    ran = 0
    if "washtest compare" in "".join(blocks(page, "sh")):
        assert washtest(*smaller(["run"])).code == 0  # the page's first command, which also installs
    for line in commands(page):
        if any(text in line for text in NOT_RUN):
            continue
        words = shlex.split(line, comments=True)[1:]
        answer = washtest(*smaller(words))
        assert answer.code == 0, f"{line}\n{answer.out}{answer.err}"
        ran += 1
    assert ran or page == "docs/published-detectors.md"


def test_what_is_not_run_is_still_there() -> None:
    text = "\n".join((ROOT / page).read_text("utf-8") for page in PAGES)
    assert [word for word in NOT_RUN if word not in text] == []
