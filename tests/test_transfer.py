"""Files over HTTP from a server on this machine that does all that a server can do wrong."""

import contextlib
import hashlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.errors import CodedError
from bench.transfer import Expected, Patience, address, fetch

CONTENT = bytes(range(256)) * 300
QUICK = Patience(attempts=3, stall=0.3, slowest=1e6, grace=0.5, pause=0.0)
URL = "https://files.example.org/some%20folder/picture.png"

Handler = http.server.BaseHTTPRequestHandler


def whole(request: Handler, content: bytes = CONTENT) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


@pytest.fixture
def mirror() -> Iterator[Callable[..., str]]:
    """Starts a server whose answers are these functions in turn, the last one for ever; gives its address."""
    servers = []

    def start(*answers: Callable[[Handler], None]) -> str:
        turns = list(answers)

        class Turns(Handler):
            def do_GET(self) -> None:
                start.asked.append((self.path, self.headers["Range"]))  # type: ignore[attr-defined]
                (turns.pop(0) if len(turns) > 1 else turns[0])(self)

            def log_message(self, *args: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Turns)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    start.asked = []  # type: ignore[attr-defined]
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def expected(content: bytes = CONTENT) -> Expected:
    return Expected(len(content), len(content), hashlib.sha256(content).hexdigest())


def code(address: str, target: Path, wanted: Expected | None = None) -> str:
    with pytest.raises(CodedError) as raised:
        fetch(URL, target, wanted or expected(), QUICK, address)
    assert not target.exists()
    return raised.value.code


def half(request: Handler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(CONTENT)))
    request.end_headers()
    request.wfile.write(CONTENT[: len(CONTENT) // 2])


def the_rest(request: Handler) -> None:
    start = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
    request.send_response(206)
    request.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
    request.send_header("Content-Length", str(len(CONTENT) - start))
    request.end_headers()
    request.wfile.write(CONTENT[start:])


def refuse(status: int, **headers: str) -> Callable[[Handler], None]:
    def answer(request: Handler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def test_a_file_comes_by_host_and_path_and_nothing_else_is_left(mirror, tmp_path: Path) -> None:
    fetch(URL, tmp_path / "picture.png", expected(), QUICK, mirror(whole))
    assert (tmp_path / "picture.png").read_bytes() == CONTENT
    assert mirror.asked == [("/files.example.org/some%20folder/picture.png", None)]
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_a_broken_line_is_gone_on_with(mirror, tmp_path: Path) -> None:
    fetch(URL, tmp_path / "picture.png", expected(), QUICK, mirror(half, the_rest))
    assert (tmp_path / "picture.png").read_bytes() == CONTENT
    assert [ranges for _, ranges in mirror.asked] == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_later_start_goes_on_too(mirror, tmp_path: Path) -> None:
    assert code(mirror(half), tmp_path / "picture.png") == "E_TRUNCATED"
    fetch(URL, tmp_path / "picture.png", expected(), QUICK, mirror(the_rest))
    assert (tmp_path / "picture.png").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_again(mirror, tmp_path: Path) -> None:
    fetch(URL, tmp_path / "picture.png", expected(), QUICK, mirror(half, whole))
    assert (tmp_path / "picture.png").read_bytes() == CONTENT


def test_half_of_another_file_is_thrown_away(mirror, tmp_path: Path) -> None:
    (tmp_path / ".picture.png.part").write_bytes(b"x" * 1000)
    fetch(URL, tmp_path / "picture.png", expected(), QUICK, mirror(the_rest, whole))
    assert (tmp_path / "picture.png").read_bytes() == CONTENT


def test_without_a_digest_nothing_is_gone_on_with(mirror, tmp_path: Path) -> None:
    fetch(URL, tmp_path / "sheet", Expected(1 << 20), QUICK, mirror(half, whole))
    assert (tmp_path / "sheet").read_bytes() == CONTENT
    assert [ranges for _, ranges in mirror.asked] == [None, None]


def test_other_bytes_are_refused_at_once(mirror, tmp_path: Path) -> None:
    assert code(mirror(lambda request: whole(request, CONTENT[::-1])), tmp_path / "picture.png") == "E_DIGEST"
    assert len(mirror.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_too_large_is_refused_by_its_header_and_by_its_bytes(mirror, tmp_path: Path) -> None:
    def unannounced(request: Handler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(CONTENT * 2)

    assert code(mirror(lambda request: whole(request, CONTENT * 2)), tmp_path / "a") == "E_TOO_LARGE"
    assert code(mirror(unannounced), tmp_path / "a") == "E_TOO_LARGE"
    assert list(tmp_path.iterdir()) == []


def test_not_found_is_said_at_once_and_busy_is_asked_again(mirror, tmp_path: Path) -> None:
    assert code(mirror(refuse(404)), tmp_path / "a") == "E_HTTP_404"
    assert len(mirror.asked) == 1
    fetch(URL, tmp_path / "a", expected(), QUICK, mirror(refuse(503), refuse(429, Retry_After="0"), whole))
    assert code(mirror(refuse(429, Retry_After="86400")), tmp_path / "b") == "E_HTTP_429"


def test_a_server_that_stalls_or_trickles_is_given_up(mirror, tmp_path: Path) -> None:
    def stall(request: Handler) -> None:
        request.send_response(200)
        request.end_headers()
        time.sleep(1)

    def trickle(request: Handler) -> None:
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(40):
                request.wfile.write(b"x")
                time.sleep(0.05)

    assert code(mirror(stall), tmp_path / "a") == "E_TIMEOUT"
    begun = time.monotonic()
    assert code(mirror(trickle), tmp_path / "a") == "E_TIMEOUT"
    assert time.monotonic() - begun < 1.9


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://files.example.org/a", "http://files.example.org/a", "data:,x"]
)
def test_a_redirect_leads_to_https_only(mirror, tmp_path: Path, place: str) -> None:
    assert code(mirror(refuse(302, Location=place)), tmp_path / "a") == "E_REDIRECT"


def test_a_redirect_within_the_mirror_is_followed(mirror, tmp_path: Path) -> None:
    base = mirror(lambda request: whole(request) if request.path == "/b" else refuse(302, Location="/b")(request))
    fetch(URL, tmp_path / "a", expected(), QUICK, base)
    assert code(mirror(refuse(302, Location="/round")), tmp_path / "c") == "E_REDIRECT"


def test_nobody_listens(tmp_path: Path) -> None:
    assert code("http://127.0.0.1:9", tmp_path / "a") == "E_CONNECTION"


@pytest.mark.parametrize("url", ["http://files.example.org/a", "file:///etc/passwd", "a/b", "https:///a"])
def test_only_https_is_asked(url: str) -> None:
    with pytest.raises(CodedError, match="E_URL"):
        address(url)
