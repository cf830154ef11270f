"""Parts of a family's template: pieces with a name, of which a parameter chooses one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
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

    def expanded(self, template: Any, depth: int = 0) -> Any:
        """The template with its parts in place."""
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
        return self._parts[_chosen(str(item[_KEY]), self._parts, self._values)]


def _chosen(part: str, parts: Mapping[str, Any], values: Mapping[str, str | int | float]) -> str:
    """The name of a part that is written as it is, or as "$name" of the parameter that chooses it."""
    parameter = part[1:] if re.fullmatch(r"\$\w+", part) else None
    if parameter is not None and parameter not in values:
        raise UserError(f"{part} is no parameter of this family; it has {', '.join(values) or 'none'}")
    name = part if parameter is None else str(values[parameter])
    if name not in parts:
        raise unknown_name("part", name, parts)
    return name


def _is_part(item: Any) -> bool:
    return isinstance(item, dict) and _KEY in item


@dataclass(frozen=True)
class Mentions:
    """What a piece of a template names itself, without the parts in it.

    Attributes:
        parameters: as "$name", but for those that choose a part.
        parts: by name, or as "$name" of the parameter that chooses one.
    """

    parameters: frozenset[str]
    parts: frozenset[str]


def mentions(template: Any) -> Mentions:
    """What a template, or a part, names itself.

    Example:
        >>> piece = mentions([{"part": "$move"}, {"operation": "rotate", "magnitude": "$degrees"}])
        >>> sorted(piece.parameters), sorted(piece.parts)
        (['degrees'], ['$move'])
    """
    if _is_part(template):
        return Mentions(frozenset(), frozenset([str(template[_KEY])]))
    if isinstance(template, dict | list):
        pieces = [mentions(item) for item in (template.values() if isinstance(template, dict) else template)]
        parameters = frozenset[str]().union(*(piece.parameters for piece in pieces))
        return Mentions(parameters, frozenset[str]().union(*(piece.parts for piece in pieces)))
    return Mentions(frozenset(re.findall(r"\$(\w+)", str(template))), frozenset())


def parameters_at_work(
    template: Mentions, parts: Mapping[str, Mentions], values: Mapping[str, str | int | float]
) -> set[str]:
    """The parameters that an assignment's template really depends on: those of parts that are not chosen have no say.

    Args:
        template: what it names.
        parts: what each part names.
        values: of the parameters.

    Raises:
        UserError: no part, or no parameter that chooses one, has a name that is there.

    Example:
        >>> parts = {"none": mentions([]), "turn": mentions([{"operation": "rotate", "magnitude": "$degrees"}])}
        >>> sorted(parameters_at_work(mentions([{"part": "$move"}]), parts, {"move": "none", "degrees": 5}))
        ['move']
    """
    names, waiting, seen = set(template.parameters), [*template.parts], set[str]()
    while waiting:
        part = waiting.pop()
        name = _chosen(part, parts, values)
        if name != part:
            names.add(part[1:])
        if name not in seen:
            seen.add(name)
            names |= parts[name].parameters
            waiting += parts[name].parts
    return names
