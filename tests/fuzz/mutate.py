"""Damage that a parser has to look at: parts of each format changed with lengths and checksums put right again."""

import random
import struct
import zlib
from collections.abc import Callable

from bench.containers import isobmff, jpeg, magic, png, riff
from bench.errors import CodedError

RDF = b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
_LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 10))
#: Words of the formats and of what attackers write into them.
TOKENS: tuple[bytes, ...] = (
    b'<!DOCTYPE x [<!ENTITY l0 "lol">' + _LAUGHS + b"]>", b"&l9;", b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/">',
    b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?xpacket end='w'?>", b"<?xpacket begin=''?>", b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"<rdf:RDF " + RDF + b">", b"</rdf:RDF>", b"<rdf:Bag><rdf:li>", b"</rdf:li></rdf:Bag>", b'rdf:parseType="Resource"',
    b'rdf:resource="a"', b"<rdf:value>", b"TC260:AIGC", b"AIGC{", b'{"AIGC":', b'{"Label":"1"}', b"ContentProducer",
    b"http://www.tc260.org.cn/ns/AIGC/1.0/", b":DigitalSourceType", b"\xed\xa0\x80", b"\xc0\x80", b"&#0;", b"&quot;",
    b"<a>" * 3000, b"[" * 3000, b'{"a":' * 3000, b"&amp;" * 500, b"\0" * 64, b"\xff" * 64, b"jumb", b"jumd", b"cbor",
    b"jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71", b"Exif\0\0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08",
    b"II+\0\x08\0\0\0",
    b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"mime", b"infe", b"iloc", b"iref", b"cdsc", b"idat", b"uuid",
    b"free",
    b"XML:com.adobe.xmp\0", b"Raw profile type xmp\0", b"Raw profile type exif\0", b"9" * 5000, b"1e999", b"NaN",
    zlib.compress(bytes(8 << 20), 9), zlib.compress(b"<x/>"), jpeg.XMP_SIGNATURE, jpeg.EXTENDED_SIGNATURE,
)  # fmt: skip
_NUMBERS = (0, 1, 2, 3, 4, 7, 8, 12, 13, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF,
            0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)  # fmt: skip
_JPEG_KINDS = (0xC0, 0xC2, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xFE, 0xD0, 0xD8, 0x01)
_PNG_KINDS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"caBX", b"IDAT", b"acTL", b"tRNS", b"prVt")
_RIFF_KINDS = (b"XMP ", b"XMP\0", b"EXIF", b"ICCP", b"C2PA", b"VP8X", b"VP8 ", b"VP8L", b"ANMF", b"ALPH")
_BOXES = (b"meta", b"uuid", b"mdat", b"free", b"iinf", b"iloc", b"iref", b"pitm", b"idat", b"infe")


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One blind change: bits, bytes, numbers, words, or a stretch removed, doubled, moved or zeroed."""
    out = bytearray(data)
    if not out:
        return rng.choice(TOKENS)
    at = rng.randrange(len(out))
    size = min(rng.choice((1, 2, 4, 8, 16, 64, 256, 1024)), len(out) - at)
    match rng.randrange(9):
        case 0:
            for _ in range(rng.choice((1, 1, 2, 8))):
                out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
        case 1:
            out[at] = rng.randrange(256)
        case 2:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice((*_NUMBERS, len(data), at, len(data) - at)) & ((1 << 8 * width) - 1)
            out[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
        case 3:
            out[at:at] = rng.choice(TOKENS)
        case 4:
            token = rng.choice(TOKENS)
            out[at : at + len(token)] = token
        case 5:
            del out[at : at + size]
        case 6:
            out[at:at] = out[at : at + size] * rng.choice((1, 1, 3, 40))
        case 7:
            out[at : at + size] = bytes(size)
        case _:
            moved = out[at : at + size]
            del out[at : at + size]
            at = rng.randrange(len(out) + 1)
            out[at:at] = moved
    return bytes(out)


def cut(data: bytes, rng: random.Random) -> bytes:
    """The file without its end."""
    return data[: rng.randrange(len(data))] if data else data


def mutated(data: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """One to four changes, most of them inside a part of the format; parts may come from another file."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if rng.random() < 0.2:
            data = damaged(data, rng) if rng.random() < 0.8 else cut(data, rng)
            continue
        try:
            mime = magic.sniff(data)
            data = _REBUILD[mime](data, rng, other) if mime in _REBUILD else content(data, rng)
        except (CodedError, IndexError, ValueError):
            data = damaged(data, rng)
    return data


