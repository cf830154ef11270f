"""What of a space may change while a network trains: its families, and their parameters with their choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from policysearch.core.errors import UserError
from policysearch.policy.assignments import drawn
from policysearch.policy.families import Family, Parameters, Value, parameter_names
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Space

_UNCHANGING_PARTS = ("mixture", "pair")
"""Parts of a policy that no stage can change."""


@dataclass(frozen=True)
class Parameter:
    """A parameter that may change: its full name and its choices, two or more."""

    name: str
    choices: tuple[Value, ...]

    @cached_property
    def ordered(self) -> bool:
        """Whether the choices are growing numbers, so that one can be moved by a few of them."""
        numbers = [value for value in self.choices if not isinstance(value, str)]
        return len(numbers) == len(self.choices) and all(a < b for a, b in pairwise(numbers))

    def place(self, value: Value) -> int:
        """The index of a choice."""
        return self.choices.index(value)


@dataclass(frozen=True)
class Flexible:
    """The part of a space that a population can use.

    Attributes:
        space: all of it.
        families: those that have a parameter that may change, and no policy that changes by itself as training goes on.
        changing: by family, the parameters that may change: those of sub-policies, batch mix and softening, which a
            stage can replace. Parameters of a mixture, a pair or a loss stay as they are along a lineage.
    """

    space: Space
    families: tuple[Family, ...]
    changing: Mapping[str, tuple[Parameter, ...]]

    def begun(self, rng: np.random.Generator, *, from_first: bool) -> Parameters:
        """The assignment of a child that begins: drawn evenly, or with every changing parameter at its first choice."""
        parameters = dict(next(drawn(self.families, rng, 1)))
        if from_first:
            for parameter in self.changing[str(parameters["family"])]:
                parameters[parameter.name] = parameter.choices[0]
        return parameters

    def of(self, parameters: Parameters) -> tuple[Parameter, ...]:
        """The parameters of an assignment that may change."""
        return self.changing[str(parameters["family"])]


def flexible(space: Space, strategy: str) -> Flexible:
    """The part of a space that a population can use.

    Args:
        space: all of it.
        strategy: what messages call it.

    Raises:
        UserError: no family has parameters that may change while a network trains.
    """
    changing = {family.name: tuple(_changing(family)) for family in space.file.family if not _depends_on_end(family)}
    families = tuple(family for family in space.file.family if changing.get(family.name))
    if not families:
        raise UserError(
            f"strategy {strategy} changes a policy while a network trains, and space {space.name!r} has no family "
            "that has parameters of sub-policies, mix or softening and no policy that changes by itself with the share "
            "of the training (stages, or an adaptive rule such as entaugment): give --space pba, or another"
        )
    usable = {family.name: changing[family.name] for family in families}
    return Flexible(space, families, MappingProxyType(usable))


def _changing(family: Family) -> Iterable[Parameter]:
    """The parameters of a family that a stage can change and that have several choices."""
    fixed = _fixed_of_preset(family) if family.preset is not None else _fixed_of_template(family)
    for name, choices in family.choices().items():
        if len(choices) > 1 and name not in fixed:
            yield Parameter(name, tuple(choices))


def _fixed_of_template(family: Family) -> set[str]:
    """Full names of the parameters that stand in the mixture or the loss."""
    parts = [*((family.policy or {}).get(part) for part in _UNCHANGING_PARTS), family.loss]
    return {f"{family.name}.{name}" for name in parameter_names(parts)}


def _fixed_of_preset(family: Family) -> set[str]:
    """Full names of the parameters with which a preset changes what no stage can, found by trying each choice."""
    before, *others = [(name, _unchanging(policy)) for name, policy in family.specimens()]
    differing = {name for name, parts in others if parts != before[1]}
    return differing | {f"{family.name}.{name}" for name in parameter_names([family.loss])}


def _unchanging(policy: Policy) -> list[Any]:
    return [getattr(policy, part) for part in (*_UNCHANGING_PARTS, "stages")]


def _depends_on_end(family: Family) -> bool:
    """Whether a policy of the family changes by itself with the share of the training done."""
    if family.policy is not None and not {"stages", "adaptive"} & family.policy.keys():
        return False  # a step's preset has neither
    return any(
        policy.stages or (policy.adaptive is not None and policy.adaptive.depends_on_end)
        for _, policy in family.specimens()
    )
