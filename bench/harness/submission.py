"""Other people's detectors on the boards: a small card and a table of scores, checked without calling the detector.

A card is a TOML file ``<name>.toml`` and names the suite, the data set's revision and a CSV file ``id,score`` beside
it, whose ids are those that ``washtest export`` gives. The same files are made here once, with the header baseline on
them, and every figure comes from the scores by the same code as in a run.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.detectors import DETECTORS
from bench.detectors.base import Score
from bench.detectors.plugins.export import Exporter
from bench.detectors.plugins.rows import read_scores
from bench.detectors.plugins.table import DIGITS
from bench.errors import CodedError, UserError
from bench.harness import registry
from bench.harness.engines.local import LocalEngine
from bench.harness.plan import Suite, make_plan
from bench.harness.run import Progress, run_plan
from bench.harness.samples import Dataset
from bench.records import Run, load
from bench.weights import digest_of

if TYPE_CHECKING:
    import pandas as pd

#: The baseline that stands beside every detector.
BASELINE = "header"

#: What names the files in the records of the run that is made here.
NAMER = Exporter(None)

READS = ("pixels", "file", "both")


@dataclass(frozen=True)
class Submission:
    """A card.

    Attributes:
        name: of the detector and of the file.
        authors: at least one.
        link: https, to a paper or code.
        licence: of code and weights.
        version: of the detector.
        suite: a shipped one.
        dataset: a data set of the repository, by name.
        revision: of the data set that was scored.
        scores: name of the CSV file beside the card.
        sha256: of that file.
        reads: what the detector reads: pixels, file or both.
        default_threshold: the vendor's own, flagged means score > threshold; None for none.
        probability: whether the score claims to be a probability.
    """

    name: str
    authors: list[str]
    link: str
    licence: str
    version: str
    suite: str
    dataset: str
    revision: str
    scores: str
    sha256: str
    reads: str = "pixels"
    default_threshold: float | None = None
    probability: bool = False


def read_card(path: Path) -> tuple[Submission | None, list[str]]:
    """The card, and a line for each thing that is wrong with it."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, [f"cannot be read: {getattr(error, 'strerror', None) or error}"]
    known = {field.name: field for field in fields(Submission)}
    needed = [name for name, field in known.items() if name not in ("reads", "default_threshold", "probability")]
    problems = [f"{name} is missing" for name in needed if name not in raw]
    problems += [f"{name} is no key of a card; known are {', '.join(known)}" for name in raw if name not in known]
    texts = [name for name in (*needed, "reads") if name != "authors" and name in raw]
    for name in texts:
        if not isinstance(raw[name], str) or not raw[name].strip() or not raw[name].isprintable():
            problems.append(f"{name} must be a text of one line, not empty, got {raw[name]!r}")
    if problems:
        return None, problems
    authors, default = raw["authors"], raw.get("default_threshold")
    builtin = {detector.info.name for detector in DETECTORS} | {NAMER.info.name}
    rules = {
        f"name must be that of the file, {path.stem!r}, got {raw['name']!r}": raw["name"] == path.stem,
        "name must be letters, digits, '.', '_', '+' or '-', at most 64, and start with a letter or digit":
            re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,63}", raw["name"], re.ASCII),
        f"name {raw['name']!r} is taken by a built-in detector": raw["name"] not in builtin,
        "authors must be a list of names":
            isinstance(authors, list) and authors and all(isinstance(a, str) and a.strip() for a in authors),
        "link must start with https://": re.fullmatch(r"https://[^\s<>\"]+", raw["link"]),
        f"reads must be {', '.join(READS)}, got {raw.get('reads')!r}": raw.get("reads", "pixels") in READS,
        f"default_threshold must be a finite number, got {default!r}":
            default is None or (type(default) in (int, float) and math.isfinite(default)),
        "probability must be true or false": isinstance(raw.get("probability", False), bool),
        "scores must be the name of a file beside the card": Path(raw["scores"]).name == raw["scores"],
        "sha256 must be 64 hexadecimal digits": re.fullmatch("[0-9a-f]{64}", raw["sha256"]),
    }  # fmt: skip
    problems = [text for text, holds in rules.items() if not holds]
    return (None, problems) if problems else (Submission(**raw), [])


def read_table(card: Submission, folder: Path) -> tuple[dict[str, Score], list[str]]:
    """The scores by id, and a line for each thing that is wrong with them."""
    path = folder / card.scores
    scores: dict[str, Score] = {}
    problems, twice = [], Counter[str]()
    try:
        if (digest := digest_of(path)) != card.sha256:
            problems.append(f"{card.scores} has SHA-256 {digest}, the card says {card.sha256}")
        with path.open(encoding="utf-8", newline="") as file:
            for _, key, score in read_scores(file, ("id",)):
                twice[key] += key in scores
                scores[key] = score
    except OSError as error:
        return {}, [f"{card.scores} cannot be read: {error.strerror or error}"]
    except UnicodeDecodeError as error:
        return {}, [f"{card.scores} is no UTF-8 text: {error}"]
    except CodedError as error:
        return {}, [f"{card.scores}: {error.detail}"]
    digits = DIGITS["id"]
    odd = [key for key in scores if not re.fullmatch(f"[0-9a-f]{{{digits}}}", key)]
    bad = [f"{key[:40]} ({score.detail})" for key, score in scores.items() if score.status == "error"]
    problems += _lines(odd, f"keys are no ids, which have {digits} hexadecimal digits")
    problems += _lines([key for key, n in twice.items() if n], "ids stand there twice")
    problems += _lines(bad, "ids have no number; leave the score blank and say status abstain where there is none")
    return scores, [line if line.startswith(card.scores) else f"{card.scores}: {line}" for line in problems]


