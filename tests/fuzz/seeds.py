"""Labelled files to begin from, made in memory: every metadata bundle in every format, and places that others use."""

import io
import struct
import zlib
from importlib.util import find_spec

from PIL import Image

from bench import containers
from bench.containers import jpeg, png, tiff_edit
from bench.errors import CodedError
from bench.labels import BUNDLES, GB45438, IPTC, annex_e, gb45438, iptc, write_bundle, xmp
from bench.labels.base import Claim, touches_pixels
from bench.media import Media

CLAIM = Claim(producer="001191110102MACQD9K64010000", produce_id="e3578014edd949debed102781a8c26f7")
#: Bundles without a mark in the pixels, by name.
METADATA_BUNDLES = {
    name: labels for name, labels in BUNDLES.items() if labels and not any(touches_pixels(label) for label in labels)
}


def plain() -> dict[str, Media]:
    """One small unlabelled file of each format, as Pillow writes it; HEIC and JPEG XL where packages write them."""
    image = Image.effect_mandelbrot((32, 24), (-2, -1, 1, 1), 30).convert("RGB")
    kinds: dict[str, tuple[str, dict[str, object]]] = {
        "jpeg": ("JPEG", {"quality": 50}),
        "progressive": ("JPEG", {"quality": 50, "progressive": True}),
        "png": ("PNG", {}),
        "webp": ("WEBP", {"quality": 50}),
        "lossless": ("WEBP", {"lossless": True}),
        "gif": ("GIF", {}),
        "tiff": ("TIFF", {}),
        "bigtiff": ("TIFF", {"big_tiff": True}),
        "avif": ("AVIF", {"quality": 50}),
    }
    if find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()
        kinds["heic"] = ("HEIF", {"quality": 50})
    files = {}
    for name, (kind, settings) in kinds.items():
        out = io.BytesIO()
        image.save(out, kind, **settings)
        files[name] = Media.from_bytes(out.getvalue())
    if find_spec("imagecodecs") is not None:
        import imagecodecs
        import numpy as np

        for name, container in {"jxl": True, "jxl-naked": False}.items():
            data = imagecodecs.jpegxl_encode(np.asarray(image), distance=2.0, usecontainer=container)
            files[name] = Media.from_bytes(bytes(data))
    return files


def labelled() -> dict[str, Media]:
    """Every plain file with every metadata bundle that it can carry, by ``format/bundle``."""
    files = {}
    for kind, media in plain().items():
        for bundle, labels in METADATA_BUNDLES.items():
            try:
                written = write_bundle(media, labels, CLAIM)
            except CodedError as error:
                if error.code not in ("E_NOT_APPLICABLE", "E_NO_C2PA"):
                    raise
                continue
            if written is not media:
                files[f"{kind}/{bundle}"] = written
    return files


def value() -> str:
    """The GB 45438 value of the claim in the wrapped shape."""
    return '{"AIGC":' + annex_e.serialise(GB45438().expected(CLAIM)) + "}"


