"""The parameters of a space as Optuna's distributions."""

from __future__ import annotations

from collections.abc import Iterable

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from policysearch.policy.families import Value
from policysearch.policy.spaces import Space
from policysearch.policy.suggestions import stepped


def distributions(space: Space, names: Iterable[str]) -> dict[str, BaseDistribution]:
    """The Optuna distribution of each named parameter, the same that `Space.suggest` asks for."""
    return {name: _distribution(space.choices[name]) for name in names}


def _distribution(values: list[Value]) -> BaseDistribution:
    grid = stepped(values)
    if grid is None:
        return CategoricalDistribution(values)
    low, high, step = grid
    if all(isinstance(v, int) for v in values):
        return IntDistribution(int(low), int(high), step=int(step))
    return FloatDistribution(low, high, step=step)
