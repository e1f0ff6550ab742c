"""Networks as data: an ONNX file, or a torch module with its weights, and a card that says how to ask it.

Both share the preprocessing and the reading of the answer. Activations are computed here, in float64 from the raw
logits: a sigmoid in float32 maps every confident logit to the same 1.0, and thresholds can no longer tell them apart.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench.detectors.base import DetectorInfo, Score, checked, no_verdict
from bench.errors import CodedError, coded
from bench.media import Media
from bench.neural.onnx import INSTALL, session
from bench.neural.preprocessing import Preprocessing
from bench.settings import settings
from bench.tools import package_version
from bench.weights import digest_of, verified

if TYPE_CHECKING:
    import numpy as np

    from bench.detectors.plugins.card import Card
    from bench.detectors.plugins.torch_module import TorchModule

ACTIVATIONS = ("none", "sigmoid", "softmax", "log_odds")


@settings
class Answer:
    """Which number of a network's outputs is the score.

    Attributes:
        output: name (a key, for torch) or number of the output, where the network has several.
        index: of the class among the values of one picture; needed where there are several.
        activation: what is done to the raw values: ``none``, ``sigmoid``, ``softmax`` or ``log_odds`` (the logit of the
            softmax, which orders pictures alike and does not saturate).
        higher: what a higher value means, ``ai`` or ``human``. With ``human`` a probability p becomes 1 - p, any other
            value its negative; ``default_threshold`` is of the result.
    """

    output: Any = 0
    index: Any = None
    activation: str = "none"
    higher: str = "ai"

    def __post_init__(self) -> None:
        if isinstance(self.output, bool) or not isinstance(self.output, str | int):
            raise ValueError(f"output must be a name or a number, got {self.output!r}")
        if self.index is not None and (type(self.index) is not int or self.index < 0):
            raise ValueError(f"index must be a whole number of 0 or more, got {self.index!r}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r}")
        if self.higher not in ("ai", "human"):
            raise ValueError(f"higher must be ai or human, got {self.higher!r}")

    def __call__(self, raw: np.ndarray, count: int) -> np.ndarray:
        """Scores from raw outputs.

        Args:
            raw: ``(count, ...)``.
            count: pictures asked about.

        Returns:
            ``(count,)`` float64.

        Raises:
            CodedError: ``E_OUTPUT``.
        """
        import numpy as np

        if raw.ndim == 0 or len(raw) != count:
            raise CodedError("E_OUTPUT", f"the network answered with shape {raw.shape} for {count} pictures")
        values: np.ndarray = np.asarray(raw, np.float64).reshape(count, -1)
        classes = values.shape[1]
        if self.index is None and classes != 1:
            raise CodedError("E_OUTPUT", f"the network gives {classes} values for a picture; name one with index")
        index = self.index or 0
        if index >= classes:
            raise CodedError("E_OUTPUT", f"index is {index}, the network gives {classes} values for a picture")
        with np.errstate(all="ignore"):  # what is not finite becomes a row with its code
            score: np.ndarray
            if self.activation == "sigmoid":
                score = _sigmoid(values[:, index])
            elif self.activation in ("softmax", "log_odds"):
                if classes == 1:
                    raise CodedError("E_OUTPUT", f"{self.activation} needs several values for a picture; there is one")
                others = np.delete(values, index, axis=1)
                highest = others.max(axis=1)
                score = values[:, index] - highest - np.log(np.exp(others - highest[:, None]).sum(axis=1))
                score = _sigmoid(score) if self.activation == "softmax" else score
            else:
                score = values[:, index]
        if self.higher == "ai":
            return score
        return 1 - score if self.activation in ("sigmoid", "softmax") else -score


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), exact at both ends."""
    import numpy as np

    small = np.exp(-np.abs(x))
    result: np.ndarray = np.where(x >= 0, 1, small) / (1 + small)
    return result


class Network(Protocol):
    """What runs: the arrays of a batch in, the chosen output out."""

    def missing(self) -> str:
        """The command that gets the package it needs, or ""."""

    def __call__(self, inputs: np.ndarray, output: str | int) -> np.ndarray:
        """``(n, ...)`` float32 in, ``(n, ...)`` out."""


@dataclass(frozen=True, repr=False)
class NetworkDetector:
    """A network with its card.

    Attributes:
        path: of the card, as the user gave it.
        info: who it is.
        network: runs it.
        preprocessing: of each picture.
        answer: which number is the score.
    """

    path: str
    info: DetectorInfo
    network: Network
    preprocessing: Preprocessing
    answer: Answer

    def __repr__(self) -> str:
        return self.path

    @property
    def gpu(self) -> bool:
        """Whether its card asks for one."""
        return getattr(self.network, "device", "cpu") == "cuda"

    def missing(self) -> str:
        """The command that gets what it needs, or ""."""
        return self.network.missing()

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """One score per file; pictures of one input shape are run together."""
        import numpy as np

        scores: dict[int, Score] = {}
        shapes: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
        for place, media in enumerate(batch):
            try:
                ready = self.preprocessing(media.pixels())
                shapes.setdefault(ready.shape, []).append((place, ready))
            except Exception as error:
                scores[place] = no_verdict(error)
        for alike in shapes.values():
            places = [place for place, _ in alike]
            try:
                raw = self.network(np.stack([ready for _, ready in alike]), self.answer.output)
                values = self.answer(raw, len(alike))
                scores |= dict(zip(places, map(checked, values.tolist()), strict=True))
            except Exception as error:
                scores |= dict.fromkeys(places, no_verdict(_out_of_memory(error)))
        return [scores[place] for place in range(len(batch))]


