"""Re-export through programs as they come: ImageMagick, FFmpeg, GIMP, LibreOffice, optimisers, metadata editors.

What stays of the metadata is the program's own doing. Which label outlives which program in which format was measured
and stands in ``results/reexport-metadata.md``.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.base import check_choice
from attacks.reexport_recipes import FORMAT, IN, OPTIONS, OUT, PACKAGE, RECIPES, Recipe
from attacks.stamps import fixed_stamps
from bench.containers import EXTENSIONS
from bench.errors import CodedError, NotApplicable, Unavailable
from bench.media import Media
from bench.settings import settings
from bench.tools import last_line, package_version, program, program_version, run_program

if TYPE_CHECKING:
    import numpy as np

#: What ``Recipe.kept`` names, once it was made in this process: it holds no picture and no setting.
_KEPT: dict[str, bytes] = {}


@settings
class ReExport:
    """The file is opened by a program and saved in the same format, with its default settings.

    cwebp, avifenc and heif-enc write their own format whatever they read; cjxl goes to JPEG XL and djxl back to the
    first format; LibreOffice goes to PDF and ``pdfimages`` takes the picture out, which may be JPEG or PNG. A format
    that a program does not take is ``not_applicable``, an absent program ``unavailable``.

    Metadata: what the program keeps. Of animations, alpha, palettes, CMYK, 16 bits and EXIF orientation each makes
    what it makes (of several files written, the first counts). A program that fails, hangs (60 s) or asks for more
    than its memory (8 GiB of address space, Node 32) gives ``E_TOOL...`` with its last line. Times and UUIDs that it
    stamps on the file are set to fixed ones, so that the same file comes out of the same input; darktable 4.2 alone
    still varies by a few bytes of empty EXIF text.

    Attributes:
        tool: opencv, scikit-image, imageio, pyvips, imagemagick, graphicsmagick, vips, sharp, ffmpeg, gimp, darktable,
            rawtherapee, libreoffice, cwebp, avifenc, heif-enc, cjxl, jpegtran, jpegoptim, optipng, pngquant, exiftool
            or exiv2.
        metadata: ``default``, or what the program documents: ``strip`` or ``keep``. opencv has ``keep`` alone, since
            ``OpenCVSave`` is its default. exiftool and exiv2 edit metadata and nothing else: ``strip`` all, or
            ``copy`` (all removed, then the original's put back).
    """

    tool: str = "imagemagick"
    metadata: str = "default"

    severity = 0.0
    axis = "none (default settings)"

    def __post_init__(self) -> None:
        check_choice("tool", self.tool, tuple(RECIPES))
        check_choice(f"metadata of {self.tool}", self.metadata, tuple(RECIPES[self.tool].metadata))

    @property
    def family(self) -> str:
        """The tool, and what it was told about metadata."""
        return self.tool if self.metadata == "default" else f"{self.tool} {self.metadata}"

    @property
    def recipe(self) -> Recipe:
        """How the tool is called."""
        return RECIPES[self.tool]

    @property
    def slow(self) -> bool:
        """Whether a program is started for it."""
        return self.recipe.library is None

    @property
    def kind(self) -> str:
        """The channel without a version, for lists: to ask for that would start the program."""
        return f"real:{self.recipe.title}"

    @property
    def channel(self) -> str:
        """The tool with its version, for which a program is started once in each process."""
        version = "(not installed)" if self.missing() else " ".join(self.versions().values())
        return f"{self.kind} {version}"

    def missing(self) -> str:
        """The command that installs what is missing here, or "". Starts no program."""
        recipe = self.recipe
        if recipe.library:
            return "" if package_version(*recipe.distribution.split()) else recipe.install
        here = all(program(*names) for names in recipe.programs) and (not recipe.package or _npm(recipe.package))
        return "" if here else recipe.install

    def versions(self) -> dict[str, str]:
        """Name -> version of everything here that decides what comes out."""
        recipe = self.recipe
        if recipe.library:
            return {self.tool: package_version(*recipe.distribution.split()) or "missing"}
        if recipe.package:
            return {self.tool: _npm(recipe.package)[0] if _npm(recipe.package) else "missing"}
        first, *others = (_version(self.tool, names) for names in recipe.programs)
        return {self.tool: first} | {names[0]: found for names, found in zip(recipe.programs[1:], others, strict=True)}

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        """The file as the program saves it."""
        recipe = self.recipe
        if install := self.missing():
            raise Unavailable("E_TOOL_MISSING", f"{recipe.title} is not installed: {install}")
        if media.mime not in recipe.takes:
            known = ", ".join(sorted(mime.removeprefix("image/").upper() for mime in recipe.takes))
            raise NotApplicable("E_NOT_APPLICABLE", f"{recipe.title} is given {known} here, not {media.mime}")
        start = time.time()
        if recipe.library:
            made = recipe.library(media.data, media.mime, recipe.metadata[self.metadata])
        else:
            made = self._run(media)
        return Media.from_bytes(fixed_stamps(made, media.data, start, time.time()))

    def _run(self, media: Media) -> bytes:
        """The program's output file, made in a folder of its own."""
        recipe = self.recipe
        import tempfile

        source, target = "in" + EXTENSIONS[media.mime], "out" + EXTENSIONS[recipe.takes[media.mime]]
        words = recipe.metadata[self.metadata]
        texts = {FORMAT: recipe.formats.get(media.mime, ""), OPTIONS: " ".join(words), IN: source, OUT: target}
        if recipe.package:
            texts[PACKAGE] = f"{_npm(recipe.package)[1]}/{recipe.package}"
        for number, names in enumerate(recipe.programs):
            texts[f"<{number}>"] = program(*names) or names[0]
        with tempfile.TemporaryDirectory(prefix="washtest-", ignore_cleanup_errors=True) as name:
            folder = Path(name).resolve()
            (folder / source).write_bytes(media.data)
            os.utime(folder / source, (1767225600, 1767225600))  # 2026-01-01: some programs note the file's time
            if recipe.in_place:
                shutil.copyfile(folder / source, folder / target)
            for name, text in recipe.files.items():
                (folder / name).write_text(_filled(text, texts), "utf-8")
            kept = folder / "home" / recipe.kept
            if recipe.kept in _KEPT:
                kept.parent.mkdir(parents=True)
                kept.write_bytes(_KEPT[recipe.kept])
            said = ""
            for command in recipe.instead.get(self.metadata, recipe.commands):
                filled = [w for word in command for w in (words if word == OPTIONS else (_filled(word, texts),))]
                said = run_program(filled, folder, memory=recipe.memory)
            if recipe.kept and kept.is_file():
                _KEPT[recipe.kept] = kept.read_bytes()
            found = sorted(folder.glob(recipe.made)) if recipe.made else [folder / target, *_numbered(folder, target)]
            made = next((path for path in found if path.is_file() and path.stat().st_size), None)
            if made is None:
                raise CodedError(
                    "E_TOOL_OUTPUT", f"{recipe.title} wrote no file: {last_line(said) or 'without a word'}"
                )
            return made.read_bytes()


def _filled(text: str, texts: dict[str, str]) -> str:
    for mark, value in texts.items():
        text = text.replace(mark, value)
    return text


def _numbered(folder: Path, target: str) -> list[Path]:
    """The files of a sequence, which some programs write for an animation: ``out-0.jpg``, ``out-1.jpg``, ..."""
    stem, _, extension = target.rpartition(".")
    return sorted(folder.glob(f"{stem}-*.{extension}"), key=lambda path: (len(path.name), path.name))


def _version(tool: str, names: tuple[str, ...]) -> str:
    path = program(*names)
    flags = ("-v",) if names == ("pdfimages",) else RECIPES[tool].version
    return program_version(path, *flags) if path else "missing"


@functools.cache
def _npm(package: str) -> tuple[str, ...]:
    """The version of an npm package that ``require`` finds by NODE_PATH, or in node's own global folder; or nothing."""
    node = program("node")
    if node is None:
        return ()
    places = [Path(place) for place in os.environ.get("NODE_PATH", "").split(os.pathsep) if place]
    places += [Path(node).resolve().parents[1] / "lib" / "node_modules", Path("/usr/local/lib/node_modules")]
    for place in places:
        try:
            return (str(json.loads((place / package / "package.json").read_text("utf-8"))["version"]), str(place))
        except (OSError, ValueError, KeyError):
            continue
    return ()


#: Every tool with every metadata option it has.
REEXPORTS: tuple[ReExport, ...] = tuple(
    ReExport(name, mode) for name, recipe in RECIPES.items() for mode in recipe.metadata
)
