"""How the code is written, as far as a program can tell: short functions, docstrings with a summary, names that say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import policysearch

ROOT = Path(policysearch.__file__).parent.parent
LONGEST = 60
"""Lines of a function without its docstring."""
EMPTY_WORDS = frozenset(["asked", "each", "found", "given", "had", "kept", "known", "made", "own", "told", "wanted"])
"""Words that name nothing: a match, a row, a setting or a message is called what it is."""
ROOMS_WITH_NAMES = (
    *(
        "core",
        "stats",
        "policy",
        "datasets",
        "rules",
        "augmentation",
        "child",
        "export",
        "study",
        "reports",
        "experiments",
        "service",
        "client",
        "cli",
    ),
    *("workers", "search_spaces"),
)
"""Rooms in which no name is such a word."""
WRITTEN_BY_USERS = frozenset(["policysearch/rules/linucb.py:own"])
"""Parameters that must stay: people write `--strategy linucb:own=0.5`, and their studies hold it."""
NAME_FIELDS = {
    ast.Name: "id",
    ast.Attribute: "attr",
    ast.arg: "arg",
    ast.alias: "asname",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}
"""Where the nodes that can give a name hold it."""


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


def empty_names(trees: dict[str, ast.Module]) -> list[str]:
    """Names that say nothing of what they name, whether a variable's, an argument's, a function's or a class's."""
    return [f"{path}:{name}" for path, tree in trees.items() for name in names_given(tree) if is_empty(name)]


def names_given(tree: ast.Module) -> Iterator[str]:
    """All names that a module gives, not those that it reads."""
    for node in ast.walk(tree):
        field = NAME_FIELDS.get(type(node))
        if field is not None and isinstance(getattr(node, "ctx", ast.Store()), ast.Store):
            yield getattr(node, field) or ""


def is_empty(name: str) -> bool:
    return name.strip("_").lower() in EMPTY_WORDS


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


def test_names_say_what_they_name(program):
    trees = {path: tree for path, tree in program.items() if in_rooms_with_names(path)}
    assert set(empty_names(trees)) == WRITTEN_BY_USERS


def in_rooms_with_names(path: str) -> bool:
    return path.removeprefix("policysearch/").split("/")[0] in ROOMS_WITH_NAMES


def test_every_room_with_names_is_there(program):
    rooms = {path.removeprefix("policysearch/").split("/")[0] for path in program}
    assert rooms >= set(ROOMS_WITH_NAMES)


@pytest.mark.parametrize(
    "breach",
    [
        "told = 1",
        "known: int = 1",
        "first, *kept = rows",
        "self._made = 1",
        "_OWN = 1",
        "class _Told: pass",
        "def _wanted(): pass",
        "def work(row, *, given): pass",
        "work = lambda found: found",
        "[each for each in rows]",
        "for each in rows: pass",
        "with work() as had: pass",
        "if asked := work(): pass",
        "import rows as found",
    ],
)
def test_an_empty_name_is_caught(breach):
    assert len(empty_names({"planted.py": ast.parse(breach)})) == 1


def test_a_name_that_is_only_read_or_holds_more_words_is_not_empty():
    read = "rows = found + self.kept\nown_rule = rows\nwork(given=rows)"
    assert empty_names({"planted.py": ast.parse(read)}) == []


def test_no_test_file_imports_another():
    assert imports_of_test_files(sources("tests")) == []
    assert imports_of_test_files({"planted.py": ast.parse("from tests.cli.test_cli import call")})
