"""Which code workers on other machines need: the packages of this program, and the modules and files of the user."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from policysearch.core.user_code import SHIPPED, copy_name

_PACKAGES = ("policysearch", "search_spaces", "workers")
_INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def code_to_ship(specs: Iterable[str], folder: Path) -> list[str]:
    """Packages and files that a worker elsewhere must be able to import.

    Args:
        specs: the user's code, already imported: MODULE, PATH.py, MODULE:NAME or PATH.py:NAME. A module takes along
            the local modules that it imported from its folder and the current one. Installed packages are not sent:
            they must be installed on the worker's machine too.
        folder: an empty folder, for copies of files given by path.

    Returns:
        paths of package folders and .py files.
    """
    named = [_module(spec) for spec in specs]
    files = [name for name in named if name.endswith(".py")]

    # Copies are named after a hash of their path, by which the worker finds them: two files may have the same name.
    for file in files:
        (folder / SHIPPED).mkdir(exist_ok=True)
        shutil.copyfile(file, folder / SHIPPED / copy_name(file))
    copies = [str(folder / SHIPPED)] if files else []

    packages = [str(_place(import_module(name))) for name in _PACKAGES]
    return [*packages, *copies, *map(str, _local_modules(named))]


def _module(spec: str) -> str:
    head, _, tail = spec.rpartition(":")
    return tail if tail.endswith(".py") or not head else head


def _local_modules(named: list[str]) -> list[Path]:
    """Paths of the modules that were imported from folders of the user."""
    if not named:
        return []

    # Only what lies next to the named modules, or in the current folder, is taken for the user's code: a path that a
    # development install put on sys.path may hold whole projects, which are not ours to send.
    roots = {Path.cwd()}
    for name in named:
        module = sys.modules.get(name.partition(".")[0])
        place = _place(module) if module else None
        if place and not is_installed(place):
            roots.add(place.parent)

    places = set()
    for name, module in list(sys.modules.items()):  # a copy: another thread may import meanwhile
        # Submodules travel inside their package; __main__ is the user's script, which a worker must not run.
        if "." in name or name in ("__main__", *_PACKAGES):
            continue
        place = _place(module)
        if place and place.parent in roots and not is_installed(place):
            places.add(place)

    # A file such as my-script.py was loaded by its path: it cannot be imported by name.
    return sorted(place for place in places if place.stem.isidentifier())


def _place(module: ModuleType) -> Path | None:
    """The folder of a package, or the file of a module; None where it has no Python file of its own."""
    file = getattr(module, "__file__", None)
    paths = list(getattr(module, "__path__", []))
    # A package may look for modules in more folders than its own, as this program does for the names of 0.1; one
    # without a file is a namespace package, and if that is in several folders it cannot be sent as one.
    if paths and file:
        return Path(file).resolve().parent
    if len(paths) == 1:
        return Path(paths[0]).resolve()
    return Path(file).resolve() if file and file.endswith(".py") else None


def is_installed(place: Path) -> bool:
    """Whether it belongs to Python or to an installed package, which the worker's machine has itself."""
    return any(place.is_relative_to(folder) for folder in _INSTALLED)
