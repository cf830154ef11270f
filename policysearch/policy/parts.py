"""Parts of a family's template: pieces with a name, of which a parameter chooses one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from policysearch.core.errors import UserError, unknown_name

_KEY = "part"
_DEEPEST = 40
_MOST = 20_000


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
    return _Expansion(parts, values).expanded(template)


class _Expansion:
    """Puts parts in their place, and counts what it has put in: parts that hold parts grow fast."""

    def __init__(self, parts: Mapping[str, Any], values: Mapping[str, str | int | float]) -> None:
        self._parts = parts
        self._values = values
        self._entries = 0
        self.names: set[str] = set()

    def expanded(self, template: Any, depth: int = 0) -> Any:
        """The template with its parts in place; `names` gains the parameters that it depends on."""
        self._entries += 1
        if depth > _DEEPEST or self._entries > _MOST:
            raise UserError(
                f"parts hold each other without end, or come to more than {_MOST:,} entries or {_DEEPEST} levels"
            )
        if _is_part(template):
            return self.expanded(self._part(template), depth + 1)
        if isinstance(template, dict):
            entries = {key: self.expanded(item, depth + 1) for key, item in template.items()}
            return {key: item for key, item in entries.items() if item or not _is_part(template[key])}
        if isinstance(template, list):
            return [entry for item in template for entry in self._entries_of(item, depth)]
        self.names.update(re.findall(r"\$(\w+)", template) if isinstance(template, str) else ())
        return template

    def _entries_of(self, item: Any, depth: int) -> list[Any]:
        """What stands in a list in place of an entry."""
        piece = self.expanded(item, depth + 1)
        if _is_part(item) and (isinstance(piece, list) or not piece):
            return list(piece)
        return [piece]

    def _part(self, item: dict[str, Any]) -> Any:
        if len(item) > 1:
            raise UserError(f"a part has no other keys, got {', '.join(item)}")
        parameter = re.fullmatch(r"\$(\w+)", str(item[_KEY]))
        if parameter and parameter[1] not in self._values:
            allowed = ", ".join(self._values) or "none"
            raise UserError(f"${parameter[1]} is no parameter of this family; it has {allowed}")
        chosen = str(self._values[parameter[1]] if parameter else item[_KEY])
        if parameter:
            self.names.add(parameter[1])
        if chosen not in self._parts:
            raise unknown_name("part", chosen, self._parts)
        return self._parts[chosen]


def _is_part(item: Any) -> bool:
    return isinstance(item, dict) and _KEY in item


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
    expansion = _Expansion(parts, values)
    expansion.expanded(template)
    return expansion.names
