"""Optuna search spaces as arms: the points of each parameter, and their product."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from policysearch.core.errors import UserError
from policysearch.stats.arrays import Floats

_NEAR = 1e-6
"""A value this close to a point, in gaps between points, is that point: storages and samplers round differently."""


@dataclass(frozen=True, eq=False)
class Axis:
    """The points of one parameter.

    Attributes:
        points: [n] ascending, as Optuna stores them: a category by its index.
        missing: how many values the parameter has beyond them.
    """

    name: str
    distribution: BaseDistribution
    points: Floats
    missing: int = 0

    def value(self, index: int) -> Any:
        """The point as an objective sees it."""
        return self.distribution.to_external_repr(float(self.points[index]))

    def indices(self, trials: Iterable[FrozenTrial]) -> NDArray[np.int64]:
        """Which point each trial has, -1 for none."""
        stored = np.array([self._stored(trial) for trial in trials])
        near = _NEAR * float(np.diff(self.points).min(initial=1.0))
        index = np.searchsorted(self.points - near, stored, side="right") - 1
        return np.where(stored <= self.points[index] + near, index, -1)

    def features(self) -> Floats:
        """[n, D], each column with mean 0 and deviation 1: one a category, or one of the numbers.

        Their logarithms where the scale is logarithmic.
        """
        if isinstance(self.distribution, CategoricalDistribution):
            columns = np.eye(len(self.points))
        else:
            numbers = np.log(self.points) if getattr(self.distribution, "log", False) else self.points
            columns = np.atleast_2d(numbers).T
        spread = columns.std(axis=0)
        return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1))

    def _stored(self, trial: FrozenTrial) -> float:
        if self.name not in trial.params:
            return math.nan
        return float(trial.distributions[self.name].to_internal_repr(trial.params[self.name]))


@dataclass(frozen=True)
class Grid:
    """Every combination of the axes' points: an arm each, the last axis running fastest."""

    axes: tuple[Axis, ...]

    @property
    def names(self) -> list[str]:
        return [axis.name for axis in self.axes]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.points) for axis in self.axes)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def values(self, arm: int) -> dict[str, Any]:
        """The parameters of an arm."""
        indices = np.unravel_index(arm, self.shape)
        return {axis.name: axis.value(int(index)) for axis, index in zip(self.axes, indices, strict=True)}

    def arms(self, trials: Sequence[FrozenTrial]) -> NDArray[np.int64]:
        """[T]: the arm each trial pulled, -1 where its parameters are incomplete or off the grid."""
        indices = np.array([axis.indices(trials) for axis in self.axes])
        arms = np.ravel_multi_index(tuple(np.maximum(indices, 0)), self.shape)
        return np.where((indices >= 0).all(0), arms, -1)

    @cached_property
    def features(self) -> Floats:
        """[K, D] that describe the arms: the axes' columns, side by side."""
        indices = np.indices(self.shape).reshape(len(self.axes), -1)
        return np.hstack([axis.features()[index] for axis, index in zip(self.axes, indices, strict=True)])


def axis(name: str, distribution: BaseDistribution, levels: int, most: int) -> Axis:
    """All values of a parameter, or `levels` of them, evenly spaced, both ends among them.

    Categories are all taken, numbers with a step if they are `most` or fewer. Spacing is even in the
    logarithm where the distribution is.

    Raises:
        UserError: the range has no ends, or two choices are equal.
    """
    if isinstance(distribution, CategoricalDistribution):
        _must_differ(name, distribution)
        return Axis(name, distribution, np.arange(len(distribution.choices), dtype=np.float64))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if not math.isfinite(high - low):
        raise UserError(f"parameter {name!r} goes from {low} to {high}; a rule needs arms, so give it finite ends")
    spaced = (np.geomspace if distribution.log else np.linspace)(low, high, levels)
    if step is None:
        return Axis(name, distribution, np.unique(spaced))
    count = round((high - low) / step) + 1
    steps = np.arange(count) if count <= most else np.unique(np.round((spaced - low) / step))
    return Axis(name, distribution, _stepped(low, step, steps), missing=count - len(steps))


def _must_differ(name: str, distribution: CategoricalDistribution) -> None:
    """Optuna records a choice under the first that equals it: a rule would go on pulling one and learn of the other."""
    pair = _equal_pair(distribution.choices)
    if pair is not None:
        raise UserError(
            f"parameter {name!r} has equal choices, {pair[0]!r} and {pair[1]!r}, which Optuna cannot tell apart: leave "
            "one out, or give each a name (a text) and look the value up"
        )


def _equal_pair(choices: Sequence[Any]) -> tuple[Any, Any] | None:
    """The first two that are equal, all that are not a number being so; None where all differ."""
    numbers = [math.nan if isinstance(choice, float) and math.isnan(choice) else choice for choice in choices]
    try:
        if len(set(numbers)) == len(numbers):
            return None
    except TypeError:  # lists and dicts have no hash
        pass
    pairs = itertools.combinations(numbers, 2)
    return next((pair for pair in pairs if pair[0] is pair[1] or pair[0] == pair[1]), None)


def _stepped(low: float, step: float, steps: Iterable[float]) -> Floats:
    """low + k·step in decimals, so that 0.1 + 2·0.1 is 0.3."""
    start, gap = Decimal(str(low)), Decimal(str(step))
    return np.array([float(start + int(k) * gap) for k in steps])
