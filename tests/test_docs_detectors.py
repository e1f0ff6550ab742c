"""Every example of docs/detectors.md is taken from the page and run."""

import hashlib
import json
import re
import shlex
import shutil
import sys
import threading
import tomllib
from collections.abc import Callable
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bench.detectors.plugins.card import About
from bench.detectors.plugins.endpoint import Service
from bench.detectors.plugins.network import Answer
from bench.detectors.plugins.program import Command
from bench.detectors.plugins.torch_module import TorchModule
from bench.harness import registry
from bench.neural.preprocessing import Preprocessing

PAGE = (Path(__file__).resolve().parents[1] / "docs/detectors.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M))


def blocks(text: str, *kinds: str) -> list[str]:
    return re.findall(rf"```(?:{'|'.join(kinds)})\n(.*?)```", text, re.S)


@pytest.fixture
def section(tmp_path: Path, tools, monkeypatch: pytest.MonkeyPatch, washtest):
    """Writes a section's files into an empty folder and runs its commands; returns the scores."""
    monkeypatch.chdir(tmp_path)
    Path("picture.jpg").write_bytes(tools.encode(tools.texture(1, 300, 280)))

    def play(title: str, before: Callable[[], None] = lambda: None) -> list[float]:
        for block in blocks(SECTIONS[title], "python", "toml", "csv"):
            name = re.match(r"# (\S+)\n", block)
            if name:
                Path(name[1]).write_text(block.split("\n", 1)[1] if name[1].endswith(".csv") else block, "utf-8")
        before()
        values = []
        for line in "".join(blocks(SECTIONS[title], "sh")).splitlines():
            answer = washtest(*shlex.split(line)[1:], "--json")
            assert answer.code == 0, answer.out + answer.err
            values += [row["value"] for row in answer.json if row["status"] == "ok"]
        assert values, "nothing was scored"
        return values

    return play


def pin(card: str, file: str, mark: str = "<of the file>") -> None:
    """The digest that the page leaves open."""
    text = Path(card).read_text("utf-8")
    assert mark in text
    Path(card).write_text(text.replace(mark, hashlib.sha256(Path(file).read_bytes()).hexdigest()), "utf-8")


def test_class(section) -> None:
    from bench.media import Media

    assert section("A class") == [pytest.approx(Media.read(Path("picture.jpg")).pixels().mean())]


def test_class_keeps_the_contract(section) -> None:
    from bench.checks import checks_for

    section("A class")
    for check in checks_for(registry.detector("my_class.py:Brightness")):
        check()


def test_function(section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    first, second = section("A function")
    assert first == second > 0
    sys.modules.pop("my_detector", None)


def test_entry_point(section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import tools

    caches = (tools._installed, registry.detector_classes)

    def install() -> None:
        project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
        folder = Path(f"{project['name'].replace('-', '_')}-{project['version']}.dist-info")
        folder.mkdir()
        groups = project["entry-points"].items()
        lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in found.items()) for group, found in groups]
        (folder / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(tmp_path)
        for cache in caches:
            cache.cache_clear()

    try:
        assert section("An entry point", install)[0] > 0
    finally:
        for cache in caches:
            cache.cache_clear()
        sys.modules.pop("my_package", None)


def test_onnx_file(section) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from onnx import TensorProto, helper

    def make() -> None:
        graph = helper.make_graph(
            [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2, 3], keepdims=0)], "mean",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 224, 224])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        onnx.save(model, "net.onnx")
        pin("net.toml", "net.onnx")

    assert 0 < section("An ONNX file", make)[0] < 1


def test_torch_module(section) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")

    def make() -> None:
        from bench.importing import import_object

        safetensors.save_file(import_object("net.py:build", "net.py:build")().state_dict(), "net.safetensors")
        pin("torch.toml", "net.safetensors")

    assert len(section("A torch module", make)) == 1


def test_program(section) -> None:
    if shutil.which("python3") is None:
        pytest.skip("there is no python3 on PATH")
    assert section("A program") == [Path("picture.jpg").stat().st_size]


def test_http_service(section, monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Authorization"] == "Bearer secret" and len(sent["images"]) == 1
            said = json.dumps({"results": [{"ai": 0.25}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("DETECTOR_KEY", "secret")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def here() -> None:
        text = Path("service.toml").read_text("utf-8")
        address = "https://detector.example"
        assert address in text
        Path("service.toml").write_text(text.replace(address, f"http://127.0.0.1:{server.server_port}"), "utf-8")

    try:
        assert section("An HTTP service", here) == [0.25]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_table_of_scores(section) -> None:
    assert section("A table of scores", lambda: pin("scores.csv", "picture.jpg", "<of picture.jpg>")) == [0.93]


def test_every_command_and_option_of_the_page_exists() -> None:
    from bench.cli import cli

    for line in "".join(blocks(PAGE, "sh")).splitlines():
        name, *words = shlex.split(line)[1:]
        options = {option for parameter in cli.commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line


def test_every_key_of_a_card_is_on_the_page() -> None:
    given = {"folder", "file", "card"}  # not of the card: the loader's own
    keys = {f.name for kind in (About, Preprocessing, Answer, TorchModule, Command, Service) for f in fields(kind)}
    table = SECTIONS["The keys of a card"]
    assert [key for key in sorted(keys - given) if f"`{key}`" not in table] == []