def elsewhere() -> dict[str, Media]:
    """The XMP labels where other writers put them: compressed, split up, in other encodings, in other segments."""
    files = plain()
    packet = containers.xmp_packets(write_bundle(files["jpeg"], (GB45438(), IPTC()), CLAIM).data)[0].payload
    comment = tiff_edit.Value(7, b"UNICODE\0" + value().encode("utf-16-le"))
    block = tiff_edit.set_fields(None, {0x010E: tiff_edit.text("a picture")}, {0x9286: comment})
    squeezed = zlib.compress(packet)
    pieces = {
        "itxt": (b"iTXt", png.XMP_KEYWORD + b"\0\x01\0\0\0" + squeezed),
        "text": (b"tEXt", png.XMP_KEYWORD + b"\0" + packet),
        "ztxt": (b"zTXt", png.XMP_KEYWORD + b"\0\0" + squeezed),
        "raw": (b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(_raw_profile("xmp", packet))),
        "raw-exif": (b"tEXt", b"Raw profile type exif\0" + _raw_profile("exif", b"Exif\0\0" + block)),
        "aigc": (b"zTXt", b"AIGC\0\0" + zlib.compress(value().encode())),
        "exif": (b"eXIf", block),
    }
    out = {f"png/other-{name}": png_with(files["png"], *piece) for name, piece in pieces.items()}
    out["png/other-profile"] = png_with(files["png"], b"iCCP", b"name\0\0" + zlib.compress(packet))
    half = len(packet) // 2
    guid = b"0123456789ABCDEF" * 2
    extended = [
        jpeg.EXTENDED_SIGNATURE + guid + struct.pack(">II", len(packet), at) + packet[at : at + half + 1]
        for at in (0, half + 1)
    ]
    main = jpeg.XMP_SIGNATURE + b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    out["jpeg/other-extended"] = jpeg_with(files["jpeg"], jpeg.APP1, main, *extended)
    out["jpeg/other-utf16"] = jpeg_with(files["jpeg"], jpeg.APP1, jpeg.XMP_SIGNATURE + packet.decode().encode("utf-16"))
    out["jpeg/other-exif"] = jpeg_with(files["jpeg"], jpeg.APP1, jpeg.EXIF_SIGNATURE + block)
    out["jpeg/other-comment"] = jpeg_with(files["jpeg"], jpeg.COM, b"AIGC" + value().encode())
    out["jpeg/other-profile"] = jpeg_with(files["jpeg"], jpeg.APP2, b"ICC_PROFILE\0\1\1" + bytes(200))
    out["webp/other-exif"] = Media.from_bytes(containers.set_exif_fields(files["webp"].data, {}, {0x9286: comment}))
    out["jpeg/other-forms"] = jpeg_with(files["jpeg"], jpeg.APP1, jpeg.XMP_SIGNATURE + _forms(value()))
    image = Image.new("RGB", (16, 16), "teal")
    for name, kind in (("avif", "AVIF"), ("heic", "HEIF")):
        if name in files:
            held = io.BytesIO()
            image.save(held, kind, exif=block)
            out[f"{name}/other-exif"] = Media.from_bytes(held.getvalue())
    return out


def _forms(text: str) -> bytes:
    """Both properties in every form that XMP has, some in a wrong namespace, the value once misspelt."""
    text = text.replace('"', "&quot;")
    wrong = text.replace("ReservedCode1", "ReserveCode1").replace("AIGC", "aigc")
    term = iptc.SCHEME + "compositeSynthetic"
    bodies = (
        f"<t:AIGC><r:Bag><r:li>{text}</r:li><r:li r:resource='{term}'/></r:Bag></t:AIGC>",
        f"<t:AIGC r:parseType='Resource'><r:value>{text}</r:value><i:q>a</i:q></t:AIGC>",
        f"<t:AIGC><r:Description><t:a>{wrong}</t:a></r:Description></t:AIGC><u:AIGC>{wrong}</u:AIGC>",
        f"<i:o r:parseType='Resource'><i:DigitalSourceType>{term}</i:DigitalSourceType></i:o>",
        f"<i:DigitalSourceType><r:Alt><r:li>{term}/</r:li></r:Alt></i:DigitalSourceType>",
    )
    names = f"xmlns:t='{gb45438.NAMESPACE}' xmlns:i='{iptc.NAMESPACE}' xmlns:u='http://example.org/'"
    return (
        f"<r:RDF xmlns:r='{xmp.RDF}' {names}><r:Description i:DigitalSourceType='{term}' t:AIGC='{text}'>"
        f"{''.join(bodies)}</r:Description></r:RDF><?xpacket end='w'?>"
    ).encode()


def _raw_profile(name: str, content: bytes) -> bytes:
    digits = content.hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    return f"\n{name}\n{len(content):8}\n{lines}\n".encode()


def png_with(media: Media, kind: bytes, content: bytes) -> Media:
    """The PNG with one more chunk behind IHDR."""
    return Media.from_bytes(media.data[:33] + png.chunk(kind, content).raw + media.data[33:])


def jpeg_with(media: Media, marker: int, *contents: bytes) -> Media:
    """The JPEG with more segments behind SOI."""
    new = b"".join(jpeg.segment(marker, content).raw for content in contents)
    return Media.from_bytes(media.data[:2] + new + media.data[2:])


def everything() -> dict[str, Media]:
    """All of them, the unlabelled ones too."""
    unlabelled = {f"{kind}/none": media for kind, media in plain().items()}
    return {**unlabelled, **labelled(), **elsewhere()}