def _out_of_memory(error: Exception) -> Exception:
    """Frameworks say it in words."""
    said = str(error).lower()
    short = "out of memory" in said or "bad allocation" in said or "bad_alloc" in said or "can't allocate" in said
    short |= "failed to allocate memory" in said or "not enough memory" in said
    return CodedError("E_MEMORY", str(error)) if short else coded(error)


@settings
class OnnxFile:
    """An ONNX model, run by onnxruntime on the CPU, with one thread in a worker.

    Attributes:
        file: of the model, which must hold its weights: those in a file beside it have no digest here.
        sha256: that it must have.
    """

    file: Path
    sha256: str

    def missing(self) -> str:
        """The command that gets the package it needs, or ""."""
        return "" if package_version("onnxruntime", "onnxruntime-gpu") else INSTALL

    def __call__(self, inputs: np.ndarray, output: str | int) -> np.ndarray:
        """The chosen output, cast from and to what the model declares.

        Raises:
            Unavailable: onnxruntime is not installed.
            CodedError: ``E_WEIGHTS_DIGEST``, ``E_MODEL`` (several inputs, a fixed batch), ``E_OUTPUT``.
        """
        import numpy as np

        session = _session(self.file, self.sha256, os.getpid())
        if isinstance(session, CodedError):
            raise session
        declared = session.get_inputs()
        if len(declared) != 1:
            raise CodedError("E_MODEL", f"the model has {len(declared)} inputs, a card's network one")
        fixed = declared[0].shape[0] if declared[0].shape else None
        if isinstance(fixed, int) and fixed != len(inputs):
            if fixed != 1:
                raise CodedError("E_MODEL", f"the model takes {fixed} pictures at once; export it with a free batch")
            return np.concatenate([self(one[None], output) for one in inputs])
        names = [found.name for found in session.get_outputs()]
        if isinstance(output, int) and 0 <= output < len(names):
            output = names[output]
        if output not in names:
            raise CodedError("E_OUTPUT", f"there is no output {output!r}; the model has {', '.join(names)}")
        kinds = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}
        ready = inputs.astype(kinds.get(declared[0].type, np.float32))
        return np.asarray(session.run([output], {declared[0].name: ready})[0])


@functools.lru_cache(maxsize=4)
def _session(file: Path, sha256: str, process: int) -> Any:
    """The session, or why there is none: a model that cannot be loaded is not loaded again for every picture."""
    try:
        return session(verified(file, sha256))  # the very bytes that were checked
    except Exception as error:
        return coded(error)


def from_card(card: Card) -> NetworkDetector:
    """The detector of a card that names a model.

    Raises:
        UserError: as ``read_card``.
    """
    file, sha256 = model_file(card)
    network: OnnxFile | TorchModule
    code = ""
    if file.suffix.lower() == ".onnx":
        network = OnnxFile(file, sha256)
    else:
        from bench.detectors.plugins.torch_module import TorchModule

        network = card.take(TorchModule, file=file, sha256=sha256, folder=card.folder, card=card.path)
        try:
            code = network.code_sha256()
        except OSError as error:
            raise card.error(f"build {network.build} cannot be read: {error.strerror or error}") from None
    preprocessing = card.take(Preprocessing)
    answer = card.take(Answer)
    info = card.info(weights_sha256=sha256, code_sha256=code, reads="pixels")
    return NetworkDetector(card.path, info, network, preprocessing, answer)


def model_file(card: Card) -> tuple[Path, str]:
    """The model of a card and its digest, checked.

    Raises:
        UserError: no such file, of another kind, or not the one that is pinned.
    """
    name, pinned = card.keys.pop("model"), card.keys.pop("sha256", None)
    card.known += ["sha256"]
    if not isinstance(name, str) or Path(name).suffix.lower() not in (".onnx", ".safetensors", ".pth", ".pt", ".bin"):
        raise card.error(f"model must be an .onnx, .safetensors, .pth, .pt or .bin file, got {name!r}")
    file = card.folder / name
    try:
        digest = digest_of(file)
    except OSError as error:
        raise card.error(f"model {file} cannot be read: {error.strerror or error}") from None
    if pinned is None:
        raise card.error(f'sha256 is missing; if {name} is the right file, add: sha256 = "{digest}"')
    if not isinstance(pinned, str) or pinned.lower() != digest:
        raise card.error(f"{name} has SHA-256 {digest}, not the {str(pinned)[:64]!r} that the card states")
    return file, digest
