"""One HTTP request and its JSON answer, bounded in time and size, with the standard library."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from bench.containers import EXTENSIONS
from bench.media import Media

#: Most bytes of an answer: this and as much for each file.
MAX_ANSWER, MAX_ROW = 1 << 20, 1 << 16
#: Answers after which the same request may be sent again.
AGAIN = (429, 500, 502, 503, 504)


class Refused(Exception):
    """A request without an answer.

    Attributes:
        code: as in the records; ``E_KEY`` when the service refuses the key.
        detail: one line.
        again: whether another try may help.
        after: seconds that the service asks to wait first; None where it says nothing.
    """

    def __init__(self, code: str, detail: str, again: bool = False, after: float | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.again, self.after = code, detail, again, after


def wrong_url(url: str) -> str:
    """What is wrong with an address, or ""."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"cannot be read: {error}"
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or not url.isprintable():
        return f"must start with http:// or https:// and name a host, in ASCII, got {url!r}"
    if parts.username or parts.password:
        return "must not hold a user or password; put the key into an environment variable and name it in key_env"
    return " must not hold a space" if " " in url else ""


def json_body(batch: Sequence[Media], field: str, more: Mapping[str, str], several: bool) -> tuple[str, bytes]:
    """Content type and body: the files in base64, as a list where ``several`` may be sent at once."""
    files = [base64.b64encode(media.data).decode() for media in batch]
    return "application/json", json.dumps({**more, field: files if several else files[0]}).encode()


def multipart_body(batch: Sequence[Media], field: str, more: Mapping[str, str]) -> tuple[str, bytes]:
    """Content type and body: one part for each file, as RFC 7578 has it."""
    # Equal requests have equal bytes; the digests stand in no file.
    boundary = f"washtest-{batch[0].sha256[:32]}"
    parts = []
    for name, value in more.items():
        safe = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{safe}"\r\n\r\n{value}\r\n'.encode())
    for i, media in enumerate(batch):
        head = f'Content-Disposition: form-data; name="{field}"; filename="{i:06d}{EXTENSIONS[media.mime]}"'
        parts.append(f"--{boundary}\r\n{head}\r\nContent-Type: {media.mime}\r\n\r\n".encode() + media.data + b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join([*parts, f"--{boundary}--\r\n".encode()])


def exchange(method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float, files: int) -> Any:
    """The JSON answer to one request.

    The request runs in a thread that is left behind when its time is over: a socket's own timeout starts anew with
    every byte, so a service that drips would never be cut off.

    Args:
        method: of the request.
        url: of the service; redirects are refused.
        headers: as they are sent.
        body: as it is sent.
        seconds: for all of it.
        files: that it holds; bounds the answer.

    Raises:
        Refused: there is no answer.
    """
    done: list[Any] = []

    def work() -> None:
        try:
            done.append(_exchange(method, url, headers, body, seconds, files))
        except BaseException as error:
            done.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not done:
        raise Refused("E_TIMEOUT", f"no whole answer within {seconds:g} s")
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def _exchange(method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float, files: int) -> Any:
    import http.client
    import urllib.error
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: Any) -> None:
            """Stay here."""

    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
    limit = MAX_ANSWER + MAX_ROW * files
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=seconds) as answer:
            data = answer.read(limit + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error.code, error.headers.get("Retry-After"), _beginning(error)) from None
    except TimeoutError:
        raise Refused("E_TIMEOUT", f"no answer within {seconds:g} s") from None
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise Refused("E_TIMEOUT", f"no answer within {seconds:g} s") from None
        raise Refused("E_CONNECTION", f"{type(reason).__name__}: {reason}", again=True) from None
    if len(data) > limit:
        raise Refused("E_OUTPUT", f"the answer is longer than {limit} bytes")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Refused("E_JSON", f"the answer is no JSON: {data[:80].decode('utf-8', 'replace')!r}") from None


def _refused(status: int, retry_after: str | None, said: str) -> Refused:
    detail = (
        f"status {status}" + (f", retry after {retry_after}" if retry_after else "") + (f": {said}" if said else "")
    )
    if status in (401, 403):
        return Refused("E_KEY", detail)
    return Refused("E_HTTP", detail, again=status in AGAIN, after=_seconds(retry_after))


def _seconds(retry_after: str | None) -> float | None:
    """Of a Retry-After header, a number or a date (RFC 9110, 10.2.3)."""
    import time
    from email.utils import parsedate_to_datetime

    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _beginning(answer: Any) -> str:
    try:
        text = answer.read(2000).decode("utf-8", "replace")
    except Exception:  # the status has said enough
        return ""
    return " ".join(text.split())[:160]
