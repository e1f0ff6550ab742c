"""Which of the known image formats some bytes are, by their first bytes and never by a name.

An allow-list: what is not on it is refused before any decoder sees it (decoders have run Ghostscript on an EPS that
was named ``.jpg``), and the refusal says what it looks like.
"""

from __future__ import annotations

from bench.errors import CodedError

#: File name suffix for each known type.
EXTENSIONS: dict[str, str] = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/tiff": ".tif",
    "image/bmp": ".bmp",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/jxl": ".jxl",
}

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}
#: No file of any known format is shorter: below this there is a signature and no image. A JPEG XL codestream of one
#: colour takes some ten bytes.
_SHORTEST, _SHORTEST_JXL = 24, 8

_LOOKS_LIKE = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript or EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"8BPS", "Photoshop document"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"DDS ", "DDS texture"),
    (b"qoif", "QOI image"),
    (b"P5\n", "netpbm image"),
    (b"P6\n", "netpbm image"),
    (b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (b"RIFF", "RIFF file that is not WebP"),
    (b"OggS", "Ogg file"),
    (b"ID3", "MP3 file"),
    (b"version https://git-lfs", "Git LFS pointer"),
    (b"{", "JSON"),
    (b"[", "JSON"),
)


def sniff(data: bytes) -> str:
    """The MIME type of an image file's bytes.

    Raises:
        CodedError: ``E_EMPTY`` for no bytes, else ``E_UNIDENTIFIED`` with what they look like.
    """
    if not data:
        raise CodedError("E_EMPTY", "0 bytes")
    mime = _known(data)
    if mime is None:
        raise CodedError("E_UNIDENTIFIED", f"not a known image: {len(data)} bytes that look like {_guess(data)}")
    if len(data) < (_SHORTEST_JXL if mime == "image/jxl" else _SHORTEST):
        raise CodedError("E_UNIDENTIFIED", f"{len(data)} bytes: the signature of {mime} and no image behind it")
    return mime


def _known(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "image/tiff"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    if data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return "image/jxl"
    if data[4:8] == b"ftyp":
        return _brand(data)
    return None


def _brand(data: bytes) -> str | None:
    end = min(int.from_bytes(data[:4], "big"), len(data), 512)
    brands = [data[8:12], *(data[i : i + 4] for i in range(16, end - 3, 4))]
    if brands[0] in _AVIF_BRANDS:
        return "image/avif"
    if brands[0] in _HEIC_BRANDS:
        return "image/avif" if _AVIF_BRANDS.intersection(brands) else "image/heic"
    return None


def _guess(data: bytes) -> str:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n\0")
    for magic, name in _LOOKS_LIKE:
        if data.startswith(magic) or head.startswith(magic):
            return name
    if data[4:8] == b"ftyp":
        return "MP4 or QuickTime"
    lower = head.lower()
    if b"<svg" in lower:
        return "SVG"
    if lower.startswith((b"<!doctype html", b"<html")) or b"<body" in lower or b"<head" in lower:
        return "HTML"
    if lower.startswith(b"<"):
        return "XML"
    if not any(data):
        return "zeros only"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data[:256]):
        return "text"
    return "unknown binary data"
