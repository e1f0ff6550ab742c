"""The unit of everything: an encoded file. Pixels are a cached view of it.

Metadata survival is visible only if every attack takes a file and gives a file; decoding once and sharing the view
is what keeps that affordable.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench import containers, decode_jxl
from bench.errors import CodedError, coded

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

T = TypeVar("T")

#: Pixels beyond which a file is refused before anything is allocated (a decompression bomb, or simply too large).
MAX_PIXELS = 100_000_000

#: Magic numbers that Pillow may open: no vector or document formats, whose readers start other programs.
PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")


class Media:
    """An encoded file, immutable.

    Args:
        data: the bytes of the file.
        mime: its type by content, e.g. ``image/jpeg``; ``Media.from_bytes`` finds it.
    """

    __slots__ = ("_data", "_header", "_made", "_pixels", "_sha256", "fresh", "mime")

    def __init__(self, data: bytes, mime: str) -> None:
        self._data: bytes | None = data
        self._pixels: np.ndarray | None = None
        self._header: containers.Header | None = None
        self._sha256 = ""
        self._made: dict[Callable[[Media], Any], Any] = {}
        self.mime = mime
        #: True for pixels that were never a file: whatever encodes them, there are no metadata to be read.
        self.fresh = False

    @classmethod
    def from_bytes(cls, data: bytes) -> Media:
        """A file whose type is told by its content, never by its name.

        Raises:
            CodedError: ``E_EMPTY`` or ``E_UNIDENTIFIED``.
        """
        return cls(data, containers.sniff(data))

    @classmethod
    def read(cls, path: Path) -> Media:
        """The file at a path.

        Raises:
            CodedError: ``E_MISSING`` or ``E_UNREADABLE``, or as ``from_bytes``.
        """
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device would block, or never end
                raise CodedError("E_UNREADABLE", f"{path}: not a regular file")
            data = path.read_bytes()
        except FileNotFoundError:
            raise CodedError("E_MISSING", f"{path}: no such file") from None
        except OSError as error:
            raise CodedError("E_UNREADABLE", f"{path}: {error.strerror or error}") from None
        return cls.from_bytes(data)

    @classmethod
    def from_pixels(cls, pixels: np.ndarray) -> Media:
        """A lossless PNG of these pixels, encoded only when its bytes are asked for.

        Args:
            pixels: ``(height, width, 3)`` uint8, sRGB.
        """
        import numpy as np

        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
            raise ValueError(f"pixels must be (height, width, 3) uint8, got {pixels.shape} {pixels.dtype}")
        media = cls(b"", "image/png")
        media._data = None
        media._pixels = np.ascontiguousarray(pixels)
        media._pixels.flags.writeable = False
        media.fresh = True
        return media

    def spliced(self, data: bytes) -> Media:
        """The same coded picture in other bytes (metadata written or removed): the decoded view is shared."""
        media = Media(data, self.mime)
        media._pixels = self._pixels
        return media

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        if self._data is None:
            import cv2

            assert self._pixels is not None
            bgr = cv2.cvtColor(self._pixels, cv2.COLOR_RGB2BGR)
            # Level 1: the file is kept or hashed, never published, and higher levels cost several times the attack.
            _, encoded = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            self._data = encoded.tobytes()
        return self._data

    @property
    def encoded(self) -> bool:
        """Whether the bytes exist already, so that asking for them costs nothing."""
        return self._data is not None

    @property
    def sha256(self) -> str:
        """Of the bytes, hexadecimal."""
        if not self._sha256:
            import hashlib

            self._sha256 = hashlib.sha256(self.data).hexdigest()
        return self._sha256

    @property
    def header(self) -> containers.Header:
        """What the file says about itself, without decoding it.

        Raises:
            CodedError: ``E_UNIDENTIFIED``, ``E_TRUNCATED``, ``E_CORRUPT``.
        """
        if self._header is None:
            if self.fresh:
                height, width = self.pixels().shape[:2]
                self._header = containers.fresh_png_header(width, height)
            else:
                self._header = containers.header(self.data)
        return self._header

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, EXIF orientation applied."""
        if self._pixels is not None:
            return self._pixels.shape[1], self._pixels.shape[0]
        header = self.header
        turned = header.orientation >= 5
        return (header.height, header.width) if turned else (header.width, header.height)

    def pixels(self) -> np.ndarray:
        """The picture as ``(height, width, 3)`` uint8 sRGB, read-only.

        EXIF orientation is applied, an ICC profile converted to sRGB, transparency laid over white, the first frame
        taken of several, 16 bits reduced to 8.

        Raises:
            CodedError: ``E_TRUNCATED``, ``E_CORRUPT``, ``E_TOO_LARGE``, ``E_DECODE``.
        """
        if self._pixels is None:
            pixels = _decode(self.data, self.header)
            pixels.flags.writeable = False
            self._pixels = pixels
        return self._pixels

    def once(self, make: Callable[[Media], T]) -> T:
        """What a function makes of this file, made at the first call and kept as long as the file is.

        Detectors share what they have in common this way (a grey picture, a residual, a vector of features).

        Args:
            make: a function of a module, which is also the key; its result is shared, so nobody may change it. What it
                raises is not kept.
        """
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Media) and self.mime == other.mime and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        size = f"{len(self._data)} bytes" if self._data is not None else "not encoded yet"
        return f"<Media {self.mime}, {size}>"


