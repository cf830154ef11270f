"""How the policy of a child that was replaced is changed: the explore function of Population Based Augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.policy.families import Parameters, Value
from policysearch.study.populations.parameters import Parameter


@dataclass(frozen=True)
class Exploration:
    """Ho et al. 2019, algorithm 2, over the choices of each parameter.

    With probability `resample` a parameter is drawn evenly from its choices. Otherwise it moves by 0 to `reach`
    choices, all equally likely, up or down with even odds, and stops at the ends. A parameter whose choices have no
    order, such as the name of an operation, stays as it is unless it is drawn anew.

    Attributes:
        resample: in [0, 1]; the paper's is 0.2.
        reach: 0 or more; the paper's is 3.

    Example:
        >>> level = Parameter("level", (0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
        >>> Exploration(resample=0.0, reach=0).moved({"level": 4}, (level,), np.random.default_rng(0))
        {'level': 4}
    """

    resample: float = 0.2
    reach: int = 3

    def moved(
        self, parameters: Parameters, changing: tuple[Parameter, ...], rng: np.random.Generator
    ) -> dict[str, Value]:
        """The assignment with each of these parameters explored.

        Args:
            parameters: the whole assignment.
            changing: which of them are explored.
            rng: all randomness.
        """
        explored = {parameter.name: self._moved(parameters[parameter.name], parameter, rng) for parameter in changing}
        return {**parameters, **explored}

    def _moved(self, value: Value, parameter: Parameter, rng: np.random.Generator) -> Value:
        count = len(parameter.choices)
        if rng.random() < self.resample:
            return parameter.choices[int(rng.integers(count))]
        if not parameter.ordered:
            return value
        amount = int(rng.integers(self.reach + 1))
        moved = parameter.place(value) + (amount if rng.random() < 0.5 else -amount)
        return parameter.choices[min(max(moved, 0), count - 1)]
