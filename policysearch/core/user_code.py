"""Code of the user's own, by module name (the current folder counts) or by the path of a Python file.

The user's process is not changed: the current folder is on `sys.path` only while such a module is imported. What that
module itself imports later, inside a function, must be importable without this program's help. In processes that are
the program's own (the command line, workers) the current folder is importable throughout.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from inspect import getsource
from pathlib import Path
from textwrap import dedent
from traceback import extract_tb
from types import ModuleType
from typing import Any

from policysearch.core.errors import UserError, in_one_line
from policysearch.core.files import joined, separated

SHIPPED = "policysearch_own_files"
"""Folder on the import path of a worker elsewhere that holds copies of the controller's files."""

_LOADING: list[str] = []
"""Modules and files of the user's that are being run at the moment."""

_HERE = ""
"""What Python takes for the current folder on `sys.path`, whichever that is at the time."""


@contextmanager
def current_folder_importable(*, last: bool = False) -> Iterator[None]:
    """Let modules of the current folder be imported meanwhile.

    Args:
        last: whether installed modules of the same name go first; by default those of the current folder do.
    """
    # The entry is added even if the folder is on the path already, so that each block removes one of its own,
    # whatever other threads do meanwhile.
    sys.path.insert(len(sys.path) if last else 0, _HERE)
    try:
        yield
    finally:
        with suppress(ValueError):  # a module may rewrite the path as it is imported
            sys.path.remove(_HERE)


def imported(module: str, purpose: str) -> ModuleType:
    """Import a module of the user's; once, however often it is asked for.

    Args:
        module: its name, or the path of a file ending in .py.
        purpose: what it is wanted for, as the error begins: "operations module 'mine'".

    Raises:
        UserError: it cannot be imported.
    """
    try:
        with current_folder_importable():
            _LOADING.append(module)
            try:
                return _from_file(Path(module)) if module.endswith(".py") else import_module(module)
            finally:
                _LOADING.pop()
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # importing runs the module, which may raise anything
        raise UserError(f"{purpose} cannot be loaded: {describe_error(error)}") from None


def must_be_there(module: str, purpose: str) -> None:
    """Check that there is such a module or file, without running it.

    Args:
        module: as for `imported`.
        purpose: as for `imported`.

    Raises:
        UserError: there is none.
    """
    if module.endswith(".py"):
        copies = [Path(folder, SHIPPED, copy_name(module)) for folder in sys.path]
        missing = "" if any(path.is_file() for path in [Path(module), *copies]) else f"there is no file {module}"
    else:
        missing = "" if _is_importable(module) else f"there is no module {module.partition('.')[0]!r}"
    if missing:
        raise UserError(f"{purpose} cannot be loaded: {missing}")


def _is_importable(module: str) -> bool:
    """Whether its first package is found; to look for what is inside would run that."""
    first = module.partition(".")[0]
    if first in sys.modules:
        return True
    with current_folder_importable():
        try:
            return find_spec(first) is not None
        except (ImportError, ValueError):
            return False


def function(spec: str, purpose: str) -> Callable[..., Any]:
    """The function named by a specification.

    Args:
        spec: MODULE:NAME or PATH.py:NAME.
        purpose: what it is wanted for, as the error begins: "reward 'mine:reward'".

    Raises:
        UserError: it cannot be loaded, or is no function.
    """
    module, _, name = spec.rpartition(":")
    value = getattr(imported(module, purpose), name, None)
    if value is None:
        raise UserError(f"{purpose} cannot be loaded: {module} has no {name!r}")
    if not callable(value):
        raise UserError(f"{purpose} is no function")
    return value  # type: ignore[no-any-return]


def describe_error(error: BaseException) -> str:
    """What went wrong in the user's code, in one line, with the place where it was raised."""
    text = in_one_line(error)
    frames = [frame for frame in extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    if not frames or Path(frames[-1].filename) == Path(__file__):
        return text
    return f"{text} (line {frames[-1].lineno} of {frames[-1].filename})"


def copy_name(path: str | Path) -> str:
    """What the copy of the file `path` is called in the folder `SHIPPED`."""
    return hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:12] + ".py"


