"""Every registry entry keeps the contract, and no attack, label or detector is missing from its registry."""

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import attacks
import bench.detectors
import bench.labels
from attacks import ATTACKS
from bench.checks import Check, checks_for
from bench.detectors import DETECTORS
from bench.labels import BUNDLES, LABELS

#: Labels that bundles write in other places or shapes than the registered instance of their class.
VARIANTS = {label for bundle in BUNDLES.values() for label in bundle} - set(LABELS)
ENTRIES = (*ATTACKS, *LABELS, *sorted(VARIANTS, key=repr), *DETECTORS)
CHECKS = [check for entry in ENTRIES for check in checks_for(entry)]
#: Detectors that are not registered because they need something of the user's to exist.
NEED_AN_ARGUMENT = {
    "CallableDetector",
    "EndpointDetector",
    "Exporter",
    "NetworkDetector",
    "ProgramDetector",
    "TableDetector",
}


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_registry_entry_keeps_the_contract(check: Check) -> None:
    check()


def classes_of(package: ModuleType, methods: tuple[str, ...]) -> set[str]:
    found = set()
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        for name, thing in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            written_here = thing.__module__ == module.name and not name.startswith("_")
            is_protocol = getattr(thing, "_is_protocol", False)
            if written_here and not is_protocol and all(hasattr(thing, method) for method in methods):
                found.add(name)
    return found


@pytest.mark.parametrize(
    ("package", "methods", "registry"),
    [
        (attacks, ("__call__", "family", "channel"), ATTACKS),
        (bench.labels, ("read", "write", "applies"), LABELS),
        (bench.detectors, ("score",), DETECTORS),
    ],
    ids=["attacks", "labels", "detectors"],
)
def test_every_class_of_the_protocol_is_registered_and_so_checked(package, methods, registry) -> None:
    written = classes_of(package, methods) - NEED_AN_ARGUMENT
    registered = {type(entry).__name__ for entry in registry}
    assert written == registered
    assert registered <= {type(check.entry).__name__ for check in CHECKS}


def test_what_follows_no_protocol_is_refused() -> None:
    with pytest.raises(TypeError, match="is no Attack"):
        checks_for(object())


def test_a_check_fails_on_a_broken_attack() -> None:
    class Careless:
        family, severity, axis, channel = "x", 0.0, "none", "real:x"

        def __call__(self, media, rng):
            return type(media).from_pixels(rng.integers(0, 256, media.pixels().shape, dtype="uint8") // 2 * 2)

        def __repr__(self) -> str:
            return "Careless()"

    failures = set()
    for check in checks_for(Careless()):
        try:
            check()
        except (AssertionError, AttributeError, NameError):
            failures.add(str(check))
        except Exception as error:  # a local class cannot be pickled
            failures.add(f"{check} {type(error).__name__}")
    assert any("is_a_value" in failure for failure in failures)
