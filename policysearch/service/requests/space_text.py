"""A space in a request: a name, or its text, which is read as data and within limits."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

import search_spaces
from policysearch.core.errors import UserError, shortened, unknown_name
from policysearch.core.tasks import task_named
from policysearch.experiments.task_checks import space_must_suit_task
from policysearch.policy.families import Family
from policysearch.policy.presets import BASELINES
from policysearch.policy.space_files import load_space, parse_space
from policysearch.policy.spaces import Space, SpaceFile
from policysearch.service.request_models.taken import LONGEST_SPACE
from policysearch.study.additive.factors import factors_of

_DEEPEST = 12
_PART = re.compile(r"""[\w\s"'-]*""")
_MUCH = 4_000_000
"""Characters times copies times arms above which a space is built in the checking process, not in the server's."""
_ENTRY = 10
"""Characters that an entry of a template takes as long as, about."""
_MOST_PARTS = 40
"""Parts of a family, above which their sizes are not added up: they may hold each other that deep."""
_ALL = 2_000
"""Arms of a space that is built whole to check it."""


def is_text(space: str) -> bool:
    """Whether a space is the text of one: it has lines, or a setting."""
    return "\n" in space or "=" in space


def must_be_a_space(space: str, arms: int, own_operations: bool, task: str | None = None) -> None:
    """Check a space as far as that is cheap.

    Args:
        space: a name, or the text of a space file.
        arms: the most arms that a text may ask for.
        own_operations: whether the request names operations without which its policies cannot be read.
        task: whose children are to be trained under its arms; None where that is not known.

    Raises:
        UserError: no such name, no TOML, too long, too deep, too many arms, or a policy that is not valid, or none of
            the task's.
    """
    if not is_text(space):
        if space not in search_spaces.names():
            raise UserError(
                f"{unknown_name('space', space, search_spaces.names())} A space of your own is sent as the text of "
                "its file; paths are not taken"
            )
        obstacle = _obstacle(space, task) if task else ""
        if obstacle:
            raise UserError(obstacle)
        return
    if len(space.encode("utf-8")) > LONGEST_SPACE:
        raise UserError(f"the text of a space may have {LONGEST_SPACE:,} bytes, and this one has more")
    if _dots_in_a_row(space) > _DEEPEST:
        raise _too_deep()
    values = _read(space)
    if _depth(values) > _DEEPEST:
        raise _too_deep()
    limit = values.get("max_arms")
    if isinstance(limit, int) and limit > arms:
        raise UserError(f"max_arms may be {arms:,}, got {shortened(str(limit), 20)}")
    if not own_operations and _cost(space, values) <= _MUCH:
        fixed = task_named(task).fixed if task else BASELINES
        parsed = parse_space("request", space, "the text of the space", fixed)
        if task:
            space_must_suit_task(task, parsed)


@cache
def _obstacle(name: str, task: str) -> str:
    """Why children of a task cannot be trained under the arms of a shipped space; empty where they can."""
    try:
        space_must_suit_task(task, load_space(name, task_named(task).fixed))
    except UserError as error:
        return str(error)
    return ""


def must_be_a_product(space: str, what: str) -> None:
    """Check that a space is a product of factors; what is no space is not looked at.

    Args:
        space: a name, or the text of a space file.
        what: needs it, for the message.

    Raises:
        UserError: it is none, see `factors_of`.
    """
    file = _file(space)
    if file is not None:
        factors_of(Space("request" if is_text(space) else space, file), what)


def points_of(space: str) -> int:
    """How many points with a name a space has, which may all be confirmed; 0 where it is no space.

    Args:
        space: a name, or the text of a space file.
    """
    return sum(len(family.points) for family in _families(space))


def factors_of_text(space: str) -> int:
    """How many parameters with several choices a space has, each of which an ablation takes away; 0 where it is none.

    Args:
        space: a name, or the text of a space file.
    """
    return sum(len(values) > 1 for family in _families(space) for values in family.parameters.values())


def _families(space: str) -> list[Family]:
    """The families of a space; none where it is not one."""
    file = _file(space)
    return file.family if file else []


