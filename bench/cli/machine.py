"""Commands about this installation: what there is, and whether it can run here."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.common import Group, json_option, print_json, print_rows
from bench.errors import UserError

KINDS = ("attacks", "platforms", "labels", "bundles", "detectors", "published", "suites", "datasets")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@json_option
def list_(kind: str, as_json: bool) -> None:
    """List attacks, platforms, labels, bundles of labels, detectors, published ones' cards, suites or datasets.

    \b
    Examples:
      washtest list attacks
      washtest list detectors --json
    """
    rows = {
        "attacks": _attacks,
        "platforms": _platforms,
        "labels": _labels,
        "bundles": _bundles,
        "detectors": _detectors,
        "published": _published,
        "suites": _suites,
        "datasets": _datasets,
    }[kind]()
    if as_json:
        print_json(rows)
    else:
        print_rows(list(rows[0]) if rows else ["name"], [list(row.values()) for row in rows])


def _row(name: str, family: str, channel: str, available: bool = True, install: str = "") -> dict[str, Any]:
    return {"name": name, "family": family, "channel": channel, "available": available, "install": install}


def _attacks() -> list[dict[str, Any]]:
    from attacks import ATTACKS
    from attacks.reexport_tools import REEXPORTS
    from bench.harness.registry import attack_classes

    rows = []
    for attack in dict.fromkeys((*ATTACKS, *REEXPORTS)):
        missing = getattr(attack, "missing", str)()
        # What a program's version is, only the program knows, and a list starts none.
        channel = getattr(attack, "kind", None) or attack.channel
        rows.append(_row(repr(attack), attack.family, channel, not missing, missing))
    ours = {type(attack).__name__ for attack in ATTACKS}
    return rows + [
        _row(name, "plug-in", kind.__module__) for name, kind in attack_classes().items() if name not in ours
    ]


def _platforms() -> list[dict[str, Any]]:
    """The presets of ``Platform(name=...)``, each with what is known of it and from where."""
    from attacks.platforms import Platform, presets

    rows = []
    for name, preset in presets().items():
        attack = Platform(name=name)
        told = {"title": preset.title, "evidence": preset.evidence, "date": preset.date, "source": preset.source}
        rows.append(_row(repr(attack), attack.family, attack.channel) | told | {"assumed": preset.assumed})
    return rows


def _labels() -> list[dict[str, Any]]:
    from bench.labels import LABELS

    rows = []
    for label in LABELS:
        missing = getattr(label, "missing", str)()
        rows.append(_row(label.name, label.position, "embedded writer and reader", not missing, missing))
    return rows


def _bundles() -> list[dict[str, Any]]:
    from bench.labels import BUNDLES
    from bench.labels.profiles import PROFILES

    rows = []
    for name, labels in BUNDLES.items():
        missing = next((m for label in labels if (m := getattr(label, "missing", str)())), "")
        kind = "provider profile" if name in PROFILES else "bundle"
        rows.append(_row(name, kind, ", ".join(map(repr, labels)), not missing, missing))
    return rows


def _detectors() -> list[dict[str, Any]]:
    from bench.detectors import DETECTORS
    from bench.harness.registry import detector_classes

    rows = []
    for detector in DETECTORS:
        info, missing = detector.info, getattr(detector, "missing", str)()
        rows.append(_row(info.name, f"reads {info.reads}", f"version {info.version}", not missing, missing))
    ours = {type(detector).__name__ for detector in DETECTORS}
    more = [(name, kind) for name, kind in detector_classes().items() if name not in ours]
    return rows + [_row(name, "plug-in", kind.__module__) for name, kind in more]


def _published() -> list[dict[str, Any]]:
    """The cards of published detectors."""
    from bench.detectors.cards import CARDS
    from bench.detectors.published import Published

    rows = []
    for card in CARDS:
        detector = Published(name=card.name)
        missing = detector.missing()
        told = {"licence": card.licence, "file": card.file, "sha256": detector.info.weights_sha256 or "unknown"}
        told |= {"digest": card.digest, "preprocessing": repr(card.preprocessing), "figures": card.figures}
        golden = "unknown" if card.golden is None else f"{card.golden:.4f}"
        told |= {"golden": golden, "paper": card.paper, "source": card.source, "notes": card.notes}
        rows.append(_row(card.name, card.architecture, "logit", not missing, missing) | told)
    return rows


def _suites() -> list[dict[str, Any]]:
    from bench.suites import read_suite, suite_files

    read = [(name, read_suite(path)) for name, path in suite_files().items()]
    return [_row(name, f"{len(suite['attacks'])} attacks", suite["description"]) for name, suite in read]


def _datasets() -> list[dict[str, Any]]:
    from bench.errors import UserError
    from bench.harness.dataset_fetch import here
    from bench.harness.samples import dataset_folders, load_dataset

    rows = []
    for folder in dataset_folders():
        loaded = load_dataset(folder)
        counts = loaded.counts()
        by_truth = ", ".join(f"{sum(c[t] for c in counts.values())} {t}" for t in next(iter(counts.values())))
        try:
            here(loaded, partial=True)
            rows.append(_row(loaded.name, by_truth, loaded.title))
        except UserError:
            rows.append(_row(loaded.name, by_truth, loaded.title, False, f"washtest dataset fetch {loaded.name}"))
    return rows


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say which packages, codecs, programs and weights are here, and the command that gets the rest.

    \b
    Example:
      washtest doctor
    """
    from bench.harness.doctor import examine

    rows = examine()
    if as_json:
        print_json(rows)
    else:
        print_rows(list(rows[0]), [list(row.values()) for row in rows])
    if any(row["needed"] == "always" and not row["available"] for row in rows):
        raise click.exceptions.Exit(1)


@click.group(cls=Group)
def cache() -> None:
    """Show or clear the kept results of slow attacks; WASHTEST_CACHE names another folder for them.

    Runs keep what AVIF, HEIC, JPEG XL, regeneration, real programs and the like made of a file, and read it back when
    the same version would make the same again. The results unused for longest go first (washtest run --cache-limit).

    \b
    Examples:
      washtest cache show
      washtest cache clear
    """


@cache.command()
@json_option
def show(as_json: bool) -> None:
    """Say where results are kept, how many, and how much room they take.

    \b
    Example:
      washtest cache show --json
    """
    from bench.harness.cache import results_folder
    from bench.harness.cache_files import kept

    folder = results_folder()
    sizes = [stat.st_size for _, stat in kept(folder)]
    row: dict[str, Any] = {"folder": str(folder), "results": len(sizes), "bytes": sum(sizes)}
    if as_json:
        print_json(row)
    else:
        print_rows(list(row), [list(row.values())])


@cache.command()
@json_option
def clear(as_json: bool) -> None:
    """Remove all kept results; runs make them again.

    \b
    Example:
      washtest cache clear --json
    """
    from bench.harness.cache import results_folder
    from bench.harness.cache_files import kept, make_room

    folder = results_folder()
    sizes = [stat.st_size for _, stat in kept(folder)]
    if left := make_room(folder, 0):
        raise UserError(f"{left} bytes in {folder} cannot be removed; remove that folder by hand")
    if as_json:
        print_json({"folder": str(folder), "removed": len(sizes), "bytes": sum(sizes)})
    else:
        click.echo(f"{len(sizes)} results removed from {folder}")


COMMANDS = (list_, doctor, cache)
