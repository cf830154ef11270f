"""The rooms of the program: imports go one way, and there is no circle, late imports included."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import policysearch
from tests.support.module_graph import Module, read_modules

ROOT = Path(policysearch.__file__).parent.parent
PACKAGES = ("policysearch", "search_spaces", "workers")
FLOORS = (
    ("core", "search_spaces"),
    ("stats", "policy", "datasets"),
    ("rules", "augmentation", "client"),
    ("child",),
    ("export", "workers", "study"),
    ("reports",),
    ("experiments",),
    ("service",),
    ("cli",),
    ("__init__", "__main__"),
)
"""A room imports rooms on lower floors and itself; rooms of one floor know nothing of each other."""
TORCH_ROOMS = ("augmentation", "child", "datasets", "workers")
"""Rooms that may import torch when they are imported; modules of `export.templates` are the text of exported files."""
OPTUNA_MODULES = (
    "policysearch.study.",
    "policysearch.experiments.search.report.importance",
    "policysearch.experiments.comparison.replay",
)
RAY_MODULES = ("workers.cluster", "workers.ray_files", "workers.ray_mailbox", "workers.ray_pool")
STANDARD_LIBRARY_OF_RULES = {"__future__", "collections", "dataclasses", "inspect", "operator", "typing"}


def room(module: str) -> str:
    """The room of a dotted name: `workers` and `search_spaces` are rooms of their own."""
    first, *rest = module.split(".")
    return first if first != "policysearch" else (rest or ["__init__"])[0]


def floor(module: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room(module) in rooms:
            return number
    raise AssertionError(f"{module} is in no room of FLOORS")


def violations(modules: dict[str, Module]) -> list[str]:
    """Imports between rooms that do not go down."""
    return [
        f"{module.name}:{used.line} imports {used.target}"
        for module in modules.values()
        for used in module.imports
        if used.target.split(".")[0] in PACKAGES
        and room(used.target) != room(module.name)
        and floor(used.target) >= floor(module.name)
    ]


def circle(modules: dict[str, Module]) -> list[str]:
    """One circle of modules, or an empty list."""
    graph = {
        module.name: {used.target for used in module.imports if used.target in modules} for module in modules.values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return read_modules(ROOT, PACKAGES)


def test_imports_between_rooms_go_down(modules):
    assert violations(modules) == []


def test_there_is_no_circle(modules):
    assert circle(modules) == []


def test_the_root_holds_rooms_only():
    files = {path.name for path in (ROOT / "policysearch").iterdir() if path.is_file()}
    rooms = {path.name for path in (ROOT / "policysearch").iterdir() if path.is_dir()} - {"__pycache__", "guide"}
    assert files == {"__init__.py", "__main__.py", "py.typed"}
    assert rooms | {"workers", "search_spaces", "__init__", "__main__"} == {name for names in FLOORS for name in names}
    assert len(rooms - {"service", "client"}) <= 12


PLANTED = {
    "a circle of two files in a room": {
        "core/one.py": "from policysearch.core import two",
        "core/two.py": "import policysearch.core.one",
    },
    "the top from the ground floor, by `from package import module`": {
        "core/one.py": "from policysearch import cli",
        "cli/__init__.py": "",
    },
    "a late import upward": {
        "core/one.py": "def load():\n    from policysearch.study.storage import opened\n    return opened",
        "study/storage.py": "opened = 1",
    },
    "a late circle": {
        "core/one.py": "def load():\n    from policysearch.core.two import name\n    return name",
        "core/two.py": "from policysearch.core.one import load\nname = 1",
    },
    "a neighbour on the same floor": {
        "rules/one.py": "from policysearch.augmentation import two",
        "augmentation/two.py": "",
    },
    "a module loaded by its name": {
        "stats/one.py": "from importlib import import_module\nloaded = import_module('policysearch.child.two')",
        "child/two.py": "",
    },
}


@pytest.mark.parametrize("files", PLANTED.values(), ids=PLANTED.keys())
def test_planted_violations_are_caught(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / "policysearch" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    planted = read_modules(tmp_path, PACKAGES)
    assert violations(planted) or circle(planted)


def test_a_tree_without_violations_passes(tmp_path):
    (tmp_path / "policysearch" / "core").mkdir(parents=True)
    (tmp_path / "policysearch" / "core" / "one.py").write_text("import json", encoding="utf-8")
    modules = read_modules(tmp_path, PACKAGES)
    assert not violations(modules) and not circle(modules)


def test_torch_optuna_and_ray_have_their_rooms(modules):
    for module in modules.values():
        at_import = {used.target.split(".")[0] for used in module.imports if not used.late}
        anywhere = {used.target.split(".")[0] for used in module.imports}
        torch_allowed = room(module.name) in TORCH_ROOMS or module.name.startswith("policysearch.export.templates")
        assert "torch" not in at_import or torch_allowed, module.name
        assert "optuna" not in anywhere or module.name.startswith(OPTUNA_MODULES), module.name
        assert "ray" not in anywhere or module.name in RAY_MODULES, module.name


def test_rules_are_numpy_only(modules):
    for module in modules.values():
        if room(module.name) == "rules":
            roots = {used.target.split(".")[0] for used in module.imports}
            assert roots <= {*STANDARD_LIBRARY_OF_RULES, "numpy", "policysearch"}, module.name
