"""The donor file that cannot be shipped: a C2PA manifest, signed by a certificate made on this machine.

``attacks.metadata.Forge`` copies the blocks of donor files onto other pictures and knows no label; whoever resolves
its name by the registry gets this one made.
"""

from __future__ import annotations

from bench import containers
from bench.errors import CodedError
from bench.files import cache_folder, replacing
from bench.labels.base import Claim
from bench.labels.c2pa import C2PA
from bench.media import Media

CLAIM = Claim(
    producer="001191110102MACQD9K64010000", produce_id="donor-0001", system="donor", prompt="a donor of labels"
)


def ensure(name: str, labelled: bytes) -> None:
    """Have the donor of this name in the cache: the same bytes from then on, on this machine.

    Without c2pa-python, or where the cache cannot be written, there is none, and ``Forge`` says so.

    Args:
        name: of the file in the cache.
        labelled: a donor with another label, whose picture is taken.
    """
    path = cache_folder("donors") / name
    if path.is_file():
        return
    media = Media.from_bytes(labelled)
    plain = Media(containers.remove(media.data, {"all", *containers.METADATA_KINDS}), media.mime)
    try:
        signed = C2PA().write(plain, CLAIM)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(signed.data)
    except (CodedError, OSError):
        return