def content(data: bytes, rng: random.Random) -> bytes:
    """A change inside one part, by what it seems to hold: TIFF, JUMBF, a zlib stream or text; else a blind one."""
    if rng.random() < 0.25:
        return damaged(data, rng)
    tiff = max(data.find(b"II*\0", 0, 64), data.find(b"MM\0*", 0, 64), data.find(b"II+\0", 0, 64))
    if tiff >= 0:
        return data[:tiff] + _tiff(data[tiff:], rng)
    if b"jumb" in data[:128]:
        return _boxes(data, (b"jumb", b"jumd", b"cbor", b"json", b"c2cl", b"c2cs", b"c2as"), rng)
    stream = data.find(b"\x78\x9c", 0, 128)
    if stream >= 0:
        try:
            plain = zlib.decompressobj().decompress(data[stream:], 1 << 16)
        except zlib.error:
            return damaged(data, rng)
        return data[:stream] + zlib.compress(damaged(plain, rng))
    if b"<x:xmpmeta" in data and rng.random() < 0.2:
        at = data.index(b"<x:xmpmeta")
        text = data[at:].decode("utf-8", "replace")
        return data[:at] + text.encode(rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp500")))
    return damaged(data, rng)


def _tiff(block: bytes, rng: random.Random) -> bytes:
    """One field's tag, type, count or value, or the link to the next directory."""
    big = block[2:3] in (b"+",) or block[3:4] in (b"+",)
    order = "<" if block[:1] == b"I" else ">"
    head, width, tally = (8, 20, 8) if big else (4, 12, 2)
    word = 8 if big else 4
    code = {2: "H", 4: "I", 8: "Q"}
    (offset,) = struct.unpack_from(order + code[word], block, head) if len(block) >= head + word else (0,)
    if offset + tally > len(block):
        return damaged(block, rng)
    (count,) = struct.unpack_from(order + code[tally], block, offset)
    out = bytearray(block)
    number = rng.choice((*_NUMBERS, offset, len(block), len(block) - 1, len(block) - word))
    fields = min(count, (len(block) - offset - tally) // width)
    at = offset + tally + width * rng.randrange(max(fields, 1))
    if rng.random() < 0.2:
        place, size = rng.choice(((head, word), (offset, tally), (offset + tally + fields * width, word)))
    else:
        place, size = rng.choice(((at, 2), (at + 2, 2), (at + 4, word), (at + width - word, word)))
    if size == 2 and rng.random() < 0.5:
        number = rng.choice((700, 0x8769, 0x9286, 0x0112, 0x010E, 0xCD41, 0x014A, 0x0111, 0x0117, 3, 4, 7, 13, 18))
    out[place : place + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, "little" if order == "<" else "big")
    return bytes(out)


def _boxes(data: bytes, kinds: tuple[bytes, ...], rng: random.Random) -> bytes:
    """The length or the type of a nested box, a box put into itself, or a change inside that keeps the length."""
    places = [at for kind in kinds for at in _all(data, kind)]
    if not places:
        return damaged(data, rng)
    at = rng.choice(places) - 4
    size = int.from_bytes(data[max(at, 0) : at + 4], "big")
    match rng.randrange(4):
        case 0:
            number = rng.choice((*_NUMBERS, size - 1, size + 1, size + 8)) & 0xFFFF_FFFF
            return data[:at] + number.to_bytes(4, "big") + data[at + 4 :]
        case 1:
            return data[: at + 4] + rng.choice(kinds) + data[at + 8 :]
        case 2:
            depth = rng.choice((2, 16, 300, 3000))
            nested = data[at : at + min(size, 64)]
            for _ in range(depth):
                nested = isobmff.box(kinds[0], nested)[: 8 + len(nested)]
                if len(nested) > 40_000:
                    break
            return data[:at] + nested + data[at:]
        case _:
            inner = data[at + 8 : at + size] if 8 < size <= len(data) - at else data[at + 8 :]
            new = damaged(inner, rng)[: len(inner)].ljust(len(inner), b"\0")
            return data[: at + 8] + new + data[at + 8 + len(inner) :]


def _all(data: bytes, word: bytes) -> list[int]:
    found, at = [], data.find(word)
    while at >= 0 and len(found) < 200:
        found.append(at)
        at = data.find(word, at + 1)
    return [place for place in found if place >= 4]


Pairs = list[tuple[object, bytes]]


def _changed(parts: Pairs, rng: random.Random, kinds: tuple[object, ...], others: Pairs) -> Pairs:
    """The parts with one of them changed, removed, doubled, moved, renamed, or a new one among them."""
    parts = list(parts)
    at = rng.randrange(len(parts))
    kind, payload = parts[at]
    match rng.randrange(12):
        case 0:
            del parts[at]
        case 1:
            parts.insert(at, (kind, payload))
        case 2:
            parts.insert(rng.randrange(len(parts)), parts.pop(at))
        case 3:
            parts[at] = (rng.choice(kinds), payload)
        case 4:
            parts.insert(at, (rng.choice(kinds), rng.choice(TOKENS)))
        case 5 if others:
            parts.insert(at, rng.choice(others))
        case 6:
            parts[at] = (kind, payload[: rng.randrange(len(payload) + 1)])
        case 7:
            parts[at:at] = [(kind, payload)] * rng.choice((5, 100, 2000) if len(payload) < 50 else (5,))
        case _:
            # Small parts and image data alike; metadata are where the readers look, so they get more turns.
            likely = [i for i, (_, text) in enumerate(parts) if len(text) > 40]
            at = rng.choice(likely) if likely else at
            parts[at] = (parts[at][0], content(parts[at][1], rng))
    return parts


def _in_jpeg(data: bytes, rng: random.Random, other: bytes) -> bytes:
    def parts(file: bytes) -> Pairs:
        return [(s.marker, s.raw if s.marker in (jpeg.SCAN, jpeg.TRAILER) else s.payload) for s in jpeg.split(file)]

    bare = (jpeg.SOI, jpeg.EOI, 1, *range(0xD0, 0xD8))
    out = []
    for marker, payload in _changed(parts(data), rng, _JPEG_KINDS, _of(other, jpeg.MIME, parts)):
        if marker in (jpeg.SCAN, jpeg.TRAILER):
            out.append(payload)
        elif marker in bare:
            out.append(bytes((0xFF, marker)))
        else:
            out.append(jpeg.segment(marker, payload[:65_533]).raw)
    return b"".join(out)


def _in_png(data: bytes, rng: random.Random, other: bytes) -> bytes:
    def parts(file: bytes) -> Pairs:
        return [(c.kind, c.raw if c.kind == png.TRAILER else c.payload) for c in png.split(file)]

    new = _changed(parts(data), rng, _PNG_KINDS, _of(other, png.MIME, parts))
    raw = [payload if kind == png.TRAILER else png.chunk(kind, payload).raw for kind, payload in new]
    if rng.random() < 0.05:
        at = rng.randrange(len(raw))
        raw[at] = damaged(raw[at], rng)
    return png.SIGNATURE + b"".join(raw)


def _in_webp(data: bytes, rng: random.Random, other: bytes) -> bytes:
    def parts(file: bytes) -> Pairs:
        return [(c.kind, c.raw if c.kind == riff.TRAILER else c.payload) for c in riff.split(file)[1]]

    new = _changed(parts(data), rng, _RIFF_KINDS, _of(other, riff.MIME, parts))
    body = b"WEBP" + b"".join(payload if kind == b"" else riff.chunk(kind, payload).raw for kind, payload in new)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _in_boxes(data: bytes, rng: random.Random, other: bytes) -> bytes:
    if rng.random() < 0.5:
        return _boxes(data, _BOXES, rng)

    def parts(file: bytes) -> Pairs:
        return [(b.kind, file[b.body : b.end]) for b in isobmff.walk(file)]

    others = parts(other) if other[4:8] == b"ftyp" else []
    return b"".join(isobmff.box(kind, payload) for kind, payload in _changed(parts(data), rng, _BOXES, others))


def _of(other: bytes, mime: str, parts: Callable[[bytes], Pairs]) -> Pairs:
    try:
        return parts(other) if other and magic.sniff(other) == mime else []
    except CodedError:
        return []


_REBUILD: dict[str, Callable[[bytes, random.Random, bytes], bytes]] = {
    jpeg.MIME: _in_jpeg, png.MIME: _in_png, riff.MIME: _in_webp, "image/avif": _in_boxes, "image/heic": _in_boxes,
    "image/tiff": lambda data, rng, _: _tiff(data, rng),
}  # fmt: skip
