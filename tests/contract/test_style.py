"""How the code is written, as far as a program can tell: short functions, docstrings that begin with a summary."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import policysearch

ROOT = Path(policysearch.__file__).parent.parent
LONGEST = 60
"""Lines of a function without its docstring."""


def sources(*packages: str) -> dict[str, ast.Module]:
    """Syntax trees by path."""
    files = (path for package in packages for path in sorted((ROOT / package).rglob("*.py")))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}


@pytest.fixture(scope="module")
def program() -> dict[str, ast.Module]:
    # Modules of export.templates are the text of exported files, whose style is theirs.
    trees = sources("policysearch", "workers", "search_spaces")
    return {path: tree for path, tree in trees.items() if "/export/templates/" not in path}


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if documented else first.lineno - 1
    return (function.end_lineno or 0) - (start or 0)


def long_functions(trees: dict[str, ast.Module]) -> list[str]:
    return [f"{path}:{f.name}" for path, tree in trees.items() for f in functions(tree) if body_lines(f) > LONGEST]


def headless_docstrings(trees: dict[str, ast.Module]) -> list[str]:
    """Docstrings whose first line is a section, so that no tool finds a summary."""
    return [
        f"{path}:{f.name}"
        for path, tree in trees.items()
        for f in functions(tree)
        if (ast.get_docstring(f) or "").startswith(("Raises:", "Args:", "Returns:"))
    ]


def undocumented(trees: dict[str, ast.Module]) -> list[str]:
    """Modules, and public functions and classes at the top of a module, without a docstring."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    named = {
        f"{path}:{node.name}": node
        for path, tree in trees.items()
        for node in tree.body
        if isinstance(node, kinds) and not node.name.startswith("_")
    }
    return [name for name, node in {**trees, **named}.items() if not ast.get_docstring(node)]


def hand_kept_exports(trees: dict[str, ast.Module]) -> list[str]:
    """Modules that list their names without being a package's face."""
    return [
        path
        for path, tree in trees.items()
        if not path.endswith("__init__.py")
        and any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body)
    ]


def imports_of_test_files(trees: dict[str, ast.Module]) -> list[str]:
    """Test files that import another test file; what they share belongs to tests/support."""
    return [
        f"{path}:{node.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tests.") and ".test_" in str(node.module)
    ]


CHECKS = {check.__name__: check for check in (long_functions, headless_docstrings, undocumented, hand_kept_exports)}
PLANTED = {
    "long_functions": '"""A module."""\ndef work():\n' + "    pass\n" * (LONGEST + 1),
    "headless_docstrings": '"""A module."""\ndef work():\n    """Raises:\n    UserError: always.\n    """\n',
    "undocumented": '"""A module."""\ndef work():\n    pass\n',
    "hand_kept_exports": '"""A module."""\n__all__ = ["work"]\n',
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_program_keeps_it(name, program):
    assert CHECKS[name](program) == []


@pytest.mark.parametrize("name", CHECKS)
def test_a_planted_breach_is_caught(name):
    assert CHECKS[name]({"planted.py": ast.parse(PLANTED[name])})


def test_no_test_file_imports_another():
    assert imports_of_test_files(sources("tests")) == []
    assert imports_of_test_files({"planted.py": ast.parse("from tests.cli.test_cli import call")})
