"""Other people's readers, asked what a labelled file says: ExifTool, exiv2, Pillow, and a second C2PA validator.

Each takes a file and gives everything it found as one text, or None where the tool is not installed. A label counts as
confirmed by a reader when the text holds every field that was written.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.labels import C2PA, GB45438, IPTC, touches_pixels
from bench.labels.base import Claim, Label
from bench.labels.iptc import PROPERTY, SCHEME


def _said(*command: str | Path) -> str | None:
    if shutil.which(str(command[0])) is None:
        return None
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=60, check=False)
    return done.stdout.decode("utf-8", "replace")


def exiftool(path: Path) -> str | None:
    """Every tag, in every embedded document."""
    return _said("exiftool", "-a", "-G1", "-s", "-n", "-ee", "-charset", "exif=utf8", path)


def exiv2(path: Path) -> str | None:
    """EXIF, IPTC and XMP values; a C2PA store is none of them."""
    return _said("exiv2", "-q", "-PEIXkt", "print", path)


def pillow(path: Path) -> str | None:
    """What ``Image.info`` and the EXIF of an opened picture hold."""
    from PIL import Image

    if path.suffix == ".jxl":  # without a plug-in it does not
        return None
    try:
        import pillow_heif
    except ImportError:
        if path.suffix == ".heic":
            return None
    else:
        pillow_heif.register_heif_opener()
    with Image.open(path) as image:
        image.load()
        info = {**image.info, **{f"tag {tag}": value for tag, value in getattr(image, "tag_v2", {}).items()}}
        exif = image.getexif()
        info |= {f"exif {tag}": value for tag, value in (*exif.items(), *exif.get_ifd(0x8769).items())}
    texts = []
    for name, value in info.items():
        if isinstance(value, bytes):
            code, body = value[:8], value[8:]
            value = body.decode("utf-16-be", "replace") if code == b"UNICODE\0" else value.decode("utf-8", "replace")
        texts.append(f"{name}: {value}")
    return "\n".join(texts)


def encypher(path: Path) -> str | None:
    """The report of the validator in ``encypher-c2pa``, which also checks hashes and signature."""
    os.environ.setdefault("ENCYPHER_C2PA_TELEMETRY", "off")
    try:
        import encypher_c2pa
    except ImportError:
        return None
    mime = {".jpg": "image/jpeg", ".tif": "image/tiff"}.get(path.suffix, f"image/{path.suffix[1:]}")
    verdict = encypher_c2pa.verify(path.read_bytes(), mime, online=False)
    return json.dumps(verdict) if verdict["integrity"] == "valid" else ""


READERS: dict[str, Callable[[Path], str | None]] = {
    "ExifTool": exiftool,
    "exiv2": exiv2,
    "Pillow": pillow,
    "encypher-c2pa": encypher,
}
#: Its texts occur in no file by chance.
CLAIM = Claim(
    producer="001191110102MACQD9K64010000",
    produce_id="e3578014edd949debed102781a8c26f7",
    system="model-7f3a9c",
    prompt="a lighthouse at dusk 4711",
    message="c1d2e3f4" * 8,
)


def asked_about(reader: str, label: Label) -> bool:
    """Whether the reader knows this kind of label at all; Pillow hands out a TIFF's C2PA store unread."""
    return {"encypher-c2pa": label.name == "c2pa", "Pillow": label.name != "c2pa"}.get(reader, True)


def written_texts(label: Label, claim: Claim) -> list[str]:
    """What a reader must show, one text for each field of the label."""
    fields = label.expected(claim)
    if isinstance(label, GB45438):
        return [f'"{name}":"{value}"' for name, value in fields.items()]
    if isinstance(label, (IPTC, C2PA)):
        source = "digitalSourceType" if isinstance(label, C2PA) else PROPERTY
        return [SCHEME + value if name == source else value for name, value in fields.items()]
    return list(fields.values())


def confirms(said: str, label: Label, claim: Claim) -> int:
    """How many of the label's fields the reader shows."""
    assert not touches_pixels(label)
    plain = said.replace("&quot;", '"').replace("\\/", "/")
    return sum(text in plain for text in written_texts(label, claim))
