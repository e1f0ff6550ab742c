"""What a C2PA reader's report says about the file: source type, fields, integrity, credential.

The report is the JSON of c2pa-python's ``Reader``. Validation codes: C2PA specification 2.2, section 15.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.labels.base import AI_SOURCE_TYPES
from bench.labels.iptc import TERMS

#: Label of our own assertion, with what no standard assertion carries.
CLAIM_ASSERTION = "washtest.claim"
SOURCE_TYPE = "digitalSourceType"
#: Something that the signature or a hash should cover is not there to be compared.
_MISSING = ("claim.missing", "claim.hardBindings.missing", "claimSignature.missing", "assertion.missing")
#: Not the label's integrity: time stamps are about trust, and a CAWG identity is another party's statement.
_APART = ("signingCredential.", "timeStamp.", "cawg.", "claimSignature.outsideValidity")
_CREDENTIALS = ("revoked", "invalid", "expired", "untrusted", "trusted")
#: Values looked at in one report; real manifests have some hundreds.
_MOST_VALUES = 100_000


@dataclass
class Report:
    """One file's manifests, understood.

    Attributes:
        fields: source type, the claim's own fields, who says so; missing ones are left out.
        declares_ai: true if any manifest names an AI source type, false if only others are named, None if none is.
        broken: the codes that say that content or manifest was changed, in the order of the report.
        credential: ``trusted``, ``untrusted``, ``expired``, ``invalid``, ``revoked`` or "".
        violations: the other failures.
    """

    fields: dict[str, str] = field(default_factory=dict)
    declares_ai: bool | None = None
    broken: tuple[str, ...] = ()
    credential: str = ""
    violations: tuple[str, ...] = ()


def understood(report: dict[str, Any]) -> Report:
    """The report in our terms; anything in it may be of any type."""
    manifests = _manifests(report)
    out = Report()
    _read_source_type(manifests, out)
    for _, manifest in manifests:
        for assertion in _dicts(manifest.get("assertions")):
            if str(assertion.get("label", "")).startswith(CLAIM_ASSERTION) and isinstance(assertion.get("data"), dict):
                for name, value in assertion["data"].items():
                    if isinstance(value, str):
                        out.fields.setdefault(str(name)[:60], value[:1000])
    if manifests:
        _read_author(manifests[0][1], out)
    failed, passed = _codes(report, "failure"), _codes(report, "success")
    recorded = [code for _, manifest in manifests for code in _recorded(manifest)]
    out.broken = tuple(dict.fromkeys(code for code in failed + recorded if _breaks(code)))
    credentials = {code.removeprefix("signingCredential.") for code in failed + passed}
    if "claimSignature.outsideValidity" in failed:
        credentials.add("expired")
    out.credential = next((name for name in _CREDENTIALS if name in credentials), "")
    rest = [code for code in failed if not _breaks(code) and not code.startswith(_APART)]
    out.violations = tuple(dict.fromkeys(rest))
    if failed:
        out.fields["codes"] = ",".join(dict.fromkeys(failed))[:1000]
    return out


def _breaks(code: str) -> bool:
    return not code.startswith(_APART) and (code.endswith(".mismatch") or code in _MISSING)


def _manifests(report: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """All manifests, the active one first."""
    found = report.get("manifests")
    pairs = [(k, v) for k, v in found.items() if isinstance(v, dict)] if isinstance(found, dict) else []
    return sorted(pairs, key=lambda pair: pair[0] != report.get("active_manifest"))


def _read_source_type(manifests: list[tuple[str, dict[str, Any]]], out: Report) -> None:
    """The AI source type of whichever manifest names one, the active one first; else any that is named."""
    terms = []
    for index, (_, manifest) in enumerate(manifests):
        data = [assertion.get("data") for assertion in _dicts(manifest.get("assertions"))]
        terms += [(value.rstrip("/").rpartition("/")[2][:200], index) for value in _source_types(data)]
    chosen = next((pair for pair in terms if pair[0] in AI_SOURCE_TYPES), terms[0] if terms else None)
    if chosen is None:
        return
    term, index = chosen
    out.fields |= {SOURCE_TYPE: term, "manifest": "active" if index == 0 else "ingredient"}
    if term in AI_SOURCE_TYPES:
        out.declares_ai = True
    elif any(other in TERMS for other, _ in terms):
        out.declares_ai = False


def _source_types(data: Any) -> Iterator[str]:
    """Values of every member called digitalSourceType: of actions, of IPTC metadata in JSON-LD."""
    stack = [data]
    for _ in range(_MOST_VALUES):
        if not stack:
            return
        value = stack.pop()
        if isinstance(value, dict):
            for name, inner in value.items():
                if str(name).rpartition(":")[2].lower() == SOURCE_TYPE.lower() and isinstance(inner, str):
                    yield inner
            stack.extend(reversed(value.values()))
        elif isinstance(value, list):
            stack.extend(reversed(value))


def _read_author(manifest: dict[str, Any], out: Report) -> None:
    generators = [info.get("name") for info in _dicts(manifest.get("claim_generator_info"))]
    generator = next((name for name in generators if isinstance(name, str)), manifest.get("claim_generator"))
    if isinstance(generator, str) and generator:
        out.fields["claim_generator"] = generator[:200]
    signature = manifest.get("signature_info")
    issuer = signature.get("issuer") if isinstance(signature, dict) else None
    if isinstance(issuer, str) and issuer:
        out.fields["issuer"] = issuer[:200]


def _codes(report: dict[str, Any], kind: str) -> list[str]:
    """Codes of the active manifest, and those that its ingredients got beyond what was recorded when it was signed."""
    results = report.get("validation_results")
    if not isinstance(results, dict):
        return _code_list(report.get("validation_status")) if kind == "failure" else []
    codes = _code_list(_member(results, "activeManifest", kind))
    for delta in _dicts(results.get("ingredientDeltas")):
        found = _code_list(_member(delta, "validationDeltas", kind))
        codes += [code for code in found if not code.startswith("signingCredential.")]
    return codes


def _recorded(manifest: dict[str, Any]) -> list[str]:
    """Failures of ingredients' manifests that the signer saw and wrote down."""
    codes: list[str] = []
    for ingredient in _dicts(manifest.get("ingredients")):
        codes += _code_list(ingredient.get("validation_status"))
        codes += _code_list(_member(ingredient.get("validation_results"), "activeManifest", "failure"))
    return codes


def _member(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _code_list(value: Any) -> list[str]:
    return [str(item.get("code", ""))[:100] for item in _dicts(value)]
