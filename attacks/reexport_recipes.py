"""How each program is called: the table behind ``attacks.reexport_tools``.

Default settings are the program's own; ``metadata`` names its documented options on metadata. A program that writes
the format it was given does so here; else ``takes`` says what comes out of what goes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from attacks import reexport_libraries as libraries

IN, OUT, OPTIONS, FORMAT, PACKAGE = "<in>", "<out>", "<options>", "<format>", "<package>"
JPEG, PNG, WEBP, TIFF, GIF, AVIF, HEIC = (f"image/{kind}" for kind in "jpeg png webp tiff gif avif heic".split())
APT = "apt install "


@dataclass(frozen=True)
class Recipe:
    """One program, and what it is told to do.

    Attributes:
        title: as its makers write it.
        programs: what must be on PATH: for each, the names it goes by. The first is asked for the version.
        version: flags for that question.
        install: how to get it.
        takes: type in -> type out.
        metadata: documented options: name -> arguments in place of ``<options>``.
        commands: in turn; words of which ``<in>``, ``<out>``, ``<options>`` and ``<format>`` are replaced, and
            ``<0>``, ``<1>`` by the first and second program. They run in a folder that holds the input.
        instead: name of a metadata option -> commands for it alone.
        formats: type in -> the word for ``<format>``.
        files: written there first: name -> text, with the same replacements.
        made: pattern of the file that results, where the program names it itself.
        in_place: the program changes the file it is given: ``<out>`` is then a copy of the input.
        kept: file in its home that is kept from one call to the next in this process, since making it takes seconds.
        memory: bytes of address space.
        package: npm package it needs.
        library: instead of a program: bytes, type, option words -> bytes, in this process.
        distribution: of that library on PyPI; several names with spaces between.
    """

    title: str
    programs: tuple[tuple[str, ...], ...] = ()
    version: tuple[str, ...] = ("--version",)
    install: str = ""
    takes: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"default": ()})
    commands: tuple[tuple[str, ...], ...] = ()
    instead: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    made: str = ""
    in_place: bool = False
    kept: str = ""
    memory: int = 8 << 30
    package: str = ""
    library: Callable[[bytes, str, tuple[str, ...]], bytes] | None = None
    distribution: str = ""


def same(*mimes: str) -> dict[str, str]:
    """Formats that come out as they went in."""
    return {mime: mime for mime in mimes}


def _options(**words: str) -> dict[str, tuple[str, ...]]:
    return {"default": ()} | {name: tuple(text.split()) for name, text in words.items()}


#: GIMP's batch language has no metadata arguments: its exporters follow the preferences of these names.
_GIMPRC = tuple(f"(export-metadata-{kind} no)" for kind in ("exif", "xmp", "iptc"))
#: Without a user it saves WebP and AVIF at quality 0 unless told better: WebP's are the export dialogue's defaults.
_GIMP_SAVE = f'(gimp-file-save RUN-NONINTERACTIVE image shown "{OUT}" "{OUT}")'
_GIMP_FORMATS = dict.fromkeys((JPEG, PNG, TIFF), _GIMP_SAVE) | {
    AVIF: _GIMP_SAVE.replace("RUN-NONINTERACTIVE", "RUN-WITH-LAST-VALS"),
    WEBP: f'(file-webp-save RUN-NONINTERACTIVE image shown "{OUT}" "{OUT}" 0 0 90 100 0 0 0 50 keep keep keep 200 0)',
}


def _gimp(keep: int) -> tuple[tuple[str, ...], ...]:
    """The batch command that loads the picture, merges its layers if there are several, and saves."""
    script = (
        f'(let* ((keep {keep}) (image (car (gimp-file-load RUN-NONINTERACTIVE "{IN}" "{IN}")))'
        " (several (> (car (gimp-image-get-layers image)) 1))"
        " (shown (car (if several (gimp-image-merge-visible-layers image CLIP-TO-IMAGE)"
        f" (gimp-image-get-active-drawable image))))) {FORMAT})"
    )
    return (("<0>", "-i", "-d", "-f", "-s", "-g", "gimprc", "-b", script, "-b", "(gimp-quit 0)"),)


_SHARP_SCRIPT = (
    f"require('{PACKAGE}')('{IN}'){OPTIONS}.toFile('{OUT}')"
    ".catch(error => { console.error(error.message); process.exit(1); })"
)
_EXIV2 = ("<0>", "-q", "-f")
_ANY = (JPEG, PNG, WEBP, TIFF, GIF, AVIF)

PROGRAMS: dict[str, Recipe] = {
    "imagemagick": Recipe(
        "ImageMagick", (("magick", "convert-im6.q16", "convert-im6.q16hdri"),), install=APT + "imagemagick",
        takes=same(*_ANY), metadata=_options(strip="-strip"), commands=(("<0>", IN, OPTIONS, OUT),),
    ),
    "graphicsmagick": Recipe(
        "GraphicsMagick", (("gm",),), ("version",), APT + "graphicsmagick", same(JPEG, PNG, WEBP, TIFF, GIF),
        _options(strip="-strip"), (("<0>", "convert", IN, OPTIONS, OUT),),
    ),
    "vips": Recipe(
        "libvips", (("vips",),), install=APT + "libvips-tools", takes=same(*_ANY),
        metadata=_options(strip="[strip]"), commands=(("<0>", "copy", IN, OUT + OPTIONS),),
    ),
    "sharp": Recipe(
        "sharp for Node", (("node",),), install="npm install -g sharp", takes=same(*_ANY),
        metadata=_options(keep=".keepMetadata()"), commands=(("<0>", "reexport.js"),),
        files={"reexport.js": _SHARP_SCRIPT}, memory=32 << 30, package="sharp",
    ),
    "ffmpeg": Recipe(
        "FFmpeg", (("ffmpeg",),), ("-version",), APT + "ffmpeg", same(*_ANY),
        _options(strip="-map_metadata -1"),
        (("<0>", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-i", IN, OPTIONS, OUT),),
    ),
    "gimp": Recipe(
        "GIMP", (("gimp-console-2.10", "gimp-console"),), install=APT + "gimp",
        takes=same(JPEG, PNG, WEBP, TIFF, AVIF), metadata={"default": (), "strip": _GIMPRC},
        commands=_gimp(keep=1), instead={"strip": _gimp(keep=0)}, formats=_GIMP_FORMATS,
        files={"gimprc": OPTIONS}, kept=".config/GIMP/2.10/pluginrc",
    ),
    "darktable": Recipe(
        "darktable", (("darktable-cli",),), install=APT + "darktable", takes=same(JPEG, PNG, WEBP, TIFF, AVIF),
        commands=(("<0>", IN, OUT, "--core", "--library", ":memory:", "--configdir", "home"),),
    ),
    "rawtherapee": Recipe(
        "RawTherapee", (("rawtherapee-cli",),), ("-v",), APT + "rawtherapee", same(JPEG, PNG, TIFF),
        _options(strip="-p strip.pp3"), (("<0>", "-a", "-Y", "-o", OUT, FORMAT, OPTIONS, "-c", IN),),
        files={"strip.pp3": "[MetaData]\nMode=2\n"}, formats={JPEG: "-j", PNG: "-n", TIFF: "-t"},
    ),
    "libreoffice": Recipe(
        "LibreOffice", (("soffice", "libreoffice"), ("pdfimages",)),
        install=APT + "libreoffice-draw poppler-utils", takes=same(JPEG, PNG, WEBP, TIFF, GIF),
        commands=(("<0>", "--headless", "--convert-to", "pdf", IN), ("<1>", "-all", "in.pdf", "out")),
        made="out-000.*",
    ),
    "cwebp": Recipe(
        "cwebp", (("cwebp",),), ("-version",), APT + "webp", {JPEG: WEBP, PNG: WEBP, WEBP: WEBP, TIFF: WEBP},
        _options(keep="-metadata all"), (("<0>", "-quiet", OPTIONS, IN, "-o", OUT),),
    ),
    "avifenc": Recipe(
        "avifenc", (("avifenc",),), install=APT + "libavif-bin", takes={JPEG: AVIF, PNG: AVIF},
        metadata=_options(strip="--ignore-exif --ignore-xmp --ignore-icc"), commands=(("<0>", OPTIONS, IN, OUT),),
    ),
    "heif-enc": Recipe(
        "heif-enc", (("heif-enc",),), ("-v",), APT + "libheif-examples", {JPEG: HEIC, PNG: HEIC},
        commands=(("<0>", IN, "-o", OUT),),
    ),
    "cjxl": Recipe(
        "cjxl and djxl", (("cjxl",), ("djxl",)), install=APT + "libjxl-tools", takes=same(JPEG, PNG),
        metadata=_options(strip="--lossless_jpeg=0 --container=0"),
        commands=(("<0>", "--quiet", OPTIONS, IN, "out.jxl"), ("<1>", "--quiet", "out.jxl", OUT)),
    ),
    "jpegtran": Recipe(
        "jpegtran of libjpeg-turbo", (("jpegtran",),), ("-version",), APT + "libjpeg-turbo-progs", same(JPEG),
        _options(strip="-copy none", keep="-copy all"), (("<0>", OPTIONS, "-outfile", OUT, IN),),
    ),
    "jpegoptim": Recipe(
        "jpegoptim", (("jpegoptim",),), install=APT + "jpegoptim", takes=same(JPEG),
        metadata=_options(strip="--strip-all"), commands=(("<0>", "--quiet", OPTIONS, OUT),), in_place=True,
    ),
    "optipng": Recipe(
        "OptiPNG", (("optipng",),), ("-v",), APT + "optipng", same(PNG), _options(strip="-strip all"),
        (("<0>", "-quiet", OPTIONS, "-out", OUT, IN),),
    ),
    "pngquant": Recipe(
        "pngquant", (("pngquant",),), install=APT + "pngquant", takes=same(PNG), metadata=_options(strip="--strip"),
        commands=(("<0>", OPTIONS, "-o", OUT, IN),),
    ),
    "exiftool": Recipe(
        "ExifTool", (("exiftool",),), ("-ver",), APT + "libimage-exiftool-perl", same(JPEG, PNG, TIFF, GIF, AVIF, HEIC),
        {"strip": ("-all=",), "copy": ("-all=", "-tagsfromfile", "@", "-all:all", "-unsafe")},
        (("<0>", "-q", OPTIONS, "-o", OUT, IN),),
    ),
    "exiv2": Recipe(
        "Exiv2", (("exiv2",),), install=APT + "exiv2", takes=same(JPEG, PNG, WEBP, TIFF),
        metadata={"strip": (), "copy": ()}, commands=(("<0>", "-q", "-d", "a", OUT),), in_place=True,
        instead={"copy": ((*_EXIV2, "-e", "a", OUT), (*_EXIV2, "-d", "a", OUT), (*_EXIV2, "-i", "a", OUT))},
    ),
}  # fmt: skip
LIBRARIES: dict[str, Recipe] = {
    # By default OpenCV keeps nothing: ``attacks.reexport.OpenCVSave``.
    "opencv": Recipe(
        "OpenCV", install="pip install 'opencv-python-headless>=5'", takes=same(JPEG, PNG, WEBP, TIFF, AVIF),
        metadata={"keep": ()}, library=libraries.opencv_save,
        distribution="opencv-python-headless opencv-python opencv-contrib-python-headless opencv-contrib-python",
    ),
    "scikit-image": Recipe(
        "scikit-image", install="pip install scikit-image", takes=same(*_ANY), library=libraries.skimage_save,
        distribution="scikit-image",
    ),
    "imageio": Recipe(
        "imageio", install="pip install imageio", takes=same(*_ANY), library=libraries.imageio_save,
        distribution="imageio",
    ),
    "pyvips": Recipe(
        "libvips of pyvips-binary", install="pip install pyvips-binary pyvips",
        takes=same(JPEG, PNG, WEBP, TIFF, GIF, AVIF), metadata={"default": (), "strip": ("none",)},
        library=libraries.pyvips_save, distribution="pyvips-binary",
    ),
}  # fmt: skip
#: Every tool by the name that settings use, in the order of tables.
RECIPES = LIBRARIES | PROGRAMS
