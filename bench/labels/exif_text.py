"""Text in EXIF fields, as real writers put it there and as it can be read back."""

from __future__ import annotations

from bench import containers
from bench.containers import tiff, tiff_edit

#: Character codes of a UserComment (EXIF 2.32, 4.6.5, table 9).
_ASCII, _UNICODE = b"ASCII\0\0\0", b"UNICODE\0"
_CODES = {_ASCII: "ascii", _UNICODE: "utf-16", b"\0" * 8: "utf-8", b"JIS\0\0\0\0\0": "ascii"}


def comment(text: str) -> tiff_edit.Value:
    """A UserComment: ASCII where that holds the text, else UTF-16 with its high bytes first, as most writers do."""
    data = _ASCII + text.encode() if text.isascii() else _UNICODE + text.encode("utf-16-be", "replace")
    return tiff_edit.Value(tiff_edit.UNDEFINED, data)


def comments(block: bytes) -> list[str]:
    """The text of each UserComment: of the Exif directory, and of the first one, where some writers put it.

    Raises:
        CodedError: ``E_METADATA`` when one may be there and cannot be read.
    """
    wanted = (tiff.USER_COMMENT,)
    found = (tiff.fields(block, wanted, exif=exif, strict=True).get(tiff.USER_COMMENT) for exif in (True, False))
    return [_comment(value, tiff.byte_order(block) or "<") for value in found if value]


def texts(data: bytes, tags: tuple[int, ...]) -> dict[int, str]:
    """The text of these tags of the file's first EXIF directory; missing ones are left out.

    Raises:
        CodedError: as ``containers.exif``; ``E_METADATA`` when one may be there and cannot be read.
    """
    block = containers.exif(data)
    values = tiff.fields(block, tags, strict=True) if block else {}
    return {tag: value.rstrip(b"\0").decode("utf-8", "replace") for tag, value in values.items()}


def _comment(value: bytes, order: str) -> str:
    """The text of a UserComment (EXIF 2.32, 4.6.5).

    The standard does not say which byte of UTF-16 comes first, and writers differ: the block's order, unless the other
    gives more Latin characters.
    """
    encoding = _CODES.get(value[:8])
    if encoding is None:
        return value.rstrip(b"\0").decode("utf-8", "replace")
    body = value[8:]
    if encoding != "utf-16":
        return body.rstrip(b"\0").decode("utf-8", "replace")
    orders = ("utf-16-le", "utf-16-be") if order == "<" else ("utf-16-be", "utf-16-le")
    return max((body.decode(name, "replace").rstrip("\0") for name in orders), key=_latin)


def _latin(text: str) -> int:
    return sum(0 < ord(character) < 128 for character in text)
