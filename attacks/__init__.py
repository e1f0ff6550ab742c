"""Everything that happens to a picture between its maker and its reader.

``ATTACKS`` is the registry: one instance of each attack at its default setting, in the order of the tables. Suites
name attacks with their own parameters; ``washtest list attacks`` prints this tuple.
"""

from attacks.base import Attack, Identity
from attacks.chain import Chain
from attacks.geometry import Crop, Resize
from attacks.recompress import Jpeg, Png, WebP
from attacks.reexport import OpenCVSave, PillowSave
from attacks.regenerate import Resynthesise
from attacks.screenshot import Screenshot
from attacks.tone import Blur, Noise

ATTACKS: tuple[Attack, ...] = (
    Identity(),
    Png(),
    Jpeg(),
    WebP(),
    PillowSave(),
    OpenCVSave(),
    Resize(),
    Crop(),
    Blur(),
    Noise(),
    Screenshot(),
    Resynthesise(),
    Chain(attacks=(Screenshot(), Jpeg(quality=75))),
)

__all__ = ["ATTACKS", "Attack"]
