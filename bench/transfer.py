"""One file over HTTP: bounded in size and time, resumed where the line broke, kept only if it is what was expected."""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.errors import CodedError

CHUNK = 1 << 18

#: Answers after which the same question may be answered otherwise (RFC 9110, clause 15).
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)

#: A server that asks for a longer pause than this is asked again by a later start.
LONGEST_PAUSE = 60.0


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        attempts: for one file.
        stall: seconds without a byte after which a connection is given up.
        slowest: bytes per second that a whole file must come at, after a minute's grace.
        grace: seconds that every file may take.
        pause: seconds before the second attempt; each further pause is twice as long.
    """

    attempts: int = 3
    stall: float = 30.0
    slowest: float = 20_000.0
    grace: float = 60.0
    pause: float = 1.0


@dataclass(frozen=True)
class Expected:
    """What a file must be.

    Attributes:
        limit: most bytes that are read.
        bytes: its size, where that is known.
        sha256: its digest, "" where that is not known and the caller checks what is made of it.
    """

    limit: int
    bytes: int | None = None
    sha256: str = ""


class _AgainError(Exception):
    """Worth another attempt: what went wrong, and the pause that the server asked for."""

    def __init__(self, why: CodedError, pause: float = 0.0) -> None:
        super().__init__(str(why))
        self.why, self.pause = why, pause


def address(url: str, mirror: str = "") -> str:
    """The address to ask: ``https://host/path``, or ``MIRROR/host/path`` where there is a mirror.

    Raises:
        CodedError: ``E_URL``: not https.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise CodedError("E_URL", f"{url} is no https address")
    return f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}" if mirror else url


def fetch(url: str, target: Path, expected: Expected, patience: Patience | None = None, mirror: str = "") -> None:
    """Fetch a file to ``target``, which appears whole or not at all; what a broken line left is gone on with.

    Args:
        url: https.
        target: in a folder that exists.
        expected: what it must be.
        patience: how long to wait.
        mirror: address whose ``/host/path`` is asked instead; it may be http.

    Raises:
        CodedError: ``E_URL``, ``E_HTTP_<status>``, ``E_REDIRECT``, ``E_CONNECTION``, ``E_TIMEOUT``, ``E_TRUNCATED``,
            ``E_TOO_LARGE``, ``E_DIGEST``.
        OSError: the disk.
    """
    patience = patience or Patience()
    part = target.with_name(f".{target.name}.part")
    where = address(url, mirror)
    for attempt in range(patience.attempts):
        try:
            _once(where, part, expected, patience, urllib.parse.urlsplit(mirror).netloc)
            break
        except _AgainError as failure:
            if attempt == patience.attempts - 1 or failure.pause > LONGEST_PAUSE:
                raise failure.why from None
            time.sleep(max(failure.pause, patience.pause * 2**attempt))
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)


def _once(url: str, part: Path, expected: Expected, patience: Patience, mirror: str) -> None:
    """One attempt; what came stays in ``part`` unless it is wrong."""
    have = part.stat().st_size if part.exists() else 0
    if not expected.sha256 or (expected.bytes is not None and have > expected.bytes):
        have = 0  # nothing would tell whether both halves are of one file
    if not have or have != expected.bytes:
        request = urllib.request.Request(url, headers={"User-Agent": "washtest"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        opener = urllib.request.build_opener(_Redirects(mirror))
        try:
            with opener.open(request, timeout=patience.stall) as answer:
                goes_on = answer.status == 206 and str(answer.headers["Content-Range"]).startswith(f"bytes {have}-")
                have = have if goes_on else 0
                with part.open("ab" if goes_on else "wb") as file:
                    _copy(answer, file, have, expected, patience)
        except CodedError as error:
            if error.code == "E_TOO_LARGE":
                part.unlink(missing_ok=True)
            raise
        except urllib.error.HTTPError as error:
            raise _refused(error) from None
        except TimeoutError:
            raise _AgainError(CodedError("E_TIMEOUT", f"no byte for {patience.stall:g} s")) from None
        except urllib.error.URLError as error:
            slow = isinstance(error.reason, TimeoutError)
            raise _AgainError(CodedError("E_TIMEOUT" if slow else "E_CONNECTION", str(error.reason))) from None
        except (http.client.HTTPException, ConnectionError) as error:
            raise _AgainError(CodedError("E_CONNECTION", f"{type(error).__name__} {error}")) from None
    _check(part, expected, resumed=have > 0)


def _copy(answer: Any, file: IO[bytes], have: int, expected: Expected, patience: Patience) -> None:
    deadline = time.monotonic() + patience.grace + expected.limit / patience.slowest
    stated = answer.headers["Content-Length"]
    whole = have + int(stated) if stated and str(stated).isdigit() else None
    if whole is not None and whole > expected.limit:
        raise CodedError("E_TOO_LARGE", f"the server offers {whole} bytes, more than {expected.limit}")
    # read1 gives what has come, so that a server which trickles cannot hide from the clock.
    while chunk := _read(answer):
        have += len(chunk)
        if have > expected.limit:
            raise CodedError("E_TOO_LARGE", f"more than {expected.limit} bytes came")
        file.write(chunk)
        if time.monotonic() > deadline:
            raise CodedError("E_TIMEOUT", f"{have} bytes came in the time for {expected.limit}")
    if have < (full := (expected.bytes or 0) if whole is None else whole):
        raise _AgainError(CodedError("E_TRUNCATED", f"{have} of {full} bytes came"))


def _read(answer: Any) -> bytes:
    try:
        return bytes(answer.read1(CHUNK))
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException) as error:  # of the line; those of the disk are not caught here
        raise _AgainError(CodedError("E_CONNECTION", f"{type(error).__name__} {error}")) from None


def _check(part: Path, expected: Expected, resumed: bool) -> None:
    size = part.stat().st_size
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if expected.bytes not in (None, size) or expected.sha256 not in ("", digest):
        part.unlink()
        wrong = CodedError(
            "E_DIGEST", f"{size} bytes with SHA-256 {digest[:16]}... came, not {expected.sha256[:16]}..."
        )
        # The half that was there may have been of another file: once more, from the start.
        raise _AgainError(wrong) if resumed else wrong


def _refused(error: urllib.error.HTTPError) -> Exception:
    error.close()  # it holds the connection
    if 300 <= error.code < 400:
        return CodedError("E_REDIRECT", f"redirected where it may not go: {error.headers['Location']}")
    if error.code == 416:  # what is there is longer than the file, or as long: let the digest say
        return CodedError("E_HTTP_416", "the server has no such range")
    refusal = CodedError(f"E_HTTP_{error.code}", str(error.reason))
    if error.code not in TRANSIENT:
        return refusal
    asked = str(error.headers["Retry-After"] or "")
    return _AgainError(refusal, float(asked) if asked.isdigit() else 0.0)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to https, and within the mirror; never down to http, to a file or to another scheme."""

    max_redirections = 5

    def __init__(self, mirror: str) -> None:
        self._mirror = mirror

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        parts = urllib.parse.urlsplit(newurl)
        if parts.scheme != "https" and not (self._mirror and parts.scheme == "http" and parts.netloc == self._mirror):
            fp.close()
            raise CodedError("E_REDIRECT", f"redirected where it may not go: {newurl[:200]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
