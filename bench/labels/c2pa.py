"""C2PA Content Credentials, embedded in the file and signed (C2PA specification 2.2), through c2pa-python.

Nothing here touches the network: no time stamp, no remote manifest, no revocation list, no CAWG identity that would be
resolved. A reading's state is graded on integrity alone; whether somebody trusts the signer, and whether the
certificate has run out since, stands in ``credential`` and never changes the state.
"""

from __future__ import annotations

import functools
import io
import json
import os
from typing import Any

from bench import __version__
from bench.containers import jumbf, jxl
from bench.errors import CodedError, Unavailable
from bench.labels import c2pa_chain, xmp
from bench.labels.base import Claim, Reading, State, nothing_read, read_file
from bench.labels.c2pa_report import CLAIM_ASSERTION, SOURCE_TYPE, understood
from bench.labels.iptc import SCHEME, TERMS
from bench.media import Media
from bench.settings import settings

FORMATS = (
    "image/jpeg", "image/png", "image/webp", "image/avif", "image/heic", "image/gif", "image/tiff", "image/jxl",
)  # fmt: skip
STYLES = ("active", "ingredient", "composite")

_SETTINGS: dict[str, Any] = {
    "core": {
        "decode_identity_assertions": False,  # resolving an identity asks a server
        "allowed_network_hosts": [],
        "max_decompressed_manifest_size_in_mb": 16,
    },
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": True},
    "builder": {"thumbnail": {"enabled": False}},  # it costs 150-640 ms and says nothing about the origin
}


@settings
class C2PA:
    """A signed manifest store in the place that the format has for it.

    Attributes:
        style: where the AI source type stands. ``active``: in the active manifest's ``c2pa.created`` action.
            ``ingredient``: in the manifest of the generator, which the active manifest opened and converted.
            ``composite``: in the active manifest, as ``compositeWithTrainedAlgorithmicMedia`` whatever the claim says.
    """

    style: str = "active"

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(STYLES)}, got {self.style!r}")

    @property
    def name(self) -> str:
        """The scheme."""
        return "c2pa"

    @property
    def position(self) -> str:
        """Where it is written."""
        return "jumbf"

    def applies(self, mime: str) -> bool:
        """JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF and JPEG XL."""
        return mime in FORMATS

    def expected(self, claim: Claim) -> dict[str, str]:
        """The source type's term and the two fields of our own assertion."""
        term = "compositeWithTrainedAlgorithmicMedia" if self.style == "composite" else claim.source_type
        return {SOURCE_TYPE: term, "producer": claim.producer, "produce_id": claim.produce_id}

    def write(self, media: Media, claim: Claim) -> Media:
        """The same file signed; a manifest store that was there is replaced, everything else stays.

        The hash covers all other bytes, so every other label must be written before.

        Raises:
            CodedError: ``E_NOT_APPLICABLE`` for another format, ``E_CLAIM`` for a source type that the scheme does not
                have, ``E_C2PA`` when the file cannot be signed; ``Unavailable`` without c2pa-python.
        """
        if not self.applies(media.mime):
            raise CodedError("E_NOT_APPLICABLE", f"C2PA is not written into {media.mime}")
        expected = self.expected(claim)
        if expected[SOURCE_TYPE] not in TERMS:
            raise CodedError("E_CLAIM", f"source_type must be a term of {SCHEME}, got {claim.source_type[:60]!r}")
        created: dict[str, Any] = {"action": "c2pa.created", SOURCE_TYPE: SCHEME + expected[SOURCE_TYPE]}
        created |= {"softwareAgent": {"name": claim.system}} if claim.system else {}
        fields = {"label": CLAIM_ASSERTION, "data": {k: v for k, v in expected.items() if k != SOURCE_TYPE}}
        data = jxl.contained(media.data) if media.mime == jxl.MIME else media.data
        signed = _sign(data, media.mime, [created], [fields])
        if self.style == "ingredient":
            opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["generated"]}}
            signed = _sign(data, media.mime, [opened, {"action": "c2pa.converted"}], [], parent=signed)
        return media.spliced(signed)

    def read(self, media: Media) -> Reading:
        """What all manifests of the file say, the active one and those of its ingredients."""
        cannot = () if self.applies(media.mime) else (media.mime,)
        return read_file(self, media, self._read, cannot)

    def _read(self, media: Media) -> Reading:
        if media.mime == jxl.MIME and jxl.is_naked(media.data):
            # The library calls a codestream without a container broken: it is only one without a place for a store.
            return nothing_read(self, *_nothing(media, "ManifestNotFound"))
        jumbf.check_bounds(media.data)
        library = _library()
        try:
            with library.Reader(media.mime, io.BytesIO(media.data), context=_tools(os.getpid())[0]) as reader:
                report = json.loads(reader.json())
        except library.C2paError as error:
            return nothing_read(self, *_nothing(media, str(error)))
        found = understood(report)
        return Reading(
            label=self.name,
            position=self.position,
            state="broken" if found.broken else "present",
            declares_ai=found.declares_ai,
            integrity="invalid" if found.broken else "valid",
            credential=found.credential,
            fields=found.fields,
            conformance=found.violations,
            code=found.broken[0] if found.broken else "",
            detail=", ".join(found.broken[1:]),
        )


def _nothing(media: Media, message: str) -> tuple[State, CodedError | None]:
    """What it means that the library gave no report: residue, error, or, where the file is sound, absent."""
    place, failure = jumbf.find(media.data)
    if place:
        return "residue", CodedError("E_C2PA", f"{place}: {message}")
    if failure is not None:
        return "error", failure
    if message.startswith(("ManifestNotFound", "Remote")):
        state, failure = xmp.nothing(media, (), (), None)
        if state == "absent" and message.startswith("Remote"):
            failure = CodedError("", "the XMP packet names a manifest on a server, which is not asked")
        return state, failure
    return "error", CodedError("E_C2PA", message)


def _library() -> Any:
    """c2pa-python.

    Raises:
        Unavailable: it, or the native library in its wheel, cannot be loaded here.
    """
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError) as error:
        raise Unavailable("E_NO_C2PA", f"{error}: pip install c2pa-python cryptography") from None
    return c2pa


@functools.cache
def _tools(process: int) -> tuple[Any, Any]:
    """Settings and signer of this process: native handles, which must not cross a fork."""
    library = _library()
    try:
        chain = c2pa_chain.make()
    except ImportError as error:
        raise Unavailable("E_NO_C2PA", f"{error}: pip install cryptography") from None
    signer = library.Signer.from_info(library.C2paSignerInfo(b"ed25519", chain.certificates, chain.key, None))
    return library.Context.from_dict(_SETTINGS), signer


def _sign(
    data: bytes, mime: str, actions: list[dict[str, Any]], assertions: list[dict[str, Any]], parent: bytes = b""
) -> bytes:
    library = _library()
    context, signer = _tools(os.getpid())
    manifest = {
        "claim_generator_info": [{"name": "washtest", "version": __version__}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}, *assertions],
    }
    out = io.BytesIO()
    try:
        with library.Builder(manifest, context=context) as builder:
            if parent:
                ingredient = {"title": "generated", "relationship": "parentOf", "label": "generated"}
                builder.add_ingredient(ingredient, mime, io.BytesIO(parent))
            builder.sign(signer, mime, io.BytesIO(data), out)
    except library.C2paError as error:
        raise CodedError("E_C2PA", f"not signed: {error}") from None
    return out.getvalue()
