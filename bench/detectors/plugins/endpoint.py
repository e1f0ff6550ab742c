"""An HTTP service as a detector: files sent as base64 in JSON or as a multipart form, scores out of its JSON answer.

The key comes from an environment variable that the card names; it is sent in one header and stands nowhere else.
Redirects are not followed, since they would carry it to another host.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.detectors.base import DetectorInfo, Score, checked, no_verdict
from bench.detectors.plugins import http
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    from bench.detectors.plugins.card import Card

ENCODINGS = ("json", "multipart")
METHODS = ("POST", "PUT")


@settings
class Service:
    """How the service is asked.

    Attributes:
        url: ``http://`` or ``https://``, without a key in it.
        score: where the scores are in the JSON answer, e.g. ``result.ai``, ``scores`` (a list) or ``images.*.ai``
            (one in each element of a list). Names and numbers of elements, joined by dots.
        method: ``POST`` or ``PUT``.
        encoding: ``json`` (base64) or ``multipart``.
        field: name of the field that holds the file, or with ``batch`` above 1 the list of files.
        body: further fields, a table of texts.
        header: that the key is sent in.
        key_env: environment variable that holds the key; "" for none.
        key_prefix: before the key, e.g. ``Bearer `` (with its space).
        timeout: seconds for one request, above 0 and at most 3600.
        retries: after 429, 500, 502, 503, 504 and lost connections, 0..10.
        longest_wait: seconds that it waits at most before another try, 0..3600.
        rate: most requests per second of each worker, above 0; 0 for no limit.
    """

    url: str
    score: str
    method: str = "POST"
    encoding: str = "json"
    field: str = "image"
    body: Any = ()
    header: str = "Authorization"
    key_env: str = ""
    key_prefix: str = ""
    timeout: float = 30.0
    retries: int = 3
    longest_wait: float = 30.0
    rate: float = 0.0

    def __post_init__(self) -> None:
        if wrong := http.wrong_url(self.url):
            raise ValueError(f"url {wrong}")
        if not self.score or not all(self.score.split(".")) or self.score.split(".").count("*") > 1:
            raise ValueError(f"score must be a path such as result.ai or images.*.ai, got {self.score!r}")
        for name, known in (("method", METHODS), ("encoding", ENCODINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if not re.fullmatch(r"[\w.\[\]-]+", self.field):
            raise ValueError(f"field must be a name, got {self.field!r}")
        if not re.fullmatch(r"[A-Za-z0-9-]+", self.header):
            raise ValueError(f"header must be a name of letters, digits and -, got {self.header!r}")
        if not re.fullmatch(r"[\x20-\x7e]*", self.key_prefix):
            raise ValueError("key_prefix must be printable ASCII")
        if self.body != () and not (
            isinstance(self.body, Mapping) and all(isinstance(v, str) for v in self.body.values())
        ):
            raise ValueError(f"body must be a table of texts, got {self.body!r}")
        object.__setattr__(self, "body", tuple(dict(self.body).items()))
        if not 0 < self.timeout <= 3600 or not 0 <= self.longest_wait <= 3600:
            raise ValueError("timeout must be above 0 and at most 3600 seconds, longest_wait in 0..3600")
        if not 0 <= self.retries <= 10:
            raise ValueError(f"retries must be in 0..10, got {self.retries}")
        if not 0 <= self.rate < 1e6:
            raise ValueError(f"rate must be 0 (no limit) or requests per second, got {self.rate:g}")


@dataclass(frozen=True, repr=False)
class EndpointDetector:
    """A service with its card.

    Attributes:
        path: of the card, as the user gave it.
        info: who it is.
        service: how it is asked.
    """

    path: str
    info: DetectorInfo
    service: Service

    def __repr__(self) -> str:
        return self.path

    def missing(self) -> str:
        """What is to be done before it can be asked, or ""."""
        name = self.service.key_env
        return f"set the environment variable {name} to your key" if name and not os.environ.get(name) else ""

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """One score per file; a request that fails is an error of each of its files."""
        if missing := self.missing():
            raise Unavailable("E_KEY_MISSING", missing)
        parts = [batch[i : i + self.info.batch] for i in range(0, len(batch), self.info.batch)]
        return [score for part in parts for score in self._part(part)]

    def _part(self, batch: Sequence[Media]) -> list[Score]:
        try:
            values = found(self._asked(batch), self.service.score.split("."))
        except CodedError as error:
            return [no_verdict(error)] * len(batch)
        if not isinstance(values, list):
            values = [values]
        if len(values) != len(batch):
            detail = f"the service gave {len(values)} scores for {len(batch)} files"
            return [Score(None, "error", "E_LENGTH", detail)] * len(batch)
        return [checked(value) for value in values]

    def _asked(self, batch: Sequence[Media]) -> Any:
        """The JSON answer.

        Raises:
            Unavailable: ``E_KEY``, a key that cannot be sent or that the service refuses.
            CodedError: ``E_HTTP``, ``E_TIMEOUT``, ``E_CONNECTION``, ``E_JSON``, ``E_OUTPUT``.
        """
        service = self.service
        key = os.environ.get(service.key_env, "") if service.key_env else ""
        if not re.fullmatch(r"[\x20-\x7e]*", key):
            raise Unavailable("E_KEY", f"{service.key_env} holds characters that no header can")
        if service.encoding == "json":
            kind, body = http.json_body(batch, service.field, dict(service.body), self.info.batch > 1)
        else:
            kind, body = http.multipart_body(batch, service.field, dict(service.body))
        headers = {"Content-Type": kind, "Accept": "application/json", "User-Agent": "washtest"}
        if key:
            headers[service.header] = service.key_prefix + key
        for attempt in range(service.retries + 1):
            _wait_turn(service.url, service.rate)
            try:
                return http.exchange(service.method, service.url, headers, body, service.timeout, len(batch))
            except http.Refused as refused:
                wait = refused.after if refused.after is not None else 0.5 * 2**attempt
                if refused.again and attempt < service.retries and wait <= service.longest_wait:
                    time.sleep(wait)
                    continue
                # A service may repeat what it was sent.
                detail = refused.detail.replace(key, "***") if key else refused.detail
                kind_of = Unavailable if refused.code == "E_KEY" else CodedError
                raise kind_of(refused.code, detail) from None
        raise AssertionError("unreachable: the last attempt returns or raises")


def found(answer: Any, path: Sequence[str]) -> Any:
    """What lies at a path of a JSON value.

    Raises:
        CodedError: ``E_OUTPUT``, nothing does.
    """
    for i, name in enumerate(path):
        if name == "*" and isinstance(answer, list):
            return [found(one, path[i + 1 :]) for one in answer]
        if isinstance(answer, list) and name.isdecimal() and int(name) < len(answer):
            answer = answer[int(name)]
        elif isinstance(answer, dict) and name in answer:
            answer = answer[name]
        else:
            raise CodedError("E_OUTPUT", f"the answer has no {'.'.join(path[: i + 1])}")
    return answer


#: When each service may be asked again, by this process.
_next_turn: dict[tuple[int, str], float] = {}


def _wait_turn(url: str, rate: float) -> None:
    if not rate:
        return
    at = os.getpid(), url
    now = time.monotonic()
    turn = max(now, _next_turn.get(at, now))
    _next_turn[at] = turn + 1 / rate
    time.sleep(turn - now)


def from_card(card: Card) -> EndpointDetector:
    """The detector of a card that names a URL.

    Raises:
        UserError: as ``read_card``.
    """
    service = card.take(Service)
    return EndpointDetector(card.path, card.info(), service)
