"""What must hold for any bytes at all: a value or a code, soon, in little memory, and no label missed in silence."""

import dataclasses
import json
import resource
import time
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench import containers
from bench.containers import jumbf
from bench.errors import CodedError
from bench.labels import METADATA
from bench.labels.base import Label, Reading
from bench.media import Media

#: Processor seconds for 100 kB and for anything shorter; generous, since the readers run instrumented here.
SECONDS = 1.0
MEGABYTES = 200
READERS: tuple[Callable[[bytes], object], ...] = (
    containers.sniff,
    containers.header,
    containers.exif,
    containers.xmp_packets,
    containers.text_chunks,
    jumbf.find,
)
STATES = ("present", "broken", "residue", "absent", "not_applicable", "error")
#: Bytes that each label leaves and a file without it does not have.
MARKERS = {"gb45438": (b"TC260:AIGC", b"ContentProducer"), "iptc": (b":DigitalSourceType",), "c2pa": (jumbf.STORE,)}


class Finding(NamedTuple):
    """Something that should not be: its kind, who did it, and what was seen."""

    kind: str
    where: str
    detail: str


def examine(data: bytes) -> list[Finding]:
    """Every container reader and every metadata label on these bytes."""
    findings: list[Finding] = []
    for reader in READERS:
        _watched(findings, data, getattr(reader, "__name__", str(reader)), lambda reader=reader: reader(data))
    try:
        mime = containers.sniff(data)
    except CodedError:
        mime = "image/jpeg"  # a file that was sniffed before it was damaged
    media = Media(data, mime)
    for label in METADATA:
        reading = _watched(findings, data, label.name, lambda label=label: label.read(media))
        findings += judged(label, media, reading)
    return findings


def _watched(findings: list[Finding], data: bytes, name: str, call: Callable[[], Any]) -> Any:
    """What the call gives; None for a ``CodedError``. Other exceptions, slowness and memory are findings."""
    before, peak, begin = _resident(), _peak(), time.process_time()
    result = None
    try:
        result = call()
    except CodedError as error:
        if not error.code.startswith("E_"):
            findings.append(Finding("no code", name, repr(error)))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        findings.append(Finding(kind, name, str(error)))
    seconds, grown = time.process_time() - begin, (_peak() - before) / 1024
    if seconds > SECONDS * max(1.0, len(data) / 100_000):
        findings.append(Finding("slow", name, f"{seconds:.2f} s for {len(data)} bytes"))
    if _peak() > peak and grown > MEGABYTES:
        findings.append(Finding("memory", name, f"{grown:.0f} MB for {len(data)} bytes"))
    return result


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def judged(label: Label, media: Media, reading: object) -> list[Finding]:
    """What is wrong with a reading of these bytes, whatever they are."""
    if not isinstance(reading, Reading):
        return [Finding("no reading", label.name, repr(reading))]
    out = []
    if reading.state not in STATES:
        out.append(Finding("state", label.name, reading.state))
    if reading.state == "error" and not reading.code.startswith("E_"):
        out.append(Finding("error without a code", label.name, repr(reading)))
    # A reader that gave up for a reason that was not foreseen: the state is right, the reader is not.
    if reading.state == "error" and reading.code[2:].lower() in _BUILTIN:
        out.append(Finding(f"unforeseen {reading.code}", label.name, reading.detail))
    try:
        json.dumps(dataclasses.asdict(reading), ensure_ascii=False).encode("utf-8")
    except ValueError as error:
        out.append(Finding("no text", label.name, str(error)))
    if reading.state == "absent":
        why = not_whole(media)
        if why:
            out.append(Finding("absent, not whole", label.name, why))
        understood = b"".join(_packets(media.data)) if label.name == "iptc" else b""
        for marker in MARKERS.get(label.name, ()):
            if media.data.count(marker) > understood.count(marker):
                out.append(Finding("absent, but there", label.name, marker.decode("latin-1")))
    return out


_BUILTIN = {
    name.lower() for name, value in vars(__import__("builtins")).items()
    if isinstance(value, type) and issubclass(value, Exception)
} | {"error", "parseerror", "memory"}  # fmt: skip


def _packets(data: bytes) -> list[bytes]:
    try:
        return [packet.payload for packet in containers.xmp_packets(data)]
    except CodedError:
        return []


def not_whole(media: Media) -> str:
    """Why the file cannot be whole, by what its format says and without our own readers; "" where it may be."""
    data, mime = media.data, media.mime
    if mime == "image/png":
        return _png(data)
    if mime == "image/jpeg":
        scan = data.find(b"\xff\xda")
        return "" if scan >= 0 and data.rfind(b"\xff\xd9") > scan else "no end marker behind a scan"
    if mime == "image/webp":
        return "" if 8 + int.from_bytes(data[4:8], "little") <= len(data) else "the form is cut off"
    if mime == "image/gif":
        return "" if b"\x3b" in data[13:] else "no trailer"
    if mime in ("image/avif", "image/heic"):
        at = 0
        while 0 <= at < len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            size = int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size or len(data) - at
            if size < 8:
                return f"a box of {size} bytes"
            at += size
        return "" if at == len(data) else "a box reaches past the end"
    return ""


def _png(data: bytes) -> str:
    at = 8
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(data):
            break
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return "a chunk with a wrong checksum"
        if kind == b"IEND":
            return ""
        at = end
    return "no IEND"
