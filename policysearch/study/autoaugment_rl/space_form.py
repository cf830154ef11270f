"""The form of a space that the controller can write: sub-policies of steps (operation, probability, level)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from policysearch.core.errors import UserError
from policysearch.policy.families import Family, Value
from policysearch.policy.spaces import Space
from policysearch.study.autoaugment_rl.settings import NAME

_MOST = 1e250
"""Policies of a space at most: the probability of one is kept as a float."""


@dataclass(frozen=True)
class SubPolicyForm:
    """A policy as the decisions that the controller takes one after the other.

    Attributes:
        family: the name of the space's family.
        names: [T] parameters in the order of writing: operation, probability and level of each step.
        roles: [T] what each of them is: "operation", "probability", "level" or "magnitude".
        choices: [T] the values of each.
    """

    family: str
    names: tuple[str, ...]
    roles: tuple[str, ...]
    choices: tuple[tuple[Value, ...], ...]

    @cached_property
    def _kinds(self) -> list[tuple[str, tuple[Value, ...]]]:
        """Decisions of one kind (role and choices) share a softmax and their embeddings."""
        return list(dict.fromkeys(zip(self.roles, self.choices, strict=True)))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of choices of each kind of decision."""
        return tuple(len(choices) for _, choices in self._kinds)

    @property
    def kinds(self) -> tuple[int, ...]:
        """[T] of which kind each decision is."""
        return tuple(self._kinds.index(kind) for kind in zip(self.roles, self.choices, strict=True))

    def parameters(self, decisions: Sequence[int]) -> dict[str, Value]:
        """The assignment that T decisions give, each the index of a choice."""
        values = {name: values[i] for name, values, i in zip(self.names, self.choices, decisions, strict=True)}
        return {"family": self.family, **values}

    def decisions(self, parameters: Mapping[str, Value]) -> list[int] | None:
        """The decisions that give an assignment; None for one of another form."""
        if any(name not in parameters for name in self.names):
            return None
        indices = [index.get(parameters[name], -1) for name, index in zip(self.names, self._indices, strict=True)]
        return None if -1 in indices else indices

    @cached_property
    def _indices(self) -> list[dict[Value, int]]:
        return [{value: i for i, value in enumerate(values)} for values in self.choices]


def form_of(space: Space) -> SubPolicyForm:
    """The form of a space's family.

    Raises:
        UserError: the space has several families or none, or its family is not of the form.
    """
    families = space.file.family
    if len(families) != 1:
        names = ", ".join(family.name for family in families) or "none"
        raise _unsuited(space, f"it writes those of one family, and the space has {len(families)} ({names})")
    family = families[0]
    written = [*_written(space, family)]
    if not written:
        raise _unsuited(space, f"no step of family {family.name!r} has parameters")
    twice = {name for _, name in written if [other for _, other in written].count(name) > 1}
    if twice:
        raise _unsuited(space, f"${min(twice)} of family {family.name!r} is in several places")
    others = sorted(family.parameters.keys() - {name for _, name in written})
    if others:
        raise _unsuited(space, f"family {family.name!r} has the parameter {others[0]!r} besides")
    return _form(space, family, written)


def _form(space: Space, family: Family, written: Sequence[tuple[str, str]]) -> SubPolicyForm:
    copies = [""] if family.repeat == 1 else [f"_{i}" for i in range(1, family.repeat + 1)]
    names = tuple(f"{family.name}.{name}{copy}" for copy in copies for _, name in written)
    choices = tuple(tuple(family.parameters[name]) for _ in copies for _, name in written)
    if sum(math.log(len(values)) for values in choices) > math.log(_MOST):
        raise _unsuited(space, f"family {family.name!r} has more than {_MOST:g} policies")
    return SubPolicyForm(family.name, names, tuple(role for _ in copies for role, _ in written), choices)


def _written(space: Space, family: Family) -> Iterator[tuple[str, str]]:
    """(role, parameter) of each decision of one copy of the sub-policies, in the order of writing."""
    for sub in (family.policy or {}).get("sub_policies", ()):
        for step in sub.get("steps", ()):
            if "$" in str(step):
                yield from _roles(space, family, step)


def _roles(space: Space, family: Family, step: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(role, parameter) of one step with parameters."""
    strength = "level" if "level" in step else "magnitude"
    roles = ("operation", "probability", strength)
    names = [re.fullmatch(r"\$(\w+)", str(step.get(role))) for role in roles]
    fixed = [key for key in step if key not in roles and "$" in str(step[key])]
    pairs = [(role, name[1]) for role, name in zip(roles, names, strict=True) if name is not None]
    if fixed or len(pairs) < len(roles):
        raise _unsuited(space, f"family {family.name!r} has the step {dict(step)}")
    return pairs


def _unsuited(space: Space, reason: str) -> UserError:
    return UserError(
        f"strategy {NAME} cannot search space {space.name!r}: it writes sub-policies of steps whose operation, "
        f"probability and level are a parameter each, and {reason}; give --space autoaugment-paper or autoaugment"
    )
