"""The factors of a space: the parameters of its family, each with its levels, the first of which does least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.policy.families import Family, Parameters, Value
from policysearch.policy.spaces import Arm, Space
from policysearch.study.additive.settings import NAME

Levels = NDArray[np.int64]
"""[F] the level of each factor, an index; -1 where the factor has no say."""


@dataclass(frozen=True)
class Factors:
    """The factors of a space of one family.

    Attributes:
        space: whose family they are the parameters of.
        family: that family.
        choices: the levels of each factor by its full name; F factors of two levels or more.
        constants: the parameters with a single choice.
    """

    space: Space
    family: Family
    choices: Mapping[str, tuple[Value, ...]]
    constants: Mapping[str, Value]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """[F] full names, `family.parameter`."""
        return tuple(self.choices)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """[F] levels of each factor, 2 or more."""
        return tuple(len(values) for values in self.choices.values())

    def arm(self, levels: Sequence[int]) -> Arm:
        """The arm of F levels; under its own name where it is a point of the space. Factors without a say are at 0.

        Raises:
            UserError: they give no valid policy.
        """
        said = np.maximum(self.coded(levels), 0).tolist()
        values = {name: values[i] for (name, values), i in zip(self.choices.items(), said, strict=True)}
        arm = self.space.arm({"family": self.family.name, **self.constants, **values})
        return self._named.get(arm.key, arm)

    def levels(self, arm: Arm) -> Levels | None:
        """The levels of an arm, -1 for factors that change nothing there; None for an arm that is no point of them.

        Fixed policies are points of a space that says so.
        """
        parameters = arm.parameters
        if any(name not in parameters for name in self.names):
            point = self._named.get(arm.key)
            if point is None:
                return None
            parameters = point.parameters
        key = tuple(parameters[name] for name in self.names)
        if key not in self._levels_by_values:
            self._levels_by_values[key] = self._coded(parameters)
        return self._levels_by_values[key]

    def coded(self, levels: Sequence[int]) -> Levels:
        """F levels, those without a say at -1."""
        values = {name: values[i] for (name, values), i in zip(self.choices.items(), levels, strict=True)}
        key = tuple(values.values())
        if key not in self._levels_by_values:
            self._levels_by_values[key] = self._coded({"family": self.family.name, **self.constants, **values})
        return self._levels_by_values[key]

    def _coded(self, parameters: Parameters) -> Levels:
        at_work = self.family.at_work(parameters)
        indices = [values.index(parameters[name]) if name in at_work else -1 for name, values in self.choices.items()]
        return np.array(indices, np.int64)

    @cached_property
    def _named(self) -> dict[str, Arm]:
        return {arm.key: arm for arm in self.space.points.values()}

    @cached_property
    def _levels_by_values(self) -> dict[tuple[Value, ...], Levels]:
        return {}


def factors_of(space: Space, what: str = f"strategy {NAME}") -> Factors:
    """The factors of a space.

    Args:
        space: whose family's parameters are the factors.
        what: needs them, for messages.

    Raises:
        UserError: the space has several families or none, its family has copies of sub-policies, or fewer than two
            parameters have a choice.
    """
    families = space.file.family
    if len(families) != 1:
        names = ", ".join(family.name for family in families) or "none"
        raise _unsuited(space, what, f"the space has {len(families)} families ({names}), and one is taken")
    family = families[0]
    if family.repeat > 1:
        raise _unsuited(space, what, f"family {family.name!r} repeats its sub-policies, whose order means nothing")
    choices = {name: tuple(values) for name, values in family.choices().items()}
    several = {name: values for name, values in choices.items() if len(values) > 1}
    if len(several) < 2:
        raise _unsuited(space, what, f"family {family.name!r} has {len(several)} parameters with several choices")
    single = {name: values[0] for name, values in choices.items() if len(values) == 1}
    return Factors(space, family, several, single)


def _unsuited(space: Space, what: str, reason: str) -> UserError:
    return UserError(
        f"{what} takes a space that is a product of factors, and {space.name!r} is none: {reason}; give --space "
        "recipe, or leave it out"
    )
