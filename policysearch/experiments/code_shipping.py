"""Which code workers on other machines need: this program's packages, and the user's own modules and files."""

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
        specs: the user's own code, imported before: MODULE, PATH.py, MODULE:NAME or PATH.py:NAME. A module goes with
            the local modules imported with it, from its folder and the current one; what is installed stays, and
            must be installed there too.
        folder: an empty one, for copies of files given by path.

    Returns:
        paths of package folders and .py files.
    """
    named = [_module(spec) for spec in specs]
    files = [name for name in named if name.endswith(".py")]
    for file in files:
        (folder / SHIPPED).mkdir(exist_ok=True)
        shutil.copyfile(file, folder / SHIPPED / copy_name(file))
    packages = [str(_place(import_module(name))) for name in _PACKAGES]
    copies = [str(folder / SHIPPED)] if files else []
    return [*packages, *copies, *map(str, _local(named))]


def _module(spec: str) -> str:
    head, _, tail = spec.rpartition(":")
    return tail if tail.endswith(".py") or not head else head


def _local(named: list[str]) -> list[Path]:
    """Where the modules that were imported from the user's own folders are."""
    if not named:
        return []
    heads = [sys.modules[name] for name in (n.partition(".")[0] for n in named) if name in sys.modules]
    roots = {Path.cwd(), *(place.parent for place in map(_place, heads) if place and not _installed(place))}
    top = [m for name, m in list(sys.modules.items()) if "." not in name and name not in ("__main__", *_PACKAGES)]
    places = {place for place in map(_place, top) if place and place.parent in roots and not _installed(place)}
    return sorted(place for place in places if place.stem.isidentifier())


def _place(module: ModuleType) -> Path | None:
    """The folder of a package, or the file of a module; None where it has no Python file of its own."""
    if len(list(getattr(module, "__path__", []))) == 1:
        return Path(module.__path__[0]).resolve()
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file and file.endswith(".py") else None


def _installed(place: Path) -> bool:
    return any(place.is_relative_to(folder) for folder in _INSTALLED)
