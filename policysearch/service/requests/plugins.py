"""Code of the operator's that requests may name: files, and the functions and classes that stand in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.files import joined
from policysearch.rules import RULES

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_TAKEN = frozenset([*RULES, "optuna", "tpe", "torchvision", "timm"])
"""What stands before a colon with another meaning."""


def operators_plugins(texts: Iterable[str]) -> Mapping[str, Path]:
    """The plugins of `--plugin NAME=PATH.py`.

    Raises:
        UserError: one is not of that form, is there twice, has a name with another meaning, or is no Python file.
    """
    plugins: dict[str, Path] = {}
    for text in texts:
        name, _, path = text.partition("=")
        if not _NAME.fullmatch(name) or not path.endswith(".py"):
            raise UserError(f"--plugin takes NAME=PATH.py, got {text!r}")
        if name in plugins or name in _TAKEN:
            raise UserError(f"--plugin {text}: the name {name} has another meaning already: give another")
        functions_in(Path(path))
        plugins[name] = Path(path).resolve()
    return MappingProxyType(plugins)


def functions_in(path: Path) -> tuple[str, ...]:
    """The public functions and classes that a file defines at its top, without running it; not what it imports.

    Raises:
        UserError: it cannot be read, or is no Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"plugin {path.name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    kinds = ast.FunctionDef | ast.ClassDef
    return tuple(node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_"))


def is_of_plugin(text: str, plugins: Mapping[str, Path]) -> bool:
    """Whether a text is NAME:... with the name of a plugin."""
    return text.partition(":")[0] in plugins and ":" in text


def must_be_in_plugin(text: str, plugins: Mapping[str, Path]) -> None:
    """Check that PLUGIN:FUNCTION names what the plugin's file defines.

    Raises:
        UserError: it does not.
    """
    name, _, function = text.partition(":")
    functions = functions_in(plugins[name])
    if function not in functions:
        raise unknown_name(f"function of plugin {name}", function, functions)


def code_of(text: str, plugins: Mapping[str, Path]) -> str:
    """PATH.py:FUNCTION of PLUGIN:FUNCTION; any other text as it is."""
    name, _, function = text.partition(":")
    return f"{plugins[name]}:{function}" if is_of_plugin(text, plugins) else text


def must_be_plugins(text: str, plugins: Mapping[str, Path]) -> None:
    """Check names of plugins separated by commas.

    Raises:
        UserError: one is no plugin's.
    """
    for name in _names(text):
        if name not in plugins:
            hint = "" if plugins else "; the operator has set up none (`policysearch serve --plugin NAME=PATH.py`)"
            raise UserError(f"{unknown_name('plugin', name, plugins)}{hint}" if plugins else f"unknown plugin{hint}")


def files_of(text: str, plugins: Mapping[str, Path]) -> str:
    """Names of plugins separated by commas as the setting `operations` takes them."""
    return joined([str(plugins[name]) for name in _names(text)])


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
