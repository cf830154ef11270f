"""One Python file out of definitions that live in several modules of this program: only those that are needed."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = "policysearch"


@dataclass(frozen=True)
class _Module:
    """The top level of a module.

    Attributes:
        lines: of its text.
        defined: by name, the statement that defines it.
        imported: by name, the module that it comes from, and its name there; None for a module itself.
    """

    lines: list[str]
    defined: dict[str, ast.stmt]
    imported: dict[str, tuple[str, str | None]]

    def source(self, name: str) -> str:
        node = self.defined[name]
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        return "\n".join(self.lines[first - 1 : node.end_lineno])


@lru_cache(maxsize=64)
def _module(name: str) -> _Module:
    spec = find_spec(name)
    assert spec is not None and spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    module = _Module(text.splitlines(), {}, {})
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            module.defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                module.defined[target.id] = node
        elif isinstance(node, ast.ImportFrom) and node.module:
            module.imported.update({alias.asname or alias.name: (node.module, alias.name) for alias in node.names})
        elif isinstance(node, ast.Import):
            names = {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
            module.imported.update({name: (path, None) for name, path in names.items()})
    return module


@dataclass
class _Bundle:
    """Definitions in an order in which each comes after those that it needs, and the imports from elsewhere.

    Attributes:
        root: the module that the file begins with.
        also: modules that have what the file's own definitions name and the root has not.
        places: by module, the one that stands in for it.
        replacements: by name, text in place of a module's own definition.
        definitions: by name, the text that defines it, in order.
        homes: by name, the module that it is from.
        imports: by name, the module outside this program that it comes from, and its name there.
        seen: names that were taken already.
    """

    root: str
    replacements: Mapping[str, str]
    also: Sequence[str] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def take(self, module: str, name: str) -> None:
        """Take `name` as it is known in `module`, with all that it needs."""
        module = self.places.get(module, module)
        home = _module(module)
        if name in home.imported and name not in home.defined:
            self._import(name, *home.imported[name])
        elif name in home.defined and self._is_new(module, name):
            source = self.replacements.get(name) or home.source(name)
            for used in _names(ast.parse(source)):
                self.take(self.place(used, module) if name in self.replacements else module, used)
            self.definitions[name] = source

    def place(self, name: str, otherwise: str) -> str:
        """The module, of those that the file is made from, that has a name."""
        return next((module for module in (self.root, *self.also) if _has(module, name)), otherwise)

    def _import(self, name: str, module: str, original: str | None) -> None:
        if module.partition(".")[0] != _PACKAGE:
            earlier = self.imports.setdefault(name, (module, original))
            assert earlier == (module, original), f"{name} is {earlier} and {(module, original)}"
        elif original is not None:
            assert original == name, f"{name}: what an export takes over keeps its name"
            self.take(module, original)

    def _is_new(self, module: str, name: str) -> bool:
        home = self.homes.setdefault(name, module)
        assert home == module, f"{name} is in {module} and in {home}"
        new = name not in self.seen
        self.seen.add(name)
        return new


def _has(module: str, name: str) -> bool:
    return name in _module(module).defined or name in _module(module).imported


def _names(tree: ast.AST) -> list[str]:
    return [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not hasattr(builtins, n.id)]


def assemble(
    module: str,
    replacements: Mapping[str, str],
    head: str,
    tail: Sequence[str],
    also: Sequence[str] = (),
    places: Mapping[str, str] | None = None,
) -> str:
    """The text of a file that has what `tail` names, as `module` has it, and all that this needs.

    Args:
        module: a module of this program; what it imports from others of them is put in, the rest is imported.
        replacements: by name, text in place of a module's own definition; the names in it are those of `module` or of
            the module that it replaces a definition of.
        head: the file's docstring, without quotes.
        tail: definitions at the end of the file.
        also: more modules, whose names `tail` may use where `module` has none of them.
        places: by module of this program, the one that stands in for it wherever it is imported.
    """
    bundle = _Bundle(module, replacements, also, places or {})
    for name in _names(ast.parse("\n".join(tail))):
        bundle.take(bundle.place(name, module), name)
    blocks = [f'"""{head}\n"""', "from __future__ import annotations", *_imports(bundle.imports)]
    text = "\n\n".join(blocks) + "\n" + _spaced([*bundle.definitions.values(), *tail]) + "\n"
    return _without_underscores(text, bundle.definitions)


def _spaced(sources: Iterable[str]) -> str:
    """Two empty lines around functions and classes, one between constants."""
    text, after_constant = "", True
    for source in sources:
        is_constant = not source.startswith(("def ", "class ", "@"))
        text += ("\n" if is_constant and after_constant else "\n\n") + source.strip() + "\n"
        after_constant = is_constant
    return text.rstrip("\n")


def _imports(imports: Mapping[str, tuple[str, str | None]]) -> list[str]:
    """The standard library's imports, then the others', as ruff sorts them."""
    standard = {
        name: origin for name, origin in imports.items() if origin[0].partition(".")[0] in sys.stdlib_module_names
    }
    others = {name: origin for name, origin in imports.items() if name not in standard}
    return [block for block in (_block(standard), _block(others)) if block]


def _block(imports: Mapping[str, tuple[str, str | None]]) -> str:
    """`import a`, `import b as c`, then `from d import e`."""
    modules = {(module, name) for name, (module, original) in imports.items() if original is None}
    lines = (module if name == module.partition(".")[0] else f"{module} as {name}" for module, name in modules)
    whole = sorted(lines, key=str.lower)
    parts: dict[str, list[str]] = {}
    renamed: dict[str, list[str]] = {}
    for name, (module, original) in imports.items():
        if original == name:
            parts.setdefault(module, []).append(name)
        elif original is not None:
            renamed.setdefault(module, []).append(f"from {module} import {original} as {name}")
    named: list[str] = []
    for module in sorted({*parts, *renamed}):
        plain = ", ".join(sorted(parts.get(module, []), key=_rank))
        named += [*([f"from {module} import {plain}"] if plain else []), *sorted(renamed.get(module, []))]
    return "\n".join([*(f"import {module}" for module in whole), *named])


def _rank(name: str) -> tuple[int, str]:
    """Constants, classes, the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def _without_underscores(text: str, names: Iterable[str]) -> str:
    """Names private in their own modules lose the underscore where no other name is in the way."""
    for name in names:
        plain = name.lstrip("_")
        if name != plain and not re.search(rf"\b{plain}\b", text):
            text = re.sub(rf"(?<![\w.]){name}\b", plain, text)
    return text