def module_being_loaded() -> str | None:
    """The module or file of the user's that is being run in order to take something of it; None where none is."""
    return _LOADING[-1] if _LOADING else None


def _from_file(file: Path) -> ModuleType:
    for present in (sys.modules["__main__"], sys.modules.get(file.stem)):
        if present is not None and _is_file_of(present, file):
            return present  # the script that runs, or a module that was imported by its name: not once more
    copies = (Path(folder, SHIPPED, copy_name(file)) for folder in sys.path)
    path = next((copy for copy in copies if copy.exists()), file)
    name = f"policysearch_own_{file.stem}"
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


def is_of_main(spec: str) -> bool:
    """Whether MODULE:NAME or PATH.py:NAME is of the script that runs, or of a notebook or console."""
    module = spec.rpartition(":")[0]
    return module == "__main__" or (module.endswith(".py") and _is_file_of(sys.modules["__main__"], Path(module)))


def _is_file_of(module: ModuleType, file: Path) -> bool:
    path = getattr(module, "__file__", None)
    return path is not None and Path(path).resolve() == file.resolve()


def import_all(modules: str | None) -> None:
    """Import modules that register operations, given as one text separated by commas.

    Raises:
        UserError: one cannot be imported.
    """
    for module in separated(modules):
        imported(module, f"operations module {module!r}")


def digest(modules: str | None) -> str | None:
    """A hash of the source of modules given as for `import_all`, which must have been imported; None without any."""
    return _hash(separated(modules)) if modules else None


def function_digest(spec: str) -> str:
    """A hash of the source that MODULE:NAME or PATH.py:NAME stands in."""
    return _hash([spec.rpartition(":")[0]])


def training_digest(spec: str) -> str:
    """A hash of the program text that MODULE:NAME or PATH.py:NAME stands in.

    Comments do not count, nor does what is below `if __name__ == "__main__":`, so that a script may be run again with
    more trials. Where the function was written in a notebook, its own text counts.

    Args:
        spec: of a function that has been loaded.
    """
    module, _, name = spec.rpartition(":")
    try:
        text = _file_of(module).read_text(encoding="utf-8")
    except (OSError, AttributeError):
        text = _text_of(getattr(sys.modules.get(module), name, None))
    return hashlib.sha256(_program(text).encode()).hexdigest()[:12]


def _text_of(loaded: Any) -> str:
    """The text of a function; of one that was typed into a console, its compiled code as a text."""
    try:
        return getsource(loaded)
    except (OSError, TypeError):
        code = getattr(loaded, "__code__", None)
        return repr(None if code is None else (code.co_code, code.co_names))


def _program(text: str) -> str:
    """The syntax tree of a text without its main part, as text."""
    tree = ast.parse(dedent(text))
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test))]
    return ast.dump(tree)


def _hash(modules: list[str]) -> str:
    files = [_file_of(name) for name in modules]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _file_of(module: str) -> Path:
    """The file of a module or PATH.py, imported or not; of one in a package, the package is imported."""
    if module.endswith(".py"):
        return Path(module)
    if module in sys.modules:
        return Path(str(sys.modules[module].__file__))
    with current_folder_importable():
        spec = find_spec(module)
    return Path(str(spec and spec.origin))


def absolute(modules: str | None) -> str | None:
    """The same text with the paths of files absolute, so that it holds in any folder."""
    if modules is None:
        return None
    return joined([str(Path(name).resolve()) if name.endswith(".py") else name for name in separated(modules)])


def absolute_function(spec: str) -> str:
    """PATH.py:NAME with the path absolute; any other text as it is."""
    module, colon, name = spec.rpartition(":")
    return f"{Path(module).resolve()}:{name}" if colon and module.endswith(".py") else spec
