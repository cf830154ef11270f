"""The imports of a source tree as a graph of modules, read from its syntax without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import: `target` is a dotted name, `late` whether it does not run when its module is imported.

    Imports in functions run when these are called, imports under `if TYPE_CHECKING` never.
    """

    target: str
    line: int
    late: bool


@dataclass(frozen=True)
class Module:
    """A module under its dotted name (a package under the package's) and everything that it imports."""

    name: str
    path: Path
    imports: tuple[Import, ...]


def read_modules(root: Path, packages: tuple[str, ...]) -> dict[str, Module]:
    """The modules of `packages` below `root`, by name.

    `from package import name` counts as an import of `package.name` where that is a module, and of `package`
    otherwise. Imports inside functions, `if TYPE_CHECKING` blocks and `import_module("literal")` all count.
    """
    paths = {_name(root, path): path for package in packages for path in (root / package).rglob("*.py")}
    return {name: Module(name, path, tuple(_imports(path, paths.keys()))) for name, path in sorted(paths.items())}


def _name(root: Path, path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, known: object) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {id(node) for block in ast.walk(tree) if _runs_later(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        for target in _targets(node, known):
            yield Import(target, node.lineno, id(node) in late)


def _runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _targets(node: ast.AST, known: object) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: imports are absolute"
        full = {f"{node.module}.{alias.name}" for alias in node.names}
        submodules = {name for name in full if name in known}  # type: ignore[operator]
        return sorted(submodules | ({str(node.module)} if full - submodules else set()))
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
        argument = node.args[0]
        return [argument.value] if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else []
    return []
