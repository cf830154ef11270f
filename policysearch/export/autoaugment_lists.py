"""Published policies as lists of sub-policies of (name, probability, level), in JSON or as a Python literal."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from policysearch.core.errors import UserError, unknown_name
from policysearch.export.python_data import Missing, values_of
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step, SubPolicy
from policysearch.policy.validation import validation_message

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "shearx": "shear-x",
        "sheary": "shear-y",
        "translatex": "translate-x",
        "translatey": "translate-y",
        "rotate": "rotate",
        "brightness": "brightness",
        "color": "color",
        "contrast": "contrast",
        "sharpness": "sharpness",
        "posterize": "posterize",
        "solarize": "solarize",
        "autocontrast": "autocontrast",
        "equalize": "equalize",
        "invert": "invert",
        "cutout": "cutout",
    }
)
"""By the papers' names, without case, hyphens and underscores."""


def literal(text: str, name: str, constant: str | None = None) -> Any:
    """The value of a text: JSON, a Python literal, or a Python file of which one literal is read and nothing run.

    Args:
        text: what the file holds.
        name: what it is called in complaints.
        constant: which assignment of a Python file; None for the only list that is assigned or returned in it.

    Raises:
        UserError: it is neither, or does not hold exactly one such literal.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # what Python says of code that is not run
            warnings.simplefilter("ignore", DeprecationWarning)
            tree = ast.parse(text)
        nodes = [node for node in ast.walk(tree) if _is_wanted(node, constant)]
        values = [ast.literal_eval(node.value) for node in nodes]  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise UserError(f"{name} is no data: it must be JSON or a Python literal ({str(error)[:80]})") from None
    if len(values) != 1 and constant is not None:
        raise UserError(f"{name} must assign {constant} once, it does so {len(values)} times")
    if len(values) != 1:
        several = names_of_lists(text, name)
        advice = f"name the one that is meant, --name {' or '.join(several[:6])}" if several else "keep the one meant"
        raise UserError(f"{name} must hold one list of sub-policies, it has {len(values)}: {advice}")
    return values[0]


def names_of_lists(text: str, name: str) -> list[str]:
    """What the lists are called of a file that holds several: they are assigned, returned by functions, or under keys.

    Args:
        text: what the file holds.
        name: what it is called in complaints.
    """
    values = _named(text, name)
    lists = {key: value for key, value in values.items() if isinstance(value, list | tuple) and value}
    # Of several names for one list the first is its name.
    first = {id(value): key for key, value in reversed(lists.items())}
    several = [key for key in lists if key in first.values()]
    return several if len(several) > 1 else []


def _named(text: str, name: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        try:
            return values_of(text, name)
        except UserError:
            return {}
    return data if isinstance(data, dict) else {}


def _chosen(text: str, name: str, which: str) -> Any:
    values = _named(text, name)
    if which not in values:
        raise UserError(f"{name}: {unknown_name('list', which, names_of_lists(text, name) or list(values))}")
    value = values[which]
    if isinstance(value, Missing):
        raise UserError(f"{name}: {which} is more than data: {value.reason}")
    return value


def _is_wanted(node: ast.AST, constant: str | None) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Return | ast.Expr):
        return False
    if constant is None:
        return isinstance(node.value, ast.List | ast.Tuple)
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == constant for target in targets)


def number(value: object, low: float, high: float, what: str) -> float:
    """`value` as a float.

    Raises:
        UserError: it is no number, or not in [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UserError(f"{what} must be a number from {low:g} to {high:g}, got {value!r:.40}")
    return float(value)


def policy_of(text: str, name: str, step: Callable[[str, float, Any], Step], which: str | None = None) -> Policy:
    """The policy of a list of sub-policies, all weighted alike.

    Args:
        text: as for `literal`.
        name: what the text is called in complaints.
        step: (our operation, probability, level as in the list or None) -> the step.
        which: the name of the list; None for the only one.

    Raises:
        UserError: naming the entry that is wrong.
    """
    if which is None:
        return policy_of_data(literal(text, name), name, step)
    return policy_of_data(_chosen(text, name, which), f"{name}, {which}", step)


def policy_of_data(data: Any, name: str, step: Callable[[str, float, Any], Step]) -> Policy:
    """The same of a list that was read.

    Raises:
        UserError: naming the entry that is wrong.
    """
    if not isinstance(data, list | tuple) or not data:
        raise UserError(f"{name} must be a list of sub-policies, got {data!r:.60}")
    subs = tuple(_sub_policy(entry, f"{name}, sub-policy {i}", step) for i, entry in enumerate(data, 1))
    return Policy(sub_policies=subs)


def _sub_policy(entry: object, where: str, step: Callable[[str, float, Any], Step]) -> SubPolicy:
    if not isinstance(entry, list | tuple):
        raise UserError(f"{where} must be a list of (name, probability, level), got {entry!r:.60}")
    return SubPolicy(steps=tuple(_step(one, where, step) for one in entry))


def _step(entry: object, where: str, step: Callable[[str, float, Any], Step]) -> Step:
    if not isinstance(entry, list | tuple) or not 2 <= len(entry) <= 3 or not isinstance(entry[0], str):
        raise UserError(f"{where}: a step is (name, probability, level), got {entry!r:.60}")
    key = entry[0].lower().replace("-", "").replace("_", "")
    if key not in NAMES:
        raise UserError(f"{where}: {unknown_name('operation', entry[0], NAMES)}")
    probability = number(entry[1], 0, 1, f"{where}: probability of {entry[0]}")
    try:
        return step(NAMES[key], probability, entry[2] if len(entry) == 3 else None)
    except ValidationError as error:
        raise UserError(f"{where}: {validation_message(error)}") from None
    except UserError as error:
        raise UserError(f"{where}: {entry[0]}: {error}") from None
