"""What a policy does to images of one class, as a value, and the names by which classes are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from policysearch.core.errors import UserError, shortened, unknown_name
from policysearch.policy.softening import Softening
from policysearch.policy.steps import SubPolicies, Value

_Part = TypeVar("_Part")
_INDEX = re.compile("0|[1-9][0-9]{0,8}")


def _with_text_keys(value: Any) -> Any:
    """In Python a class may be given by its number."""
    if not isinstance(value, Mapping):
        return value
    return {
        str(key) if isinstance(key, int) and not isinstance(key, bool) else key: part for key, part in value.items()
    }


ClassKey = Annotated[str, Field(min_length=1)]
"""A class's name, or its index from 0."""


class ClassPart(Value):
    """What images of one class take in place of their policy's: its sub-policies, its softening, or both.

    Softening with mode "off" leaves the class's targets and weights hard. Mix, mixture and adaptive rule are the
    policy's.
    """

    sub_policies: SubPolicies | None = None
    softening: Softening | None = None

    @model_validator(mode="after")
    def _something_differs(self) -> ClassPart:
        if self.sub_policies is None and self.softening is None:
            raise UserError("a class has sub_policies or softening of its own, or it is left out")
        if self.softening is not None and self.softening.normalise:
            raise UserError("normalise divides all weights of a batch: it is set in the policy's own softening")
        return self


ClassParts = Annotated[Mapping[ClassKey, ClassPart], BeforeValidator(_with_text_keys)]


def class_index(key: str, names: Sequence[str]) -> int:
    """The index of a class.

    Args:
        key: its name, or, where no class has that name, its index from 0.
        names: of the data's classes, in the order of their labels.

    Raises:
        UserError: the data have no such class; the message has the nearest name.

    Example:
        >>> class_index("ship", ["car", "ship"]), class_index("1", ["car", "ship"]), class_index("1", ["1", "2"])
        (1, 1, 0)
    """
    if key in names:
        return names.index(key)
    if not _INDEX.fullmatch(key):
        raise unknown_name("class", key, names)
    if int(key) >= len(names):
        raise UserError(f"class {key!r}: the data have classes 0..{len(names) - 1}, and none of that name")
    return int(key)


def by_label(parts: Mapping[str, _Part], names: Sequence[str]) -> dict[int, _Part]:
    """The same parts by the index of their class, in ascending order.

    Args:
        parts: by name or index.
        names: of the data's classes, in the order of their labels.

    Raises:
        UserError: the data lack a class, or two keys are the same class.
    """
    keys: dict[int, str] = {}
    for key in parts:
        index = class_index(key, names)
        if index in keys:
            raise UserError(f"classes {keys[index]!r} and {key!r} are the same class: give one of them")
        keys[index] = key
    return {index: parts[keys[index]] for index in sorted(keys)}


def by_class_index(parts: Mapping[str, _Part]) -> dict[int, _Part]:
    """The same parts by the index of their class, in ascending order; they must be called by it.

    Raises:
        UserError: a class is called by name.
    """
    named = [shortened(key) for key in parts if not _INDEX.fullmatch(key)]
    if named:
        raise UserError(
            f"the policy calls a class {named[0]!r}, and labels are indices: write its index, or in Python take "
            "policy.for_classes(names), with the names of all classes in the order of their labels"
        )
    return {index: parts[str(index)] for index in sorted(map(int, parts))}