def _lines(found: Sequence[str], what: str) -> list[str]:
    """One line for all failures of a kind."""
    return [f"{len(found)} {what}, e.g. {', '.join(name[:120] for name in found[:3])}"] if found else []


def named_run(suite: Suite, dataset: Dataset, folder: Path, engine: LocalEngine, progress: Progress) -> Run:
    """The files of a suite with their ids and the baseline's scores, measured once for all submissions to it.

    Raises:
        UserError: as a run.
    """
    targets = {getattr(attack, "target", None) for attack in suite.attacks}
    asked = tuple(detector for detector in suite.detectors if detector.info.name in {*targets, BASELINE})
    if all(detector.info.name != BASELINE for detector in asked):
        asked = (registry.detector(BASELINE), *asked)
    plan = make_plan(replace(suite, detectors=(*asked, NAMER)), dataset)
    run_plan(plan, folder, engine, progress, "washtest submission check")
    return load(folder)


def check_ids(run: Run, scores: Mapping[str, Score]) -> list[str]:
    """A line for each way in which the ids are not those of the suite's files."""
    named = run.scores[run.scores["detector"].eq(NAMER.info.name) & run.scores["status"].eq("abstain")]
    split = dict(zip(run.views["key"], run.views["split"], strict=True))
    wanted: dict[str, str] = {}
    for key, name in zip(named["key"], named["detail"].astype(str), strict=True):
        wanted.setdefault(name, split[key])
        if split[key] == "calibration":
            wanted[name] = "calibration"
    missing = [name for name in wanted if name not in scores]
    problems = _lines(missing, f"of {len(wanted)} ids have no score")
    of_calibration = [name for name in missing if wanted[name] == "calibration"]
    problems += _lines(of_calibration, "of them are of the calibration split, which sets the threshold")
    return problems + _lines([name for name in scores if name not in wanted], "ids are of no file of this suite")


def with_scores(run: Run, card: Submission, scores: Mapping[str, Score]) -> Run:
    """The run as if the detector had been in it, beside the baseline."""
    import pandas as pd

    named = run.scores[run.scores["detector"].eq(NAMER.info.name)].copy()
    # A view that could not be made has no id: its failure is that of every detector.
    found = [
        scores[str(detail)] if status == "abstain" else Score(None, status, str(code), str(detail))
        for status, code, detail in zip(named["status"], named["code"], named["detail"], strict=True)
    ]
    named["detector"] = card.name
    named["value"] = [math.nan if score.value is None else score.value for score in found]
    for column in ("status", "code", "detail"):
        named[column] = [getattr(score, column) for score in found]
    base = run.scores[run.scores["detector"].eq(BASELINE)]
    joined = pd.concat([frame.astype(dict.fromkeys(_texts(frame), object)) for frame in (base, named)])
    joined = joined.sort_values("key", kind="stable", ignore_index=True)
    joined = joined.astype(dict.fromkeys(_texts(run.scores), "category"))
    return replace(run, header=_header(run.header, card), scores=joined)


def _texts(frame: pd.DataFrame) -> list[str]:
    return [name for name in ("detector", "status", "code", "detail") if name in frame]


def _header(header: dict[str, Any], card: Submission) -> dict[str, Any]:
    detectors = [entry for entry in header["detectors"] if entry["name"] == BASELINE]
    entry = dict.fromkeys(header["detectors"][-1]) | {
        "name": card.name, "repr": card.scores, "version": card.version, "reads": card.reads, "licence": card.licence,
        "weights_sha256": "", "default_threshold": card.default_threshold, "probability": card.probability,
        "status": "ok", "code": "", "detail": "", "models": {},
    }  # fmt: skip
    planned = [
        cell | {"subject": card.name} if cell["subject"] == NAMER.info.name else cell for cell in header["planned"]
    ]
    changed = {"detectors": [*detectors, entry], "planned": planned, "submission": {"sha256": card.sha256}}
    return header | changed | {"command": f"washtest submission check {card.name}.toml --add"}


def check_ground(card: Submission, dataset: Dataset) -> None:
    """Refuse scores of another revision of the data set.

    Raises:
        UserError: the revision here is another one.
    """
    if dataset.revision != card.revision:
        raise UserError(
            f"revision {card.revision} of {card.dataset} was scored, here is {dataset.revision}; "
            "export the suite again and score those files"
        )