def _decode(data: bytes, header: containers.Header) -> np.ndarray:
    """The pixels, by OpenCV where its answer is right and by Pillow elsewhere."""
    if header.width * header.height > MAX_PIXELS:
        raise CodedError("E_TOO_LARGE", f"{header.width}x{header.height} pixels; the limit is {MAX_PIXELS:,}")
    if not header.complete:
        if wrong := next((note for note in header.notes if "checksum" in note), None):
            raise CodedError("E_CORRUPT", wrong)
        raise CodedError("E_TRUNCATED", f"the {header.mime} ends before its end marker")
    if header.mime == "image/jxl":
        return _decode_jxl(data)
    # OpenCV ignores ICC profiles and mattes, and reads 16 bits and palettes in its own way; plain files are the rule.
    plain = header.mime in ("image/jpeg", "image/png", "image/webp") and header.bits == 8
    if plain and header.channels in (1, 3) and not (header.alpha or header.palette or header.animated):
        if header.icc is None or _is_srgb(header.icc):
            return _decode_opencv(data)
    return _decode_pillow(data, header)


def _decode_opencv(data: bytes) -> np.ndarray:
    import cv2
    import numpy as np

    try:
        pixels: np.ndarray | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        failure = coded(error)
        raise failure if failure.code == "E_MEMORY" else CodedError("E_DECODE", str(error)) from None
    if pixels is None:
        raise CodedError("E_DECODE", "the decoder gave no picture")
    return pixels


def _decode_jxl(data: bytes) -> np.ndarray:
    import numpy as np

    try:
        return np.array(_to_srgb(decode_jxl.opened(data)))
    except MemoryError:
        raise CodedError("E_MEMORY", "the picture does not fit into memory") from None


def _decode_pillow(data: bytes, header: containers.Header) -> np.ndarray:
    import io
    import warnings

    import numpy as np
    from PIL import Image

    heic = header.mime == "image/heic"
    if heic:
        containers.need_decoder(header.mime)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what the header check has already decided
            with Image.open(io.BytesIO(data), formats=("HEIF",) if heic else PILLOW_FORMATS) as opened:
                opened.load()
                image = _upright(opened, header)
                image = _to_srgb(image)
                return np.array(image)
    except CodedError:
        raise
    except MemoryError:
        raise CodedError("E_MEMORY", "the picture does not fit into memory") from None
    except Exception as error:  # Pillow's plug-ins raise anything from SyntaxError to struct.error
        code = "E_TRUNCATED" if "truncated" in str(error).lower() else "E_DECODE"
        raise CodedError(code, str(error)) from None


def _upright(image: Image.Image, header: containers.Header) -> Image.Image:
    """Turned by the EXIF orientation alone: Pillow's own helper also obeys XMP, which OpenCV does not."""
    from PIL import Image

    if header.mime == "image/tiff":
        return image  # Pillow turns a TIFF while it decodes
    turns = Image.Transpose
    turn = (
        None, None, turns.FLIP_LEFT_RIGHT, turns.ROTATE_180, turns.FLIP_TOP_BOTTOM, turns.TRANSPOSE, turns.ROTATE_270,
        turns.TRANSVERSE, turns.ROTATE_90,
    )[header.orientation]  # fmt: skip
    return image if turn is None else image.transpose(turn)


def _to_srgb(image: Image.Image) -> Image.Image:
    """8-bit RGB in sRGB over white."""
    import io

    from PIL import Image, ImageCms

    icc: bytes | None = image.info.get("icc_profile")
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        scale: Any = 1 / 257 if image.mode != "F" else 1
        image = image.convert("F").point(lambda value: value * scale).convert("L")
    if image.mode in ("P", "PA") or (image.mode in ("1", "L", "RGB") and "transparency" in image.info):
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colour = image.convert("RGB") if image.mode in ("RGBA",) else image.convert("L") if image.mode == "LA" else image
    if icc and not _is_srgb(icc) and colour.mode in ("RGB", "L", "CMYK"):
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            converted = ImageCms.profileToProfile(colour, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
            colour = converted or colour
        except (ImageCms.PyCMSError, OSError):
            pass  # a profile that cannot be used is one that viewers ignore too
    colour = colour.convert("RGB")
    if alpha is None:
        return colour
    white = Image.new("RGB", colour.size, (255, 255, 255))
    white.paste(colour, mask=alpha)
    return white


def in_srgb(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    """RGB pixels of the colour space that an ICC profile describes, ``(height, width, 3)`` uint8, in sRGB."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(pixels)
    image.info["icc_profile"] = icc
    return np.array(_to_srgb(image))


def _is_srgb(icc: bytes) -> bool:
    """Whether a profile names itself sRGB (its description is text in the profile, 8 or 16 bits a character)."""
    return b"sRGB" in icc or "sRGB".encode("utf-16-be") in icc
