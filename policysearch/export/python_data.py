"""What a Python file assigns and returns, computed without running it: literals, calls of `dict`, sums and products."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = MappingProxyType(
    {ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv}
)
_LARGEST, _LONGEST = 10**9, 10**5


class Unreadable(Exception):
    """A value is more than data; the message says what was met."""


@dataclass(frozen=True)
class Missing:
    """A name whose value could not be read.

    Attributes:
        reason: what in it is more than data.
    """

    reason: str


def parsed(text: str, name: str) -> ast.Module:
    """The syntax tree of a file.

    Args:
        text: what the file holds.
        name: what it is called in complaints.

    Raises:
        UserError: it is no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python says of code that is not run
            return ast.parse(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise UserError(f"{name} is no data: it must be JSON or Python ({str(error)[:80]})") from None


def values_of(text: str, name: str) -> dict[str, Any]:
    """What names stand for at the top of a file, and what its functions return.

    Args:
        text: a Python file, of which nothing is run.
        name: what it is called in complaints.

    Returns:
        By name, a value of numbers, text, lists, tuples and dictionaries, or `Missing`.

    Raises:
        UserError: it is no Python.
    """
    values: dict[str, Any] = {}
    for node in parsed(text, name).body:
        if isinstance(node, ast.FunctionDef):
            values[node.name] = _returned(node, values)
        else:
            _assign(node, values)
    return values


def _returned(function: ast.FunctionDef, values: Mapping[str, Any]) -> Any:
    """What a function returns that only assigns before."""
    if function.decorator_list:
        return Missing(f"{function.name} is changed by a decorator")
    scope = dict(values)
    for node in function.body:
        if isinstance(node, ast.Return) and node.value is not None:
            return _read(node.value, scope)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Pass) or _is_text(node):
            _assign(node, scope)
        else:
            return Missing(f"{function.name} does more than to assign and return")
    return Missing(f"{function.name} returns nothing")


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _assign(node: ast.stmt, values: dict[str, Any]) -> None:
    """Keep the value of an assignment to names."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    else:
        return
    assert node.value is not None
    value = _read(node.value, values)
    for target in targets:
        if isinstance(target, ast.Name):
            values[target.id] = value


def _read(node: ast.expr, values: Mapping[str, Any]) -> Any:
    try:
        return evaluated(node, values)
    except Unreadable as error:
        return Missing(str(error))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError, RecursionError) as error:
        return Missing(f"{type(error).__name__}: {str(error)[:60]}")


def evaluated(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """The value of an expression.

    Args:
        node: of literals, names, `dict(...)`, sums of numbers or of lists, and products.
        values: of names.

    Raises:
        Unreadable: it is more than that.
    """
    reader = _READERS.get(type(node))
    if reader is None:
        raise Unreadable(f"{ast.unparse(node)[:60]!r} is not data")
    return reader(node, values)


def _constant(node: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(node.value, str | int | float | bool | None):
        raise Unreadable(f"{node.value!r:.60} is no number or text")
    return node.value


def _name(node: Any, values: Mapping[str, Any]) -> Any:
    if node.id not in values:
        raise Unreadable(f"{node.id} is not assigned in the file")
    value = values[node.id]
    if isinstance(value, Missing):
        raise Unreadable(value.reason)
    return value


def _items(node: Any, values: Mapping[str, Any]) -> list[Any]:
    out: list[Any] = []
    for part in node.elts:
        if isinstance(part, ast.Starred):
            out.extend(evaluated(part.value, values))
        else:
            out.append(evaluated(part, values))
        _short(out)
    return out


def _short(entries: list[Any]) -> list[Any]:
    """Refuse lists that names in lists make ever longer."""
    if len(entries) > _LONGEST:
        raise Unreadable(f"a list of more than {_LONGEST:,} entries")
    return entries


def _dictionary(node: Any, values: Mapping[str, Any]) -> dict[Any, Any]:
    out: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            out.update(evaluated(value, values))
        else:
            out[evaluated(key, values)] = evaluated(value, values)
    return out


def _call(node: Any, values: Mapping[str, Any]) -> dict[Any, Any]:
    """`dict(...)`, as MMPretrain's configs are written."""
    if not isinstance(node.func, ast.Name) or node.func.id != "dict" or len(node.args) > 1:
        raise Unreadable(f"{ast.unparse(node)[:60]!r} is a call, which is not run")
    out = dict(evaluated(node.args[0], values)) if node.args else {}
    for keyword in node.keywords:
        value = evaluated(keyword.value, values)
        out.update(value if keyword.arg is None else {keyword.arg: value})
    return out


def _negated(node: Any, values: Mapping[str, Any]) -> Any:
    value = evaluated(node.operand, values)
    if not isinstance(node.op, ast.USub | ast.UAdd) or not isinstance(value, int | float):
        raise Unreadable(f"{ast.unparse(node)[:60]!r} is not data")
    return -value if isinstance(node.op, ast.USub) else value


def _computed(node: Any, values: Mapping[str, Any]) -> Any:
    """Numbers added, subtracted, multiplied and divided; lists put together."""
    left, right = evaluated(node.left, values), evaluated(node.right, values)
    if isinstance(node.op, ast.Add) and isinstance(left, list) and isinstance(right, list):
        return _short([*left, *right])
    compute = operator.add if isinstance(node.op, ast.Add) else _ARITHMETIC.get(type(node.op))
    numbers = all(isinstance(part, int | float) and abs(part) < _LARGEST for part in (left, right))
    if compute is None or not numbers:
        raise Unreadable(f"{ast.unparse(node)[:60]!r} is not data")
    return compute(left, right)


_READERS: Mapping[type[ast.expr], Callable[[Any, Mapping[str, Any]], Any]] = MappingProxyType(
    {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.List: _items,
        ast.Tuple: lambda node, values: tuple(_items(node, values)),
        ast.Dict: _dictionary,
        ast.Call: _call,
        ast.UnaryOp: _negated,
        ast.BinOp: _computed,
    }
)