def _file(space: str) -> SpaceFile | None:
    """The content of a space, of which no arm is built; None where it is not one, for then the field is refused."""
    if is_text(space) and _dots_in_a_row(space) > _DEEPEST:
        return None
    try:
        return SpaceFile.model_validate(tomllib.loads(space if is_text(space) else search_spaces.text(space)))
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _too_deep() -> UserError:
    return UserError(f"tables and lists of a space may be nested {_DEEPEST} deep, and these are deeper")


def _dots_in_a_row(space: str) -> int:
    """The most parts of one dotted key, about. To read a key of thousands takes the square of their number."""
    most = count = 0
    for piece in space.split("."):
        count = count + 1 if _PART.fullmatch(piece) else 0
        most = max(most, count)
    return most


def _read(space: str) -> dict[str, Any]:
    try:
        return tomllib.loads(space)
    except (ValueError, RecursionError) as error:  # also numbers of 5,000 digits, and lists nested without end
        raise UserError(f"the text of the space is not TOML: {shortened(str(error), 200)}") from None


def _depth(values: object) -> int:
    """How deep tables and lists are nested, without recursion: dotted keys nest thousands deep."""
    deepest, level = 0, [values]
    while level:
        deepest += 1
        inner: list[object] = []
        for item in level:
            inner += item.values() if isinstance(item, dict) else item if isinstance(item, list) else []
        level = [item for item in inner if isinstance(item, dict | list)]
    return deepest


def _cost(space: str, values: dict[str, Any]) -> int:
    """About how many characters are read to build every arm that is built to check the space."""
    families = values.get("family")
    copies, grid, read = 1, 0, 0
    for family in families if isinstance(families, list) else []:
        if not isinstance(family, dict):
            continue
        repeat = family.get("repeat", 1)
        repeat = repeat if isinstance(repeat, int) and 0 < repeat <= 50 else 1
        copies = max(copies, repeat)
        grid += _assignments(family.get("parameters"), repeat)
        read += _Expanded(family).size_of([family.get("policy"), family.get("loss")])
    # What is larger than that is sampled, at worst a hundred thousand times.
    return max(len(space), read) * copies * (max(1, grid) if grid <= _ALL else 50 * _ALL)


class _Expanded:
    """How much a family's templates come to at most with the parts in place; parts that hold parts grow fast."""

    def __init__(self, family: dict[str, Any]) -> None:
        parts, parameters = family.get("parts"), family.get("parameters")
        self._parts: dict[str, Any] = parts if isinstance(parts, dict) else {}
        self._parameters: dict[str, Any] = parameters if isinstance(parameters, dict) else {}
        self._sizes: dict[str, int] = {}

    def size_of(self, template: object) -> int:
        """About how many characters it has, `_ENTRY` for each list, table and value at least."""
        if isinstance(template, dict) and "part" in template:
            name = str(template["part"])
            choices = self._parameters.get(name[1:]) if name.startswith("$") else [name]
            return max((self._of_part(str(choice)) for choice in _as_list(choices)), default=_ENTRY)
        if isinstance(template, dict):
            return _ENTRY + sum(map(self.size_of, template.values()))
        if isinstance(template, list):
            return _ENTRY + sum(map(self.size_of, template))
        return max(_ENTRY, len(str(template)))

    def _of_part(self, name: str) -> int:
        if name not in self._sizes:
            self._sizes[name] = _MUCH  # of a part that holds itself, which is refused
            deepest = len(self._sizes) > _MOST_PARTS
            self._sizes[name] = _MUCH if deepest else self.size_of(self._parts.get(name))
        return self._sizes[name]


def _as_list(choices: object) -> list[Any]:
    return choices if isinstance(choices, list) else []


def _assignments(parameters: object, repeat: int) -> int:
    """The most assignments of a family's parameters; no more are counted than are built."""
    count = 1
    for choices in parameters.values() if isinstance(parameters, dict) else []:
        count *= max(1, len(choices)) ** repeat if isinstance(choices, list) else 1
        if count > _ALL:
            break
    return count
