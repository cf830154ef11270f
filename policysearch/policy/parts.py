"""Parts of a family's template: pieces with a name, of which a parameter chooses one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from policysearch.core.errors import UserError, unknown_name

_KEY = "part"
_DEEPEST = 20


def with_parts(template: Any, parts: Mapping[str, Any], values: Mapping[str, str | int | float]) -> Any:
    """The template with every `{ part = NAME }` replaced by the part of that name, which may be "$parameter".

    In a list, a part that is a list is put in place of the entry. An empty part leaves its entry or its key out.

    Args:
        template: lists, tables and values, as they stand in a space file.
        parts: by name; they may hold parts themselves.
        values: of the parameters.

    Raises:
        UserError: no part has that name, or parts hold each other without end.

    Example:
        >>> parts = {"none": [], "flip": [{"operation": "flip-horizontal"}]}
        >>> with_parts([{"part": "$side"}, {"operation": "invert"}], parts, {"side": "none"})
        [{'operation': 'invert'}]
    """
    return _expanded(template, parts, values, 0)


def _expanded(template: Any, parts: Mapping[str, Any], values: Mapping[str, str | int | float], depth: int) -> Any:
    if depth > _DEEPEST:
        raise UserError("parts hold each other without end")

    def expanded(item: Any) -> Any:
        return _expanded(item, parts, values, depth + 1)

    if _is_part(template):
        if len(template) > 1:
            raise UserError(f"a part has no other keys, got {', '.join(template)}")
        return expanded(_part(template[_KEY], parts, values))
    if isinstance(template, dict):
        entries = {key: expanded(item) for key, item in template.items()}
        return {key: item for key, item in entries.items() if item or not _is_part(template[key])}
    if isinstance(template, list):
        out: list[Any] = []
        for item in template:
            piece = expanded(item)
            if _is_part(item) and (isinstance(piece, list) or not piece):
                out += piece
            else:
                out.append(piece)
        return out
    return template


def _is_part(item: Any) -> bool:
    return isinstance(item, dict) and _KEY in item


def _part(name: Any, parts: Mapping[str, Any], values: Mapping[str, str | int | float]) -> Any:
    parameter = re.fullmatch(r"\$(\w+)", str(name))
    if parameter and parameter[1] not in values:
        raise UserError(f"${parameter[1]} is no parameter of this family; it has {', '.join(values) or 'none'}")
    chosen = values[parameter[1]] if parameter else name
    if chosen not in parts:
        raise unknown_name("part", str(chosen), parts)
    return parts[str(chosen)]


def parameters_at_work(template: Any, parts: Mapping[str, Any], values: Mapping[str, str | int | float]) -> set[str]:
    """The parameters that an assignment's template really depends on: those of parts that are not chosen have no say.

    Args:
        template, parts, values: as for `with_parts`.

    Raises:
        UserError: as `with_parts`.

    Example:
        >>> parts = {"none": [], "turn": [{"operation": "rotate", "magnitude": "$degrees"}]}
        >>> sorted(parameters_at_work([{"part": "$move"}], parts, {"move": "none", "degrees": 5}))
        ['move']
    """
    names: set[str] = set()

    def visit(item: Any, depth: int) -> None:
        if _is_part(item) and depth <= _DEEPEST:
            names.update(re.findall(r"\$(\w+)", str(item[_KEY])))
            visit(_part(item[_KEY], parts, values), depth + 1)
            return
        for inner in item.values() if isinstance(item, dict) else item if isinstance(item, list) else ():
            visit(inner, depth + 1)
        if isinstance(item, str):
            names.update(re.findall(r"\$(\w+)", item))

    visit(template, 0)
    return names
