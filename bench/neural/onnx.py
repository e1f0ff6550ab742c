"""ONNX models: one session for each model and process, or a word on what is missing."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import weights
from bench.errors import Unavailable
from bench.tools import package_version

if TYPE_CHECKING:
    import numpy as np

#: Brings what runs the models, should somebody have removed it.
INSTALL = "pip install onnxruntime"


def missing(name: str) -> str:
    """The command that gets what these weights still need, or "" when they can run (digests not checked).

    Args:
        name: of the weights; "" for a model that is part of a package and needs onnxruntime only.
    """
    files = weights.named(name).files if name else ()
    converted = any(file.name.endswith((".pth", ".bin")) for file in files)
    if package_version("onnxruntime", "onnxruntime-gpu") is None:
        return INSTALL
    if converted and package_version("onnx") is None:
        return "pip install 'washtest[neural]'"
    if not name:
        return ""
    pinned = weights.named(name)
    found = all(weights.locate(pinned, file) for file in pinned.files)
    return "" if found else f"washtest weights fetch {name}"


def run(name: str, file: str, *inputs: np.ndarray) -> np.ndarray:
    """The first output of a model for these inputs, in the order in which it declares them.

    Raises:
        Unavailable: ``E_PACKAGE_MISSING``, or as ``weights.path``.
    """
    return first_output(session(weights.path(name, file)), *inputs)


def first_output(opened: Any, *inputs: np.ndarray) -> np.ndarray:
    """What an open session gives for these inputs, in the order in which the model declares them."""
    names = [declared.name for declared in opened.get_inputs()]
    output: np.ndarray = opened.run(None, dict(zip(names, inputs, strict=True)))[0]
    return output


def session(model: Path | bytes, arena: bool = True) -> Any:
    """An onnxruntime session on the CPU; one for each model and process, since its threads do not survive a fork.

    Args:
        model: a file, or the serialised model itself.
        arena: whether the memory of a run is kept for the next one, which is faster.

    Raises:
        Unavailable: ``E_PACKAGE_MISSING``.
    """
    return _session(model if isinstance(model, bytes) else str(model), arena, os.getpid())


@functools.lru_cache(maxsize=16)
def _session(model: str | bytes, arena: bool, process: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise Unavailable("E_PACKAGE_MISSING", f"onnxruntime is not installed; run: {INSTALL}") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = arena
    # Workers of a run ask for one thread in the usual way, which onnxruntime itself does not look at.
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
    if isinstance(model, bytes):
        # Its digest was checked, that of weights in a file beside it was not; else they come from the working folder.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
