"""What the README says works as it stands there."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.checks import checks_for, picture
from bench.cli import cli
from bench.harness import registry

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def example(name: str) -> str:
    """The Python block whose first line is a comment with this file's name."""
    return re.search(rf"```python\n(# {re.escape(name)}\n.*?)```", README, re.S)[1]


def test_detector_example_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_detector.py").write_text(example("my_detector.py"), "utf-8")
    monkeypatch.chdir(tmp_path)
    scores = registry.detector("my_detector.py:score").score([picture()])
    assert [score.status for score in scores] == ["ok"]


def test_attack_example_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_attack.py").write_text(example("my_attack.py"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for check in checks_for(registry.attack("my_attack:Posterise")):
        check()


def commands() -> list[str]:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S))
    inline = re.findall(r"`(washtest [a-z][^`]*)`", README)
    lines = [line.split("#")[0].strip() for line in blocks.splitlines()]
    return sorted({line for line in [*lines, *inline] if line.startswith("washtest ")})


@pytest.mark.parametrize("command", commands())
def test_every_command_and_option_in_it_exists(command: str) -> None:
    words = [word for word in shlex.split(command)[1:] if word not in ("...", "[SUITE]")]
    found, names = cli, []
    while words and words[0] in getattr(found, "commands", {}):
        names.append(words.pop(0))
        found = found.commands[names[-1]]
    assert names, f"{command}: no such command"
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options | {"--help"}


def test_every_command_is_in_the_readme_and_has_an_example() -> None:
    def leaves(group, path=()):
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from leaves(command, (*path, name))
            else:
                yield (*path, name)

    for path in leaves(cli):
        shown = CliRunner().invoke(cli, [*path, "--help"]).output
        assert f"washtest {' '.join(path)}" in shown.split("Options:")[0].split("\n", 1)[1], f"{path} shows no example"
        assert path[-1] in README, f"{path} is not in the README"


def test_the_chinese_readme_has_the_same_commands_and_examples() -> None:
    chinese = (ROOT / "README.zh-CN.md").read_text("utf-8")
    blocks = [set(re.findall(r"```(?:sh|python)\n.*?```", text, re.S)) for text in (README, chinese)]
    assert blocks[0] == blocks[1]


def test_label_example_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_label.py").write_text(example("my_label.py"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for check in checks_for(registry.label("my_label:MadeBy")):
        check()
