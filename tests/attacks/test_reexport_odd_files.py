"""Odd files through every program that is quick and installed: a file that decodes or a code, never anything else."""

import io

import numpy as np
import pytest
from PIL import Image

from attacks.reexport_tools import REEXPORTS
from bench.errors import CodedError
from bench.media import Media

#: Seconds a call.
SLOW = ("gimp", "darktable", "rawtherapee", "libreoffice")
QUICK = [attack for attack in REEXPORTS if attack.tool not in SLOW and not attack.missing()]
PICTURE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8))


def saved(image: Image.Image, kind: str, **settings: object) -> Media:
    out = io.BytesIO()
    image.save(out, kind, **settings)
    return Media.from_bytes(out.getvalue())


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


ODD = {
    "cmyk": saved(PICTURE.convert("CMYK"), "JPEG"),
    "16 bits": saved(Image.fromarray(np.asarray(PICTURE)[..., 0].astype(np.uint16) * 257), "PNG"),
    "palette": saved(PICTURE.quantize(16), "PNG"),
    "alpha": saved(PICTURE.convert("RGBA"), "PNG"),
    "turned by EXIF": saved(PICTURE, "JPEG", exif=turned()),
    "animated GIF": saved(PICTURE, "GIF", save_all=True, append_images=[PICTURE.rotate(90)]),
    "animated WebP": saved(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(90)]),
    "1 x 1": saved(PICTURE.crop((0, 0, 1, 1)), "PNG"),
    "1 x 5000": saved(Image.new("RGB", (1, 5000)), "JPEG"),
    "65500 x 2": saved(Image.new("RGB", (65500, 2)), "PNG"),
    "cut off": Media(saved(PICTURE, "JPEG").data[:900], "image/jpeg"),
}
#: As given, or as an orientation that is applied or forgotten shows them.
SIZES = {"1 x 1": {(1, 1)}, "1 x 5000": {(1, 5000)}, "65500 x 2": {(65500, 2)}}


@pytest.mark.parametrize("attack", QUICK, ids=repr)
def test_odd_files_give_a_picture_of_their_size_or_a_code(attack) -> None:
    for name, media in ODD.items():
        try:
            made = attack(media, np.random.default_rng(1))
            height, width = Media(made.data, made.mime).pixels().shape[:2]
        except CodedError as error:
            assert error.code.startswith("E_") and error.detail, name
            continue
        assert (width, height) in SIZES.get(name, {(64, 48), (48, 64)}), name
