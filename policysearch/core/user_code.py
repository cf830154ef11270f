"""Code of the user's own, by module name (the current folder counts) or by the path of a Python file."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from policysearch.core.errors import UserError

SHIPPED = "policysearch_own_files"
"""Folder on the import path of a worker elsewhere that holds copies of the controller's files."""


def imported(module: str, what: str) -> ModuleType:
    """The module called `module`, or that in the file `module` ending in .py; imported once.

    Raises:
        UserError: it cannot be imported; `what` says what it was wanted for.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return _from_file(Path(module)) if module.endswith(".py") else import_module(module)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # importing runs the module, which may raise anything
        raise UserError(f"{what} cannot be loaded: {told(error)}") from None


def function(spec: str, what: str) -> Callable[..., Any]:
    """The function named by MODULE:NAME or PATH.py:NAME.

    Raises:
        UserError: it cannot be loaded, or is no function; `what` says what it was wanted for.
    """
    module, _, name = spec.rpartition(":")
    found = getattr(imported(module, what), name, None)
    if found is None:
        raise UserError(f"{what} cannot be loaded: {module} has no {name!r}")
    if not callable(found):
        raise UserError(f"{what} is no function")
    return found  # type: ignore[no-any-return]


def told(error: BaseException) -> str:
    """What went wrong in somebody's own code, in one line, with the place where it was raised."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    frames = [frame for frame in extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    here = frames[-1] if frames and Path(frames[-1].filename) != Path(__file__) else None
    return f"{text} (line {here.lineno} of {here.filename})" if here else text


def copy_name(path: str | Path) -> str:
    """What the copy of the file `path` is called in the folder `SHIPPED`."""
    return hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:12] + ".py"


def _from_file(given: Path) -> ModuleType:
    copies = (Path(folder, SHIPPED, copy_name(given)) for folder in sys.path)
    path = next((copy for copy in copies if copy.exists()), given)
    name = f"policysearch_own_{given.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(path.resolve()):
        return sys.modules[name]
    spec = spec_from_file_location(name, path.resolve())
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def import_all(modules: str | None) -> None:
    """Import modules that register operations, given as one text separated by commas.

    Raises:
        UserError: one cannot be imported.
    """
    for module in _each(modules):
        imported(module, f"operations module {module!r}")


def digest(modules: str | None) -> str | None:
    """A hash of the source of modules given as for `import_all`, which must have been imported; None without any."""
    return _hash(_each(modules)) if modules else None


def function_digest(spec: str) -> str:
    """A hash of the source that MODULE:NAME or PATH.py:NAME stands in, which must have been imported."""
    return _hash([spec.rpartition(":")[0]])


def _hash(modules: list[str]) -> str:
    files = [Path(name if name.endswith(".py") else str(sys.modules[name].__file__)) for name in modules]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def absolute(modules: str | None) -> str | None:
    """The same text with the paths of files absolute, so that it holds in any folder."""
    if modules is None:
        return None
    return ",".join(str(Path(name).resolve()) if name.endswith(".py") else name for name in _each(modules))


def absolute_function(spec: str) -> str:
    """PATH.py:NAME with the path absolute; any other text as it is."""
    module, colon, name = spec.rpartition(":")
    return f"{Path(module).resolve()}:{name}" if colon and module.endswith(".py") else spec


def _each(modules: str | None) -> list[str]:
    return [part.strip() for part in (modules or "").split(",") if part.strip()]
