"""HTTP services as detectors, against a server in this process that answers well, badly, late and not at all."""

import base64
import email
import json
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.detectors.base import Detector, ask
from bench.harness import registry
from bench.media import Media

KEY = "sk-not-to-be-seen-anywhere"


class Server:
    """What it was asked, and what it is to answer: a function from the request to ``(status, headers, body)``."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes, float]] = []
        self.answer: Callable[[int, bytes], tuple[int, dict[str, str], bytes | None]] = lambda n, body: (500, {}, b"")
        server = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append((self.command, dict(self.headers), body, time.monotonic()))
                status, headers, said = server.answer(len(server.asked), body)
                if said is None:  # hang up without a word
                    self.connection.close()
                    return
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)
                except OSError:
                    pass  # whoever asked has gone

            do_POST = do_PUT = do_GET = handle_any

            def log_message(self, *args: Any) -> None:
                pass

            def finish(self) -> None:
                try:
                    super().finish()
                except (OSError, ValueError):
                    pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1/detect"

    def says(self, *answers: Any) -> None:
        """These JSON values or ``(status, headers, body)``, one after the other, the last again and again."""

        def answer(number: int, body: bytes) -> tuple[int, dict[str, str], bytes | None]:
            said = answers[min(number, len(answers)) - 1]
            return said if isinstance(said, tuple) else (200, {}, json.dumps(said).encode())

        self.answer = answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()
    made.thread.join()


@pytest.fixture
def detector(server: Server, tmp_path: Path):
    def make(more: str = "", score: str = "ai", batch: int = 1, timeout: float = 5) -> Detector:
        about = f'name = "mine"\nversion = "1"\nlicence = "proprietary"\nbatch = {batch}\n'
        (tmp_path / "card.toml").write_text(
            f'{about}url = "{server.url}"\nscore = "{score}"\ntimeout = {timeout}\n{more}'
        )
        return registry.detector(str(tmp_path / "card.toml"))

    return make


@pytest.fixture(scope="module")
def files(tools) -> list[Media]:
    return [Media.from_bytes(tools.encode(tools.texture(n), e)) for n, e in enumerate((".jpg", ".png", ".webp"))]


def test_one_file_in_json(server: Server, detector, files: list[Media]) -> None:
    server.says({"result": [{"ai": 0.75}]})
    (score,) = detector('body = {model = "v2"}', score="result.0.ai").score(files[:1])
    assert (score.value, score.status) == (0.75, "ok")
    method, headers, body, _ = server.asked[0]
    sent = json.loads(body)
    assert method == "POST" and headers["Content-Type"] == "application/json"
    assert base64.b64decode(sent.pop("image")) == files[0].data and sent == {"model": "v2"}
    assert "Authorization" not in headers


def test_many_files_in_json(server: Server, detector, files: list[Media]) -> None:
    server.answer = lambda n, body: (
        200, {}, json.dumps([{"p": len(base64.b64decode(one))} for one in json.loads(body)["files"]]).encode(),
    )  # fmt: skip
    scores = detector('field = "files"\nmethod = "PUT"', score="*.p", batch=2).score(files)
    assert [s.value for s in scores] == [len(f.data) for f in files]
    assert [len(json.loads(body)["files"]) for _, _, body, _ in server.asked] == [2, 1]
    assert server.asked[0][0] == "PUT"


def test_files_in_a_form(server: Server, detector, files: list[Media]) -> None:
    server.says({"scores": [0.1, 0.2, 0.3]})
    scores = detector('encoding = "multipart"\nfield = "f"\nbody = {a = "ü"}', "scores", 4).score(files)
    assert [s.value for s in scores] == [0.1, 0.2, 0.3]
    _, headers, body, _ = server.asked[0]
    # Read by the standard library's own parser of such messages.
    form = email.message_from_bytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
    parts = form.get_payload()
    assert [part.get_param("name", header="content-disposition") for part in parts] == ["a", "f", "f", "f"]
    assert parts[0].get_payload(decode=True).decode() == "ü"
    assert [part.get_payload(decode=True) for part in parts[1:]] == [f.data for f in files]
    assert [part.get_content_type() for part in parts[1:]] == ["image/jpeg", "image/png", "image/webp"]
    assert [part.get_filename() for part in parts[1:]] == ["000000.jpg", "000001.png", "000002.webp"]


def test_key_is_sent_and_stands_nowhere(
    server: Server, detector, files: list[Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = detector('key_env = "TEST_KEY"\nkey_prefix = "Bearer "\nheader = "X-Auth"')
    monkeypatch.delenv("TEST_KEY", raising=False)
    (score,) = ask(made, files[:1])
    assert (score.status, score.code) == ("unavailable", "E_KEY_MISSING")
    assert score.detail == "set the environment variable TEST_KEY to your key" and not server.asked
    monkeypatch.setenv("TEST_KEY", KEY)
    server.says({"ai": 1}, (403, {}, f"the key Bearer {KEY} is not known".encode()), (400, {}, KEY.encode()))
    assert made.score(files[:1])[0].value == 1
    assert server.asked[0][1]["X-Auth"] == f"Bearer {KEY}"
    refused = [ask(made, files[:1])[0] for _ in range(2)]
    assert [(s.status, s.code) for s in refused] == [("unavailable", "E_KEY"), ("error", "E_HTTP")]
    assert "***" in refused[0].detail
    monkeypatch.setenv("TEST_KEY", f"{KEY}\nX-More: 1")
    refused += ask(made, files[:1])
    assert refused[-1].code == "E_KEY"
    assert KEY not in f"{refused} {made!r} {made.info}"


def test_redirect_does_not_carry_the_key_away(
    server: Server, detector, files: list[Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    server.says((302, {"Location": server.url.replace("127.0.0.1", "localhost")}, b""), {"ai": 1})
    (score,) = ask(detector('key_env = "TEST_KEY"'), files[:1])
    assert (score.status, score.code) == ("error", "E_HTTP") and "status 302" in score.detail
    assert len(server.asked) == 1


@pytest.mark.parametrize("bad", [429, 500, 502, 503, 504])
def test_busy_service_is_asked_again(server: Server, detector, files: list[Media], bad: int) -> None:
    server.says((bad, {"Retry-After": "0"}, b""), (bad, {"Retry-After": formatdate(time.time() - 5)}, b""), {"ai": 0.5})
    assert detector().score(files[:1])[0].value == 0.5
    assert len(server.asked) == 3


def test_back_off_grows_and_retry_after_is_obeyed(server: Server, detector, files: list[Media], monkeypatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("bench.detectors.plugins.endpoint.time.sleep", slept.append)
    server.says((500, {}, b""), (500, {}, b""), (429, {"Retry-After": "7"}, b""), (500, {}, b"down for today"))
    (score,) = ask(detector(), files[:1])
    assert slept == [0.5, 1.0, 7.0]
    assert (score.code, score.detail) == ("E_HTTP", "status 500: down for today")
    slept.clear()
    server.says((503, {"Retry-After": "86400"}, b""))
    assert ask(detector(), files[:1])[0].detail == "status 503, retry after 86400"
    assert slept == []  # longer than the card lets it wait


def test_lost_connection_is_tried_again(server: Server, detector, files: list[Media], monkeypatch) -> None:
    monkeypatch.setattr("bench.detectors.plugins.endpoint.time.sleep", lambda seconds: None)
    server.says((0, {}, None), {"ai": 0.5})
    assert detector().score(files[:1])[0].value == 0.5
    server.http.shutdown()
    server.http.server_close()
    (score,) = ask(detector("retries = 1"), files[:1])
    assert (score.status, score.code) == ("error", "E_CONNECTION")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((400, {}, b"no"), "E_HTTP"),
        ((404, {}, b""), "E_HTTP"),
        ((200, {}, b""), "E_JSON"),
        ((200, {}, b"<html>welcome"), "E_JSON"),
        ((200, {}, b"[" * 100_000), "E_JSON"),
        ((200, {}, b'"' + b"x" * 2_000_000 + b'"'), "E_OUTPUT"),
        ({"score": 0.5}, "E_OUTPUT"),
        ([], "E_OUTPUT"),
        ({"ai": None}, "E_NOT_A_NUMBER"),
        ({"ai": "0.5"}, "E_NOT_A_NUMBER"),
        ({"ai": {}}, "E_NOT_A_NUMBER"),
        ((200, {}, b'{"ai": NaN}'), "E_NOT_FINITE"),
        ((200, {}, b'{"ai": 1e999}'), "E_NOT_FINITE"),
        ({"ai": []}, "E_LENGTH"),
        ({"ai": [0.5, 0.5]}, "E_LENGTH"),
    ],
)
def test_answer_that_is_none_is_an_error(server: Server, detector, files: list[Media], answer: Any, code: str) -> None:
    server.says(answer)
    (score,) = ask(detector(), files[:1])
    assert (score.value, score.status, score.code) == (None, "error", code)
    assert len(server.asked) == 1  # none of these is better the second time


def test_one_file_that_the_service_refuses_costs_no_other_its_verdict(
    server: Server, detector, files: list[Media]
) -> None:
    png = base64.b64encode(files[1].data).decode()

    def answer(number: int, body: bytes) -> tuple[int, dict[str, str], bytes]:
        sent = json.loads(body)["image"]
        return (400, {}, b"no PNG") if png in sent else (200, {}, json.dumps([0.5] * len(sent)).encode())

    server.answer = answer
    scores = ask(detector(score="*", batch=3), files)
    assert [(s.value, s.code) for s in scores] == [(0.5, ""), (None, "E_HTTP"), (0.5, "")]


def test_slow_service_is_cut_off(server: Server, detector, files: list[Media]) -> None:
    def late(number: int, body: bytes) -> tuple[int, dict[str, str], bytes]:
        time.sleep(1)
        return 200, {}, b'{"ai": 1}'

    server.answer = late
    start = time.monotonic()
    (score,) = ask(detector(timeout=0.2), files[:1])
    assert (score.status, score.code) == ("error", "E_TIMEOUT")
    assert time.monotonic() - start < 0.9
    assert len(server.asked) == 1  # a service that is too slow is not asked again


def test_service_that_drips_is_cut_off(tmp_path: Path, files: list[Media]) -> None:
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                while not stop.wait(0.05):  # each byte comes well within any socket's timeout
                    connection.sendall(b"H")
            except OSError:
                pass

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    (tmp_path / "card.toml").write_text(
        'name = "drips"\nversion = "1"\nlicence = "x"\nscore = "ai"\ntimeout = 0.4\n'
        f'url = "http://127.0.0.1:{listener.getsockname()[1]}/"\n'
    )
    start = time.monotonic()
    (score,) = ask(registry.detector(str(tmp_path / "card.toml")), files[:1])
    assert (score.code, score.detail) == ("E_TIMEOUT", "no whole answer within 0.4 s")
    assert time.monotonic() - start < 2
    stop.set()
    thread.join()
    listener.close()


def test_rate_is_kept(server: Server, detector, files: list[Media]) -> None:
    server.says({"ai": 0.5})
    made = detector("rate = 20.0")
    for _ in range(4):
        made.score(files[:1])
    times = [at for *_, at in server.asked]
    assert times[-1] - times[0] >= 3 / 20 - 0.02
