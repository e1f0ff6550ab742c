"""A torch module that the user's own code builds, with weights read as data.

Optional: ``pip install 'washtest[torch]'``. Nothing else of washtest needs torch.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import CodedError, Unavailable, UserError, coded
from bench.importing import import_object
from bench.settings import settings
from bench.tools import package_version
from bench.weights import digest_of, verified

if TYPE_CHECKING:
    import numpy as np


@settings
class TorchModule:
    """A network of torch.

    Attributes:
        build: ``file.py:attr`` or ``module:attr`` of a function without parameters that gives the ``torch.nn.Module``.
        checkpoint_key: where in a .pth file the weights lie, e.g. ``model``; dots lead deeper.
        strip_prefix: taken off the front of each weight's name, e.g. ``module.``.
        device: ``cpu`` or ``cuda``.
        file: of the weights.
        sha256: that it must have.
        folder: that ``build`` starts from.
        card: whose key ``build`` is, for messages.
    """

    build: str
    checkpoint_key: str = ""
    strip_prefix: str = ""
    device: str = "cpu"
    file: Path = Path()
    sha256: str = ""
    folder: Path = Path()
    card: str = ""

    def __post_init__(self) -> None:
        if ":" not in self.build:
            raise ValueError(f"build must be file.py:attr or module:attr, got {self.build!r}")
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"device must be cpu or cuda, got {self.device!r}")

    def code_sha256(self) -> str:
        """Of the file that builds the module; "" for an installed module.

        Raises:
            OSError: it cannot be read.
        """
        source = self.folder / self.build.rpartition(":")[0]
        return digest_of(source) if source.suffix == ".py" else ""

    def missing(self) -> str:
        """The command that gets the packages it needs, or ""."""
        needed = ("torch", "safetensors") if self.file.suffix.lower() == ".safetensors" else ("torch",)
        return "" if all(package_version(name) for name in needed) else "pip install 'washtest[torch]'"

    def __call__(self, inputs: np.ndarray, output: str | int) -> np.ndarray:
        """The module's answer, or one part of it.

        Raises:
            Unavailable: torch or the device is missing.
            CodedError: ``E_WEIGHTS_DIGEST``, ``E_BUILD``, ``E_WEIGHTS``, ``E_OUTPUT``.
        """
        module = _loaded(self, os.getpid())
        if isinstance(module, CodedError):
            raise module
        import torch

        with torch.inference_mode():
            answer = module(torch.from_numpy(inputs).to(self.device))
            if isinstance(answer, dict):
                if isinstance(output, int) and 0 <= output < len(answer):
                    output = list(answer)[output]
                if output not in answer:
                    names = ", ".join(map(str, answer))
                    raise CodedError("E_OUTPUT", f"there is no output {output!r}; the module has {names}")
                answer = answer[output]
            elif isinstance(answer, tuple | list):
                if not isinstance(output, int) or not 0 <= output < len(answer):
                    raise CodedError("E_OUTPUT", f"there is no output {output!r}; the module has {len(answer)}")
                answer = answer[output]
            if not isinstance(answer, torch.Tensor):
                raise CodedError("E_OUTPUT", f"the module gave a {type(answer).__name__}, which is no tensor")
            found: np.ndarray = answer.double().cpu().numpy()
            return found


@functools.lru_cache(maxsize=4)
def _loaded(described: TorchModule, process: int) -> Any:
    """The module, or why there is none; once for each process, since its threads do not survive a fork."""
    try:
        return _module(described)
    except Exception as error:
        return coded(error)


def _module(described: TorchModule) -> Any:
    try:
        import torch
    except ImportError:
        raise Unavailable("E_PACKAGE_MISSING", "torch is not installed; run: pip install 'washtest[torch]'") from None
    if described.device == "cuda" and not torch.cuda.is_available():
        raise Unavailable("E_DEVICE", "the card asks for cuda, and torch finds none here")
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    weights = _weights(described)
    try:
        module = import_object(described.build, described.card, described.folder)()
    except UserError as error:
        raise CodedError("E_BUILD", str(error)) from None
    except Exception as error:
        raise CodedError("E_BUILD", f"{described.build} failed: {type(error).__name__}: {error}") from None
    if not isinstance(module, torch.nn.Module):
        raise CodedError("E_BUILD", f"{described.build} gave a {type(module).__name__}, not a torch.nn.Module")
    try:
        module.load_state_dict(weights, strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise CodedError("E_WEIGHTS", str(error)) from None
    return module.eval().requires_grad_(False).to(described.device)


def _weights(described: TorchModule) -> dict[str, Any]:
    """The named tensors of the file; no code of it is run."""
    import io

    import torch

    data = verified(described.file, described.sha256)
    try:
        if described.file.suffix.lower() == ".safetensors":
            from safetensors.torch import load

            found: Any = load(data)
        else:
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        for key in described.checkpoint_key.split(".") if described.checkpoint_key else ():
            found = found[key]
        return {str(name).removeprefix(described.strip_prefix): tensor for name, tensor in found.items()}
    except ImportError:
        raise Unavailable(
            "E_PACKAGE_MISSING", "safetensors is not installed; run: pip install 'washtest[torch]'"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # unpicklers and safetensors raise anything on a damaged file
        raise CodedError("E_WEIGHTS", f"{described.file.name} holds no such weights: {error}") from None
