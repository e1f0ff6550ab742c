"""The one place that knows attacks, labels and detectors by name, and turns text into them.

``Jpeg(quality=50)`` on the command line or in a suite is read as a name with literal parameters, never evaluated as
code. ``module:attr`` and ``file.py:attr`` do import code: the user's own, named by the user.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError, unknown
from bench.importing import import_object
from bench.tensors import SUFFIX
from bench.tools import distributions_with_entry_points

if TYPE_CHECKING:
    from attacks import Attack
    from bench.detectors import Detector
    from bench.labels.base import Label

# The three registries are imported where they are asked for: listing attacks needs no label and no detector.


@functools.cache
def attack_classes() -> dict[str, Any]:
    """Name of each attack class -> the class, third parties' (a class or an instance) after ours."""
    from attacks import ATTACKS

    return _classes(ATTACKS, "attacks")


@functools.cache
def label_classes() -> dict[str, Any]:
    """Name of each label class -> the class."""
    from bench.labels import LABELS

    return _classes(LABELS, "labels")


@functools.cache
def detector_classes() -> dict[str, Any]:
    """Name of each detector class -> the class, third parties' (a class, an instance or a function) after ours."""
    from bench.detectors import DETECTORS

    return _classes(DETECTORS, "detectors")


def _classes(registry: tuple[Any, ...], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {type(entry).__name__: type(entry) for entry in registry}
    for group, name, target in distributions_with_entry_points(f"washtest.{kind}"):
        if group == f"washtest.{kind}":
            found.setdefault(name, import_object(target, name))
    return found


def attack(text: str) -> Attack:
    """The attack that a text such as ``Jpeg(quality=50)`` or ``blur`` names.

    Raises:
        UserError: unknown name (with what is near), unknown or bad parameter.
    """
    from attacks import Attack

    named = ":" in text and "(" not in text
    built = _made(import_object(text, text), text) if named else _build(text, attack_classes(), "attack")
    if not isinstance(built, Attack):
        raise UserError(f"{text} is no attack: it needs family, severity, axis, channel and a call (media, rng)")
    _give_donor(built)
    return built


def _give_donor(attack: Attack) -> None:
    """An attack knows no label, so the donor of a signed one is made for it here."""
    for one in (attack, *getattr(attack, "attacks", ())):
        donor = getattr(one, "donor", None)
        if donor is None:
            continue
        from attacks.metadata import DONORS, MADE, MODEL

        if donor == MADE:
            from bench.labels import donors

            donors.ensure(MADE, (DONORS / MODEL).read_bytes())


def label(text: str) -> Label:
    """The label that a text such as ``gb45438``, ``IPTC()`` or ``my_label.py:Note`` names."""
    from bench.labels import LABELS
    from bench.labels.base import Label

    for known in LABELS:
        if text.lower() == known.name:
            return known
    if ":" in text and "(" not in text:
        built = _made(import_object(text, text), text)
    else:
        built = _build(text, label_classes(), "label", [known.name for known in LABELS])
    if not isinstance(built, Label):
        raise UserError(f"{text} is no label: it needs name, position, applies, expected, write and read")
    return built


def detector(text: str) -> Detector:
    """The detector that a text names.

    A registered name, ``Spectrum(copies=1)``, one of these with the model that ``washtest train`` fitted
    (``spectrum@my.safetensors``), ``module:attr``, ``file.py:attr``, the path of a card (``my.toml``) or of a table of
    scores (``scores.csv``). An attribute that is a class is instantiated, one with ``score`` taken as it is, any other
    callable wrapped as ``list[path] -> list[float]``.
    """
    from bench.detectors import DETECTORS

    if text.endswith(SUFFIX):
        return _pretrained(text)
    if Path(text).suffix.lower() in (".toml", ".csv"):
        from bench.detectors import plugins

        return plugins.load(text)
    if ":" in text and "(" not in text:
        return _as_detector(import_object(text, text), text)
    for known in DETECTORS:
        if text.lower() == known.info.name.lower():
            return known
    if "@" in text.rpartition(")")[2]:
        raise UserError(f"{text}: a model file that washtest train made ends in {SUFFIX}")
    names = [known.info.name for known in DETECTORS]
    return _as_detector(_build(text, detector_classes(), "detector", names), text)


def _pretrained(text: str) -> Detector:
    from bench.detectors.base import Trainable
    from bench.harness import models

    name, at, file = text.partition("@")
    if not at:
        raise UserError(f"write the detector's name before its model: NAME@{text}")
    base = detector(name)
    if not isinstance(base, Trainable):
        raise UserError(f"{name} does not learn, so that it has no model file")

    def rebuilt(stored: str) -> Trainable:
        built: Trainable = _build(stored, detector_classes(), "detector")
        return built

    return models.load(base, Path(file), "(" in name, rebuilt)


def _as_detector(thing: Any, name: str) -> Detector:
    from bench.detectors.base import DetectorInfo
    from bench.detectors.plugins.function import CallableDetector

    thing = _made(thing, name)
    try:
        info = getattr(thing, "info", None)
    except Exception as error:  # a property of the user's own
        raise UserError(f"{name}: its info fails: {type(error).__name__}: {error}") from None
    if hasattr(thing, "score") and info is not None:
        if not isinstance(info, DetectorInfo):
            raise UserError(f"{name}: info must be a bench.detectors.base.DetectorInfo, got {type(info).__name__}")
        detector: Detector = thing
        return detector
    if callable(thing):
        function: Callable[[list[str]], list[float]] = thing
        return CallableDetector(name, function)
    raise UserError(f"{name} is neither a detector (score, info) nor callable as list[path] -> list[float]")


def _made(thing: Any, name: str) -> Any:
    """An instance of a class, anything else as it is."""
    if not isinstance(thing, type):
        return thing
    try:
        return thing()
    except Exception as error:  # whatever the user's own class raises
        raise UserError(f"{name} cannot be made without parameters: {type(error).__name__}: {error}") from None


def _build(text: str, classes: dict[str, Any], kind: str, more_names: list[str] | None = None) -> Any:
    if text.endswith(".py"):
        raise UserError(f"{text} may define several things; name the {kind} in it: {text}:NAME")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
        raise UserError(f"{kind} {text[:200]!r} cannot be read; write a name or Name(parameter=value)") from None
    return _value(tree, classes, kind, text, more_names or [], top=True)


def _value(node: ast.expr, classes: dict[str, Any], kind: str, text: str, more: list[str], top: bool = False) -> Any:
    """A literal, a tuple of values, or ``Name(parameter=value, ...)`` of a known class."""
    if isinstance(node, ast.Name):
        node = ast.Call(func=node, args=[], keywords=[])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        folded = {name.lower(): known for name, known in classes.items()}
        known = folded.get(node.func.id.lower())
        if known is None:
            raise unknown(kind, node.func.id, more or list(classes))
        if not (node.args or node.keywords):
            return _made(known, text) if not is_dataclass(known) else _with(known, {}, text)
        names = [f.name for f in fields(known) if f.init and f.repr] if is_dataclass(known) else []
        if len(node.args) > len(names):
            raise UserError(f"{text!r}: {node.func.id} takes {len(names)} parameters ({', '.join(names)})")
        given = dict(zip(names, node.args, strict=False))
        for keyword in node.keywords:
            if keyword.arg not in names:
                raise unknown(f"parameter of {node.func.id}", str(keyword.arg), names)
            if keyword.arg in given:
                raise UserError(f"{text!r}: {keyword.arg} is given twice")
            given[keyword.arg] = keyword.value
        return _with(known, {name: _value(value, classes, kind, text, more) for name, value in given.items()}, text)
    if not top:
        if isinstance(node, ast.Tuple | ast.List):
            return tuple(_value(element, classes, kind, text, more) for element in node.elts)
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError):  # TypeError: an unhashable key
            pass
    raise UserError(f"{kind} {text!r} cannot be read; write a name or Name(parameter=value) with plain values")


def _with(known: Any, values: dict[str, Any], text: str) -> Any:
    """An instance of a dataclass with these parameters; a registered instance gives the others."""
    try:
        return known(**values) if isinstance(known, type) else replace(known, **values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{text!r}: {error}") from None
