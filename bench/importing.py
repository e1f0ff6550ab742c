"""The user's own code, named by the user: ``module:attr`` or ``path/to/file.py:attr``."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.errors import UserError

#: Modules that were loaded from a file of the user's are named so.
FILE_MODULE = "washtest_file_"


def import_object(target: str, name: str, folder: Path = Path()) -> Any:
    """The object at ``module:attr`` or ``path/to/file.py:attr``.

    Modules that lie beside such a file can be imported by it, as when Python runs it.

    Args:
        target: what to import.
        name: how the user asked for it, for messages.
        folder: that a relative path starts from.

    Raises:
        UserError: no such file, module or attribute, or the code fails while it is imported.
    """
    import hashlib
    import importlib

    module_name, _, attribute = target.rpartition(":")
    try:
        if module_name.endswith(".py"):
            path = folder / module_name
            # A name of our own hides no other module, and two files of one name in two folders are two modules.
            own = f"{FILE_MODULE}{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
            if not path.is_file():
                raise UserError(f"{module_name}: no such file (asked for as {name})")
            module = load_file(path, own)
        else:
            module = importlib.import_module(module_name)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's own module does while it is imported
        raise UserError(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from None
    try:
        return functools.reduce(getattr, attribute.split("."), module)
    except AttributeError:
        raise UserError(f"{module_name} has no {attribute!r} (asked for as {name})") from None


def load_file(path: Path, name: str) -> ModuleType:
    """Run a Python file as the module of this name.

    Raises:
        ImportError: it is no Python file; or whatever its code raises.
    """
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[name] = module
    if (beside := str(path.parent.resolve())) not in sys.path:
        sys.path.append(beside)  # last, so that what lies there hides nothing that is installed
    spec.loader.exec_module(module)
    return module


def own_code(thing: object) -> dict[str, str]:
    """File name -> digest of the module that defines an attack or label of somebody else's; nothing for ours.

    Ours change with the version of this package; a user's file changes whenever it is edited, and views made by the old
    one must not be taken for those of the new one.
    """
    import hashlib

    module = sys.modules.get(type(thing).__module__)
    file = getattr(module, "__file__", None)
    if not file or type(thing).__module__.partition(".")[0] in ("attacks", "bench"):
        return {}
    path = Path(file)
    try:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]}
    except OSError:
        return {}
