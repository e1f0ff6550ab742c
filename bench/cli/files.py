"""Commands for single files: each part of the bench alone, on anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import json_option, print_json, print_rows
from bench.errors import CodedError, UserError, coded, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.detectors.base import Detector, Score
    from bench.labels.base import Claim, Reading
    from bench.media import Media

in_argument = click.argument("source", metavar="IN", type=click.Path(path_type=Path))
out_argument = click.argument("target", metavar="OUT", type=click.Path(path_type=Path))


@click.command()
@click.argument("scheme")
@in_argument
@out_argument
@click.option("--position", default="", help="Where in the file, e.g. exif. [default: the first that the format has]")
@click.option("--claim", "claim_file", type=click.Path(path_type=Path), help="JSON file with the claim's fields.")
@json_option
def label(scheme: str, source: Path, target: Path, position: str, claim_file: Path | None, as_json: bool) -> None:
    """Write a label, or a bundle of labels as one provider writes them, into a copy of a file.

    SCHEME is a name of `washtest list labels` (gb45438, iptc, c2pa, exif, parameters, a watermark), one with its
    settings, or a bundle of `washtest list bundles` (metadata, doubao-like, ...). The coded picture is not touched,
    except by marks that stand in it. What was written is read back and shown.

    \b
    Examples:
      washtest label gb45438 in.jpg out.jpg
      washtest label gb45438 in.jpg out.jpg --position exif
      washtest label iptc in.png out.png --claim claim.json
      washtest label 'Parameters(style="comfyui")' in.png out.png
      washtest label doubao-like in.png out.png --json
    The claim's fields: label, producer, produce_id, source_type, system, prompt, message.
    """
    from bench.harness import registry
    from bench.labels import BUNDLES, at_position, read_all, write_bundle

    media = _read(source)
    if scheme in BUNDLES:
        if position:
            raise UserError(f"{scheme} is a bundle: its labels have their positions; leave --position out")
        written = [one for one in BUNDLES[scheme] if one.applies(media.mime)]
        if BUNDLES[scheme] and not written:
            raise CodedError("E_NOT_APPLICABLE", f"{media.mime} has no place for a label of {scheme}")
    else:
        written = [at_position(registry.label(scheme), position, media.mime)]
        if not written[0].applies(media.mime):
            raise CodedError(
                "E_NOT_APPLICABLE", f"{media.mime} has no place for {scheme}{f' at {position}' if position else ''}"
            )
    labelled = write_bundle(media, written, _claim(claim_file))
    _save(labelled, target, scheme)
    readings = read_all(labelled, written)
    if as_json:
        entry: dict[str, Any] = {"file": str(target), "mime": labelled.mime, "sha256": labelled.sha256}
        print_json(entry | {"readings": [_as_json(reading) for reading in readings]})
    else:
        rows = [(target, r.label, r.position, r.state, "; ".join(r.conformance)) for r in readings]
        print_rows(("file", "label", "position", "state", "detail"), rows)


@click.command()
@click.argument("spec")
@in_argument
@out_argument
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the attack's chance.")
@json_option
def attack(spec: str, source: Path, target: Path, seed: int, as_json: bool) -> None:
    """Attack one file as SPEC says, exactly as a run with this seed does.

    \b
    Examples:
      washtest attack 'Jpeg(quality=50)' in.png out.jpg
      washtest attack 'Chain((Screenshot(), Jpeg(75)))' in.jpg out.jpg --seed 1
    """
    from bench.detectors import DETECTORS
    from bench.harness import registry
    from bench.harness.measure import given_targets
    from bench.harness.plan import generator_for

    chosen = registry.attack(spec)
    named = getattr(chosen, "target", None)
    media = _read(source)
    try:
        ready = given_targets(chosen, [*DETECTORS, *([registry.detector(named)] if named else [])])
        attacked = ready(media, generator_for(seed, media.sha256, repr(chosen)))
    except Exception as error:  # a plug-in's attack may raise anything
        raise coded(error) from None
    _save(attacked, target, repr(chosen))
    width, height = attacked.size
    facts = {"file": str(target), "attack": repr(chosen), "channel": chosen.channel, "mime": attacked.mime}
    facts |= {"width": str(width), "height": str(height), "bytes": str(len(attacked.data)), "sha256": attacked.sha256}
    if as_json:
        print_json(facts | {"width": width, "height": height, "bytes": len(attacked.data)})
    else:
        print_rows(tuple(facts), [tuple(facts.values())])


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--watermarks", is_flag=True, help="Decode watermarks too; a decoder gives bits for every picture.")
@click.option("--visible", is_flag=True, help="Look for a visible label too; reading text takes about a second a file.")
@json_option
def inspect(paths: tuple[Path, ...], watermarks: bool, visible: bool, as_json: bool) -> None:
    """Say which AI labels files carry, where, and whether they conform to their standard.

    \b
    Examples:
      washtest inspect picture.jpg
      washtest inspect *.png --json
    """
    from bench.labels import LABELS, read_all
    from bench.labels.base import label_kind

    kinds = {"metadata", *(["watermark"] if watermarks else []), *(["visible"] if visible else [])}
    readers = [label for label in LABELS if label_kind(label) in kinds]
    found: list[dict[str, Any]] = []
    failed = False
    for path in paths:
        entry: dict[str, Any] = {"file": str(path), "mime": "", "sha256": "", "readings": []}
        try:
            media = _read(path)
        except (CodedError, UserError) as error:
            failed = True
            found.append(entry | {"error": str(error)})
            continue
        entry |= {"mime": media.mime, "sha256": media.sha256}
        for reading in read_all(media, readers):
            entry["readings"].append(_as_json(reading))
            failed |= reading.state == "error"
        found.append(entry)
    if as_json:
        print_json(found)
    else:
        rows: list[tuple[object, ...]] = []
        for entry in found:
            if "error" in entry:
                rows.append((entry["file"], "", "", "error", "", entry["error"]))
            for r in entry["readings"]:
                notes = "; ".join([*r["conformance"], *([r["error"]] if r["error"] else [])])
                fields = ", ".join(f"{k}={v}" for k, v in r["fields"].items())
                says = " | ".join(part for part in (fields, notes) if part)
                rows.append((entry["file"], r["label"], r["position"], r["state"], r["declares_ai"], says))
        print_rows(("file", "label", "position", "state", "declares_ai", "detail"), rows)
    if failed:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("detector")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--run", "folder", type=click.Path(path_type=Path), help="Run whose fitted models to use.")
@click.option("--model", type=click.Path(path_type=Path), help="Model file of `washtest train` to use.")
@json_option
def detect(detector: str, paths: tuple[Path, ...], folder: Path | None, model: Path | None, as_json: bool) -> None:
    """Score files with one DETECTOR; higher = more AI.

    \b
    Examples:
      washtest detect declared picture.jpg
      washtest detect spectrum *.png --run runs/quick-mini --json
      washtest detect spectrum picture.jpg --model my.safetensors
      washtest detect my_detector.py:score picture.jpg
      washtest detect my_card.toml *.jpg
    """
    from bench.detectors.base import Trainable
    from bench.harness import registry
    from bench.harness.training import load_model

    if model is not None and folder is not None:
        raise UserError("give --model or --run, not both")
    chosen = registry.detector(detector if model is None else f"{detector}@{model}")
    if isinstance(chosen, Trainable):
        if folder is None:
            raise UserError(
                f"{detector} learns from a train split; name a run with --run, e.g. runs/quick-mini, or a file that "
                "washtest train made with --model"
            )
        chosen = chosen.with_model(load_model(folder, "native", chosen.info.name))
    found = []
    for path, score in _scored(chosen, paths):
        detail = (
            f"{score.code}: {score.detail}" if score.code and not score.detail.startswith(score.code) else score.detail
        )
        row = {"file": str(path), "detector": chosen.info.name, "value": score.value, "status": score.status}
        found.append(row | {"detail": detail})
    if as_json:
        print_json(found)
    else:
        print_rows(("file", "detector", "value", "status", "detail"), [tuple(row.values()) for row in found])
    if any(row["status"] == "error" for row in found):
        raise click.exceptions.Exit(1)


def _scored(detector: Detector, paths: Sequence[Path]) -> Iterator[tuple[Path, Score]]:
    """The score of each file, as many asked about at once as the detector takes; one that cannot be read has none."""
    from bench.detectors.base import ask, no_verdict

    for first in range(0, len(paths), detector.info.batch):
        scores: dict[Path, Score] = {}
        readable: dict[Path, Media] = {}
        for path in paths[first : first + detector.info.batch]:
            try:
                readable[path] = _read(path)
            except (CodedError, UserError) as error:
                scores[path] = no_verdict(error)
        scores |= dict(zip(readable, ask(detector, list(readable.values())) if readable else [], strict=True))
        yield from ((path, scores[path]) for path in paths[first : first + detector.info.batch])


def _as_json(reading: Reading) -> dict[str, Any]:
    return {
        "label": reading.label,
        "position": reading.position,
        "state": reading.state,
        "declares_ai": reading.declares_ai,
        "integrity": reading.integrity,
        "credential": reading.credential,
        "fields": reading.fields,
        "conformance": list(reading.conformance),
        "error": f"{reading.code}: {reading.detail}" if reading.code else "",
    }


def _read(path: Path) -> Media:
    from bench.media import Media

    return Media.read(path)


def _save(media: Media, target: Path, made_by: str) -> None:
    from bench.containers import EXTENSIONS
    from bench.files import save

    names = {".jpeg": ".jpg", ".jpe": ".jpg", ".tiff": ".tif", ".heif": ".heic"}
    suffix = target.suffix.lower()
    if suffix and names.get(suffix, suffix) != EXTENSIONS[media.mime]:
        raise UserError(f"{made_by} gives {media.mime}; let OUT end in {EXTENSIONS[media.mime]}, not {target.suffix}")
    save(target, media.data)


def _claim(path: Path | None) -> Claim:
    from dataclasses import fields

    from bench.labels.base import Claim

    if path is None:
        return Claim()
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}") from None
    known = [f.name for f in fields(Claim)]
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise UserError(f"{path} must be a JSON object of texts, with any of {', '.join(known)}")
    if extra := next((name for name in values if name not in known), None):
        raise unknown("claim field", extra, known)
    try:
        return Claim(**values)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


COMMANDS = (inspect, label, attack, detect)
