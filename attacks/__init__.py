"""Everything that happens to a picture between its maker and its reader.

``ATTACKS`` is the registry: one instance of each attack at its default setting, in the order of the tables. Suites
name attacks with their own parameters; ``washtest list attacks`` prints this tuple.
"""

from attacks.adversarial import BoundaryAttack, SquareAttack
from attacks.base import Attack, Identity
from attacks.browser import BrowserScreenshot
from attacks.chain import Chain
from attacks.codec import LearnedCodec
from attacks.colour import Brightness, Contrast, Gamma, Greyscale, Hue, Palette, Saturation
from attacks.controls import ResizeBack
from attacks.copies import THUMBNAIL, WEB_COPY, ResizeTo
from attacks.cover import Erase, Pad
from attacks.denoise import Denoise
from attacks.diffusion import DiffusionRegenerate
from attacks.edit import Edit, Patch
from attacks.explicit import RemoveVisible
from attacks.geometry import Aspect, Crop, CropArea, Flip, Resize, ResizedCrop
from attacks.gradient import GradientAttack
from attacks.metadata import EditField, Forge, Strip
from attacks.platforms import Platform
from attacks.recapture import Recapture
from attacks.recompress import Jpeg, Png, WebP, WebPLossless
from attacks.recompress_jpeg import DoubleJpeg, Jpegli, MozJpeg
from attacks.recompress_modern import Avif, Heic, JpegXl
from attacks.recompress_palette import Gif, PngPalette
from attacks.reexport import OpenCVSave, PillowSave
from attacks.reexport_tools import ReExport
from attacks.regenerate import Regenerate, Rinse
from attacks.resynthesise import Resynthesise
from attacks.screenshot import Screenshot
from attacks.tone import Blur, BoxBlur, Median, Noise, PillowBlur, PoissonNoise, Sharpen, SpeckleNoise
from attacks.upscale import SuperResolve
from attacks.warp import Perspective, Rotate

ATTACKS: tuple[Attack, ...] = (
    Identity(),
    Png(),
    Jpeg(),
    WebP(),
    WebPLossless(),
    DoubleJpeg(),
    MozJpeg(),
    Jpegli(),
    Avif(),
    Heic(),
    JpegXl(),
    PngPalette(),
    Gif(),
    PillowSave(),
    OpenCVSave(),
    ReExport(),
    Resize(),
    ResizeTo(),
    Aspect(),
    Crop(),
    CropArea(),
    ResizedCrop(),
    Flip(),
    Rotate(),
    Perspective(),
    Pad(),
    Erase(),
    Brightness(),
    Contrast(),
    Gamma(),
    Saturation(),
    Hue(),
    Greyscale(),
    Palette(),
    Blur(),
    PillowBlur(),
    BoxBlur(),
    Median(),
    Sharpen(),
    Noise(),
    PoissonNoise(),
    SpeckleNoise(),
    Screenshot(),
    BrowserScreenshot(),
    Recapture(),
    ResizeBack(),
    Regenerate(),
    Rinse(),
    DiffusionRegenerate(),
    LearnedCodec(),
    Denoise(),
    SuperResolve(),
    Resynthesise(),
    Edit(),
    Patch(),
    RemoveVisible(),
    Strip(),
    EditField(),
    Forge(),
    Platform(),
    SquareAttack(),
    BoundaryAttack(),
    GradientAttack(),
    Chain(attacks=(Screenshot(), Jpeg(quality=75))),
    WEB_COPY,
    THUMBNAIL,
)

__all__ = ["ATTACKS", "Attack"]
