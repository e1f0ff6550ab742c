"""Every command of the README and of the pages in docs/ is run, on small pictures, as it stands there.

``docs/detectors.md`` and ``docs/clusters.md`` have tests of their own, which also make the files that their sections
need; the Chinese README has the same commands as the English one, which ``test_readme.py`` holds it to.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/method.md", "docs/regeneration.md", "docs/published-detectors.md")
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
    small = ["--jobs", "0", "--quiet", "--gallery", "0"]
    if {"--detector", "--attack", "--bundle"} & set(words):
        there = [] if "--dataset" in words else ["--dataset", "my/set"]
        return [*words, *there, *([] if "--detector" in words else ["--detector", "declared"]), *small]
    # What is added here would give the run another folder than the page's next commands look for.
    suite = words[1] if len(words) > 1 and not words[1].startswith("-") else "quick"
    if "my/set" in words:
        return [*words, "--detector", "declared", "--out", f"runs/{suite}-set", *small]
    fitted = ["--detector", "header", "--detector", "spectrum", "--limit", "24"]
    return [*words, *fitted, "--out", f"runs/{suite}-mini", *small]


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
        for i in range(12):
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
