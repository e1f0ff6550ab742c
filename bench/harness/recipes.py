"""What it takes to make the views of a run again: its attacks, labels, chance and fitted detectors."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attacks import Attack
from bench.detectors.base import Detector, Trainable
from bench.errors import UserError
from bench.harness import registry
from bench.harness.plan import Bundle, Suite
from bench.harness.training import load_model, model_path
from bench.labels.base import Label
from bench.pictures import shown_regime
from bench.records import read_header


@dataclass(frozen=True)
class Recipe:
    """What it takes to make a run's views again.

    Attributes:
        attacks: by repr.
        labels: that AI and AI-edited samples were given.
        bundle: name of these labels together.
        regime: the one shown.
        seed: of all chance.
        detectors: that an attack may ask, fitted.
        problems: repr of an attack -> why it cannot be made here.
    """

    attacks: Mapping[str, Attack]
    labels: tuple[Label, ...]
    bundle: str
    regime: str
    seed: int
    detectors: tuple[Detector, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


def recipe_of(suite: Suite, folder: Path) -> Recipe:
    """The recipe of a run whose suite is at hand.

    Args:
        suite: as it was run.
        folder: of the run, which keeps the fitted detectors.
    """
    regime = shown_regime(list(suite.regimes))
    asked = any(hasattr(attack, "bind") for attack in suite.attacks)
    return Recipe(
        attacks={repr(attack): attack for attack in suite.attacks},
        labels=suite.read_in(suite.bundles[0].name),
        bundle=suite.bundles[0].name,
        regime=regime,
        seed=suite.seed,
        detectors=tuple(_fitted(one, folder, regime) for one in suite.detectors) if asked else (),
    )


def recipe_from(folder: Path, extra: Sequence[Attack] = ()) -> Recipe:
    """The recipe of a finished run, from its header.

    Args:
        folder: of the run.
        extra: attacks of the user's own that the run used; no header can name where their code is.

    Raises:
        UserError: no run there, or its labels are none that this version writes.
    """
    header = read_header(folder)
    attacks, problems = {repr(attack): attack for attack in extra}, {}
    for name in (str(attack["name"]) for attack in header["attacks"]):
        if name in attacks:
            continue
        try:
            attack = registry.attack(name)
        except UserError as error:
            problems[name] = f"{error}"
        else:
            if repr(attack) == name:
                attacks[name] = attack
            else:
                problems[name] = f"this version makes {attack!r} of it"
    bundle = _bundle(header, folder)
    suite = Suite("", "", tuple(attacks.values()), (bundle,), _detectors(header), tuple(header["regimes"]), (), 0)
    made = recipe_of(suite, folder)
    return Recipe(made.attacks, made.labels, made.bundle, made.regime, int(header["seed"]), made.detectors, problems)


def _bundle(header: dict[str, Any], folder: Path) -> Bundle:
    """The bundle that detectors saw, if this version still writes it in the same way."""
    name = str((header.get("bundles") or ["none"])[0])
    recorded = str(next(iter(header.get("settings", {}).get("bundles", [])), ""))
    try:
        parts = ast.parse(f"[{recorded.removeprefix(f'{name}: ')}]", mode="eval").body
        labels = tuple(registry.label(ast.unparse(part)) for part in getattr(parts, "elts", ()))
    except (SyntaxError, ValueError, UserError):
        labels = ()
    if recorded != f"{name}: {', '.join(map(repr, labels))}":
        raise UserError(f"the labels of {folder} ({recorded[:80] or name}) cannot be written again by this version")
    return Bundle(name, labels)


def _detectors(header: dict[str, Any]) -> tuple[Detector, ...]:
    """Those of a run that can be told by their names; an attack that asks another one says so itself."""
    found = []
    for one in header.get("detectors", []):
        try:
            found.append(registry.detector(str(one["repr"])))
        except (UserError, KeyError):
            continue
    return tuple(found)


def _fitted(detector: Detector, folder: Path, regime: str) -> Detector:
    if isinstance(detector, Trainable) and model_path(folder, regime, detector.info.name).is_file():
        return detector.with_model(load_model(folder, regime, detector.info.name))
    return detector
