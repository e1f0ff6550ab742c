"""One sample after each attack: what every reader and every detector said of it, and which samples are worth a look."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.frames import (
    TRUTHS,
    as_rows,
    attack_frame,
    clean_attacks,
    codes,
    detector_names,
    label_names,
    of_detectors,
    regime_names,
    scored,
    scored_views,
)
from bench.analysis.tables.thresholds import chosen
from bench.errors import UserError
from bench.pictures import shown_regime
from bench.records import Run


@dataclass(frozen=True)
class Found:
    """What one reader found.

    Attributes:
        label, position: what it looks for.
        state: as in the records.
        written: whether the label was written into the file before the attack.
        declares: whether it says that the file is AI-made.
    """

    label: str
    position: str
    state: str
    written: bool
    declares: bool

    @property
    def false(self) -> bool:
        """A label that declares AI where none was written."""
        return self.declares and not self.written


@dataclass(frozen=True)
class Verdict:
    """What one detector said.

    Attributes:
        detector: its name.
        value: its score, None where it gave none.
        outcome: ``flagged`` (score above the frozen threshold), ``passed``, ``open`` (no threshold to hold it
            against), or the status of a score that is none: ``abstain``, ``error``, ``unavailable``,
            ``not_applicable``.
        wrong: human work flagged, or AI and AI-edited files passed.
    """

    detector: str
    value: float | None
    outcome: str
    wrong: bool


@dataclass(frozen=True)
class Frame:
    """One view of the sample.

    Attributes:
        attack: its repr.
        simulated: whether its channel is.
        truth: of the file after the attack.
        status, code: of the view.
        psnr: dB, infinite where the picture is unchanged, None where its size changed.
        found: by the readers, those left out whose label this file cannot carry.
        verdicts: of the detectors, in the order of the run.
    """

    attack: str
    simulated: bool
    truth: str
    status: str
    code: str
    psnr: float | None
    found: tuple[Found, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Strip:
    """One sample after each attack.

    Attributes:
        sample: its id.
        truth: of the file as it came.
        source: the collection it comes from.
        edited_area: share of it that was generated, None where unknown.
        regime: the one shown.
        thresholds: detector -> its frozen threshold, None where it has none.
        frames: in the order of the run's attacks, the untouched file first.
    """

    sample: str
    truth: str
    source: str
    edited_area: float | None
    regime: str
    thresholds: dict[str, float | None]
    frames: tuple[Frame, ...]

    @property
    def turned(self) -> list[str]:
        """The attacks after which a detector says something else than of the untouched file."""
        clean = _verdicts(self.frames[0])
        return [
            frame.attack
            for frame in self.frames[1:]
            if any(_verdicts(frame).get(name, said) != said for name, said in clean.items())
        ]

    @property
    def unlabelled(self) -> list[str]:
        """The attacks after which no reader finds a written label that still declares AI."""
        attacked = [frame for frame in self.frames[1:] if frame.status == "ok" and any(f.written for f in frame.found)]
        return [frame.attack for frame in attacked if not any(one.written and one.declares for one in frame.found)]


def _verdicts(frame: Frame) -> dict[str, str]:
    """Detector -> flagged or passed, where it said so."""
    return {one.detector: one.outcome for one in frame.verdicts if one.outcome in ("flagged", "passed")}


def strip_of(run: Run, sample: str) -> Strip:
    """What was said of one sample, in the regime that is shown.

    Raises:
        UserError: the run has no views of such a sample.
    """
    mine = run.views[run.views["sample"].eq(sample)]
    if not len(mine):
        raise UserError(f"{run.folder} has no views of a sample {sample!r}; samples.csv of its data set has their ids")
    regime = shown_regime(regime_names(run))
    views = mine[of_detectors(run, mine) & mine["regime"].eq(regime)]
    if not len(views):
        raise UserError(f"{run.folder} has no views of {sample!r} that detectors look at")
    attacks = attack_frame(run)
    names = list(attacks["attack"])
    views = views.iloc[np.argsort(codes(views["attack"], names), kind="stable")]
    simulated = dict(zip(names, attacks["channel"].str.startswith("simulated"), strict=True))
    found = _found(run, views)
    verdicts, thresholds = _said(run, views, regime)
    rows = as_rows(views)
    frames = tuple(
        Frame(
            attack=str(row["attack"]),
            simulated=bool(simulated.get(row["attack"], False)),
            truth=str(row["truth"]),
            status=str(row["status"]),
            code=_text(row["code"]),
            psnr=None if pd.isna(row["psnr"]) else float(row["psnr"]),
            found=tuple(found.get(row["key"], ())),
            verdicts=tuple(verdicts.get(row["key"], ())),
        )
        for row in rows
    )
    first = rows[0]
    area = None if pd.isna(first["edited_area"]) else float(first["edited_area"])
    return Strip(sample, str(first["truth"]), str(first["source"]), area, regime, thresholds, frames)


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _of(frame: pd.DataFrame, views: pd.DataFrame) -> pd.DataFrame:
    """The rows about these views."""
    return frame[np.isin(frame["key"].to_numpy(np.int64), views["key"].to_numpy(np.int64))]


def _found(run: Run, views: pd.DataFrame) -> dict[int, list[Found]]:
    """By view, in the order of the header; labels that no view of the sample can carry are left out."""
    readings = _of(run.readings, views)
    order = label_names(run, readings)
    out: dict[int, list[tuple[int, Found]]] = {}
    carried: set[tuple[str, str]] = set()
    for row in as_rows(readings):
        name = (str(row["label"]), str(row["position"]))
        state = _text(row["state"]) or "error"
        one = Found(*name, state, bool(row["written"] is True), bool(row["declares_ai"] is True))
        out.setdefault(row["key"], []).append((order.index(name), one))
        if state != "not_applicable":
            carried.add(name)
    return {
        key: [one for _, one in sorted(found, key=lambda pair: pair[0]) if (one.label, one.position) in carried]
        for key, found in out.items()
    }


def _said(run: Run, views: pd.DataFrame, regime: str) -> tuple[dict[int, list[Verdict]], dict[str, float | None]]:
    """By view, in the order of the header, and the threshold of each detector that looked."""
    detectors = detector_names(run)
    frozen = chosen(run).value[:, regime_names(run).index(regime)]
    truths = dict(zip(views["key"], views["truth"].astype(str), strict=True))
    out: dict[int, list[tuple[int, Verdict]]] = {}
    looked: set[int] = set()
    for row in as_rows(_of(run.scores, views)):
        place = detectors.index(str(row["detector"]))
        looked.add(place)
        value = None if pd.isna(row["value"]) else float(row["value"])
        outcome = _text(row["status"])
        if outcome == "ok":
            flagged = value is not None and value > frozen[place]
            outcome = (
                "error" if value is None else "open" if np.isnan(frozen[place]) else "flagged" if flagged else "passed"
            )
        wrong = outcome == ("flagged" if truths[row["key"]] == "human" else "passed")
        out.setdefault(row["key"], []).append((place, Verdict(detectors[place], value, outcome, wrong)))
    thresholds = {
        detectors[place]: None if np.isnan(frozen[place]) else float(frozen[place]) for place in sorted(looked)
    }
    return {key: [one for _, one in sorted(said, key=lambda pair: pair[0])] for key, said in out.items()}, thresholds


def choose(run: Run, count: int, among: Collection[str]) -> list[str]:
    """Test samples worth a look: the truths take turns, and within a truth those of which a verdict turned come first.

    Among equals the hash of their names decides, so that the same records give the same choice. It is a choice and no
    random draw: no rate can be read off what it shows.

    Args:
        run: the records.
        count: how many.
        among: ids that may be shown.
    """
    clean = clean_attacks(run)
    regime = shown_regime(regime_names(run))
    views = scored_views(run)
    views = views[views["split"].eq("test") & views["regime"].eq(regime) & views["status"].eq("ok")]
    untouched = views[views["attack"].isin(clean)]
    truth = {str(row["sample"]): str(row["truth"]) for row in as_rows(untouched[["sample", "truth"]])}
    turned = _turned(run, regime, clean)
    ranked = sorted(
        (name for name in truth if name in among),
        key=lambda name: (name not in turned, hashlib.sha256(f"gallery:{name}".encode()).digest()),
    )
    rounds: list[tuple[int, int, str]] = []
    places = dict.fromkeys(TRUTHS, 0)
    for name in ranked:
        kind = truth[name]
        if kind in places:
            rounds.append((places[kind], TRUTHS.index(kind), name))
            places[kind] += 1
    return [name for *_, name in sorted(rounds)[:count]]


def _turned(run: Run, regime: str, clean: list[str]) -> set[str]:
    """Samples of which a detector says something else after an attack than of the untouched file."""
    rows = scored(run, ("sample", "split", "regime", "attack"))
    rows = rows[rows["split"].eq("test") & rows["regime"].eq(regime) & rows["status"].eq("ok")]
    place = codes(rows["detector"], detector_names(run))
    threshold = chosen(run).value[place, regime_names(run).index(regime)]
    value = rows["value"].to_numpy(float)
    usable = ~np.isnan(threshold) & ~np.isnan(value)
    rows = rows.assign(place=place, flagged=value > threshold)[usable]
    said = rows.groupby(["sample", "place"], observed=True)["flagged"].agg(["min", "max"])
    changed = {str(sample) for sample, _ in said.index[said["min"] != said["max"]]}
    untouched = {str(sample) for sample in rows["sample"][rows["attack"].isin(clean)].unique()}
    return changed & untouched
